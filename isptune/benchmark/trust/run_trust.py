"""Examine objectives one after another, with cards that are kept as soon as they are done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from isptune.benchmark.trust.card import TrustCard, cards_in, read_card
from isptune.benchmark.trust.examining import examine
from isptune.benchmark.trust.judges import Panel, make_judges
from isptune.benchmark.trust.page import OVERVIEW, card_markdown, overview_markdown
from isptune.benchmark.trust.scenes import trust_scenes
from isptune.benchmark.trust.searches import searched_scenes
from isptune.benchmark.trust.settings import TrustSettings
from isptune.contracts.objective import Objective
from isptune.errors import IsptuneError, RunDirectoryError
from isptune.storage.paths import file_name
from isptune.storage.writing import make_folder, write_whole
from isptune.tuning.blame import called
from isptune.tuning.devices import resolve_device

logger = logging.getLogger("isptune")


def run_trust(
    objectives: Sequence[Objective],
    judges: Sequence[str],
    settings: TrustSettings,
    folder: str | Path,
    device: str = "auto",
    keep: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, TrustCard], list[IsptuneError]]:
    """Examine objectives, and write ``NAME.json`` and ``NAME.md`` of each and ``trust.md`` of all.

    Args:
        objectives: what is examined.
        judges: names of the held-out judges.
        settings: the same for all.
        folder: made where it is missing. Cards in it that were made with the same settings stand in
            ``trust.md`` as well.
        device: where everything runs.
        keep: take a card that is there, made with the same settings and options, instead of another look.
        tell: called with what is done next.

    Returns:
        The cards by the objectives' names, and why some could not be made.

    Raises:
        IsptuneError: settings, scenes or judges that cannot be.
        RunDirectoryError: the folder cannot be written.
    """
    settings, where = settings.settled(), resolve_device(device)
    folder = make_folder(Path(folder))
    scenes = [scene.to(where) for scene in trust_scenes(settings)]
    made, left_out = make_judges(judges)
    panel = Panel(
        {name: judge.to(where) for name, judge in made.items()},
        searched_scenes(scenes, settings.searched_scenes),
        settings,
    )
    panel.left_out += left_out
    cards: dict[str, TrustCard] = {}
    failures: list[IsptuneError] = []
    for number, objective in enumerate(objectives, 1):
        name = called(objective)
        before = f"{name} ({number} of {len(objectives)}): " if len(objectives) > 1 else f"{name}: "
        known = kept_card(folder, objective, settings) if keep else None
        if known is not None:
            tell(f"{before}its card is there")
            cards[name] = known
            continue
        try:
            told = partial(_told, tell, before)
            card = examine(objective.to(where), scenes, panel, settings, str(where), told)
        except IsptuneError as error:
            failures.append(error)
            continue
        cards[name] = card
        card.write(folder)
    for card in cards.values():
        write_whole(folder / f"{card.file}.md", card_markdown(card))
    if cards:
        write_whole(folder / OVERVIEW, overview_markdown(cards_in(folder, settings.to_dict())))
    return cards, failures


def _told(tell: Callable[[str], None], before: str, what: str) -> None:
    tell(before + what)


def kept_card(folder: Path, objective: Objective, settings: TrustSettings) -> TrustCard | None:
    """The card of an objective that was made with the same settings and options, if there is one."""
    path = folder / f"{file_name(called(objective))}.json"
    if not path.exists():
        return None
    try:
        card = read_card(path)
    except RunDirectoryError as error:
        logger.warning("%s; it is made again", error)
        return None
    same = card.settings == settings.to_dict() and card.options == dict(getattr(objective, "options", {}))
    return card if same else None
