"""What is wrong with pictures before anybody is shown them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from isptune.errors import ConfigurationError, ImageError
from isptune.wording.naming import listed
from isptune.wording.showing import counted

if TYPE_CHECKING:
    from PIL import Image

    from isptune_study.picture_folders import Picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""What a browser shows."""

_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)
"""Orientations of EXIF by which a browser turns a picture by a quarter."""
_TURNED = ("JPEG", "WEBP")
_SHOWN = 4


@dataclass(frozen=True)
class Look:
    """A picture that was decoded.

    Attributes:
        size: width and height as a browser shows it.
        is_clear: parts of it are transparent.
        digest: of the file.
    """

    size: tuple[int, int]
    is_clear: bool
    digest: str


def shown_size(picture: Image.Image) -> tuple[int, int]:
    """Width and height as a browser shows an open picture: turned as its EXIF says."""
    width, height = picture.size
    if picture.format in _TURNED and picture.getexif().get(_ORIENTATION) in _LYING:
        return height, width
    return width, height


def look_at(path: Path) -> Look:
    """Decode a picture to its last pixel.

    Raises:
        ImageError: it is none, or it is damaged; the message names the file.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            size, has_alpha = shown_size(opened), "A" in opened.getbands() or "transparency" in opened.info
            least = opened.convert("RGBA").getchannel("A").getextrema()[0] if has_alpha else 255
            opened.load()
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except Image.DecompressionBombError:
        raise ImageError(f"'{path}' has more pixels than a page can show") from None
    except Image.UnidentifiedImageError:
        raise ImageError(f"'{path}' is no picture that can be read") from None
    except OSError as error:
        said = error.strerror or "it is damaged or not whole"
        raise ImageError(f"'{path}' cannot be read: {said}") from None
    # Decoders raise what they like at what is damaged.
    except (SyntaxError, ValueError, EOFError, IndexError, TypeError):
        raise ImageError(f"'{path}' cannot be read: it is damaged") from None
    return Look(size, bool(least != 255), digest)


def check_pictures(pictures: Sequence[Picture], references: Mapping[str, Path]) -> list[str]:
    """Decode all pictures, and refuse references that are not as large as the pictures of their scene.

    Returns:
        What whoever makes the study should know, sentences.

    Raises:
        ConfigurationError: a reference is of another size.
        ImageError: a file is no picture, or damaged.
    """
    looks = {one: look_at(one.path) for one in pictures}
    for scene, reference in references.items():
        wanted = look_at(reference).size
        for one, look in looks.items():
            if one.scene == scene and look.size != wanted:
                raise ConfigurationError(
                    f"'{one.path.name}' has {_pixels(look.size)} pixels, and its reference "
                    f"'{reference.name}' {_pixels(wanted)}: they would not lie on each other"
                )
    notes = []
    for scene in dict.fromkeys(one.scene for one in pictures):
        sizes = dict.fromkeys(look.size for one, look in looks.items() if one.scene == scene)
        if len(sizes) > 1:
            where = f" of the scene '{scene}'" if scene else ""
            said = listed([_pixels(size) for size in sizes], _SHOWN)
            notes.append(
                f"pictures{where} differ in size ({said}): flipping between them does not compare in place"
            )
    notes += _repeated(looks)
    clear = [one.path.name for one, look in looks.items() if look.is_clear]
    if clear:
        notes.append(
            f"parts of {listed(clear, _SHOWN)} are transparent: the page shows grey there, and objectives "
            "see white"
        )
    return notes


def _repeated(looks: Mapping[Picture, Look]) -> list[str]:
    """Files that are the same, byte by byte."""
    found: dict[tuple[str, str], list[str]] = {}
    for one, look in looks.items():
        found.setdefault((one.scene, look.digest), []).append(one.path.name)
    groups = [names for names in found.values() if len(names) > 1]
    if not groups:
        return []
    more = f", and {counted(len(groups) - 1, 'other group')} as well" if len(groups) > 1 else ""
    return [f"{listed(groups[0], _SHOWN)} are the same file{more}: observers compare equal pictures"]


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def left_out(source: Path, taken: set[Path]) -> list[str]:
    """A sentence about what lies in a folder of pictures and is not taken, where there is something.

    Args:
        source: the folder.
        taken: its pictures, those in folders of scenes too.
    """
    places = sorted({source, *(path.parent for path in taken)})
    files = [
        path
        for place in places
        for path in place.iterdir()
        if path.is_file() and path.suffix.lower() not in SUFFIXES and not is_hidden(path)
    ]
    kinds = sorted({path.suffix.lower() or path.name for path in files})
    notes = []
    if files:
        notes.append(
            f"{counted(len(files), 'file')} left out, as browsers do not show {listed(kinds, _SHOWN)}"
        )
    folders = [path.name for path in source.iterdir() if path.is_dir() and not is_hidden(path)]
    unused = sorted(set(folders) - {path.parent.name for path in taken if path.parent != source})
    if unused:
        said = "is" if len(unused) == 1 else "are"
        reason = (
            "pictures lie beside it"
            if any(path.parent == source for path in taken)
            else "no picture lies in it"
        )
        notes.append(f"the folder {listed(unused, _SHOWN)} {said} left out, as {reason}")
    return notes


def is_hidden(path: Path) -> bool:
    """Whether a file is one of the system's: .DS_Store, ._picture.png, Thumbs.db."""
    return path.name.startswith(".") or path.name.lower() in ("thumbs.db", "desktop.ini")
