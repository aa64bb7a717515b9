"""Whole micro-batches rendered and scored: memory budget, out-of-memory back-off, autocast, gradients."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.contracts.pipeline import Pipeline, Scene
from isptune.errors import EvaluationError
from isptune.parameters import ParameterSpace
from isptune.tuning import renderings
from isptune.tuning.blame import blame, called, is_out_of_memory
from isptune.tuning.micro_batches import MicroBatches
from isptune.tuning.scoring import Scoring
from isptune.wording.naming import listed

Numbers = NDArray[np.float64]


@dataclass
class Outcome:
    """What became of some candidates on one scene.

    Attributes:
        scores: (N, K + G) float64, of objectives and guards, and of labels behind them where they are asked
            for; NaN in the row of a candidate that failed.
        slopes: (N, f), the scores' gradients in the unit cube, or None.
        failures: why candidates failed, by their row.
        pictures: (3, H, W) float32 on the CPU by row, where they are kept for judges.
    """

    scores: Numbers
    slopes: Numbers | None = None
    failures: dict[int, str] = field(default_factory=dict)
    pictures: dict[int, Tensor] = field(default_factory=dict)

    def put(self, start: int, part: Outcome) -> None:
        """Take the rows from ``start`` on from a part."""
        end = start + len(part.scores)
        self.scores[start:end] = part.scores
        if self.slopes is not None and part.slopes is not None:
            self.slopes[start:end] = part.slopes
        self.failures |= {start + row: reason for row, reason in part.failures.items()}
        self.pictures |= {start + row: picture for row, picture in part.pictures.items()}


class Batches:
    """Renders and scores candidates a micro-batch at a time, on one device.

    A batch that cannot be rendered is rendered candidate by candidate, and one that cannot be scored is
    scored picture by picture, so that what fails costs its candidate alone.

    Args:
        pipeline, scoring: on that device already.
        space: what candidates are of.
        device: where both run.
        memory_gb: gigabytes that the temporaries of one micro-batch may take.
        autocast: the number type of the objectives' matrix products, or None.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        scoring: Scoring,
        space: ParameterSpace,
        device: torch.device,
        memory_gb: float,
        autocast: torch.dtype | None,
    ) -> None:
        self.pipeline = pipeline
        self.scoring = scoring
        self.space = space
        self.device = device
        self.autocast = autocast
        self.seconds_rendering = 0.0
        self.seconds_scoring = 0.0
        # The scenes whose references were looked at.
        self._references: set[int] = set()
        self.bind()
        self._micro = MicroBatches(device, memory_gb, "candidates")
        # Whether the labels of the objective are scored as well.
        self.by_label = False

    @property
    def _shown(self) -> tuple[str, ...]:
        """What the columns are in messages."""
        scoring = self.scoring
        labels = scoring.objectives[0].labels if self.by_label else ()
        return (*scoring.pictured, *(f"guard {label}" for label in scoring.guard_labels), *labels)

    def bind(self) -> None:
        """Ask what scores each scene, before anything is rendered, and again where objectives have changed.

        Raises:
            ConfigurationError: a scene lacks what an objective needs.
        """
        # They are kept, so that no other scene gets the identity of one of them.
        self._scenes = [*self.pipeline.scenes]
        self._scorings = {id(scene): self.scoring.for_scene(scene) for scene in self._scenes}

    def evaluate(self, unit: Tensor, scene: Scene, gradients: bool) -> Outcome:
        """Render and score candidates.

        Args:
            unit: (N, f) in the unit cube.
            scene: one of the pipeline's.
            gradients: also give the scores' slopes.

        Raises:
            EvaluationError: there is not enough memory for a single candidate.
            IsptuneError: a plugin says that a setting is wrong.
        """

        def part(start: int, end: int) -> Outcome:
            chunk = unit[start:end]
            if gradients:
                # Where anything fails, the graph of a batch is of no more use: each candidate gets its own.
                return self._judged(*self._images(chunk, True, scene), scene)
            images, _ = self._images(chunk, False, scene)
            return self._or_one_by_one(len(chunk), False, lambda a, b: self._judged(images[a:b], None, scene))

        return self._by_parts(
            len(unit),
            scene,
            gradients,
            lambda start, end: self._or_one_by_one(
                end - start, gradients, lambda a, b: part(start + a, start + b)
            ),
        )

    def score(self, pictures: Tensor, scene: Scene) -> Outcome:
        """Score pictures (N, 3, H, W) that are there already and were looked at."""
        return self._by_parts(
            len(pictures),
            scene,
            False,
            lambda start, end: self._or_one_by_one(
                end - start,
                False,
                lambda a, b: self._judged(pictures[start + a : start + b], None, scene, looked_at=True),
            ),
        )

    def _bytes_each(self, scene: Scene, gradients: bool) -> float:
        """What one candidate takes at the peak of rendering and scoring."""
        # Scenes without a picture of their own are taken to be rendered in float32.
        width = 4 if scene.reference is None else scene.reference.element_size()
        image = 3 * scene.height * scene.width * width
        memory = self.pipeline.memory
        rendering = image * memory.images_at_peak(gradients, usual=8) + memory.bytes_at_peak(gradients)
        return rendering + self.scoring.working_bytes(image, gradients)

    def _by_parts(
        self, count: int, scene: Scene, gradients: bool, part: Callable[[int, int], Outcome]
    ) -> Outcome:
        """Outcomes of micro-batches, which are halved where memory does not suffice."""
        whole = self._nothing(count, gradients)
        try:
            self._micro.work(
                count,
                scene.height,
                scene.width,
                lambda: self._bytes_each(scene, gradients),
                lambda start, end: whole.put(start, part(start, end)),
                gradients,
            )
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise EvaluationError(
                f"there is not enough memory on {self.device} for one candidate of the scene "
                f"'{scene.name}' ({scene.width}x{scene.height}); use smaller scenes or --crop"
            ) from error
        return whole

    def _or_one_by_one(self, count: int, gradients: bool, part: Callable[[int, int], Outcome]) -> Outcome:
        """The outcome of rows 0 to ``count`` together, or of each alone where a plugin fails on them."""
        whole = self._nothing(count, gradients)
        try:
            return part(0, count)
        except EvaluationError as error:
            if count == 1:
                whole.failures[0] = str(error)
                return whole
        for row in range(count):
            try:
                whole.put(row, part(row, row + 1))
            except EvaluationError as error:
                whole.failures[row] = str(error)
        return whole

    def _nothing(self, count: int, gradients: bool) -> Outcome:
        scores = np.full((count, len(self._shown)), np.nan)
        return Outcome(scores, np.zeros((count, len(self.space.free))) if gradients else None)

    def _images(self, unit: Tensor, gradients: bool, scene: Scene) -> tuple[Tensor, Tensor | None]:
        """The renderings of some candidates, and the tensor that gradients are taken by."""
        started = time.perf_counter()
        leaf = unit.detach().clone().requires_grad_(gradients)
        try:
            with torch.set_grad_enabled(gradients):
                with blame(f"the pipeline '{called(self.pipeline)}'"):
                    values = self.space.to_values(leaf)
                return renderings.render(self.pipeline, values, scene), leaf if gradients else None
        finally:
            self.seconds_rendering += time.perf_counter() - started

    def _judged(self, images: Tensor, leaf: Tensor | None, scene: Scene, looked_at: bool = False) -> Outcome:
        """Score renderings and look at their numbers.

        Without gradients they are looked at after the objective: an accelerator works on in the meantime. A
        graph serves once, so with gradients they are looked at before.
        """
        started = time.perf_counter()
        try:
            with torch.set_grad_enabled(leaf is not None):
                ends = None if looked_at else renderings.extremes(images)
                lost = None if leaf is None else self._unsound(images, ends)
                if lost is None:
                    try:
                        columns = self._columns(images, scene)
                    except EvaluationError:
                        # Over what no picture may hold an objective may stumble: that is not its mistake.
                        lost = None if leaf is not None else self._unsound(images, ends)
                        if lost is None:
                            raise
                    else:
                        lost = None if leaf is not None else self._unsound(images, ends)
                if lost is not None:
                    columns = self._columns(renderings.sound(images, lost), scene)
                slopes = None
                if leaf is not None:
                    slopes = torch.autograd.grad(columns.sum(), leaf)[0].cpu().numpy()
                found = self._outcome(columns.detach().cpu().numpy(), slopes, lost)
                if self.scoring.judges and not looked_at:
                    # A copy: a pipeline may render its next batch into the same memory.
                    found.pictures = dict(enumerate(images.detach().to("cpu", torch.float32, copy=True)))
                return found
        finally:
            self.seconds_scoring += time.perf_counter() - started

    def _outcome(self, scores: Numbers, slopes: Numbers | None, lost: Tensor | None) -> Outcome:
        found = Outcome(scores, slopes)
        for row in np.flatnonzero(~np.isfinite(scores).all(axis=1)):
            shown = listed(
                f"{label} {score}"
                for label, score in zip(self._shown, scores[row], strict=True)
                if not np.isfinite(score)
            )
            found.failures[int(row)] = f"it scored {shown}"
        for row in () if lost is None else torch.nonzero(lost).flatten().tolist():
            found.failures[row] = (
                f"the pipeline '{called(self.pipeline)}' failed: render gave numbers that are not finite"
            )
        scores[list(found.failures)] = np.nan
        return found

    def _unsound(self, images: Tensor, ends: Tensor | None) -> Tensor | None:
        if ends is None:
            return None
        with blame(f"the pipeline '{called(self.pipeline)}'"):
            return renderings.unsound(images, ends)

    def _scoring_of(self, scene: Scene) -> Scoring:
        found = self._scorings.get(id(scene))
        return self.scoring.for_scene(scene) if found is None else found

    def _columns(self, images: Tensor, scene: Scene) -> Tensor:
        first = id(scene) not in self._references
        reference = renderings.reference(self.pipeline, scene, images, whole=first)
        self._references.add(id(scene))
        # Without a dtype autocast is off, whatever the caller has set around us.
        casting = torch.autocast(
            self.device.type, dtype=self.autocast or torch.bfloat16, enabled=self.autocast is not None
        )
        with casting:
            return self._scoring_of(scene).seen(images, reference, self.by_label)
