"""Which runs are repetitions of one another, and what the others differ in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from isptune.errors import ConfigurationError, IsptuneError
from isptune.plugins import registry
from isptune.tuning.settings import Component, RunConfig
from isptune.wording.naming import listed
from isptune.wording.showing import counted

# Settings with words of their own, and those that change no result.
_TOLD = {
    *("scenes", "crop", "pipeline", "objective", "more_objectives", "optimizer", "population", "budget"),
    *("seed", "device", "memory_gb"),
}

# Between the candidates of a start; of more letters than this, labels have the number of candidates alone.
_START = "; "
_LONG = 40

MOST_GROUPS = 12
"""More lines than this cannot be told apart."""


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in nothing but their seeds.

    Attributes:
        objective: what scored them, with its options where several groups differ in those.
        label: what else sets them apart from the other groups; empty where nothing does.
        indices: of the runs, in the order given.
    """

    objective: str
    label: str
    indices: tuple[int, ...]


def group_runs(configs: Sequence[RunConfig], evaluations: Sequence[int]) -> list[RunGroup]:
    """Pool runs that differ in their seeds alone, and say of all others what they differ in.

    A run that is not at the end of its budget is a group of its own beside those that are: a median over both
    would have no meaning where one of them has no value.

    Args:
        configs: of the runs.
        evaluations: (R,) how many each of them has made.

    Returns:
        Groups in the order in which their first runs are given.

    Raises:
        ConfigurationError: there are more groups than a figure can show.
    """
    facts = [_facts(config, count) for config, count in zip(configs, evaluations, strict=True)]
    groups: dict[str, list[int]] = {}
    for index, fact in enumerate(facts):
        groups.setdefault(repr(fact), []).append(index)
    firsts = [facts[indices[0]] for indices in groups.values()]
    differing = [key for key in _in_order(firsts) if len({str(fact.get(key)) for fact in firsts}) > 1]
    if len(groups) > MOST_GROUPS:
        raise ConfigurationError(
            f"the {len(configs)} runs differ in {listed(differing)} and would make {len(groups)} lines; "
            f"at most {MOST_GROUPS} can be told apart: give fewer"
        )
    shown = _needed(differing, firsts)
    # Options of the objective make another score: they belong to its name.
    of_objective = [key for key in shown if key.startswith("objective ")]
    others = [key for key in shown if key != "objective" and key not in of_objective]
    return [
        RunGroup(
            ", ".join([fact["objective"], *(_part(key, fact) for key in of_objective if key in fact)]),
            ", ".join(_part(key, fact) for key in others if key in fact),
            tuple(indices),
        )
        for fact, indices in zip(firsts, groups.values(), strict=True)
    ]


def _facts(config: RunConfig, evaluations: int) -> dict[str, str]:
    """What may set a run apart, as texts by name, the most telling first."""
    facts = {"objective": "+".join(part.name for part in config.objectives)}
    for part in config.objectives:
        of = f"{part.name} " if config.more_objectives else ""
        facts |= {f"objective {of}{key}": _text(value) for key, value in part.options.items()}
    facts["optimizer"] = config.optimizer.name
    facts |= _options("optimizer", config.optimizer)
    facts["scenes"] = "+".join(scene.replace("\\", "/").rpartition("/")[2] for scene in config.scenes)
    # Two pictures of one name in two folders are two pictures.
    facts["scene files"] = "+".join(config.scenes)
    if config.crop is not None:
        facts["crop"] = str(config.crop)
    facts["pipeline"] = config.pipeline.name
    facts |= {
        key: text for key, text in _options("pipeline", config.pipeline).items() if key != "pipeline seed"
    }
    # Whatever else decides what a run does, also settings that this file does not know.
    facts["guard"] = "+".join(part.shown for part in config.guard) or "none"
    for part in config.guard:
        facts |= {f"guard {part.shown} {key}": _text(value) for key, value in part.options.items()}
    for name in config.order:
        if name not in _TOLD and name not in facts:
            facts[name] = _text(getattr(config, name))
    facts["population"] = str(config.population)
    facts["budget"] = "none" if config.budget is None else str(config.budget)
    if config.budget is not None and evaluations != config.budget:
        facts["evaluations"] = str(evaluations)
    return facts


def _options(kind: str, component: Component) -> dict[str, str]:
    return {f"{kind} {key}": _text(value) for key, value in component.options.items()}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_text(entry)}" for key, entry in value.items()) or "as declared"
    if isinstance(value, (list, tuple)) and value and all(isinstance(entry, dict) for entry in value):
        return _START.join(", ".join(f"{key}={one}" for key, one in entry.items()) for entry in value)
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _in_order(facts: Iterable[dict[str, str]]) -> list[str]:
    """The names of all facts, in the order in which they come in the first that has them."""
    places: dict[str, int] = {}
    for fact in facts:
        for place, key in enumerate(fact):
            places.setdefault(key, place)
    return sorted(places, key=places.__getitem__)


def _needed(differing: Sequence[str], facts: Sequence[dict[str, str]]) -> list[str]:
    """The facts that labels show: all that differ, without those that only follow from others.

    A population that is the optimizer's own says no more than its name, a budget is seen at the curve's end,
    and files of different names need no folders.
    """
    shown = list(differing)

    def without(key: str) -> bool:
        left = [other for other in shown if other != key]
        return len({_key(fact, left) for fact in facts}) == len({_key(fact, shown) for fact in facts})

    for key in ("scene files", "budget", "population"):
        if key not in shown or not without(key):
            continue
        if key == "population" and not all(_own_population(fact) for fact in facts):
            continue
        shown.remove(key)
    if "scene files" in shown and "scenes" in shown:
        shown.remove("scenes")
    return shown


def _key(fact: dict[str, str], names: Iterable[str]) -> tuple[str | None, ...]:
    return tuple(fact.get(name) for name in names)


def _own_population(fact: dict[str, str]) -> bool:
    """Whether a run's population is what its optimizer takes by itself."""
    try:
        kind = registry.optimizers.get(fact["optimizer"])
    except IsptuneError:
        # A plugin that is not here any more tells nothing.
        return False
    return str(getattr(kind, "default_population", 30)) == fact["population"]


def _part(key: str, fact: dict[str, str]) -> str:
    """A fact as it stands in a label."""
    text = fact[key]
    if key == "evaluations":
        return f"{text} of {fact['budget']} evaluations"
    if key in ("optimizer", "scenes", "scene files"):
        return text
    if " " in key:
        return f"{key.partition(' ')[2]}={text}"
    if key == "start" and len(text) > _LONG:
        # Candidates with many parameters; the digits tell such runs apart.
        digits = sha256(text.encode()).hexdigest()[:4]
        return f"start {counted(text.count(_START) + 1, 'candidate')} #{digits}"
    return f"{key} {text}"
