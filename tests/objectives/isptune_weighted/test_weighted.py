"""The weighted sum: its formula, its facts, and what it refuses, word for word."""

from __future__ import annotations

import math

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import isptune
from isptune.contracts.objective import Objective
from isptune.contracts.requirements import Packaging
from isptune.errors import ConfigurationError, UnknownNameError
from isptune.scenes import load_scenes
from isptune.testing.pictures import picture, spoilt


@pytest.fixture
def pictures():
    good = picture(40, 56)
    return torch.cat([good, spoilt(good), good.flip(-1)]), good


def make(**options):
    return isptune.create_objective("weighted", **options)


def test_the_sum_is_the_documented_formula(pictures):
    images, reference = pictures
    found = make(
        terms={"psnr": 0.5, "ssim": {"weight": 20, "options": {"channels": "luma"}}, "noise-level": 5}
    )
    psnr = isptune.create_objective("psnr").score(images, reference).double()
    ssim = isptune.create_objective("ssim", channels="luma").score(images, reference).double()
    noise = isptune.create_objective("noise-level").score(images).double()
    # Lower noise is better, so it is subtracted.
    expected = 0.5 * psnr + 20 * ssim - 5 * noise
    torch.testing.assert_close(found.score(images, reference).double(), expected, rtol=1e-6, atol=1e-6)
    assert found.labels == ("psnr", "ssim", "noise-level")
    columns = found.scores(images, reference).double()
    torch.testing.assert_close(columns, torch.stack([psnr, ssim, noise], dim=1), rtol=1e-6, atol=1e-7)


def test_normalise_divides_by_the_width_of_the_range(pictures):
    images, reference = pictures
    found = make(terms={"psnr": 2, "ssim": 3, "clipping": 1}, normalise=True)
    columns = found.scores(images, reference).double()
    expected = 2 * columns[:, 0] / 140 + 3 * columns[:, 1] / 2 - columns[:, 2]
    torch.testing.assert_close(found.score(images, reference).double(), expected, rtol=1e-6, atol=1e-7)
    assert found.score_range == pytest.approx((-1.5 - 1, 2 + 1.5))


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=2), st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_weights_are_linear(weights, factor):
    image = picture(32, 32)
    once = make(terms={"contrast": weights[0], "noise-level": weights[1]}).score(image)
    scaled = make(terms={"contrast": weights[0] * factor, "noise-level": weights[1] * factor}).score(image)
    torch.testing.assert_close(scaled, once * factor, rtol=1e-5, atol=1e-6)


def test_facts_follow_from_the_terms():
    fidelity = make(terms={"psnr": 1.0, "ssim": 10})
    assert (fidelity.needs_reference, fidelity.is_differentiable) == (True, True)
    assert fidelity.score_range == (-10.0, 150.0)
    assert fidelity.packaging.weights is None
    blind = make(terms={"contrast": 1, "clipping": 2})
    assert (blind.needs_reference, blind.is_differentiable) == (False, False)
    assert blind.score_range == (-2.0, 0.5)
    assert blind.higher_is_better


class Open(Objective):
    """An objective without an upper bound."""

    higher_is_better = False
    score_range = (0.0, math.inf)
    packaging = Packaging(weights="a file of 3 MB")

    def score(self, images, reference=None):
        return images.mean(dim=(1, 2, 3))


def test_infinite_ranges_and_weights_to_download_are_passed_on(monkeypatch, snapshot):
    create = isptune.create_objective
    monkeypatch.setattr(
        isptune, "create_objective", lambda name, **o: Open() if name == "open" else create(name, **o)
    )
    found = create("weighted", terms={"open": 1, "contrast": 1})
    assert found.score_range == (-math.inf, 0.5)
    assert found.packaging.weights == "a file of 3 MB"
    with pytest.raises(ConfigurationError) as caught:
        create("weighted", terms={"open": 1, "contrast": 1}, normalise=True)
    assert str(caught.value) == snapshot


