"""What is said before a run: which stages of its pipeline an objective is known to misjudge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isptune.contracts.coverage import Coverage
from isptune.contracts.objective import Objective
from isptune.contracts.pipeline import Pipeline
from isptune.errors import ConfigurationError
from isptune.tuning.blame import called
from isptune.wording.naming import listed


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
    stages = Stages.of(pipeline)
    found = [notice(called(one), one.coverage, stages) for one in objectives]
    return list(dict.fromkeys(sentence for sentence in found if sentence is not None))
