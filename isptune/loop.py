"""The loop: ask, render, score, tell; and its resumption by replay."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.contracts.truthful import Truthful
from isptune.errors import RunDirectoryError
from isptune.evaluator import Evaluation, Evaluator
from isptune.failures import Problem
from isptune.objective import losses_of
from isptune.optimizer import Optimizer
from isptune.parameters.identity import identities
from isptune.pareto import non_dominated
from isptune.run import Generation
from isptune.session import Session
from isptune.stopping import Switch
from isptune.tracking.facts import Progress
from isptune.tracking.tracker import Watchers

logger = logging.getLogger("isptune")


class Loop:
    """The state of a run between generations."""

    def __init__(
        self,
        session: Session,
        optimizer: Optimizer,
        evaluator: Evaluator,
        watchers: Watchers,
        run: str,
        switch: Switch,
    ) -> None:
        self.session = session
        self.optimizer = optimizer
        self.evaluator = evaluator
        self.watchers = watchers
        self.run = run
        self.switch = switch
        self.log: list[Generation] = []
        self.best: float | None = None
        self.best_candidate: NDArray[np.float64] | None = None
        # The hidden l1 and normalised l1 of the best candidate, where they were asked for.
        self.hidden: tuple[float | None, float | None] | None = None
        self.front: np.ndarray | None = None
        # The scores of every candidate, by its values.
        self.known: dict[bytes, Any] = {}
        self.evaluations = 0
        self.seconds = 0.0

    def replay(self, log: Sequence[Generation]) -> None:
        """Take the optimizer through logged generations; refuse a log that is not this run's."""
        for generation in log:
            candidates = self.optimizer.ask()
            if not np.array_equal(candidates, generation.candidates):
                raise RunDirectoryError(
                    f"line {generation.number + 1} of the log holds other candidates than this "
                    f"configuration proposes with isptune {metadata.version('isptune')}: the log was "
                    "made with another configuration, or other versions of the packages"
                )
            self._tell(generation)
            self._record(generation, replayed=True)

    def go_on(self) -> None:
        """Evaluate what is left of the budget, one logged generation at a time, or until the run is stopped.

        A stop that was asked for while the log was replayed holds as well: its rule is fulfilled already.
        """
        directory = self.session.directory
        for number in range(len(self.log), self.session.generations):
            if self.switch.asked:
                return
            started = time.perf_counter()
            candidates = self.optimizer.ask()
            evaluation = self._evaluate(candidates, number)
            generation = Generation(
                number=number,
                candidates=candidates,
                scores=evaluation.scores,
                gradients=evaluation.gradients,
                problems=[f"generation {number}: {problem}" for problem in evaluation.problems],
                seconds=time.perf_counter() - started,
            )
            if directory is not None:
                directory.append(generation, self.run)
            for problem in generation.problems:
                logger.warning("%s", problem)
            self._tell(generation)
            self._record(generation, replayed=False)

    def _evaluate(self, candidates: NDArray[np.float64], number: int) -> Evaluation:
        """Evaluate a batch; candidates whose values were evaluated before have their scores already.

        That is for spaces with whole numbers or choices alone: in others equal values mean equal candidates,
        which are too rare to change a run of an earlier version for.
        """
        gradients = self.optimizer.needs_gradient
        space = self.session.space
        if space.is_continuous:
            return self.evaluator.evaluate(candidates, gradients=gradients, generation=number)
        keys = identities(space, candidates)
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self.known}
        new = sorted(first.values())
        problems: list[Problem] = []
        scores = {key: self.known[key] for key in keys if key in self.known}
        if new:
            found = self.evaluator.evaluate(candidates[new], gradients=gradients, generation=number)
            scores |= {keys[row]: score for row, score in zip(new, found.scores, strict=True)}
            problems = [replace(one, candidate=new[one.candidate]) for one in found.problems]
        told = np.array([scores[key] for key in keys])
        return Evaluation(told, losses_of(told, self.session.objective), None, problems)

    def _tell(self, generation: Generation) -> None:
        losses = losses_of(generation.scores, self.session.objective)
        self.optimizer.tell(generation.candidates, losses, generation.gradients)

    def _record(self, generation: Generation, replayed: bool) -> None:
        self.log.append(generation)
        self.evaluations += len(generation.scores)
        self.seconds += generation.seconds
        scores = generation.scores
        fresh = self._remember(generation)
        best = mean = None
        if self.session.objective.orientations:
            losses = losses_of(scores, self.session.objective)[fresh]
            losses = losses if self.front is None else np.concatenate([self.front, losses])
            self.front = losses[non_dominated(losses)]
        elif np.isfinite(scores).any():
            higher = self.session.objective.higher_is_better
            first = int(np.nanargmax(scores) if higher else np.nanargmin(scores))
            best, mean = float(scores[first]), float(np.nanmean(scores))
            if self.best is None or (best > self.best if higher else best < self.best):
                self.best, self.best_candidate, self.hidden = best, generation.candidates[first], None
        l1, l1_normalised = self._hidden() if self.watchers.want_truth else (None, None)
        stop = self.watchers.generation(
            Progress(
                generation=generation.number + 1,
                generations=self.session.generations,
                evaluations=self.evaluations,
                best_score=self.best,
                seconds=self.seconds,
                replayed=replayed,
                generation_best=best,
                generation_mean=mean,
                seconds_rendering=self.evaluator.seconds_rendering,
                seconds_scoring=self.evaluator.seconds_scoring,
                evaluations_per_second=len(scores) / generation.seconds if generation.seconds > 0 else None,
                l1=l1,
                l1_normalised=l1_normalised,
                front=None if self.front is None else len(self.front),
            )
        )
        self.switch.asked |= stop

    def _remember(self, generation: Generation) -> list[int]:
        """Note the scores of a generation; its candidates of values that were not evaluated before."""
        space = self.session.space
        if space.is_continuous and not self.session.objective.orientations:
            return list(range(len(generation.scores)))
        fresh = []
        for row, key in enumerate(identities(space, generation.candidates)):
            if key not in self.known:
                self.known[key] = generation.scores[row]
                fresh.append(row)
        return fresh

    def _hidden(self) -> tuple[float | None, float | None]:
        """The hidden l1 and normalised l1 of the best candidate, for trackers alone."""
        if self.hidden is None and self.best_candidate is not None:
            pipeline = self.session.pipeline
            if not isinstance(pipeline, Truthful):
                self.hidden = None, None
            else:
                with torch.no_grad():
                    values = self.session.space.to_values(torch.from_numpy(self.best_candidate[None]))
                    plain, share = pipeline.losses(values)
                self.hidden = float(plain[0]), float(share[0])
        return self.hidden or (None, None)
