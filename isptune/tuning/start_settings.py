"""The setting ``start``: what it may be, and the candidates that a file or another run holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.errors import ConfigurationError
from isptune.storage.paths import user_path
from isptune.storage.yaml_files import read_data
from isptune.wording.allowed import shown
from isptune.wording.integers import plain
from isptune.wording.naming import did_you_mean

DEFAULT, OWN = WORDS = ("default", "own")
_ALLOWED = (
    "'default', 'own', the folder of a run, a YAML or JSON file, or values by parameter, or a list of such"
)


def checked_start(value: Any) -> str | list[dict[str, Any]] | None:
    """A start as a word, a path, or candidates as plain data.

    Raises:
        ConfigurationError: it is of another form.
    """
    if value is None:
        return None
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        if not text.strip():
            raise ConfigurationError(f"start is an empty text; allowed: {_ALLOWED}")
        return text
    return _candidates(value, "start")


def read_start(start: str, most: int) -> list[dict[str, Any]]:
    """The candidates that a path stands for.

    Args:
        start: the folder of a run, or a YAML or JSON file.
        most: how many candidates of a run are taken.

    Raises:
        ConfigurationError: there is no such file, or it holds no candidates.
        RunDirectoryError: the folder holds no run, or none of its candidates has a finite score.
    """
    path = user_path(start)
    if path.is_dir():
        return best_candidates(path, most)
    if not path.exists():
        raise ConfigurationError(
            f"start is '{start}', and there is no such file or folder{did_you_mean(start, WORDS)}; "
            f"allowed: {_ALLOWED}"
        )
    what = f"the start '{start}'"
    data = read_data(path, what, ConfigurationError)
    if data is None:
        raise ConfigurationError(f"{what} is empty; allowed: values by parameter, or a list of such mappings")
    return _candidates(data, what)


def _candidates(value: Any, what: str) -> list[dict[str, Any]]:
    """Values by parameter, or a list of such, as a list of plain mappings."""
    rows = [value] if isinstance(value, Mapping) else value
    if not isinstance(rows, (list, tuple)):
        raise ConfigurationError(
            f"{what} holds {shown(value)}; allowed: values by parameter, or a list of such mappings"
            if what != "start"
            else f"start is {shown(value)}; allowed: {_ALLOWED}"
        )
    if not rows:
        raise ConfigurationError(
            f"{what} is an empty list; allowed: at least one mapping of parameters to values"
        )
    for number, row in enumerate(rows, start=1):
        whole = what if isinstance(value, Mapping) else f"candidate {number} of {what}"
        if not isinstance(row, Mapping) or not row or not all(isinstance(name, str) for name in row):
            raise ConfigurationError(
                f"{whole} is {shown(dict(row) if isinstance(row, Mapping) else row)}; allowed: a mapping of "
                "parameters to values"
            )
    return [plain(dict(row)) for row in rows]


def best_candidates(directory: Path, most: int) -> list[dict[str, Any]]:
    """The best candidates of a run, of different values, the best first; of several objectives its front.

    Raises:
        RunDirectoryError: there is no run, or nothing in it has a finite score.
    """
    import numpy as np
    import torch

    from isptune.runs.run import Run

    run = Run.read(directory).require_best()
    history = run.history
    assert history.values is not None
    if len(run.labels) > 1:
        order = history.pareto.indices
    else:
        losses = history.losses[:, 0]
        order = np.argsort(losses, kind="stable")
        order = order[np.isfinite(losses[order])]
    _, first = np.unique(history.values[order], axis=0, return_index=True)
    return run.space.to_dicts(torch.from_numpy(history.values[order[np.sort(first)[:most]]]))
