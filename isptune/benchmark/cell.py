"""The place of one run in the grid of a benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from isptune.paths import folder_name


@dataclass(frozen=True)
class Cell:
    """One tuning run of the grid, by the levels of its factors.

    Attributes:
        objective, optimizer, scene: labels.
        map: label of the hidden map.
        seed: of the optimizer.
    """

    objective: str
    optimizer: str
    scene: str
    map: str
    seed: int

    @property
    def path(self) -> str:
        """Where its run directory lies in the benchmark's, with forward slashes."""
        parts = (self.objective, self.optimizer, self.scene, f"map-{self.map}-seed-{self.seed}")
        return "/".join(["cells", *map(folder_of, parts)])


def folder_of(label: str) -> str:
    """The name of the folder that a level of a factor has in a benchmark's directory."""
    plain = "".join(letter if letter.isalnum() or letter in "-_.+=" else "_" for letter in label)
    return folder_name(plain, 255)
