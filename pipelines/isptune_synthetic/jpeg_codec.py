"""What a picture looks like after JPEG: the lossy steps of libjpeg-turbo in tensors, to the last bit.

Baseline JPEG (ITU-T T.81) as libjpeg-turbo does it by default, which Pillow and torchvision use: 8-bit
samples, Y'CbCr of JFIF, chroma at half the resolution in both directions ("4:2:0"), the Annex K tables
scaled by the quality, the accurate integer transforms, smooth ("fancy") enlargement of the chroma. Entropy
coding loses nothing and is left out.

libjpeg computes in whole numbers with a fixed number of binary places, and rounds at every step. All of
those numbers have less than 53 bits, so the same steps in float64, as products with matrices of whole
numbers, are exact: no matter how a library orders a sum, on which device, or in how large a batch. One
coefficient rounded the other way would change a whole block at low qualities.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from isptune_synthetic.rounding import rounded

# Tables K.1 (luma) and K.2 (chroma) of ITU-T T.81.
_BASE_TABLES = (
    (
        (16, 11, 10, 16, 24, 40, 51, 61),
        (12, 12, 14, 19, 26, 58, 60, 55),
        (14, 13, 16, 24, 40, 57, 69, 56),
        (14, 17, 22, 29, 51, 87, 80, 62),
        (18, 22, 37, 56, 68, 109, 103, 77),
        (24, 35, 55, 64, 81, 104, 113, 92),
        (49, 64, 78, 87, 103, 121, 120, 101),
        (72, 92, 95, 98, 112, 100, 103, 99),
    ),
    (
        (17, 18, 24, 47, 99, 99, 99, 99),
        (18, 21, 26, 66, 99, 99, 99, 99),
        (24, 26, 56, 99, 99, 99, 99, 99),
        (47, 66, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
        (99, 99, 99, 99, 99, 99, 99, 99),
    ),
)

# The discrete cosine transform times sqrt(8) with 13 binary places. libjpeg's factored form (Loeffler,
# Ligtenberg and Moschytz, 1989) multiplies with sums of rounded constants: written out as a matrix, some
# entries are one unit off the rounded cosines.
_COSINES = (
    (8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260, -2260, -6437, -9633, -11363),
    (10703, 4433, -4433, -10703, -10703, -4433, 4433, 10703),
    (9633, -2259, -11362, -6436, 6436, 11362, 2259, -9633),
    (8192, -8192, -8192, 8192, 8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633, -9633, -2261, 11362, -6437),
    (4433, -10704, 10704, -4433, -4433, 10704, -10704, 4433),
    (2260, -6436, 9633, -11363, 11363, -9633, 6436, -2260),
)
# How many binary places the four passes drop: rows and columns forward, columns and rows back.
_FORWARD_ROWS, _FORWARD_COLUMNS, _BACK_COLUMNS, _BACK_ROWS = 2.0**-11, 2.0**-15, 2.0**-11, 2.0**-18

# Colour conversion with 16 binary places.
_TO_YCBCR = ((19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329))
_FROM_YCBCR = ((65536, 0, 91881), (65536, -22554, -46802), (65536, 116130, 0))
_COLOUR = 2.0**-16

# What the forward transform's result is larger by than the coefficients.
_TRANSFORM_GAIN = 8

# Half-way cases are rounded away from zero. Made larger by this share, which for coefficients below 2 ** 15
# reaches no other case, they are on that side of the half before they are rounded.
_AWAY_FROM_ZERO = 1 + 2.0**-17

# Pixels of a strip for each thread: half a dozen planes of float64 stay in the cache.
_PIXELS_PER_THREAD = 32768

_BLOCK = 8
#: Rows and columns of the picture that are coded together; strips of whole units are coded independently.
UNIT = 16


def quantisation_tables(quality: Tensor, gradient: str = "none") -> Tensor:
    """The step sizes of the coefficients: ``quality`` scales the tables of Annex K as in libjpeg.

    The scale in per cent is ``5000 / q`` below a quality of 50 and ``200 - 2 q`` from there on, rounded
    down; steps are whole numbers from 1 to 255. A quality between two whole numbers has its own scale.

    Args:
        quality: (N,), 1 to 100.
        gradient: see ``compress``; with ``"soft"`` neither the scale nor the steps are rounded.

    Returns:
        (N, 2, 8, 8) in float64: luma and chroma.
    """
    quality = quality.double()
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    scale = _whole(scale, gradient, lowered=0.5)
    steps = quality.new_tensor(_BASE_TABLES) * scale.reshape(-1, 1, 1, 1) / 100
    return _whole(steps, gradient).clamp(1, 255)


def to_samples(images: Tensor, gradient: str = "none") -> Tensor:
    """Pictures in [0, 1] as 8-bit samples: float64 whole numbers from 0 to 255 (not whole if ``"soft"``)."""
    # The products of float32 numbers with 255 are exact here: values next to a half go to the same side
    # whatever the type of the picture.
    return _whole(images.double() * 255, gradient)


def code_planes(samples: Tensor, tables: Tensor, gradient: str = "none") -> tuple[Tensor, Tensor]:
    """Encode and decode the planes of pictures, or of strips of them that begin and end at a ``UNIT``.

    Args:
        samples: (N, 3, H, W) RGB in [0, 255], float64.
        tables: (N, 2, 8, 8) step sizes.
        gradient: see ``compress``.

    Returns:
        luma (N, 1, H, W) and chroma (N, 2, ceil(H / 2), ceil(W / 2)) in [0, 255].
    """
    height, width = samples.shape[-2:]
    luma, chroma = _to_ycbcr(samples, gradient)
    half_height, half_width = -(-height // 2), -(-width // 2)
    # As in libjpeg the colours are continued to the right before they are halved, to the bottom after it.
    chroma = _halved(_continued(chroma, -height % 2, -width % UNIT), gradient)
    chroma = _continued(chroma, -half_height % _BLOCK, 0)
    luma = _continued(luma, -height % _BLOCK, -width % _BLOCK)
    luma = _code_blocks(luma, tables[:, :1], gradient)
    chroma = _code_blocks(chroma, tables[:, 1:], gradient)
    return luma[..., :height, :width], chroma[..., :half_height, :half_width]


def join_planes(luma: Tensor, chroma: Tensor, gradient: str = "none") -> Tensor:
    """RGB samples from decoded planes.

    Args:
        luma: (N, 1, H, W), an even number of rows unless it ends at the picture's last one.
        chroma: (N, 2, 1 + ceil(H / 2) + 1, ceil(W / 2)): the rows before and after are there as well,
            where the picture has none the first and last are repeated.
        gradient: see ``compress``.

    Returns:
        (N, 3, H, W) in [0, 255], float64.
    """
    colours = _enlarged(chroma, luma.shape[-2], luma.shape[-1], gradient)
    planes = torch.cat((luma.double(), colours - 128), dim=1)
    return _whole(_mix(_FROM_YCBCR, planes), gradient).clamp(0, 255)


def compress(images: Tensor, quality: Tensor, gradient: str = "none") -> Tensor:
    """Whole pictures through the codec, on any device, with gradients where they are asked for.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        quality: (N,), 1 to 100.
        gradient: ``"none"``; ``"straight_through"``, the same picture, gradients as if every rounding error
            were a constant; or ``"soft"``, in which the coefficients are rounded with a smooth staircase and
            nothing else is rounded: an approximation with a true gradient.

    Returns:
        (N, 3, H, W) in [0, 1], of the images' type.
    """
    tables = quantisation_tables(quality.to(images.device), gradient)
    luma, chroma = code_planes(to_samples(images, gradient), tables, gradient)
    chroma = functional.pad(chroma, (0, 0, 1, 1), mode="replicate")
    return (join_planes(luma, chroma, gradient) / 255).to(images.dtype)


def compress_into(image: Tensor, quality: Tensor, out: Tensor) -> None:
    """One picture through the codec in strips, without gradients: ``compress`` with little memory.

    Args:
        image: (1, 3, H, W) RGB in [0, 1].
        quality: (1,), 1 to 100.
        out: (1, 3, H, W) that receives the result; it may be ``image`` itself.
    """
    height, width = image.shape[-2:]
    tables = quantisation_tables(quality.to(image.device))
    chroma = image.new_empty(1, 2, 1 + -(-height // 2) + 1, -(-width // 2))
    strips = _strips(height, width)
    for first, last in strips:
        # The first plane of the output holds the luma until the chroma below a strip is known.
        out[:, :1, first:last], part = code_planes(to_samples(image[..., first:last, :]), tables)
        chroma[..., 1 + first // 2 : 1 + first // 2 + part.shape[-2], :] = part
    chroma[..., 0, :], chroma[..., -1, :] = chroma[..., 1, :], chroma[..., -2, :]
    for first, last in strips:
        part = chroma[..., first // 2 : -(-last // 2) + 2, :]
        out[..., first:last, :] = join_planes(out[:, :1, first:last], part).div_(255)


def _strips(height: int, width: int) -> list[tuple[int, int]]:
    units = max(_PIXELS_PER_THREAD * torch.get_num_threads() // (UNIT * width), 1)
    return [(first, min(first + UNIT * units, height)) for first in range(0, height, UNIT * units)]


def _whole(values: Tensor, gradient: str, lowered: float = 0.0) -> Tensor:
    """``values - lowered`` rounded to whole numbers; ``values`` themselves in soft arithmetic."""
    if gradient == "soft":
        return values
    if not values.requires_grad:
        return values.add_(0.5 - lowered).floor_()
    return _standing_in((values.detach() + (0.5 - lowered)).floor_(), values)


def _standing_in(whole: Tensor, values: Tensor) -> Tensor:
    """Exactly ``whole``, with the gradient of ``values``."""
    return whole + (values - values.detach())


def _mix(weights: tuple[tuple[int, ...], ...], planes: Tensor) -> Tensor:
    matrix = planes.new_tensor(weights) * _COLOUR
    mixed = torch.matmul(matrix, planes.reshape(planes.shape[0], 3, -1))
    return mixed.reshape(planes.shape)


def _to_ycbcr(samples: Tensor, gradient: str) -> tuple[Tensor, Tensor]:
    planes = _mix(_TO_YCBCR, samples)
    # Half-way cases of the chroma are rounded down.
    luma = _whole(planes[:, :1], gradient)
    return luma, _whole(planes[:, 1:] + 128, gradient, lowered=_COLOUR)


def _continued(planes: Tensor, below: int, right: int) -> Tensor:
    if not (below or right):
        return planes
    return functional.pad(planes, (0, right, 0, below), mode="replicate")


def _halved(planes: Tensor, gradient: str) -> Tensor:
    """Means of 2 x 2 samples; halves are rounded down in even columns and up in odd ones."""
    rows = planes[..., ::2, :] + planes[..., 1::2, :]
    means = (rows[..., ::2] + rows[..., 1::2]) * 0.25
    if gradient == "soft":
        return means
    # Lowered by a quarter a mean of k + 1/2 is rounded down, and nothing else changes sides.
    columns = torch.arange(means.shape[-1], device=means.device)
    return _whole(means - 0.25 * (columns % 2 == 0), gradient)


def _code_blocks(planes: Tensor, table: Tensor, gradient: str) -> Tensor:
    """Transform, quantise and transform back; (N, C, H, W) with H and W multiples of 8."""
    count, channels, height, width = planes.shape
    cosines = planes.new_tensor(_COSINES)
    bands = count * channels * height // _BLOCK
    across = (bands, _BLOCK, width)
    # A row of `along` is one line of a block, the middle dimension of `across` one column of a block.
    along = (-1, _BLOCK)

    def columns(matrix: Tensor, values: Tensor) -> Tensor:
        return _whole(torch.bmm(matrix.expand(bands, -1, -1), values.reshape(across)), gradient)

    lines = _whole((planes - 128).reshape(along) @ (cosines.t() * _FORWARD_ROWS), gradient)
    coefficients = columns(cosines * _FORWARD_COLUMNS, lines)
    steps = table.repeat(1, 1, 1, width // _BLOCK)
    coefficients = coefficients.reshape(count, channels * height // _BLOCK, _BLOCK, width)
    coefficients = _quantised(coefficients, steps, gradient)
    lines = columns(cosines.t() * _BACK_COLUMNS, coefficients)
    decoded = _whole(lines.reshape(along) @ (cosines * _BACK_ROWS), gradient)
    return (decoded + 128).clamp(0, 255).reshape(planes.shape)


def _quantised(coefficients: Tensor, steps: Tensor, gradient: str) -> Tensor:
    scale = _AWAY_FROM_ZERO / (steps * _TRANSFORM_GAIN)
    numbers = coefficients * scale
    if gradient == "soft":
        return rounded(numbers, gradient) * steps
    if not numbers.requires_grad:
        return numbers.round_().mul_(steps)
    return _standing_in(numbers.detach().round(), numbers) * steps


def _enlarged(chroma: Tensor, height: int, width: int, gradient: str) -> Tensor:
    """Twice the rows and columns, each sample 9/16 the nearest, 3/16 + 3/16 + 1/16 the next ones."""
    if chroma.shape[-1] <= 2:
        # libjpeg repeats samples where there are too few for the smooth way.
        chroma = chroma[..., 1:-1, :].repeat_interleave(2, -2).repeat_interleave(2, -1)
        return chroma[..., :height, :width].double()
    chroma = chroma.double()
    centre = chroma[..., 1:-1, :] * 3
    rows = chroma.new_empty(*centre.shape[:2], 2 * centre.shape[2], centre.shape[3])
    rows[..., ::2, :] = centre + chroma[..., :-2, :]
    rows[..., 1::2, :] = centre + chroma[..., 2:, :]
    rows = rows[..., :height, :]
    sides = functional.pad(rows, (1, 1, 0, 0), mode="replicate")
    centre = rows * 3
    enlarged = rows.new_empty(*rows.shape[:3], 2 * rows.shape[3])
    enlarged[..., ::2] = _whole((centre + sides[..., :-2]).mul_(1 / 16), gradient)
    enlarged[..., 1::2] = _whole((centre + sides[..., 2:]).mul_(1 / 16), gradient, lowered=1 / 16)
    return enlarged[..., :width]
