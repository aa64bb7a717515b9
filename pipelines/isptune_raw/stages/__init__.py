"""The stages of a raw pipeline, in the order in which the pipeline ``raw`` has them."""

from isptune_raw.stages.colour import ColourCorrection as ColourCorrection
from isptune_raw.stages.colour import Encoding as Encoding
from isptune_raw.stages.colour import Exposure as Exposure
from isptune_raw.stages.detail import Denoise as Denoise
from isptune_raw.stages.detail import Sharpen as Sharpen
from isptune_raw.stages.mosaic import BlackLevel as BlackLevel
from isptune_raw.stages.mosaic import DefectCorrection as DefectCorrection
from isptune_raw.stages.mosaic import Demosaic as Demosaic
from isptune_raw.stages.mosaic import RawDenoise as RawDenoise
from isptune_raw.stages.mosaic import ShadingCorrection as ShadingCorrection
from isptune_raw.stages.mosaic import WhiteBalance as WhiteBalance
from isptune_raw.stages.tone import LocalTone as LocalTone
from isptune_raw.stages.tone import ToneCurve as ToneCurve
