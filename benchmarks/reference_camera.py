"""A camera tuned to match another one's pictures of a chart and of two scenes.

    uv run python benchmarks/reference_camera.py

The first camera is a simulated phone, whose raws the pipeline `raw` develops; the second a simulated DSLR
with a colour matrix, a tone curve and a sharpening of its own, which are no stages of `raw`. Both take the
generated chart and two photographs; `reference-camera` follows gradients from the defaults. What is told
was not tuned on: 24 random colours, of which both cameras take a chart, and another texture of dead leaves.
Writes reference_camera.md, .json and .png into the folder of the script's name.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine
from skimage import data
from torch import Tensor
from torch.nn import functional

import isptune
import isptune_raw
from isptune.contracts.chart import Chart
from isptune.scenes import chart, write_image
from isptune.scenes.dead_leaves import dead_leaves, encode
from isptune_charts.colour import ciede2000, lab
from isptune_charts.light import linear
from isptune_charts.patches import locate, means
from isptune_charts.reference_camera import texture_levels

HERE = Path(__file__).with_suffix("")
SIZE = (192, 288)
ISO = 100
# The second camera's look: linear light through a matrix, then a curve, then sharpening.
MATRIX = ((1.16, -0.10, -0.06), (-0.05, 1.12, -0.07), (-0.02, -0.12, 1.14))
CONTRAST, SHARPENING, RADIUS = 0.35, 0.6, 1.2
PATCHES = Chart("grey-scale", ((12, 12), (276, 12), (276, 180), (12, 180)))
TUNED = (
    *("balance.red", "balance.blue", "colour.saturation", "colour.hue", "exposure.ev"),
    *("encoding.gamma", "encoding.slope", "tone.contrast", "tone.shadows", "local.amount"),
    *("sharpen.amount", "sharpen.radius", "sharpen.threshold", "denoise.luma", "denoise.chroma"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budget", type=int, default=150)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument(
        "--run", type=Path, help="keep the run in this folder, and go on with one that is there"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    tuned_on, held_out = [chart(SIZE[1], SIZE[0]), *photographs()], [patches(), leaves()]
    pipeline = first_camera(tuned_on)
    fixed = {name: {"fix": None} for name in pipeline.space.names if name not in TUNED}
    result = isptune.tune(
        pipeline,
        "reference-camera",
        optimizer="adam",
        population=1,
        budget=options.budget,
        parameters=fixed,
        out=options.run,
        resume=options.run is not None and options.run.exists(),
    )
    others = first_camera(held_out)
    values = others.space.from_dicts([result.best_parameters])
    rows = {
        "defaults": compared(others, others.space.start()),
        "matched": compared(others, values),
    }
    history = result.history
    facts = {
        "machine": machine(),
        "evaluations": options.budget,
        "seconds": round(time.process_time() - started),
        "score": {"first": float(history.score[0]), "best": float(result.best_score)},
        "held_out": rows,
        "parameters": {name: round(float(result.best_parameters[name]), 5) for name in TUNED},
    }
    options.out.mkdir(exist_ok=True)
    (options.out / "reference_camera.json").write_text(json.dumps(facts, indent=1) + "\n")
    (options.out / "reference_camera.md").write_text(page(facts))
    draw(pipeline, pipeline.space.from_dicts([result.best_parameters]), options.out / "reference_camera.png")
    print(json.dumps(rows))


def photographs() -> list[Tensor]:
    """Two scenes, (3, H, W) each."""
    found = []
    for photograph in (data.coffee(), data.astronaut()):
        picture = torch.from_numpy(photograph.copy()).permute(2, 0, 1).float() / 255
        shrunk = functional.interpolate(picture[None], (256, 384), mode="area")[0]
        found.append(shrunk[:, 32 : 32 + SIZE[0], 48 : 48 + SIZE[1]].contiguous())
    return found


def patches() -> Tensor:
    """A chart of 24 random colours, none of which is on a chart that was tuned on."""
    generator = np.random.default_rng(7)
    picture = torch.full((3, *SIZE), 0.2)
    for patch in locate(PATCHES, 4, 6, SIZE):
        # The patch around its middle.
        high, wide = (patch.bottom - patch.top) // 3, (patch.right - patch.left) // 3
        place = slice(patch.top - high, patch.bottom + high), slice(patch.left - wide, patch.right + wide)
        colour = torch.from_numpy(generator.uniform(0.12, 0.85, 3)).float()
        picture[:, place[0], place[1]] = colour[:, None, None]
    return picture


def leaves() -> Tensor:
    """A texture of dead leaves that was not tuned on."""
    generator = np.random.Generator(np.random.PCG64(11))
    texture = np.clip(encode(dead_leaves(SIZE[1], SIZE[0], generator, 1.5, 60.0)), 0.02, 0.98)
    return torch.from_numpy(texture).permute(2, 0, 1).float()


def first_camera(pictures: list[Tensor]) -> isptune.Pipeline:
    """The phone's raws of these scenes, and the second camera's pictures as references."""
    raws = [isptune_raw.simulate(one, camera="phone", iso=ISO, seed=1) for one in pictures]
    wanted = [second_camera(one) for one in pictures]
    return isptune.create_pipeline("raw", scenes=raws, reference=wanted, crop="full", seed=1)


def second_camera(picture: Tensor) -> Tensor:
    """(3, H, W) what the second camera makes of a scene."""
    raw = isptune_raw.simulate(picture, camera="dslr", iso=ISO, seed=2)
    plain = isptune.create_pipeline("raw", scenes=[raw], crop="full")
    with torch.no_grad():
        light = linear(plain.render(plain.space.start(), 0))
    light = torch.einsum("ij,njhw->nihw", torch.tensor(MATRIX), light).clamp(0, 1)
    encoded = torch.from_numpy(encode(light.double().numpy())).float()
    # An S through black, the middle and white.
    curved = encoded + CONTRAST * encoded * (1 - encoded) * (encoded - 0.45)
    reach = 2 * round(3 * RADIUS) + 1
    places = torch.arange(reach) - reach // 2
    kernel = torch.exp(-(places**2) / (2 * RADIUS**2))
    kernel = kernel / kernel.sum()
    padded = functional.pad(curved, (reach // 2,) * 4, mode="reflect")
    soft = functional.conv2d(padded, kernel.reshape(1, 1, 1, -1).expand(3, -1, -1, -1), groups=3)
    soft = functional.conv2d(soft, kernel.reshape(1, 1, -1, 1).expand(3, -1, -1, -1), groups=3)
    return (curved + SHARPENING * (curved - soft)).clamp(0, 1)[0]


def compared(pipeline: isptune.Pipeline, values: Tensor) -> dict[str, float]:
    """How far the first camera is from the second on what was held out."""
    with torch.no_grad():
        colours, texture = (pipeline.render(values, index).double() for index in (0, 1))
    wanted = [pipeline.reference(index) for index in (0, 1)]
    assert wanted[0] is not None
    assert wanted[1] is not None
    located = locate(PATCHES, 4, 6, SIZE)
    pair = [lab(means(linear(one.double()), located)) for one in (colours, wanted[0])]
    apart = ciede2000(*pair)
    seen = torch.ones(1, 1, *SIZE, dtype=torch.float64)
    levels = [texture_levels(one.double(), seen)[1] for one in (texture, wanted[1])]
    difference = levels[0] - levels[1]
    return {
        "ciede2000_mean": round(float(apart.mean()), 3),
        "ciede2000_largest": round(float(apart.max()), 3),
        "texture_db_rms": round(float(difference.square().mean().sqrt()), 3),
        "texture_db_largest": round(float(difference.abs().max()), 3),
    }


def page(facts: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        "# A reference camera is matched",
        "",
        f"{facts['machine']} {facts['evaluations']} evaluations of `adam`, {facts['seconds']} s of CPU time.",
        "Tuned on the generated chart and two photographs; told on 24 other colours and another texture.",
        "",
        "| settings | mean CIEDE2000 | largest | texture, RMS dB | largest dB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, row in facts["held_out"].items():
        lines.append(f"| {name} | " + " | ".join(f"{value:.2f}" for value in row.values()) + " |")
    lines += [
        "",
        "![The first camera at its defaults, matched, and the second camera](reference_camera.png)",
        "",
    ]
    return "\n".join(lines)


def draw(pipeline: isptune.Pipeline, values: Tensor, path: Path) -> None:
    """The chart at the defaults, matched, and as the second camera has it."""
    wanted = pipeline.reference(0)
    assert wanted is not None
    with torch.no_grad():
        before, after = (pipeline.render(one, 0)[0] for one in (pipeline.space.start(), values))
    write_image(path, torch.cat([before, after, wanted[0]], dim=2).clamp(0, 1).float())


if __name__ == "__main__":
    main()
