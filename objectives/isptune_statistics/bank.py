"""A bank of no-reference measures: images in, one row of named columns per image out.

A context for learned objectives: plain statistics at native resolution, which need no weights, and any
registered objective beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

import isptune
from isptune.contracts.judge import scores_no_pictures
from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError
from isptune.plugins.checkpoints import MissingCheckpointError
from isptune.wording.naming import did_you_mean, listed
from isptune_statistics import functional, structure, tones
from isptune_statistics.natural_scenes import (
    FEATURES,
    SMALLEST,
    coefficients_of,
    luma_255,
    plane_features,
)
from isptune_statistics.niqe import PristineModel, distance_of_planes, load_pristine

# What every column says of quality when it grows: +1 better, -1 worse, 0 neither (too little of it is as
# bad as too much, or it is a property of the scene). -1 also stands where only the growth of a defect is
# meant: blur lowers noise-level and overshoot too.
ORIENTATION: Mapping[str, int] = MappingProxyType(
    {
        "niqe-distance": -1,
        "nss-shape-1": 0,
        "nss-variance-1": 0,
        "nss-shape-2": 0,
        "nss-variance-2": 0,
        "nss-asymmetry": 0,
        "sharpness": +1,
        "detail-1": 0,
        "detail-2": +1,
        "detail-3": +1,
        "detail-4": 0,
        "noise-level": -1,
        "overshoot": -1,
        "blockiness": -1,
        "contrast": +1,
        "luma-entropy": +1,
        "mean-luma": 0,
        "underexposed": -1,
        "overexposed": -1,
        "clipping": -1,
        "exposure": +1,
        "saturation": 0,
        "colourfulness": +1,
        "colour-cast": -1,
    }
)
DEFAULT: tuple[str, ...] = tuple(ORIENTATION)

# Of the images, and of their luma.
_OF_LUMA: dict[str, Callable[..., Tensor]] = {
    "blockiness": structure.blockiness,
    "luma-entropy": tones.luma_entropy,
    "mean-luma": tones.mean_luma,
    "underexposed": tones.underexposed,
    "overexposed": tones.overexposed,
}
_PLAIN: dict[str, Callable[[Tensor], Tensor]] = {
    "noise-level": functional.noise_level,
    "contrast": functional.contrast,
    "clipping": functional.clipping,
    "exposure": functional.exposure,
    "saturation": tones.saturation,
    "colourfulness": functional.colourfulness,
    "colour-cast": tones.colour_cast,
}
_DETAIL = tuple(f"detail-{octave + 1}" for octave in range(structure.OCTAVES))
_SCENE = tuple(name for name in DEFAULT if name.startswith(("nss-", "niqe-")))
_MEANS = tuple(i for i, name in enumerate(FEATURES) if "-mean-" in name)
_KEYS = ("objective", "options", "label")
# Images are worked on together up to so many pixels: a photograph of 4K alone, small renderings by the score.
_PIXELS_TOGETHER = 1 << 22

Metric = str | Mapping[str, Any]


class MetricBank:
    """Named measures of images, all computed in one call, without gradients.

    Args:
        metrics: columns of the bank by name (``DEFAULT`` and ``ORIENTATION`` list them), any registered
            objective by name, or mappings with ``objective``, ``options`` and ``label``. The bank's own
            columns go before objectives of the same name, which give the same values. A vector-valued
            objective gives one column per label, ``NAME:LABEL``.
        device: where to compute; the images' own device if left out.
        pristine: a pristine model of your own for ``niqe-distance``.
        compiled: as in ``isptune_statistics.natural_scenes.mscn``, of the columns that rest on it.

    Attributes:
        names: the K columns.
        orientation: of each column, +1 (higher is better), -1 or 0, as in ``ORIENTATION``; an objective's own
            for its score, 0 for the columns of a vector.
        memory: what one image needs at most, objectives by name included.

    Raises:
        ConfigurationError: no metrics, one name twice, a wrong mapping, an objective that needs a reference.
        UnknownNameError: neither a column nor an objective.

    Columns, all of the values as they are stored, at native resolution:

    - ``niqe-distance``: ``isptune_statistics.niqe.niqe_distance``.
    - ``nss-shape-1``, ``-variance-1``, ``-shape-2``, ``-variance-2``: the generalised Gaussian of the MSCN
      coefficients at two scales; ``nss-asymmetry``: the mean of the eight fitted means of their products.
    - ``detail-1`` (finest) to ``detail-4``: ``isptune_statistics.structure.octave_sharpness``.
    - ``overshoot``, ``blockiness``: the functions of ``isptune_statistics.structure``.
    - ``luma-entropy``, ``mean-luma``, ``underexposed``, ``overexposed``, ``saturation``, ``colour-cast``:
      those of ``isptune_statistics.tones``.
    - ``sharpness``, ``noise-level``, ``contrast``, ``clipping``, ``exposure``, ``colourfulness``: the
      objectives of these names.

    Example:
        >>> import torch
        >>> bank = MetricBank(["contrast", {"objective": "clipping", "options": {"margin": 0.01}}])
        >>> bank.names, bank(torch.rand(2, 3, 48, 64)).shape
        (('contrast', 'clipping'), torch.Size([2, 2]))
    """

    def __init__(
        self,
        metrics: Iterable[Metric] | None = None,
        device: torch.device | str | None = None,
        pristine: PristineModel | None = None,
        compiled: bool = False,
    ) -> None:
        if isinstance(metrics, (str, Mapping)):
            metrics = [metrics]
        self.compiled = compiled
        self._own: list[str] = []
        self._objectives: list[tuple[tuple[str, ...], Objective]] = []
        names: list[str] = []
        orientation: list[int] = []
        columns: tuple[str, ...]
        signs: Sequence[int]
        for metric in DEFAULT if metrics is None else metrics:
            if isinstance(metric, str) and metric in ORIENTATION:
                columns, signs = (metric,), (ORIENTATION[metric],)
                self._own.append(metric)
            else:
                columns, signs, objective = _read(metric)
                self._objectives.append((columns, objective))
            names += columns
            orientation += signs
        if not names:
            raise ConfigurationError("a metric bank without metrics; name at least one")
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(
                    f"the metric bank has two columns '{name}'; give one of them a label of its own, as in "
                    f"{{objective: {name}, label: {name}-2}}"
                )
        self.names: tuple[str, ...] = tuple(names)
        self.orientation: tuple[int, ...] = tuple(orientation)
        needs = [objective.memory for _, objective in self._objectives]
        self.memory = Memory(
            images=max([8.0, *(one.images for one in needs)]), bytes=max([0.0, *(one.bytes for one in needs)])
        )
        self.device: torch.device | None = None
        self._pristine = pristine or (load_pristine() if "niqe-distance" in self._own else None)
        if device is not None:
            self.to(device)

    @property
    def has_objectives(self) -> bool:
        """Whether columns come from objectives by name, beside those of the bank itself."""
        return bool(self._objectives)

    def to(self, device: torch.device | str) -> MetricBank:
        """Compute on another device from now on; the bank itself is returned."""
        self.device = torch.device(device)
        if self._pristine is not None:
            self._pristine = self._pristine.to(self.device)
        for _, objective in self._objectives:
            objective.to(self.device)
        return self

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """All columns of a batch.

        Args:
            images: (N, 3, H, W) RGB in [0, 1], H and W at least 32.

        Returns:
            (N, K) float32, in the order of ``names``, on the bank's device (the images', if it has none). A
            row does not depend on the other images.

        Raises:
            ConfigurationError: the images are of another shape or type, or too small.
        """
        images = check_bank_images(images.detach(), "the metric bank")
        if self.device is not None:
            images = images.to(self.device)
        height, width = images.shape[-2:]
        together = max(1, _PIXELS_TOGETHER // (height * width))
        rows = [self._rows(part) for part in images.split(together)] if len(images) else []
        return torch.cat(rows) if rows else images.new_zeros(0, len(self.names), dtype=torch.float32)

    def _rows(self, images: Tensor) -> Tensor:
        columns = self._own_columns(images)
        for names, objective in self._objectives:
            if objective.labels:
                columns.update(zip(names, objective.scores(images).unbind(dim=1), strict=True))
            else:
                columns[names[0]] = objective.score(images)
        return torch.stack([columns[name].to(images.device, torch.float32) for name in self.names], dim=1)

    def _own_columns(self, images: Tensor) -> dict[str, Tensor]:
        """The asked-for columns of the bank's own; what several share is computed once."""
        wanted = set(self._own)
        columns = {name: function(images) for name, function in _PLAIN.items() if name in wanted}
        if "sharpness" in wanted:
            columns["sharpness"] = functional.sharpness(images, self.compiled)
        luma = luma_255(images) if wanted.intersection(("overshoot", *_OF_LUMA, *_DETAIL, *_SCENE)) else None
        columns.update({name: one(images, luma=luma) for name, one in _OF_LUMA.items() if name in wanted})
        if "overshoot" in wanted:
            columns["overshoot"] = structure.overshoot(images, luma=luma, compiled=self.compiled)
        if wanted.intersection(_DETAIL):
            octaves = structure.octave_sharpness(images, luma)
            columns.update(zip(_DETAIL, octaves.unbind(dim=1), strict=True))
        if wanted.intersection(_SCENE):
            planes = list(coefficients_of(images, self.compiled, luma))
            if wanted.intersection(_SCENE[1:]):
                features = torch.cat([plane_features(plane, self.compiled) for plane, _ in planes], dim=-1)
                for scale in (1, 2):
                    for parameter in ("shape", "variance"):
                        columns[f"nss-{parameter}-{scale}"] = features[
                            :, FEATURES.index(f"{parameter}-{scale}")
                        ]
                columns["nss-asymmetry"] = features[:, _MEANS].mean(dim=1)
            if self._pristine is not None:
                columns["niqe-distance"] = distance_of_planes(planes, self._pristine, self.compiled)
        return columns


