"""One self-contained HTML page about tuning runs or a benchmark, filled into templates."""

from isptune.report.building import report_of_benchmark, report_of_runs, write_report

__all__ = ["report_of_benchmark", "report_of_runs", "write_report"]
