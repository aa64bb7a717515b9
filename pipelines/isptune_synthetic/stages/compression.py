"""Stages that compress: JPEG and JPEG 2000."""

from __future__ import annotations

import io
from dataclasses import replace

import torch
from torch import Tensor

from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.contracts.stage import per_sample
from isptune.errors import MissingPackageError
from isptune.stages.memory import room
from isptune.stages.strips import given_back
from isptune_synthetic import jpeg_codec
from isptune_synthetic.options import GRADIENTS, checked_choice
from isptune_synthetic.stages.base import SyntheticStage

_LOWEST_QUALITY = 4.0
_HIGHEST_RATIO = 170.0

# An accelerator gets at least this many pixels at a time, where there are as many.
_ACCELERATOR_PIXELS = 2**22

# As the reference does, up to eight resolutions, which is seven halvings: fewer for small pictures.
_RESOLUTIONS = 8
# The stand-in for the slope in the ratio is taken between ratios this much above and below it.
_RATIO_STEP = 1.1

# There is no smooth version of a coder that decides what to leave out.
_JPEG2000_GRADIENTS = ("none", "straight_through")


def jpeg(images: Tensor, loss: Tensor, *, gradient: str = "none", out: Tensor | None = None) -> Tensor:
    """Compress with JPEG, 4:2:0, at a quality of ``100 - l`` ("jpeg" of ARNIQA after KADID-10k).

    The result is that of libjpeg-turbo, to the last bit, which ``jpeg_codec`` computes in tensors: batched,
    on any device, with gradients where they are asked for. A quality need not be whole. The picture is
    rounded to 8 bits first; the reference code rounds it down, half a step too dark on average, where it
    has not come from 8 bits.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        loss: (N,), ``l``, 100 minus the quality, 0 to 96.
        gradient: ``"none"``; ``"straight_through"``, the same picture with the gradient that it would have
            if every rounding error were a constant; or ``"soft"``, coefficients rounded with a smooth
            staircase and no other rounding, an approximation with a true gradient.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``gradient`` is none of the three.

    Example:
        >>> import torch
        >>> jpeg(torch.rand(2, 3, 33, 48), torch.tensor([57.0, 96.0])).shape
        torch.Size([2, 3, 33, 48])
    """
    checked_choice("jpeg", "gradient", gradient, GRADIENTS)
    if gradient == "none":
        images, loss = images.detach(), loss.detach()
    quality = 100 - loss.double()
    if torch.is_grad_enabled() and (images.requires_grad or loss.requires_grad):
        result = jpeg_codec.compress(images, quality, gradient)
        return given_back(keep_identity(images, result, loss), out)
    if out is None:
        out = room(images.shape, images.dtype)
    on_cpu = images.device.type == "cpu"
    at_once = 1 if on_cpu else max(_ACCELERATOR_PIXELS // images[0, 0].numel(), 1)
    for first in range(0, images.shape[0], at_once):
        # A few samples at a time: the codec computes in float64 and needs memory for its steps.
        part = slice(first, first + at_once)
        if bool((loss[part] == 0).all()):
            if out[part].data_ptr() != images[part].data_ptr():
                out[part].copy_(images[part])
        elif on_cpu and gradient != "soft":
            jpeg_codec.compress_into(images[part], quality[part], out[part])
        else:
            result = jpeg_codec.compress(images[part], quality[part], gradient)
            out[part].copy_(keep_identity(images[part], result, loss[part]))
    return out


def jpeg2000(images: Tensor, ratio: Tensor, *, gradient: str = "none", out: Tensor | None = None) -> Tensor:
    """Compress with JPEG 2000 to a fixed share of the size ("jpeg2000" of ARNIQA after KADID-10k).

    OpenJPEG through Pillow, with the reference's settings: the reversible 5/3 wavelet, up to eight
    resolutions, one layer, channels coded one by one without a colour transform, the ratio counted from 8
    bits a channel. Ratios up to 1, and those that the picture reaches without loss, only round it to 8
    bits; the reference code rounds it down. Below 128 px to a side there are fewer resolutions, where the
    reference fails. The codec runs on the CPU, picture after picture.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        ratio: (N,) the size of the 8-bit picture over that of the file, 0 to 170; need not be whole.
        gradient: ``"none"``, or ``"straight_through"``: the same picture, with the gradient of the identity
            with respect to the images, and with respect to the ratio the difference quotient of pictures at
            ratios a tenth above and below it, which takes two more runs of the codec.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``gradient`` is none of the two.
        MissingPackageError: Pillow has been built without OpenJPEG.

    Example:
        >>> import torch
        >>> jpeg2000(torch.rand(1, 3, 64, 64), torch.tensor([32.0])).shape
        torch.Size([1, 3, 64, 64])
    """
    checked_choice("jpeg2000", "gradient", gradient, _JPEG2000_GRADIENTS)
    if gradient == "none":
        images, ratio = images.detach(), ratio.detach()
    ratios = ratio.detach().double().clamp_min(1).tolist()
    is_recorded = torch.is_grad_enabled() and (images.requires_grad or ratio.requires_grad)
    if out is None:
        coded = torch.empty_like(images, memory_format=torch.contiguous_format, requires_grad=False)
    else:
        coded = torch.empty_like(out) if is_recorded else out
    for index, at_zero in enumerate((ratio == 0).tolist()):
        image, target = images[index].detach(), coded[index]
        if not at_zero:
            target.copy_(_through_openjpeg(image, ratios[index]))
        elif target.data_ptr() != image.data_ptr():
            target.copy_(image)
    if not is_recorded:
        return coded
    result = coded + (images - images.detach())
    if ratio.requires_grad:
        slopes = [_slope(image, own) for image, own in zip(images.detach(), ratios, strict=True)]
        result = result + torch.stack(slopes) * per_sample(ratio - ratio.detach(), images)
    return given_back(result, out)


def _slope(image: Tensor, ratio: float) -> Tensor:
    above, below = ratio * _RATIO_STEP, max(ratio / _RATIO_STEP, 1.0)
    return (_through_openjpeg(image, above) - _through_openjpeg(image, below)) / (above - below)


def _through_openjpeg(image: Tensor, ratio: float) -> Tensor:
    """(3, H, W) in [0, 1], of the image's type and device."""
    import numpy
    from PIL import Image, features

    if not features.check("jpg_2000"):
        raise MissingPackageError(
            "the stage 'jpeg2000' needs a Pillow with OpenJPEG, which the installed one lacks: "
            "'pip install --force-reinstall pillow' installs one that has it"
        )
    samples = jpeg_codec.to_samples(image).byte().permute(1, 2, 0).contiguous().cpu().numpy()
    file = io.BytesIO()
    Image.fromarray(samples).save(
        file,
        format="JPEG2000",
        quality_mode="rates",
        quality_layers=[ratio],
        num_resolutions=min(_RESOLUTIONS, min(samples.shape[:2]).bit_length()),
        irreversible=False,
        mct=0,
    )
    with Image.open(file) as decoded:
        samples = numpy.array(decoded)
    return torch.from_numpy(samples).to(image.device).permute(2, 0, 1).to(image.dtype).div_(255)


class JPEG(SyntheticStage):
    """JPEG compression; the level is 100 minus the quality, 0 to 96.

    Args:
        gradient: ``"none"``, ``"straight_through"`` or ``"soft"``; see ``jpeg``. With either of the last
            two gradients flow, and ``is_differentiable`` is True; those of ``"soft"`` are true.
    """

    is_differentiable = False
    family = "compression"
    level_range = (0.0, 100 - _LOWEST_QUALITY)
    reference_range = (_LOWEST_QUALITY, 99.0)
    parameter_name = "compression"
    memory = Memory(images=1.8, images_with_gradients=34.0)

    def __init__(self, *, gradient: str = "none") -> None:
        super().__init__()
        self.gradient = checked_choice("jpeg", "gradient", gradient, GRADIENTS)
        self.is_differentiable = self.gradient != "none"
        if self.gradient == "soft":
            self.memory = replace(self.memory, images=11.0)

    def _level_of(self, value: float) -> float:
        return 100 - value

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return jpeg(images, level, gradient=self.gradient, out=out)


class JPEG2000(SyntheticStage):
    """JPEG 2000 compression; the level is how many times smaller the file is, 0 to 170.

    Args:
        gradient: ``"none"`` or ``"straight_through"``; see ``jpeg2000``. With the last gradients flow, and
            ``is_differentiable`` is True, but they are stand-ins.
    """

    is_differentiable = False
    family = "compression"
    level_range = (0.0, _HIGHEST_RATIO)
    reference_range = (1.0, _HIGHEST_RATIO)
    parameter_name = "compression_ratio"
    memory = Memory(images=6.0, images_with_gradients=12.0)

    def __init__(self, *, gradient: str = "none") -> None:
        super().__init__()
        self.gradient = checked_choice("jpeg2000", "gradient", gradient, _JPEG2000_GRADIENTS)
        self.is_differentiable = self.gradient != "none"

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return jpeg2000(images, level, gradient=self.gradient, out=out)
