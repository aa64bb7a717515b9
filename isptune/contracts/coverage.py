"""What an objective was trained and checked on, compared with the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from isptune.errors import ConfigurationError
from isptune.wording.naming import listed

if TYPE_CHECKING:
    from isptune.contracts.objective import Objective
    from isptune.contracts.pipeline import Pipeline


@dataclass(frozen=True)
class Coverage:
    """The stages that an objective knows, and those that it is known to misjudge.

    An entry is the registered name of a stage (``"darken"``), or a family of stages (``"noise"``) for all of
    them; what is said of a stage by its name counts before what is said of its family.

    Attributes:
        trained_on: what its training showed it.
        validated_on: what it was only checked on, and judged as the truth does.
        blind_to: what it judges weakly or the wrong way round, whether it was trained on it or not: tuning
            by its score leaves such a stage anywhere, or drives it up.

    Raises:
        ConfigurationError: one of the three is not a tuple of names.

    Example:
        >>> coverage = Coverage(trained_on=("darken", "white_noise"), blind_to=("darken",))
        >>> [coverage.judges(stage) for stage in ("white_noise", "darken", "vignetting")]
        [True, False, None]
    """

    trained_on: tuple[str, ...] = ()
    validated_on: tuple[str, ...] = ()
    blind_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            names = getattr(self, field.name)
            if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
                raise ConfigurationError(
                    f"{field.name} of a Coverage is {names!r}; "
                    "allowed: a tuple of names of stages or families"
                )

    def judges(self, stage: str, family: str = "") -> bool | None:
        """Whether the objective judges a stage as the truth does; None where nothing is stated."""
        for name in filter(None, (stage, family)):
            if name in self.blind_to:
                return False
            if name in self.trained_on or name in self.validated_on:
                return True
        return None


def stage_names(text: str) -> tuple[str, ...]:
    """Names with spaces between them as a tuple, for the many that a measurement gives."""
    return tuple(text.split())


def checked_on(stages: Sequence[str], blind_to: Sequence[str]) -> Coverage:
    """What was measured on stages of which some are misjudged, and trained on none.

    Example:
        >>> checked_on(("darken", "jpeg"), blind_to=("jpeg",))
        Coverage(trained_on=(), validated_on=('darken',), blind_to=('jpeg',))
    """
    blind = tuple(blind_to)
    return Coverage(validated_on=tuple(stage for stage in stages if stage not in blind), blind_to=blind)


def joined(parts: Sequence[Coverage | None]) -> Coverage | None:
    """What a sum of several objectives can state.

    What one of them sees counts as seen. Where one states nothing nobody knows, so the sum states nothing.
    """
    stated = [part for part in parts if part is not None]
    if not stated or len(stated) < len(parts):
        return None

    def together(entries: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for names in entries for name in names))

    blind = together(part.blind_to for part in stated)
    return Coverage(
        together(part.trained_on for part in stated),
        together(part.validated_on for part in stated),
        tuple(name for name in blind if not any(part.judges(name) for part in stated)),
    )


@dataclass(frozen=True)
class Stages:
    """The registered names of a pipeline's stages, and their families; empty where it states none."""

    names: tuple[str, ...] = ()
    families: tuple[str, ...] = ()

    @classmethod
    def of(cls, pipeline: Pipeline) -> Stages:
        """Those of a pipeline."""
        names = tuple(pipeline.stage_names)
        families = tuple(pipeline.stage_families) or ("",) * len(names)
        if len(families) != len(names):
            raise ConfigurationError(
                f"the pipeline '{pipeline.name or type(pipeline).__name__}' states {len(names)} stage_names "
                f"and {len(families)} stage_families; allowed: one family for each name, or none at all"
            )
        return cls(names, families)


def notice(name: str, coverage: Coverage | None, stages: Stages) -> str | None:
    """One sentence about the stages that an objective misjudges or has never met; None where there are none.

    Args:
        name: of the objective.
        coverage: what it states; None for nothing, which is no reason for a notice.
        stages: of the pipeline.
    """
    if coverage is None:
        return None
    judged = {
        stage: coverage.judges(stage, family)
        for stage, family in zip(stages.names, stages.families, strict=True)
    }
    blind = [stage for stage, sees in judged.items() if sees is False]
    unknown = [stage for stage, sees in judged.items() if sees is None]
    parts = []
    if blind:
        parts.append(f"is known to misjudge {listed(blind, len(blind))}")
    if unknown:
        parts.append(f"was neither trained nor checked on {listed(unknown, len(unknown))}")
    if not parts:
        return None
    return (
        f"the objective '{name}' {' and '.join(parts)}: a better score can mean a worse picture; "
        "look at the result, or choose another objective"
    )


def notices(objectives: Sequence[Objective], pipeline: Pipeline) -> list[str]:
    """The sentences of ``notice`` about each of the objectives."""
    from isptune.tuning.blame import called

    stages = Stages.of(pipeline)
    found = [notice(called(one), one.coverage, stages) for one in objectives]
    return list(dict.fromkeys(sentence for sentence in found if sentence is not None))
