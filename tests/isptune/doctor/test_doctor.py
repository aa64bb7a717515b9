"""What ``isptune doctor`` computes, part by part."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from isptune.contracts.requirements import Download
from isptune.doctor import examine, hardware, hub, objectives, packages

REQUIREMENTS = [
    "core-one>=2",
    "own[clip,lmm]; extra == 'all'",
    "shared>=1; extra == 'clip'",
    "tower>=1; extra == 'clip'",
    "shared>=3; extra == 'lmm'",
    "talker>=5; extra == 'lmm'",
    "quantizer; extra == 'quantized'",
    "shared>=3; extra == 'quantized'",
    "talker>=5; extra == 'quantized'",
    "elsewhere; sys_platform == 'no-such-platform'",
]
EXTRAS = ["all", "clip", "lmm", "quantized"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The versions of an imagined installation."""
    versions: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    return versions


def by_name(requirements: list[str]) -> dict[str, packages.Package]:
    return {one.name: one for one in packages.packages_of("own", requirements, EXTRAS)}


def test_a_package_is_named_with_the_smallest_extra_that_brings_it(installed: dict[str, str]) -> None:
    installed["shared"] = "2"
    found = by_name(REQUIREMENTS)
    assert list(found) == ["core-one", "shared", "tower", "talker", "quantizer"]
    # 'quantized' holds all of 'lmm' and more, so it says nothing of what 'lmm' brings.
    assert {name: one.extras for name, one in found.items()} == {
        "core-one": (),
        "shared": ("clip", "lmm"),
        "tower": ("clip",),
        "talker": ("lmm",),
        "quantizer": ("quantized",),
    }
    assert {name: one.install for name, one in found.items()} == {
        "core-one": "pip install 'core-one'",
        "shared": None,
        "tower": "pip install 'own[clip]'",
        "talker": "pip install 'own[lmm]'",
        "quantizer": "pip install 'own[quantized]'",
    }


def test_an_unfit_version_counts_only_where_its_extra_is_installed(installed: dict[str, str]) -> None:
    installed.update({"core-one": "1.9", "shared": "2", "tower": "1"})
    found = by_name(REQUIREMENTS)
    assert (found["core-one"].unfit, found["shared"].unfit) == (">=2", None)
    installed["talker"] = "5.1"
    assert by_name(REQUIREMENTS)["shared"].unfit == ">=3 (extra lmm)"


def test_the_command_for_a_plugin_that_lacks_packages() -> None:
    command = packages.install_command
    assert command("isptune", "clip", ["open_clip"]) == "pip install 'isptune[clip]'"
    assert command("a_module_of_mine", "clip", ["open_clip"]) == "pip install 'isptune[clip]'"
    assert command("a_module_of_mine", "no-such-extra", ["one", "two"]) == "pip install one two"
    assert command("isptune", None, ["one"]) == "pip install one"


def test_a_type_that_computes_wrong_or_not_at_all_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    state = torch.random.get_rng_state()
    before = hardware.examine_hardware()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert before.problem is None
    assert all(one.matmul and one.attention and one.reason is None for one in before.devices[-1].precisions)
    real = torch.nn.functional.scaled_dot_product_attention

    def attention(query: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        if query.dtype is torch.float16:
            raise RuntimeError("not implemented\nfor 'Half'")
        return real(query, *others) * (float("nan") if query.dtype is torch.bfloat16 else 1)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", attention)
    after = hardware.examine_hardware()
    single, brain, half = after.devices[-1].precisions
    assert after.problem is None
    assert single.reason is None
    assert (brain.matmul, brain.attention) == (True, False)
    assert brain.reason == "attention: the result is off by nan of its largest value"
    assert half.reason == "attention: RuntimeError: not implemented for 'Half'"


def test_a_cpu_that_does_not_compute_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("illegal instruction")

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", broken)
    assert hardware.examine_hardware().problem == (
        "torch cannot compute on the cpu: attention: RuntimeError: illegal instruction"
    )


def test_a_device_that_is_seen_but_does_not_work_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isptune.tuning.devices.available_devices", lambda: ["cuda:77", "cpu"])
    found = hardware.examine_hardware()
    assert found.problem is None
    assert [device.name for device in found.devices] == ["cuda:77", "cpu"]
    assert found.devices[0].memory_bytes is None
    for one in found.devices[0].precisions:
        assert (one.matmul, one.attention) == (False, False)
        assert one.reason is not None
        assert one.reason.startswith("matmul: ")


@pytest.mark.parametrize(
    ("gigabytes", "cached", "state"),
    [
        (16.4, 0, "to be fetched"),
        (16.4, 16.36e9, "in the cache"),
        (16.4, 17e9, "in the cache"),
        (16.4, 15.9e9, "partly (15.9 of 16.4 GB)"),
        (1.1, 1.06e9, "in the cache"),
        (0.35, 0.344e9, "in the cache"),
        (0.35, 0.3e9, "partly (300 of 350 MB)"),
    ],
)
def test_a_download_is_compared_by_size(gigabytes: float, cached: float, state: str) -> None:
    assert objectives.download_status(Download("owner/name", gigabytes, "MIT"), int(cached)).state == state


def test_a_missing_package_that_every_run_needs_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in ("kornia", "timm"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    assert examine(offline=True).problems == (
        "the package kornia, which every run needs, is not installed; install it with: pip install 'kornia'",
    )


def test_what_lies_in_a_cache_folder(tmp_path: Path) -> None:
    for name, size in {
        "models--b--x2": 2,
        "models--b--x10": 10,
        "datasets--a--d": 5,
        "models--gpt2": 1,
        "models--half--fetched": 7,
    }.items():
        (tmp_path / name / "blobs").mkdir(parents=True)
        (tmp_path / name / "blobs" / "0123").write_bytes(bytes(size))
        if "half" not in name:
            (tmp_path / name / "snapshots" / "abc").mkdir(parents=True)
            (tmp_path / name / "snapshots" / "abc" / "model").symlink_to("../../blobs/0123")
    (tmp_path / ".locks").mkdir()
    (tmp_path / "version.txt").write_text("1")
    found = [(one.name, one.kind, one.size_bytes) for one in hub.cached_repositories(tmp_path)]
    assert found == [
        ("a/d", "dataset", 5),
        ("b/x2", "model", 2),
        ("b/x10", "model", 10),
        ("gpt2", "model", 1),
    ]
    assert hub.cached_repositories(tmp_path / "none") == ()


def test_without_the_hubs_library_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    found = hub.examine_hub(offline=False)
    assert (found.folder, found.repositories, found.reachable) == (None, (), None)
    assert found.reason == (
        "the package huggingface_hub is not installed; install it with: pip install huggingface_hub"
    )
