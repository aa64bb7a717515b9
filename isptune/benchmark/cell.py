"""The place of one run in the grid of a benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field

from isptune.contracts.variants import Variants
from isptune.plugins import registry
from isptune.storage.paths import folder_name


@dataclass(frozen=True)
class Cell:
    """One tuning run of the grid, by the levels of its factors.

    Attributes:
        objective, optimizer, scene: labels.
        variant: label of the pipeline's variant.
        seed: of the optimizer.
        word: what the pipeline calls its variants.
    """

    objective: str
    optimizer: str
    scene: str
    variant: str
    seed: int
    word: str = field(default=Variants.name, compare=False)

    @property
    def path(self) -> str:
        """Where its run directory lies in the benchmark's, with forward slashes."""
        parts = (self.objective, self.optimizer, self.scene, f"{self.word}-{self.variant}-seed-{self.seed}")
        return "/".join(["cells", *map(folder_of, parts)])

    def level(self, factor: str) -> str | int:
        """Its level of a factor; the variant may be called as the pipeline calls it."""
        found: str | int = getattr(self, "variant" if factor == self.word else factor)
        return found

    def to_dict(self) -> dict[str, str | int]:
        """The levels of its factors by name, as ``cell.json`` holds them."""
        names = ("objective", "optimizer", "scene", self.word, "seed")
        return {name: self.level(name) for name in names}


def folder_of(label: str) -> str:
    """The name of the folder that a level of a factor has in a benchmark's directory."""
    plain = "".join(letter if letter.isalnum() or letter in "-_.+=" else "_" for letter in label)
    return folder_name(plain, 255)


def variant_keys() -> list[str]:
    """The keys that variants may have in a grid: our own, and those of the installed pipelines."""
    names = registry.pipelines.own_names()
    found = [registry.pipelines.told(name, "variants", Variants()).plural for name in names]
    return list(dict.fromkeys([Variants().plural, *found]))
