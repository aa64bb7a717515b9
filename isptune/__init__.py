"""isptune tunes image signal processors: pipelines, objectives and optimizers in one loop.

Importing it costs almost nothing: each public name loads its module when it is first used. The names stand in
``__init__.pyi``.
"""

from importlib import metadata

import lazy_loader

__version__ = metadata.version("isptune")
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
