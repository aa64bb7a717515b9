"""The loop: it learns, it stops and goes on to the same weights, and it says what is wrong."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from syrupy.assertion import SnapshotAssertion
from torch import Tensor, nn

from isptune.cli import run as command
from isptune.errors import ConfigurationError, DiskFullError, EvaluationError, RunDirectoryError
from isptune.iqa.training import Learner
from isptune.iqa.training.averaging import WeightAverage
from isptune.iqa.training.batch_source import Batch
from isptune.iqa.training.cached import CachedSource
from isptune.iqa.training.checkpoint import read_learned, save_learned
from isptune.iqa.training.training_loop import Settings, read_log, train


class Line(Learner):
    """A learner of a linear map behind a frozen host that doubles."""

    name = "line"

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.host = nn.Linear(4, 4, bias=False).requires_grad_(False)
        with torch.no_grad():
            self.host.weight.copy_(2 * torch.eye(4))
        self.head = nn.Linear(4, 1)
        with torch.no_grad():
            generator = torch.Generator().manual_seed(seed)
            self.head.weight.copy_(torch.randn(1, 4, generator=generator))
            self.head.bias.zero_()
        self.register_buffer("mean", torch.zeros(4))
        self.encoded = 0

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        self.encoded += len(images)
        return {"vector": self.host(images.mean((2, 3)).repeat(1, 2)[:, :4])}

    def fit(self, features: Any) -> None:
        self.mean.copy_(features["vector"].mean(0))

    def forward(self, features: Any) -> Tensor:
        return self.head(features["vector"] - self.mean)[:, 0]

    def configuration(self) -> dict[str, Any]:
        return {"seed": 0}

    def frozen_modules(self) -> tuple[str, ...]:
        return ("host",)


class Made:
    """Random pictures whose target is a combination of their mean colours."""

    steps_per_epoch = 10

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def batch(self, step: int) -> Batch:
        images = torch.rand(16, 3, 4, 4, generator=torch.Generator().manual_seed(step))
        means = images.mean((2, 3))
        return Batch(
            {"images": images}, self.scale * (means[:, 0] - 0.5 * means[:, 1]), torch.arange(16) // 4
        )

    def validation(self) -> Iterator[Batch]:
        yield self.batch(10**6)

    def describe(self) -> dict[str, Any]:
        return {"scale": self.scale}


SETTINGS = Settings({"mse": 1.0, "plcc": 0.1}, steps=60, rate=0.05, every=10)


class Stop(Exception):
    pass


def test_it_learns(tmp_path: Path) -> None:
    path = train(Line(), Made(), Settings({"mse": 1.0}, steps=400, rate=0.05, every=100), tmp_path / "run")
    entries = read_log(tmp_path / "run")
    assert [entry.step for entry in entries] == [100, 200, 300, 400]
    assert entries[-1].loss < 1e-3 < entries[0].loss
    assert entries[-1].srcc is not None
    assert entries[-1].srcc > 0.99
    name, configuration, state = read_learned(path)
    assert (name, configuration) == ("line", {"seed": 0})
    assert set(state) == {"head.weight", "head.bias", "mean"}


def test_a_training_on_a_full_disk_goes_on_to_the_same_weights(tmp_path: Path, disk: Any) -> None:
    whole = train(Line(), Made(), SETTINGS, tmp_path / "whole")
    for number, room in enumerate((100, 600, 3_000)):
        out = tmp_path / f"full{number}"
        disk(room)
        with pytest.raises(DiskFullError, match="cannot be written: No space left on device") as caught:
            train(Line(), Made(), SETTINGS, out)
        disk(None)
        begun = (out / "training.json").exists()
        assert ("--resume" in str(caught.value)) == begun
        path = train(Line(), Made(), SETTINGS, out, resume=begun)
        assert path.read_bytes() == whole.read_bytes()
        assert [entry.step for entry in read_log(out)] == [10, 20, 30, 40, 50, 60]
        assert [path.name for path in out.glob(".*")] == [".lock"]


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path, share: float) -> None:
    settings = replace(SETTINGS, average=share)
    whole = train(Line(), Made(), settings, tmp_path / "whole")

    def stop(entry: Any, steps: int) -> None:
        if entry.step in (20, 40):
            raise Stop

    for resume in (False, True):
        with pytest.raises(Stop):
            train(Line(), Made(), settings, tmp_path / "broken", listener=stop, resume=resume)
    broken = train(Line(), Made(), settings, tmp_path / "broken", resume=True)
    first, second = load_file(whole), load_file(broken)
    assert all(torch.equal(first[key], second[key]) for key in first)

    def plain(folder: str) -> list[Any]:
        return [(entry.step, entry.loss, entry.srcc) for entry in read_log(tmp_path / folder)]

    assert plain("whole") == plain("broken")


def test_a_killed_command_goes_on_to_the_same_weights(tmp_path: Path, commands: Any) -> None:
    arguments = ["train", "severity", "--images", "chart:256x192"]
    arguments += ["--option", "widths=[4, 4, 4]", "--option", "hidden=8", "--steps", "24", "--every", "4"]
    arguments += ["--data-option", "crop=48", "--data-option", "contents=2", "--data-option", "others=[]"]
    assert command([*arguments, "--out", str(tmp_path / "whole")]) == 0
    broken = tmp_path / "broken"
    process = commands.start([*arguments, "--out", str(broken)])
    deadline = time.monotonic() + 240
    while not (broken / "state.pt").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert command([*arguments, "--out", str(broken), "--resume"]) == 0
    first, second = (load_file(folder / "model.safetensors") for folder in (tmp_path / "whole", broken))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert (broken / "training.png").exists()


def test_features_are_computed_once(tmp_path: Path) -> None:
    learner = Line()
    source = CachedSource(learner, Made(), tmp_path / "features", 3)
    assert learner.encoded == 4 * 16
    again = Line()
    other = CachedSource(again, Made(), tmp_path / "features", 3)
    assert again.encoded == 0
    for step in (0, 1, 2, 3):
        first, second = source.batch(step), other.batch(step)
        assert torch.equal(first.features["vector"], second.features["vector"])
        plain = Made().batch(step % 3)
        assert torch.equal(first.targets, plain.targets)
    path = train(learner, source, SETTINGS, tmp_path / "cached")
    assert learner.encoded == 4 * 16
    assert path.exists()
    CachedSource(again, Made(2.0), tmp_path / "features", 3)
    assert again.encoded == 4 * 16


def test_global_random_state_is_left_alone(tmp_path: Path) -> None:
    learner = Line()
    before = torch.get_rng_state()
    train(learner, Made(), Settings({"mse": 1.0}, steps=3, every=3), tmp_path / "run")
    assert torch.equal(before, torch.get_rng_state())


def test_folders_that_cannot_be(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    out = tmp_path / "run"
    with pytest.raises(RunDirectoryError) as caught:
        train(Line(), Made(), SETTINGS, out, resume=True)
    assert str(caught.value) == f"there is no training in '{out}' to continue"
    train(Line(), Made(), SETTINGS, out)
    with pytest.raises(RunDirectoryError) as caught:
        train(Line(), Made(), SETTINGS, out)
    assert str(caught.value) == (
        f"'{out}' already holds a training; choose another folder, or continue it with --resume"
    )
    with pytest.raises(RunDirectoryError) as caught:
        train(Line(), Made(2.0), SETTINGS, out, resume=True)
    assert str(caught.value) == snapshot
    with pytest.raises(RunDirectoryError, match=r"settings: settings.rate was 0.05 and is now 0.5$"):
        train(Line(), Made(), replace(SETTINGS, rate=0.5), out, resume=True)


def test_all_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        train(Line(), CachedSource(Line(), Made(), tmp_path / "features", 2), SETTINGS, tmp_path / "run")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert {"model.safetensors", "state.pt", "training.jsonl", "training-000000.safetensors"} <= set(modes)
    assert set(modes.values()) == {0o644}, modes


def test_two_trainings_in_one_folder_at_once_are_refused(tmp_path: Path) -> None:
    def again(*_: Any) -> None:
        for resume in (False, True):
            with pytest.raises(
                RunDirectoryError, match=r"already holds a training|another process is training in"
            ):
                train(Line(), Made(), Settings({"mse": 1.0}, 2), tmp_path / "out", resume=resume)
        with pytest.raises(RunDirectoryError, match="^another process is training in '.*out'$"):
            train(Line(), Made(), Settings({"mse": 1.0}, 2), tmp_path / "out", resume=True)
        told.append(1)

    told: list[int] = []
    train(Line(), Made(), Settings({"mse": 1.0}, 2), tmp_path / "out", listener=again)
    assert told


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings({"mse": 1.0}, steps=1, precision="float8")
    assert str(caught.value) == "precision is 'float8'; allowed: float32, bfloat16"
    with pytest.raises(EvaluationError) as evaluation:
        train(Line(), Made(float("inf")), Settings({"mse": 1.0}, steps=5), tmp_path / "run")
    assert str(evaluation.value) == (
        "the loss of 'line' is inf at step 0; lower the learning rate or use float32"
    )


def test_checkpoints_that_cannot_be(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    missing, broken, other = (tmp_path / name for name in ("none", "broken", "other.safetensors"))
    broken.write_bytes(b"123")
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, other)
    for path, message in (
        (missing, f"there is no checkpoint '{missing}'; allowed: a file that 'isptune train' wrote"),
        (broken, f"the checkpoint '{broken}' is cut off or is no safetensors file: "),
        (
            other,
            f"the checkpoint '{other}' holds no configuration of a learner; allowed: a file that 'isptune train' wrote",
        ),
    ):
        with pytest.raises(ConfigurationError) as caught:
            read_learned(path)
        assert str(caught.value).startswith(message)
    learner = Line()
    save_learned(other, learner)
    _, _, state = read_learned(other)
    with pytest.raises(ConfigurationError) as caught:
        learner.load_learned_state({key: value for key, value in state.items() if key != "mean"})
    assert str(caught.value) == "the checkpoint of 'line' lacks the tensor 'mean'"
    with pytest.raises(ConfigurationError) as caught:
        learner.load_learned_state({**state, "mean": torch.zeros(5)})
    assert str(caught.value) == snapshot


def test_a_training_from_the_weights_of_another(tmp_path: Path) -> None:
    first = train(Line(), Made(), SETTINGS, tmp_path / "first")
    _, _, before = read_learned(first)
    still = Settings({"mse": 1.0}, steps=1, rate=1e-9)
    # Another seed and other data: weights and the fitted mean come from the checkpoint all the same.
    second = train(Line(seed=5), Made(3.0), still, tmp_path / "second", initial=tmp_path / "first")
    _, _, after = read_learned(second)
    for key, value in before.items():
        torch.testing.assert_close(after[key], value, atol=1e-6, rtol=0)

    settings = Settings({"mse": 1.0}, steps=40, rate=0.01, every=10)
    whole = train(Line(), Made(3.0), settings, tmp_path / "whole", initial=first)

    def stop(entry: Any, steps: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        train(Line(), Made(3.0), settings, tmp_path / "broken", initial=first, listener=stop)
    broken = train(Line(), Made(3.0), settings, tmp_path / "broken", initial=first, resume=True)
    one, other = load_file(whole), load_file(broken)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_first_weights_that_cannot_be(tmp_path: Path) -> None:
    class Curve(Line):
        name = "curve"

    class Wide(Line):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 2)

    path = tmp_path / "line.safetensors"
    save_learned(path, Line())
    for learner, message in (
        (
            Curve(),
            f"the checkpoint '{path}' is of the learner 'line'; allowed as first weights of 'curve': "
            "its own checkpoints",
        ),
        (Wide(), f"the checkpoint '{path}' is of a learner with other options; its options: seed=0"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            train(learner, Made(), SETTINGS, tmp_path / "out", initial=path)
        assert str(caught.value) == message
        assert not (tmp_path / "out").exists()


def test_an_average_keeps_its_share_of_every_step() -> None:
    learner = Line()
    average = WeightAverage(learner, 0.5)
    values = [2.0, 4.0, 6.0]
    for value in values:
        with torch.no_grad():
            learner.head.bias.fill_(value)
        average.step()
    # The first steps count more: 1/10, 2/11 and 3/12 of what was there are kept.
    expected = 0.0
    for number, value in enumerate(values, start=1):
        share = min(0.5, number / (number + 9))
        expected = share * expected + (1 - share) * value
    with average.taken():
        assert float(learner.head.bias) == pytest.approx(expected)
    assert float(learner.head.bias) == 6.0
    again = WeightAverage(Line(), 0.5)
    again.load(average.state())
    assert torch.equal(again.state()["head.bias"], average.state()["head.bias"])
    average.put()
    assert float(learner.head.bias) == pytest.approx(expected)
    with pytest.raises(ConfigurationError) as caught:
        Settings({"mse": 1.0}, steps=1, average=1.0)
    assert str(caught.value) == "average of a training is 1.0; allowed: 0 to below 1"
