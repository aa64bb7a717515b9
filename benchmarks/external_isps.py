"""RawTherapee and darktable tuned on simulated raws of ISO 1600, and judged on scenes that they never saw.

Both come from Debian's packages. Runs that are in ``external_isps.json`` are not repeated::

    uv run python benchmarks/external_isps.py

The photographs are those of scikit-image, scikit-learn and Debian's plasma-workspace-wallpapers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from measuring import machine
from simulated_raws import (
    HEIGHT,
    HELD_OUT,
    TRAINING,
    WIDTH,
    draw,
    median_run,
    scene_table,
    scenes,
    study,
    table,
)

import isptune

HERE = Path(__file__).with_suffix("")
TUNED = {
    "rawtherapee": ["demosaic.*", "denoise.*", "exposure.compensation"],
    "darktable": ["demosaic.*", "denoise.method", "denoise.strength", "denoise.shadows", "exposure.gain"],
}


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--pipelines", default="rawtherapee,darktable")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", type=int, default=80)
    parser.add_argument("--population", type=int, default=10)
    parser.add_argument("--optimizer", default="cma")
    parser.add_argument("--iso", type=float, default=1600)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    settings = {
        "budget": options.budget,
        "population": options.population,
        "optimizer": options.optimizer,
        "start": "own",
    }

    lines = [
        "# RawTherapee and darktable on simulated raws",
        "",
        f"Simulated phone at ISO {options.iso:g}, {WIDTH}x{HEIGHT} px; "
        f"training scenes {', '.join(TRAINING)}; "
        f"held out {', '.join(HELD_OUT)}; `psnr`, `{options.optimizer}`, "
        f"{options.seeds} seed(s). The defaults are each program's own without a tone curve. {machine()}",
        "",
    ]
    for name in options.pipelines.split(","):
        training, held_out = (
            isptune.create_pipeline(
                name, scenes=scenes(which, options.iso), only=TUNED[name], canary=which is TRAINING
            )
            for which in (TRAINING, HELD_OUT)
        )
        save = options.out / f"{name}.json"
        rows = study(training, held_out, ["psnr"], options.seeds, settings, save)
        median = median_run(rows, "psnr")
        best = median["parameters"]
        version = " ".join(next(iter(training.versions.items())))
        lines += [
            f"## {version}",
            "",
            f"{median['evaluations']} evaluations.",
            "",
            *table(rows),
            "",
            "Held out, scene by scene (dB):",
            "",
            *scene_table(median),
            "",
            "| parameter | default | found |",
            "| --- | --- | --- |",
        ]
        default = training.space.to_dicts(training.space.start())[0]
        for parameter in training.space.names:
            cells = (
                f"{one[parameter]:.4g}" if isinstance(one[parameter], float) else one[parameter]
                for one in (default, best)
            )
            lines.append(f"| `{parameter}` | " + " | ".join(map(str, cells)) + " |")
        lines += ["", f"![Crops of held-out scenes]({name}.png)", ""]
        candidates = {"defaults": held_out.space.start(), "tuned": held_out.space.from_dicts([best])}
        draw(options.out / f"{name}.png", held_out, (0, 1), candidates)
    (options.out / "external_isps.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
