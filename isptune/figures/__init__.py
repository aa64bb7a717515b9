"""What a figure shows, computed once; drawn for paper by matplotlib and for the page by its scripts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
