"""Population x scenes -> scores: micro-batches, autocast, out-of-memory back-off, clear failures."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from isptune.devices import resolve_device
from isptune.errors import ConfigurationError, EvaluationError, IsptuneError
from isptune.failures import Problem, blame, called, is_out_of_memory
from isptune.naming import listed
from isptune.objective import Objective, losses_of
from isptune.parameters import written
from isptune.pipeline import Pipeline, Scene
from isptune.vector import VectorObjective

logger = logging.getLogger("isptune")

AUTOCAST_TYPES = {"none": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Evaluation:
    """What became of one batch of candidates.

    Attributes:
        scores: (P,) float64, the mean over the scenes in the objective's own orientation; NaN where a
            score was not finite. Of several objectives (P, K), each in its own orientation.
        losses: (P,) or (P, K) float64, to be minimised; +inf, in the whole row, where a score was not finite.
        gradients: (P, n) float64, the losses' gradients in the unit cube, or None.
        problems: the candidates with scores that were not finite.
    """

    scores: NDArray[np.float64]
    losses: NDArray[np.float64]
    gradients: NDArray[np.float64] | None = None
    problems: list[Problem] = field(default_factory=list)


class Evaluator:
    """Scores candidates on every scene of a pipeline.

    Args:
        pipeline: renders the candidates.
        objective: scores the renderings; a ``VectorObjective`` scores each of them several times.
        device: where both run; ``"auto"`` takes the fastest device there is.
        memory_gb: gigabytes that the temporaries of one micro-batch may take, estimated from the image
            size and the ``working_images`` of pipeline and objective. It is a fixed number, not what
            happens to be free, so that a run is the same on every day.
        autocast: ``"bfloat16"`` or ``"float16"`` for the objective's matrix products; ``"none"`` by
            default. Rendering is never cast: its errors would pass for distortions.

    Raises:
        ConfigurationError: the objective needs a reference that the pipeline does not have, a device
            that is not there, or an option out of range.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        objective: Objective,
        device: str | torch.device = "cpu",
        memory_gb: float = 2.0,
        autocast: str = "none",
    ) -> None:
        if objective.needs_reference and not pipeline.has_reference:
            raise ConfigurationError(
                f"the objective '{called(objective)}' compares with a reference, which the pipeline "
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
        self.device = resolve_device(device)
        self.pipeline = pipeline.to(self.device)
        self.objective = objective.to(self.device)
        self.memory_gb = memory_gb
        self.autocast = AUTOCAST_TYPES[autocast]
        self.seconds_rendering = 0.0
        self.seconds_scoring = 0.0
        self._most: dict[tuple[int, int, bool], int] = {}

    def require_gradients(self) -> None:
        """Refuse with a ConfigurationError where gradients cannot reach the parameters."""
        name = f"the pipeline '{called(self.pipeline)}'"
        if self.objective.orientations:
            raise ConfigurationError(
                f"gradients were asked for, but the run has {len(self.objective.orientations)} objectives "
                f"({listed(self.objective.labels)}); they exist for one alone"
            )
        if not self.pipeline.is_differentiable:
            raise ConfigurationError(f"gradients were asked for, but {name} is not differentiable")
        if not self.pipeline.space.is_continuous:
            raise ConfigurationError(
                f"gradients were asked for, but {name} has int or choice parameters; "
                "choose an optimizer without gradients, such as 'es'"
            )
        if not self.objective.is_differentiable:
            raise ConfigurationError(
                f"gradients were asked for, but the objective '{called(self.objective)}' is not "
                "differentiable ('isptune list objectives' shows which are)"
            )

    def evaluate(
        self, candidates: ArrayLike, *, gradients: bool = False, generation: int | None = None
    ) -> Evaluation:
        """Score candidates.

        Args:
            candidates: (P, n) in the unit cube.
            gradients: also give the losses' gradients in the unit cube.
            generation: its number, for messages.

        Raises:
            EvaluationError: the pipeline or the objective raised, or there is not enough memory for a
                single candidate; the message names plugin, candidate, stage and scene.
        """
        unit = torch.as_tensor(np.asarray(candidates, dtype=np.float64), device=self.device)
        if gradients:
            self.require_gradients()
        total = self._table(len(unit))
        slopes = np.zeros(unit.shape) if gradients else None
        problems: list[Problem] = []
        for scene in self.pipeline.scenes:
            scores, scene_slopes = self._scene(unit, scene, gradients, generation)
            problems += self._problems(unit, scene, scores)
            total += scores
            if slopes is not None and scene_slopes is not None:
                slopes += scene_slopes
        count = len(self.pipeline.scenes)
        scores = np.where(np.isfinite(total), total, np.nan) / count
        if slopes is not None:
            slopes = (-slopes if self.objective.higher_is_better else slopes) / count
        return Evaluation(scores, losses_of(scores, self.objective), slopes, problems)

    def _scene(
        self, unit: Tensor, scene: Scene, gradients: bool, generation: int | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        scores = self._table(len(unit))
        slopes = np.empty(unit.shape) if gradients else None
        start = 0
        while start < len(unit):
            size = min(self._chunk_size(scene, gradients), len(unit) - start)
            chunk = unit[start : start + size]
            try:
                part, slope = self._chunk(chunk, scene, gradients)
            except Exception as error:
                if is_out_of_memory(error):
                    self._halve(scene, gradients, size, error)
                    continue
                self._explain(error, unit, start, len(chunk), scene, gradients, generation)
                raise
            scores[start : start + len(chunk)] = part
            if slopes is not None and slope is not None:
                slopes[start : start + len(chunk)] = slope
            start += len(chunk)
        return scores, slopes

    def _chunk(
        self, unit: Tensor, scene: Scene, gradients: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Render and score one micro-batch."""
        leaf = unit.detach().clone().requires_grad_(gradients)
        with torch.set_grad_enabled(gradients):
            started = time.perf_counter()
            with blame(f"the pipeline '{called(self.pipeline)}'"):
                values = self.pipeline.space.to_values(leaf)
                images = self.pipeline.render(values, scene)
                if images.ndim != 4 or images.shape[:2] != (len(unit), 3):
                    raise ValueError(
                        f"render gave the shape {tuple(images.shape)} for {len(unit)} candidates "
                        f"instead of ({len(unit)}, 3, H, W)"
                    )
            rendered = time.perf_counter()
            slopes = None
            if isinstance(self.objective, VectorObjective):
                found = self._columns(self.objective, images, scene)
            else:
                with blame(f"the objective '{called(self.objective)}'"):
                    with self._casting():
                        scores = self.objective.score(images, self.pipeline.reference(scene))
                    if scores.shape != (len(unit),):
                        raise ValueError(
                            f"score gave the shape {tuple(scores.shape)} for {len(unit)} images "
                            f"instead of ({len(unit)},)"
                        )
                    if gradients:
                        slopes = torch.autograd.grad(scores.sum(), leaf)[0].cpu().numpy()
                    found = scores.detach().to(torch.float64).cpu().numpy()
        self.seconds_rendering += rendered - started
        self.seconds_scoring += time.perf_counter() - rendered
        return found, slopes

    def _columns(self, objective: VectorObjective, images: Tensor, scene: Scene) -> NDArray[np.float64]:
        """(P, K) scores of one rendered micro-batch; each part of the objective answers for itself."""
        columns = []
        for part in objective.parts:
            with blame(f"the objective '{called(part.objective)}'"), self._casting():
                columns.append(part.columns(images, self.pipeline.reference(scene)))
        found: NDArray[np.float64] = torch.cat(columns, dim=1).cpu().numpy()
        return found

    def _casting(self) -> torch.autocast:
        # Without a dtype autocast is off, whatever the caller has set around us.
        return torch.autocast(
            self.device.type, dtype=self.autocast or torch.bfloat16, enabled=self.autocast is not None
        )

    def _table(self, count: int) -> NDArray[np.float64]:
        """Zeros for the scores of that many candidates."""
        columns = len(self.objective.orientations)
        return np.zeros((count, columns) if columns else count)

    def _chunk_size(self, scene: Scene, gradients: bool) -> int:
        key = (scene.height, scene.width, gradients)
        if key not in self._most:
            image = 3 * scene.height * scene.width * scene.image.element_size()
            rendering = (
                self.pipeline.working_images_with_gradients if gradients else self.pipeline.working_images
            )
            scoring = self.objective.working_images
            if gradients:
                more = self.objective.working_images_with_gradients
                scoring = 3 * scoring if more is None else more
            fixed = self.objective.working_bytes_with_gradients if gradients else self.objective.working_bytes
            each = image * (rendering + scoring) + fixed
            self._most[key] = max(1, int(self.memory_gb * 1e9 / each))
        return self._most[key]

    def _halve(self, scene: Scene, gradients: bool, size: int, error: BaseException) -> None:
        if size == 1:
            raise EvaluationError(
                f"there is not enough memory on {self.device} for one candidate of the scene "
                f"'{scene.name}' ({scene.width}x{scene.height}); use smaller scenes or --crop"
            ) from error
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._most[scene.height, scene.width, gradients] = size // 2
        logger.warning(
            "out of memory with %d candidates of %dx%d at once; going on with %d",
            size,
            scene.width,
            scene.height,
            size // 2,
        )

    def _explain(
        self,
        error: Exception,
        unit: Tensor,
        start: int,
        length: int,
        scene: Scene,
        gradients: bool,
        generation: int | None,
    ) -> None:
        """Raise what the user should read about an exception in a micro-batch.

        The culprit of several candidates is found by evaluating each alone; a mistake in the
        configuration (an IsptuneError of another kind) is the user's to read as it is.
        """
        if isinstance(error, IsptuneError) and not isinstance(error, EvaluationError):
            raise error
        which, culprit = f"candidates {start} to {start + length - 1}", error
        for index in range(start, start + length):
            try:
                self._chunk(unit[index : index + 1], scene, gradients)
            except Exception as alone:
                values = self.pipeline.space.to_values(unit[index : index + 1])
                parameters = self.pipeline.space.to_dicts(values)[0]
                which, culprit = f"candidate {index} ({written(parameters)})", alone
                break
        moment = "" if generation is None else f" of generation {generation}"
        # The chained cause is the plugin's own exception, for --debug and for Python callers.
        cause = culprit.__cause__ if isinstance(culprit, EvaluationError) else culprit
        raise EvaluationError(f"{culprit}; with {which}{moment} on scene '{scene.name}'") from cause

    def _problems(self, unit: Tensor, scene: Scene, scores: NDArray[np.float64]) -> list[Problem]:
        found = []
        failed = ~np.isfinite(scores.reshape(len(scores), -1))
        for index in np.flatnonzero(failed.any(axis=1)):
            values = self.pipeline.space.to_values(unit[index : index + 1])
            parameters = self.pipeline.space.to_dicts(values)[0]
            if self.objective.orientations:
                columns = zip(self.objective.labels, scores[index], failed[index], strict=True)
                shown = listed(f"{label} {score}" for label, score, bad in columns if bad)
            else:
                shown = str(scores[index])
            found.append(Problem(int(index), scene.name, shown, parameters))
        return found
