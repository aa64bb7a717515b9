"""Tracking: runs as TensorBoard files, in MLflow and in Weights & Biases, through one small interface.

A tracker is given to ``isptune.tune(..., callbacks=[...])`` beside plain callables. Its package loads when
the tracker is made or started, never before.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
