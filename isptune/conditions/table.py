"""A table of parameters over conditions: read, written, interpolated."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isptune.conditions.groups import condition_name
from isptune.conditions.settings import ISO, checked_condition
from isptune.errors import ConfigurationError, RunDirectoryError
from isptune.parameters import Choice, ParameterSpace
from isptune.runs.directory import require_file
from isptune.storage.yaml_files import written_value
from isptune.wording.naming import did_you_mean, listed
from isptune.wording.showing import short

TABLE_CONFIG, TABLE_RESULT = "table.yaml", "table.json"
COMMON = "common"
"""The folder of the run over all scenes, and what its setting is called."""
OWN = "own"
FORMS = ("json", "yaml", "csv")


@dataclass(frozen=True)
class TableEntry:
    """One condition of a table.

    Attributes:
        condition: its values by name, such as ``{"iso": 100.0}``.
        folder: of its run, within the table's.
        parameters: what holds under it, by name.
        kept: ``"own"`` where its own run's best is at least as good as the common setting, else ``"common"``.
        why: why the common setting is kept; empty where it is not.
        scenes: how many pictures were tuned on.
        tuned: mean scores on these by ``"start"`` (the factory defaults), ``"common"`` and ``"own"``; None
            for what fails.
        held_out: the same on scenes that only judge; None where there are none.
    """

    condition: dict[str, Any]
    folder: str
    parameters: dict[str, Any]
    kept: str
    why: str
    scenes: int
    tuned: dict[str, float | None]
    held_out: dict[str, float | None] | None = None

    @property
    def name(self) -> str:
        return condition_name(self.condition)


@dataclass(repr=False)
class ParameterTable:
    """Parameters by condition, each tuned by a run of its own.

    Attributes:
        path: the folder.
        by: what the scenes are grouped by, such as ``("iso",)``.
        space: of the parameters, with what was fixed or narrowed.
        objective: what scored.
        higher_is_better: of it.
        common: the setting that is best for all scenes together.
        shared: the parameters that are the same everywhere.
        smooth: the weight of the distance from the neighbour's setting.
        entries: the lowest ISO first.

    Example:
        >>> from isptune import Float
        >>> space = ParameterSpace({"noise.luma": Float(0.001, 1.0, log=True)})
        >>> entries = [
        ...     TableEntry({"iso": iso}, f"iso-{iso}", {"noise.luma": level}, "own", "", 1, {})
        ...     for iso, level in ((100, 0.01), (400, 0.04))
        ... ]
        >>> table = ParameterTable(Path("by-iso"), ("iso",), space, "psnr", True, {}, entries=entries)
        >>> round(table.at(iso=200)["noise.luma"], 6)
        0.02
    """

    path: Path
    by: tuple[str, ...]
    space: ParameterSpace
    objective: str
    higher_is_better: bool
    common: dict[str, Any]
    shared: tuple[str, ...] = ()
    smooth: float = 0.0
    entries: list[TableEntry] = field(default_factory=list)

    def __repr__(self) -> str:
        names = [entry.name for entry in self.entries]
        return short("ParameterTable", self.path.name, listed(names), self.objective)

    @classmethod
    def read(cls, directory: str | Path) -> ParameterTable:
        """Read a finished table; nothing but its folder is needed.

        Raises:
            RunDirectoryError: there is none, it has not come to its end, or it is damaged.
        """
        from isptune.runs.run import Run

        folder = Path(directory)
        require_file(folder, TABLE_CONFIG, "table of parameters")
        path = folder / TABLE_RESULT
        if not path.is_file():
            raise RunDirectoryError(
                f"the table in '{folder}' has not come to its end; go on with it by 'isptune resume {folder}'"
            )
        space = Run.read(folder / COMMON).space
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found = cls(
                folder,
                tuple(data["by"]),
                space,
                str(data["objective"]),
                bool(data["higher_is_better"]),
                dict(data["common"]),
                tuple(data["shared"]),
                float(data["smooth"]),
                [TableEntry(**entry) for entry in data["entries"]],
            )
            space.from_dicts([entry.parameters for entry in found.entries])
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ConfigurationError) as error:
            raise RunDirectoryError(
                f"'{path}' is damaged ({error}); delete it, and 'isptune resume {folder}' writes it anew"
            ) from error
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as ``table.json`` holds it."""
        return {
            "isptune_table": 1,
            "by": list(self.by),
            "objective": self.objective,
            "higher_is_better": self.higher_is_better,
            "shared": list(self.shared),
            "smooth": self.smooth,
            "common": self.common,
            "entries": [asdict(entry) for entry in self.entries],
        }

    def text(self, form: str) -> str:
        """The parameters by condition as the text of a file: ``"json"``, ``"yaml"`` or ``"csv"``."""
        rows = [{**entry.condition, **entry.parameters} for entry in self.entries]
        if form == "csv":
            written = io.StringIO()
            writer = csv.DictWriter(written, [*self.by, *self.space.names], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            return written.getvalue()
        data = {
            "by": list(self.by),
            "entries": [
                {"condition": entry.condition, "parameters": entry.parameters} for entry in self.entries
            ],
        }
        return json.dumps(data, indent=2) + "\n" if form == "json" else written_value(data)

    def at(self, **condition: Any) -> dict[str, Any]:
        """The parameters under a condition, between the entries and at them.

        Numbers are interpolated between the two nearest ISO, in its logarithm and on each parameter's own
        scale; whole numbers are rounded; choices and switches are those of the nearer entry. Below the lowest
        ISO and above the highest, what stands there holds. A light has to be one of the table's.

        Args:
            condition: a value for each of ``by``; a light may be left out where the table has one alone.

        Raises:
            ConfigurationError: a condition that the table does not know, or one that is missing.
        """
        entries = self._under(condition)
        if ISO not in self.by:
            return dict(entries[0].parameters)
        wanted = checked_condition(ISO, condition[ISO])
        assert isinstance(wanted, float)
        for entry in entries:
            if entry.condition[ISO] == wanted:
                return dict(entry.parameters)
        places = np.array([math.log(entry.condition[ISO]) for entry in entries])
        unit = self.space.to_unit(self.space.from_dicts([entry.parameters for entry in entries])).numpy()
        found = [
            unit[int(np.argmin(np.abs(places - math.log(wanted)))), column]
            if isinstance(parameter, Choice)
            else float(np.interp(math.log(wanted), places, unit[:, column]))
            for column, parameter in enumerate(self.space.free)
        ]
        return self.space.to_dicts(self.space.to_values(torch.tensor([found], dtype=torch.float64)))[0]

    def _under(self, condition: Mapping[str, Any]) -> Sequence[TableEntry]:
        """The entries of all that is asked but the ISO."""
        for name in condition:
            if name not in self.by:
                raise ConfigurationError(
                    f"the table is over {listed(self.by)}, and not over '{name}'{did_you_mean(name, self.by)}"
                )
        entries = self.entries
        for name in self.by:
            if name == ISO and ISO not in condition:
                raise ConfigurationError("the table is over iso, and none was given, such as iso=640")
            if name == ISO:
                continue
            known = list(dict.fromkeys(str(entry.condition[name]) for entry in self.entries))
            value = condition.get(name, known[0] if len(known) == 1 else None)
            if value not in known:
                asked = "none was given" if value is None else f"not for '{value}'"
                raise ConfigurationError(
                    f"the table is for the {name} {listed(known)}, and {asked}"
                    f"{did_you_mean(str(value), known) if value is not None else ''}"
                )
            entries = [entry for entry in entries if entry.condition[name] == value]
        return entries
