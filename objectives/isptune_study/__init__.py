"""Studies with people: designs of paired comparisons, scales with intervals, plans and screening."""

from isptune_study.answers import Answers
from isptune_study.designs import Design, create_design
from isptune_study.laws import BRADLEY_TERRY, THURSTONE
from isptune_study.scaling import Scale, fit
from isptune_study.sessions import Checks, Session, Trial
from isptune_study.simulation import Observer, People
from isptune_study.win_counts import WinCounts, count_wins

__all__ = [
    "BRADLEY_TERRY",
    "THURSTONE",
    "Answers",
    "Checks",
    "Design",
    "Observer",
    "People",
    "Scale",
    "Session",
    "Trial",
    "WinCounts",
    "count_wins",
    "create_design",
    "fit",
]
