"""A third party's stage in a chain of ours against one of ours of equal work.

    uv run python benchmarks/third_party.py

The sample plugin of the tests, which is no part of isptune, has a tone curve with three parameters. Its
twin does the same operations and is written as isptune's own stages are, on their private base.
``gamma_error``, of isptune itself, runs nine passes over a picture and takes one power of every number as
well, but has one parameter. Each stands alone, and between ``gaussian_blur`` and ``desaturate``, at 1080p
in float32: without gradients with a batch of 4, and forward and backward, with those of all parameters, for
a batch of 1. They are timed in turns, so that what else the machine does slows all alike; the ratio is the
median of the third party's times over the twin's next to them. Writes third_party.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from measuring import machine

import isptune

HERE = Path(__file__).resolve()
SAMPLE = HERE.parents[1] / "tests" / "third_party" / "isptune_vignette_sample"
STAGES = {
    "tone_curve (third party)": "tone_curve",
    "its twin (isptune)": "twin",
    "gamma_error (isptune)": "gamma_error",
}
CHAINS = {"alone": "{}", "between two": "gaussian_blur {} desaturate"}


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=HERE.with_suffix(""))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--height", type=int, default=1080)
    options = parser.parse_args()
    sys.path.insert(0, str(SAMPLE))
    from isptune_vignette_sample import ToneCurve

    isptune.register_stage("tone_curve", replace=True)(ToneCurve)
    isptune.register_stage("twin", replace=True)(twin())
    options.out.mkdir(parents=True, exist_ok=True)
    lines = ["# A third party's stage", "", __doc__.strip().partition("\n\n")[2].partition("\n\n")[2], ""]
    lines += [machine(), "", "| chain | gradients | " + " | ".join(STAGES) + " | ratio |"]
    lines += ["| --- | --- |" + " --- |" * (len(STAGES) + 1)]
    image = torch.rand(3, options.height, options.height * 16 // 9)
    for name, pattern in CHAINS.items():
        for gradients in (False, True):
            calls = [
                call(image, pattern.format(stage).split(), 1 if gradients else 4, gradients)
                for stage in STAGES.values()
            ]
            times = timed_in_turns(calls, options.rounds)
            ratio = median(theirs / ours for theirs, ours in zip(times[0], times[1], strict=True))
            cells = " | ".join(f"{median(seconds) * 1e3:.0f} ms" for seconds in times)
            lines.append(f"| {name} | {'yes' if gradients else 'no'} | {cells} | {ratio:.2f} |")
            print(lines[-1], flush=True)
    (options.out / "third_party.md").write_text("\n".join(lines) + "\n")


def twin() -> type[isptune.Stage]:
    """The tone curve as a stage of isptune's own, with one level that sets all three parameters."""
    from isptune_synthetic.pointwise import pointwise
    from isptune_synthetic.stages.base import SyntheticStage
    from isptune_vignette_sample import _tone_curve

    def formula(images: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return _tone_curve(images, torch.exp2(level), level * 0.2, level * 0.5)

    class Twin(SyntheticStage):
        memory = isptune.Memory(images=1.2, images_with_gradients=9.0)

        def apply_level(
            self,
            images: torch.Tensor,
            level: torch.Tensor,
            noise: torch.Tensor | None,
            out: torch.Tensor | None,
        ) -> torch.Tensor:
            return pointwise(formula, images, level=level, out=out)

    return Twin


def call(image: torch.Tensor, stages: list[str], batch: int, gradients: bool) -> Callable[[], None]:
    """One rendering at the middle of every range."""
    pipeline = isptune.create_pipeline("chain", stages=stages, scenes=[image], crop=None)
    unit = torch.full((batch, len(pipeline.space)), 0.5, dtype=torch.float64)
    values = pipeline.space.to_values(unit)

    def without() -> None:
        with torch.no_grad():
            pipeline.render(values, 0)

    def both() -> None:
        leaf = values.clone().requires_grad_()
        pipeline.render(leaf, 0).sum().backward()

    return both if gradients else without


def timed_in_turns(calls: list[Callable[[], None]], rounds: int) -> list[list[float]]:
    """Seconds of every call in every round, after two rounds that do not count."""
    times: list[list[float]] = [[] for _ in calls]
    for number in range(-2, rounds):
        for place, one in enumerate(calls):
            started = time.perf_counter()
            one()
            if number >= 0:
                times[place].append(time.perf_counter() - started)
    return times


if __name__ == "__main__":
    main()
