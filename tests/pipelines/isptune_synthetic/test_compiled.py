"""Compiled loops against the PyTorch formulas, which float64 pictures take."""

import numba
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isptune.errors import ConfigurationError
from isptune.plugins.api import create_stage
from isptune_synthetic.compiled.arithmetic import power
from isptune_synthetic.filtering import separable
from isptune_synthetic.stages.blur import gaussian_blur
from isptune_synthetic.stages.brightness import brighten
from isptune_synthetic.stages.colour import desaturate
from isptune_synthetic.stages.noise import chroma_noise, white_noise
from isptune_synthetic.stages.sharpness import high_sharpen


def noise_for(images):
    generator = torch.Generator().manual_seed(7)
    return torch.randn(*images.shape[1:], generator=generator).to(images.dtype)


STAGES = {
    "brighten bgr": (lambda images, level, **out: brighten(images, level, **out), 1.1),
    "brighten rgb": (lambda images, level, **out: brighten(images, level, lab="rgb", **out), 1.1),
    "desaturate": (desaturate, 1.4),
    "white_noise": (lambda images, level, **out: white_noise(images, level, noise_for(images), **out), 0.1),
    "chroma_noise": (
        lambda images, level, **out: chroma_noise(images, level, noise_for(images), **out),
        0.0548,
    ),
    "blur": (gaussian_blur, 5.0),
    "sharpen bgr": (lambda images, level, **out: high_sharpen(images, level, **out), 12.0),
    "sharpen rgb": (lambda images, level, **out: high_sharpen(images, level, lab="rgb", **out), 12.0),
}

# The highest errors seen are 1.3e-5 for the sharpening, at its highest amount, and 7e-7 for all others.
TOLERANCE = dict.fromkeys(STAGES, 1e-5) | {"sharpen bgr": 5e-5, "sharpen rgb": 5e-5}

each_stage = pytest.mark.parametrize("name", STAGES)


def pictures(*shape, seed=3, low=0.0, high=1.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator) * (high - low) + low


def levels(name, *shares):
    return torch.tensor(shares) * STAGES[name][1]


def assert_like_the_formula(name, images, level):
    stage, _ = STAGES[name]
    result = stage(images, level)
    assert result.dtype == torch.float32
    # The very numbers of float32, so that only the stage's own rounding counts.
    torch.testing.assert_close(
        result.double(), stage(images.double(), level.double()), rtol=0, atol=TOLERANCE[name]
    )
    assert torch.equal(result[level == 0], images[level == 0])


@each_stage
@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 70)),
    shares=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=3),
    seed=st.integers(0, 1000),
)
@example(size=(1, 1), shares=[1.0, 0.0], seed=0)
@example(size=(5, 9), shares=[0.0], seed=0)
def test_a_picture_of_any_size_is_that_of_the_formula(name, size, shares, seed):
    images = pictures(len(shares), 3, *size, seed=seed)
    # A dark, a bright and a coloured corner: the straight parts of the curves, and clipped channels.
    images[..., 0, 0] *= 0.01
    images[..., -1, -1] = images[..., -1, -1].round()
    assert_like_the_formula(name, images, levels(name, *shares))


@each_stage
@pytest.mark.parametrize(
    "size",
    [(3, 511), (2, 512), (5, 513), (33, 700), (64, 520), (65, 1), (2, 1023), (1, 1024), (3, 1025)],
    ids=str,
)
def test_sizes_that_cross_a_tile_are_those_of_the_formula(name, size):
    assert_like_the_formula(name, pictures(2, 3, *size), levels(name, 0.4, 1.0))


@each_stage
def test_a_picture_of_several_bands_is_that_of_the_formula(name):
    assert_like_the_formula(name, pictures(1, 3, 300, 1100), levels(name, 0.7))


@pytest.mark.parametrize("radius", range(13))
def test_any_kernel_is_that_of_the_formula(radius):
    images = pictures(2, 4, 35, 17)
    kernels = pictures(2, 2 * radius + 1, seed=4) / (2 * radius + 1)
    expected = separable(images.double(), kernels.double())
    torch.testing.assert_close(separable(images, kernels).double(), expected, rtol=0, atol=1e-6)


def gradients(name, images, level, weights):
    images = images.clone().requires_grad_()
    level = level.clone().requires_grad_()
    (STAGES[name][0](images, level) * weights).sum().backward()
    return images.grad, level.grad


