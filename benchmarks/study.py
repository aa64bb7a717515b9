"""The paper's protocol of opinions, end to end, with simulated observers.

A hundred settings of the synthetic pipeline, spread evenly over quality, on the generated chart; each image
meets 9 others with each of 15 observers (450 pairs each); win counts as MOS; objectives judged by them::

    python benchmarks/study.py

It writes the data set's card, tables and figures into ``benchmarks/study``. The images and the database
go to ``--work``. Observers see the hidden distortion: its normalised l1 is stretched to a range of 6
standard deviations of a difference, and each observer has a taste and lapses of its own.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np

import isptune
from isptune.figures.style import save
from isptune.storage.writing import write_whole
from isptune.wording.text_tables import markdown_table
from isptune_study import Answers, Checks, People, create_design
from isptune_study.answer_files import answers_csv
from isptune_study.croissant import croissant
from isptune_study.judging import Judged, judge_objectives
from isptune_study.making import make_from_pipeline
from isptune_study.objective_scores import collected_scores
from isptune_study.opening import Opened, open_study
from isptune_study.panels import Histogram, histogram
from isptune_study.perturbing import Perturbed, perturb, true_quality
from isptune_study.score_files import write_scores
from isptune_study.scoring import StudyScores, score_study
from isptune_study.simulated_studies import simulate_study
from isptune_study.spread_figure import draw_spread
from isptune_study.study_tables import Settings

OUT = Path(__file__).with_suffix("")
IMAGES, OPPONENTS, OBSERVERS, RANGE, GOLDEN = 100, 9, 15, 6.0, 15
PEOPLE = People(taste=0.5, sensitivity=0.15, unsure=0.1, lapses=0.02, side=0.1)
OBJECTIVES = ("severity", "psnr", "ssim", "ms-ssim", "niqe-distance", "noise-level", "sharpness", "contrast")


def opinions(
    qualities: np.ndarray, low: float, high: float, checks: Checks, names: list[str], seed: int
) -> Answers:
    """The answers of simulated observers to images of some qualities."""
    seen = RANGE * (qualities - low) / (high - low)
    design = create_design("random", IMAGES, OPPONENTS, seed=seed)
    answers = simulate_study(seen, design, ["honest"] * OBSERVERS, PEOPLE, checks, seed)
    return Answers.of(
        answers.observer,
        answers.left,
        answers.right,
        answers.share,
        images=names,
        observers=answers.observers,
        kind=answers.kind,
        expected=answers.expected,
        seconds=answers.seconds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", default="runs/study", help="where the images and the database go")
    parser.add_argument("--size", default="384x256", help="of the chart")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    work = Path(given.work)
    shutil.rmtree(work, ignore_errors=True)
    pipeline = isptune.create_pipeline(
        "synthetic", scenes=[f"chart:{given.size}"], crop="full", seed=given.seed
    )
    quality = true_quality(pipeline)
    assert quality is not None
    perturbed = perturb(pipeline, IMAGES, quality, "truth", seed=given.seed)
    order = np.argsort(-perturbed.qualities).tolist()
    checks = Checks(
        training=5, repeats=22, golden=tuple(zip(order[:GOLDEN], order[::-1][:GOLDEN], strict=True))
    )
    settings = Settings(
        "random", OPPONENTS, given.seed, False, checks, {}, "ISP settings on the generated chart"
    )
    make_from_pipeline(work, pipeline, perturbed, settings).close()
    study = open_study(str(work))
    low, high = float(perturbed.qualities.min()), float(perturbed.qualities.max())
    names = list(study.answers.images)
    answers = opinions(perturbed.qualities, low, high, checks, names, given.seed)
    asked = Opened(study.path, study.title, answers, "random", study.files, study.references, study.details)
    scores = score_study(answers, design="random", seed=given.seed)
    values, higher = collected_scores(asked, OBJECTIVES, (), (), "cpu")
    judged = judge_objectives(scores, values, higher, seed=given.seed)
    unspread = score_study(
        opinions(perturbed.unspread, low, high, Checks(), names, given.seed), design="random"
    )
    flat, peaked = (histogram(one.scenes[0].opinions, (0.0, 9.0)) for one in (scores, unspread))
    written(asked, scores, judged, perturbed, flat, peaked)


def written(
    study: Opened,
    scores: StudyScores,
    judged: list[Judged],
    perturbed: Perturbed,
    flat: Histogram,
    peaked: Histogram,
) -> None:
    """Tables, figures and the card."""
    OUT.mkdir(exist_ok=True)
    write_scores(OUT, study, scores, judged)
    # Everything that it holds stands in the tables.
    (OUT / "scores.json").unlink()
    # The page holds pictures, and is as large as all the rest.
    (OUT / "report.html").replace(study.path.parent / "report.html")
    save(draw_spread(perturbed), OUT / "spread.png")
    answers = study.path.parent / "answers.csv"
    write_whole(answers, answers_csv(study.answers))
    shutil.copy(OUT / "meta.csv", study.path.parent / "meta.csv")
    card = croissant(
        study.title,
        "Made by simulated observers.",
        study.path.parent,
        ["answers.csv", "meta.csv"],
        True,
        "CC0-1.0",
    )
    write_whole(OUT / "croissant.json", card)
    text = described(scores, judged, perturbed, flat, peaked)
    write_whole(OUT / "README.md", text)
    print(text)


def described(
    scores: StudyScores, judged: list[Judged], perturbed: Perturbed, flat: Histogram, peaked: Histogram
) -> str:
    """The data set's card."""
    one = scores.scenes[0]
    assert one.wins is not None
    places = np.argsort(perturbed.qualities)
    ranks = np.empty(len(places))
    ranks[places] = np.arange(len(places))
    from isptune.iqa.evaluation.correlations import srcc

    facts = [
        ("images", f"{len(one.images)} of one scene, the generated chart"),
        ("settings", "of the synthetic pipeline, spread evenly over the hidden distortion"),
        ("observers", f"{one.scale.observers}, simulated: {PEOPLE}"),
        ("comparisons", f"{len(one.answers)}, {OPPONENTS} opponents an image, new pairs each time"),
        ("checks", "5 training trials, 22 repeated and 15 golden pairs an observer; none of them counts"),
        ("MOS", f"wins, {one.wins.mos.min():.2f} to {one.wins.mos.max():.2f} of 0 to {one.wins.opponents}"),
        ("half width of the MOS", f"{one.wins.half_widths.mean():.2f} (95%)"),
        ("SRCC with the truth", f"MOS {srcc(one.wins.mos, perturbed.qualities):.4f}, Thurstone "
                                f"{srcc(one.scale.positions, perturbed.qualities):.4f}"),
        ("histogram of the MOS", f"chi-square {flat.chi_square:.1f} in 10 bins; of unspread settings "
                                 f"{peaked.chi_square:.1f}"),
        ("agreement", f"Kendall's W {one.agreement.kendall_w:.3f}, Krippendorff's alpha "
                      f"{one.agreement.alpha:.3f}, SRCC of two halves {one.agreement.split_half:.3f}"),
        ("flagged observers", str(sum(observer.flagged for observer in scores.observers))),
    ]  # fmt: skip

    def cell(estimate: object) -> str:
        value, low, high = (getattr(estimate, name) for name in ("value", "low", "high"))
        return "-" if value != value else f"{value:.3f} [{low:.3f}, {high:.3f}]"

    rows = [
        [
            row.name,
            *(cell(row.estimates[name]) for name in ("srcc", "plcc", "krcc")),
            cell(row.accuracy),
            cell(row.regret_jod),
            "-" if row.regret_mos != row.regret_mos else f"{row.regret_mos:.2f}",
        ]
        for row in judged
    ]
    head = ["objective", "SRCC", "PLCC", "KRCC", "answers predicted", "regret, JOD", "regret, MOS"]
    figures = ("spread.png", "opinions.png", "samples.jpg", "wins.png", "observers.png", "objectives.png")
    return (
        "\n\n".join(
            [
                "# ISP settings on the generated chart: opinions of simulated observers",
                "Made by `python benchmarks/study.py`, which repeats the protocol of the paper's chart "
                "data set with observers who do not exist. It shows that the protocol works, and how "
                "objectives would be judged by people; it says nothing of what people think of these images.",
                markdown_table(["fact", "value"], facts, 2),
                "## Objectives judged by the opinions",
                "95% intervals over images (correlations) or observers. `people`: what the scale of "
                "all others predicts. Regret: the opinion lost by choosing what the objective likes best.",
                markdown_table(head, rows, 1),
                "## Files",
                "`scores.csv` (MOS, its deviation, JOD, intervals), `meta.csv` (name, MOS), `observers.csv`, "
                "`objectives.csv`, `croissant.json`. The command makes images and answers again.",
                *(f"![{Path(name).stem}]({name})" for name in figures),
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
