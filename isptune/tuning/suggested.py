"""The setting ``proposer``: a search begins with what a network suggests after a look at a few renderings."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from isptune.contracts.pipeline import Pipeline
from isptune.contracts.suggesting import Suggesting
from isptune.errors import ConfigurationError, IsptuneError
from isptune.parameters import Float, ParameterSpace
from isptune.runs.directory import RunDirectory
from isptune.storage.paths import user_path
from isptune.tuning.blame import called
from isptune.tuning.settings import RunConfig, parse_config
from isptune.tuning.starts import room_for_starts
from isptune.wording.showing import counted

OWN = "own"
# Candidates and probes of a search that takes them over several generations.
_MANY = 30
_Config = TypeVar("_Config", bound=RunConfig)


@dataclass(frozen=True)
class Suggested:
    """What a proposer has added to the starts of a run, for run.yaml.

    Attributes:
        proposer: as the setting names it.
        digest: of its file.
        candidates: how many it suggested.
        probes: how many renderings of each scene it looked at. They are starts as well, and count as
            evaluations, as far as the search has room for starts.
    """

    proposer: str
    digest: str
    candidates: int
    probes: int

    def notice(self, room: int) -> str:
        """What is said of it before a search that has room for so many starts."""
        beyond = self.candidates + self.probes - room
        said = (
            f"the search begins with {counted(self.candidates, 'candidate')} of a proposer and "
            f"{counted(self.probes, 'probe')} that it looked at"
        )
        return f"{said}; {beyond} of these are not in the budget" if beyond > 0 else said


def with_suggestions(
    pipeline: Pipeline, config: _Config, directory: RunDirectory | None
) -> tuple[_Config, Suggested | None]:
    """The settings of a run with what its proposer suggests in ``start``, and where that is from.

    A run that the directory holds already keeps what was suggested at its beginning.

    Raises:
        ConfigurationError: there is no such proposer, or it is for another pipeline.
    """
    if config.proposer is None:
        return config, None
    path = _checkpoint(config.proposer, pipeline)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    own = config.start if isinstance(config.start, list) else []
    space = pipeline.space.constrained(config.parameters)
    found = _held(directory, digest, len(own))
    if found is None:
        found = _asked(
            path, pipeline, space, min(room_for_starts(config), max(config.population or 1, _MANY)) - len(own)
        )
    candidates, probes = found
    suggested = Suggested(config.proposer, digest, len(candidates), len(probes))
    return _beginning_with(config, candidates, probes), suggested


def as_noted(config: RunConfig, run: Mapping[str, Any]) -> RunConfig:
    """The settings of a run with what its run.yaml holds of the proposer's candidates.

    They stay as they are where that holds none of the same proposer.
    """
    own = config.start if isinstance(config.start, list) else []
    found = None if config.proposer is None else _noted(run, "proposer", config.proposer, len(own))
    return config if found is None else _beginning_with(config, *found)


def check_proposer(config: RunConfig, pipeline: Pipeline) -> None:
    """Refuse a proposer that is not there.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if config.proposer is not None:
        _checkpoint(config.proposer, pipeline)


def _beginning_with(
    config: _Config, candidates: list[dict[str, Any]], probes: list[dict[str, Any]]
) -> _Config:
    """The settings with candidates before the starts, and probes behind them."""
    own = config.start if isinstance(config.start, list) else []
    data = {**config.model_dump(), "start": [*candidates, *own, *probes], "proposer": None}
    if config.start_from:
        data["start_from"] = [*[""] * len(candidates), *config.start_from, *[""] * len(probes)]
    return parse_config(data, "the proposer's candidates", type(config))


def _asked(
    path: Path, pipeline: Pipeline, space: ParameterSpace, room: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Candidates and probes of a checkpoint, within a space.

    Args:
        path: of the checkpoint.
        pipeline: that is tuned.
        space: what is searched of its parameters.
        room: how many of both the search has room for. At least half of it is for candidates.
    """
    from isptune.iqa.training.checkpoint import load_learner

    learner = load_learner(path)
    if not isinstance(learner, Suggesting):
        raise ConfigurationError(
            f"the checkpoint '{path}' is of the learner '{learner.name}', which suggests no candidates; "
            "allowed: one of a learner that does"
        )
    count = max(room - learner.probes, (room + 1) // 2, 1)
    candidates, probes = learner.suggestions(pipeline, count)
    return _within(space, pipeline.space, candidates), _within(space, pipeline.space, probes)


def _within(space: ParameterSpace, declared: ParameterSpace, values: Tensor) -> list[dict[str, Any]]:
    """Candidates of the pipeline as starts of a search that may be narrower; those that do not fit are left.

    Values past a bound are put on it.
    """
    found = []
    for row in declared.to_dicts(values):
        kept = {name: row[name] for name in space.names if name not in space.fixed and name not in space.ties}
        for one in space.free:
            if isinstance(one, Float):
                kept[one.name] = min(max(kept[one.name], one.low), one.high)
        try:
            space.from_dicts([kept])
        except IsptuneError:
            continue
        if kept and kept not in found:
            found.append(kept)
    return found


def _held(directory: RunDirectory | None, digest: str, own: int) -> tuple[list[Any], list[Any]] | None:
    """Candidates and probes of the same proposer in the run of a directory; None where there are none."""
    if directory is None or not directory.holds_a_run:
        return None
    return _noted(directory.read_config(), "digest", digest, own)


def _noted(run: Mapping[str, Any], key: str, wanted: str, own: int) -> tuple[list[Any], list[Any]] | None:
    """Candidates and probes in run.yaml of the proposer whose fact has the wanted value; None without."""
    noted, starts = run.get("suggested"), run.get("start")
    if not isinstance(noted, Mapping) or noted.get(key) != wanted or not isinstance(starts, list):
        return None
    candidates, probes = noted.get("candidates"), noted.get("probes")
    if not isinstance(candidates, int) or not isinstance(probes, int):
        return None
    if candidates + own + probes != len(starts):
        return None
    return starts[:candidates], starts[candidates + own :]


def _checkpoint(proposer: str, pipeline: Pipeline) -> Path:
    """The file of a proposer.

    Raises:
        ConfigurationError: there is none.
    """
    from isptune.iqa.training.checkpoint import FILE

    if proposer == OWN:
        if not pipeline.proposer:
            raise ConfigurationError(
                f"proposer is '{OWN}', and the pipeline '{called(pipeline)}' brings none; allowed: what "
                "'isptune train' made"
            )
        return Path(inspect.getfile(type(pipeline))).parent / pipeline.proposer
    path = user_path(proposer)
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise ConfigurationError(
            f"there is no proposer '{proposer}'; allowed: '{OWN}', or a file or folder that "
            "'isptune train' wrote"
        )
    return path
