"""Which trials a study in a database asks next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from isptune_study.answers import Answers
from isptune_study.designs import ActiveDesign
from isptune_study.sessions import Session, Trial
from isptune_study.storage import StudyStore
from isptune_study.study_tables import Settings, StudyImage

Asked = list[tuple[int, int, int, int]]
"""(trial, left, right, kind), by the numbers of the images."""

Planned = list[tuple[str, int, int, Trial]]
"""(scene, left, right, trial), by the numbers of the images."""


def ask_next(store: StudyStore, observer: int) -> Asked:
    """What an observer has still to answer, in order; where that is nothing, the next block is issued first.

    A block is a round of each scene. It follows from the seed and the answers before it; what was issued
    stays as it is, so a server that was killed asks the same again.

    Returns:
        Nothing once the observer is done.
    """
    while not (waiting := store.waiting(observer)):
        planned = plan_block(store, observer)
        if planned is None:
            return []
        store.issue(observer, *planned)
    return waiting


def plan_block(store: StudyStore, observer: int) -> tuple[int, Planned] | None:
    """The next block of an observer who has answered all before, and its trials; None after the last one."""
    block = store.blocks(observer)
    trials = _block(store, observer, block)
    if trials == []:
        # An empty training: the rounds begin at once.
        block += 1
        trials = _block(store, observer, block)
    return (block, trials) if trials else None


def answers_wanted(settings: Settings, images: Sequence[StudyImage]) -> int:
    """How many trials one observer has in all."""
    counts = Counter(image.scene for image in images)
    checks = settings.checks
    extra = checks.training + checks.repeats + len(checks.golden)
    return sum(settings.design_for(count).answers_wanted + extra for count in counts.values())


def _block(store: StudyStore, observer: int, block: int) -> Planned | None:
    """The trials of a block of all scenes; None after the last one."""
    settings, images = store.settings, store.images
    # Only an active design looks at what others answered.
    answers = store.read(None if settings.design == ActiveDesign.name else observer)
    found: Planned = []
    over = True
    for number, scene in enumerate(dict.fromkeys(image.scene for image in images)):
        members = [place for place, image in enumerate(images) if image.scene == scene]
        # Each scene has pairs of its own.
        design = replace(settings, seed=settings.seed + number).design_for(len(members))
        session = Session(design, observer, settings.checks)
        over = over and block >= session.length
        own: Answers = answers.of_scene(scene) if answers.scenes else answers
        trials = session.block(block, own)
        found += [(scene, members[trial.left], members[trial.right], trial) for trial in trials]
    return None if over else found
