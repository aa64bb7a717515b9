"""``isptune study score``."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from isptune.errors import ConfigurationError
from isptune.storage.places import Place
from isptune_study.plan_command import number

if TYPE_CHECKING:
    from isptune_study.judging import Judged
    from isptune_study.opening import Opened
    from isptune_study.plates import PlatesRead
    from isptune_study.scoring import StudyScores

_SHOWN = 20
"""So many images are printed; ``--all`` prints them all."""


@click.command("score", short_help="Make opinion scores of answers, and judge objectives by them.")
@click.argument("given", metavar="STUDY")
@click.option("--out", metavar="DIR", help="Write tables and figures into this folder, which is made.")
@click.option(
    "--images", metavar="DIR", help="Where the images of a file of answers lie. Default: beside it."
)
@click.option(
    "--law", default="thurstone", metavar="NAME", help="thurstone or bradley-terry. Default: thurstone."
)
@click.option(
    "--intervals",
    default="sandwich",
    metavar="NAME",
    help="sandwich, or bootstrap over observers. Default: sandwich.",
)
@click.option("--without", multiple=True, metavar="NAME", help="Leave out an observer. May be repeated.")
@click.option("--without-flagged", is_flag=True, help="Leave out the observers whom the screening flags.")
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="NAME[,NAME...]",
    help="Judge objectives by the opinions; the images must be there. May be repeated.",
)
@click.option(
    "--scores",
    "score_files",
    multiple=True,
    metavar="FILE.csv",
    help="Judge the scores of a CSV by the opinions: the column name, then one an objective, as 'isptune "
    "score --csv' writes it. May be repeated.",
)
@click.option(
    "--lower-is-better", multiple=True, metavar="COLUMN", help="Of a column of --scores. May be repeated."
)
@click.option(
    "--bootstrap", type=int, default=1000, metavar="N", help="Resamples for objectives. Default: 1000."
)
@click.option("--device", default="auto", metavar="NAME", help="Where objectives score. Default: auto.")
@click.option("--seed", type=int, default=0, metavar="N", help="Seed of resamples and halves. Default: 0.")
@click.option("--all", "show_all", is_flag=True, help=f"Print all images, and not {_SHOWN} of them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def score(
    given: str,
    out: str | None,
    images: str | None,
    law: str,
    intervals: str,
    without: tuple[str, ...],
    without_flagged: bool,
    objectives: tuple[str, ...],
    score_files: tuple[str, ...],
    lower_is_better: tuple[str, ...],
    bootstrap: int,
    device: str,
    seed: int,
    show_all: bool,
    as_json: bool,
) -> int:
    """Score the images of STUDY (its folder, or answers as CSV or JSON) by what observers preferred.

    It prints the MOS (how often an image won), Thurstone's scale in JOD with 95% intervals over observers,
    how each observer answered, and how far they agree. Flagged observers are named with reasons and count
    all the same.

    \b
    Examples:
      isptune study score answers.csv
      isptune study score studies/night --objective severity,niqe-distance --out scores
    """
    for option, value in (("--seed", seed), ("--bootstrap", bootstrap)):
        if value < 0:
            raise ConfigurationError(f"{option} is {value}; allowed: whole numbers of at least 0")
    if lower_is_better and not score_files:
        raise ConfigurationError("--lower-is-better names columns of --scores, which is not given")
    target = None if out is None else Place(out).path
    from isptune_study.opening import open_study
    from isptune_study.scoring import score_study

    study = open_study(given, images)
    scores = score_study(
        study.answers,
        design=study.design,
        law=law,
        intervals=intervals,
        without=without,
        without_flagged=without_flagged,
        seed=seed,
        plates=study.plates,
    )
    judged: list[Judged] = []
    if objectives or score_files:
        from isptune_study.judging import judge_objectives
        from isptune_study.objective_scores import collected_scores

        values, higher = collected_scores(study, objectives, score_files, lower_is_better, device)
        judged = judge_objectives(scores, values, higher, bootstrap=bootstrap, seed=seed)
    written = []
    if target is not None:
        from isptune_study.score_files import write_scores

        written = write_scores(target, study, scores, judged)
    if as_json:
        click.echo(json.dumps(plain(summary(study, scores, judged))))
        return 0
    _print(scores, judged, show_all)
    if written:
        click.echo(f"wrote {', '.join(path.name for path in written)} into {out}", err=True)
    return 0


def summary(study: Opened, scores: StudyScores, judged: list[Judged]) -> dict[str, Any]:
    """Everything as plain data; NaN for what cannot be had."""
    return {
        "title": study.title,
        "design": study.design,
        "answers": len(scores.answers),
        "law": scores.scenes[0].scale.law.name,
        "images": scores.rows(),
        "observers": [
            vars(one) | {"flagged": one.flagged, "plates": one.plates and vars(one.plates)}
            for one in scores.observers
        ],
        "agreement": {one.scene: vars(one.agreement) for one in scores.scenes},
        "left_out": list(scores.left_out),
        "notes": list(scores.notes),
        "objectives": [one.to_dict() for one in judged],
    }


def plain(value: Any) -> Any:
    """The same with null for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plates_text(read: PlatesRead | None) -> str:
    """How many colour plates were read right, such as ``5/6``; a dash where there were none."""
    return f"{read.right}/{read.shown}" if read else "-"


