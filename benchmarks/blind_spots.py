"""Which stages each objective without a reference judges as the truth does, and which it does not.

    uv run python benchmarks/blind_spots.py --objectives severity,qalign-tiny,scorenet-align-tiny

Every stage alone, at nine levels from 0 to its highest, on the test photographs that the machine has
(photographs.py). For each objective and stage: the rank correlation (SRCC) of score and level, and the level
of the best score as a share of the highest, which is 0 where the objective prefers the pristine picture;
medians over photographs. A stage is a blind spot where the SRCC is below 0.8, or where the best score lies
more than one step above 0: tuning that stage ends there. The objectives state these in ``coverage``.

Writes blind_spots.md into the folder of embedded_models.py; about a quarter of an hour on one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from photographs import test_photographs
from scipy.stats import spearmanr

import isptune
from isptune.cli.key_values import key_values

OBJECTIVES = (
    *(
        "severity",
        "severity version=2",
        "qalign-tiny",
        "scorenet-align-tiny",
        "niqe-distance",
        "statistics",
        "sharpness",
    ),
    *("noise-level", "contrast", "colourfulness", "exposure", "clipping"),
)
LEVELS = 9
# One step of the nine levels is what they resolve.
LEAST_SRCC, MOST_AT_BEST = 0.8, 0.15


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--objectives", default=",".join(OBJECTIVES))
    parser.add_argument(
        "--stages", default=",".join(name for name in isptune.list_stages() if ":" not in name)
    )
    parser.add_argument("--crop", default="2x256", help="of the photographs, as of isptune tune")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("embedded_models"))
    options = parser.parse_args()
    names, photographs = options.objectives.split(","), test_photographs()
    work = [(stage, str(path)) for stage in options.stages.split(",") for path in photographs.values()]
    with ProcessPoolExecutor(options.jobs, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        rows = [row for found in pool.map(partial(measure, names, options.crop), work) for row in found]
    options.out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines(rows, names, options.stages.split(","), options.crop, len(photographs)))
    (options.out / "blind_spots.md").write_text(text + "\n")
    print(text)


def measure(names: list[str], crop: str, work: tuple[str, str]) -> list[dict[str, Any]]:
    """One row per objective, of one stage on one photograph."""
    stage, path = work
    pipeline = isptune.create_pipeline(
        "synthetic", scenes=[path], crop=crop, stages=[stage], maps="identity", seed=0
    )
    levels = pipeline.space.to_values(torch.linspace(0, 1, LEVELS, dtype=torch.float64)[:, None])
    share = levels[:, 0].numpy() / pipeline.truth_maxima[0]
    rows = []
    with torch.no_grad():
        scenes = [pipeline.render(levels, scene) for scene in pipeline.scenes]
        for name in names:
            objective = created(name)
            scores = torch.stack([objective.score(images) for images in scenes]).mean(0).double().numpy()
            losses = -scores if objective.higher_is_better else scores
            rows.append(
                {
                    "objective": name,
                    "stage": stage,
                    "photograph": Path(path).stem,
                    "srcc": float(np.nan_to_num(spearmanr(losses, share).statistic)),
                    "level_at_best": float(share[int(np.argmin(losses))]),
                }
            )
    return rows


_MADE: dict[str, Any] = {}


def created(name: str) -> Any:
    """The objective, made once in a process; its options may follow its name."""
    if name not in _MADE:
        kind, *options = name.split()
        _MADE[name] = isptune.create_objective(kind, **key_values(options, "--objectives"))
    return _MADE[name]


def lines(
    rows: list[dict[str, Any]], names: list[str], stages: list[str], crop: str, photographs: int
) -> Iterator[str]:
    yield f"# Blind spots of objectives without a reference, on {photographs} photographs"
    yield ""
    yield machine()
    yield ""
    yield (
        f"Photographs are seen through crops {crop} (at most so many, side in pixels). A cell: SRCC of "
        "score and level / share of the highest level at the best score, medians over photographs; * where "
        f"the SRCC is below {LEAST_SRCC} or the share above {MOST_AT_BEST}."
    )
    yield ""
    yield "| stage | family | " + " | ".join(names) + " |"
    yield "| --- | --- |" + " --- |" * len(names)
    for stage in stages:
        cells = []
        for name in names:
            own = [row for row in rows if row["objective"] == name and row["stage"] == stage]
            srcc, best = (float(np.median([row[key] for row in own])) for key in ("srcc", "level_at_best"))
            mark = "*" if srcc < LEAST_SRCC or best > MOST_AT_BEST else ""
            cells.append(f"{srcc:.2f} / {best:.2f}{mark}")
        yield f"| {stage} | {isptune.create_stage(stage).family} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
