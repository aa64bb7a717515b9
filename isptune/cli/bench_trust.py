"""``isptune bench trust``: whether an objective can be trusted, as a card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.benchmark.trust.settings import TrustSettings, quick
from isptune.cli.key_values import names_between_commas, settings_by_name
from isptune.cli.shared_options import (
    checkpoint_option,
    device_option,
    json_option,
    objective_option,
    option,
    switch,
)
from isptune.plugins import registry
from isptune.tuning.prechecks import check_budget, check_scenes, refuse_chart_measures, refuse_judges

if TYPE_CHECKING:
    from isptune.benchmark.trust.card import TrustCard

_DEFAULTS = TrustSettings()


@click.command("bench trust")
@click.argument("objectives", metavar="OBJECTIVE...", nargs=-1, required=True)
@objective_option
@checkpoint_option
@option(
    "--scene scenes",
    "IMAGE",
    "Look at these pictures, folders or globs",
    otherwise="generated pictures",
    multiple=True,
)
@option("--crop", "SPEC", "See photographs through crops, as of isptune tune", default=_DEFAULTS.crop)
@option(
    "--stage stages",
    "NAME",
    "Take this stage into the bank; see 'isptune list stages'",
    otherwise="all distortions",
    multiple=True,
)
@option(
    "--judge judges",
    "NAME",
    "Let this objective judge what was tuned; see 'isptune list objectives'",
    otherwise="all that need no download",
    multiple=True,
)
@option("--budget", "N", "Make N evaluations in each search", default=_DEFAULTS.budget)
@option("--seed", "N", "Draw chains and noise with this seed", default=_DEFAULTS.seed)
@switch("--quick", "Take a rough look of seconds: smaller pictures, fewer levels and searches")
@switch("--keep", "Keep the cards that the folder has of the same settings, and make the others")
@device_option
@option("--out", "DIR", "Write the cards into this directory", default="runs/trust")
@json_option
def command(
    objectives: tuple[str, ...],
    objective_options: tuple[str, ...],
    checkpoint: str | None,
    scenes: tuple[str, ...],
    crop: str,
    stages: tuple[str, ...],
    judges: tuple[str, ...],
    budget: int,
    seed: int,
    quick: bool,
    keep: bool,
    device: str,
    out: str,
    as_json: bool,
) -> int:
    """Examine whether a search may follow an OBJECTIVE, and write a card of one page on each.

    An OBJECTIVE is a name, or a plugin of your own as module:Class or file.py:Class. The card says plainly
    whether it is trustworthy, trustworthy for some stages, or gameable, and why: does a distorted picture
    beat the pristine one, what do score and hidden truth do over the search, what do other judges say, which
    stages does it have the wrong way round, is it stable, how long does it take.

    \b
    Examples:
      isptune bench trust severity
      isptune bench trust mine.py:Mine --scene photo.png --out runs/mine
      isptune bench trust psnr,contrast --quick
    """
    names = names_between_commas(objectives, "OBJECTIVE")
    judging = names_between_commas(judges, "--judge") if judges else None
    options = settings_by_name(names, objective_options, checkpoint)
    for name in names:
        registry.objectives.precheck(name, options[name])
    for name in judging or ():
        registry.objectives.precheck(name, {})
    refuse_judges([*names, *(judging or ())])
    refuse_chart_measures([*names, *(judging or ())])
    chosen = names_between_commas(stages, "--stage") if stages else None
    settings = _settings(scenes, crop, chosen, budget, seed, quick)
    check_budget(settings.budget, settings.population)
    check_scenes([*scenes], crop)
    settings = settings.settled()

    from isptune.benchmark.trust.judges import ready_objectives
    from isptune.benchmark.trust.run_trust import run_trust
    from isptune.cli.live import Stopped, stoppable
    from isptune.storage.places import Place

    folder = Place(out).path
    made = [registry.objectives.create(name, **options[name]) for name in names]
    try:
        with stoppable():
            cards, failures = run_trust(
                made,
                ready_objectives() if judging is None else judging,
                settings,
                folder,
                device,
                keep,
                lambda what: click.echo(what, err=True),
            )
            files = _draw(cards, folder)
    except Stopped as stop:
        click.echo(f"isptune: stopped; the cards that are done lie in {folder}", err=True)
        return stop.exit_code
    _print(cards, folder, files, as_json)
    if len(failures) == 1 and not cards:
        raise failures[0]
    for error in failures:
        click.echo(f"isptune: error: {error}", err=True)
    return max((error.exit_code for error in failures), default=0)


def _settings(
    scenes: tuple[str, ...], crop: str, stages: list[str] | None, budget: int, seed: int, rough: bool
) -> TrustSettings:
    """What was asked for; a rough look keeps what was given."""
    settings = quick(_DEFAULTS) if rough else _DEFAULTS
    given: dict[str, Any] = {"scenes": scenes, "crop": crop, "seed": seed}
    given |= {"stages": tuple(stages)} if stages else {}
    given |= {"budget": budget} if budget != _DEFAULTS.budget else {}
    return TrustSettings(**{**settings.to_dict(), **given})


def _draw(cards: dict[str, TrustCard], folder: Path) -> list[Path]:
    """The figures of the cards; what was written."""
    from isptune import figures

    return [figures.save(figures.draw_trust(card), folder / f"{card.file}.png") for card in cards.values()]


def _print(cards: dict[str, TrustCard], folder: Path, files: list[Path], as_json: bool) -> None:
    """The verdicts with their reasons to stdout, or the cards as JSON."""
    if as_json:
        click.echo(json.dumps({name: card.to_dict() for name, card in cards.items()}))
    if as_json or not cards:
        return
    from isptune.benchmark.trust.page import OVERVIEW, headline

    for card in cards.values():
        click.echo(headline(card))
        for reason in card.reasons:
            click.echo(f"  - {reason}")
        click.echo()
    click.echo(
        f"wrote {', '.join(file.with_suffix('.md').name for file in files)} and {OVERVIEW} to {folder}"
    )
