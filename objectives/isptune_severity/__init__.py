"""``severity``: how strong each family of distortion is, from the picture alone."""

from isptune_severity.learner import Severity
from isptune_severity.network import FAMILIES, SeverityNetwork

__all__ = ["FAMILIES", "Severity", "SeverityNetwork"]
