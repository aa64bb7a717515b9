"""ScoreNet, CoOp and CoCoOp: learned contexts for the prompts of CLIP-IQA and of Q-Align."""

from isptune_scorenet.contexts import EXPANSIONS, expand
from isptune_scorenet.hosts import HOSTS, Host, make_host
from isptune_scorenet.learners import CoCoOp, ContextLearner, CoOp, ScoreNet
from isptune_scorenet.objectives import (
    CoCoOpAlign,
    CoCoOpCLIPIQA,
    CoOpAlign,
    CoOpCLIPIQA,
    LearnedContext,
    ScoreNetAlign,
    ScoreNetAlignTiny,
    ScoreNetCLIPIQA,
)

__all__ = [
    "EXPANSIONS",
    "HOSTS",
    "CoCoOp",
    "CoCoOpAlign",
    "CoCoOpCLIPIQA",
    "CoOp",
    "CoOpAlign",
    "CoOpCLIPIQA",
    "ContextLearner",
    "Host",
    "LearnedContext",
    "ScoreNet",
    "ScoreNetAlign",
    "ScoreNetAlignTiny",
    "ScoreNetCLIPIQA",
    "expand",
    "make_host",
]
