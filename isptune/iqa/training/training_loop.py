"""The training loop: steps, validation, log, and a state from which a killed training continues."""

from __future__ import annotations

import io
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

from isptune.errors import ConfigurationError, EvaluationError
from isptune.iqa.training.averaging import WeightAverage
from isptune.iqa.training.batch_source import Batch, Source
from isptune.iqa.training.checkpoint import FILE, load_initial, save_learned
from isptune.iqa.training.encoding import encoded
from isptune.iqa.training.folder import CONFIGURATION, check_folder, check_unchanged
from isptune.iqa.training.learner import Features, Learner
from isptune.iqa.training.losses import total_loss
from isptune.plugins.recipes import name_of
from isptune.runs.directory import open_locked
from isptune.runs.lines import whole_lines
from isptune.storage.writing import append_whole, make_folder, unwritable, write_whole

STATE, LOG = "state.pt", "training.jsonl"
_LOCK = ".lock"

# Batches that the learner's own statistics are fitted on before the first step.
_FITTED_ON = 8
_WARM_UP = 100
_REMEDY = "make room, then run the same command with --resume"


@dataclass(frozen=True)
class Settings:
    """What decides a training beside the learner and its data.

    Attributes:
        losses: weights by name.
        steps: optimizer steps (AdamW), at a rate that rises for 100 steps and falls along a cosine to 2%.
        rate: the highest learning rate.
        decay: weight decay.
        precision: ``float32``, or ``bfloat16`` for mixed precision by autocast.
        every: steps from one validation and saved state to the next.
        clip: the largest norm of a gradient.
        average: the share of a running average of the weights that a step keeps; the average is validated and
            written. 0 for the weights of the last step.
    """

    losses: Mapping[str, float]
    steps: int
    rate: float = 2e-3
    decay: float = 1e-2
    precision: str = "float32"
    every: int = 200
    clip: float = 1.0
    average: float = 0.0

    def __post_init__(self) -> None:
        if self.precision not in ("float32", "bfloat16"):
            raise ConfigurationError(f"precision is '{self.precision}'; allowed: float32, bfloat16")
        for name in ("steps", "every", "rate", "clip"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} of a training is {getattr(self, name)}; allowed: above 0")
        if not 0 <= self.average < 1:
            raise ConfigurationError(f"average of a training is {self.average}; allowed: 0 to below 1")


@dataclass(frozen=True)
class Entry:
    """A line of the log: means since the last one, and the validation.

    Attributes:
        srcc: rank correlation of predictions and targets of the validation (row means of several columns).
        srcc_within: the same within each content, averaged, where contents have several samples.
        columns: rank correlation per column.
    """

    step: int
    loss: float
    parts: dict[str, float]
    srcc: float | None
    srcc_within: float | None
    columns: dict[str, float | None]
    rate: float
    seconds: float


Listener = Callable[[Entry, int], None]


