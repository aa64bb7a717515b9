"""How well objectives agree with people: correlations with intervals, tables, scatter plots."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
