"""The family ``pyiqa:NAME`` of objectives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from isptune.contracts.requirements import Packaging
from isptune.errors import IsptuneError
from isptune.plugins.registry import Entry, Family
from isptune_pyiqa import catalogue

if TYPE_CHECKING:
    from isptune.contracts.objective import Objective

logger = logging.getLogger("isptune")

_WEIGHTS = "downloaded by pyiqa when first used"


class PyiqaFamily(Family):
    """Any image-quality metric of pyiqa, which is under the PolyForm Noncommercial licence.

    Names come from pyiqa's own table, read without importing pyiqa.
    """

    packaging = Packaging(extra="pyiqa", requires=("pyiqa",))
    constructor: ClassVar[str] = "isptune_pyiqa.objective:PyiqaObjective"

    def __init__(self) -> None:
        self._read: dict[str, catalogue.Metric] | None = None

    def metrics(self) -> dict[str, catalogue.Metric]:
        """pyiqa's metrics by name, the refused ones too; empty where pyiqa is not installed."""
        if self._read is None:
            try:
                self._read = catalogue.read_catalogue()
            except IsptuneError as error:
                # One broken package must not take `isptune list` away; without names every use of the
                # family ends in an error that follows this warning.
                logger.warning("%s", error)
                self._read = {}
        return self._read

    def names(self) -> Iterable[str]:
        return [name for name in self.metrics() if name not in catalogue.REFUSED]

    def refused(self) -> Mapping[str, str]:
        return {name: why for name, why in catalogue.REFUSED.items() if name in self.metrics()}

    def get(self, name: str) -> Callable[..., Objective]:
        """The class of one metric, its facts filled in."""
        # It needs torch, which a list of names does not.
        from isptune_pyiqa.objective import PyiqaObjective

        metric = self.metrics()[name]
        facts: dict[str, Any] = {
            "__doc__": f"{_summary(metric)}.\n\n{PyiqaObjective.__doc__}",
            "__module__": PyiqaObjective.__module__,
            "metric": metric,
            "needs_reference": metric.needs_reference,
            "higher_is_better": metric.higher_is_better,
            "is_differentiable": metric.is_differentiable,
            "score_range": metric.score_range,
            "packaging": replace(self.packaging, weights=None if metric.is_formula else _WEIGHTS),
        }
        return type("PyiqaObjective", (PyiqaObjective,), facts)

    def entry(self, name: str) -> Entry:
        metric = self.metrics()[name]
        needs = [f"extra {self.packaging.extra}"]
        if metric.needs_reference:
            needs.append("reference")
        if not metric.is_formula:
            needs.append(f"weights {_WEIGHTS}")
        return Entry(
            name=name,
            kind="objective",
            summary=_summary(metric),
            needs=tuple(needs),
            differentiable=metric.is_differentiable,
            note=f"licence: {catalogue.LICENCE}",
        )


def _summary(metric: catalogue.Metric) -> str:
    direction = "" if metric.higher_is_better else ", lower is better"
    return f"pyiqa's {metric.name} ({metric.kind}{direction})"
