"""The pictures: which ones there are, and that what is encoded is what was rendered."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import isptune
from isptune.benchmark.cell_results import Benchmark
from isptune.figures.records import median_record, read_record, records_of_benchmark
from isptune.report.page_pictures import compare, comparisons, crop_uri, preview_uri
from isptune.scenes import write_image
from isptune.tuning.session import make_pipeline


def decoded(uri: str) -> np.ndarray:
    head, _, body = uri.partition(",")
    assert head in ("data:image/png;base64", "data:image/webp;base64")
    with Image.open(io.BytesIO(base64.b64decode(body))) as picture:
        return np.asarray(picture.convert("RGB"))


def samples(image: torch.Tensor) -> np.ndarray:
    return (image * 255).round().permute(1, 2, 0).numpy().astype(np.uint8)


def picture(height: int, width: int) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


def test_crops_are_exact() -> None:
    image = picture(40, 50)
    np.testing.assert_array_equal(decoded(crop_uri(image, (7, 3, 20, 16))), samples(image)[3:19, 7:27])


def test_small_pictures_are_exact_and_large_ones_become_smaller() -> None:
    uri, width, height = preview_uri(picture(40, 50))
    assert (width, height) == (50, 40)
    np.testing.assert_array_equal(decoded(uri), samples(picture(40, 50)))
    uri, width, height = preview_uri(picture(300, 1000), largest=500)
    assert (width, height) == (500, 150)
    assert decoded(uri).shape == (150, 500, 3)


def test_larger_pictures_stay_close() -> None:
    ramp = torch.linspace(0, 1, 640).expand(3, 480, 640)
    difference = decoded(preview_uri(ramp)[0]).astype(int) - samples(ramp)
    assert np.abs(difference).mean() < 2


def test_a_single_run_before_after_and_pristine(tuned: Path) -> None:
    record = read_record(tuned)
    found = compare([record])
    assert found is not None
    assert [one.name for one in found.pictures] == ["start", "found", "pristine"]
    assert record.run is not None
    pipeline = make_pipeline(record.run.config)
    after = pipeline.render(pipeline.space.from_dicts([record.parameters]), 0)[0]
    torch.testing.assert_close(found.pictures[1].image, after.float(), atol=0.51 / 255, rtol=0)
    torch.testing.assert_close(found.pictures[2].image, pipeline.scenes[0].payload, atol=0.51 / 255, rtol=0)
    assert found.pictures[1].note == f"psnr {record.score:.4g}, normalised l1 {record.l1_normalised:.3g}"
    for x, y, width, height in found.crops:
        assert 0 <= x <= 96 - width
        assert 0 <= y <= 64 - height


def test_of_a_benchmark_the_run_in_the_middle_of_each_objective(benchmark: Benchmark) -> None:
    records = records_of_benchmark(benchmark)
    found = compare(records)
    assert found is not None
    assert [one.name for one in found.pictures] == ["start", "found: psnr", "found: ssim", "pristine"]
    middle = median_record(records[2:])
    assert middle.run is not None
    pipeline = make_pipeline(middle.run.config)
    after = pipeline.render(pipeline.space.from_dicts([middle.parameters]), 0)[0]
    torch.testing.assert_close(found.pictures[2].image, after.float(), atol=0.51 / 255, rtol=0)
    assert found.pictures[0].note.endswith(f", map {median_record(records[:2]).variant}")
    assert found.pictures[2].note.endswith(f", map {middle.variant}")


@pytest.mark.parametrize("kind", ["flat", "blind"])
def test_every_picture_of_a_run_is_shown(
    kind: str, request: pytest.FixtureRequest, target: Callable[..., Any]
) -> None:
    pipeline = request.getfixturevalue(kind)(((40, 50), (30, 60), (48, 48), (50, 50)))
    isptune.tune(pipeline, target(), optimizer="random", budget=4, population=4, out="run")
    one = read_record("run")
    found, total = comparisons([one])
    assert ([one.scene for one in found], total) == (["scene0", "scene1", "scene2"], 4)
    assert [tuple(one.pictures[1].image.shape) for one in found] == [(3, 40, 50), (3, 30, 60), (3, 48, 48)]
    assert found[0].pictures[1].note.startswith(f"target {one.score:.4g} (mean of 4 scenes)")
    word = "pristine" if kind == "flat" else "target"
    assert [one.name for one in found[0].pictures] == ["start", "found", word]


def test_pictures_of_another_size_are_left_out(benchmark: Benchmark, tmp_path: Path) -> None:
    write_image(tmp_path / "small.png", picture(30, 50))
    records = records_of_benchmark(benchmark)
    run = median_record(records[2:]).run
    assert run is not None
    run.pictures = [replace(run.pictures[0], found=tmp_path / "small.png")]
    found = compare(records)
    assert found is not None
    assert [one.name for one in found.pictures] == ["start", "found: psnr", "pristine"]
