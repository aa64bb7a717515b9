"""Kornia's operators against the formulas that run in their place for float32 pictures on a CPU.

    uv run python benchmarks/kornia_stages.py [--before CHECKOUT]

For every distortion: CPU seconds without gradients and forward and backward, of the stage as it runs, of the
same stage made to run Kornia's operators, and, where a checkout of an earlier state is given, of the stage
there. The variants take turns in one process on one thread; each number is the least of ``--rounds``. Largest
differences of the pictures are those at 0.1, 0.5 and 1 of the highest level. Writes kornia_stages.md.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from measuring import machine

import isptune_synthetic.stages as now
from isptune.contracts.distortion import Distortion
from isptune.testing.pictures import picture

HEIGHT, WIDTH = 720, 1280
OPTIONS: dict[str, dict[str, Any]] = {
    "Banding": {"gradient": "soft"},
    "ImpulseNoise": {"gradient": "soft"},
    "JPEG": {"gradient": "soft"},
    "JPEG2000": {"gradient": "straight_through"},
    "Pixelate": {"gradient": "soft"},
    "Quantize": {"gradient": "soft"},
}
# Those that have Kornia's operator in them.
BY_KORNIA = (
    *(
        "Banding",
        "Brighten",
        "ColorDiffusion",
        "ColorShift",
        "DemosaicArtifacts",
        "GammaError",
        "GaussianBlur",
    ),
    *("HighSharpen", "HighlightClipping", "Jitter", "LensBlur", "MeanShift", "MotionBlur", "Oversaturate"),
    *("Vignetting", "WhiteBalanceGain"),
)
SHARES = (0.1, 0.5, 1.0)


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    parser.add_argument("--before", type=Path, help="a checkout of an earlier state")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stages", default="", help="class names separated by commas; all if left out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    before = earlier(options.before) if options.before else None
    names = options.stages.split(",") if options.stages else [n for n in now.__all__ if n[0].isupper()]
    heads = ["stage", "forward, ms"] + ["before"] * bool(before) + ["by Kornia"]
    heads += ["both ways, ms"] + ["before"] * bool(before) + ["by Kornia", "difference from Kornia"]
    heads += ["from before, plain", "from before, with gradients"] * bool(before)
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for name in names:
        lines.append(f"| {' | '.join(row(name, before, options.rounds))} |")
        print(lines[-1], flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    text = ["# Kornia's operators and the stages' own formulas", ""]
    text += [(__doc__ or "").strip().partition("\n\n")[2].partition("\n\n")[2], ""]
    text += [
        machine(),
        "On a machine with other work to do, numbers of a few milliseconds are uncertain by a tenth.",
        "",
        *lines,
        "",
    ]
    (options.out / "kornia_stages.md").write_text("\n".join(text))


def earlier(checkout: Path) -> Any:
    """The stages of another checkout, beside today's."""
    folder = Path(tempfile.mkdtemp())
    shutil.copytree(checkout / "pipelines" / "isptune_synthetic", folder / "isptune_before")
    shutil.copytree(checkout / "isptune" / "stages", folder / "isptune_before_stages")
    for file in folder.rglob("*.py"):
        text = file.read_text().replace("isptune_synthetic", "isptune_before")
        file.write_text(text.replace("isptune.stages", "isptune_before_stages"))
    sys.path.insert(0, str(folder))
    return importlib.import_module("isptune_before.stages")


@contextlib.contextmanager
def only_kornia() -> Iterator[None]:
    """Everything that has been imported takes Kornia's operators."""
    replaced = []
    for module in [m for n, m in list(sys.modules.items()) if n.startswith("isptune_synthetic")]:
        for attribute, value in (("by_kornia", lambda *_: True), ("can_compile", lambda *_: False)):
            if attribute in vars(module):
                replaced.append((module, attribute, getattr(module, attribute)))
                setattr(module, attribute, value)
    try:
        yield
    finally:
        for module, attribute, value in replaced:
            setattr(module, attribute, value)


def row(name: str, before: Any, rounds: int) -> list[str]:
    """One stage's cells."""
    variants: dict[str, tuple[Distortion, Callable[[], Any]]] = {
        "now": (make(now, name), contextlib.nullcontext)
    }
    if before is not None:
        variants["before"] = make(before, name), contextlib.nullcontext
    variants["kornia"] = make(now, name), only_kornia
    image = picture(HEIGHT, WIDTH)
    times: dict[tuple[str, bool], float] = {}
    for _ in range(rounds):
        for variant, (stage, context) in variants.items():
            for gradients in (False, True):
                with context():
                    taken = seconds(stage, image, gradients)
                times[variant, gradients] = min(times.get((variant, gradients), 1e9), taken)
    plain = {variant: rendered(*pair, image, False) for variant, pair in variants.items()}
    recorded = {variant: rendered(*pair, image, True) for variant, pair in variants.items()}
    has_kornia = name in BY_KORNIA
    cells = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()]
    for gradients in (False, True):
        cells.append(f"{times['now', gradients] * 1e3:.1f}")
        if before is not None:
            cells.append(f"{times['before', gradients] * 1e3:.1f}")
        cells.append(f"{times['kornia', gradients] * 1e3:.1f}" if has_kornia else "")
    cells.append(apart(recorded["now"], recorded["kornia"]) if has_kornia else "")
    if before is not None:
        cells += [apart(plain["now"], plain["before"]), apart(recorded["now"], recorded["before"])]
    return cells


def make(package: Any, name: str) -> Distortion:
    stage: Distortion = getattr(package, name)(**OPTIONS.get(name, {}))
    return stage


def call(stage: Distortion, image: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    noise = stage.draw(HEIGHT, WIDTH, torch.Generator().manual_seed(0)) if stage.is_stochastic else None
    rest = () if noise is None else (noise,)
    result: torch.Tensor = stage(image, level, *rest)
    return result


def seconds(stage: Distortion, image: torch.Tensor, gradients: bool) -> float:
    """CPU seconds of one call, after one to warm up; noise is drawn before."""
    noise = stage.draw(HEIGHT, WIDTH, torch.Generator().manual_seed(0)) if stage.is_stochastic else None
    rest = () if noise is None else (noise,)

    def run() -> None:
        given = image.clone().requires_grad_(gradients)
        level = torch.full((1,), stage.level_range[1] / 2).requires_grad_(gradients)
        with torch.set_grad_enabled(gradients):
            result = stage(given, level, *rest)
        if gradients:
            result.backward(torch.ones_like(result))

    run()
    start = time.process_time()
    run()
    return time.process_time() - start


def rendered(stage: Distortion, context: Callable[[], Any], image: torch.Tensor, gradients: bool) -> Any:
    """The pictures at a few levels."""
    pictures = []
    for share in SHARES:
        level = torch.full((1,), share * stage.level_range[1]).requires_grad_(gradients)
        with context(), torch.set_grad_enabled(gradients):
            pictures.append(call(stage, image, level).detach())
    return torch.cat(pictures)


def apart(one: torch.Tensor, other: torch.Tensor) -> str:
    return f"{float((one - other).abs().max()):.1e}" if not torch.equal(one, other) else "0"


if __name__ == "__main__":
    main()
