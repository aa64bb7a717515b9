"""Training data of one quality a picture: the bank of distortions, and ISPs on simulated raws."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from isptune.cli import run
from isptune.errors import ConfigurationError
from isptune_severity.data import SeverityData
from isptune_severity.families import FAMILIES, WEIGHTS
from isptune_severity.quality_data import QualityData

CHART = "chart:320x288"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops and renderings, made once."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def data(folder: Path) -> QualityData:
    return QualityData([CHART], folder, crop=96, least=64, contents=2, variants=3, renderings=2, seed=1)


def test_the_batch_of_a_step_is_always_the_same(data: QualityData, folder: Path) -> None:
    again = QualityData([CHART], folder, crop=96, least=64, contents=2, variants=3, renderings=2, seed=1)
    for step in range(3):
        first, second = data.batch(step), again.batch(step)
        assert torch.equal(first.features["images"], second.features["images"])
        assert torch.equal(first.targets, second.targets)
    assert data.describe() == again.describe()


def test_pictures_are_cut_to_sizes_between_the_least_and_the_whole(data: QualityData) -> None:
    shapes = {tuple(data.batch(step).features["images"].shape) for step in range(12)}
    assert all(shape[:2] == (6, 3) and 64 <= min(shape[2:]) <= max(shape[2:]) <= 96 for shape in shapes)
    assert (6, 3, 96, 96) in shapes
    assert len(shapes) > 4


def test_quality_falls_with_the_weighted_severities(folder: Path) -> None:
    """Five units of severity, what the default chain has at its highest levels, are the worst quality."""
    options = {"crop": 96, "contents": 2, "variants": 3, "seed": 1}
    whole = QualityData([CHART], folder, least=96, rendered=0, **options)
    severities = SeverityData([CHART], folder, rendered=0, renderings=0, default=0.5, single=0.2, **options)
    for step in range(3):
        batch, labels = whole.batch(step), severities.batch(step).targets
        total = labels @ torch.tensor([WEIGHTS[family] for family in FAMILIES])
        torch.testing.assert_close(batch.targets, 1 - (total / 5).clamp(max=1) ** 0.7)
        assert batch.targets[::3].tolist() == [1.0, 1.0]
        assert float(batch.targets.min()) < 1


def test_the_validation_holds_both_sources_by_their_share(data: QualityData) -> None:
    batches = list(data.validation())
    assert (len(batches), data.validation_of_bank) == (16, 10)
    assert all(batch.targets.shape == (6,) for batch in batches)


def test_a_learner_of_another_plugin_takes_it_by_name(tmp_path: Path, folder: Path) -> None:
    """What any learner of one score can do; where it was trained stands in its checkpoint."""
    sizes = "width=16,heads=2,image_size=64,vision_layers=1,language_layers=1,abstractor_layers=1"
    options = [f"folder={folder}", "crop=96", "least=64", "contents=2", "renderings=2", "batches=2", "seed=1"]
    arguments = ["train", "qalign", "--data", "isp", "--images", CHART, "--steps", "2", "--every", "2"]
    for size in sizes.split(","):
        arguments += ["--option", size]
    for option in options:
        arguments += ["--data-option", option]
    assert run([*arguments, "--out", str(tmp_path / "run")]) == 0
    facts = json.loads((tmp_path / "run" / "training.json").read_text())["data"]
    assert facts["target"] == "quality"
    assert "vignetting" in facts["others"]


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def message(learner: str, *more: str) -> str:
        assert run(["train", learner, "--out", str(tmp_path / "none"), *more]) == 2
        return capsys.readouterr().err.strip().splitlines()[-1].removeprefix("isptune: error: ")

    assert message("qalign", "--data", "isps") == (
        "there is no file, folder or training data 'isps'; did you mean 'isp'?"
    )
    assert message("qalign", "--data", "isp", "--data-option", "leats=64") == (
        "the training data 'isp' has no option 'leats'; did you mean 'least'?; its options: folder, crop, least, "
        "contents, variants, rendered, default, single, renderings, looks, seed"
    )
    assert message("severity", "--data", "isp") == (
        "the training data 'isp' gives one score a picture, but the learner 'severity' predicts blur, exposure, "
        "saturation, noise, sharpening, compression, contrast; allowed: --data synthetic"
    )
    with pytest.raises(ConfigurationError, match="least of synthetic data is 128; allowed: at most crop, 96"):
        QualityData([CHART], tmp_path, crop=96, least=128)
