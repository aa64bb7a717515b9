"""Pictures that searches find on the training photographs: what scores well and is not pristine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from isptune.contracts.distortion import Distortion
from isptune_severity.chains import severities_of
from isptune_severity.data import CHAIN, SeverityData
from isptune_severity.families import STAGES

_SIZES = ((192, 192), (256, 256))
# Of the default chain; half of the rest have one or two of _TONES among up to three others.
_DEFAULT = 0.45
_TONES = (
    *("darken", "gamma_error", "mean_shift", "brighten", "highlight_clipping"),
    *("nonlinear_contrast", "linear_contrast"),
)
_LONGEST = 6
_NEGATIVE = 0.3
# What a search begins with beside the pristine picture, its rounds, and their pictures.
_FAINT, _STRONG, _ROUNDS, _CHILDREN, _PARENTS = 8, 3, (0.12, 0.07, 0.04), 8, 3


def searches(
    data: SeverityData, score: Callable[[Tensor], Tensor], encode: Callable[[Tensor], Tensor], seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Short searches without end, each on one content of the training photographs.

    Args:
        data: whose photographs are taken.
        score: (N,) of (N, F) inputs of the heads; the searches go where it is low.
        encode: (N, F) inputs of pictures (N, 3, H, W).
        seed: of everything.

    Yields:
        (36, F) inputs and (36, 15) true severities of the pictures of one search, the first of them pristine.
    """
    generator = torch.Generator().manual_seed(seed)
    number = 0
    while True:
        image = data.content(_SIZES[number % 2], generator)
        names = _chain(generator)
        noise = seed * 100_003 + number

        def seen(
            shares: Tensor, image: Tensor = image, names: Sequence[str] = names, noise: int = noise
        ) -> Tensor:
            return encode(_spoilt(data.stages, image, names, shares, noise))

        columns, shares = _search(seen, score, len(names), generator)
        yield columns, severities_of(names, shares)
        number += 1


def _search(
    seen: Callable[[Tensor], Tensor],
    score: Callable[[Tensor], Tensor],
    stages: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Inputs and shares of all that was looked at."""
    strong = _draw(generator, _STRONG, stages) ** 1.4 * (_draw(generator, _STRONG, stages) > 0.2)
    shares = torch.cat([torch.zeros(1, stages), _faint(_FAINT, stages, generator), strong])
    columns = seen(shares)
    for width in _ROUNDS:
        best = shares[score(columns[1:]).argsort()[:_PARENTS] + 1]
        children = [_child(best, index, width, generator) for index in range(_CHILDREN)]
        added = torch.stack(children).clamp(0, 1)
        shares, columns = torch.cat([shares, added]), torch.cat([columns, seen(added)])
    return columns, shares


def _child(best: Tensor, index: int, width: float, generator: torch.Generator) -> Tensor:
    """One more of the best ones: between two, with one stage gone or back, one stage alone, or near one."""
    own, other = best[index % len(best)].clone(), best[(index + 1) % len(best)]
    stages = len(own)
    one = int(torch.randint(stages, (), generator=generator))
    kind, amount = _draw(generator, 2).tolist()
    if kind < 0.25:
        return own + (other - own) * _draw(generator, stages) * 1.3
    if kind < 0.45:
        own[one] = 0 if own[one] > 0.02 else 0.3 * amount**2
        return own
    if kind < 0.55:
        own = torch.zeros(stages)
        own[one] = 0.02 + 0.3 * amount**1.5
        return own
    moved = own * torch.exp(0.4 * torch.randn(stages, generator=generator))
    return moved + width * torch.randn(stages, generator=generator) * (_draw(generator, stages) < 0.6)


def _chain(generator: torch.Generator) -> list[str]:
    kind, half = _draw(generator, 2).tolist()
    if kind < _DEFAULT:
        return list(CHAIN)
    others = [name for name in STAGES if half >= 0.5 or name not in _TONES]
    tones = (
        _sample(_TONES, 1 + int(torch.randint(2, (), generator=generator)), generator) if half < 0.5 else []
    )
    count = int(torch.randint(1 if tones else 3, 4 if tones else _LONGEST + 1, (), generator=generator))
    return _sample([*tones, *_sample(others, count, generator)], None, generator)


def _spoilt(
    stages: dict[str, Distortion], image: Tensor, names: Sequence[str], shares: Tensor, seed: int
) -> Tensor:
    """(N, 3, H, W) of a content (3, H, W); a search sees the same noise all the time."""
    generator = torch.Generator().manual_seed(seed)
    height, width = image.shape[-2:]
    images = image[None].expand(len(shares), -1, -1, -1).contiguous()
    with torch.no_grad():
        for column, name in enumerate(names):
            stage = stages[name]
            level = shares[:, column] * stage.level_range[1]
            if getattr(stage, "is_signed", False) and float(_draw(generator)) < _NEGATIVE:
                level = -level
            noise = stage.draw(height, width, generator) if stage.is_stochastic else None
            if bool((level != 0).any()):
                images = (stage(images, level) if noise is None else stage(images, level, noise)).clamp(0, 1)
    return images


def _faint(count: int, stages: int, generator: torch.Generator) -> Tensor:
    """(count, stages) shares over a decade and a half, two of five at none."""
    decades = 10 ** (-1.5 * _draw(generator, count, 1))
    shown = _draw(generator, count, stages) > 0.4
    return 0.5 * _draw(generator, count, stages) * decades * shown


def _sample(names: Sequence[str], count: int | None, generator: torch.Generator) -> list[str]:
    order = torch.randperm(len(names), generator=generator)[:count]
    return [names[index] for index in order.tolist()]


def _draw(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=generator)
