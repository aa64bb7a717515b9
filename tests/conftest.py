"""Tests run in as many processes as there are processors, so each process keeps to its share of them.

``document`` runs the examples of README and of ``docs/``. ``snapshot`` compares a text with the one that
``pytest --snapshot-update`` wrote. The figures that a run leaves are dots, but for tests marked ``draws``; a run
that names no optimizer takes ``es``, but for tests marked ``chooses``.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import shlex
import sys
import textwrap
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.amber import AmberSnapshotExtension

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported, and for the commands that tests start.
    share = (os.cpu_count() or 1) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, share)))


# What takes longest is begun first, then what has most tests: so the processes of a parallel run end together.
LONGEST = (
    "isptune/benchmark/test_run_grid.py",
    "test_docs.py",
    "isptune/benchmark/test_ray.py",
    "isptune/optimizers/test_nevergrad.py",
    "isptune/cli/test_stopping.py",
    "isptune/report/test_browser.py",
    "objectives/isptune_study/serving/test_browser_pages.py",
    "isptune/iqa/training/test_training_loop.py",
    "isptune/optimizers/test_cma.py",
    "objectives/isptune_severity/test_severity.py",
    "test_examples.py",
    "test_readme.py",
    "isptune/test_own_isp.py",
    "isptune/tracking/test_wandb.py",
)


@pytest.fixture(autouse=True)
def plain_optimizer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of a few candidates take the plain optimizer where none is named; tests marked ``chooses`` choose.

    What ``auto`` takes depends on the budget, and a model that plans batches takes its time.
    """
    if not request.node.get_closest_marker("chooses"):
        from isptune.tuning.settings import component

        monkeypatch.setattr(component, "default_optimizer", lambda: component.default_component("optimizer"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Counter(item.path for item in items)
    places = {Path(__file__).parent / file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: (places.get(item.path, len(places)), -tests[item.path]))


class Printed(AmberSnapshotExtension):
    """Texts as they are printed, in one file beside each file of tests."""

    def serialize(self, data: str, *, matcher: Callable[..., str], **_: Any) -> str:
        return matcher(data=data, path=())


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion, tmp_path: Path) -> SnapshotAssertion:
    """A message, or all that a command prints, as it was when ``pytest --snapshot-update`` last wrote it.

    ``assert message == snapshot`` fails where the text is another, was never written, or is not asked for any more.
    The test's folder is written as ``{here}``.
    """

    def as_everywhere(data: str, path: object) -> str:
        lines = data.replace(str(tmp_path), "{here}").splitlines()
        # Where there is a GPU there are more.
        return "\n".join(re.sub(r"(available: auto, cpu)[^;]*$", r"\1", line.rstrip()) for line in lines)

    return snapshot.with_defaults(extension_class=Printed, matcher=as_everywhere)


@pytest.fixture(scope="session")
def commands() -> Iterator[Any]:
    """``commands.start(arguments)`` runs ``isptune`` in a process that can be stopped or killed, as Popen does."""
    with runpy.run_path(str(Path(__file__).with_name("forked_commands.py")))["Commands"]() as made:
        yield made


@pytest.fixture(autouse=True)
def registries_as_they_were() -> Iterator[None]:
    """What a test registers is gone after it: lists and nearest names do not depend on the order of tests."""
    registries = _registries()
    before = [set(one._records) for one in registries]
    yield
    for one, names in zip(registries, before, strict=True):
        for name in set(one._records) - names:
            if one._records[name].entry_point is None:
                del one._records[name]


class Dots:
    """``isptune.figures`` whose figures are one white pixel each, in files where they belong."""

    def __getattr__(self, name: str) -> Any:
        from isptune import figures

        return _dot if name.startswith("draw_") else getattr(figures, name)

    def save(self, figure: bytes, path: Path) -> Path:
        from isptune.errors import ImageError
        from isptune.storage.writing import write_whole

        return write_whole(path, figure, ImageError)


def _dot(*_: object, **__: object) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(autouse=True)
def figures_of_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes three quarters of a small run's time: it is done in tests marked ``draws``.

    All that is computed for the figures, their files, and the pictures of the scenes are made in any case, and
    so are the figures of runs that several tests share.
    """
    if request.node.get_closest_marker("draws") is None:
        monkeypatch.setattr("isptune.runs.outputs.figures", Dots())


_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[\w ]+) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)(?P<more>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that its title names, the mark before it, and its text."""

    language: str
    title: str
    mark: str
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.replace("\\\n", " ").splitlines()


@dataclass
class Document:
    """A page whose examples run in their order, in the current folder.

    A block with a title is written into that file. Otherwise blocks of ``sh`` are run, line by line, and blocks of
    ``python`` share their names. Other blocks are not run. ``shorter`` has options that are added to commands by their
    beginnings: those on published weights, data and GPUs run on small stand-ins.
    """

    path: Path
    shorter: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)

    @property
    def blocks(self) -> list[Block]:
        found = []
        for fence in _FENCE.finditer(self.path.read_text(encoding="utf-8")):
            title = re.search(r'title="([^"]+)"', fence["more"])
            text = textwrap.dedent(fence["text"])
            found.append(Block(fence["language"], title[1] if title else "", fence["mark"] or "", text))
        return found

    def texts(self, language: str) -> list[str]:
        return [block.text for block in self.blocks if block.language == language]

    @property
    def links(self) -> list[str]:
        """The files that the page links to or shows, as it writes them."""
        text = _FENCE.sub("", self.path.read_text(encoding="utf-8"))
        targets = [found.partition("#")[0] for found in re.findall(r"\]\(([^)\s]+)\)", text)]
        return [target for target in targets if target and ":" not in target]

    def run(self) -> None:
        for block in self.blocks:
            self.run_block(block)

    def run_block(self, block: Block) -> None:
        if block.title:
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            for line in block.lines:
                self.run_line(line)
        elif block.language == "python":
            exec(compile(block.text, str(self.path), "exec"), self.names)

    def run_line(self, line: str) -> None:
        """Run a line of a shell in this process."""
        program, *arguments = shlex.split(line)
        if program == "isptune":
            from isptune.cli import run

            # What is given last counts.
            more = next((more for start, more in self.shorter.items() if line.startswith(start)), [])
            assert run([*arguments, *more]) == 0, line
        elif program == "python" and arguments[0] == "-m":
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(sys, "argv", arguments[1:])
                runpy.run_module(arguments[1], run_name="__main__")
        elif line.startswith("pip install -e "):
            _install(Path(arguments[-1]))
        elif program == "pytest":
            _pass_conformance(Path(arguments[0]))
        else:
            raise AssertionError(f"{self.path.name} has a line that the tests cannot run: {line}")


