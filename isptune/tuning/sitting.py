"""One sitting of a run: the loop from where its log ends to the end of the budget, and the result."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np

from isptune.errors import DiskFullError
from isptune.parameters.identity import declares_defaults, most_candidates
from isptune.runs.directory import CONFIG_NAME, noted_defaults
from isptune.runs.generation import Generation
from isptune.runs.judgements import JUDGEMENTS_NAME, Judgements
from isptune.runs.outputs import write_outputs
from isptune.tracking.run_facts import Callback, RunFacts
from isptune.tracking.tracker import Tracker, Watchers
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.judging_held_out import judge_held_out
from isptune.tuning.loop import Loop
from isptune.tuning.notices import notices as notices_about
from isptune.tuning.opening import open_directory
from isptune.tuning.proposing import Proposer
from isptune.tuning.result import TuneResult, build_result
from isptune.tuning.session import Session
from isptune.tuning.settling import settle
from isptune.tuning.switch import stoppable_run
from isptune.tuning.verdicts import keep_verdict, look_before_run

logger = logging.getLogger("isptune")


def run_session(
    session: Session,
    *,
    resume: bool = False,
    callbacks: Sequence[Callback | Tracker] = (),
    figures: bool = True,
    notices: bool = True,
    keep_interrupted: bool = False,
    verdicts: Path | None = None,
) -> TuneResult:
    """Run the loop to the end of the budget and write the result.

    Args:
        session: the run.
        resume: go on with what its directory holds.
        callbacks: see ``tune``.
        figures: draw those that are missing; pictures of the scenes are made in any case.
        notices: say before the first generation which stages of the pipeline the objective is known to
            misjudge.
        keep_interrupted: a KeyboardInterrupt ends the run with the result of its whole generations.
        verdicts: the folder in which it is kept that the pipeline let the run pass; that of the run if None.
    """
    config = session.config
    # Everything that can be refused is refused before the directory is touched.
    optimizer = session.make_optimizer()
    kept_in = verdicts or (None if session.directory is None else session.directory.path)
    verdict = look_before_run(session.pipeline, session.space, kept_in)
    evaluator = session.evaluator(session.pipeline, session.space)
    if session.held_out is not None:
        for scene in session.held_out.scenes:
            session.scoring.for_scene(scene)
    log: list[Generation] = []
    run = config.fingerprint()
    directory = session.directory
    resumed = resume and directory is not None and directory.holds_a_run
    watchers = Watchers(callbacks)
    if directory is not None:
        if resumed:
            judges = (*session.scoring.objectives, *session.scoring.guards)
            settle(judges, directory.read_config(), directory.file(CONFIG_NAME))
            evaluator.bind()
        log = open_directory(directory, session, run, resume)
    if kept_in is not None and verdict is not None:
        keep_verdict(kept_in, verdict)
    if notices and len(log) < session.generations:
        for sentence in _notices(session):
            logger.warning("%s", sentence)
    judgements: Judgements | None = None
    try:
        judgements = _judgements(session, run, len(log))
        watchers.start(_run_facts(session, run, resumed))
        with stoppable_run() as switch:
            loop = Loop(session, Proposer(optimizer), evaluator, watchers, run, switch, judgements)
            interrupt: KeyboardInterrupt | None = None
            try:
                loop.replay(log)
                loop.go_on()
            except KeyboardInterrupt as error:
                if not (keep_interrupted and loop.log):
                    raise
                interrupt = error
        result = build_result(loop.log, session.description, None if directory is None else directory.path)
        result.stopped = len(loop.log) < session.generations and not loop.ended
        if not result.default_scores:
            result.default_scores = _default_scores(session, evaluator)
        if interrupt is None:
            result.holdout = judge_held_out(session, result, evaluator)
            if result.holdout is not None and result.holdout.warning and session.started_from == "python":
                logger.warning("%s", result.holdout.warning)
        if interrupt is not None:
            logger.warning(
                "stopped by Ctrl-C after generation %s; the result holds what was found",
                session.place(len(loop.log)),
            )
        if directory is not None:
            try:
                new = len(loop.log) > len(log)
                write_outputs(directory, session, result, evaluator.render, new, figures)
            except DiskFullError as error:
                # The result is not lost where the disk has no room for it.
                logger.warning("%s", error)
                result.unwritten = str(error)
        if interrupt is None:
            watchers.finish(result)
        else:
            watchers.failed(interrupt)
        return result
    except BaseException as error:
        watchers.failed(error)
        raise
    finally:
        evaluator.close()
        if judgements is not None:
            judgements.close()
        if directory is not None:
            directory.close()


def _default_scores(session: Session, evaluator: Evaluator) -> dict[str, float]:
    """The scores of the defaults, of a search that began elsewhere; empty where there are none.

    A judge is not asked: it compares the candidates of a generation.
    """
    space = session.space
    if not declares_defaults(space) or session.scoring.judges:
        return {}
    directory = session.directory
    noted = {} if directory is None else noted_defaults(directory.path, session.scoring.labels)
    if noted:
        return noted
    scores = evaluator.evaluate(space.to_unit(space.start()).numpy()).scores[0]
    if not np.isfinite(scores).all():
        return {}
    return dict(zip(session.scoring.labels, scores.tolist(), strict=True))


def _judgements(session: Session, run: str, logged: int) -> Judgements:
    """What the judges of a run noted before; runs without judges have no such file."""
    directory = session.directory
    if directory is None or not session.scoring.judges:
        return Judgements()
    return Judgements(directory.file(JUDGEMENTS_NAME), run, logged)


def _notices(session: Session) -> list[str]:
    """What to say before the first generation: which stages are misjudged, and that a budget is too large."""
    found = notices_about(session.scoring.objectives, session.pipeline)
    most, budget = most_candidates(session.space), session.config.budget
    if most is not None and budget is not None and most < budget:
        found.append(
            f"the parameters have {most:,} different values together and the budget is {budget:,}: "
            "what comes again is not evaluated again"
        )
    return found


def _run_facts(session: Session, run: str, resumed: bool) -> RunFacts:
    config = session.config
    out = None if session.directory is None else session.directory.path
    parts = f"{config.objective.shown}-{config.optimizer.shown}-seed{config.seed}"
    return RunFacts(
        name=parts if out is None else out.absolute().name,
        settings=config.model_dump(),
        fingerprint=run,
        versions={package: metadata.version(package) for package in ("isptune", "torch")},
        generations=session.generations,
        higher_is_better=all(session.scoring.orientations),
        resumed=resumed,
        out=out,
    )
