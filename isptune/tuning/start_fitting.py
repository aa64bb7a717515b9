"""Candidates of another search, taken over into the one that begins: what differs is mended, and said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isptune.errors import ConfigurationError, ParameterError
from isptune.parameters import Int, ParameterSpace
from isptune.parameters.kinds import Number
from isptune.wording.naming import listed
from isptune.wording.showing import value_text


@dataclass
class Fitting:
    """What was done to the candidates of one place to make them candidates of a space.

    Each set holds names of parameters, in the order in which they were met.

    Attributes:
        place: the folder of the run.
        extra: the search does not have these.
        missing: the candidates do not have these, or no such value of them; they begin at their defaults.
        moved: their values lie outside of what is searched; the nearest allowed ones are taken.
        kept: the search fixes or ties them, at other values.
        shared: what is searched and taken over.
    """

    space: ParameterSpace
    place: str
    extra: dict[str, None] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)
    moved: dict[str, None] = field(default_factory=dict)
    kept: dict[str, None] = field(default_factory=dict)
    shared: dict[str, None] = field(default_factory=dict)

    def fit(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A candidate as one of the space."""
        found: dict[str, Any] = {}
        free = {parameter.name for parameter in self.space.free}
        for name, value in row.items():
            if name not in self.space.names:
                self.extra[name] = None
            elif name in self.space.fixed:
                if self.space.fixed[name] != value:
                    self.kept[name] = None
            elif name not in self.space.ties:
                self._take(name, value, found)
                self.shared |= {name: None} if name in found and name in free else {}
        for name, source in self.space.ties.items():
            # Of the two values the one of what is searched.
            if name in row and row[name] != found.get(source, self.space.fixed.get(source)):
                self.kept[name] = None
        self.missing |= {one.name: None for one in self.space.free if one.name not in found}
        return found

    def _take(self, name: str, value: Any, found: dict[str, Any]) -> None:
        """Put a value into a candidate, or the nearest one that is allowed; nothing where none is near."""
        parameter = self.space[name]
        try:
            parameter.encode(value)
        except ParameterError:
            if not isinstance(parameter, Number) or isinstance(value, bool):
                return
            if not isinstance(value, (int, float)):
                return
            nearest = min(max(value, parameter.low), parameter.high)
            self.moved[name] = None
            value = round(nearest) if isinstance(parameter, Int) else float(nearest)
        found[name] = value

    def require_shared(self, theirs: Iterable[str]) -> None:
        """Refuse candidates that share nothing with the search.

        Raises:
            ConfigurationError: one sentence with the parameters of both.
        """
        if not self.shared:
            raise ConfigurationError(
                f"the start '{self.place}' is of other parameters ({listed(theirs)}) than this search "
                f"({listed(one.name for one in self.space.free)}); give a run that shares at least one"
            )

    @property
    def sentence(self) -> str:
        """What was done; empty where nothing had to be."""
        begun = self.space.to_dicts(self.space.start())[0]
        parts = []
        if self.extra:
            parts.append(f"has {_quoted(self.extra)}, which this search leaves out")
        if self.missing:
            values = [f"'{name}' ({value_text(begun[name])})" for name in self.missing]
            parts.append(f"has no value for {listed(values)}, which begins at its default")
        if self.moved:
            allowed = [f"'{name}' ({self.space[name].allowed})" for name in self.moved]
            parts.append(
                f"has values of {listed(allowed)} outside of what is searched, which are moved to its end"
            )
        if self.kept:
            parts.append(f"has other values of {_quoted(self.kept)}, which this search fixes or ties")
        return f"the start '{self.place}' {'; it '.join(parts)}" if parts else ""


def fitted(
    space: ParameterSpace, rows: Sequence[Mapping[str, Any]], places: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Candidates of other searches as candidates of a space, and what is to be said of it, run by run.

    Args:
        space: that is searched.
        rows: the candidates.
        places: for each the folder of the run that it is of; empty for a candidate to be left as it is.

    Raises:
        ConfigurationError: a run shares no parameter with the search.
    """
    fittings: dict[str, Fitting] = {}
    theirs: dict[str, dict[str, None]] = {}
    found = []
    for row, place in zip(rows, places, strict=True):
        if not place:
            found.append(dict(row))
            continue
        theirs.setdefault(place, {}).update(dict.fromkeys(row))
        found.append(fittings.setdefault(place, Fitting(space, place)).fit(row))
    for place, fitting in fittings.items():
        fitting.require_shared(theirs[place])
    return found, [fitting.sentence for fitting in fittings.values() if fitting.sentence]


def _quoted(names: Iterable[str]) -> str:
    return listed(f"'{name}'" for name in names)
