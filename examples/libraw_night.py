"""Tune LibRaw on simulated raw pictures at ISO 1600, and look at a picture that the search never saw.

It needs the extra `raw`. With raw files of your own, give their names in the place of the simulated ones.
"""

from pathlib import Path

import isptune
import isptune_raw
from isptune.scenes import chart, write_image

ISO = 1600
SEARCHED = ("demosaic.algorithm", "denoise.threshold", "denoise.fbdd", "demosaic.median_passes")
BUDGET = 40


def night(name: str, seed: int) -> str:
    """A simulated raw file with its reference beside it."""
    picture = chart(192, 128, seed)
    isptune_raw.write_dng(Path(f"{name}.dng"), isptune_raw.simulate(picture, iso=ISO, seed=seed))
    write_image(f"{name}.reference.png", picture, bits=16)
    return f"{name}.dng"


def main() -> None:
    seen = isptune.create_pipeline("libraw", scenes=[night("first", 1), night("second", 2)])
    fixed = {name: {"fix": None} for name in seen.space.names if name not in SEARCHED}
    result = isptune.tune(
        seen, "psnr", optimizer="cma", population=10, budget=BUDGET, start="own", parameters=fixed
    )
    print({name: result.best_parameters[name] for name in SEARCHED})
    print(f"seen: {result.default_score:.2f} dB by default, {result.best_score:.2f} dB found")
    held_out = isptune.create_pipeline("libraw", scenes=[night("third", 3)])
    values = held_out.space.from_dicts([{}, result.best_parameters])
    scores = isptune.create_objective("psnr").score(held_out.render(values, 0), held_out.reference(0))
    print("held out: {:.2f} dB by default, {:.2f} dB found".format(*scores.tolist()))


if __name__ == "__main__":
    main()
