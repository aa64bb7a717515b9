"""LibRaw, through rawpy: the raw developer that many programs are built on."""

from isptune_libraw.pipeline import LibRawPipeline as LibRawPipeline
