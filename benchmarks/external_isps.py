"""RawTherapee and darktable tuned on simulated raws of ISO 1600, and judged on scenes that they never saw.

Both come from Debian's packages. Runs that are in ``external_isps.json`` are not repeated::

    uv run python benchmarks/external_isps.py

The photographs are those of scikit-image, scikit-learn and Debian's plasma-workspace-wallpapers.
"""

from __future__ import annotations

from pathlib import Path

from measuring import machine
from raw_studies import parser, pipelines, settings, task
from simulated_raws import draw, median_run, scene_table, study, table

HERE = Path(__file__).with_suffix("")
TUNED = {
    "rawtherapee": ["demosaic.*", "denoise.*", "exposure.compensation"],
    "darktable": ["demosaic.*", "denoise.method", "denoise.strength", "denoise.shadows", "exposure.gain"],
}


def main() -> None:
    asked = parser(__doc__, HERE, seeds=1, budget=80, population=10)
    asked.add_argument("--pipelines", default="rawtherapee,darktable")
    options = asked.parse_args()

    lines = [
        "# RawTherapee and darktable on simulated raws",
        "",
        f"{task(options)}; `psnr`, `{options.optimizer}`, "
        f"{options.seeds} seed(s). The defaults are each program's own without a tone curve. {machine()}",
        "",
    ]
    for name in options.pipelines.split(","):
        training, held_out = pipelines(name, options.iso, only=TUNED[name])
        save = options.out / f"{name}.json"
        rows = study(training, held_out, ["psnr"], options.seeds, settings(options), save)
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
