"""The contract of a scene: what a pipeline renders."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.errors import ConfigurationError


@dataclass(eq=False, repr=False)
class Scene:
    """One thing that a pipeline renders: a picture, a raw file, a slot of a device.

    Attributes:
        name: where it comes from, for messages and captions.
        size: (height, width) of the result in pixels.
        reference: (3, H, W) RGB in [0, 1] of that size, what a result is compared with; None where nobody
            has such a picture.
        payload: what the pipeline renders; the pipeline alone looks into it.
        index: its place among the pipeline's scenes, from which its noise is seeded.
        source: where it came from, as plain data: ``file``, ``chart`` or ``tensor``, and ``crop``.
        conditions: what it was taken under, where that is known: ``iso``, a number, and ``illuminant``, a
            text such as ``"D65"``.
        charts: the test charts that it shows, on which some objectives measure.

    Raises:
        ConfigurationError: a size that is none, or a reference of another size.

    Example:
        >>> Scene("night.dng", (480, 640), payload=Path("night.dng")).width
        640
    """

    name: str
    size: tuple[int, int]
    reference: Tensor | None = None
    payload: Any = None
    index: int = 0
    source: dict[str, Any] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.size, tuple) or len(self.size) != 2 or not all(map(_is_length, self.size)):
            given = f"a {type(self.size).__name__}" if isinstance(self.size, Tensor) else repr(self.size)
            raise ConfigurationError(
                f"the size of the scene '{self.name}' is {given}; allowed: height and width in pixels, "
                "such as (480, 640); Scene.of_picture makes a scene of a picture"
            )
        if self.reference is not None and tuple(self.reference.shape) != (3, *self.size):
            raise ConfigurationError(
                f"the reference of the scene '{self.name}' has the shape {tuple(self.reference.shape)}; "
                f"needed: {(3, *self.size)}, the size of its result"
            )

    def __repr__(self) -> str:
        return f"Scene({self.name!r}, {self.width}x{self.height}, index={self.index})"

    @classmethod
    def of_picture(
        cls,
        name: str,
        picture: Tensor,
        *,
        reference: Tensor | None = None,
        index: int = 0,
        source: dict[str, Any] | None = None,
        conditions: Mapping[str, Any] | None = None,
        charts: tuple[Chart, ...] = (),
    ) -> Scene:
        """A scene whose payload is a picture (3, H, W), which is also its reference if no other is given."""
        height, width = picture.shape[-2:]
        reference = picture if reference is None else reference
        size, under = (int(height), int(width)), dict(conditions or {})
        return cls(name, size, reference, picture, index, source or {}, under, charts)

    @property
    def height(self) -> int:
        return self.size[0]

    @property
    def width(self) -> int:
        return self.size[1]

    def to(self, device: torch.device | str) -> Scene:
        """Move the reference, and a payload that is a tensor, to a device; gives the scene itself."""
        same = self.payload is self.reference
        if self.reference is not None:
            self.reference = self.reference.to(device)
        if isinstance(self.payload, Tensor):
            self.payload = self.reference if same else self.payload.to(device)
        return self

    def digest(self) -> str | None:
        """A short digest of what it holds, by which a resumed run sees that a scene has changed.

        Tensors, arrays, bytes, text, numbers, the content of files, and lists and mappings of these have
        one; None where something else is among them. Charts count where a file described them.
        """
        alone = self.reference is None or self.payload is self.reference
        held = self.payload if alone else [self.payload, self.reference]
        described = [chart.to_dict() for chart in self.charts if chart.file is not None]
        held = [held, described] if described else held
        sha = hashlib.sha256()
        return sha.hexdigest()[:16] if _feed(sha, held) else None


def _is_length(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _feed(sha: Any, value: Any) -> bool:
    """Add a value to a digest; False where it is of no kind that has one."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        # NumPy has no such type.
        value = (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).numpy()
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return False
        array = np.ascontiguousarray(value)
        sha.update(repr(array.shape).encode() + array.tobytes())
        return True
    if isinstance(value, Path):
        try:
            with open(value, "rb") as file:
                sha.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            return False
        return True
    if isinstance(value, (str, bytes, int, float, bool, type(None), np.generic)):
        sha.update(repr(value).encode())
        return True
    if isinstance(value, Mapping):
        sha.update(f"mapping {len(value)}".encode())
        return all(_feed(sha, key) and _feed(sha, entry) for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        sha.update(f"list {len(value)}".encode())
        return all(_feed(sha, entry) for entry in value)
    return False