# The images' relative to their mean, as a pixel may be clipped by rounding alone: 4.5e-6 seen. The levels'
# relative to the weights, as what a level's gradient adds up may cancel: 7e-8 seen, as without loops.
@each_stage
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (33, 47), (40, 1030)], ids=str)
def test_gradients_are_those_of_the_formula(name, size):
    images = pictures(2, 3, *size, low=0.1, high=0.9)
    level, weights = levels(name, 0.13, 0.71), pictures(2, 3, *size, seed=5, low=-0.5, high=1.0)
    by_images, by_level = gradients(name, images, level, weights)
    assert by_images.dtype == by_level.dtype == torch.float32
    expected, expected_level = gradients(name, images.double(), level.double(), weights.double())
    error = (by_images - expected).abs().mean() / expected.abs().mean()
    assert error < 2e-5
    scale = weights.double().abs().sum(dim=(1, 2, 3))
    assert bool(((by_level - expected_level).abs() < 5e-7 * scale).all())


@each_stage
def test_only_the_gradients_asked_for_are_made(name):
    images, level = pictures(2, 3, 20, 30), levels(name, 0.3, 0.9)
    weights = pictures(2, 3, 20, 30, seed=5)
    by_images, by_level = gradients(name, images, level, weights)

    alone = level.clone().requires_grad_()
    (STAGES[name][0](images, alone) * weights).sum().backward()
    assert images.grad is None
    assert torch.equal(alone.grad, by_level)

    alone = images.clone().requires_grad_()
    (STAGES[name][0](alone, level) * weights).sum().backward()
    assert level.grad is None
    assert torch.equal(alone.grad, by_images)


