"""Kornia's operators are the definition: which stages call which, and how near the other formulas are.

Pictures in float64 go through Kornia, float32 ones on a CPU through formulas of our own where there are any.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from kornia import color, enhance

from isptune.contracts.distortion import Distortion
from isptune.testing.pictures import picture
from isptune_synthetic import stages
from isptune_synthetic.definition import by_kornia, one_by_one
from isptune_synthetic.stages.colour import desaturate

LAB = ("color.rgb_to_lab", "color.lab_to_rgb")
CURVES = ("color.rgb_to_linear_rgb", "color.linear_rgb_to_rgb")

# What each stage calls, and the highest difference of a pixel that the other formula may have; the bars are
# two to four times what is seen at 1280 x 720.
CALLS: dict[str, tuple[tuple[str, ...], float]] = {
    "GaussianBlur": (("filters.filter2d_separable",), 2e-6),
    "Brighten": (LAB, 5e-6),
    "HighSharpen": ((*LAB, "filters.gaussian_blur2d"), 5e-5),
    "ColorDiffusion": ((*LAB, "filters.filter2d_separable"), 5e-5),
    "Oversaturate": (LAB, 1e-4),
    "HighlightClipping": (CURVES, 1e-6),
    "WhiteBalanceGain": (CURVES, 1e-6),
    "Vignetting": (CURVES, 1e-6),
    "Banding": (CURVES, 2e-6),
    "GammaError": (("enhance.adjust_gamma",), 1e-6),
    "MeanShift": (("enhance.adjust_brightness",), 1e-6),
    "LensBlur": (("filters.fft_conv",), 2e-6),
    "MotionBlur": (("filters.fft_conv",), 2e-6),
    "Jitter": (("geometry.transform.remap",), 2e-4),
    "ColorShift": (("color.rgb_to_grayscale", "filters.spatial_gradient", "filters.gaussian_blur2d"), 1e-5),
    "DemosaicArtifacts": (("color.rgb_to_raw", "color.raw_to_rgb"), 1e-6),
}
OPTIONS = {"Banding": {"gradient": "soft"}}
DOCUMENT = Path(__file__).parents[3] / "docs" / "stages.md"


def make(name: str) -> Distortion:
    stage: Distortion = getattr(stages, name)(**OPTIONS.get(name, {}))
    return stage


def rendered(
    stage: Distortion, images: torch.Tensor, share: float, dtype: torch.dtype, recorded: bool
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """The picture and, where recorded, the gradients of a weighted sum of it."""
    given = images.to(dtype).requires_grad_(recorded)
    level = torch.full((len(images),), share * stage.level_range[1], dtype=torch.float64)
    level.requires_grad_(recorded)
    noise = stage.draw(*images.shape[-2:], torch.Generator().manual_seed(5)) if stage.is_stochastic else None
    result: torch.Tensor = stage(given, level, *(() if noise is None else (noise.to(dtype),)))
    if not recorded:
        return result, None, None
    weights = picture(*images.shape[-2:], seed=4).to(dtype) - 0.3
    by_images, by_level = torch.autograd.grad((result * weights).sum(), (given, level))
    return result.detach(), by_images, by_level


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Kornia functions that have been called, of those in the table."""
    seen: list[str] = []

    def spied(name: str, function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def spy(*arguments: object, **named: object) -> torch.Tensor:
            seen.append(name)
            return function(*arguments, **named)

        return spy

    for name in {one for functions, _ in CALLS.values() for one in functions}:
        module, _, attribute = name.rpartition(".")
        home = importlib.import_module(f"kornia.{module}")
        monkeypatch.setattr(home, attribute, spied(name, getattr(home, attribute)))
    return seen


@pytest.mark.parametrize("name", [name for name in stages.__all__ if name[0].isupper()])
def test_which_operators_a_stage_calls(name: str, called: list[str]) -> None:
    stage = make(name)
    rendered(stage, picture(24, 32), 0.5, torch.float64, recorded=stage.is_differentiable)
    assert set(called) == set(CALLS.get(name, ((), 0.0))[0])


@pytest.mark.parametrize("name", CALLS)
def test_float32_on_a_cpu_is_as_by_kornia(name: str) -> None:
    stage, tolerance = make(name), CALLS[name][1]
    images = picture(33, 40)
    # Dark and coloured corners, in which the curves are straight and channels are clipped.
    images[..., :8, :8] *= 0.02
    images[..., -8:, -8:] = images[..., -8:, -8:].round()
    for share in (0.1, 0.5, 1.0):
        got, _, _ = rendered(stage, images, share, torch.float32, False)
        expected, _, _ = rendered(stage, images, share, torch.float64, False)
        assert got.dtype == torch.float32
        assert float((got - expected).abs().max()) < tolerance


@pytest.mark.parametrize("name", CALLS)
def test_gradients_in_float32_on_a_cpu_are_as_by_kornia(name: str) -> None:
    stage, tolerance = make(name), CALLS[name][1]
    images = picture(33, 40)
    for share in (0.13, 0.71):
        got, by_images, by_level = rendered(stage, images, share, torch.float32, True)
        expected, images_slope, level_slope = rendered(stage, images, share, torch.float64, True)
        assert float((got - expected).abs().max()) < tolerance
        assert by_images is not None
        assert by_level is not None
        assert images_slope is not None
        assert level_slope is not None
        # Relative to their mean, as a pixel may be clipped by rounding alone.
        assert float((by_images - images_slope).abs().mean() / images_slope.abs().mean()) < 1e-3
        assert float((by_level - level_slope).abs().max()) < 1e-3 * (1 + float(level_slope.abs().max()))


def test_the_table_in_the_documentation_is_this_one() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {name: set(re.findall(r"`kornia\.([\w.]+)`", operators)) for name, operators, _ in rows}
    expected = {
        re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): set(CALLS.get(name, ((), 0.0))[0])
        for name in stages.__all__
        if name[0].isupper()
    }
    assert documented == expected


def test_desaturation_is_that_of_kornias_hsv() -> None:
    images = picture(24, 32).double()
    for level in (0.4, 1.0, 1.4):
        hsv = color.rgb_to_hsv(images, eps=0.0)
        hsv[:, 1] *= 1 - level
        expected = color.hsv_to_rgb(hsv).clamp(0, 1)
        result = desaturate(images, torch.tensor([level], dtype=torch.float64))
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
    # Up to the level at which Kornia's factor is clipped.
    expected = enhance.adjust_saturation(images, torch.tensor([0.6], dtype=torch.float64))
    result = desaturate(images, torch.tensor([0.4], dtype=torch.float64))
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-7)


def test_where_kornia_runs() -> None:
    assert not by_kornia(torch.zeros(1))
    assert by_kornia(torch.zeros(1, dtype=torch.float64))
    assert by_kornia(torch.zeros(1), torch.zeros(1, device="meta"))


def test_samples_go_one_by_one_on_a_cpu() -> None:
    sizes = []

    def work(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        sizes.append(len(images))
        return images * factor

    assert one_by_one(work, torch.arange(3.0), torch.tensor([2.0])).tolist() == [0.0, 2.0, 4.0]
    assert sizes == [1, 1, 1]
