"""``isptune study plan``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from isptune.errors import ConfigurationError
from isptune_study.simulation import People

if TYPE_CHECKING:
    from isptune_study.planning import Assumptions, Expected

_PEOPLE = People()


@click.command("plan", short_help="Say what to expect of a study before anyone is invited.")
@click.option("--images", type=int, default=100, metavar="N", help="How many are compared. Default: 100.")
@click.option(
    "--opponents",
    default="5,9,13",
    metavar="N[,N...]",
    help="How many others each image meets with one observer. Default: 5,9,13.",
)
@click.option(
    "--observers",
    default="5,10,15,20,30",
    metavar="N[,N...]",
    help="How many take part. Default: 5,10,15,20,30.",
)
@click.option(
    "--design",
    default="random",
    metavar="NAME",
    help="random, balanced, swiss or active. Default: random.",
)
@click.option("--same-pairs", is_flag=True, help="Let all observers compare the same pairs.")
@click.option(
    "--range",
    "span",
    type=float,
    default=6.0,
    metavar="R",
    help="Quality of the best less that of the worst image, in standard deviations of a difference: 3 is "
    "subtle, 6 is wide. Default: 6.",
)
@click.option(
    "--taste",
    type=float,
    default=_PEOPLE.taste,
    metavar="SD",
    help="What an observer likes about each image beyond its quality. Default: 0.5.",
)
@click.option("--noise", type=float, default=1.0, metavar="SD", help="Noise of a comparison. Default: 1.")
@click.option(
    "--sensitivity",
    type=float,
    default=0.0,
    metavar="SD",
    help="Spread of the logarithm of the noise over observers. Default: 0.",
)
@click.option(
    "--unsure",
    type=float,
    default=0.0,
    metavar="D",
    help="Differences that are answered 'not sure'. Default: 0.",
)
@click.option(
    "--lapses", type=float, default=0.0, metavar="SHARE", help="Answers given without looking. Default: 0."
)
@click.option(
    "--fatigue",
    type=float,
    default=0.0,
    metavar="SHARE",
    help="Growth of the noise over 450 answers. Default: 0.",
)
@click.option(
    "--side", type=float, default=0.0, metavar="SD", help="Bias to one side, over observers. Default: 0."
)
@click.option(
    "--spammers", type=float, default=0.0, metavar="SHARE", help="Observers who click at random. Default: 0."
)
@click.option(
    "--seconds", type=float, default=_PEOPLE.seconds, metavar="S", help="An answer takes. Default: 4.5."
)
@click.option(
    "--studies", type=int, default=5, metavar="N", help="How many of each size are simulated. Default: 5."
)
@click.option("--seed", type=int, default=0, metavar="N", help="Seed of everything. Default: 0.")
@click.option("--plot", metavar="FILE", help="Draw the table as well, as PNG, PDF or SVG.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def plan(
    images: int,
    opponents: str,
    observers: str,
    design: str,
    same_pairs: bool,
    span: float,
    spammers: float,
    studies: int,
    seed: int,
    plot: str | None,
    as_json: bool,
    **people: float,
) -> int:
    """Simulate studies of several sizes and say what they would tell.

    A row says how wide the 95% intervals of the scores would be, how well the order of the images would come
    out, how far the observers would agree, and how long one of them would be at it.

    \b
    Examples:
      isptune study plan
      isptune study plan --images 60 --opponents 6,10 --range 3 --taste 0.7 --plot plan.png
    """
    from isptune_study.planning import Assumptions
    from isptune_study.planning import plan as simulate

    assumed = Assumptions(images, span, People(**people), spammers, design, same_pairs)
    if seed < 0:
        raise ConfigurationError(f"--seed is {seed}; allowed: whole numbers of at least 0")
    rows = simulate(
        whole_numbers(observers, "--observers"),
        whole_numbers(opponents, "--opponents"),
        assumed,
        studies=studies,
        seed=seed,
    )
    if as_json:
        click.echo(json.dumps({"assumed": asdict(assumed), "expected": [*map(_plain, rows)]}))
        _draw(rows, assumed, plot)
        return 0
    from isptune.cli.tables import Column, print_table

    heads = (
        "opponents",
        "observers",
        "pairs each",
        "minutes",
        "± MOS",
        "± JOD",
        "SRCC",
        "W",
        "alpha",
        "halves",
    )
    cells = [
        [
            str(row.opponents),
            str(row.observers),
            str(row.comparisons),
            f"{row.minutes:.0f}",
            *map(number, (row.half_width_mos, row.half_width_jod)),
            *(number(value, 3) for value in (row.srcc, row.kendall_w, row.alpha, row.split_half)),
        ]
        for row in rows
    ]
    print_table([Column(head, number=True) for head in heads], cells, box=False)
    click.echo(
        "± MOS of 0 to the number of opponents, ± JOD of Thurstone's scale: half widths of 95% intervals; "
        "SRCC of that scale with the truth; W of Kendall, alpha of Krippendorff, SRCC of two halves of the "
        "observers",
        err=True,
    )
    if plot is not None:
        _draw(rows, assumed, plot)
        click.echo(f"wrote {plot}", err=True)
    return 0


def _draw(rows: Sequence[Expected], assumed: Assumptions, plot: str | None) -> None:
    """Draw what was printed before: a file that cannot be written loses nothing."""
    if plot is None:
        return
    from isptune.figures.style import save
    from isptune_study.plan_figure import draw_plan

    save(draw_plan(rows, assumed), plot)


def whole_numbers(text: str, option: str) -> list[int]:
    """Whole numbers of at least 1 between commas.

    Raises:
        ConfigurationError: it is something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise ConfigurationError(f"{option} is '{text}'; allowed: whole numbers of at least 1, with commas")
    return [int(part) for part in parts]


def number(value: float, digits: int = 2) -> str:
    """A number in a table; a dash for one that cannot be had."""
    return f"{value:.{digits}f}" if value == value else "-"


def _plain(row: Any) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in asdict(row).items()}
