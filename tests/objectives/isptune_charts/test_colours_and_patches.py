"""CIEDE2000, CIELAB and patches against published pairs, colour-science and formulas."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isptune.contracts.chart import Chart
from isptune.errors import ConfigurationError
from isptune_charts import noise
from isptune_charts.colour import ciede2000, lab, lightness_to_luminance
from isptune_charts.kinds import checker_field
from isptune_charts.light import linear
from isptune_charts.patches import deviations, locate, means
from isptune_charts.published import COLOUR_CHECKER
from isptune_charts.uniformity import uniformity

PAIRS = Path(__file__).parents[2] / "data" / "ciede2000_pairs.csv"


def test_the_34_pairs_of_sharma() -> None:
    table = torch.from_numpy(np.loadtxt(PAIRS, delimiter=",", skiprows=3))
    assert len(table) == 34
    for first, second in ((table[:, :3], table[:, 3:6]), (table[:, 3:6], table[:, :3])):
        assert ciede2000(first, second).tolist() == pytest.approx(table[:, 6].tolist(), abs=1e-4)


def test_ciede2000_and_cielab_agree_with_colour_science(colour: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    encoded = torch.rand((200, 3), generator=generator, dtype=torch.float64)
    found = lab(linear(encoded))
    d65 = colour.RGB_COLOURSPACES["sRGB"]
    d50 = np.array([0.34567, 0.35850])
    xyz = colour.RGB_to_XYZ(encoded.numpy(), d65, d50, "Bradford", apply_cctf_decoding=True)
    wanted = colour.XYZ_to_Lab(xyz, d50)
    # The white points differ in their fourth digit.
    assert np.abs(found.numpy() - wanted).max() < 0.03
    apart = ciede2000(found[:100], found[100:]).numpy()
    assert apart == pytest.approx(
        colour.delta_E(found[:100].numpy(), found[100:].numpy(), method="CIE 2000"), abs=1e-5
    )


def test_published_values_are_those_of_colour_science(colour: Any) -> None:
    chart = colour.CCS_COLOURCHECKERS["ColorChecker 2005"]
    wanted = colour.XYZ_to_Lab(colour.xyY_to_XYZ(list(chart.data.values())), chart.illuminant)
    assert np.abs(np.array(COLOUR_CHECKER) - wanted).max() < 0.05


def test_gradients_of_ciede2000_are_true_and_finite_at_grey() -> None:
    generator = torch.Generator().manual_seed(1)
    scale, middle = torch.tensor([100.0, 120, 120]), torch.tensor([0.0, 60, 60])
    first, second = (torch.rand((6, 3), generator=generator) * scale - middle for _ in range(2))
    first = first.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ciede2000(x, second.double()), first, fast_mode=True)
    for grey in ([50.0, 0.0, 0.0], [0.0, 0.0, 0.0]):
        leaf = torch.tensor([grey, [50.0, 10, 0]], dtype=torch.float64, requires_grad=True)
        ciede2000(leaf, torch.tensor([[50.0, 0, 0], [50.0, 10, 0]], dtype=torch.float64)).sum().backward()
        assert leaf.grad is not None
        assert bool(leaf.grad.isfinite().all())
    light = torch.tensor([18.4], dtype=torch.float64)
    assert float(lab(lightness_to_luminance(light).expand(1, 3))[0, 0]) == pytest.approx(18.4, abs=1e-4)


def turned_chart() -> tuple[torch.Tensor, Chart]:
    """A colour checker seen at an angle, on black, in encoded sRGB."""
    corners = ((30.0, 20.0), (170.0, 34.0), (160.0, 120.0), (22.0, 104.0))
    chart = Chart("colour-checker", corners, {"gap": 0.0})
    picture = torch.zeros(3, 140, 200, dtype=torch.float64)
    for number, patch in enumerate(locate(chart, 4, 6, (140, 200))):
        picture[:, patch.top : patch.bottom, patch.left : patch.right] = (
            (number + 1) / 25 * torch.tensor([1.0, 0.5, 0.25], dtype=torch.float64).reshape(3, 1, 1)
        )
    return picture, chart


def test_patches_are_found_through_perspective() -> None:
    picture, chart = turned_chart()
    field = checker_field(chart, (140, 200))
    assert means(picture[None], field.patches)[0, :, 0].tolist() == pytest.approx(
        [(number + 1) / 25 for number in range(24)], abs=0.02
    )
    # A chart that hangs upside down has its first patch at the lower right.
    first, second, third, fourth = chart.corners
    turned = checker_field(Chart("colour-checker", (third, fourth, first, second)), (140, 200))
    assert turned.patches[0].top > field.patches[0].top


def test_snr_and_dynamic_range_follow_their_formulas() -> None:
    generator = torch.Generator().manual_seed(2)
    steps = torch.logspace(-2.2, -0.1, 8, dtype=torch.float64)
    chart = Chart("grey-scale", ((0, 0), (480, 0), (480, 60), (0, 60)))
    patches = locate(chart, 1, 8, (60, 480))
    light = steps.repeat_interleave(60).expand(1, 1, 60, 480)
    # Shading is no noise.
    light = light * (1 + 0.002 * (torch.arange(480, dtype=torch.float64) % 60 - 29.5))
    shot, read = 1e-4, 1e-6
    noisy = light + (shot * light + read).sqrt() * torch.randn(
        light.shape, generator=generator, dtype=torch.float64
    )
    mean, deviation = means(noisy, patches)[..., 0], deviations(noisy, patches)[..., 0]
    truth = 20 * torch.log10(steps / (shot * steps + read).sqrt())
    # The deviation of 900 pixels is 0.2 dB.
    assert noise.snr(mean, deviation)[0].tolist() == pytest.approx(truth.tolist(), abs=0.6)
    stops = math.log2(float(steps[-1]) / math.sqrt(shot * float(steps[0]) + read))
    assert float(noise.dynamic_range(steps, mean, deviation)) == pytest.approx(stops, abs=0.15)
    # A tone curve changes neither the scene nor how far down it is seen.
    curved = mean**0.5, deviation * 0.5 * mean**-0.5
    assert float(noise.dynamic_range(steps, *curved)) == pytest.approx(stops, abs=0.5)


def test_dynamic_range_ends_where_signal_equals_noise_and_where_white_is_clipped() -> None:
    known = torch.logspace(-3, 0, 13, dtype=torch.float64)
    flat = torch.full((1, 13), 10**-1.5, dtype=torch.float64)
    # From the brightest unclipped step, 10^-0.25, to the noise.
    assert float(noise.dynamic_range(known, known[None].clamp(max=0.95), flat)) == pytest.approx(
        1.25 * math.log2(10), abs=0.01
    )


def test_no_noise_and_no_signal_are_numbers() -> None:
    still = torch.zeros(1, 4, dtype=torch.float64)
    assert noise.snr(still + 0.5, still).tolist()[0] == pytest.approx([noise.HIGHEST_SNR] * 4, abs=0.01)
    assert noise.snr(still, still + 0.1).tolist() == [[0.0] * 4]
    assert float(noise.dynamic_range(torch.tensor([0.1, 0.2, 0.3, 0.4]), still + 0.5, still + 0.1)) == 0.0


def test_visual_noise_sees_coarse_noise_and_not_what_is_too_fine() -> None:
    generator = torch.Generator().manual_seed(3)
    (patch,) = locate(Chart("grey-scale", ((0, 0), (64, 0), (64, 64), (0, 64))), 1, 1, (64, 64))
    fine = torch.randn((1, 1, 64, 64), generator=generator, dtype=torch.float64)
    coarse = torch.nn.functional.avg_pool2d(fine, 5, stride=1, padding=2)
    coarse = coarse / coarse.std() * fine.std()
    found = [
        float(
            noise.visual_noise(
                noise.visual_noise_moments(0.2 + 0.004 * kind.expand(1, 3, 64, 64), patch, 60.0)
            )
        )
        for kind in (0 * fine, fine, coarse)
    ]
    assert found[0] < 1e-6
    assert found[0] < found[1] < found[2]


def test_uniformity_is_the_distance_of_ninths() -> None:
    (patch,) = locate(Chart("grey-scale", ((0, 0), (60, 0), (60, 60), (0, 60))), 1, 1, (60, 60))
    even = torch.full((1, 3, 60, 60), 0.4, dtype=torch.float64)
    assert float(uniformity(even, [patch])) < 1e-5
    odd = even.clone()
    odd[:, 0, :, 30:] *= 1.1
    assert float(uniformity(odd, [patch])) > 1


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (1, "patch 1 of the chart 'colour-checker' has 1 pixel in its middle; needed: at least 9; take a larger picture"),
        (0.3, "patch 1 of the chart 'colour-checker' has 0 pixels in its middle; needed: at least 9; take a larger picture"),
    ],
)  # fmt: skip
def test_patches_of_one_pixel_are_refused(size: float, sentence: str) -> None:
    chart = Chart(
        "colour-checker",
        ((0.5, 0.5), (0.5 + 12 * size, 0.5), (0.5 + 12 * size, 0.5 + 8 * size), (0.5, 0.5 + 8 * size)),
    )
    with pytest.raises(ConfigurationError) as caught:
        checker_field(chart, (40, 40))
    assert str(caught.value) == sentence
