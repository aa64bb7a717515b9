"""Reading a model of open_clip's: quietly, leaving global state alone, one sentence where it fails."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from isptune.contracts.requirements import Download
from isptune.errors import ConfigurationError, MissingPackageError
from isptune.plugins.checkpoints import find_checkpoint
from isptune.storage.paths import user_path
from isptune.wording.naming import did_you_mean, listed
from isptune.wording.showing import one_line

CONFIGURATION = "open_clip_config.json"
# The names under which open_clip itself looks for weights, safetensors first.
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
)
# Configurations and tokenizers are small: all of them are fetched.
_SMALL_FILES = ("*.json", "*.model", "merges.txt", "vocab.txt")


@dataclass(frozen=True)
class Clip:
    """A loaded model: both towers in float32, frozen, with its tokenizer and its pre-processing."""

    model: Any
    tokenizer: Any
    has_clip_tokenizer: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]


def load_clip(
    name: str, model: str, pretrained: str, checkpoint: str | Path | None, downloads: Sequence[Download] = ()
) -> Clip:
    """A model by open_clip's names of it, or from a checkpoint in open_clip's own form.

    Args:
        name: the objective's name, for messages.
        model, pretrained: open_clip's names; not looked at where there is a checkpoint.
        checkpoint: a folder, or ``owner/name`` of the hub.
        downloads: known repositories, for their sizes in messages.

    Raises:
        ConfigurationError: a name is unknown, or the checkpoint is incomplete, damaged or of another
            architecture.
        MissingPackageError: the tokenizer needs a package that is not installed.
        IsptuneError: the weights are not on this machine and cannot be fetched.
    """
    with undisturbed():
        if checkpoint is not None:
            folder = _folder(checkpoint, name, WEIGHTS, downloads, configuration=True)
            described = f"the checkpoint '{checkpoint}' of '{name}'"
            text = _checked_configuration(folder, described)["text_cfg"]
            network = _built(f"local-dir:{folder}", described)
            weights = next(folder / one for one in WEIGHTS if (folder / one).is_file())
        else:
            known = _known_weights(name, model, pretrained)
            repository, file = os.path.split(known["hf_hub"])
            candidates = (file,) if file else WEIGHTS
            folder = _folder(repository, name, candidates, downloads, configuration=False)
            described = f"the weights '{pretrained}' of '{model}' for '{name}'"
            preprocessing = {key: known[key] for key in ("mean", "std") if key in known}
            # The activation is that of the weights, whichever variant of the name was given.
            network = _built(
                model, described, force_quick_gelu=known["quick_gelu"], force_preprocess_cfg=preprocessing
            )
            text = _open_clip().get_model_config(model)["text_cfg"]
            weights = next(folder / one for one in candidates if (folder / one).is_file())
        source = text.get("hf_tokenizer_name") or text.get("hf_model_name")
        tokenizer = _tokenizer(folder, text, source, described)
        _load_weights(network, weights, described)
        mean, std = _normalisation(network.visual.preprocess_cfg, described)
    return Clip(network.requires_grad_(False).eval(), tokenizer, not source, mean, std)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """The global generators put back afterwards, and open_clip's lines on the root logger dropped.

    ``logging.info`` configures a root logger that has no handler, for the whole process: it is given one
    meanwhile that does nothing.
    """
    root = logging.getLogger()
    silent = logging.NullHandler()
    states = np.random.get_state(), random.getstate()
    root.addFilter(_not_from_open_clip)
    root.addHandler(silent)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        root.removeHandler(silent)
        root.removeFilter(_not_from_open_clip)
        np.random.set_state(states[0])
        random.setstate(states[1])


def build(folder: Path) -> nn.Module:
    """The architecture that a folder's configuration describes, with random weights of torch's generator."""
    return _open_clip().create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)


def _open_clip() -> Any:
    import open_clip

    return open_clip


def _not_from_open_clip(record: logging.LogRecord) -> bool:
    return "open_clip" not in Path(record.pathname).parts


def _folder(
    source: str | Path, name: str, weights: Sequence[str], downloads: Sequence[Download], configuration: bool
) -> Path:
    def missing(folder: Path) -> list[str]:
        lacking = [] if not configuration or (folder / CONFIGURATION).is_file() else [CONFIGURATION]
        return lacking + ([] if any((folder / one).is_file() for one in weights) else [weights[0]])

    def found(wanted: Sequence[str]) -> Path:
        patterns = (*_SMALL_FILES, *wanted)
        return find_checkpoint(source, name=name, missing=missing, patterns=patterns, downloads=downloads)

    # Many repositories hold the weights in two forms: the second is fetched where the first does not exist.
    safe = [one for one in weights if one.endswith(".safetensors")]
    rest = [one for one in weights if one not in safe]
    if not (safe and rest) or os.path.exists(user_path(source)):
        return found(weights)
    try:
        return found(safe)
    except ConfigurationError:
        return found(rest)


def _known_weights(name: str, model: str, pretrained: str) -> dict[str, Any]:
    """open_clip's own entry for named weights, complete."""
    open_clip = _open_clip()
    models = open_clip.list_models()
    if model not in models:
        raise ConfigurationError(
            f"open_clip has no model '{model}' for '{name}'"
            + (did_you_mean(str(model), models) or "; allowed: a name of open_clip.list_models()")
        )
    tags = open_clip.list_pretrained_tags_by_model(model)
    if pretrained not in tags:
        raise ConfigurationError(
            f"open_clip has no weights '{pretrained}' of the model '{model}' for '{name}'"
            + (
                did_you_mean(str(pretrained), tags)
                or (f"; known: {listed(tags)}" if tags else "; give them as the option checkpoint")
            )
        )
    known = {"quick_gelu": False, **open_clip.get_pretrained_cfg(model, pretrained)}
    if not known.get("hf_hub"):
        raise ConfigurationError(
            f"the weights '{pretrained}' of '{model}' are not in a repository of the Hugging Face hub; "
            f"give '{name}' a folder that holds them as the option checkpoint"
        )
    return known


