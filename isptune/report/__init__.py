"""One self-contained HTML page about tuning runs or a benchmark: numbers, pictures and page kept apart."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isptune.report.building import report_of_benchmark as report_of_benchmark
    from isptune.report.building import report_of_runs as report_of_runs
    from isptune.report.building import write_report as write_report
    from isptune.report.records import Record as Record
    from isptune.report.records import read_record as read_record
    from isptune.report.records import records_of_benchmark as records_of_benchmark

_HOMES = {
    "isptune.report.building": ["report_of_benchmark", "report_of_runs", "write_report"],
    "isptune.report.records": ["Record", "read_record", "records_of_benchmark"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'isptune.report' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
