"""Examine an objective: from its sweep over the bank to its card."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from isptune.benchmark.trust.card import Beaten, TrustCard
from isptune.benchmark.trust.chains import TRUSTED, Task, common_tasks, random_tasks, worst_task
from isptune.benchmark.trust.judges import Panel
from isptune.benchmark.trust.scorer import Scorer
from isptune.benchmark.trust.searches import Search, search
from isptune.benchmark.trust.settings import TrustSettings
from isptune.benchmark.trust.stability import stability
from isptune.benchmark.trust.sweep import VISIBLE, Sweep, sweep
from isptune.benchmark.trust.verdict import Stage, judged_stages, trusted_names, verdict
from isptune.contracts.objective import Objective
from isptune.contracts.scene import Scene
from isptune.scenes.scene_pictures import picture_of
from isptune.tuning.devices import processors
from isptune.wording.naming import listed
from isptune.wording.showing import counted

# Better than none: what stands for a picture without a score, as JSON has no infinity.
LOWEST = -1e9

# The time of one picture is the median of so many calls.
_CALLS = 7

Tell = Callable[[str], None]


def examine(
    objective: Objective,
    scenes: Sequence[Scene],
    panel: Panel,
    settings: TrustSettings,
    device: str = "cpu",
    tell: Tell = lambda _: None,
) -> TrustCard:
    """Examine one objective.

    Args:
        objective: what is examined, on the device.
        scenes: what it looks at, on the device.
        panel: the judges, with the scenes that are tuned on.
        settings: settled ones.
        device: where it runs.
        tell: called with what is done next.

    Raises:
        EvaluationError: the objective scores too little to be examined.
        ConfigurationError: it gives the same score to everything.
    """
    scorer = Scorer(objective)
    tell("stages of the bank")
    swept = sweep(scorer, settings.bank, scenes, settings.levels, settings.seed)
    stages = judged_stages(swept)
    found = []
    for task in tasks_for(stages, settings):
        tell(f"search {task.title}")
        found.append(search(task, scorer, panel.scenes, swept.spread, settings, device))
    searches = [one.search for one in found]
    tell("other judges")
    shares = panel.shares(found)
    tell("stability")
    moved = stability(scorer, swept, panel.scenes, settings.seed)
    said = verdict(stages, searches, moved, scorer.told())
    first = picture_of(scenes[0])
    return TrustCard(
        objective=scorer.name,
        options=_plain(getattr(objective, "options", {})),
        needs_reference=bool(objective.needs_reference),
        higher_is_better=bool(objective.higher_is_better),
        verdict=said.verdict,
        reasons=said.reasons,
        spread=swept.spread,
        beaten=most_liked(swept, searches),
        stages=stages,
        searches=searches,
        judges=shares,
        moved=moved,
        seconds=seconds_of_one(scorer, scenes[0]),
        size=[int(first.shape[-1]), int(first.shape[-2])],
        scenes=[scene.name for scene in scenes],
        failures=[*filter(None, [scorer.told()]), *panel.left_out],
        settings=settings.to_dict(),
        machine=machine(),
    )


def tasks_for(stages: Sequence[Stage], settings: TrustSettings) -> list[Task]:
    """What an objective is let loose on: what all are, the stages it judges worst, and those it judges right.

    Where every stage is judged right, random chains of such stages are the random chains that all get.
    """
    tasks = common_tasks(settings.bank, settings.chains, settings.seed)
    tasks.append(worst_task(settings.bank, [stage.srcc for stage in stages], settings.seed))
    right = trusted_names(stages)
    if 1 < len(right) < len(stages):
        tasks += random_tasks(TRUSTED, right, settings.chains, settings.seed)
    return tasks


def most_liked(swept: Sweep, searches: Sequence[Search]) -> Beaten:
    """The visibly distorted picture that scores best against the pristine one, of stages and searches."""
    # Where nothing is visible, anything that is distorted.
    least = min(VISIBLE, float(swept.differences.max()))
    gains = np.where((swept.differences >= least) & np.isfinite(swept.gains), swept.gains, LOWEST)
    stage, scene, level = np.unravel_index(int(np.argmax(gains)), gains.shape)
    alone = Beaten(
        float(gains[stage, scene, level]),
        f"{swept.stages[stage]} at {swept.shares[level]:.3g} of its highest level on {swept.scenes[scene]}",
    )
    visible = [one for one in searches if one.difference >= VISIBLE]
    if not visible:
        return alone
    most = max(visible, key=lambda one: one.gain)
    if most.gain <= alone.gain:
        return alone
    return Beaten(most.gain, f"what a search over {listed(most.stages)} ends at")


def seconds_of_one(scorer: Scorer, scene: Scene) -> float:
    """Median seconds of scoring one picture."""
    picture = picture_of(scene)[None]
    times = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        scorer.losses(picture, picture, "a pristine picture")
        if picture.is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def machine() -> str:
    """What seconds were measured on, in a few words."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    used = counted(torch.get_num_threads(), "thread")
    return f"{platform.machine()}, {counted(processors(), 'processor')}, {used}, {gpu}"


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON holds them."""
    kept = (str, int, float, bool, list, dict, type(None))
    return {key: value if isinstance(value, kept) else str(value) for key, value in options.items()}
