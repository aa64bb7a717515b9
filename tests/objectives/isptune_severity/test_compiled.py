"""The compiled ways to a severity against the formulas in PyTorch's operators."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import isptune
from isptune.cli import run
from isptune.compiled.threads import alone, can_be_alone
from isptune.stages.strips import each
from isptune.testing.pictures import picture, spoilt
from isptune_severity.compiled import features, trunk
from isptune_severity.compiled.fixed import Passes, statistics_of
from isptune_severity.compiled.selection import select
from isptune_severity.compiled.traces import fingerprints_of
from isptune_severity.fingerprints import fingerprints
from isptune_severity.network import SeverityNetwork, statistics

SIZES = ((32, 32), (33, 97), (41, 201), (256, 64), (129, 260))


def pictures(height: int, width: int) -> Tensor:
    """A good picture, a distorted one, noise, one colour, and black and white."""
    good = picture(height, width)
    noise = torch.rand(good.shape, generator=torch.Generator().manual_seed(height))
    return torch.cat([good, spoilt(good), noise, torch.full_like(good, 0.3), (noise > 0.5).float()])


@pytest.mark.parametrize("size", SIZES)
def test_statistics_are_those_of_the_formulas(size: tuple[int, int]) -> None:
    images = pictures(*size)
    found = np.stack([statistics_of(image.numpy(), each) for image in images])
    np.testing.assert_allclose(found, statistics(images.double()).numpy(), atol=6e-5)


@pytest.mark.parametrize("size", SIZES)
def test_fingerprints_are_those_of_the_formulas(size: tuple[int, int]) -> None:
    images = pictures(*size)
    found = np.stack([fingerprints_of(image.numpy(), Passes(image.numpy(), each), each) for image in images])
    # Single precision leaves a flat picture some 1e-7 of high pass, which the logarithm makes 3e-4 of.
    np.testing.assert_allclose(found, fingerprints(images.double()).numpy(), atol=6e-4, rtol=1e-4)
    np.testing.assert_allclose(found[:3], fingerprints(images[:3].double()).numpy(), atol=5e-5, rtol=2e-5)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).random(5000),
        np.random.default_rng(2).integers(0, 3, 700),
        -(np.random.default_rng(3).exponential(size=900) ** 9),
        np.full(40, 0.25),
        np.array([3.0]),
        np.array([1.0, np.nan, -1.0, np.inf, 0.0, np.nan, 5.0]),
        np.array([0.0, 1e-45, 1e-40, 2e-45]),
    ],
)
def test_a_selection_is_what_a_sort_gives(values: Any) -> None:
    values = values.astype(np.float32)
    ranks = np.array([int(share * (len(values) - 1)) for share in (0, 0.1, 0.1, 0.5, 0.9, 1)])
    found = np.empty(len(ranks), np.float32)
    kept = values.copy()
    select(values, ranks, found)
    np.testing.assert_array_equal(found, torch.from_numpy(values).sort().values.numpy()[ranks])
    np.testing.assert_array_equal(values, kept)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 5e-5), ("auto", 1e-2), ("bfloat16", 1e-2)])
def test_scores_are_those_of_the_formulas(dtype: str, tolerance: float) -> None:
    plain = isptune.create_objective("severity", compiled=False)
    compiled = isptune.create_objective("severity", dtype=dtype)
    for size in (SIZES[1], SIZES[4]):
        images = pictures(*size)
        apart = (compiled.scores(images) - plain.scores(images)).abs().max()
        assert 0 < apart < tolerance


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_score_is_the_same_in_every_batch_and_on_every_number_of_threads(dtype: str) -> None:
    objective = isptune.create_objective("severity", dtype=dtype)
    images = pictures(72, 97)
    together = objective.scores(images)
    assert torch.equal(together, torch.cat([objective.scores(one[None]) for one in images]))
    assert torch.equal(together[2:], objective.scores(images[2:]))
    found: dict[int, Tensor] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: objective.scores(images)})) for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[i], together) for i in range(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(33, 97), (256, 64), (203, 41)])
def test_strips_are_the_whole(
    dtype: torch.dtype, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SeverityNetwork((8, 16, 16), 16).requires_grad_(False)
    made = trunk.Trunk(network.stem, network.levels, dtype)
    image = pictures(*size)[1].numpy()
    monkeypatch.setattr(trunk, "_STRIP", 2**30)
    whole = made.pooled(image, each)
    for rows in (16, 32, 64):
        monkeypatch.setattr(trunk, "_STRIP", rows * size[1])
        np.testing.assert_allclose(made.pooled(image, each), whole, atol=2e-6)


@pytest.mark.parametrize("threads", [2, 3])
def test_early_and_late_layers_side_by_side_give_what_one_thread_gives(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = isptune.create_objective("severity", version=2, dtype="float32")
    image = pictures(203, 64)[:1]
    expected = objective.scores(image)
    made = objective._computing._features
    monkeypatch.setattr(trunk, "_STRIP", 32 * 64)
    alone_in_strips = made._of(image[0].numpy(), each)
    monkeypatch.setattr(features, "_AHEAD", 2)
    found = made._by_chains(image[0].numpy(), threads)
    assert np.array_equal(found, alone_in_strips)
    # Where a picture counts as large, this way is taken.
    monkeypatch.setattr(features, "_LARGE", 2**10)
    torch.testing.assert_close(objective.scores(image), expected, atol=2e-6, rtol=0)


def test_an_objective_that_has_scored_can_be_copied_and_sent() -> None:
    objective = isptune.create_objective("severity")
    images = pictures(48, 64)
    scores = objective.scores(images)
    assert torch.equal(copy.deepcopy(objective).scores(images), scores)
    assert torch.equal(pickle.loads(pickle.dumps(objective)).scores(images), scores)


def test_noise_below_a_grey_level_is_seen_in_bfloat16() -> None:
    """A stem that took the pixels in bfloat16 would round it away near white."""
    objective = isptune.create_objective("severity", dtype="bfloat16")
    plain = isptune.create_objective("severity", compiled=False)
    flat = torch.full((1, 3, 96, 96), 0.9)
    noise = torch.randn(flat.shape, generator=torch.Generator().manual_seed(1)) * 0.5 / 255
    change, expected = (one.scores(flat + noise) - one.scores(flat) for one in (objective, plain))
    torch.testing.assert_close(change, expected, atol=6e-3, rtol=0)
    assert float(expected.abs().max()) > 0.05


def test_gradients_take_the_formulas_and_nan_stays_nan() -> None:
    objective = isptune.create_objective("severity", dtype="bfloat16")
    plain = isptune.create_objective("severity", compiled=False)
    gradients = []
    for one in (objective, plain):
        images = picture(48, 80).requires_grad_()
        gradients += torch.autograd.grad(one.score(images).sum(), images)
    assert torch.equal(*gradients)
    images = pictures(48, 80)
    images[1, 2, 40, 70] = torch.nan
    scores = objective.scores(images)
    assert bool(scores[1].isnan().all())
    assert bool(scores[[0, 2, 3, 4]].isfinite().all())
    assert objective.scores(images[:0]).shape == (0, 7)


def test_a_thread_alone_leaves_the_others_their_number() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []
    with alone():
        if can_be_alone():
            assert torch.get_num_threads() == 1
        other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        other.start()
        other.join()
    assert seen == [before]
    assert torch.get_num_threads() == before


def test_a_run_is_resumed_with_what_it_settled(tmp_path: Path) -> None:
    """Also one of a version that noted nothing, which computed in float32 by PyTorch's operators alone."""
    import yaml

    arguments = ["chart:64x48", "--population", "4", "--objective", "severity"]
    logs: dict[str, list[Any]] = {}
    for name, options in (
        ("now", []),
        ("before", ["--objective-option", "compiled=false", "--objective-option", "dtype=float32"]),
    ):
        out = tmp_path / name
        assert run(["tune", *arguments, *options, "--budget", "12", "--out", str(out)]) == 0
        file = out / "run.yaml"
        data = yaml.safe_load(file.read_text())
        (settled,) = data["settled"]
        assert (settled["version"], settled["compiled"]) == (1, name == "now")
        logs[name] = lines(out)
        log = out / "evaluations.jsonl"
        log.write_text(log.read_text().splitlines(keepends=True)[0])
        if name == "before":
            # As such a run looks: its default was what had to be asked for here.
            continue
        assert run(["resume", str(out)]) == 0
        assert lines(out) == logs[name]
    assert [one["scores"] for one in logs["now"]] != [one["scores"] for one in logs["before"]]
    old = tmp_path / "now"
    data = yaml.safe_load((old / "run.yaml").read_text())
    del data["settled"]
    (old / "run.yaml").write_text(yaml.safe_dump(data))
    log = old / "evaluations.jsonl"
    first = json.loads(log.read_text().splitlines()[0])
    first["scores"] = logs["before"][0]["scores"]
    log.write_text(json.dumps(first) + "\n")
    assert run(["resume", str(old)]) == 0
    assert [one["scores"] for one in lines(old)] == [one["scores"] for one in logs["before"]]


def lines(out: Path) -> list[Any]:
    """A log without what differs between two runs of one configuration."""
    found = [json.loads(line) for line in (out / "evaluations.jsonl").read_text().splitlines()]
    return [{key: one[key] for key in ("candidates", "scores")} for one in found]
