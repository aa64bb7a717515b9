"""mPLUG-Owl2, the architecture of Q-Align and DeQA-Score, written on torch alone."""

from isptune_qalign.network.configuration import OwlConfig, read_config
from isptune_qalign.network.model import IMAGE_TOKEN, Owl, Prefix, States

__all__ = ["IMAGE_TOKEN", "Owl", "OwlConfig", "Prefix", "States", "read_config"]
