"""The metric bank: its columns, objectives beside them, batches, and what it refuses."""

from __future__ import annotations

import pytest
import torch

import isptune
from isptune.contracts.objective import Objective
from isptune.errors import ConfigurationError, UnknownNameError
from isptune.plugins.registry import REGISTRIES
from isptune.testing.pictures import picture, spoilt
from isptune_statistics import bank as bank_module
from isptune_statistics import niqe_distance
from isptune_statistics.bank import DEFAULT, ORIENTATION, MetricBank
from isptune_statistics.natural_scenes import FEATURES, natural_scene_features
from isptune_statistics.niqe import PristineModel


class Redness(Objective):
    """Mean of the red channel."""

    higher_is_better = False

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.calls = 0

    def score(self, images, reference=None):
        self.calls += 1
        return images[:, 0].mean(dim=(-2, -1)) * self.factor


class Channels(Objective):
    """Means of all channels."""

    labels = ("red", "green", "blue")

    def score(self, images, reference=None):
        return self.scores(images).mean(dim=1)

    def scores(self, images, reference=None):
        return images.mean(dim=(-2, -1))


@pytest.fixture
def registered():
    """Two objectives of a user's, taken out of the registry afterwards."""
    registry = REGISTRIES["objectives"]
    isptune.register_objective("redness")(Redness)
    isptune.register_objective("channels")(Channels)
    yield
    for name in ("redness", "channels"):
        registry._records.pop(name)


def test_the_default_columns():
    bank = MetricBank()
    assert bank.names == DEFAULT == tuple(ORIENTATION)
    assert 16 <= len(bank.names) <= 24
    assert bank.orientation == tuple(ORIENTATION.values())
    assert set(bank.orientation) == {-1, 0, 1}
    found = bank(torch.cat([picture(64, 96), spoilt(picture(64, 96))]))
    assert found.shape == (2, len(DEFAULT))
    assert found.dtype == torch.float32
    assert bool(found.isfinite().all())


def test_columns_are_what_their_names_say(photographs):
    image = torch.cat([photographs.photograph(name) for name in photographs.NAMES])
    found = dict(zip(DEFAULT, MetricBank()(image).unbind(dim=1), strict=True))
    for name in (
        "sharpness",
        "noise-level",
        "contrast",
        "clipping",
        "exposure",
        "colourfulness",
        "niqe-distance",
    ):
        assert torch.equal(found[name], isptune.create_objective(name).score(image)), name
        higher = isptune.create_objective(name).higher_is_better
        assert ORIENTATION[name] == (1 if higher else -1)
    features = natural_scene_features(image).float()
    for name in ("shape-1", "variance-1", "shape-2", "variance-2"):
        torch.testing.assert_close(found[f"nss-{name}"], features[:, FEATURES.index(name)])
    asymmetry = torch.stack([features[:, i] for i, name in enumerate(FEATURES) if "-mean-" in name]).mean(
        dim=0
    )
    torch.testing.assert_close(found["nss-asymmetry"], asymmetry)


def test_oriented_columns_know_good_from_bad(photographs):
    """Each column meets the defect that it is there to see, on every photograph."""
    cases = {
        "niqe-distance": lambda image: photographs.noise(image, 0.1),
        "sharpness": lambda image: photographs.blur(image, 2),
        "detail-2": lambda image: photographs.blur(image, 2),
        "detail-3": lambda image: photographs.blur(image, 3),
        "noise-level": lambda image: photographs.noise(image, 0.05),
        "overshoot": lambda image: photographs.sharpen(image, 1.5),
        "blockiness": lambda image: photographs.jpeg(image, 20),
        "contrast": lambda image: 0.5 + (image - 0.5) * 0.5,
        "luma-entropy": lambda image: 0.5 + (image - 0.5) * 0.3,
        "underexposed": lambda image: image * 0.2,
        "overexposed": lambda image: (image * 3).clamp(max=1),
        "clipping": lambda image: (image * 3).clamp(max=1),
        "exposure": lambda image: image * 0.2,
        "colourfulness": lambda image: torch.lerp(image, image.mean(dim=1, keepdim=True), 0.6),
        "colour-cast": lambda image: (
            image.mean(1, keepdim=True) * torch.tensor([1.0, 0.8, 0.5]).reshape(1, 3, 1, 1)
        ),
    }
    assert set(cases) == {name for name, sign in ORIENTATION.items() if sign}
    bank = MetricBank(list(cases))
    for name in photographs.NAMES:
        image = photographs.photograph(name)
        own = bank(image)[0]
        for column, (metric, spoil) in enumerate(cases.items()):
            source = image.mean(dim=1, keepdim=True).expand_as(image) if metric == "colour-cast" else image
            before = own[column] if source is image else bank(source)[0, column]
            after = bank(spoil(image))[0, column]
            assert ORIENTATION[metric] * (after - before) < 0, (name, metric)


