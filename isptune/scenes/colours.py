"""From decoded samples to the picture that is seen: colour profile, transparency, orientation."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isptune.scenes.profiles import ForeignProfileError, Profile, display_p3, read_profile
from isptune.storage.paths import shown

logger = logging.getLogger("isptune")

# What was said already; of each kind no more than this many pictures are named.
_told: set[tuple[str, str]] = set()
_NAMED = 3
# PNG's gamma and its primaries (white, red, green, blue) as sRGB has them, in hundred-thousandths.
_SRGB_GAMMA = 45455
_SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


@dataclass
class Decoded:
    """What a decoder found in a file.

    Attributes:
        colours: (H, W, 3) in [0, 1].
        alpha: (H, W, 1) in [0, 1], or None for an opaque picture.
        premultiplied: the colours are multiplied by alpha already.
        orientation: of EXIF.
        model: of the stored numbers: ``"RGB"``, ``"GRAY"`` or ``"CMYK"``.
        profile: an embedded ICC profile.
        space: what else says which colours they are; see ``Metadata``.
    """

    colours: NDArray[Any]
    alpha: NDArray[Any] | None = None
    premultiplied: bool = False
    orientation: int = 1
    model: str = "RGB"
    profile: bytes | None = None
    space: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def as_seen(self, path: Path) -> NDArray[Any]:
        """(H, W, 3) in sRGB, over white and upright; says of what file where that changes numbers."""
        colours = self.colours
        profile = self._profile(path)
        alpha = self.alpha
        transparent = alpha is not None and bool((alpha < 1).any())
        if profile is not None:
            if transparent and self.premultiplied:
                assert alpha is not None
                colours = np.clip(colours / np.maximum(alpha, np.finfo(np.float32).tiny), 0, 1)
                self.premultiplied = False
            colours = profile.to_srgb(colours)
        if alpha is not None and transparent:
            notice("transparent", path, "is partly transparent: it is laid over white")
            colours = over_white(colours, alpha, self.premultiplied)
        return upright(colours, self.orientation)

    def _profile(self, path: Path) -> Profile | None:
        """What the colours have to be converted from; None where they count as sRGB."""
        try:
            found = self._named_profile()
        except ForeignProfileError as error:
            notice(
                "profile", path, f"has a colour profile that is ignored: {error}; its numbers count as sRGB"
            )
            return None
        if found is None or found.is_srgb:
            return None
        notice("profile", path, f"is converted from the colour profile '{found.name}' to sRGB")
        return found

    def _named_profile(self) -> Profile | None:
        """By the strongest of what the file says: cICP, an ICC profile, sRGB, gamma and primaries."""
        cicp = self.space.get("cicp")
        if cicp == (12, 13, 0, 1):
            return display_p3()
        if cicp is not None and cicp != (1, 13, 0, 1):
            raise ForeignProfileError(f"the code points {'-'.join(map(str, cicp))}")
        if cicp is not None:
            return None
        if self.profile is not None:
            found = read_profile(self.profile)
            if self.model == "CMYK" or (found.is_grey and self.model != "GRAY"):
                raise ForeignProfileError(f"it does not fit {self.model}")
            return found
        if "srgb" in self.space:
            return None
        gamma, primaries = self.space.get("gamma"), self.space.get("primaries")
        if gamma is not None and abs(gamma[0] - _SRGB_GAMMA) > 600:
            raise ForeignProfileError(f"a gamma of {gamma[0] / 1e5:g}")
        if (
            primaries is not None
            and max(abs(a - b) for a, b in zip(primaries, _SRGB_PRIMARIES, strict=True)) > 500
        ):
            raise ForeignProfileError("primaries of its own")
        return None


def over_white(colours: NDArray[Any], alpha: NDArray[Any], premultiplied: bool = False) -> NDArray[Any]:
    """Colours (H, W, 3) and alpha (H, W, 1) in [0, 1] laid over white, as RGB (H, W, 3)."""
    if premultiplied:
        return np.clip(colours + (1 - alpha), 0, 1)
    # Opaque pixels keep their value to the last bit.
    return np.where(alpha == 1, colours, colours * alpha + (1 - alpha))


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Rows and columns (H, W, ...) as they are to be seen, for an EXIF orientation of 1 to 8.

    Other values mean "not known" and leave the picture as it is.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def notice(kind: str, path: Path, sentence: str) -> None:
    """Say once of a file what is done with it; of a folder full of such files only the first are named."""
    key = kind, str(path.absolute())
    if key in _told:
        return
    _told.add(key)
    said = Counter(kind for kind, _ in _told)[kind]
    if said <= _NAMED:
        rest = "; further such pictures are not named" if said == _NAMED else ""
        logger.warning("'%s' %s%s", shown(path), sentence, rest)