def check_bank_images(images: Tensor, name: str) -> Tensor:
    """The batch itself, refused where it is no batch of images or where they are below 32 px."""
    images = check_images(images, name)
    if min(images.shape[-2:]) < SMALLEST:
        raise ConfigurationError(
            f"'{name}' needs images of at least {SMALLEST} px on each side, "
            f"got {images.shape[-1]}x{images.shape[-2]}"
        )
    return images


def _read(metric: Any) -> tuple[tuple[str, ...], Sequence[int], Objective]:
    """The columns, their orientation and the objective of an entry that is not one of the bank's columns."""
    entry = {"objective": metric} if isinstance(metric, str) else metric
    if not isinstance(entry, Mapping) or not isinstance(entry.get("objective"), str):
        raise ConfigurationError(
            f"a metric of the bank is {metric!r}; allowed: a name, or a mapping with the key 'objective', "
            "such as {objective: clipiqa, options: {...}}"
        )
    for key in entry:
        if key not in _KEYS:
            raise ConfigurationError(
                f"the metric '{entry['objective']}' of the bank has no key '{key}'"
                + (did_you_mean(str(key), _KEYS) or f"; its keys: {listed(_KEYS)}")
            )
    name, options = entry["objective"], entry.get("options") or {}
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"the options of the metric '{name}' are {options!r}; allowed: a mapping")
    try:
        objective = isptune.create_objective(name, **options)
    except MissingCheckpointError as error:
        raise error.elsewhere(f"metrics=[{{objective: {name}, options: {{checkpoint: FOLDER}}}}]") from error
    if objective.is_judge:
        raise scores_no_pictures(name)
    if objective.needs_reference:
        raise ConfigurationError(
            f"the objective '{name}' needs a reference image, which a metric bank does not have"
        )
    label = str(entry.get("label", name))
    if objective.labels:
        return tuple(f"{label}:{one}" for one in objective.labels), (0,) * len(objective.labels), objective
    return (label,), (1 if objective.higher_is_better else -1,), objective
