"""What ``isptune train`` makes of pristine pictures: a learner's own synthetic data, or that of a name."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Interval

from isptune.errors import ConfigurationError
from isptune.plugins import check_options, source_code, source_options, takes_option
from isptune.plugins.options import Option
from isptune.plugins.registry import stages, training_data
from isptune.tuning.prechecks import check_scenes
from isptune.wording.naming import did_you_mean, listed

if TYPE_CHECKING:
    from isptune.iqa.training import Learner
    from isptune.iqa.training.batch_source import Source

# The learner's own.
_OWN = "synthetic"

# Batches of synthetic data that a host sees once and that then come again; 0 for new ones without end.
Batches = Annotated[int, Interval(ge=0, le=1_000_000)]


def is_synthetic(data: str) -> bool:
    """Whether ``--data`` asks for distorted pictures, and not for a data set's opinions.

    Raises:
        ConfigurationError: there is no such file, but a name that is nearly the same.
    """
    names = [_OWN, *training_data.own_names()]
    near = "" if data in names or Path(data).exists() else did_you_mean(data, names)
    if near:
        raise ConfigurationError(f"there is no file, folder or training data '{data}'{near}")
    return data in names


def check_synthetic(given: Mapping[str, Any], data_options: Mapping[str, Any]) -> None:
    """Refuse pictures that are not there and options that the data does not have, without torch.

    Raises:
        IsptuneError: one sentence about the first mistake.
    """
    if given["data"] == _OWN:
        source = source_code.read(place_of_data(given["learner"]))
        known = None if source is None else source_options.options_of_source(source)
        if known is not None:
            # What the verb itself gives, and what it takes beside the source's own.
            own = [replace(one, required=False) for one in known if one.name not in ("images", "labels")]
            check_options("synthetic data", [*own, Option("batches", Batches)], data_options)
    else:
        batches = {key: value for key, value in data_options.items() if key == "batches"}
        check_options("synthetic data", [Option("batches", Batches)], batches)
        others = {key: value for key, value in data_options.items() if key != "batches"}
        training_data.precheck(given["data"], others, given=("images",), named=False)
    for stage in [*data_options.get("chain", ()), *data_options.get("others", ())]:
        stages.precheck(stage, {})
    check_scenes(given["images"])


def place_of_data(learner: str) -> str:
    """``module:class`` of a learner's synthetic data, from its source, without torch."""
    places = {entry.name: entry.value for entry in metadata.entry_points(group="isptune.learners")}
    source = source_code.read(places.get(learner, ":"))
    for part in () if source is None else source_code.ancestry(source):
        if not isinstance(part, source_code.Source) or not isinstance(part.node, ast.ClassDef):
            continue
        for line in part.node.body:
            if isinstance(line, ast.AnnAssign) and ast.unparse(line.target) == "data" and line.value:
                return str(ast.literal_eval(line.value))
    return "isptune.iqa.training.synthetic:SyntheticSource"


def synthetic_source(
    learner: Learner,
    given: Mapping[str, Any],
    data_options: Mapping[str, Any],
    device: Any,
    cache: Path,
    progress: Callable[[int, int], None],
) -> Source:
    """The batches; those of a learner with a host are kept in ``cache``.

    Raises:
        ConfigurationError: an option is wrong, or the data does not rate pictures as the learner does.
    """
    from isptune.iqa.training.cached import CachedSource

    # A host sees each picture once, so the batches of a learner that has one come again.
    count = data_options.get("batches", 200 if learner.caches_features else 0)
    options = {"seed": given["seed"], **data_options}
    options.pop("batches", None)
    images = given["images"] or ("chart:1024x768", "chart:640x448")
    source: Source
    if given["data"] == _OWN:
        source = _own(learner, images, {**learner.synthetic, **options})
    else:
        labels = tuple(getattr(training_data.get(given["data"]), "labels", ()))
        if tuple(learner.labels) != labels:
            raise ConfigurationError(
                f"the training data '{given['data']}' gives {_columns(labels)} a picture, but the learner "
                f"'{learner.name}' predicts {_columns(learner.labels)}; allowed: --data {_OWN}"
            )
        source = training_data.create(given["data"], images=images, **options)
    return CachedSource(learner, source, cache, count, device, progress) if count else source


def _own(learner: Learner, images: Any, options: Mapping[str, Any]) -> Source:
    """The data that the learner itself names."""
    module, _, name = learner.data.partition(":")
    kind = getattr(importlib.import_module(module), name)
    if takes_option(kind, "chain") and not options.get("chain"):
        raise ConfigurationError(
            f"the learner '{learner.name}' has no stages of its own for synthetic data; "
            "give --data-option 'chain=[STAGE, STAGE]' ('isptune list stages' shows them)"
        )
    check_options("synthetic data", kind, {"images": images, **options})
    source: Source = kind(images, **options)
    return source


def _columns(labels: tuple[str, ...]) -> str:
    return listed(labels) if labels else "one score"
