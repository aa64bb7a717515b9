"""``isptune study``: studies with people, their scores, and objectives judged by them."""

from __future__ import annotations

import click

from isptune_study.create_command import create
from isptune_study.export_command import export
from isptune_study.plan_command import plan
from isptune_study.score_command import score
from isptune_study.serve_command import serve


@click.group("study")
def study() -> None:
    """Plan, make and serve studies with people, and score their answers."""


for command in (plan, create, serve, score, export):
    study.add_command(command)
