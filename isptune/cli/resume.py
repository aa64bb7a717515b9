"""``isptune resume``: go on with a run."""

from __future__ import annotations

from typing import Any

import click

from isptune.cli.condition_table import holds_table, resume_and_print_table
from isptune.cli.directories import require_runs
from isptune.cli.process import importing
from isptune.cli.run_and_print import make_trackers, run_and_print
from isptune.cli.shared_options import json_option, setting_options, tracking_options
from isptune.tuning.described_settings import HOW_IT_RUNS, RUN


@click.command("resume")
@click.argument("directory", metavar="DIR")
@setting_options(RUN, *HOW_IT_RUNS)
@tracking_options
@json_option
def command(
    directory: str, as_json: bool, tensorboard: bool, mlflow: str | None, wandb: str | None, **how: Any
) -> int:
    """Resume the run in DIR from the end of its log.

    The optimizer replays the log and must propose the same candidates, bit for bit; an incomplete last line
    is dropped. A complete run gets its result and its missing pictures again. A tracker that knows the run
    continues it; a new one gets all generations. Of a table over conditions, every run goes on that has not
    come to its end.

    \b
    Examples:
      isptune resume runs/first
    """
    trackers = make_trackers(tensorboard, mlflow, wandb, directory)
    if holds_table(directory):
        return resume_and_print_table(directory, how, as_json=as_json, trackers=trackers)
    require_runs([directory])

    with importing():
        from isptune.tuning.session import prepare_resume

    return run_and_print(
        lambda: prepare_resume(directory, how), as_json=as_json, resume=True, trackers=trackers
    )
