"""Kornia's correction of lens distortion."""

from __future__ import annotations

import torch
from kornia.geometry.calibration import undistort_image
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune.contracts.stage import Stage
from isptune.parameters import Float


class UndistortImage(Stage):
    """Takes a lens's radial distortion away, by bilinear interpolation; black where nothing was seen.

    The focal length is the longer side and the principal point the centre.
    """

    memory = Memory(images=6.0, images_with_gradients=12.0)
    k1 = Float(
        -0.3, 0.3, default=0.0, description="the coefficient of the radius squared; below 0 is a barrel"
    )
    k2 = Float(-0.1, 0.1, default=0.0, description="the coefficient of the radius to the fourth power")

    def forward(self, images: Tensor, k1: Tensor, k2: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        focal = float(max(height, width))
        rows = [[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]]
        cameras = images.new_tensor(rows).expand(len(images), -1, -1)
        zeros = torch.zeros_like(k1)
        coefficients = torch.stack((k1, k2, zeros, zeros), dim=1).to(images)
        return undistort_image(images, cameras, coefficients).clamp(0, 1)
