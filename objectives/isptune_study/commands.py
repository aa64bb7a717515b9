"""``isptune study``: plan and make studies with people, score their answers, judge objectives by them."""

from __future__ import annotations

import click

from isptune_study.create_command import create
from isptune_study.export_command import export
from isptune_study.plan_command import plan
from isptune_study.score_command import score


@click.group("study")
def study() -> None:
    """Plan and make studies with people, and scores of their answers."""


for command in (plan, create, score, export):
    study.add_command(command)
