"""The table of the scenes that only judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isptune.cli.tables import Column, print_table
from isptune.wording.words import FOUND, START

if TYPE_CHECKING:
    from rich.console import Console

    from isptune.runs.held_out import HeldOut


def print_held_out(console: Console, held: HeldOut) -> None:
    """Each scene at the start and with what was found, the held-out ones last."""
    heads = [Column("scene"), Column("role")]
    several = len(held.labels) > 1
    for label in held.labels:
        heads += [Column(f"{label}, {word}" if several else word, number=True) for word in (START, FOUND)]
        heads.append(Column(f"gain in {label}" if several else "gain", number=True))
    likeness = held.shows_psnr
    heads += [Column(f"PSNR, {word}", number=True) for word in (START, FOUND)] if likeness else []
    rows = []
    for role, scenes in (("tuned", held.tuned), ("held out", held.held_out)):
        for scene in scenes:
            cells = [scene.name, role]
            for label, higher in zip(held.labels, held.orientations, strict=True):
                before, after = scene.start[label], scene.found[label]
                gain = after - before if higher else before - after
                cells += [f"{before:.4g}", f"{after:.4g}", f"{gain:+.4g}"]
            if likeness:
                both = (scene.psnr_start, scene.psnr_found)
                cells += ["" if one is None else f"{one:.2f}" for one in both]
            rows.append(cells)
    title = f"{'Scores' if several else held.labels[0]} scene by scene, and the gains, positive where better"
    print_table(heads, rows, title=title, console=console)
