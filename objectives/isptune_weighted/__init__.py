"""One objective out of several: a weighted sum of any registered objectives, from configuration."""

from isptune_weighted.objective import Weighted
from isptune_weighted.terms import Term

__all__ = ["Term", "Weighted"]
