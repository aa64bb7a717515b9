"""``isptune train`` on a data set, with a tiny host, as a user would type it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from isptune.cli import run
from isptune.scenes import write_image
from isptune_clipiqa.tiny import write_tiny


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve pictures with opinions, and a tiny CLIP."""
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    generator = torch.Generator().manual_seed(0)
    rows = ["name,mos,std,official_split"]
    for index in range(12):
        image = torch.rand(3, 40, 48, generator=generator) * (index + 1) / 12
        write_image(f"pictures/{index}.png", image)
        rows.append(f"{index}.png,{10 + index},1,{'test' if index % 4 == 0 else 'train'}")
    Path("meta.csv").write_text("\n".join(rows) + "\n")
    write_tiny("clip")
    return tmp_path


def arguments(learner: str, **changes: str) -> list[str]:
    given = {
        "data": "meta.csv",
        "images": "pictures",
        "steps": "6",
        "every": "3",
        "out": "trained",
        **changes,
    }
    return ["train", learner, *(part for key, value in given.items() for part in (f"--{key}", value))]


HOST = ["--host", "clipiqa", "--option", "host_options={checkpoint: clip}", "--batch-size", "4"]


@pytest.mark.parametrize("learner", ["coop", "cocoop", "scorenet"])
def test_a_learner_on_opinions_and_its_objective(
    study: Path, learner: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments(learner, split="official_split"), *HOST, "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["step"] == 6
    assert Path(found["checkpoint"]) == Path("trained/model.safetensors")
    assert "step 6/6  loss " in captured.err
    entries = [json.loads(line) for line in Path("trained/training.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [3, 6]
    assert {path.name for path in Path("trained").iterdir()} >= {
        "model.safetensors",
        "training.png",
        "features",
    }
    objective = f"{learner}-clipiqa"
    command = ["score", "pictures", "--objective", objective, "--checkpoint", "trained/model.safetensors"]
    assert run([*command, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert len(scores) == 12
    assert all(0 <= row["score"] <= 1 for row in scores)
    assert run([*arguments(learner, split="official_split"), *HOST, "--resume"]) == 0


def message(capsys: pytest.CaptureFixture[str], given: list[str]) -> str:
    assert run(given) == 2
    return capsys.readouterr().err.strip().splitlines()[-1].removeprefix("isptune: error: ")


def test_what_is_refused(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(given: list[str], *more: Any) -> str:
        return message(capsys, [*given, *more])

    assert refused(arguments("coop", split="oficial_split"), *HOST) == (
        "'meta.csv' has no split 'oficial_split'; did you mean 'official_split'?"
    )
    assert refused(arguments("severity")) == (
        "the learner 'severity' has no frozen host and is trained on crops of one size: --data synthetic"
    )
    assert refused(arguments("copo"), *HOST) == "there is no learner named 'copo'; did you mean 'coop'?"
    assert refused(arguments("coop", loss="mes"), *HOST) == "there is no loss 'mes'; did you mean 'mse'?"
    assert refused(arguments("coop"), *HOST, "--data-option", "crop=64") == (
        "--data-option is for --data synthetic"
    )
    Path("flat.csv").write_text("name,mos\n" + "".join(f"{index}.png,5\n" for index in range(12)))
    assert "flat.csv" in refused(arguments("coop", data="flat.csv"), *HOST)
    Path("gone.csv").write_text("name,mos\n0.png,1\nnone.png,2\n")
    assert "none.png" in refused(arguments("coop", data="gone.csv"), *HOST)
    assert not Path("trained/model.safetensors").exists()
