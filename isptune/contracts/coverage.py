"""What an objective was trained and checked on, compared with the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from isptune.errors import ConfigurationError

if TYPE_CHECKING:
    pass


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
