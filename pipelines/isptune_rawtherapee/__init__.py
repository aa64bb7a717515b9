"""RawTherapee, run by its command line with layered PP3 profiles."""

from isptune_rawtherapee.pipeline import RawTherapeePipeline as RawTherapeePipeline
