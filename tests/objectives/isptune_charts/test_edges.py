"""The slanted edge against what is known of a Gaussian blur."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
import torch

from isptune_charts import edges

_SPEC = importlib.util.spec_from_file_location(
    "synthetic_edges", Path(__file__).with_name("synthetic_edges.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
synthetic = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(synthetic)


@pytest.mark.parametrize("sigma", [0.4, 0.6, 1.0, 2.0, 3.0])
def test_mtf50_is_true_within_a_hundredth(sigma: float) -> None:
    for degrees in (3, 4, 5, 6, 7, 8):
        region = 0.1 + 0.6 * synthetic.edge(80, 48, degrees, sigma)
        # Dark to light, light to dark, and leaning the other way.
        batch = torch.stack([region, 1 - region, region.flip(0)])
        line = edges.find_line(batch)
        assert line.degrees.abs().tolist() == pytest.approx([degrees] * 3, abs=0.05)
        found = edges.crossing(*edges.sfr(batch, line))
        assert found.tolist() == pytest.approx([synthetic.mtf50(sigma, degrees)] * 3, rel=0.01)


def test_slopes_at_which_pixels_meet_an_edge_at_few_places_are_true_too() -> None:
    """Slopes of 1/8, 1/7, 1/6, 1/5 and 1/4, where pixels lie to one side in the bins."""
    for parts in (8, 7, 6, 5, 4):
        degrees = math.degrees(math.atan(1 / parts))
        for sigma in (1.0, 2.0):
            found = edges.crossing(*edges.sfr(0.1 + 0.6 * synthetic.edge(100, 80, degrees, sigma)[None]))
            assert float(found) == pytest.approx(synthetic.mtf50(sigma, degrees), rel=0.005)


def test_mtf50_under_noise() -> None:
    """Without bias; the deviation of one edge of 80x48 pixels is 1.3% at a noise of a sixtieth of its height."""
    region = 0.1 + 0.6 * synthetic.edge(80, 48, 5, 1.0)
    generator = torch.Generator().manual_seed(0)
    noisy = region + 0.01 * torch.randn((128, *region.shape), generator=generator, dtype=torch.float64)
    errors = edges.crossing(*edges.sfr(noisy)) / synthetic.mtf50(1.0, 5) - 1
    assert abs(float(errors.mean())) < 0.004
    assert float(errors.std()) < 0.016


def test_the_response_at_other_frequencies() -> None:
    frequencies, found = edges.sfr(synthetic.edge(80, 48, 5, 1.0)[None])
    for frequency in (0.05, 0.1, 0.2, 0.25):
        pixel = math.sin(math.pi * frequency) / (math.pi * frequency)
        truth = math.exp(-2 * (math.pi * frequency) ** 2) * pixel
        assert float(edges.mtf_at(frequencies, found, frequency)) == pytest.approx(truth, abs=0.004)
    assert float(found[0, 0]) == pytest.approx(1)
    # MTF10 lies where the response says so.
    tenth = float(edges.crossing(frequencies, found, 0.1))
    assert float(edges.mtf_at(frequencies, found, tenth)) == pytest.approx(0.1, abs=1e-3)


def test_a_response_that_falls_nowhere_ends_at_the_highest_frequency() -> None:
    frequencies = edges.grid(torch.zeros(1, dtype=torch.float64))
    assert edges.crossing(frequencies, torch.ones(1, 257, dtype=torch.float64)).tolist() == [1.0]


def test_displacement_is_that_of_a_shifted_channel() -> None:
    green, red = synthetic.edge(80, 48, 5, 1.0)[None], synthetic.edge(80, 48, 5, 1.3, offset=0.8)[None]
    line = edges.find_line(green)
    found = edges.displacement(edges.edge_spread(red, line), edges.edge_spread(green, line))
    # Along the normal.
    assert float(found) == pytest.approx(0.5 * math.cos(math.radians(5)), abs=0.005)


def test_overshoot_of_a_sharpened_edge() -> None:
    x = (torch.arange(48) - 23.5) - math.tan(math.radians(5)) * (torch.arange(80)[:, None] - 39.5)
    halo = 0.5 + 0.25 * torch.sign(x) * (1 + 0.2 * torch.exp(-(((x.abs() - 2) / 1.0) ** 2)))
    over, under = edges.overshoot(
        edges.edge_spread(halo.double()[None], edges.find_line(halo.double()[None]))
    )
    assert float(over) == pytest.approx(0.1, abs=0.01)
    assert float(under) == pytest.approx(0.1, abs=0.01)


def test_gradients() -> None:
    region = (0.1 + 0.6 * synthetic.edge(16, 14, 8, 0.8)).clone()[None].requires_grad_()
    line = edges.find_line(region)
    assert torch.autograd.gradcheck(lambda x: edges.crossing(*edges.sfr(x, line)), region, fast_mode=True)
    other = edges.edge_spread(region.detach().roll(1, -1), line)
    displaced = edges.displacement(edges.edge_spread(region, line), other)
    (slope,) = torch.autograd.grad(displaced.sum(), region)
    ahead, behind = (
        float(edges.displacement(edges.edge_spread(region.detach() + step * slope, line), other))
        for step in (1e-4, -1e-4)
    )
    assert (ahead - behind) / 2e-4 == pytest.approx(float(slope.square().sum()), rel=1e-5)
