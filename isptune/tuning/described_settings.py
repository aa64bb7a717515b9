"""The settings of runs and grids in words: sentence of help, default and value, each written here alone.

The models of ``isptune.tuning.settings`` and the options of the command line are made from them. They need
nothing heavy: pydantic, which checks settings, takes longer to load than a help text to print.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from isptune.wording.words import DEVICES


class Setting(NamedTuple):
    """What a setting is to a user.

    Attributes:
        said: what it does, a sentence that begins with a verb, without its full stop.
        metavar: what stands for its value in a help text.
        default: what it is where it is not given.
        otherwise: the default in words, where ``default`` is not what a user would write.
        kind: of the plugins that it names, such as ``"pipelines"``; the default is then the one that an
            installed package declares.
        type: of its value on the command line: int, float, bool for a switch, or str.
        required: it has no default.
        use: what a plugin is taken for where packages may declare a default of its own for that.
    """

    said: str
    metavar: str = ""
    default: Any = None
    otherwise: str = ""
    kind: str = ""
    type: type = str
    required: bool = False
    use: str = ""


# When a run ends before its evaluations are made; no candidate changes.
ENDING = ("time_budget", "patience", "patience_gain")

# Settings that decide how a run is computed and not what it finds; another sitting may have others.
HOW_IT_RUNS = (
    *("device", "memory_gb", "max_failures", "workers", "timeout", "retries"),
    *ENDING,
)

# What is added to the losses of candidates.
_GUARDING = ("guard", "guard_weight", "guard_tolerance", "stay_near")

_PIPELINES_OWN = "the pipeline's"

SHARED = {
    "pipeline": Setting("Choose the pipeline that renders", "NAME", kind="pipelines"),
    "population": Setting(
        "Set the number of candidates per generation", "N", otherwise="the optimizer's", type=int
    ),
    "budget": Setting(
        "Set the number of evaluations, a multiple of the population",
        "N",
        otherwise="1500; no limit with a time budget",
        type=int,
    ),
    "time_budget": Setting(
        "End the run in time, such as 10m, 90s or 1h30m; a resumed run counts what it has used",
        "TIME",
        otherwise="none",
    ),
    "patience": Setting("End the run after N evaluations without a gain", "N", otherwise="never", type=int),
    "patience_gain": Setting(
        "Count as a gain what is better by more than this many typical differences of the first generation",
        "X",
        0.01,
        type=float,
    ),
    "race": Setting(
        "Score each generation on N scenes first, the better half on N more, and of these the better half on "
        "all of them; or on windows of 1/N of each scene first, and the best quarter on whole scenes. The "
        "budget counts full evaluations",
        "N|1/N",
        otherwise="none: all scenes for all",
    ),
    "crop": Setting(
        "Crop pictures: auto takes six 256-pixel crops at native resolution from a picture over 1 megapixel, "
        "full takes whole pictures, N or KxN takes K (or six) crops of N pixels",
        "HOW",
        "auto",
    ),
    "device": Setting(DEVICES, "NAME", "auto"),
    "autocast": Setting("Compute the objective in bfloat16 or float16", "TYPE", "none"),
    "memory_gb": Setting("Limit the memory of one micro-batch", "GB", 2.0, type=float),
    "parameters": Setting(
        "Fix, narrow or tie parameters of the pipeline", default={}, otherwise="as declared"
    ),
    "start": Setting(
        "Start at the pipeline's defaults (default), where the optimizer would (own), at the best candidates "
        "of runs (their folders, or a glob), or at those in a YAML or JSON file",
        "WHERE",
        otherwise="default where the pipeline has any",
    ),
    "proposer": Setting(
        "Begin with what a proposer suggests after a look at a few renderings: the folder of its training, "
        "or own for the one that the pipeline brings",
        "WHERE",
        otherwise="none",
    ),
    "guard": Setting(
        "Let a second judge, or several, see every candidate, and penalise gains that it contradicts; "
        "any objective that is no judge of whole generations",
        "NAME[,NAME...]",
        default=[],
        otherwise="none",
    ),
    "guard_weight": Setting("Multiply the penalty of a gain that a guard contradicts", "X", 2.0, type=float),
    "guard_tolerance": Setting(
        "Let a guard find a candidate worse by this many of its typical differences before it is doubted",
        "X",
        0.5,
        type=float,
    ),
    "stay_near": Setting(
        "Keep to the factory defaults unless the gain is worth it: the gain that a candidate far from them "
        "must bring, in typical differences of the first generation",
        "X",
        0.0,
        type=float,
    ),
    "holdout": Setting(
        "Hold out N pictures that are drawn by the seed, or those of a file, a folder or a glob: they only "
        "judge what was found, and the optimizer is never told of them",
        "N|PATH",
        otherwise="none",
    ),
    "max_failures": Setting("Stop if more than this share of the candidates fail", "SHARE", 0.5, type=float),
    "timeout": Setting(
        "Limit the time for one picture of a program or device",
        "SECONDS",
        otherwise=_PIPELINES_OWN,
        type=float,
    ),
    "retries": Setting(
        "Retry a failed picture of a program or device N times", "N", otherwise=_PIPELINES_OWN, type=int
    ),
}
"""What runs and grids share."""

RUN = {
    "scenes": Setting("Tune on these pictures", "PATH", ["chart"], otherwise="chart"),
    "crop": SHARED["crop"],
    "pipeline": SHARED["pipeline"],
    "objective": Setting(
        "Choose the objective that scores, or several for a multi-objective optimizer",
        "NAME[,NAME...]",
        kind="objectives",
    ),
    "optimizer": Setting(
        "Choose the optimizer that proposes candidates", "NAME", kind="optimizers", use="run"
    ),
    "population": SHARED["population"],
    "budget": SHARED["budget"],
    "race": SHARED["race"],
    **{key: SHARED[key] for key in ENDING},
    "seed": Setting("Seed the optimizer and the pipeline", "N", 0, type=int),
    "device": SHARED["device"],
    "autocast": SHARED["autocast"],
    "memory_gb": SHARED["memory_gb"],
    "vector": Setting(
        "Optimize each score of a vector-valued objective on its own", default=False, type=bool
    ),
    "parameters": SHARED["parameters"],
    "start": SHARED["start"],
    "proposer": SHARED["proposer"],
    **{key: SHARED[key] for key in _GUARDING},
    "holdout": SHARED["holdout"],
    "max_failures": SHARED["max_failures"],
    "workers": Setting(
        "Let a program or device make N pictures at once", "N", otherwise=_PIPELINES_OWN, type=int
    ),
    "timeout": SHARED["timeout"],
    "retries": SHARED["retries"],
}
"""The settings of a run, in the order of ``run.yaml``."""

TABLE = {
    "conditions": Setting(
        "Make a table of parameters: group the scenes by iso, by illuminant or by both (iso,illuminant), and "
        "tune each group on its own, from what suits all of them",
        "NAME[,NAME]",
        required=True,
    ),
    "share": Setting(
        "Of a table, give a parameter, or all that a glob names, the same value under all conditions",
        "NAME",
        default=[],
        otherwise="none",
    ),
    "smooth": Setting(
        "Of a table, keep near to the neighbour's setting unless the gain is worth it: the gain that a "
        "candidate far from it must bring, in typical differences of the first generation",
        "X",
        0.1,
        type=float,
    ),
    "scene_conditions": Setting(
        "Say what scenes were taken under", default={}, otherwise="as their files say"
    ),
}
"""What a table over conditions has beside the settings of its runs."""

GRID = {
    "name": Setting("Name the folder under runs/", "NAME", "benchmark"),
    "objectives": Setting(
        "Choose the objectives to compare", "NAME[,NAME...]", kind="objectives", required=True
    ),
    "optimizers": Setting(
        "Choose the optimizers that propose candidates", "NAME[,NAME...]", kind="optimizers"
    ),
    "scenes": Setting("Tune on this file or generated scene", "PATH", otherwise="chart"),
    "variants": Setting(
        "Run the variants 0 to N-1 of the pipeline with every seed",
        "N",
        otherwise="one for each seed",
        type=int,
    ),
    "seeds": Setting(
        "Repeat every run with the seeds 0 to N-1", "N", list(range(10)), otherwise="10", type=int
    ),
    "pipeline": SHARED["pipeline"],
    "parameters": SHARED["parameters"],
    "start": SHARED["start"],
    "proposer": SHARED["proposer"],
    **{key: SHARED[key] for key in _GUARDING},
    "holdout": SHARED["holdout"],
    "population": SHARED["population"],
    "budget": SHARED["budget"],
    "race": SHARED["race"],
    **{key: SHARED[key] for key in ENDING},
    "crop": SHARED["crop"],
    "targets": Setting(
        "Count the evaluations until each of these normalised l1 is reached", default=[0.2, 0.1, 0.05, 0.02]
    ),
    "device": SHARED["device"],
    "autocast": SHARED["autocast"],
    "memory_gb": SHARED["memory_gb"],
    "threads": Setting("Compute each cell on N threads", "N", 1, type=int),
    "max_failures": SHARED["max_failures"],
    "timeout": SHARED["timeout"],
    "retries": SHARED["retries"],
}
"""The settings of a grid, in the order of ``bench.yaml``."""
