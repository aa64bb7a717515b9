"""How thoroughly an objective is examined: pictures, levels, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from isptune.errors import ConfigurationError
from isptune.plugins import registry
from isptune.wording.integers import whole_number


@dataclass(frozen=True)
class TrustSettings:
    """What all objectives of a table have in common.

    Attributes:
        scenes: files, folders, globs or charts; pictures that are generated where there are none, see
            ``isptune.benchmark.trust.scenes``.
        crop: how photographs are seen, see ``load_scenes``.
        width: of the generated pictures, which are two thirds as high.
        stages: the bank; all registered distortions that need no options if None.
        levels: of every stage, from 0 to its highest, at even distances.
        searched_scenes: so many of the scenes are tuned on, spread evenly.
        budget, population: evaluations of a search, and of one generation.
        optimizer: that searches.
        chains: how many random chains of stages are searched.
        compared: random candidates of a chain, among which judges place a tuned one.
        seed: of the chains, their hidden maps, the noise and the optimizer.
    """

    scenes: tuple[str, ...] = ()
    width: int = 264
    crop: str = "2x192"
    stages: tuple[str, ...] | None = None
    levels: int = 7
    searched_scenes: int = 1
    budget: int = 180
    population: int = 30
    optimizer: str = ""
    chains: int = 2
    compared: int = 12
    seed: int = 0

    def settled(self) -> TrustSettings:
        """The same with the bank and the optimizer named.

        Raises:
            UnknownNameError: a stage or optimizer that nothing is registered under.
            ConfigurationError: a stage that is no distortion, too few of them, or a negative seed.
        """
        whole_number("the seed", self.seed, 0)
        stages = bank() if self.stages is None else tuple(dict.fromkeys(self.stages))
        for name in stages:
            registry.stages.precheck(name, {})
            if not registry.stages.fact(name, "level_range", ()):
                raise ConfigurationError(
                    f"the stage '{name}' is no distortion: no level says how much worse it makes a picture"
                )
        if len(stages) < 2:
            raise ConfigurationError("the bank has 1 stage; at least 2 are needed to search chains of them")
        return replace(self, stages=stages, optimizer=self.optimizer or registry.optimizers.default())

    @property
    def bank(self) -> tuple[str, ...]:
        """The names of the stages, of settled settings."""
        assert self.stages is not None
        return self.stages

    def to_dict(self) -> dict[str, Any]:
        """Plain data, equal for equal settings."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }


def quick(settings: TrustSettings) -> TrustSettings:
    """A look of seconds: fewer levels, scenes, chains and evaluations. Its verdict is rough."""
    return replace(settings, width=120, levels=5, searched_scenes=1, budget=90, chains=1, compared=12)


def bank() -> tuple[str, ...]:
    """Every registered distortion that can be made here; families, which may have hundreds, are left out."""
    names: Sequence[str] = registry.stages.having("level_range")
    usable = {entry.name for entry in registry.stages.entries("*") if entry.available}
    return tuple(name for name in names if name in usable)
