"""Scenes: pictures in and out, native-resolution crops, and the generated test chart."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
