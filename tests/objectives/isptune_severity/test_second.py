"""The second version of severity: fingerprints, labels, data, uncertainty, maps, and its learner."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import isptune
from isptune.cli import run
from isptune.contracts.distortion import Distortion
from isptune.contracts.objective import Objective
from isptune.errors import ConfigurationError
from isptune.plugins.registry import stages
from isptune.testing import ObjectiveConformance
from isptune.testing.pictures import picture
from isptune_severity.chains import SIZES, shares_of_variants
from isptune_severity.data import SeverityData
from isptune_severity.families import FAMILIES, STAGES, WEIGHTS
from isptune_severity.fingerprints import fingerprints, fingerprints_count
from isptune_severity.full_reference import severities
from isptune_severity.objective import embedded
from isptune_severity.second_learner import SecondSeverity, proportional, together
from isptune_severity.second_network import carried
from isptune_severity.tiles import starts


class TestConformance(ObjectiveConformance):
    name = "severity"
    options: ClassVar[dict[str, Any]] = {"version": 2, "dtype": "float64"}
    # Convolutions with ReLUs have kinks, and quantiles change blocks.
    gradient_tolerance = 2e-2
    difference_step = 1e-6

    def good(self, height: int, width: int) -> Tensor:
        """A photograph: generated pictures of so few pixels are far from what version 2 was trained on."""
        return photograph()[..., :height, :width]

    def test_gradient_is_finite_at_flat_and_identical_images(self) -> None:
        objective = self.make()
        for level in (0.0, 0.5, 1.0):
            images = torch.full((1, 3, 48, 80), level, dtype=torch.float64, requires_grad=True)
            (gradient,) = torch.autograd.grad(objective.score(images).sum(), images)
            assert bool(gradient.isfinite().all())


@pytest.fixture(scope="module")
def severity() -> Objective:
    return isptune.create_objective("severity", version=2)


def photograph(name: str = "coffee") -> Tensor:
    """(1, 3, 224, 224), never seen in training."""
    from skimage import data

    return torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None, :, 100:324, 100:324].float() / 255


def spoilt(image: Tensor, name: str, shares: list[float]) -> Tensor:
    stage = isptune.create_stage(name)
    levels = torch.tensor(shares) * stage.level_range[1]
    images = image.repeat(len(shares), 1, 1, 1)
    if not stage.is_stochastic:
        return stage(images, levels)
    return stage(images, levels, stage.draw(*image.shape[-2:], torch.Generator().manual_seed(0)))


def test_every_stage_of_the_bank_has_families_that_count_once() -> None:
    bank = {name for name in stages.names() if ":" not in name and issubclass(stages.get(name), Distortion)}
    assert {name for name in bank if not name.startswith("test")} >= set(STAGES)
    for name, parts in STAGES.items():
        assert sum(WEIGHTS[family] * share for family, share in parts.items()) == pytest.approx(1), name


@pytest.mark.parametrize("size", [(32, 32), (33, 97), (64, 80)])
def test_fingerprints_have_a_column_each(size: tuple[int, int]) -> None:
    found = fingerprints(torch.rand(2, 3, *size))
    assert found.shape == (2, fingerprints_count())
    assert bool(found.isfinite().all())


@pytest.mark.parametrize(
    ("stage", "column"),
    [("pixelate", 12), ("jpeg", 18), ("quantize", 42), ("color_block", 109)],
)
def test_a_fault_leaves_its_fingerprint(stage: str, column: int) -> None:
    """Equal neighbours, seams on a grid of 8, a rough histogram, flat spots unlike what lies around them."""
    values = fingerprints(spoilt(photograph(), stage, [0.0, 0.5, 1.0]))[:, column]
    assert values[0] < values[1]
    assert values[0] < values[2]


def test_vignetting_bends_the_light_towards_the_corners() -> None:
    slopes = fingerprints(spoilt(torch.full((1, 3, 96, 96), 0.5), "vignetting", [0.0, 0.5, 1.0]))[:, 44]
    assert float(slopes[0]) == pytest.approx(0, abs=1e-5)
    assert slopes[2] < slopes[1] < -0.1


def test_labels_of_the_scene_itself_are_zero() -> None:
    scene = photograph()
    assert float(severities(scene, scene).abs().max()) < 0.01


@pytest.mark.parametrize(
    ("stage", "family"),
    [
        *(("white_noise", "luma_noise"), ("white_noise", "chroma_noise"), ("gaussian_blur", "blur")),
        *(("brighten", "exposure"), ("desaturate", "saturation"), ("white_balance_gain", "cast")),
        *(("high_sharpen", "halos"), ("vignetting", "shading"), ("nonlinear_contrast", "contrast")),
    ],
)
def test_labels_by_comparison_rise_with_the_level(stage: str, family: str) -> None:
    scene = photograph()
    column = severities(spoilt(scene, stage, [0.0, 0.2, 0.5]), scene)[:, FAMILIES.index(family)]
    assert column[0] <= column[1] < column[2]
    # In about the bank's units.
    assert 0.1 < float(column[2]) < 1.2


def test_uncertainty_and_caution(severity: Objective) -> None:
    images = picture(64, 96)
    assert isinstance(severity, Objective)
    half: Any = severity
    narrow, wide = half.uncertainty(images, 0.5), half.uncertainty(images, 0.95)
    assert narrow.shape == (1, len(FAMILIES) + 1)
    assert bool((wide > narrow).all())
    assert bool((narrow > 0).all())
    careful = isptune.create_objective("severity", version=2, caution=2.0)
    expected = severity.score(images) + 2 * half.uncertainty(images, 0.68)[:, -1]
    torch.testing.assert_close(careful.score(images), expected)
    with pytest.raises(ConfigurationError) as caught:
        half.uncertainty(images, 1.5)
    assert str(caught.value) == "level of an interval is 1.5; allowed: 0.01 to 0.99"
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("severity", caution=1.0)
    assert str(caught.value) == (
        "caution of 'severity' is for version 2, which says how far it may be off; "
        "add version=2, or leave it out"
    )


def test_maps_show_where_a_fault_is(severity: Objective) -> None:
    image = photograph()
    noisy = image.clone()
    noise = spoilt(image, "white_noise", [0.6])
    noisy[..., :112] = noise[..., :112]
    found = severity.maps(noisy, tile=64)  # type: ignore[attr-defined]
    assert found.shape == (1, len(FAMILIES), 6, 6)
    luma = found[0, FAMILIES.index("luma_noise")]
    assert luma[:, :2].mean() > luma[:, -2:].mean() + 0.1
    assert starts(100, 64) == [0, 32, 36]
    assert starts(40, 64) == [0]


def test_the_score_is_the_weighted_mean(severity: Objective) -> None:
    images = picture(64, 64)
    weights = torch.tensor([WEIGHTS[family] for family in FAMILIES])
    torch.testing.assert_close(severity.score(images), severity.scores(images) @ weights / weights.sum())


def test_compiled_loops_give_what_the_operators_give() -> None:
    images = torch.cat([picture(96, 128), photograph()[:, :, :96, :128]])
    plain = isptune.create_objective("severity", version=2, dtype="float32", compiled=False)
    for dtype, tolerance in (("float32", 2e-4), ("bfloat16", 2e-2)):
        loops = isptune.create_objective("severity", version=2, dtype=dtype)
        torch.testing.assert_close(loops.scores(images), plain.scores(images), rtol=0, atol=tolerance)


def test_calibration_holds_its_share() -> None:
    """Of errors that were held out, nine of ten lie in the interval of nine tenths."""
    learner = SecondSeverity(widths=(4, 4, 4), hidden=8).eval()
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(400, learner.network.mean.numel(), generator=generator)
    targets = torch.randn(400, len(FAMILIES), generator=generator)
    learner.calibrate(iter([({"features": features}, targets)]))
    found, spreads = learner.both({"features": features})
    inside = (found - targets).abs() <= torch.exp(spreads[:, :-1]) * learner.quantiles[89, :-1]
    assert float(inside.double().mean()) == pytest.approx(0.9, abs=0.01)


def test_differences_count_in_proportion_to_what_is_compared() -> None:
    contents = torch.tensor([0, 0, 1, 1])
    wanted = torch.tensor([0.0, 0.05, 0.0, 1.0])
    # Off by 0.1 both: of 0.05 + 0.05 for the faint pair, of 1 + 0.05 for the strong one.
    found = torch.tensor([0.0, 0.15, 5.0, 6.1])
    errors = torch.tensor([0.1 / 0.1, 0.1 / 1.05])
    expected = torch.nn.functional.huber_loss(errors, torch.zeros(2), delta=0.5)
    torch.testing.assert_close(proportional(found, wanted, contents), expected)


def test_heads_together_are_their_mean() -> None:
    """The first counts half; the convolutions are shared."""
    made = [SecondSeverity(widths=(4, 4, 4), hidden=8, seed=seed).eval() for seed in range(3)]
    for one in made[1:]:
        one.network.stem.load_state_dict(made[0].network.stem.state_dict())
        one.network.levels.load_state_dict(made[0].network.levels.state_dict())
    whole = together(made)
    images = picture(64, 64)
    with torch.no_grad():
        first, second, third = (one.network(images) for one in made)
        torch.testing.assert_close(whole.network(images), first / 2 + (second + third) / 4)


def test_the_first_version_has_its_share() -> None:
    """A quarter of the judgement is what it says of the families that it knows."""
    learner = SecondSeverity(hidden=8, warm=True).eval()
    whole = together([learner], original=0.25)
    images = picture(64, 64)
    with torch.no_grad():
        own, first = learner.network(images), embedded(1).network(images)
        torch.testing.assert_close(whole.network(images), 0.75 * own + 0.25 * first @ carried())


def test_variants_of_a_wide_batch(tmp_path: Path) -> None:
    """Of one of the sizes, the first of a content pristine, and what is kept gives back the pictures."""
    shares = shares_of_variants(400, 5, torch.Generator().manual_seed(0))
    assert not shares[0].any()
    assert 0 <= float(shares.min()) < float(shares.max()) <= 1
    same = (shares[1:] == shares[:-1]).sum(1)
    assert int(((same == 4) & (shares[1:].sum(1) > 0)).sum()) > 20
    data = SeverityData(["chart:320x288"], tmp_path, variants=8, renderings=0, wide=True)
    batch = data.batch(3)
    images = batch.features["images"]
    assert tuple(images.shape[-2:]) in SIZES
    assert len(images) == 8 * (int(batch.contents.max()) + 1)
    assert not batch.targets[::8].any()
    assert data.describe()["wide"] is True
    learner = SecondSeverity(widths=(4, 4, 4), hidden=8, differences=2.0).eval()
    with torch.no_grad():
        kept = learner.encode(images[:3])
        torch.testing.assert_close(learner(kept), learner.network(images[:3]), rtol=0, atol=2e-3)


@pytest.mark.parametrize("trunk", ["frozen", "trained"])
def test_train_writes_what_the_objective_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], trunk: str
) -> None:
    data = [f"folder={tmp_path / 'data'}", "crop=64", "contents=2", "renderings=2"]
    arguments = ["train", "severity-isp", "--images", "chart:320x288", "--steps", "3", "--every", "3"]
    arguments += ["--option", "widths=[4,4,4]", "--option", "hidden=8", "--option", f"trunk={trunk}"]
    if trunk == "trained":
        arguments += ["--option", "differences=2", "--option", "anchor=0", "--average", "0.9"]
    for part in [*data, "batches=2"]:
        arguments += ["--data-option", part]
    assert run([*arguments, "--out", str(tmp_path / "run")]) == 0
    assert "step 3/3  loss " in capsys.readouterr().err
    checkpoint = str(tmp_path / "run" / "model.safetensors")
    objective = isptune.create_objective("severity", checkpoint=checkpoint)
    assert objective.labels == FAMILIES
    assert objective.coverage is not None
    assert set(objective.coverage.trained_on) == set(STAGES)
    assert objective.scores(picture(64, 64)).shape == (1, len(FAMILIES))
    assert run([*arguments, "--out", "x", "--data-option", "varients=3"]) == 2
    assert "synthetic data has no option 'varients'; did you mean 'variants'?" in capsys.readouterr().err