def _checked_configuration(folder: Path, described: str) -> dict[str, Any]:
    """The ``model_cfg`` of a folder."""
    try:
        content = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigurationError(
            f"the file '{CONFIGURATION}' of {described} is not valid JSON ({one_line(error)}); "
            "copy the published file again"
        ) from error
    found = content.get("model_cfg") if isinstance(content, dict) else None
    needed = ("embed_dim", "vision_cfg", "text_cfg")
    if not isinstance(found, dict) or not all(key in found for key in needed):
        raise ConfigurationError(
            f"the file '{CONFIGURATION}' of {described} is no configuration of open_clip: "
            f"it needs 'model_cfg' with {listed(needed)}"
        )
    return found


def _normalisation(settings: dict[str, Any], described: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and deviation per channel of a pre-processing configuration."""
    try:
        mean, std = (tuple(float(value) for value in settings[key]) for key in ("mean", "std"))
        if len(mean) == len(std) == 3 and min(std) > 0:
            return mean, std
    except (TypeError, ValueError):
        pass
    raise ConfigurationError(f"the mean and std of {described} must be three numbers each, std above 0")


def _built(source: str, described: str, **options: Any) -> Any:
    try:
        return _open_clip().create_model(source, load_weights=False, pretrained_text=False, **options)
    except Exception as error:
        raise ConfigurationError(
            f"open_clip cannot build the architecture of {described} ({one_line(error)})"
        ) from error


def _load_weights(network: nn.Module, file: Path, described: str) -> None:
    """Weights into the network, as plain tensors: code in a file is never run."""
    try:
        _open_clip().load_checkpoint(network, str(file), strict=True, weights_only=True)
    except Exception as error:
        text = str(error)
        if text.startswith("Error(s) in loading state_dict"):
            raise ConfigurationError(
                f"the file '{file.name}' of {described} is of another architecture than its configuration: "
                f"{_mismatch(text)}"
            ) from error
        if isinstance(error, NotImplementedError):
            # open_clip interpolates positions of another grid, which torch does not in half precision.
            raise ConfigurationError(
                f"the file '{file.name}' of {described} has positions of another grid than its "
                "configuration: image_size or patch_size do not fit"
            ) from error
        raise ConfigurationError(
            f"the file '{file.name}' of {described} cannot be read ({one_line(error)}); "
            "copy the published file again"
        ) from error


def _mismatch(text: str) -> str:
    """The first thing that torch's long message about a state dict complains of."""
    size = re.search(r"size mismatch for (\S+): .*?Size\(\[(.*?)\]\).*?Size\(\[(.*?)\]\)", text)
    if size:
        return f"'{size[1]}' has the shape ({size[2]}), expected ({size[3]})"
    for label, verb in (("Missing", "is missing"), ("Unexpected", "is unknown")):
        found = re.search(rf"{label} key\(s\) in state_dict: \"(.*?)\"(.*)", text)
        if found:
            more = len(re.findall(r'"[^"]+"', found[2]))
            return f"'{found[1]}' {verb}" + (f", and {more} more" if more else "")
    return one_line(ValueError(text))


def _tokenizer(folder: Path, text: dict[str, Any], source: str | None, described: str) -> Any:
    """The model's tokenizer: CLIP's own, which open_clip brings, or that of the files in the folder."""
    open_clip = _open_clip()
    if not source:
        return functools.partial(open_clip.tokenize, context_length=text.get("context_length", 77))
    if not any((folder / one).is_file() for one in _TOKENIZER_FILES):
        raise ConfigurationError(
            f"{described} lacks its tokenizer (tokenizer.json or tokenizer.model); on a machine with a "
            f'connection run \'hf download {source} --include "*.json" "*.model" --local-dir tokenizer\' '
            "and copy the files that are lacking into the checkpoint's folder"
        )
    settings = dict(text.get("tokenizer_kwargs") or {})
    try:
        # Code of a repository is never run, and nobody is asked whether it may.
        return open_clip.tokenizer.HFTokenizer(
            str(folder),
            context_length=text.get("context_length", 77),
            tokenizer_mode=text.get("tokenizer_mode"),
            **{**settings, "trust_remote_code": False, "local_files_only": True},
        )
    except ImportError as error:
        raise MissingPackageError(
            f"the tokenizer of {described} needs packages that are not installed ({one_line(error)}); "
            "install them with: pip install transformers sentencepiece protobuf"
        ) from error
    except Exception as error:
        raise ConfigurationError(
            f"the tokenizer of {described} cannot be read ({one_line(error)}); copy the published files again"
        ) from error
