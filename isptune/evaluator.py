"""Population x scenes -> scores: micro-batches, autocast, out-of-memory back-off, clear failures."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from isptune import renderings
from isptune.devices import resolve_device
from isptune.errors import ConfigurationError, EvaluationError, IsptuneError
from isptune.failures import Problem, blame, called, is_out_of_memory, problems_of
from isptune.naming import listed
from isptune.objective import Objective, losses_of, require_scores
from isptune.parameters import ParameterSpace, written
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
        gradients: (P, f) float64, the losses' gradients in the unit cube, or None.
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
        space: what candidates are of, the pipeline's with constraints; the pipeline's own if None.

    Raises:
        ConfigurationError: the objective needs a reference that the pipeline does not have, a device
            that is not there, or an option out of range.
        EvaluationError: a scene is no picture, or the hidden truth has another form than its labels say.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        objective: Objective,
        device: str | torch.device = "cpu",
        memory_gb: float = 2.0,
        autocast: str = "none",
        space: ParameterSpace | None = None,
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
        renderings.check_facts(pipeline)
        self.device = resolve_device(device)
        self.pipeline = pipeline.to(self.device)
        self.objective = objective.to(self.device)
        self.space = pipeline.space if space is None else space
        self.memory_gb = memory_gb
        self.autocast = AUTOCAST_TYPES[autocast]
        self.seconds_rendering = 0.0
        self.seconds_scoring = 0.0
        # The scenes whose references were looked at.
        self._references: set[int] = set()
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
        if not self.space.is_continuous:
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
            candidates: (P, f) in the unit cube of the free parameters.
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
            scores, scene_slopes, unsound = self._scene(unit, scene, gradients, generation)
            problems += problems_of(self.pipeline, self.objective, unit, scene, scores, unsound, self.space)
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
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.bool_]]:
        """Scores, gradients, and which renderings were not finite."""
        scores, unsound = self._table(len(unit)), np.zeros(len(unit), dtype=bool)
        slopes = np.empty(unit.shape) if gradients else None
        start = 0
        while start < len(unit):
            size = min(self._chunk_size(scene, gradients), len(unit) - start)
            chunk = unit[start : start + size]
            try:
                part, slope, lost = self._chunk(chunk, scene, gradients)
            except Exception as error:
                if is_out_of_memory(error):
                    self._halve(scene, gradients, size, error)
                    continue
                self._explain(error, unit, start, len(chunk), scene, gradients, generation)
                raise
            scores[start : start + len(chunk)] = part
            unsound[start : start + len(chunk)] = lost
            if slopes is not None and slope is not None:
                slopes[start : start + len(chunk)] = slope
            start += len(chunk)
        return scores, slopes, unsound

    def _chunk(
        self, unit: Tensor, scene: Scene, gradients: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.bool_]]:
        """Render and score one micro-batch; a rendering that is not finite scores NaN."""
        leaf = unit.detach().clone().requires_grad_(gradients)
        with torch.set_grad_enabled(gradients):
            started = time.perf_counter()
            with blame(f"the pipeline '{called(self.pipeline)}'"):
                values = self.space.to_values(leaf)
            images = renderings.render(self.pipeline, values, scene)
            ends = renderings.extremes(images)
            rendered = time.perf_counter()
            found, slopes, lost = self._judge(images, ends, scene, leaf)
        self.seconds_rendering += rendered - started
        self.seconds_scoring += time.perf_counter() - rendered
        return found, slopes, np.zeros(len(unit), dtype=bool) if lost is None else lost.cpu().numpy()

    def _judge(
        self, images: Tensor, ends: Tensor, scene: Scene, leaf: Tensor
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, Tensor | None]:
        """Scores, gradients and the renderings that are not finite, once their ends were looked at.

        Without gradients they are looked at after the objective: an accelerator works on in the meantime. A
        graph serves once, so with gradients they are looked at before.
        """
        lost = self._unsound(images, ends) if leaf.requires_grad else None
        if lost is None:
            try:
                found, slopes = self._score(images, scene, leaf)
            except Exception as error:
                # Over what no picture may hold an objective may stumble: that is not its mistake.
                lost = None if is_out_of_memory(error) else self._unsound(images, ends)
                if lost is None:
                    raise
            else:
                lost = None if leaf.requires_grad else self._unsound(images, ends)
        if lost is not None:
            found, slopes = self._score(renderings.sound(images, lost), scene, leaf)
            found[lost.cpu().numpy()] = np.nan
        return found, slopes, lost

    def _unsound(self, images: Tensor, ends: Tensor) -> Tensor | None:
        with blame(f"the pipeline '{called(self.pipeline)}'"):
            return renderings.unsound(images, ends)

    def _score(
        self, images: Tensor, scene: Scene, leaf: Tensor
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """The scores of renderings, and where the candidates want gradients those of their sum."""
        first = id(scene) not in self._references
        reference = renderings.reference(self.pipeline, scene, images, whole=first)
        self._references.add(id(scene))
        if isinstance(self.objective, VectorObjective):
            return self._columns(self.objective, images, reference), None
        with blame(f"the objective '{called(self.objective)}'"):
            with self._casting():
                scores = self.objective.score(images, reference)
            require_scores(scores, "score", (len(images),))
            slopes = None
            if leaf.requires_grad:
                slopes = torch.autograd.grad(scores.sum(), leaf)[0].cpu().numpy()
            return scores.detach().to(torch.float64).cpu().numpy(), slopes

    def _columns(
        self, objective: VectorObjective, images: Tensor, reference: Tensor | None
    ) -> NDArray[np.float64]:
        """(P, K) scores of one rendered micro-batch; each part of the objective answers for itself."""
        columns = []
        for part in objective.parts:
            with blame(f"the objective '{called(part.objective)}'"), self._casting():
                columns.append(part.columns(images, reference))
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
            # Renderings are of the reference's number type, and of float32 where there is none.
            width = 4 if scene.reference is None else scene.reference.element_size()
            image = 3 * scene.height * scene.width * width
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
                values = self.space.to_values(unit[index : index + 1])
                parameters = self.space.to_dicts(values)[0]
                which, culprit = f"candidate {index} ({written(parameters)})", alone
                break
        moment = "" if generation is None else f" of generation {generation}"
        # The chained cause is the plugin's own exception, for --debug and for Python callers.
        cause = culprit.__cause__ if isinstance(culprit, EvaluationError) else culprit
        raise EvaluationError(f"{culprit}; with {which}{moment} on scene '{scene.name}'") from cause
