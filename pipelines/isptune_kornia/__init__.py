"""Kornia's pointwise operators and filters as stages, ``kornia:NAME``.

The names are known without importing Kornia; a stage's module imports it.
"""

from isptune_kornia.family import KorniaFamily

__all__ = ["KorniaFamily"]
