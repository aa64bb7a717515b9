"""Registries: decorators, entry points, globs, families, and the nearest name for a wrong one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pytest
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.contracts.requirements import Packaging
from isptune.errors import ConfigurationError, IsptuneError, MissingPackageError, UnknownNameError
from isptune.plugins.entries import Entry, Family
from isptune.plugins.registry import REGISTRIES, Registry
from isptune.wording.naming import nearest


class Gadget:
    """A gadget for tests."""

    is_differentiable = True

    def __init__(self, size: int, colour: str = "red") -> None:
        self.size, self.colour = size, colour


class Toys(Family):
    """Toys from a far library."""

    def names(self) -> Iterable[str]:
        return ["ball10", "ball2", "kite"]

    def get(self, name: str) -> type:
        return Gadget

    def entry(self, name: str) -> Entry:
        return Entry(name, "", summary=f"the toy {name}")

    def refused(self) -> Mapping[str, str]:
        return {"knife": "it cuts"}


@pytest.fixture
def registry() -> Registry:
    made = Registry("gadget", "isptune.tests.no_such_group")
    made.register("gadget2", aliases=("second",))(Gadget)
    made.register("gadget10")(Gadget)
    made.register("toy")(Toys)
    return made


def test_names_are_listed_by_glob_in_natural_order(registry: Registry) -> None:
    assert registry.names() == ["gadget2", "gadget10", "toy:ball2", "toy:ball10", "toy:kite"]
    assert registry.names("GADGET*") == ["gadget2", "gadget10"]
    assert registry.names("toy:b*") == ["toy:ball2", "toy:ball10"]
    assert registry.names("nothing*") == []


def test_create_keeps_the_name_and_the_options(registry: Registry) -> None:
    made = registry.create("second", size=3)
    assert (made.name, made.options, made.size, made.colour) == ("gadget2", {"size": 3}, 3, "red")
    assert registry.create("toy:kite", size=1).name == "toy:kite"


@pytest.mark.parametrize(
    "name",
    [
        "gadgt2",
        "secnd",
        "toy:kit",
        "toy:knife",
        "xyzzy",
        "tyo:kite",
        "toyy",
        "toy",
    ],
)
def test_an_unknown_name_says_the_nearest(registry: Registry, name: str, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(UnknownNameError) as caught:
        registry.create(name, size=1)
    assert str(caught.value) == snapshot


def test_wrong_options_are_named(registry: Registry, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        registry.create("gadget2", size=1, color="blue")
    assert str(caught.value) == snapshot
    with pytest.raises(ConfigurationError, match="^the gadget 'gadget2' needs the option 'size'$"):
        registry.create("gadget2")


def test_a_taken_or_malformed_name_is_refused(registry: Registry) -> None:
    with pytest.raises(ConfigurationError, match="the gadget 'gadget2' is already registered by"):
        registry.register("gadget2")(Gadget)
    registry.register("gadget2", replace=True)(Gadget)
    with pytest.raises(ConfigurationError, match="'two words' cannot be the name of a gadget"):
        registry.register("two words")


def test_a_missing_package_is_named_with_the_command(registry: Registry, snapshot: SnapshotAssertion) -> None:
    class Heavy(Gadget):
        packaging = Packaging(extra="heavy", requires=("no_such_package_at_all",))

    registry.register("heavy")(Heavy)
    with pytest.raises(MissingPackageError) as caught:
        registry.create("heavy", size=1)
    assert str(caught.value) == snapshot
    entry = next(entry for entry in registry.entries("heavy"))
    assert not entry.available
    assert entry.note == "not installed: no_such_package_at_all"
    assert entry.needs == ("extra heavy",)


def test_entries_describe_without_creating(registry: Registry) -> None:
    entries = {entry.name: entry for entry in registry.entries()}
    assert entries["gadget2"].summary == "A gadget for tests."
    assert entries["gadget2"].differentiable is True
    assert entries["gadget2"].aliases == ("second",)
    assert entries["toy:kite"].summary == "the toy kite"
    assert not entries["toy:knife"].available
    assert entries["toy:knife"].note == "it cuts"


def test_a_broken_entry_point_is_listed_and_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    point = metadata.EntryPoint("broken", "isptune_no_such_module:Thing", "isptune.tests.broken")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    broken = Registry("gadget", "isptune.tests.broken")
    entry = broken.entries()[0]
    assert (entry.name, entry.available) == ("broken", False)
    with pytest.raises(
        IsptuneError, match="the gadget 'broken' of the package .* cannot be imported: Module"
    ):
        broken.create("broken")


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ([], "no installed package declares a default gadget: name one"),
        (["Named", "Other"], "several packages declare a default gadget (named, other): name one"),
        (
            ["Third"],
            "'isptune_no_such_module:Third' is declared as the default gadget, but it is no gadget's place",
        ),
        (["Other"], None),
    ],
)
def test_a_package_declares_the_default_of_a_kind(
    monkeypatch: pytest.MonkeyPatch, declared: list[str], message: str | None
) -> None:
    from importlib import metadata

    def place(name: str, label: str) -> metadata.EntryPoint:
        return metadata.EntryPoint(label, f"isptune_no_such_module:{name}", "isptune.tests")

    def entry_points(group: str, name: str | None = None) -> list[metadata.EntryPoint]:
        if group == "isptune.defaults":
            assert name == "gadget"
            return [place(one, "gadget") for one in declared]
        return [place("Named", "named"), place("Other", "other")]

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    gadgets = Registry("gadget", "isptune.tests.gadgets")
    if message is None:
        assert gadgets.default() == "other"
        return
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        gadgets.default()


def test_what_is_taken_where_no_plugin_is_named() -> None:
    kinds = ("pipelines", "objectives", "optimizers")
    assert [REGISTRIES[kind].default() for kind in kinds] == ["synthetic", "severity", "es"]
    with pytest.raises(
        ConfigurationError, match=r"^no installed package declares a default stage: name one$"
    ):
        REGISTRIES["stages"].default()


def test_the_package_registers_what_the_design_names() -> None:
    assert {"gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen"} <= set(
        isptune.list_stages()
    )
    assert isptune.list_pipelines("syn*") == ["synthetic"]
    assert {"psnr", "ssim", "ms-ssim", "weighted"} <= set(isptune.list_objectives())
    assert {"es", "cma", "adam", "random"} <= set(isptune.list_optimizers())
    assert all(entry.summary for registry in REGISTRIES.values() for entry in registry.entries("[!np]*"))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("pnsr", "psnr"), ("ms_ssim", "ms-ssim"), ("PSNR", "psnr"), ("blur", "gaussian_blur"), ("zzz", None)],
)
def test_nearest(wrong: str, right: str | None) -> None:
    assert nearest(wrong, ["psnr", "ms-ssim", "gaussian_blur", "lens_blur_of_great_length"]) == right
