"""``isptune study``: plan studies with people, score their answers, judge objectives by them."""

from __future__ import annotations

import click

from isptune_study.plan_command import plan
from isptune_study.score_command import score


@click.group("study")
def study() -> None:
    """Plan studies with people, and make scores of their answers."""


study.add_command(plan)
study.add_command(score)
