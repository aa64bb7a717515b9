"""The embedded severity model as an objective, its network, and its learner."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from scipy import ndimage
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

import isptune
from isptune.cli import run
from isptune.contracts.objective import Objective
from isptune.errors import ConfigurationError
from isptune.iqa.training.checkpoint import save_learned
from isptune.plugins.registry import learners
from isptune.testing import ObjectiveConformance
from isptune.testing.pictures import picture
from isptune_severity import FAMILIES, SeverityNetwork
from isptune_severity.network import statistics, statistics_count


class TestConformance(ObjectiveConformance):
    name = "severity"
    # Severities lie around 0, where little is left of a relative tolerance.
    batch_tolerance = 2e-4
    # Single precision through a dozen layers; in double precision it is exact.
    gradient_tolerance = 1e-2
    difference_step = 1e-3
    supports_float64 = False

    def test_gradient_is_true(self) -> None:
        """Single precision rounds too much for differences; see the suite in double precision."""
        images = self.good(48, 80).requires_grad_()
        (gradient,) = torch.autograd.grad(self.make().score(images).sum(), images)
        assert bool(gradient.isfinite().all())
        assert bool((gradient != 0).any())


class TestConformanceInDoublePrecision(ObjectiveConformance):
    name = "severity"
    options: ClassVar[dict[str, Any]] = {"dtype": "float64"}
    # Convolutions with ReLUs have kinks, and quantiles change blocks.
    gradient_tolerance = 2e-2
    difference_step = 1e-6

    def test_gradient_is_finite_at_flat_and_identical_images(self) -> None:
        objective = self.make()
        for level in (0.0, 0.5, 1.0):
            images = torch.full((1, 3, 48, 80), level, dtype=torch.float64, requires_grad=True)
            (gradient,) = torch.autograd.grad(objective.score(images).sum(), images)
            assert bool(gradient.isfinite().all())


@pytest.fixture(scope="module")
def severity() -> Objective:
    return isptune.create_objective("severity")


@pytest.mark.parametrize(
    ("stage", "family", "share"),
    [
        ("gaussian_blur", "blur", 0.4),
        ("brighten", "exposure", 0.6),
        ("desaturate", "saturation", 0.5),
        ("white_noise", "noise", 0.3),
        ("high_sharpen", "sharpening", 0.3),
    ],
)
def test_every_family_of_the_default_isp_is_seen(
    severity: Objective, stage: str, family: str, share: float
) -> None:
    """On photographs that were never trained on, the family's severity rises with the stage's level."""
    from skimage import data

    made = isptune.create_stage(stage)
    for name in ("astronaut", "coffee", "chelsea"):
        image = torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None, :, :256, :256].float() / 255
        levels = torch.tensor([0.0, share / 2, share]) * made.level_range[1]
        noise = None
        if made.is_stochastic:
            noise = made.draw(*image.shape[-2:], torch.Generator().manual_seed(0))
        scores = severity.scores(made(image.repeat(3, 1, 1, 1), levels, noise))
        column = scores[:, FAMILIES.index(family)]
        assert column[0] < column[1] < column[2], (name, column)


def test_statistics_against_plain_arrays() -> None:
    image = picture(64, 96)[0].double()
    found = statistics(image[None])[0]
    assert found.shape == (statistics_count(),)
    red, green, blue = image.numpy()
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    kernel = np.outer([1, -2, 1], [1, -2, 1]) / 4
    energy = np.abs(ndimage.convolve(luma, kernel)[1:-1, 1:-1])
    rows, columns = energy.shape[0] // 8, energy.shape[1] // 8
    blocks = energy[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).mean((1, 3)).ravel()
    ordered = np.sort(np.log(blocks + 4e-4))
    expected = [ordered[int(share * (len(ordered) - 1))] for share in (0.05, 0.25, 0.5, 0.75, 0.95)]
    np.testing.assert_allclose(found[:5].numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(found[-6:-3].numpy(), image.mean((1, 2)).numpy(), atol=1e-9)


def test_a_ramp_has_no_high_pass_energy() -> None:
    ramp = torch.linspace(0.2, 0.8, 80).repeat(64, 1) + torch.linspace(0, 0.1, 64)[:, None]
    found = statistics(ramp.expand(1, 3, -1, -1))
    assert float(found[0, :5].max()) == pytest.approx(float(np.log(4e-4)), abs=0.01)


def test_the_network_takes_any_size() -> None:
    network = SeverityNetwork((4, 6, 8), 16).eval()
    for height, width in ((32, 32), (33, 97), (200, 41)):
        assert network(torch.rand(2, 3, height, width)).shape == (2, 7)


def test_small_pictures_are_refused(severity: Objective) -> None:
    with pytest.raises(ConfigurationError) as caught:
        severity.score(torch.zeros(1, 3, 31, 64))
    assert str(caught.value) == "'severity' needs pictures of at least 32x32 pixels, got 64x31"


def test_checkpoints_of_your_own(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    learner = learners.create("severity", widths=[4, 6, 8], hidden=16, seed=3)
    file = tmp_path / "own.safetensors"
    save_learned(file, learner)
    objective = isptune.create_objective("severity", checkpoint=str(file), dtype="float32")
    images: Tensor = picture(64, 64)
    torch.testing.assert_close(objective.scores(images), learner.eval()({"images": images}))
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("severity", checkpoint="nowhere.safetensors")
    assert str(caught.value) == snapshot
    other = learners.create("qalign", width=16, heads=2, image_size=32, patch_size=16)
    save_learned(file, other)
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("severity", checkpoint=str(file))
    assert str(caught.value) == snapshot


def test_tuning_a_photograph_that_was_never_seen(tmp_path: Path) -> None:
    """With nothing but the picture: the goal of the whole project, in small."""
    from PIL import Image
    from skimage import data

    Image.fromarray(data.coffee()[100:356, 150:406]).save(tmp_path / "coffee.png")
    pipeline = isptune.create_pipeline("synthetic", scenes=[str(tmp_path / "coffee.png")], seed=1)
    result = isptune.tune(pipeline, "severity", budget=600, population=30, seed=1)
    assert result.l1_normalised is not None
    assert result.l1_normalised < 0.1


def test_train_writes_what_the_objective_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "severity", "--images", "chart:256x192", "--steps", "4", "--every", "2"]
    arguments += ["--option", "widths=[4,4,4]", "--data-option", "crop=48", "--data-option", "contents=2"]
    assert run([*arguments, "--out", str(tmp_path / "run"), "--tensorboard"]) == 0
    captured = capsys.readouterr()
    assert "step 4/4  loss " in captured.err
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))
    checkpoint = str(tmp_path / "run" / "model.safetensors")
    assert run(["score", "chart:96x64", "--objective", "severity", "--checkpoint", checkpoint]) == 0
    assert run([*arguments, "--out", str(tmp_path / "run")]) == 2
    assert "already holds a training" in capsys.readouterr().err
    assert run([*arguments, "--out", "x", "--data-option", "varients=3"]) == 2
    assert "synthetic data has no option 'varients'; did you mean 'variants'?" in capsys.readouterr().err