def test_terms_read_from_yaml_in_both_forms(pictures):
    images, reference = pictures
    mapping = yaml.safe_load("terms: {psnr: 1, ssim: {weight: 20, options: {channels: luma}}}")
    listed = yaml.safe_load(
        """
        terms:
          - objective: psnr
          - {objective: ssim, weight: 20, options: {channels: luma}}
        """
    )
    one, other = make(**mapping), make(**listed)
    assert one.labels == other.labels
    assert torch.equal(one.score(images, reference), other.score(images, reference))
    assert one.options == mapping


def test_one_objective_twice_under_labels(pictures):
    images, _ = pictures
    found = make(terms={"strict": {"objective": "clipping", "options": {"margin": 0.2}}, "clipping": 1})
    assert found.labels == ("strict", "clipping")
    scores = found.scores(images)
    assert bool((scores[:, 0] > scores[:, 1]).all())


def test_sums_of_sums(pictures):
    images, reference = pictures
    inner = {"terms": {"psnr": 1, "noise-level": 3}}
    nested = make(terms={"weighted": {"weight": 2, "options": inner}, "contrast": 1})
    expected = 2 * make(**inner).score(images, reference) + isptune.create_objective("contrast").score(images)
    torch.testing.assert_close(nested.score(images, reference), expected)


def test_gradients_are_the_sum_of_the_terms_gradients(pictures):
    images, reference = pictures
    leaf = images[1:2].clone().requires_grad_()
    (found,) = torch.autograd.grad(make(terms={"psnr": 2, "noise-level": 4}).score(leaf, reference), leaf)
    (psnr,) = torch.autograd.grad(isptune.create_objective("psnr").score(leaf, reference), leaf)
    (noise,) = torch.autograd.grad(isptune.create_objective("noise-level").score(leaf), leaf)
    torch.testing.assert_close(found, 2 * psnr - 4 * noise)


@pytest.mark.parametrize(
    "terms",
    [
        {},
        [],
        "psnr",
        None,
        {"psnr": 0},
        {"psnr": -1.5},
        {"psnr": math.inf},
        {"psnr": math.nan},
        {"psnr": True},
        {"psnr": None},
        {"psnr": {"weight": "2"}},
        {"psnr": {"wieght": 2}},
        {"psnr": {"q": 2}},
        {"ssim": {"options": [1]}},
        ["psnr"],
        [{"objective": "psnr"}, {"objective": "psnr"}],
    ],
)
def test_wrong_terms_are_refused(terms, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        make(terms=terms)
    assert str(caught.value) == snapshot


def test_terms_that_measure_on_charts_are_bound_to_a_scene():
    (scene,) = load_scenes("chart:288x192")
    both = make(terms={"psnr": 1, "snr": 2})
    assert both.chart_kinds == ("grey-scale", "colour-checker")
    assert make(terms={"psnr": 1}).for_scene(scene).chart_kinds == ()
    images = (scene.reference[None] * 0.9 + 0.05).clamp(0, 1)
    alone = [
        isptune.create_objective(name).for_scene(scene).score(images, scene.reference[None])
        for name in ("psnr", "snr")
    ]
    found = both.for_scene(scene).score(images, scene.reference[None])
    assert float(found) == pytest.approx(float(alone[0] + 2 * alone[1]), rel=1e-5)


def test_unknown_terms_and_options_get_the_registrys_errors():
    with pytest.raises(UnknownNameError) as caught:
        make(terms={"psnrr": 1})
    assert str(caught.value) == "there is no objective named 'psnrr'; did you mean 'psnr'?"
    with pytest.raises(ConfigurationError) as refused:
        make(terms={"ssim": {"options": {"chanels": "luma"}}})
    assert str(refused.value) == "the objective 'ssim' has no option 'chanels'; did you mean 'channels'?" + (
        "; its options: channels"
    )
    with pytest.raises(ConfigurationError, match="needs the option 'terms'"):
        make()
    with pytest.raises(ConfigurationError) as wrong:
        make(terms={"psnr": 1}, normalise="yes")
    assert (
        str(wrong.value)
        == "the option normalise of the objective 'weighted' is 'yes'; allowed: true or false"
    )
