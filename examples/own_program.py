"""Tune a program of one's own: it is run once for each candidate, without a shell."""

import sys
from pathlib import Path

import isptune
from isptune.scenes import chart, write_image

PROGRAM = """
import sys
from PIL import Image, ImageFilter
source, gain, radius, result = sys.argv[1:]
picture = Image.open(source).convert("RGB").point(lambda value: value * float(gain))
picture.filter(ImageFilter.GaussianBlur(float(radius))).save(result)
"""


def main() -> None:
    wanted = chart(96, 64, 0)
    write_image("wanted.png", wanted)
    write_image("dark.png", wanted / 1.6)
    Path("isp.py").write_text(PROGRAM)
    pipeline = isptune.create_pipeline(
        "command",
        argv=[sys.executable, str(Path("isp.py").resolve()), "{input}", "{gain}", "{radius}", "{output}"],
        parameters={
            "gain": {"type": "float", "low": 0.5, "high": 3.0, "default": 1.0},
            "radius": {"type": "float", "low": 0.0, "high": 2.0, "default": 0.5},
        },
        input="png",
        scenes=["dark.png"],
        reference=["wanted.png"],
        timeout=20,
    )
    result = isptune.tune(pipeline, "psnr", optimizer="cma", population=6, budget=30, seed=0)
    print({name: round(value, 2) for name, value in result.best_parameters.items()})
    print(f"{result.default_score:.2f} dB by default, {result.best_score:.2f} dB found")
    defaults = pipeline.space.to_dicts(pipeline.space.start())[0]
    scene = pipeline.scenes[0]
    pictures = {
        "by default": pipeline.develop(defaults, scene),
        "found": pipeline.develop(result.best_parameters, scene),
        "wanted": scene.reference,
    }
    isptune.figures.save(isptune.figures.draw_before_after(pictures), "own_program.png")


if __name__ == "__main__":
    main()
