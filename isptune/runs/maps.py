"""Where in its pictures a run's objective sees what: maps, kept so that no model is needed to show them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.errors import RunDirectoryError
from isptune.tuning.blame import blame, called
from isptune.wording.words import FOUND, START

if TYPE_CHECKING:
    from isptune.contracts.objective import Objective
    from isptune.runs.directory import RunDirectory

MAPS_NAME = "maps.json"

# Finer maps are made coarser: more cells than these could hardly be told apart over a picture.
_MOST_CELLS = 32
_DIGITS = 5

Cells = NDArray[np.float64]


@dataclass(frozen=True)
class SceneMaps:
    """What an objective says of the places of one scene.

    Attributes:
        scene: its name.
        objective: its name.
        labels: (K,) what is told apart.
        orientations: (K,) +1 where higher is better, -1 where lower is, 0 where neither is.
        cells: (K, h, w) by ``START`` and ``FOUND``; the former is missing where there is no such picture.
    """

    scene: str
    objective: str
    labels: tuple[str, ...]
    orientations: tuple[int, ...]
    cells: Mapping[str, Cells]


def with_maps(objectives: Sequence[Objective]) -> list[Objective]:
    """The objectives that give maps."""
    return [objective for objective in objectives if objective.has_maps]


@torch.no_grad()
def maps_of(
    objectives: Sequence[Objective],
    shown: Sequence[tuple[str, Mapping[str, Tensor]]],
    device: torch.device | str,
) -> list[SceneMaps]:
    """The maps of some scenes; those of a single cell, of small pictures, are left out.

    Args:
        objectives: of which those that give none are passed over.
        shown: names of scenes, and pictures (3, H, W) by ``START`` and ``FOUND`` as far as there are such.
        device: where the objectives are.

    Raises:
        EvaluationError: an objective failed, or gave another shape; the message names it.
    """
    found = []
    for objective in with_maps(objectives):
        default = (1 if objective.higher_is_better else -1,) * len(objective.labels)
        for name, images in shown:
            cells = {
                kind: _cells(objective, images[kind].to(device)) for kind in (START, FOUND) if kind in images
            }
            if cells[FOUND][0].size > 1:
                orientations = objective.label_orientations or default
                found.append(SceneMaps(name, called(objective), objective.labels, orientations, cells))
    return found


def _cells(objective: Objective, image: Tensor) -> Cells:
    with blame(f"the objective '{called(objective)}'"):
        maps = objective.maps(image[None])
        count = len(objective.labels)
        if not isinstance(maps, Tensor) or maps.ndim != 4 or tuple(maps.shape[:2]) != (1, count):
            raise ValueError(f"maps gave no tensor of the shape (1, {count}, h, w) for one image")
        size = (min(maps.shape[-2], _MOST_CELLS), min(maps.shape[-1], _MOST_CELLS))
        maps = torch.nn.functional.adaptive_avg_pool2d(maps.float(), size)
    return maps[0].cpu().double().numpy()


def write_maps(directory: RunDirectory, maps: Sequence[SceneMaps]) -> Path:
    """Write maps into a run's directory; numbers that are not finite become null."""
    data = [
        {
            "scene": one.scene,
            "objective": one.objective,
            "labels": list(one.labels),
            "orientations": list(one.orientations),
            **{kind: _plain(cells) for kind, cells in one.cells.items()},
        }
        for one in maps
    ]
    return directory.write(MAPS_NAME, json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(cells: Cells) -> Any:
    def one(value: Any) -> Any:
        if isinstance(value, list):
            return [one(part) for part in value]
        return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None

    return one(cells.tolist())


def read_maps(run: Path) -> list[SceneMaps]:
    """The maps that a run's folder holds; none before the run has ended, and of objectives without maps.

    Raises:
        RunDirectoryError: the file is damaged.
    """
    path = run / MAPS_NAME
    if not path.is_file():
        return []
    try:
        found = []
        for entry in json.loads(path.read_text(encoding="utf-8")):
            cells = {
                kind: np.array(entry[kind], dtype=np.float64) for kind in (START, FOUND) if kind in entry
            }
            labels = tuple(str(label) for label in entry["labels"])
            for part in cells.values():
                if part.ndim != 3 or len(part) != len(labels) or not part.size:
                    raise ValueError("another shape")
            one = SceneMaps(
                str(entry["scene"]),
                str(entry["objective"]),
                labels,
                tuple(int(sign) for sign in entry["orientations"]),
                cells,
            )
            if FOUND not in cells or len(one.orientations) != len(labels):
                raise ValueError("a part is missing")
            found.append(one)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RunDirectoryError(
            f"'{path}' is damaged; delete it, and 'isptune resume {run}' writes it anew"
        ) from error
    return found
