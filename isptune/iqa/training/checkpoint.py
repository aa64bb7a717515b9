"""Checkpoints of learners: safetensors with the learner's configuration inside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from isptune.contracts.coverage import Coverage
from isptune.errors import ConfigurationError
from isptune.iqa.training.learner import Learner
from isptune.plugins.recipes import name_of
from isptune.storage.writing import make_folder, write_whole

FILE = "model.safetensors"
"""The checkpoint in a training's directory."""

_KEY = "isptune"


def save_learned(path: str | Path, learner: Learner, extra: Mapping[str, Any] | None = None) -> None:
    """Write a learner's weights and configuration, in one step that no reader can see half done.

    Args:
        path: the file, ``*.safetensors``.
        learner: what was trained.
        extra: plain data to be kept beside them, such as the seed and figures.

    Raises:
        RunDirectoryError: the folder cannot be made or written, or there is no room for the file.
    """
    from safetensors.torch import save

    path = Path(path)
    make_folder(path.parent)
    facts = {"learner": name_of(learner), "configuration": learner.configuration(), **(extra or {})}
    write_whole(path, save(learner.learned_state(), metadata={_KEY: json.dumps(facts, sort_keys=True)}))


def read_learned(path: str | Path) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """The learner's name, its configuration, and its tensors on the CPU.

    Args:
        path: the file, or the directory of a training.

    Raises:
        ConfigurationError: the file is missing, cut off, or was not written by ``isptune train``.
    """
    with _opened(path) as (handle, facts):
        state = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a mapping)
        return facts["learner"], facts["configuration"], state


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A checkpoint's tensors and facts; what is lacking in the facts is an error of the file's."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise ConfigurationError(
            f"there is no checkpoint '{path}'; allowed: a file that 'isptune train' wrote"
        )
    try:
        with safe_open(str(path), framework="pt") as handle:
            yield handle, json.loads((handle.metadata() or {})[_KEY])
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigurationError(
            f"the checkpoint '{path}' is cut off or is no safetensors file: {reason}"
        ) from error
    except (LookupError, ValueError, TypeError):
        raise ConfigurationError(
            f"the checkpoint '{path}' holds no configuration of a learner; "
            "allowed: a file that 'isptune train' wrote"
        ) from None


def trained_coverage(path: str | Path) -> Coverage | None:
    """The stages that a checkpoint's training on synthetic data showed the learner.

    Returns:
        None where it was trained on opinions, or cannot be read: whoever loads it says why.
    """
    try:
        with _opened(path) as (_, facts):
            stages = (*facts["data"]["chain"], *facts["data"].get("others", ()))
    except ConfigurationError:
        return None
    return Coverage(trained_on=stages)


def load_learner(path: str | Path, **changes: Any) -> Learner:
    """The learner of a checkpoint with its weights, made through the registry.

    Args:
        path: a file that ``isptune train`` wrote.
        changes: options that replace those of the configuration, such as where a host lies.
    """
    from isptune.plugins.registry import learners

    name, configuration, state = read_learned(path)
    learner: Learner = learners.create(name, **{**configuration, **changes})
    learner.load_learned_state(state)
    return learner.eval()


def load_initial(learner: Learner, path: str | Path) -> None:
    """Put a checkpoint's weights into a learner of the same kind and sizes, to train on from them.

    Raises:
        ConfigurationError: it cannot be read, or is another learner's or of other sizes.
    """
    name, configuration, state = read_learned(path)
    if name != name_of(learner):
        raise ConfigurationError(
            f"the checkpoint '{path}' is of the learner '{name}'; allowed as first weights of "
            f"'{learner.name}': its own checkpoints"
        )
    own = {key: tuple(tensor.shape) for key, tensor in learner.learned_state().items()}
    if own != {key: tuple(tensor.shape) for key, tensor in state.items()}:
        settings = ", ".join(f"{key}={value}" for key, value in configuration.items())
        raise ConfigurationError(
            f"the checkpoint '{path}' is of a learner with other options; its options: {settings}"
        )
    learner.load_learned_state(state)
