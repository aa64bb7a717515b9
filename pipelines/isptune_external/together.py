"""Programs that make the pictures of several candidates in one process, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from isptune import Scene
from isptune.errors import ConfigurationError
from isptune_external.pictures import read_output
from isptune_external.programs import ProgramError, check_messages, run_program

# Pixels of the pictures that a worker holds at once.
_MOST_PIXELS = 32e6


def most_together(wanted: int, scenes: Sequence[Scene]) -> int:
    """How many candidates one process develops: as many as wanted, fewer where pictures are large.

    Raises:
        ConfigurationError: ``wanted`` is no whole number of at least 1.
    """
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise ConfigurationError(f"together is {wanted!r}; allowed: a whole number of at least 1")
    largest = max(scene.height * scene.width for scene in scenes)
    return max(1, min(wanted, int(_MOST_PIXELS / largest)))


def develop_together(
    argv: Sequence[str],
    outputs: Sequence[Path],
    scene: Scene,
    *,
    program: str,
    folder: Path,
    bad_words: Sequence[str],
    **given: Any,
) -> list[Tensor | ProgramError]:
    """Run a program that writes a picture for each candidate, and read what it has written.

    Where it dies on the way, the pictures before that count all the same.

    Args:
        argv, folder, bad_words, given: see ``run_program``; the time-out holds for each picture.
        outputs: where the picture of each candidate will be.
        scene: of which they are.
        program: its name in messages.

    Returns:
        For each candidate its picture (3, H, W), or why there is none.

    Raises:
        ProgramError: it said that something is wrong, and nobody knows with which candidate.
    """
    sound = set(outputs)
    try:
        run_program(argv, folder=folder, bad_words=bad_words, outputs=outputs, **given)
    except ProgramError:
        check_messages(folder, bad_words, program)
        there = sorted((path for path in outputs if path.is_file()), key=lambda path: path.stat().st_mtime_ns)
        # It may have died while it wrote the last one.
        sound = set(there[:-1])
    found: list[Tensor | ProgramError] = []
    for path in outputs:
        try:
            if path not in sound:
                raise ProgramError(f"{program} ended before it made this picture")
            found.append(read_output(path, scene, program))
        except ProgramError as error:
            found.append(error)
    return found
