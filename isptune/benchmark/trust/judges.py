"""Held-out judges: what other objectives, and the hidden truth, say of a picture that one has tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.benchmark.trust.chains import Task, common_tasks, pipeline_for
from isptune.benchmark.trust.scorer import Numbers, Scorer
from isptune.benchmark.trust.searches import Found
from isptune.benchmark.trust.settings import TrustSettings
from isptune.contracts.objective import Objective
from isptune.contracts.requirements import Packaging
from isptune.contracts.scene import Scene
from isptune.contracts.truthful import Truthful
from isptune.errors import EvaluationError, IsptuneError
from isptune.plugins import registry
from isptune.stages.noise import seeded_generator

TRUTH = "hidden truth"


def ready_objectives() -> list[str]:
    """Registered objectives of any picture that can be made at once: nothing to install, download or set."""
    return [name for name in registry.objectives.own_names() if _is_ready(name)]


def _is_ready(name: str) -> bool:
    packaging: Packaging = registry.objectives.told(name, "packaging", Packaging())
    if registry.objectives.told(name, "is_judge", False) or registry.objectives.told(name, "chart_kinds", ()):
        return False
    if packaging.downloads or packaging.weights or packaging.programs:
        return False
    try:
        # Families, missing packages, options that must be given.
        registry.objectives.precheck(name, {})
    except IsptuneError:
        return False
    return True


@dataclass
class Field:
    """Random candidates of one chain, among which a tuned one is placed.

    Attributes:
        task: the chain.
        images: per scene (C, 3, H, W).
        references: per scene (1, 3, H, W).
        truths: (C,) hidden normalised l1.
        losses: by judge (C,), mean over the scenes.
    """

    task: Task
    images: list[Tensor]
    references: list[Tensor]
    truths: Numbers
    losses: dict[str, Numbers] = field(default_factory=dict)


class Panel:
    """Judges and the chains that they see, shared by all objectives of a table.

    Args:
        judges: by name.
        scenes: that are tuned on.
        settings: how many random candidates, and the chains.

    Attributes:
        left_out: a sentence for each judge that scored nothing.
    """

    def __init__(
        self,
        judges: Mapping[str, Objective],
        scenes: Sequence[Scene],
        settings: TrustSettings,
    ) -> None:
        self.scorers = {name: Scorer(judge) for name, judge in judges.items()}
        self.scenes, self.settings = scenes, settings
        self.left_out: list[str] = []
        self.tasks = common_tasks(settings.bank, settings.chains, settings.seed)
        self._fields: dict[Task, Field] = {}

    def shares(self, found: Sequence[Found]) -> dict[str, float]:
        """By judge, how many of the random candidates it likes less than what was tuned: a share in [0, 1].

        Equal ones count half. The mean over the chains that all objectives are let loose on, and the hidden
        truth last; judges that scored nothing are left out.

        Raises:
            EvaluationError: no judge scored anything.
        """
        common = [one for one in found if any(_same(task, one) for task in self.tasks)]
        rows: dict[str, list[float]] = {}
        for one in common:
            for name, share in self._of_one(one).items():
                rows.setdefault(name, []).append(share)
        return {name: float(np.mean(shares)) for name, shares in rows.items()}

    def _of_one(self, found: Found) -> dict[str, float]:
        field = self._field(next(task for task in self.tasks if _same(task, found)))
        values = found.pipeline.space.to_values(torch.from_numpy(found.candidate)[None])
        with torch.no_grad():
            tuned = [found.pipeline.render(values, scene) for scene in found.pipeline.scenes]
        shares = {}
        for name, scorer in list(self.scorers.items()):
            others = self._losses(name, scorer, field)
            if others is None:
                continue
            own = _mean_losses(scorer, tuned, field.references)
            if np.isfinite(own[0]):
                shares[name] = _share(float(own[0]), others)
        return {**shares, TRUTH: _share(found.search.end, field.truths)}

    def _losses(self, name: str, scorer: Scorer, field: Field) -> Numbers | None:
        """(C,) of a judge, seen once; None, and the judge is left out, where it scored none of them."""
        if name not in field.losses:
            found = _mean_losses(scorer, field.images, field.references)
            if not np.isfinite(found).any():
                del self.scorers[name]
                self.left_out.append(f"the judge {scorer.told()}: it is left out")
                if not self.scorers:
                    raise EvaluationError(f"no judge scored any picture: {'; '.join(self.left_out)}")
                return None
            field.losses[name] = np.where(np.isfinite(found), found, np.inf)
        return field.losses[name]

    def _field(self, task: Task) -> Field:
        if task not in self._fields:
            pipeline = pipeline_for(task, self.scenes)
            assert isinstance(pipeline, Truthful)
            pipeline.to(self.scenes[0].reference.device if self.scenes[0].reference is not None else "cpu")
            generator = seeded_generator("candidates", task.seed, *task.stages)
            shape = self.settings.compared, len(pipeline.space.free)
            values = pipeline.space.to_values(torch.rand(shape, generator=generator, dtype=torch.float64))
            with torch.no_grad():
                images = [pipeline.render(values, scene) for scene in pipeline.scenes]
            references = [one for scene in pipeline.scenes if (one := pipeline.reference(scene)) is not None]
            self._fields[task] = Field(task, images, references, pipeline.losses(values)[1].numpy())
        return self._fields[task]


def make_judges(names: Sequence[str]) -> tuple[dict[str, Objective], list[str]]:
    """Objectives by name, and a sentence for each that cannot be made here."""
    made: dict[str, Objective] = {}
    left_out = []
    for name in names:
        try:
            made[name] = registry.objectives.create(name)
        except IsptuneError as error:
            left_out.append(f"the judge '{name}' is left out: {error}")
    return made, left_out


def _mean_losses(scorer: Scorer, images: Sequence[Tensor], references: Sequence[Tensor]) -> Numbers:
    """(C,) losses, mean over the scenes."""
    rows: list[Any] = [
        scorer.losses(one, reference, "a picture to judge")
        for one, reference in zip(images, references, strict=True)
    ]
    return np.asarray(np.mean(rows, axis=0))


def _share(own: float, others: Numbers) -> float:
    return float(np.mean((others > own) + 0.5 * (others == own)))


def _same(task: Task, found: Found) -> bool:
    one = found.search
    return (task.kind, task.stages, task.seed) == (one.kind, tuple(one.stages), one.seed)
