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
from isptune.runs.generation import DROPPED, Generation, revise
from isptune.runs.judgements import Judgements
from isptune.tracking.run_facts import Progress
from isptune.tracking.tracker import Watchers
from isptune.tuning.ending import Ending
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.fates import Evaluation
from isptune.tuning.judging import Revisions, Standing
from isptune.tuning.known import Known
from isptune.tuning.leaders import Leaders
from isptune.tuning.past import Past
from isptune.tuning.proposing import Proposer
from isptune.tuning.races import Races
from isptune.tuning.racing import UNSOUND, little_agreement, told_scores
from isptune.tuning.session import Session
from isptune.tuning.stopping import Failures, problems_of, told
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
        self.penalties = session.penalties
        config, share = session.config, session.windows
        self.races = Races(config, session.pipeline, self.scoring, self.penalties, share)
        self.ending = Ending(session.config)
        # Why the run has ended; empty while it goes on.
        self.ended = ""
        self.log: list[Generation] = []
        self.leaders = Leaders(session)
        # Only judges ask who a candidate is.
        learns = proposer.optimizer.learns_from_comparisons
        self.past = Past(session.space, self.scoring, judgements, learns) if self.scoring.judges else None
        self.known = Known(session.space, self.scoring)
        self.evaluations = 0
        # Full evaluations that a race took for them; None without one.
        self.spent: float | None = None
        # How many candidates guards doubted; None in a run without guards.
        self.doubted: int | None = None
        self.seconds = 0.0

    def replay(self, log: Sequence[Generation]) -> None:
        """Take the optimizer through logged generations; refuse a log that is not this run's."""
        for generation in log:
            candidates = self.proposer.ask(generation.candidates)
            if not np.array_equal(candidates, generation.candidates):
                raise RunDirectoryError(
                    f"line {generation.number + 1} of the log holds other candidates than this "
                    f"configuration proposes with isptune {metadata.version('isptune')}: the log was "
                    "made with another configuration, or other versions of the packages"
                )
            if generation.levels is None:
                # isptune 0.1 did not log them.
                generation.levels = self._levels(candidates)
            self.penalties.fine(generation)
            self.ended = self._ends_after(generation)
            self._take(generation, replayed=True)

    def go_on(self) -> None:
        """Evaluate what is left of the budget, one logged generation at a time, or until the run is stopped.

        A stop that was asked for while the log was replayed holds as well: its rule is fulfilled already.
        """
        directory = self.session.directory
        for number in range(len(self.log), self.session.generations):
            if self.switch.asked or self.ended:
                return
            started = time.perf_counter()
            candidates = self.proposer.ask()
            revisions = Revisions()
            evaluation = self._evaluate(candidates, revisions)
            generation = Generation(
                number=number,
                candidates=candidates,
                scores=evaluation.scores
                if self.past is None
                else self.past.seen_anew(candidates, evaluation.scores, revisions),
                statuses=evaluation.statuses,
                reasons=evaluation.reasons,
                gradients=evaluation.gradients,
                levels=self._levels(candidates),
                guards=evaluation.guards,
                shares=evaluation.shares,
                estimates=evaluation.estimates,
                agreement=evaluation.agreement,
                label_scores=evaluation.label_scores,
                parts=evaluation.parts if self._knows else None,
                reference=self._reference(candidates, evaluation) if number == 0 else None,
                revised=None if self.past is None else self.past.revised(self.log, revisions),
                remark=revisions.remark,
                # As the log holds them: the end of a run may follow from them.
                seconds=round(time.perf_counter() - started, 6),
            )
            self.penalties.fine(generation)
            problems = problems_of(generation, self.session.space)
            # What is not logged is evaluated again by whoever mends the reason and resumes.
            self.failures.check(generation, problems, directory)
            self.ended = self._ends_after(generation)
            # The budget itself is a reason that needs no words.
            generation.ended = self.ended if number + 1 < self.session.generations else ""
            if directory is not None:
                directory.append(generation, self.run)
            if generation.agreement is not None and generation.agreement < UNSOUND:
                logger.warning("%s", little_agreement(generation.agreement))
            if problems:
                logger.warning("%s", told(problems))
            self._take(generation, replayed=False)

    def _evaluate(self, candidates: NDArray[np.float64], revisions: Revisions) -> Evaluation:
        """Evaluate a batch; candidates whose values were evaluated before have their scores already.

        That is for spaces with whole numbers or choices, for pipelines that make one picture at a time, whose
        failures may be slow, and for judges, who are asked nothing twice: elsewhere equal values mean equal
        candidates, which are too rare to change a run of an earlier version for.
        """
        gradients = self.proposer.optimizer.needs_gradient
        if not self._knows:
            return self.evaluator.evaluate(
                candidates,
                gradients=gradients,
                race=self.races.race(candidates, len(self.log)),
                by_label=self._by_label,
            )

        def evaluated(new: NDArray[np.float64]) -> Evaluation:
            standing = Standing()
            if self.past is not None:
                standing = self.past.standing(self.log, candidates, self.leaders.best, revisions)
            race = self.races.race(new, len(self.log), self.known.parts(new))
            return self.evaluator.evaluate(
                new, gradients=gradients, standing=standing, race=race, by_label=self._by_label
            )

        return self.known.evaluation(candidates, evaluated)

    def _reference(
        self, candidates: NDArray[np.float64], evaluation: Evaluation
    ) -> NDArray[np.float64] | None:
        """(1, K + G) scores of the start of the space, which guards compare with; None without guards.

        It costs nothing where it is among the first candidates. Judges compare the candidates of a generation
        and are not asked about another.
        """
        if evaluation.guards is None or self.scoring.judges:
            return None
        space = self.session.space
        start = space.to_unit(space.start()).numpy()
        (wanted,), keys = identities(space, start), identities(space, candidates)
        if wanted in keys:
            row = keys.index(wanted)
            found = evaluation
        else:
            row, found = 0, self.evaluator.evaluate(start)
        assert found.guards is not None
        return np.concatenate([found.scores[row], found.guards[row]])[None]

    @property
    def _knows(self) -> bool:
        """Whether values that were evaluated before are not evaluated again."""
        mixed = not self.session.space.is_continuous
        return mixed or self.session.pipeline.develops or bool(self.scoring.judges)

    @property
    def _by_label(self) -> bool:
        """Whether the optimizer learns from labels; a log that was begun without them goes on without."""
        learns = self.proposer.optimizer.learns_from_labels and self.scoring.label_weights is not None
        known = all(one.label_scores is not None for one in self.log)
        return learns and known and self.session.config.race is None

    def _levels(self, candidates: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """(P, L) hidden levels for the log, where the pipeline knows its truth."""
        pipeline = self.session.pipeline
        if not isinstance(pipeline, Truthful):
            return None
        return levels_of(pipeline, self.session.space.to_values(torch.from_numpy(candidates)))

    def _ends_after(self, generation: Generation) -> str:
        """Why the run ends after a generation; empty where it goes on."""
        losses = self.scoring.losses(generation.scores)
        if generation.penalties is not None:
            losses = losses + generation.penalties
        return self.ending.after(losses, generation.seconds, generation.evaluations)

    def _take(self, generation: Generation, replayed: bool) -> None:
        """Tell the optimizer the losses of a generation, and everybody how far the run has come."""
        losses = self.scoring.losses(generation.scores)
        scores = told_scores(generation.scores, generation.estimates, generation.statuses)
        told_losses = self.scoring.losses(scores)
        gradients = generation.gradients
        if self.past is not None:
            self.past.add(generation.candidates)
            for pairs, shares in self.past.answers(generation.number):
                self.proposer.optimizer.learn_comparisons(pairs, shares)
        if generation.penalties is not None:
            losses, told_losses = losses + generation.penalties, told_losses + generation.penalties
            if gradients is not None:
                gradients = gradients + self.penalties.slopes(generation.candidates)
        if generation.label_scores is not None:
            self.proposer.optimizer.learn_labels(self.scoring.label_losses(generation.label_scores))
        if generation.estimates is not None:
            estimated = np.array([status == DROPPED for status in generation.statuses])
            self.proposer.optimizer.learn_estimates(estimated)
        self.proposer.tell(generation.candidates, told_losses, gradients)
        self.log.append(generation)
        self.evaluations += len(losses)
        if generation.shares is not None:
            self.spent = (self.spent or 0.0) + generation.evaluations
        if generation.doubts is not None:
            self.doubted = (self.doubted or 0) + int((generation.doubts > 0).any(axis=1).sum())
        self.seconds += generation.seconds
        if generation.revised is not None:
            self._look_back()
        leaders = self.leaders
        leaders.take(generation, losses, self._remember(generation))
        several = len(self.scoring.labels) > 1
        best = {label: one.score for label, one in leaders.best.items()}
        generation_best, generation_mean = None, None
        if not several and np.isfinite(generation.scores).any():
            extreme = np.nanmax if self.scoring.orientations[0] else np.nanmin
            generation_best = float(extreme(generation.scores))
            generation_mean = float(np.nanmean(generation.scores))
        known = self.watchers.want_truth and not several
        l1, l1_normalised = leaders.hidden if known else (None, None)
        stop = self.watchers.generation(
            Progress(
                generation=generation.number + 1,
                generations=self.session.generations,
                evaluations=self.evaluations,
                best_score=None if several else next(iter(best.values()), None),
                seconds=self.seconds,
                replayed=replayed,
                generation_best=generation_best,
                generation_mean=generation_mean,
                seconds_rendering=self.evaluator.seconds_rendering,
                seconds_scoring=self.evaluator.seconds_scoring,
                evaluations_per_second=len(losses) / generation.seconds if generation.seconds > 0 else None,
                l1=l1,
                l1_normalised=l1_normalised,
                front=None if leaders.front is None else len(leaders.front),
                best_scores=best if several else {},
                doubted=self.doubted,
                time_budget=self.ending.budget,
                ended=bool(self.ended),
                spent=self.spent,
                remark=generation.remark,
            )
        )
        self.switch.asked |= stop

    def _look_back(self) -> None:
        """Find the best of the earlier generations anew, by the scores that the last one gives them."""
        revise(self.log)
        self.known = Known(self.session.space, self.scoring)
        self.leaders = Leaders(self.session)
        for generation in self.log[:-1]:
            losses = self.scoring.losses(generation.scores)
            losses = losses if generation.penalties is None else losses + generation.penalties
            self.leaders.take(generation, losses, self._remember(generation))

    def _remember(self, generation: Generation) -> list[int]:
        """Note the scores of a generation; its candidates of values that were not evaluated before."""
        if not self._knows and len(self.scoring.labels) == 1:
            return list(range(len(generation.scores)))
        return self.known.remember(generation)
