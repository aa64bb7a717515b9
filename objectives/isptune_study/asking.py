"""Which trials a study in a database asks next."""

from __future__ import annotations

from dataclasses import replace

from isptune_study.answers import Answers
from isptune_study.sessions import Session, Trial
from isptune_study.storage import StudyStore

Asked = list[tuple[int, int, int, int]]
"""(trial, left, right, kind), by the numbers of the images."""


def ask_next(store: StudyStore, observer: int) -> Asked:
    """What an observer has still to answer, in order; where that is nothing, the next block is issued first.

    A block is a round of each scene. It follows from the seed and the answers before it; what was issued
    stays as it is, so a server that was killed asks the same again.

    Returns:
        Nothing once the observer is done.
    """
    while not (waiting := store.waiting(observer)):
        block = store.blocks(observer)
        trials = _block(store, observer, block)
        if trials is None:
            return []
        store.issue(observer, block, trials)
        if not trials:
            # An empty training: the rounds begin at once.
            trials = _block(store, observer, block + 1) or []
            store.issue(observer, block + 1, trials)
    return waiting


def _block(store: StudyStore, observer: int, block: int) -> list[tuple[str, int, int, Trial]] | None:
    """The trials of a block of all scenes; None after the last one."""
    settings, images, answers = store.settings, store.images, store.read()
    found: list[tuple[str, int, int, Trial]] = []
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
