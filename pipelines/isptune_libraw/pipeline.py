"""The pipeline ``libraw``: raw pictures developed by LibRaw."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import isptune
from isptune import Scene
from isptune.errors import ConfigurationError, MissingPackageError
from isptune_external import RawPipeline
from isptune_external.pipeline import RawSource, Reference
from isptune_libraw.parameters import arguments, space
from isptune_raw import dng_bytes
from isptune_raw.scenes import view_of

# LibRaw 0.22.2 in it writes over memory that is not its own where noise_thr is above 0.
_BROKEN = ("0.28.0",)


class LibRawPipeline(RawPipeline):
    """Develops raw pictures with LibRaw (through rawpy), in worker processes.

    The defaults are LibRaw's own with the camera's white balance and sRGB's curve. Nothing adapts to the
    picture: no automatic brightness, and white is the sensor's white level. LibRaw's wavelets
    (``denoise.threshold``) leave pictures of 128 pixels or less on a side as they are. Its correction of
    colour fringes (``lens``) may leave coloured dots in the outermost pixels of a whole picture.

    Args:
        scenes: raw files, folders, globs, ``"chart"`` or ``RawImage`` objects, see
            ``isptune_raw.raw_scenes``; the simulated chart at ISO 1600 if None.
        reference: what results are compared with, one picture for each raw picture; ``x.reference.png``
            beside ``x.dng`` if None.
        crop: how large scenes are cropped, see ``isptune_raw.raw_scenes``.
        seed: of the places of crops, and of the chart's noise.
        canary: before a run, check that every parameter changes the picture and that pictures repeat.

    Raises:
        MissingPackageError: rawpy is not installed.
        ConfigurationError: a release of rawpy that is known to corrupt memory.
        ImageError: a raw file or a reference that cannot be read.

    Example:
        >>> pipeline = LibRawPipeline(["chart:96x64"])
        >>> pipeline.space["denoise.threshold"].allowed, pipeline.scenes[0].size
        ('[10, 10000]', (64, 96))
    """

    name = "libraw"
    packaging = isptune.Packaging(
        extra="raw",
        requires=("rawpy",),
        install="pip install -U 'rawpy>=0.24,!=0.28.0'",
        canary="isptune_libraw/canary.py",
    )
    # Raws without clipped highlights have nothing to rebuild.
    matter_in_some = ("highlights.mode", "highlights.rebuild_level", "exposure.preserve_highlights")
    # With more threads DHT gives another picture every time; candidates are made side by side instead.
    development = isptune.Development(workers=None, timeout=120.0, environment={"OMP_NUM_THREADS": "1"})

    def __init__(
        self,
        scenes: RawSource | Sequence[RawSource] | None = None,
        reference: Reference | Sequence[Reference] | None = None,
        crop: str | int | None = "auto",
        seed: int = 0,
        canary: bool = True,
    ) -> None:
        rawpy = _rawpy()
        self.canary = canary
        self.space = space()
        self.versions = {"rawpy": rawpy.__version__, "LibRaw": ".".join(map(str, rawpy.libraw_version))}
        self.take_raw_scenes(scenes, reference, crop, seed)

    def develop(self, values: dict[str, Any], scene: Scene) -> Tensor:
        """The picture (3, H, W) of one candidate, 16 bits deep, in [0, 1].

        Raises:
            RuntimeError: LibRaw refuses; one sentence says why.
        """
        rawpy = _rawpy()
        _use_one_thread(rawpy.__file__)
        view = view_of(scene)
        try:
            with rawpy.imread(BytesIO(dng_bytes(view.raw))) as raw:
                picture = raw.postprocess(**arguments(rawpy, values, view.raw.gains))
        except rawpy.LibRawError as error:
            reason = error.args[0] if error.args else ""
            reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
            raise RuntimeError(f"LibRaw refuses: {reason or type(error).__name__}") from None
        planes = torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, -1, 0)).astype(np.float32))
        return view.finished(planes / 65535).contiguous()


def _rawpy() -> Any:
    try:
        import rawpy
    except ImportError as error:
        raise MissingPackageError(
            "the pipeline 'libraw' needs the package rawpy; install it with pip install 'isptune[raw]'"
        ) from error
    if rawpy.__version__ in _BROKEN:
        raise ConfigurationError(
            f"rawpy {rawpy.__version__} corrupts memory where LibRaw reduces noise; install another release "
            "with pip install -U 'rawpy>=0.24,!=0.28.0'"
        )
    return rawpy


def _use_one_thread(module: str) -> None:
    """Let rawpy's own OpenMP library work with one thread in this thread, where the package brings one."""
    folder = Path(module).parent.parent / "rawpy.libs"
    for library in folder.glob("libgomp*"):
        ctypes.CDLL(str(library)).omp_set_num_threads(1)
