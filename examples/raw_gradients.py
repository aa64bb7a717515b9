"""Tune a chain of raw stages by gradients: nine parameters in some dozens of evaluations.

It needs the extra `raw`. A smaller budget of evaluations may be given: `python raw_gradients.py 10`.
"""

import sys
from pathlib import Path

import isptune
import isptune_raw
from isptune.scenes import chart, write_image

ISO = 1600
SEARCHED = ("raw.*", "denoise.*", "sharpen.*", "exposure.*")
BUDGET = int(sys.argv[1]) if len(sys.argv) > 1 else 40


def main() -> None:
    for seed, name in enumerate(("seen", "unseen")):
        picture = chart(144, 112, seed)
        isptune_raw.write_dng(Path(f"{name}.dng"), isptune_raw.simulate(picture, iso=ISO, seed=seed))
        write_image(f"{name}.reference.png", picture, bits=16)
    pipeline = isptune.create_pipeline("raw", scenes=["seen.dng", "unseen.dng"])
    groups = {name.partition(".")[0] + ".*" for name in pipeline.space.names}
    result = isptune.tune(
        pipeline,
        "psnr",
        # One candidate at a time, which follows the slope of the score.
        optimizer="adam",
        population=1,
        budget=BUDGET,
        parameters={group: {"fix": None} for group in groups if group not in SEARCHED},
        holdout=["unseen.dng"],
    )
    print(f"seen: {result.default_score:.2f} dB by default, {result.best_score:.2f} dB found")
    (judged,) = result.holdout.held_out
    print(f"unseen: {judged.psnr_start:.2f} dB by default, {judged.psnr_found:.2f} dB found")
    both = pipeline.render(pipeline.space.from_dicts([{}, result.best_parameters]), 1)
    pictures = dict(zip(("by default", "found", "reference"), [*both, pipeline.reference(1)[0]], strict=True))
    isptune.figures.save(isptune.figures.draw_before_after(pictures), "raw_gradients.png")


if __name__ == "__main__":
    main()
