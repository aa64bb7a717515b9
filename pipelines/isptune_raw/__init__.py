"""Raw pictures: read, simulated, written as DNG, and turned into RGB by a differentiable chain."""

from isptune_raw.dng import dng_bytes as dng_bytes
from isptune_raw.dng import write_dng as write_dng
from isptune_raw.mosaic import RawImage as RawImage
from isptune_raw.reading import read_raw as read_raw
from isptune_raw.scenes import raw_scenes as raw_scenes
from isptune_raw.simulation import simulate as simulate
from isptune_raw.views import RawView as RawView
