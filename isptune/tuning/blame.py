"""What an evaluation says about the failures of plugins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from isptune.contracts.objective import Objective
from isptune.contracts.pipeline import Pipeline
from isptune.errors import EvaluationError, IsptuneError


@contextmanager
def blame(plugin: str) -> Iterator[None]:
    """Turn a plugin's exception into an EvaluationError that names the plugin."""
    try:
        yield
    except IsptuneError as error:
        if isinstance(error, EvaluationError):
            raise EvaluationError(f"{plugin} failed: {error}") from (error.__cause__ or error)
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise EvaluationError(f"{plugin} failed: {type(error).__name__}: {error}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that an allocation failed, on a GPU or in main memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or "not enough memory" in text
    )


def called(plugin: Pipeline | Objective) -> str:
    """A plugin's registered name, or its class's."""
    return plugin.name or type(plugin).__name__
