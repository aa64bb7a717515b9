"""Population x scenes -> scores, candidate by candidate: each is done, failed or timed out."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from isptune.contracts.development import Development
from isptune.contracts.objective import Objective
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.errors import ConfigurationError
from isptune.parameters import ParameterSpace
from isptune.runs.generation import FAILED
from isptune.tuning import renderings
from isptune.tuning.blame import called
from isptune.tuning.developing import Developing
from isptune.tuning.devices import resolve_device
from isptune.tuning.fates import Evaluation, Fates
from isptune.tuning.judging import Judging, Standing
from isptune.tuning.meetings import Meetings
from isptune.tuning.racing import Race
from isptune.tuning.scoring import Scoring, as_scoring
from isptune.wording.naming import listed

AUTOCAST_TYPES = {"none": None, "bfloat16": torch.bfloat16, "float16": torch.float16}

WITHOUT_GRADIENTS = "choose an optimizer without gradients, such as 'es'"


def check_gradients(pipeline: Pipeline, scoring: Scoring) -> None:
    """Refuse with a ConfigurationError what gives no gradients, whatever the parameters are."""
    if len(scoring.labels) > 1:
        raise ConfigurationError(
            f"gradients were asked for, but the run has {len(scoring.labels)} objectives "
            f"({listed(scoring.labels)}); they exist for one alone"
        )
    if not pipeline.is_differentiable:
        raise ConfigurationError(
            f"gradients were asked for, but the pipeline '{called(pipeline)}' is not differentiable; "
            f"{WITHOUT_GRADIENTS}"
        )
    if not scoring.is_differentiable:
        raise ConfigurationError(
            f"gradients were asked for, but the objective '{scoring.name}' is not "
            "differentiable ('isptune list objectives' shows which are)"
        )


class Evaluator:
    """Scores candidates on every scene of a pipeline.

    A candidate that cannot be rendered or scored has failed, with a reason, and meets no more scenes; the
    others go on. A pipeline that makes one picture at a time is run by workers, and its pictures are scored
    while the next ones are made; ``close`` ends the workers. Judges come last: each gets the candidates that
    are done, all at once.

    Args:
        pipeline: renders or develops the candidates.
        objective: scores their pictures; or several, each of which gives a column of scores; or a
            ``Scoring``.
        device: where both run; ``"auto"`` takes the fastest device there is.
        memory_gb: gigabytes that the temporaries of one micro-batch may take, estimated from the image
            size and the ``memory`` of pipeline and objectives. It is a fixed number, not what
            happens to be free, so that a run is the same on every day.
        autocast: ``"bfloat16"`` or ``"float16"`` for the objectives' matrix products; ``"none"`` by
            default. Rendering is never cast: its errors would pass for distortions.
        space: what candidates are of: the pipeline's with constraints; the pipeline's own if None.
        development: how a pipeline that makes one picture at a time is run; as it says itself if None.

    Raises:
        ConfigurationError: an objective needs a reference that the pipeline does not have, a device
            that is not there, or an option out of range.
        EvaluationError: a scene is no picture, or the hidden truth has another form than its labels say.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        objective: Objective | Sequence[Objective] | Scoring,
        device: str | torch.device = "cpu",
        memory_gb: float = 2.0,
        autocast: str = "none",
        space: ParameterSpace | None = None,
        development: Development | None = None,
    ) -> None:
        scoring = as_scoring(objective)
        for kind, ones in (("objective", scoring.objectives), ("guard", scoring.guards)):
            for one in ones:
                if one.needs_reference and not pipeline.has_reference:
                    raise ConfigurationError(
                        f"the {kind} '{called(one)}' compares with a reference, which the pipeline "
                        f"'{called(pipeline)}' does not have; choose an objective that needs none "
                        "('isptune list objectives' shows which)"
                    )
        if autocast not in AUTOCAST_TYPES:
            raise ConfigurationError(
                f"autocast is '{autocast}'; allowed: {', '.join(sorted(AUTOCAST_TYPES))}"
            )
        if not memory_gb > 0:
            raise ConfigurationError(f"memory_gb is {memory_gb}; allowed: above 0")
        if not len(pipeline.scenes):
            raise ConfigurationError(f"the pipeline '{called(pipeline)}' has no scenes")
        if pipeline.develops and type(pipeline).develop is Pipeline.develop:
            raise ConfigurationError(
                f"the pipeline '{called(pipeline)}' makes no pictures: write render(values, scene) for whole "
                "populations, or develop(values, scene) for one candidate"
            )
        renderings.check_facts(pipeline)
        self.device = resolve_device(device)
        self.pipeline = pipeline.to(self.device)
        self.scoring = scoring.to(self.device)
        self.space = pipeline.space if space is None else space
        self._developing = Developing(pipeline, self.space, development) if pipeline.develops else None
        how = self.space, self.device, memory_gb, AUTOCAST_TYPES[autocast]
        self._meetings = Meetings(pipeline, scoring, *how, self._developing)
        self._judging = Judging(pipeline, scoring.judges, self.space, self.render) if scoring.judges else None

    @property
    def seconds_rendering(self) -> float:
        """Seconds spent so far on rendering, or on waiting for pictures."""
        return self._meetings.seconds_rendering

    @property
    def seconds_scoring(self) -> float:
        """Seconds spent so far on scoring."""
        return self._meetings.seconds_scoring

    def require_gradients(self) -> None:
        """Refuse with a ConfigurationError where gradients cannot reach the parameters."""
        check_gradients(self.pipeline, self.scoring)
        if not self.space.is_continuous:
            raise ConfigurationError(
                f"gradients were asked for, but the pipeline '{called(self.pipeline)}' has int or choice "
                f"parameters; {WITHOUT_GRADIENTS}"
            )

    def bind(self) -> None:
        """Ask the objectives again what scores each scene, where they have changed since this was made."""
        self._meetings.bind()

    def evaluate(
        self,
        candidates: ArrayLike,
        *,
        gradients: bool = False,
        standing: Standing | None = None,
        race: Race | None = None,
        by_label: bool = False,
    ) -> Evaluation:
        """Score candidates.

        Args:
            candidates: (P, f) in the unit cube of the free parameters.
            gradients: also give the losses' gradients in the unit cube.
            standing: what judges are told of the run; a first generation if None.
            race: drops candidates that fall behind on the first scenes; all meet all scenes if None.
            by_label: also give the scores of the labels that add up to the score, see
                ``Scoring.label_weights``.

        Raises:
            EvaluationError: there is not enough memory for a single candidate, or a judge failed.
            IsptuneError: a plugin says that a setting is wrong.
        """
        if gradients:
            self.require_gradients()
        unit = self._unit(candidates)
        slopes = np.zeros(unit.shape) if gradients else None
        fates = self._meetings.fates(unit, slopes, race, by_label)
        scoring, count, width = self.scoring, len(self.pipeline.scenes), len(self.scoring.pictured)
        # Of objectives, and behind them of guards.
        means = fates.total() / count
        seen = width + len(scoring.guards)
        scores, guards = means[:, :width], means[:, width:seen] if scoring.guards else None
        if self._judging is not None:
            scores = self._judge(self._judging, unit, fates, scores, standing or Standing())
        if slopes is not None:
            slopes = (-slopes if scoring.orientations[0] else slopes) / count
        found = Evaluation(scores, scoring.orientations, fates.statuses, fates.reasons, guards, slopes)
        if by_label:
            found.label_scores = means[:, seen:]
        if race is not None:
            found.shares, found.estimates, found.agreement = race.found(fates)
            found.parts = fates.parts()
        return found

    def by_scene(self, candidates: ArrayLike) -> NDArray[np.float64]:
        """(S, P, k) scores scene by scene of candidates (P, f), NaN from a scene on where one fails."""
        return self._meetings.fates(self._unit(candidates), None).scores[:, :, : len(self.scoring.pictured)]

    def _unit(self, candidates: ArrayLike) -> Tensor:
        return torch.as_tensor(np.asarray(candidates, dtype=np.float64), device=self.device)

    @torch.no_grad()
    def render(self, values: Tensor, scene: Scene) -> Tensor:
        """(P, 3, H, W), pictures of candidates outside of the count: what was developed before is not again.

        Raises:
            EvaluationError: the pipeline failed on them.
        """
        values = values.to(self.device)
        if self._developing is not None:
            return self._developing.pictures(values, scene)
        return renderings.render(self.pipeline, values, scene)

    def close(self) -> None:
        """End the workers of a pipeline that makes one picture at a time, and tell judges that it is over."""
        if self._developing is not None:
            self._developing.close()
        for judge in self.scoring.judges.values():
            judge.end()

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _judge(
        self,
        judging: Judging,
        unit: Tensor,
        fates: Fates,
        pictured: NDArray[np.float64],
        standing: Standing,
    ) -> NDArray[np.float64]:
        """(P, K) scores: those of pictures, and those of judges."""
        started = time.perf_counter()
        judged, failures = judging.judge(unit, fates.going_on().tolist(), fates.pictures, standing)
        for row, reason in failures.items():
            fates.end(row, 0, FAILED, reason)
        scores = self.scoring.joined(pictured, judged)
        scores[list(failures)] = np.nan
        self._meetings.batches.seconds_scoring += time.perf_counter() - started
        return scores
