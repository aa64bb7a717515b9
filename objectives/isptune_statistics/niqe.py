"""The distance of an image's natural-scene statistics from those of good photographs (NIQE).

A. Mittal, R. Soundararajan, A. C. Bovik, "Making a 'completely blind' image quality analyzer", IEEE Signal
Processing Letters 20(3), 2013. Features are those of ``isptune_statistics.natural_scenes``, patch by patch.
The pristine model that is shipped is our own; ``isptune_statistics.pristine`` fits it and says from what.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.storage.paths import user_path
from isptune_statistics.natural_scenes import FEATURES, coefficients_of, plane_features

PATCH = 96
# Patch sizes in order of preference: even, so that half a patch is whole at the second scale.
PATCHES = (PATCH, 64, 48, 32, 24, 16)
FEWEST_PATCHES = 4
SHIPPED = "pristine.safetensors"


@dataclass(frozen=True)
class PristineModel:
    """A multivariate normal distribution of patch features.

    Attributes:
        mean: (36,) float64.
        covariance: (36, 36) float64, positive definite.
        facts: what it was fitted from, as text.
    """

    mean: Tensor
    covariance: Tensor
    facts: Mapping[str, str] = field(default_factory=dict)

    def to(self, device: torch.device | str) -> PristineModel:
        """The same model on another device."""
        return PristineModel(self.mean.to(device), self.covariance.to(device), self.facts)


def patch_size(height: int, width: int) -> int:
    """Side of the patches of an image: 96 px, or the largest smaller one of which four fit, at least 16."""
    for side in PATCHES:
        if (height // side) * (width // side) >= FEWEST_PATCHES:
            return side
    return PATCHES[-1]


def blocks_of(planes: list[tuple[Tensor, Tensor]], side: int) -> list[tuple[Tensor, Tensor]]:
    """Coefficients and deviations of every scale, cut into patches of ``side`` px of the first scale.

    The grid is centred; what it leaves over at the borders, less than a patch in all, is not used.

    Args:
        planes: what ``coefficients_of`` yields.
        side: even.

    Returns:
        For each scale, two tensors (N, P, side', side') with side' halved from scale to scale.
    """
    height, width = planes[0][0].shape[-2:]
    rows, columns = height // side, width // side
    # Even offsets stay whole at the second scale.
    top, left = ((rest // 4) * 2 for rest in (height - rows * side, width - columns * side))
    blocks = []
    for scale, pair in enumerate(planes):
        divisor = 2**scale
        length = side // divisor
        blocks.append(
            tuple(
                plane[..., top // divisor :, left // divisor :][..., : rows * length, : columns * length]
                .reshape(-1, rows, length, columns, length)
                .transpose(2, 3)
                .reshape(-1, rows * columns, length, length)
                for plane in pair
            )
        )
    return blocks  # type: ignore[return-value]


def patch_features(
    planes: list[tuple[Tensor, Tensor]], side: int, compiled: bool = False
) -> tuple[Tensor, Tensor]:
    """(N, P, 36) features of every patch, and (N, P) sharpness: the mean local deviation of luma."""
    blocks = blocks_of(planes, side)
    features = torch.cat([plane_features(coefficients, compiled) for coefficients, _ in blocks], dim=-1)
    return features, blocks[0][1].mean(dim=(-2, -1))


def distance_of_planes(
    planes: list[tuple[Tensor, Tensor]], model: PristineModel, compiled: bool = False
) -> Tensor:
    """``niqe_distance`` from coefficients that are already there: see ``coefficients_of``."""
    features, _ = patch_features(planes, patch_size(*planes[0][0].shape[-2:]), compiled)
    mean = features.mean(dim=1)
    centred = features - mean.unsqueeze(1)
    covariance = centred.transpose(1, 2) @ centred / (features.shape[1] - 1)
    model = model.to(features.device)
    difference = (mean - model.mean).unsqueeze(-1)
    solved = torch.linalg.solve((covariance + model.covariance) / 2, difference)
    return (difference * solved).sum(dim=(1, 2)).clamp(min=0).sqrt()


def niqe_distance(images: Tensor, model: PristineModel | None = None, compiled: bool = False) -> Tensor:
    """Distance between the normal distribution of an image's patch features and the pristine one.

    ``sqrt((m - m0)^T ((S + S0) / 2)^-1 (m - m0))`` (equation 10) with mean and covariance over all whole
    patches of the image and those of the model. Patches are ``patch_size`` on a side: 96 px, as in the paper,
    wherever four of them fit (192 x 192 px, or longer), and less in smaller images. Features of smaller
    patches scatter more, so distances of images of different sizes compare only from 192 px on. Sharp
    patches are selected for the model alone, as in the paper.

    Args:
        images: (N, 3, H, W) in [0, 1], H and W at least 32.
        model: the pristine model; the shipped one if left out.
        compiled: as in ``natural_scenes.mscn``.

    Returns:
        (N,) float64, at least 0, lower is more natural.
    """
    if not len(images):
        return images.new_zeros(0, dtype=torch.float64)
    return distance_of_planes(list(coefficients_of(images, compiled)), model or load_pristine(), compiled)


def load_pristine(path: str | Path | None = None) -> PristineModel:
    """The pristine model of a file, or the shipped one.

    The file is a safetensors file of float64 ``mean`` (36,) and ``covariance`` (36, 36). It is read here, in
    a few lines, since the statistics need no further package.

    Raises:
        ConfigurationError: there is no such file, or it is not a pristine model.
    """
    if path is None:
        data = resources.files("isptune_statistics").joinpath(SHIPPED).read_bytes()
    else:
        try:
            data = user_path(path).read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"the pristine model '{path}' cannot be read: {error.strerror or error}"
            ) from error
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        mean, covariance = (
            _tensor(data[8 + length :], header[name], shape)
            for name, shape in (("mean", (len(FEATURES),)), ("covariance", (len(FEATURES), len(FEATURES))))
        )
        torch.linalg.cholesky(covariance)
    except (ValueError, KeyError, TypeError, struct.error, RuntimeError) as error:
        raise ConfigurationError(
            f"'{path or SHIPPED}' is not a pristine model; make one with "
            "python -m isptune_statistics.pristine PHOTOGRAPHS --out FILE"
        ) from error
    return PristineModel(mean, covariance, header.get("__metadata__", {}))


def save_pristine(model: PristineModel, path: str | Path) -> Path:
    """Write a model as safetensors: float64, the facts as metadata, the same bytes for the same model."""
    arrays = {"covariance": model.covariance, "mean": model.mean}
    header: dict[str, object] = {"__metadata__": dict(sorted(model.facts.items()))}
    body = b""
    for name, tensor in arrays.items():
        raw = tensor.detach().cpu().to(torch.float64).contiguous().numpy().astype("<f8").tobytes()
        header[name] = {
            "dtype": "F64",
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = Path(path)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def fit_pristine(features: Tensor, facts: Mapping[str, str] | None = None) -> PristineModel:
    """Mean and covariance of (P, 36) patch features of good photographs.

    Raises:
        ConfigurationError: too few or too uniform patches for a covariance that can be inverted.
    """
    mean = features.mean(dim=0)
    centred = features - mean
    covariance = centred.T @ centred / max(1, len(features) - 1)
    if len(features) <= len(FEATURES) or torch.linalg.cholesky_ex(covariance).info:
        raise ConfigurationError(
            f"{len(features)} patches do not make a pristine model of {len(FEATURES)} features; give more "
            "and larger photographs"
        )
    return PristineModel(mean, covariance, dict(facts or {}))


def _tensor(body: bytes, entry: Mapping[str, Any], shape: tuple[int, ...]) -> Tensor:
    start, end = entry["data_offsets"]
    if entry["dtype"] != "F64" or tuple(entry["shape"]) != shape or not 0 <= start <= end <= len(body):
        raise ValueError("another dtype or shape")
    values = np.frombuffer(body[start:end], dtype="<f8").astype(np.float64).reshape(shape)
    if not np.isfinite(values).all():
        raise ValueError("not finite")
    return torch.from_numpy(values)
