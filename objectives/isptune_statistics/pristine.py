"""Fit the pristine model of ``niqe-distance`` to photographs.

::

    python -m isptune_statistics.pristine FOLDER_OR_IMAGES... --out FILE

Pictures are reduced by a whole factor until their longer side is at most ``--longest`` px, which makes
ordinary photographs sharp down to the pixel and takes compression artefacts out of them. Patches of 96 px,
overlapping by half, whose mean local deviation is above three quarters of the sharpest one's of their
picture are candidates (the paper's T = 0.75); at most ``--patches`` of each picture are drawn, so that no
picture outweighs the others. Give real, sharp photographs only; keep test pictures out.

The shipped model was fitted with the defaults to photographs of the Debian packages lomiri-wallpapers-16.04
(20.04.0-2), mate-backgrounds (1.26.0-1) and opencv-doc (4.6.0+dfsg-12); the file's metadata names each. It
holds their statistics, 36 means and a covariance, and nothing of the pictures. It knows few scenes (plants,
landscapes, streets, still life), mostly by day: judge other material with a model fitted to its like.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as nn_functional

from isptune.errors import ConfigurationError, IsptuneError
from isptune.scenes.image_reading import read_image
from isptune_statistics.natural_scenes import coefficients_of
from isptune_statistics.niqe import PATCH, PristineModel, fit_pristine, patch_features, save_pristine

SHARP = 0.75
LONGEST = 1000
PER_PICTURE = 60
_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


def pictures_in(sources: Iterable[str | Path]) -> list[Path]:
    """Files as given, and the pictures of folders and their subfolders in the order of their names.

    Raises:
        ConfigurationError: a source does not exist, or there is no picture at all.
    """
    found: list[Path] = []
    for source in map(Path, sources):
        if source.is_dir():
            found += sorted(path for path in source.rglob("*") if path.suffix.lower() in _SUFFIXES)
        elif source.exists():
            found.append(source)
        else:
            raise ConfigurationError(f"there is no file or folder '{source}'")
    if not found:
        raise ConfigurationError("there are no pictures to fit a pristine model to")
    return found


def reduced(image: Tensor, longest: int = LONGEST) -> Tensor:
    """(1, 3, H, W): the picture (3, H, W) reduced by the smallest whole factor that suffices."""
    height, width = image.shape[-2:]
    factor = math.ceil(max(height, width) / longest)
    if factor == 1:
        return image.unsqueeze(0)
    return nn_functional.interpolate(
        image.unsqueeze(0),
        size=(height // factor, width // factor),
        mode="bicubic",
        antialias=True,
        align_corners=False,
    ).clamp(0, 1)


def sharp_patches(image: Tensor, side: int = PATCH, sharp: float = SHARP) -> Tensor:
    """(P, 36) features of the sharp patches of (1, 3, H, W), on a grid of half a patch; P may be 0."""
    features, sharpness = [], []
    step = side // 2
    planes = list(coefficients_of(image))
    for top in (0, step):
        for left in (0, step):
            shifted = [
                tuple(plane[..., top // 2**scale :, left // 2**scale :] for plane in pair)
                for scale, pair in enumerate(planes)
            ]
            if min(shifted[0][0].shape[-2:]) >= side:
                found = patch_features(shifted, side)  # type: ignore[arg-type]
                features.append(found[0][0])
                sharpness.append(found[1][0])
    if not features:
        return torch.zeros(0, 36, dtype=torch.float64)
    weights = torch.cat(sharpness)
    return torch.cat(features)[weights > sharp * weights.max()]


def fit(
    sources: Iterable[str | Path],
    *,
    longest: int = LONGEST,
    patches: int = PER_PICTURE,
    seed: int = 0,
    origin: str = "",
) -> PristineModel:
    """The pristine model of photographs.

    Args:
        sources: files and folders.
        longest: the longest side that a picture keeps.
        patches: how many patches of one picture take part at most.
        seed: of the choice among them.
        origin: where the photographs come from, for the model's facts.

    Raises:
        ConfigurationError: no pictures, or too few patches.
        ImageError: a picture cannot be read.
    """
    generator = torch.Generator().manual_seed(seed)
    files = pictures_in(sources)
    collected, names = [], []
    for file in files:
        found = sharp_patches(reduced(read_image(file), longest))
        kept = torch.randperm(len(found), generator=generator)[:patches]
        collected.append(found[kept])
        names.append(f"{file.name} ({len(kept)})")
    features = torch.cat(collected)
    facts = {
        "patches": str(len(features)),
        "patch": str(PATCH),
        "longest": str(longest),
        "patches_per_picture": str(patches),
        "seed": str(seed),
        "pictures": ", ".join(names),
        "origin": origin,
    }
    return fit_pristine(features, facts)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 on success, 1 with one sentence on stderr otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m isptune_statistics.pristine",
        description="Fit the pristine model of niqe-distance to sharp photographs.",
    )
    parser.add_argument("sources", nargs="+", metavar="FOLDER_OR_IMAGE")
    parser.add_argument("--out", required=True, help="the safetensors file to write")
    parser.add_argument(
        "--longest", type=int, default=LONGEST, help="the longest side kept, in px (%(default)s)"
    )
    parser.add_argument(
        "--patches", type=int, default=PER_PICTURE, help="most patches of one picture (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of patches (%(default)s)")
    parser.add_argument("--origin", default="", help="where the photographs come from, kept in the file")
    given = parser.parse_args(arguments)
    for name in ("longest", "patches"):
        least = PATCH if name == "longest" else 1
        if getattr(given, name) < least:
            parser.error(f"--{name} is {getattr(given, name)}; allowed: whole numbers from {least}")
    try:
        model = fit(
            given.sources, longest=given.longest, patches=given.patches, seed=given.seed, origin=given.origin
        )
        path = save_pristine(model, given.out)
    except (IsptuneError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{path}: {model.facts['patches']} patches, {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
