"""Measurements on test charts, and the match with a reference camera, as objectives.

Edges (``mtf50``, ``mtf``, ``overshoot``, ``chromatic-displacement``), textures (``acutance``), patches
(``snr``, ``dynamic-range``, ``visual-noise``, ``ciede2000``, ``colour-uniformity``), all of a chart in one
number (``chart-quality``), and ``reference-camera``. ``isptune measure`` prints them for any picture.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
