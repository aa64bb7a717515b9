"""Plugins read from their source: the same as of the imported ones, without importing them."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from isptune.contracts.requirements import Download, Memory, Packaging
from isptune.plugins import registry, source_code, source_options
from isptune.plugins.options import Option, options_of
from isptune.plugins.registry import REGISTRIES
from isptune.plugins.source_code import UnreadableError
from isptune.plugins.source_facts import class_fact, summary

PLUGINS = [
    (kind, name)
    for kind, one in REGISTRIES.items()
    for name, record in (one._discover() or one._records).items()
    if record.entry_point is not None
]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A third party's package, which cannot be imported."""
    folder = tmp_path / "isptune_test_party"
    (folder / "parts").mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .parts import Mine as Mine\n"
        "from .factory import make\nraise SystemExit('imported')\n"
    )
    (folder / "parts" / "__init__.py").write_text("from .mine import Mine as Mine\n")
    (folder / "parts" / "mine.py").write_text(
        "from __future__ import annotations\n"
        "from typing import Annotated, Literal\n"
        "import isptune\nimport torch\nfrom pydantic import Field\nfrom ..kinds import NEEDED, Share\n"
        "from dataclasses import replace\nfrom isptune import Memory\n"
        "from isptune.contracts.requirements import Download\n"
        "_MOST = 9\n"
        "class Base(isptune.Objective):\n"
        "    aliases = ('my-own',)\n"
        "    packaging = isptune.Packaging(extra='x', requires=NEEDED, downloads=(Download('a/b', 2, 'MIT'),))\n"
        "    memory = replace(Memory(images=-(-_MOST) / 3), bytes=2**10)\n"
        "    score_range = (0.0, float('inf'))\n"
        "    labels = tuple(sorted('ab'))\n"
        "    def __init__(self, size: Annotated[int, Field(ge=1, le=_MOST)], share: Share = 0.5,\n"
        "                 mode: Literal['a', 'b'] = 'a', device: torch.device | None = None, *, free=3,\n"
        "                 odd: Whatever = 1) -> None: ...\n"
        "class Mine(Base):\n    default_population = 12\n"
    )
    (folder / "kinds.py").write_text(
        "from typing import Annotated\nfrom pydantic import Field\nShare = Annotated[float, Field(ge=0, le=1)]\n"
        "NEEDED = ('a_library',)\n"
    )
    (folder / "factory.py").write_text("def make(size: int, **more): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "isptune_test_party"


def test_a_third_partys_class_is_read_through_its_imports(package: str) -> None:
    source = source_code.read(f"{package}:Mine")
    assert source is not None
    assert source.full_name == f"{package}.parts.mine.Mine"
    options = {option.name: option for option in source_options.options_of_source(source) or ()}
    assert list(options) == ["size", "share", "mode", "device", "free", "odd"]
    assert [name for name, option in options.items() if option.required] == ["size"]
    assert get_args(options["mode"].annotation) == ("a", "b")
    assert options["odd"].annotation is options["free"].annotation is Any
    assert class_fact(source, "default_population") == 12
    assert class_fact(source, "aliases") == ("my-own",)
    assert class_fact(source, "packaging") == Packaging(
        "x", ("a_library",), None, (Download("a/b", 2, "MIT"),)
    )
    assert class_fact(source, "memory") == Memory(images=3.0, bytes=1024)
    assert class_fact(source, "score_range") == (0.0, float("inf"))
    with pytest.raises(UnreadableError):
        class_fact(source, "labels")
    assert class_fact(source, "nothing", "else") == "else"
    assert source_code.derives_from(source, "isptune.contracts.objective.Objective") is True
    assert source_code.derives_from(source, "isptune.plugins.entries.Family") is False
    assert package not in sys.modules


def test_what_the_source_does_not_tell_is_not_guessed(package: str, tmp_path: Path) -> None:
    factory = source_code.read(f"{package}:make")
    assert factory is not None
    assert source_options.options_of_source(factory) is None
    assert source_code.read(f"{package}:NoSuch") is None
    assert source_code.read("isptune_no_such_package:Thing") is None
    (tmp_path / package / "strange.py").write_text(
        "import somewhere\n@somewhere.decorated\nclass A: ...\nclass B(somewhere.Base): ...\n"
        "class C(metaclass=somewhere.M): ...\n"
    )
    for name in "ABC":
        source = source_code.read(f"{package}.strange:{name}")
        assert source is not None
        assert source_options.options_of_source(source) is None
    (tmp_path / package / "broken.py").write_text("class A(:\n")
    assert source_code.read(f"{package}.broken:A") is None


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_every_plugin_of_ours_is_read_as_it_is_imported(kind: str, name: str) -> None:
    one = REGISTRIES[kind]
    record = one._records[name]
    assert record.entry_point is not None
    source = source_code.read(record.entry_point.value)
    assert source is not None
    target = one._load(name)
    family = source_code.derives_from(source, "isptune.plugins.entries.Family")
    assert family is isinstance(target, registry.Family)
    if family:
        return
    read, known = source_options.options_of_source(source), options_of(target)
    assert read is not None
    assert known is not None
    assert [(option.name, option.required) for option in read] == [
        (option.name, option.required) for option in known
    ]
    # `terms` of 'weighted' takes several forms, which it explains itself.
    unknown = [option for option in [*read, *known] if option.annotation is Any]
    assert unknown in ([], [Option("terms", Any, True)] * 2)
    for fact in (
        "aliases",
        "packaging",
        "memory",
        "coverage",
        "needs",
        "default_population",
        "is_differentiable",
        "is_multi_objective",
        "needs_gradient",
        "needs_reference",
    ):
        missing = object()
        assert class_fact(source, fact, missing) == getattr(target, fact, missing), fact
    assert summary(source) == (inspect.getdoc(target) or "").split("\n", 1)[0]
