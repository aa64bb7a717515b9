"""Cameras to simulate: how strong their noise is, and how they see colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed


@dataclass(frozen=True, eq=False)
class Camera:
    """A kind of camera.

    Attributes:
        name: what ``camera_called`` takes.
        bits, black: of the sensor's numbers, in bits and DN.
        shot: shot noise at ISO 100: the variance of a value x in [0, 1] is ``shot * x + read``. It grows in
            proportion to the sensitivity.
        read: read noise at ISO 100, the part that is amplified: it grows with the square of the sensitivity.
        floor: read noise that is not amplified.
        matrix: (3, 3) CIE XYZ (D65) to camera RGB.
        vignetting: how much darker the corners are, as a share.
    """

    name: str
    bits: int
    black: int
    shot: float
    read: float
    floor: float
    matrix: NDArray[np.float64]
    vignetting: float

    @property
    def white(self) -> int:
        return 2**self.bits - 1

    def noise(self, iso: float) -> NDArray[np.float64]:
        """(3, 2) shot and read noise of red, green and blue at a sensitivity."""
        gain = iso / 100
        return np.tile([self.shot * gain, self.read * gain**2 + self.floor], (3, 1))


_PHONE = [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]]
_DSLR = [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.0970, 0.1581, 0.5181]]
_SECURITY = [[0.8380, -0.2630, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]]

# The phone's noise at ISO 1600 is that of Brooks et al. 2019 (shot 2.7e-3, read 8.3e-6). The others follow
# from the area of a pixel: some 20 times a phone's in a DSLR, as large in a security camera with a fast,
# noisy readout. Matrices of the same sizes as published ones of such cameras.
CAMERAS = (
    Camera("phone", 10, 64, 1.69e-4, 3.0e-8, 6.0e-7, np.array(_PHONE), 0.35),
    Camera("dslr", 14, 512, 9.0e-6, 2.0e-10, 2.0e-8, np.array(_DSLR), 0.15),
    Camera("security", 12, 240, 1.69e-4, 1.2e-7, 2.0e-6, np.array(_SECURITY), 0.25),
)


def camera_called(name: str) -> Camera:
    """The camera of that name.

    Raises:
        ConfigurationError: there is none.
    """
    names = [camera.name for camera in CAMERAS]
    if name not in names:
        raise ConfigurationError(
            f"the camera '{name}' is not known{did_you_mean(name, names)}; allowed: {listed(names)}"
        )
    return CAMERAS[names.index(name)]