@each_stage
def test_a_level_of_0_has_the_gradient_of_the_formula(name):
    images = pictures(1, 3, 20, 30, low=0.1, high=0.9)
    weights = pictures(1, 3, 20, 30, seed=5)
    by_images, by_level = gradients(name, images, torch.zeros(1), weights)
    expected, expected_level = gradients(
        name, images.double(), torch.zeros(1, dtype=torch.float64), weights.double()
    )
    torch.testing.assert_close(by_images.double(), expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(by_level.double(), expected_level, rtol=1e-4, atol=1e-4)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@each_stage
def test_the_number_of_threads_changes_no_bit(name, threads):
    # Just enough pixels to be shared out.
    images, level = pictures(2, 3, 257, 1031, low=0.1, high=0.9), levels(name, 0.3, 0.9)
    weights = pictures(1, 3, 257, 1031, seed=5)
    results = []
    for count in (1, 2, 5):
        threads(count)
        results.append((STAGES[name][0](images, level), *gradients(name, images, level, weights)))
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            assert torch.equal(first, second)


@each_stage
def test_a_sample_does_not_depend_on_its_batch(name):
    images, level = pictures(3, 3, 40, 530), levels(name, 0.3, 0.0, 0.9)
    together = STAGES[name][0](images, level)
    for index in range(3):
        part = slice(index, index + 1)
        assert torch.equal(STAGES[name][0](images[part], level[part]), together[part])


@each_stage
@pytest.mark.parametrize("size", [(4, 6), (70, 530)], ids=str)
def test_in_place_is_the_same(name, size):
    images, level = pictures(2, 3, *size), levels(name, 0.0, 0.8)
    expected = STAGES[name][0](images, level)
    given = images.clone()
    assert STAGES[name][0](given, level, out=given) is given
    assert torch.equal(given, expected)
    # A picture that has recorded gradients elsewhere is written to without them.
    leaf = images.clone().requires_grad_()
    with torch.no_grad():
        assert torch.equal(STAGES[name][0](leaf, level, out=leaf), expected)


def transposed(images):
    return images.transpose(2, 3).contiguous().transpose(2, 3)


def channels_last(images):
    return images.contiguous(memory_format=torch.channels_last)


def cut_out(images):
    room = torch.zeros(images.shape[0] + 1, 4, images.shape[2] + 3, 2 * images.shape[3] + 5)
    return room[1:, :3, 1:-2, 2:-3:2].copy_(images)


def flat(images):
    return images.contiguous()


layouts = [flat, transposed, channels_last, cut_out]


@each_stage
@pytest.mark.parametrize("arrange", layouts)
@pytest.mark.parametrize("arrange_out", layouts)
def test_any_layout_gives_the_same(name, arrange, arrange_out):
    images, level = pictures(2, 3, 9, 14), levels(name, 0.0, 0.8)
    expected = STAGES[name][0](images, level)
    arranged, out = arrange(images), arrange_out(torch.full_like(images, 7.0))
    assert torch.equal(STAGES[name][0](arranged, level), expected)
    assert STAGES[name][0](arranged, level, out=out) is out
    assert torch.equal(out, expected)
    assert STAGES[name][0](arranged, level, out=arranged) is arranged
    assert torch.equal(arranged, expected)


@each_stage
def test_expanded_pictures_and_gradients_give_the_same(name):
    image, level = pictures(1, 3, 9, 14, low=0.1, high=0.9), levels(name, 0.2, 0.8)
    expanded, copied = image.expand(2, -1, -1, -1), image.repeat(2, 1, 1, 1)
    assert torch.equal(STAGES[name][0](expanded, level), STAGES[name][0](copied, level))
    grey = pictures(2, 1, 9, 14).expand(-1, 3, -1, -1)
    assert torch.equal(STAGES[name][0](grey, level), STAGES[name][0](grey.contiguous(), level))
    # The gradient of a plain sum is one number, expanded.
    leaf = copied.clone().requires_grad_()
    STAGES[name][0](leaf, level).sum().backward()
    by_images, _ = gradients(name, copied, level, torch.ones_like(copied))
    assert torch.equal(leaf.grad, by_images)


@each_stage
@pytest.mark.parametrize("channel", range(3))
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_nan_stays_nan(name, channel, share):
    images = pictures(1, 3, 40, 40)
    images[0, channel, 3, 5] = torch.nan
    result = STAGES[name][0](images, levels(name, share))
    assert bool(result[0, channel, 3, 5].isnan())
    # A filter spreads it, no further than its taps reach.
    far = torch.ones(40, 40, dtype=torch.bool)
    far[:20, :25] = False
    if name.startswith(("blur", "sharpen")):
        assert bool(result[..., far].isfinite().all())
    else:
        assert int(result.isnan().any(dim=1).sum()) == 1


@each_stage
@pytest.mark.parametrize("of", ["images", "level"])
def test_out_is_refused_where_gradients_are_recorded(name, of):
    images, level = pictures(1, 3, 8, 8), levels(name, 0.5)
    (images if of == "images" else level).requires_grad_()
    out = torch.empty(1, 3, 8, 8)
    with pytest.raises(
        ConfigurationError,
        match="out= is for calls without gradients: leave it out or use torch.no_grad\\(\\)",
    ):
        STAGES[name][0](images, level, out=out)
    with torch.no_grad():
        assert STAGES[name][0](images, level, out=out) is out


@numba.njit(error_model="numpy")
def powers(bases, exponent, results):
    for i in range(len(bases)):
        results[i] = power(bases[i], exponent)


def relative_errors_of_powers(bases, exponent, expected_exponent):
    bases = bases.astype(np.float32)
    results = np.empty_like(bases)
    powers(bases, np.float32(exponent), results)
    expected = bases.astype(np.float64) ** expected_exponent
    return np.abs(results / expected - 1), expected


# With the lowest base that the loops raise to each.
@pytest.mark.parametrize(
    ("exponent", "lowest"), [(2.4, 0.09), (1 / 3, 0.008), (1 / 2.4, 0.003), (-2 / 3, 0.008), (1.4, 0.05)]
)
def test_powers_have_a_small_relative_error(exponent, lowest):
    bases = np.concatenate([np.geomspace(lowest, 4, 500_000), np.linspace(lowest, 4, 500_000)])
    errors, _ = relative_errors_of_powers(bases, exponent, exponent)
    assert errors.max() < 1e-6


@pytest.mark.parametrize("exponent", [2.4, 1 / 3, 1 / 2.4, -2 / 3, 1.4])
def test_powers_of_small_bases_lose_what_the_exponent_of_the_result_takes(exponent):
    # The exponent is rounded to float32 first, as the loops have it.
    rounded = np.float64(np.float32(exponent))
    errors, expected = relative_errors_of_powers(np.geomspace(1e-6, 4, 1_000_000), exponent, rounded)
    assert (errors / (1 + np.abs(np.log2(expected)))).max() < 1.2e-7


@pytest.mark.parametrize("name", ["gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen"])
def test_a_gradient_through_what_out_was_written_over_is_refused(name: str) -> None:
    stage = create_stage(name)
    images = torch.rand(1, 3, 24, 24)
    weights = torch.rand(1, 3, 24, 24, requires_grad=True)
    total = (images * weights).sum()
    with torch.no_grad():
        stage(images, torch.tensor([0.05]), out=images)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


def test_nan_in_one_channel_desaturates_to_nan_in_all() -> None:
    images = torch.full((1, 3, 4, 20), 0.5)
    for channel in range(3):
        broken = images.clone()
        broken[0, channel, 1, 7] = float("nan")
        result = create_stage("desaturate")(broken, torch.tensor([0.5]))
        assert result[0, :, 1, 7].isnan().all()
        assert int(result.isnan().sum()) == 3
