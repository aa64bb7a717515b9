"""The family: found without Kornia, equal to Kornia's own functions, usable in the pipeline ``chain``."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from kornia import color, enhance, filters
from syrupy.assertion import SnapshotAssertion

import isptune
from isptune.errors import ConfigurationError
from isptune.parameters import ParameterSpace
from isptune.plugins import registry
from isptune.stages.values import defaults_of
from isptune.testing.pictures import picture
from isptune_kornia.family import STAGES
from isptune_kornia.samples import in_groups

IMAGES = torch.cat([picture(24, 32), picture(24, 32, seed=1), picture(24, 32, seed=2)])


def test_names_and_facts_need_neither_torch_nor_kornia() -> None:
    script = (
        "import sys; from isptune.plugins.registry import stages; from isptune.wording.naming import listed\n"
        "found = stages.entries('kornia:*')\n"
        "assert len(found) == 34 and all(entry.available and entry.summary for entry in found)\n"
        "print({entry.name for entry in found if not entry.differentiable})\n"
        "assert 'kornia' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert eval(done.stdout) == {
        "kornia:edge_aware_blur_pool2d",
        "kornia:equalize_clahe",
        "kornia:jpeg_codec_differentiable",
        "kornia:posterize",
    }


@pytest.mark.parametrize("name", STAGES)
def test_every_parameter_is_described(name: str) -> None:
    stage = isptune.create_stage(f"kornia:{name}")
    assert (type(stage).__doc__ or "").strip()
    assert stage.is_differentiable == registry.stages.entries(f"kornia:{name}")[0].differentiable
    for parameter in ParameterSpace(stage.declared) if stage.declared else ():
        assert parameter.description
        assert parameter.default is not None


@pytest.mark.parametrize(
    "name",
    [
        *(
            "adjust_brightness",
            "adjust_brightness_accumulative",
            "adjust_contrast",
            "adjust_gamma",
            "normalize",
        ),
        *(
            "adjust_contrast_with_mean_subtraction",
            "adjust_hue",
            "adjust_saturation",
            "posterize",
            "sharpness",
        ),
        *("adjust_saturation_with_gray_subtraction", "shift_rgb"),
    ],
)
def test_the_defaults_change_nothing(name: str) -> None:
    stage = isptune.create_stage(f"kornia:{name}")
    torch.testing.assert_close(stage(IMAGES, **defaults_of(stage, 3)), IMAGES, rtol=0, atol=1e-6)


def test_each_sample_has_values_of_its_own_as_in_kornia() -> None:
    sizes, sigma = torch.tensor([1, 0, 1]), torch.tensor([0.7, 2.0, 1.5])
    sharp = isptune.create_stage("kornia:unsharp_mask")(IMAGES, kernel_size=sizes, sigma=sigma)
    for index, (size, width) in enumerate(((5, 0.7), (3, 2.0), (5, 1.5))):
        one = filters.unsharp_mask(IMAGES[index : index + 1], (size, size), (width, width), "replicate")
        torch.testing.assert_close(sharp[index], one[0].clamp(0, 1), rtol=0, atol=1e-6)
    limits, grids = torch.tensor([2.0, 40.0, 5.0]), torch.tensor([0, 1, 2])
    equal = isptune.create_stage("kornia:equalize_clahe")(IMAGES, clip_limit=limits, grid_size=grids)
    for index, (limit, side) in enumerate(((2.0, 2), (40.0, 4), (5.0, 8))):
        one = enhance.equalize_clahe(IMAGES[index : index + 1], limit, (side, side))
        torch.testing.assert_close(equal[index], one[0], rtol=0, atol=1e-6)


def test_gamma_is_kornias_and_has_a_finite_slope_at_black() -> None:
    images = IMAGES.clone()
    images[..., :4, :4] = 0.0
    images.requires_grad_(True)
    gamma, gain = torch.tensor([0.4, 1.0, 3.0]), torch.tensor([1.0, 0.8, 1.2])
    result = isptune.create_stage("kornia:adjust_gamma")(images, gamma=gamma, gain=gain)
    torch.testing.assert_close(result, enhance.adjust_gamma(images, gamma, gain), rtol=0, atol=0)
    result.sum().backward()
    assert bool(images.grad.isfinite().all())  # type: ignore[union-attr]


def test_groups_keep_the_order_and_the_gradients() -> None:
    leaf = torch.arange(5.0).requires_grad_(True)
    seen = []

    def work(part: torch.Tensor, factor: int) -> torch.Tensor:
        seen.append((len(part), factor))
        return part * factor

    result = in_groups(work, [(2,), (3,), (2,), (5,), (3,)], leaf)
    assert result.tolist() == [0.0, 3.0, 4.0, 15.0, 12.0]
    assert seen == [(2, 2), (2, 3), (1, 5)]
    result.sum().backward()
    assert leaf.grad.tolist() == [2.0, 3.0, 2.0, 5.0, 3.0]  # type: ignore[union-attr]


@pytest.mark.parametrize("pattern", ["rggb", "grbg", "bggr", "gbrg"])
def test_a_mosaic_has_the_pattern_that_it_is_named_by(pattern: str) -> None:
    planes = torch.tensor([0.2, 0.4, 0.8]).reshape(1, 3, 1, 1).expand(1, 3, 5, 7)
    mosaic = isptune.create_stage("kornia:rgb_to_raw", pattern=pattern)(planes)
    assert mosaic.shape == (1, 1, 5, 7)
    expected = [{"r": 0.2, "g": 0.4, "b": 0.8}[letter] for letter in pattern]
    assert mosaic[0, 0, :2, :2].flatten().tolist() == pytest.approx(expected)
    back = isptune.create_stage("kornia:raw_to_rgb", pattern=pattern)(mosaic)
    torch.testing.assert_close(back, planes, rtol=0, atol=1e-6)


def test_a_misspelt_pattern_is_refused(snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as refused:
        isptune.create_stage("kornia:raw_to_rgb", pattern="rgbg")
    assert str(refused.value) == snapshot


def test_a_chain_from_the_mosaic_to_the_picture() -> None:
    stages = [
        "kornia:rgb_to_linear_rgb",
        "kornia:rgb_to_raw",
        "kornia:raw_to_rgb",
        "kornia:linear_rgb_to_rgb",
    ]
    pipeline = isptune.create_pipeline(
        "chain",
        stages=[*stages, "kornia:unsharp_mask"],
        scenes=["chart:64x48"],
    )
    assert pipeline.space.names == ["unsharp_mask.kernel_size", "unsharp_mask.sigma"]
    rendered = pipeline.render(pipeline.space.start(), 0)
    linear = color.rgb_to_linear_rgb(pipeline.scenes[0].payload[None])
    demosaiced = color.raw_to_rgb(color.rgb_to_raw(linear, color.CFA.BG), color.CFA.BG)
    encoded = color.linear_rgb_to_rgb(demosaiced).clamp(0, 1)
    expected = filters.unsharp_mask(encoded, (5, 5), (1.5, 1.5), "replicate").clamp(0, 1)
    torch.testing.assert_close(rendered, expected.to(rendered), rtol=0, atol=1e-5)