def _print(scores: StudyScores, judged: list[Judged], show_all: bool) -> None:
    from isptune.cli.tables import Column, print_table

    rows = scores.rows()
    shown = rows if show_all or len(rows) <= _SHOWN else [*rows[: _SHOWN // 2], *rows[-_SHOWN // 2 :]]
    several, counts = len(scores.scenes) > 1, not scores.refusal
    heads = ["MOS", "±", "JOD", "±", "comparisons"] if counts else ["JOD", "±", "comparisons"]
    columns = [Column("image"), *([Column("scene")] if several else [])]
    cells = []
    for row in shown:
        names = [row["name"], *([row["scene"]] if several else [])]
        values = [number(row[key]) for key in ("mos", "mos_half_width") if counts]
        values += [number(row["jod"]), number(row["jod_half_width"]), str(row["comparisons"])]
        cells.append([*names, *values])
    print_table([*columns, *(Column(head, number=True) for head in heads)], cells, box=False)
    if len(shown) < len(rows):
        click.echo(f"({len(rows) - len(shown)} images between them; --all prints them)")
    click.echo()
    with_plates = any(one.plates for one in scores.observers)
    heads = ["answers", "sensitivity", "left", "unsure", "repeats", "golden", "seconds"]
    heads += ["plates"] if with_plates else []
    cells = [
        [
            one.name,
            str(one.answers),
            number(one.sensitivity),
            number(one.left),
            number(one.unsure),
            f"{one.alike}/{one.repeats}" if one.repeats else "-",
            f"{one.right:g}/{one.golden}" if one.golden else "-",
            number(one.seconds, 1),
            *([plates_text(one.plates)] if with_plates else []),
            "; ".join(one.reasons),
        ]
        for one in scores.observers
    ]
    columns = [Column("observer"), *(Column(head, number=True) for head in heads), Column("flagged")]
    print_table(columns, cells, box=False)
    click.echo()
    for one in scores.scenes:
        agreed = one.agreement
        where = f"{one.scene}: " if one.scene else ""
        click.echo(
            f"{where}Kendall's W {number(agreed.kendall_w, 3)}, "
            f"Krippendorff's alpha {number(agreed.alpha, 3)}, "
            f"SRCC of two halves {number(agreed.split_half, 3)}"
        )
    if judged:
        _print_judged(judged, counts)
    for note in scores.notes:
        click.echo(f"note: {note}", err=True)


def _print_judged(judged: list[Judged], counts: bool) -> None:
    from isptune.cli.tables import Column, print_table

    def written(estimate: Any) -> str:
        if math.isnan(estimate.low):
            return number(estimate.value, 3)
        return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"

    heads = ["SRCC", "PLCC", "KRCC", "answers predicted", "regret JOD", *(["regret MOS"] if counts else [])]
    cells = [
        [
            one.name,
            *(written(one.estimates[name]) for name in ("srcc", "plcc", "krcc")),
            written(one.accuracy),
            written(one.regret_jod),
            *([number(one.regret_mos)] if counts else []),
        ]
        for one in judged
    ]
    click.echo()
    print_table([Column("objective"), *(Column(head, number=True) for head in heads)], cells, box=False)
