"""What a pipeline found before a run, kept beside it, so that it looks again only where something changed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline
    from isptune.parameters import ParameterSpace

VERDICTS_NAME = "before_run.txt"


def look_before_run(pipeline: Pipeline, space: ParameterSpace, folder: Path | None) -> str | None:
    """Call ``before_run``, unless a folder holds that it has passed with all as it is now.

    Args:
        pipeline: may refuse the run.
        space: what is searched.
        folder: of the run, or of its benchmark; None where nothing is kept.

    Returns:
        What ``keep_verdict`` is to keep; None where nothing is new, or nothing can be kept.
    """
    key = pipeline.before_run_key(space)
    if key is not None and folder is not None and key in _kept(folder):
        return None
    pipeline.before_run(space)
    return None if folder is None else key


def keep_verdict(folder: Path, key: str) -> None:
    """Keep in a folder what has passed; where that cannot be written, the next run looks again."""
    with suppress(OSError), open(folder / VERDICTS_NAME, "a", encoding="utf-8") as file:
        file.write(f"{key}\n")


def _kept(folder: Path) -> list[str]:
    try:
        return (folder / VERDICTS_NAME).read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return []
