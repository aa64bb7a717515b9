"""The one reader of runs: everything that a run directory says, without the run's plugins."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import RunDirectoryError
from isptune.runs.description import Description, RenderedScene, Truth
from isptune.runs.directory import CONFIG_NAME, RunDirectory, noted_defaults
from isptune.runs.generation import Generation, revise
from isptune.runs.held_out import noted_holdout
from isptune.runs.history import History, build_history
from isptune.runs.maps import SceneMaps, read_maps
from isptune.runs.picture_files import ScenePictures, read_pictures
from isptune.tuning.race_plans import planned_generations, windows_in
from isptune.tuning.result import TuneResult, build_result
from isptune.tuning.settings import RunConfig, parse_config, settings_of
from isptune.wording.showing import short

if TYPE_CHECKING:
    from isptune.parameters import ParameterSpace


class Run:
    """A run as its directory holds it, finished or not.

    Nothing of it is made again: no pipeline, no objective and no optimizer has to be installed, and no file
    but the directory's own is read. Only a run of isptune 0.1, which did not note what its scores and
    levels are, needs its pipeline and objective once more.

    Attributes:
        path: the directory.
        config: the settings.
        data: all that ``run.yaml`` holds, as plain data.
        description: the parameter space, the names and orientations of the scores, the scenes and the truth.
        generations: the log.

    Example:
        >>> import isptune
        >>> pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"])
        >>> _ = isptune.tune(pipeline, "psnr", budget=60, population=30, out="first")
        >>> run = isptune.Run.read("first")
        >>> run, run.labels, len(run.history), sorted(run.best_parameters)[0]
        (<Run 'first': 60 of 60 evaluations, psnr>, ('psnr',), 60, 'blur')
    """

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        data: Mapping[str, Any],
        description: Description,
        generations: list[Generation],
    ) -> None:
        self.path = path
        self.config = config
        self.data = data
        self.description = description
        self.generations = generations

    @classmethod
    def read(cls, directory: str | Path) -> Run:
        """Read a run directory.

        Raises:
            RunDirectoryError: there is no run in it, or what it holds is damaged.
            IsptuneError: it is a run of isptune 0.1 whose plugins cannot be made here.
        """
        place = RunDirectory(directory)
        data = place.read_config()
        config = parse_config(settings_of(data), f"'{place.file(CONFIG_NAME)}'")
        generations, _ = place.read_log(data.get("fingerprint"))
        description = Description.read(data, place.file(CONFIG_NAME))
        if description is None or _lacks_levels(description, generations):
            from isptune.runs.earlier import completed

            description = completed(place.path, config, data, generations)
        _check_widths(place.file(CONFIG_NAME), description, generations)
        try:
            revise(generations)
        except ValueError as error:
            raise RunDirectoryError(f"the log of '{place.path}' is damaged: {error}") from None
        return cls(place.path, config, data, description, generations)

    def __repr__(self) -> str:
        evaluations = sum(len(generation.scores) for generation in self.generations)
        planned = "" if self.config.budget is None else f" of {self.config.budget}"
        count = f"{evaluations}{planned} evaluations"
        return short("Run", self.path.name, count, self.description.objective)

    @property
    def space(self) -> ParameterSpace:
        """The parameters, with what was fixed, tied or narrowed: what was searched."""
        return self.description.space

    @property
    def labels(self) -> tuple[str, ...]:
        """(K,) the names of the scores."""
        return self.description.labels

    @property
    def orientations(self) -> tuple[bool, ...]:
        """(K,) whether higher scores are better."""
        return self.description.orientations

    @property
    def truth(self) -> Truth | None:
        """What the hidden levels are; None where nobody knows them."""
        return self.description.truth

    @property
    def scenes(self) -> tuple[RenderedScene, ...]:
        """What was tuned on."""
        return self.description.scenes

    @property
    def held_out(self) -> tuple[RenderedScene, ...]:
        """The scenes that only judge; what they say is ``result.holdout``."""
        return self.description.held_out

    @cached_property
    def history(self) -> History:
        """Every evaluation of the log."""
        return build_history(self.generations, self.description)

    @cached_property
    def result(self) -> TuneResult:
        """What the log says was found so far, as ``isptune.tune`` gives it."""
        found = build_result(self.generations, self.description, self.path)
        found.stopped = not self.is_finished
        if not found.default_scores:
            # Of a search that began elsewhere they are evaluated once, at its end.
            found.default_scores = noted_defaults(self.path, found.history.labels)
        if self.description.held_out:
            # They are judged once, at the end.
            found.holdout = noted_holdout(self.path, self.labels, self.orientations, len(found.history))
        return found

    @property
    def best_parameters(self) -> dict[str, Any]:
        """The best candidate so far by parameter name, of several scores the best compromise; or empty."""
        return self.result.best_parameters

    @property
    def front(self) -> list[dict[str, Any]]:
        """The candidates that no other dominates, the best compromise first; see ``TuneResult.front``."""
        return self.result.front

    @property
    def is_finished(self) -> bool:
        """Whether the whole budget was spent, or the run has ended by a rule of its settings."""
        if self.generations and self.generations[-1].ended:
            return True
        budget = self.config.budget
        if self.config.race is not None and self.generations:
            population = len(self.generations[0].scores)
            config = self.config.model_copy(update={"population": population})
            windows = windows_in(self.generations, config.race)
            return len(self.generations) >= planned_generations(config, len(self.description.scenes), windows)
        return budget is not None and sum(len(one.scores) for one in self.generations) >= budget

    @cached_property
    def pictures(self) -> list[ScenePictures]:
        """Pictures of its first few scenes at the start and as found; none before it has ended.

        Raises:
            RunDirectoryError: some were damaged or removed.
        """
        return read_pictures(self.path)

    @cached_property
    def maps(self) -> list[SceneMaps]:
        """Where in these pictures its objective saw what; none of an objective without ``maps``.

        Raises:
            RunDirectoryError: their file is damaged.
        """
        return read_maps(self.path)

    def require_evaluations(self) -> Run:
        """The run itself.

        Raises:
            RunDirectoryError: its log is empty.
        """
        if not self.generations:
            raise RunDirectoryError(f"the run in '{self.path}' has no finished generation yet")
        return self

    def require_best(self) -> Run:
        """The run itself.

        Raises:
            RunDirectoryError: its log is empty, or no candidate in it has finite scores.
        """
        if not len(self.require_evaluations().history.pareto):
            raise RunDirectoryError(f"the run in '{self.path}' has no candidate with a finite score yet")
        return self


def _check_widths(file: Path, description: Description, generations: list[Generation]) -> None:
    """Refuse a run.yaml that notes other numbers of parameters, scores or levels than its log holds."""
    truth = description.truth
    for generation in generations:
        guards = 0 if generation.guards is None else generation.guards.shape[1]
        widths = [
            ("parameters that are searched", len(description.space.free), generation.candidates.shape[1]),
            ("scores", len(description.labels), generation.scores.shape[1]),
            ("guards", len(description.guards), guards),
        ]
        if truth is not None and generation.levels is not None:
            widths.append(("hidden levels", len(truth.labels), generation.levels.shape[1]))
        for what, noted, held in widths:
            if noted != held:
                raise RunDirectoryError(
                    f"'{file}' was changed after the run was started: it notes {noted} {what}, and the log "
                    f"holds {held}; put it back as it was"
                )


def _lacks_levels(description: Description, generations: list[Generation]) -> bool:
    """Whether a part of the log was written by isptune 0.1, which logged no hidden levels."""
    return description.truth is not None and any(one.levels is None for one in generations)
