"""``isptune train``: train a learner on opinions or on synthetic distortions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.cli.key_values import key_values
from isptune.cli.shared_options import device_option, json_option, option, switch
from isptune.cli.synthetic_data import check_synthetic, is_synthetic, synthetic_source
from isptune.errors import ConfigurationError
from isptune.iqa.training.folder import check_folder
from isptune.plugins import takes_option
from isptune.plugins.registry import learners
from isptune.storage.places import Place, settled
from isptune.tuning.pace import Pace, written

if TYPE_CHECKING:
    from isptune.iqa.datasets import Dataset
    from isptune.iqa.training import Learner


@click.command("train")
@click.argument("learner")
@option(
    "--host",
    "NAME",
    "Choose the frozen host of a learner that has one, its option host",
    otherwise="the learner's",
)
@option(
    "--data",
    "FILE-OR-NAME",
    "Train on a data set's table or folder, on known distortions of pictures (synthetic), or on the "
    "training data that a plugin registered under this name",
    default="synthetic",
)
@option(
    "--images",
    "PATH",
    "Find the data set's pictures here; distort these pristine pictures (files, folders, globs) for "
    "synthetic data",
    multiple=True,
)
@option("--layout", "NAME", "Set the data set's layout", default="auto", otherwise="auto, by its files")
@option("--split", "NAME", "Use this split of the data set", otherwise="80 to 20 by content")
@option("--out", "DIR", "Write checkpoint, log and state here", required=True)
@option("--initial", "FILE", "Start from the weights of this checkpoint of LEARNER")
@option("--steps", "N", "Take N optimizer steps", kind=click.IntRange(1), otherwise="2000")
@option("--epochs", "N", "Pass over the data N times, instead of --steps", kind=click.IntRange(1))
@option("--batch-size", "N", "Take N of a data set's pictures a step", kind=click.IntRange(2), default=32)
@option("--rate", "X", "Rise to this learning rate", default=2e-3)
@option(
    "--loss losses", "NAMES", "Minimise these losses, with weights: mse,plcc=0.5", otherwise="the learner's"
)
@option("--precision", "TYPE", "Compute in float32 or bfloat16 (mixed precision)", default="float32")
@option(
    "--average",
    "X",
    "Keep this share of a running average of the weights at each step, and take the average; 0 for none",
    kind=click.FloatRange(0, 1, max_open=True),
    default=0.0,
)
@option("--every", "N", "Validate every N steps", kind=click.IntRange(1), default=200)
@option("--seed", "N", "Seed weights, data and order", kind=click.IntRange(0), default=0)
@device_option
@option("--cache", "DIR", "Keep a host's features here", otherwise="features/ in --out")
@option(
    "--option options",
    "KEY=VALUE",
    "Set an option of the learner, such as 'host_options={checkpoint: DIR}' for a host's own weights",
    multiple=True,
)
@option(
    "--data-option data_options",
    "KEY=VALUE",
    "Set an option of synthetic data: crop, contents, variants, mixed, faint, looks, chain, others, target "
    "or batches",
    multiple=True,
)
@switch("--tensorboard", "Write TensorBoard files into --out as well")
@switch("--resume", "Go on with the training in --out; give the same options")
@json_option
def command(**given: Any) -> int:
    """Train LEARNER and write DIR/model.safetensors, which its objective takes as --checkpoint.

    'isptune list learners' shows what can be trained.

    \b
    Examples:
      isptune train severity --images photos/ --out trained
      isptune train scorenet --host clipiqa --data meta.csv --images koniq/ --out trained
      isptune train scorenet --host clipiqa --option 'host_options={checkpoint: DIR}' --data koniq/ --out new
    """
    if given["steps"] is not None and given["epochs"] is not None:
        raise ConfigurationError("--steps and --epochs say the same in two ways; give one of them")
    options = settled(key_values(given["options"], "--option"))
    if given["host"] is not None:
        options["host"] = given["host"]
    learners.precheck(given["learner"], options)
    data_options = key_values(given["data_options"], "--data-option")
    opinions = None
    if is_synthetic(given["data"]):
        check_synthetic(given, data_options)
    elif data_options:
        raise ConfigurationError("--data-option is for --data synthetic")
    else:
        opinions = _opinions(given)
    check_folder(given["out"], given["resume"])

    from isptune.iqa.training.curves import save_curves
    from isptune.iqa.training.losses import parse_losses
    from isptune.iqa.training.training_loop import Settings, read_log, train
    from isptune.tuning.devices import resolve_device

    device = resolve_device(given["device"])
    place = Place(given["out"])
    if given["cache"]:
        given["cache"] = str(Path(given["cache"]).absolute())
    factory = learners.get(given["learner"])
    if takes_option(factory, "seed"):
        options.setdefault("seed", given["seed"])
    learner: Learner = learners.create(given["learner"], **options)
    learner.to(device)
    out = place.path.absolute()
    cache = Path(given["cache"] or out / "features")
    if opinions is None:
        source = synthetic_source(learner, given, data_options, device, cache, _dots)
    else:
        from isptune.iqa.training.opinions import OpinionSource

        size, seed = given["batch_size"], given["seed"]
        source = OpinionSource(learner, *opinions, size, seed, device, cache, _dots)
    steps = given["steps"] or (given["epochs"] * source.steps_per_epoch if given["epochs"] else 2000)
    settings = Settings(
        losses=parse_losses(given["losses"] or learner.losses),
        steps=steps,
        rate=given["rate"],
        precision=given["precision"],
        every=min(given["every"], steps),
        average=given["average"],
    )
    with _Lines(out if given["tensorboard"] else None) as lines:
        path = train(
            learner,
            source,
            settings,
            out,
            device=device,
            resume=given["resume"],
            initial=given["initial"],
            listener=lines.show,
            extra={"seed": given["seed"]},
        )
    path = place.path / path.name
    entries = read_log(out)
    save_curves(entries, out / "training.png")
    if given["as_json"]:
        click.echo(json.dumps({"checkpoint": str(path), **asdict(entries[-1])}))
    else:
        click.echo(f"wrote {path}\nwrote {place.path / 'training.png'}")
    return 0


def _opinions(given: Mapping[str, Any]) -> tuple[Dataset, list[int], list[int]]:
    """A data set, and the indices of its pictures for training and for validation; without torch.

    Raises:
        IsptuneError: it cannot be read, or has no such split.
    """
    from isptune.iqa.datasets import random_splits, read_dataset, with_named_splits

    dataset = read_dataset(given["data"], given["images"][0] if given["images"] else None, given["layout"])
    split = given["split"]
    if split is None:
        made = random_splits(dataset, given["seed"], 1)
        split = next(iter(made))
        dataset = dataset.with_splits(made)
        click.echo(f"80 to 20 by content: the split {split}, whose test part is held out", err=True)
    else:
        dataset = with_named_splits(dataset, [split])
    if split not in dataset.splits:
        dataset.part(split, "train")
    parts = dataset.splits[split]
    training = [index for index, part in enumerate(parts) if part == "train"]
    validation = [index for index, part in enumerate(parts) if part == "val"] or [
        index for index, part in enumerate(parts) if part == "test"
    ]
    return dataset, training, validation


def _dots(done: int, count: int) -> None:
    """A line at every tenth of the features."""
    if done == count or done % max(1, count // 10) == 0:
        click.echo(f"features {done}/{count}", err=True)


class _Lines:
    """Prints every line of the log on stderr, and writes TensorBoard files where asked to."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._writer = folder, None
        self._pace, self._before = Pace(), (0, 0.0)

    def __enter__(self) -> _Lines:
        if self._folder is not None:
            from isptune.tracking.tensorboard import tensorboard_writer

            self._writer = tensorboard_writer(self._folder)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def show(self, entry: Any, steps: int) -> None:
        # Steps take as long as each other, but for the first ones, which compile.
        step, seconds = self._before
        self._pace.step(entry.seconds - seconds, entry.step - step)
        self._before = entry.step, entry.seconds
        left = written(self._pace.left(steps - entry.step))
        srcc = "" if entry.srcc is None else f"  validation SRCC {entry.srcc:.4f}"
        within = "" if entry.srcc_within is None else f" ({entry.srcc_within:.4f} within contents)"
        click.echo(
            f"step {entry.step}/{steps}  loss {entry.loss:.5f}{srcc}{within}{left and f'  {left}'}", err=True
        )
        if self._writer is not None:
            from isptune.iqa.training.curves import write_scalars

            write_scalars(self._writer, entry)