@pytest.mark.parametrize("size", [(64, 80), (33, 97), (300, 390)])
def test_a_row_does_not_depend_on_the_batch(photographs, monkeypatch, size):
    images = torch.cat(
        [photographs.photograph(name)[..., : size[0], : size[1]] for name in photographs.NAMES]
    )
    images = torch.cat([images, torch.zeros_like(images[:1]), torch.ones_like(images[:1])])
    bank = MetricBank()
    together = bank(images)
    torch.testing.assert_close(
        torch.cat([bank(image[None]) for image in images]), together, rtol=1e-5, atol=1e-6
    )
    order = [3, 1, 4, 0, 2]
    torch.testing.assert_close(bank(images[order]), together[order], rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(bank_module, "_PIXELS_TOGETHER", 2 * size[0] * size[1])
    torch.testing.assert_close(bank(images), together, rtol=1e-5, atol=1e-6)


def test_flat_and_extreme_images_have_finite_rows():
    flat = torch.stack([torch.full((3, 48, 64), level) for level in (0.0, 0.2, 0.5, 1.0)])
    checks = ((torch.arange(64) + torch.arange(48).reshape(-1, 1)) % 2).float().expand(1, 3, 48, 64)
    assert bool(MetricBank()(torch.cat([flat, checks])).isfinite().all())
    assert MetricBank()(flat[:0]).shape == (0, len(DEFAULT))


def test_no_gradient_and_no_change(photographs):
    images = photographs.photograph("coffee")[..., :64, :64].requires_grad_()
    kept = images.detach().clone()
    found = MetricBank(["contrast", "niqe-distance"])(images)
    assert not found.requires_grad
    assert torch.equal(images.detach(), kept)


def test_half_precision_and_double(photographs):
    image = photographs.photograph("coffee")[..., :96, :96]
    single = MetricBank()(image)
    double = MetricBank()(image.double())
    assert double.dtype == torch.float32
    torch.testing.assert_close(single, double, rtol=1e-4, atol=1e-5)
    assert bool(MetricBank()(image.half()).isfinite().all())


def test_objectives_stand_beside_columns(registered):
    bank = MetricBank(
        [
            "redness",
            {"objective": "redness", "options": {"factor": 2.0}, "label": "twice"},
            "channels",
            "contrast",
        ]
    )
    assert bank.names == ("redness", "twice", "channels:red", "channels:green", "channels:blue", "contrast")
    assert bank.orientation == (-1, -1, 0, 0, 0, 1)
    images = torch.cat([picture(40, 50, seed) for seed in range(3)])
    found = bank(images)
    means = images.mean(dim=(-2, -1))
    torch.testing.assert_close(found[:, 0], means[:, 0])
    torch.testing.assert_close(found[:, 1], 2 * means[:, 0])
    torch.testing.assert_close(found[:, 2:5], means)
    # A mapping always means the registered objective, with its options.
    wide = MetricBank({"objective": "clipping", "options": {"margin": 0.3}})
    torch.testing.assert_close(
        wide(images)[:, 0], isptune.create_objective("clipping", margin=0.3).score(images).float()
    )
    assert MetricBank("statistics").names == tuple(f"statistics:{name}" for name in DEFAULT)
    assert MetricBank(["redness"]).to("cpu").device == torch.device("cpu")


def test_an_objective_is_asked_once_per_batch(registered):
    bank = MetricBank(["redness"])
    bank(torch.cat([picture(40, 50)] * 5))
    assert bank._objectives[0][1].calls == 1


def test_another_pristine_model():
    model = PristineModel(torch.zeros(36, dtype=torch.float64), torch.eye(36, dtype=torch.float64))
    image = picture(64, 64)
    found = MetricBank(["niqe-distance"], pristine=model)(image)
    assert float(found) == pytest.approx(float(niqe_distance(image, model)), rel=1e-6)
    assert float(found) != pytest.approx(float(niqe_distance(image)), rel=1e-2)


@pytest.mark.parametrize(
    ("metrics", "error"),
    [
        ([], ConfigurationError),
        (["contrast", "contrast"], ConfigurationError),
        (["psnr"], ConfigurationError),
        ([{"objective": "contrast", "option": {}}], ConfigurationError),
        ([{"objective": "clipping", "options": 0.1}], ConfigurationError),
        ([3], ConfigurationError),
    ],
)
def test_wrong_metrics_are_refused(metrics, error, snapshot):
    with pytest.raises(error) as caught:
        MetricBank(metrics)
    assert str(caught.value) == snapshot


def test_unknown_names_and_wrong_images_are_refused():
    with pytest.raises(UnknownNameError):
        MetricBank(["no-such-metric"])
    with pytest.raises(ConfigurationError) as caught:
        MetricBank(["contrast"])(torch.rand(1, 3, 31, 40))
    assert str(caught.value) == "'the metric bank' needs images of at least 32 px on each side, got 40x31"
    with pytest.raises(ConfigurationError):
        MetricBank(["contrast"])(torch.rand(3, 64, 64))


def test_statistics_objective_gives_the_banks_columns(photographs):
    images = torch.cat([photographs.photograph(name) for name in photographs.NAMES])
    objective = isptune.create_objective("statistics")
    assert objective.labels == DEFAULT
    assert torch.equal(objective.scores(images), MetricBank()(images))
    torch.testing.assert_close(
        objective.score(images), objective.scores(images)[:, DEFAULT.index("niqe-distance")]
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_device_gives_the_same_rows_in_the_memory_promised(photographs):
    images = torch.cat([photographs.photograph(name) for name in photographs.NAMES])
    bank = MetricBank(device="cuda")
    found = bank(images)
    assert found.device.type == "cuda"
    torch.testing.assert_close(found.cpu(), MetricBank()(images), rtol=1e-3, atol=1e-4)
    large = torch.rand(1, 3, 2160, 3840, device="cuda")
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    bank(large)
    taken = torch.cuda.max_memory_allocated() - before
    assert taken <= bank.memory.images * large.numel() * large.element_size()
