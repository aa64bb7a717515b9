"""The loop: ask, render, score, tell; and its resumption by replay."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from importlib import metadata

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.contracts.truthful import Truthful
from isptune.errors import RunDirectoryError
from isptune.parameters.identity import identities
from isptune.runs.description import levels_of
from isptune.runs.generation import DONE, Generation
from isptune.runs.judgements import Judgements
from isptune.tracking.run_facts import Progress
from isptune.tracking.tracker import Watchers
from isptune.tuning.evaluation import Evaluation, Evaluator
from isptune.tuning.fronts import non_dominated
from isptune.tuning.judging import Best, Standing
from isptune.tuning.proposing import Proposer
from isptune.tuning.session import Session
from isptune.tuning.stopping import FAILED_BEFORE, Failures, problems_of, told
from isptune.tuning.switch import Switch

logger = logging.getLogger("isptune")


class Loop:
    """The state of a run between generations."""

    def __init__(
        self,
        session: Session,
        proposer: Proposer,
        evaluator: Evaluator,
        watchers: Watchers,
        run: str,
        switch: Switch,
        judgements: Judgements,
    ) -> None:
        self.session = session
        self.proposer = proposer
        self.evaluator = evaluator
        self.scoring = evaluator.scoring
        self.failures = Failures(session.config.max_failures)
        self.watchers = watchers
        self.run = run
        self.switch = switch
        self.judgements = judgements
        # What each judge held the best of all generations.
        self.leading: dict[str, Best] = {}
        self.log: list[Generation] = []
        self.best: float | None = None
        self.lowest = np.inf
        # The hidden l1 and normalised l1 of the best candidate, where they are known.
        self.hidden: tuple[float | None, float | None] = None, None
        # (F, K) losses that no others dominate, of several scores.
        self.front: NDArray[np.float64] | None = None
        # Scores and status of every candidate, by its values.
        self.known: dict[bytes, tuple[NDArray[np.float64], str]] = {}
        self.evaluations = 0
        self.seconds = 0.0

    def replay(self, log: Sequence[Generation]) -> None:
        """Take the optimizer through logged generations; refuse a log that is not this run's."""
        for generation in log:
            candidates = self.proposer.ask()
            if not np.array_equal(candidates, generation.candidates):
                raise RunDirectoryError(
                    f"line {generation.number + 1} of the log holds other candidates than this "
                    f"configuration proposes with isptune {metadata.version('isptune')}: the log was "
                    "made with another configuration, or other versions of the packages"
                )
            if generation.levels is None:
                # isptune 0.1 did not log them.
                generation.levels = self._levels(candidates)
            self._take(generation, replayed=True)

    def go_on(self) -> None:
        """Evaluate what is left of the budget, one logged generation at a time, or until the run is stopped.

        A stop that was asked for while the log was replayed holds as well: its rule is fulfilled already.
        """
        directory = self.session.directory
        for number in range(len(self.log), self.session.generations):
            if self.switch.asked:
                return
            started = time.perf_counter()
            candidates = self.proposer.ask()
            evaluation = self._evaluate(candidates)
            generation = Generation(
                number=number,
                candidates=candidates,
                scores=evaluation.scores,
                statuses=evaluation.statuses,
                reasons=evaluation.reasons,
                gradients=evaluation.gradients,
                levels=self._levels(candidates),
                seconds=time.perf_counter() - started,
            )
            problems = problems_of(generation, self.session.space)
            # What is not logged is evaluated again by whoever mends the reason and resumes.
            self.failures.check(generation, problems, directory)
            if directory is not None:
                directory.append(generation, self.run)
            if problems:
                logger.warning("%s", told(problems))
            self._take(generation, replayed=False)

    def _evaluate(self, candidates: NDArray[np.float64]) -> Evaluation:
        """Evaluate a batch; candidates whose values were evaluated before have their scores already.

        That is for spaces with whole numbers or choices, for pipelines that make one picture at a time, whose
        failures may be slow, and for judges, who are asked nothing twice: elsewhere equal values mean equal
        candidates, which are too rare to change a run of an earlier version for.
        """
        gradients = self.proposer.optimizer.needs_gradient
        space = self.session.space
        if not self._knows:
            return self.evaluator.evaluate(candidates, gradients=gradients)
        keys = identities(space, candidates)
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self.known}
        new = sorted(first.values())
        fates = {key: self.known[key] for key in keys if key in self.known}
        reasons = [""] * len(keys)
        if new:
            standing = Standing(len(self.log), self.leading, self.judgements)
            found = self.evaluator.evaluate(candidates[new], gradients=gradients, standing=standing)
            fates |= {keys[row]: (found.scores[i], found.statuses[i]) for i, row in enumerate(new)}
            for row, reason in zip(new, found.reasons, strict=True):
                reasons[row] = reason
        scores = np.array([fates[key][0] for key in keys])
        statuses = [fates[key][1] for key in keys]
        reasons = [
            reason if reason or status == DONE else FAILED_BEFORE
            for reason, status in zip(reasons, statuses, strict=True)
        ]
        return Evaluation(scores, self.scoring.orientations, statuses, reasons)

    @property
    def _knows(self) -> bool:
        """Whether values that were evaluated before are not evaluated again."""
        mixed = not self.session.space.is_continuous
        return mixed or self.session.pipeline.develops or bool(self.scoring.judges)

    def _levels(self, candidates: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """(P, L) hidden levels for the log, where the pipeline knows its truth."""
        pipeline = self.session.pipeline
        if not isinstance(pipeline, Truthful):
            return None
        return levels_of(pipeline, self.session.space.to_values(torch.from_numpy(candidates)))

    def _take(self, generation: Generation, replayed: bool) -> None:
        """Tell the optimizer the losses of a generation, and everybody how far the run has come."""
        losses = self.scoring.losses(generation.scores)
        self.proposer.tell(generation.candidates, losses, generation.gradients)
        self.log.append(generation)
        self.evaluations += len(losses)
        self.seconds += generation.seconds
        fresh = self._remember(generation)
        self._find_leaders(generation)
        best = mean = None
        if len(self.scoring.labels) > 1:
            self._find_front(losses[fresh])
        else:
            self._find_best(generation, losses[:, 0])
            best, mean = self._in_generation(generation)
        l1, l1_normalised = self.hidden if self.watchers.want_truth else (None, None)
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
                evaluations_per_second=len(losses) / generation.seconds if generation.seconds > 0 else None,
                l1=l1,
                l1_normalised=l1_normalised,
                front=None if self.front is None else len(self.front),
                best_scores=self._best_scores(),
            )
        )
        self.switch.asked |= stop

    def _find_front(self, losses: NDArray[np.float64]) -> None:
        """Bring the front of several scores up to date."""
        losses = losses if self.front is None else np.concatenate([self.front, losses])
        self.front = losses[non_dominated(losses)]

    def _best_scores(self) -> dict[str, float]:
        """By label the best score of each of several objectives: it is somewhere on the front."""
        if self.front is None or not len(self.front):
            return {}
        best = self.front.min(axis=0) * np.where(self.scoring.orientations, -1.0, 1.0)
        return dict(zip(self.scoring.labels, best.tolist(), strict=True))

    def _find_best(self, generation: Generation, losses: NDArray[np.float64]) -> None:
        """Bring the best of a single score up to date."""
        row = int(np.argmin(losses))
        if not losses[row] < self.lowest:
            return
        self.lowest, self.best = float(losses[row]), float(generation.scores[row, 0])
        truth = self.session.description.truth
        if truth is not None and generation.levels is not None:
            plain, share = truth.losses(generation.levels[row : row + 1])
            self.hidden = float(plain[0]), float(share[0])

    def _find_leaders(self, generation: Generation) -> None:
        """Bring the best candidates of each judge up to date."""
        for label in self.scoring.judges:
            column = self.scoring.labels.index(label)
            sign = 1.0 if self.scoring.orientations[column] else -1.0
            scores = sign * generation.scores[:, column]
            if np.isnan(scores).all():
                continue
            row = int(np.nanargmax(scores))
            before = self.leading.get(label)
            if before is None or scores[row] > sign * before.score:
                score = float(generation.scores[row, column])
                self.leading[label] = Best(generation.candidates[row], score)

    def _in_generation(self, generation: Generation) -> tuple[float | None, float | None]:
        """The best and the mean finite score of a generation of one score."""
        scores = generation.scores[:, 0]
        if not np.isfinite(scores).any():
            return None, None
        best = np.nanmax(scores) if self.scoring.orientations[0] else np.nanmin(scores)
        return float(best), float(np.nanmean(scores))

    def _remember(self, generation: Generation) -> list[int]:
        """Note the scores of a generation; its candidates of values that were not evaluated before."""
        space = self.session.space
        if not self._knows and len(self.scoring.labels) == 1:
            return list(range(len(generation.scores)))
        fresh = []
        for row, key in enumerate(identities(space, generation.candidates)):
            if key not in self.known:
                self.known[key] = generation.scores[row], generation.statuses[row]
                fresh.append(row)
        return fresh
