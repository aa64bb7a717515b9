"""The pictures of a run as files, so that whoever reads the run need not make its pipeline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from isptune.errors import RunDirectoryError
from isptune.runs.directory import RunDirectory
from isptune.storage.writing import make_folder
from isptune.wording.words import FOUND, START

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "pictures"
INDEX = "index.json"
REFERENCE = "reference"


@dataclass(frozen=True)
class ScenePictures:
    """The pictures of one scene, 8-bit PNG files of one size.

    Attributes:
        scene: its name.
        start: with the parameters at the start; None where the pipeline fails on them.
        found: with the best parameters.
        reference: what both are compared with; None where there is no such picture.
    """

    scene: str
    start: Path | None
    found: Path
    reference: Path | None = None


def write_pictures(directory: RunDirectory, scenes: Sequence[tuple[str, Mapping[str, Tensor]]]) -> Path:
    """Write the pictures of some scenes into a folder of the run, and last the index that names them.

    Args:
        directory: of the run.
        scenes: names, and (3, H, W) in [0, 1] by ``START``, ``FOUND`` and ``REFERENCE`` where there are such.

    Returns:
        The folder.
    """
    from isptune.scenes import write_image

    folder = make_folder(directory.file(FOLDER))
    index = []
    for number, (name, images) in enumerate(scenes, start=1):
        files = {kind: f"scene-{number}-{kind}.png" for kind in images}
        for kind, image in images.items():
            write_image(folder / files[kind], image.clamp(0, 1))
        index.append({"scene": name, **files})
    directory.write(f"{FOLDER}/{INDEX}", json.dumps(index, indent=2, ensure_ascii=False) + "\n")
    return folder


def read_picture(path: Path) -> Tensor:
    """(3, H, W) float32 in [0, 1], a picture that ``write_pictures`` wrote, of any size.

    Raises:
        RunDirectoryError: the file is damaged.
    """
    import numpy as np
    import torch
    from PIL import Image

    try:
        with Image.open(path) as picture:
            samples = np.array(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        run = path.parent.parent
        raise RunDirectoryError(
            f"the picture '{path}' is damaged; delete '{path.parent / INDEX}', and 'isptune resume {run}' "
            "writes it anew"
        ) from error
    return torch.from_numpy(samples).permute(2, 0, 1).float() / 255


def read_pictures(run: Path) -> list[ScenePictures]:
    """The pictures that a run's folder holds; none before the run has ended.

    Raises:
        RunDirectoryError: their index is damaged, or a file that it names is missing.
    """
    folder = run / FOLDER
    path = folder / INDEX
    if not path.is_file():
        return []
    try:
        found = []
        for entry in json.loads(path.read_text(encoding="utf-8")):
            files = {kind: folder / entry[kind] for kind in (START, FOUND, REFERENCE) if kind in entry}
            found.append(ScenePictures(entry["scene"], files.get(START), files[FOUND], files.get(REFERENCE)))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RunDirectoryError(f"'{path}' is damaged; 'isptune resume {run}' writes it anew") from error
    for one in found:
        for file in (one.start, one.found, one.reference):
            if file is not None and not file.is_file():
                raise RunDirectoryError(
                    f"the picture '{file}' is missing; delete '{path}', and 'isptune resume {run}' "
                    "writes both anew"
                )
    return found