def _install(folder: Path) -> None:
    """Make a package's modules and entry points known to this process, as an installer would."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    facts = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {target}" for name, target in points.items())])
        for group, points in project["entry-points"].items()
    ]
    (facts / "entry_points.txt").write_text("\n".join(groups) + "\n")
    sys.path.insert(0, str(folder.resolve()))
    for known in _registries():
        known._discovered = False


def _pass_conformance(folder: Path) -> None:
    """Run the suites that a package's tests inherit, but for their fixtures: every check of them."""
    for path in sorted(folder.glob("test_*.py")):
        for name, made in runpy.run_path(str(path)).items():
            if name.startswith("Test"):
                suite = made()
                checks = [check for check in dir(suite) if check.startswith("test_")]
                assert len(checks) > 5
                for check in checks:
                    with suppress(pytest.skip.Exception):
                        getattr(suite, check)()


def _registries() -> list[Any]:
    from isptune.plugins.registry import REGISTRIES

    return [*REGISTRIES.values()]


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Document]]:
    """Makes a ``Document`` of a path, whose examples find ``photo.png`` and ``wanted.png``."""
    import torch
    from skimage import data as photographs

    from isptune.scenes import write_image

    monkeypatch.chdir(tmp_path)
    image = torch.from_numpy(photographs.astronaut()).permute(2, 0, 1) / 255
    image = image[:, 40:168, 150:342]
    write_image("photo.png", image)
    write_image("wanted.png", 0.05 + 0.95 * image**0.7)
    for known in _registries():
        known._discover()
    path, before = list(sys.path), [(dict(known._records), dict(known._aliases)) for known in _registries()]
    yield Document
    # What examples install and register is unknown to other tests.
    sys.path[:] = path
    for known, (records, aliases) in zip(_registries(), before, strict=True):
        known._records, known._aliases = records, aliases
