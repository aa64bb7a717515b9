"""Exceptions whose message is one sentence for the user: what was wrong, where, and what is allowed."""

from __future__ import annotations


class IsptuneError(Exception):
    """A mistake in what the user gave: the command line prints the message and exits with code 2."""

    exit_code = 2


class UnknownNameError(IsptuneError, LookupError):
    """A name that nothing is registered or declared under."""


class ConfigurationError(IsptuneError, ValueError):
    """A setting of the wrong type, out of its range, or in conflict with another one."""


class ParameterError(IsptuneError, ValueError):
    """A pipeline parameter that is unknown, out of its bounds or not a number."""


class ImageError(IsptuneError, ValueError):
    """A file that cannot serve as a scene: missing, unreadable, too small or not an image."""


class RunDirectoryError(IsptuneError):
    """A run directory that cannot be written, resumed or read."""


class DiskFullError(RunDirectoryError):
    """The system took no more of a file: what was written before stays readable (exit code 1)."""

    exit_code = 1


class MissingPackageError(IsptuneError, ImportError):
    """A plugin that needs an extra which is not installed."""


class EvaluationError(IsptuneError, RuntimeError):
    """A pipeline or an objective raised while candidates were evaluated (exit code 1)."""

    exit_code = 1


class StageError(EvaluationError):
    """A stage raised inside a pipeline; the evaluator adds the candidate and the scene."""

    def __init__(self, stage: str, cause: BaseException) -> None:
        super().__init__(f"stage '{stage}': {type(cause).__name__}: {cause}")
        self.stage = stage
        self.cause = cause
