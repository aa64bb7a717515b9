"""What the studies of external ISPs share on the command line: options, settings, the task in words."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from simulated_raws import HEIGHT, HELD_OUT, TRAINING, WIDTH, scenes

import isptune
from isptune import Pipeline


def parser(
    about: str | None, out: Path, *, seeds: int, budget: int, population: int
) -> argparse.ArgumentParser:
    """The options that every study has, with its own defaults; it may add to them."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seeds", type=int, default=seeds)
    made.add_argument("--budget", type=int, default=budget)
    made.add_argument("--population", type=int, default=population)
    made.add_argument("--optimizer", default="cma")
    made.add_argument("--iso", type=float, default=1600)
    made.add_argument("--out", type=Path, default=out)
    return made


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """What ``isptune.tune`` is given; the search begins where the optimizer does by itself."""
    return {
        "budget": options.budget,
        "population": options.population,
        "optimizer": options.optimizer,
        "start": "own",
    }


def pipelines(name: str, iso: float, **given: Any) -> tuple[Pipeline, Pipeline]:
    """A pipeline on the training scenes, and the same on the held-out ones, which needs no canary."""
    training = isptune.create_pipeline(name, scenes=scenes(TRAINING, iso), **given)
    return training, isptune.create_pipeline(name, scenes=scenes(HELD_OUT, iso), canary=False, **given)


def task(options: argparse.Namespace) -> str:
    """What is simulated, and on which scenes, in one sentence without its full stop."""
    return (
        f"Simulated phone at ISO {options.iso:g}, {WIDTH}x{HEIGHT} px; "
        f"training scenes {', '.join(TRAINING)}; "
        f"held out {', '.join(HELD_OUT)}"
    )
