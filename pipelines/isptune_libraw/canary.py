"""Whether the installed rawpy reduces noise: what ``isptune doctor`` runs in a process of its own.

Run as a script, so that neither isptune nor torch is imported. It ends with exit code 0 where all is well,
and else by a signal, or with what is wrong as its last line.
"""

from __future__ import annotations

import sys
from io import BytesIO

import numpy as np
import rawpy
import tifffile

# LibRaw's wavelets leave pictures of 128 pixels or less on a side as they are.
SIDE = 160
WHITE, GREY, NOISE = 4095, 1200, 120
# Noise that is reduced has less than three quarters of its spread.
SMOOTHER = 0.75


def noisy() -> bytes:
    """A DNG of a grey field with noise."""
    noise = np.random.default_rng(0).normal(GREY, NOISE, (SIDE, SIDE))
    file = BytesIO()
    tags = [
        (33421, 3, 2, (2, 2)),
        (33422, 1, 4, bytes((0, 1, 1, 2))),
        (50706, 1, 4, bytes((1, 4, 0, 0))),
        (50708, 2, 0, "canary of isptune"),
        (50717, 4, 1, WHITE),
        (50721, 10, 9, tuple(int(one) for row in np.eye(3) for value in row for one in (value, 1))),
        (50728, 5, 3, (1, 1) * 3),
    ]
    tifffile.imwrite(
        file,
        noise.clip(0, WHITE).astype(np.uint16),
        photometric=32803,
        metadata=None,
        extratags=[(code, kind, count, value, True) for code, kind, count, value in tags],
    )
    return file.getvalue()


def developed(data: bytes, threshold: float) -> np.ndarray:
    """The middle of the picture, linear, with this ``noise_thr``."""
    with rawpy.imread(BytesIO(data)) as raw:
        picture = raw.postprocess(
            noise_thr=threshold,
            output_bps=16,
            gamma=(1, 1),
            no_auto_bright=True,
            user_wb=[1, 1, 1, 1],
            output_color=rawpy.ColorSpace.raw,
            demosaic_algorithm=rawpy.DemosaicAlgorithm.LINEAR,
        )
    return np.asarray(picture[16:-16, 16:-16], dtype=float)


def main() -> None:
    data = noisy()
    as_it_is, smooth = developed(data, 0.0), developed(data, 1000.0)
    for picture in (as_it_is, smooth):
        if not abs(picture.mean() / 65535 * WHITE / GREY - 1) < 0.1:
            sys.exit("a grey field comes out with another brightness")
    if not smooth.std() < SMOOTHER * as_it_is.std():
        sys.exit("noise_thr does not reduce noise")
    # Memory that is not its own may have been written over without an end at once.
    for _ in range(3):
        if not np.array_equal(developed(data, 1000.0), smooth):
            sys.exit("noise_thr gives another picture every time")


if __name__ == "__main__":
    main()
