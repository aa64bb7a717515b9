"""Let RawTherapee develop a simulated raw picture at ISO 3200, with settings that are tuned.

It needs RawTherapee (`rawtherapee-cli`) and the extra `raw`; `darktable` goes as well, with other names of
parameters. A smaller budget of evaluations may be given: `python rawtherapee_night.py 4`.
"""

import sys
from pathlib import Path

import isptune
import isptune_raw
from isptune.errors import MissingPackageError
from isptune.scenes import chart, write_image

SEARCHED = ("denoise.luma", "denoise.chroma", "sharpen.amount")
BUDGET = int(sys.argv[1]) if len(sys.argv) > 1 else 24


def main() -> None:
    # RawTherapee takes no pictures much smaller than this.
    picture = chart(288, 224, seed=1)
    isptune_raw.write_dng(Path("night.dng"), isptune_raw.simulate(picture, iso=3200, seed=1))
    write_image("night.reference.png", picture, bits=16)
    try:
        pipeline = isptune.create_pipeline("rawtherapee", scenes=["night.dng"], canary=BUDGET > 8)
    except MissingPackageError as error:
        print(f"This example is left out: {error}")
        return
    result = isptune.tune(
        pipeline,
        "psnr",
        optimizer="cma",
        population=4,
        budget=BUDGET,
        parameters={name: {"fix": None} for name in pipeline.space.names if name not in SEARCHED},
    )
    print({name: result.best_parameters[name] for name in SEARCHED})
    print(f"RawTherapee: {result.default_score:.2f} dB by default, {result.best_score:.2f} dB found")
    Path("night.dng.pp3").write_text(pipeline.settings_file(result.best_parameters, "pp3"))
    defaults = pipeline.space.to_dicts(pipeline.space.start())[0]
    scene = pipeline.scenes[0]
    pictures = {
        "by default": pipeline.develop(defaults, scene),
        "found": pipeline.develop(result.best_parameters, scene),
        "reference": scene.reference,
    }
    isptune.figures.save(isptune.figures.draw_before_after(pictures), "rawtherapee_night.png")


if __name__ == "__main__":
    main()