def train(
    learner: Learner,
    source: Source,
    settings: Settings,
    out: str | Path,
    *,
    device: torch.device | str = "cpu",
    resume: bool = False,
    initial: str | Path | None = None,
    listener: Listener | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Train a learner and write its checkpoint; the global random generators are not used.

    A killed training continues with ``resume=True`` and ends with the same weights as an unbroken one
    (same machine, CPU).

    Args:
        learner: what is trained; its initial weights come from its own seed.
        source: gives the batches.
        settings: losses, steps and rates.
        out: a folder for model.safetensors, training.jsonl, training.json and the state.
        device: where to train.
        resume: continue from the state in ``out``.
        initial: a checkpoint of the same learner, or the directory of its training, whose weights and
            statistics are the first ones.
        listener: called with every line of the log and the number of steps.
        extra: plain data to be kept in the checkpoint.

    Returns:
        The path of model.safetensors.

    Raises:
        RunDirectoryError: ``out`` holds another training, or nothing to continue from.
        EvaluationError: the loss is not finite.
    """
    out, device = Path(out), torch.device(device)
    facts = {
        "learner": name_of(learner),
        "configuration": learner.configuration(),
        "data": source.describe(),
        "settings": _noted(settings),
    }
    if initial is not None:
        facts["initial"] = str(initial)
        # Before the folder is made, so that a wrong one leaves nothing behind.
        if not (resume and (out / STATE).exists()):
            load_initial(learner, initial)
    check_folder(out, resume)
    make_folder(out)
    try:
        lock = open_locked(out / _LOCK, f"another process is training in '{out}'")
    except OSError as error:
        raise unwritable(out / _LOCK, error) from error
    with lock:
        state = _open(out, facts, resume)
        learner.to(device).train()
        parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
        if not parameters:
            raise ConfigurationError(f"the learner '{learner.name}' has no weights to train")
        optimizer = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=settings.decay)
        if state is not None:
            learner.load_learned_state(state["learner"])
            optimizer.load_state_dict(state["optimizer"])
        elif initial is None:
            with torch.no_grad():
                first = [_encoded(learner, source.batch(step), device) for step in range(_FITTED_ON)]
                learner.fit({name: torch.cat([part[name] for part in first]) for name in first[0]})
        average = WeightAverage(learner, settings.average)
        if state is not None:
            average.load(state.get("average", {}))
        start, spent = (0, 0.0) if state is None else (state["step"], state["seconds"])
        for entry in _trained(learner, source, settings, optimizer, average, device, start, spent):
            _log(out / LOG, entry)
            _save_state(out, learner, optimizer, average, entry)
            if listener is not None:
                listener(entry, settings.steps)
        average.put()
        learner.eval()
        learner.calibrate((_encoded(learner, part, device), part.targets) for part in source.validation())
        kept = {"data": facts["data"], "settings": facts["settings"], **(extra or {})}
        save_learned(out / FILE, learner, kept)
        learner.export(out)
    return out / FILE


def _noted(settings: Settings) -> dict[str, Any]:
    """As training.json has them: trainings of before there was an average have none."""
    found = asdict(settings)
    if not settings.average:
        del found["average"]
    return found


def _trained(
    learner: Learner,
    source: Source,
    settings: Settings,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage,
    device: torch.device,
    start: int,
    spent: float,
) -> Iterator[Entry]:
    """Take the steps from ``start`` on, after ``spent`` seconds; a line of the log at every validation."""
    began = time.perf_counter() - spent
    sums: Counter[str] = Counter()
    for step in range(start, settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * _share_of_rate(step, settings.steps)
        loss, parts = _step(learner, source.batch(step), settings, optimizer, device)
        average.step()
        if not math.isfinite(loss):
            raise EvaluationError(
                f"the loss of '{learner.name}' is {loss} at step {step}; "
                "lower the learning rate or use float32"
            )
        sums.update({"": loss, **parts})
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            means = {name: value / (step % settings.every + 1) for name, value in sums.items()}
            sums.clear()
            seconds = round(time.perf_counter() - began, 2)
            rate = optimizer.param_groups[0]["lr"]
            with average.taken():
                correlations = validate(learner, source, device)
            yield Entry(step + 1, means.pop(""), means, *correlations, rate, seconds)


def validate(
    learner: Learner, source: Source, device: torch.device | str
) -> tuple[float | None, float | None, dict[str, float | None]]:
    """Rank correlations on the validation: over all, within contents, and per column."""
    learner.eval()
    found, wanted, contents = [], [], []
    with torch.no_grad():
        for index, batch in enumerate(source.validation()):
            found.append(learner(_encoded(learner, batch, torch.device(device))).float().cpu())
            wanted.append(batch.targets)
            contents.append(batch.contents + index * 1_000_000)
    learner.train()
    predictions, targets, groups = torch.cat(found), torch.cat(wanted), torch.cat(contents)
    columns = {}
    if predictions.ndim == 2:
        columns = {label: _srcc(predictions[:, k], targets[:, k]) for k, label in enumerate(learner.labels)}
        predictions, targets = predictions.mean(1), targets.mean(1)
    within = [
        value
        for group in groups.unique()
        if (value := _srcc(predictions[groups == group], targets[groups == group])) is not None
    ]
    return _srcc(predictions, targets), sum(within) / len(within) if within else None, columns


def read_log(out: str | Path) -> list[Entry]:
    """The entries of a training's log; a torn last line is left out."""
    entries = []
    for _, line in whole_lines(Path(out) / LOG):
        try:
            entries.append(Entry(**json.loads(line)))
        except (ValueError, TypeError):
            break
    return entries


def _step(
    learner: Learner,
    batch: Batch,
    settings: Settings,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> tuple[float, dict[str, float]]:
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=settings.precision == "bfloat16"):
        predictions, levels = learner.outputs(_encoded(learner, batch, device))
    loss, parts = total_loss(
        settings.losses, predictions.float(), batch.targets.to(device), batch.contents.to(device), levels
    )
    own = learner.own_loss(predictions.float(), batch.targets.to(device), batch.contents.to(device))
    if own is not None:
        loss, parts = loss + own, {**parts, "own": float(own.detach())}
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], settings.clip)
    optimizer.step()
    return float(loss.detach()), parts


def _share_of_rate(step: int, steps: int) -> float:
    falling = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1.0, (step + 1) / _WARM_UP) * falling


def _srcc(x: Tensor, y: Tensor) -> float | None:
    """Spearman's correlation; None where one side is constant."""
    if len(x) < 3 or bool((x == x[0]).all()) or bool((y == y[0]).all()):
        return None
    return float(spearmanr(x.numpy(), y.numpy()).statistic)


def _encoded(learner: Learner, batch: Batch, device: torch.device) -> Features:
    return {name: part.to(device) for name, part in encoded(learner, batch.features, device).items()}


def _open(out: Path, facts: Mapping[str, Any], resume: bool) -> dict[str, Any] | None:
    """Begin in the folder, or read the state of the training that it holds."""
    text = json.dumps(facts, indent=2, sort_keys=True, default=str)
    # Another process may have begun one in it since.
    check_folder(out, resume)
    if not resume:
        write_whole(out / CONFIGURATION, text)
        return None
    check_unchanged(out, json.loads(text))
    if not (out / STATE).exists():
        (out / LOG).unlink(missing_ok=True)
        return None
    state: dict[str, Any] = torch.load(out / STATE, weights_only=True)
    # The log may be one line ahead of the state.
    kept = [entry for entry in read_log(out) if entry.step <= state["step"]]
    write_whole(out / LOG, "".join(json.dumps(asdict(entry)) + "\n" for entry in kept))
    return state


def _log(path: Path, entry: Entry) -> None:
    try:
        with path.open("ab", buffering=0) as file:
            append_whole(file.fileno(), (json.dumps(asdict(entry)) + "\n").encode())
    except OSError as error:
        raise unwritable(path, error, remedy=_REMEDY) from error


def _save_state(
    out: Path, learner: Learner, optimizer: torch.optim.Optimizer, average: WeightAverage, entry: Entry
) -> None:
    buffer = io.BytesIO()
    state = {"learner": learner.learned_state(), "optimizer": optimizer.state_dict()}
    state["average"] = average.state()
    torch.save({**state, "step": entry.step, "seconds": entry.seconds}, buffer)
    write_whole(out / STATE, buffer.getvalue(), remedy=_REMEDY)
