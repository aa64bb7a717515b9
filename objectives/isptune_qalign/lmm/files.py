"""A checkpoint's files, checked before anything is loaded: one sentence for each way of being wrong."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isptune.errors import ConfigurationError
from isptune.wording.naming import listed

# Never *.py: code of a repository is neither fetched nor run. Never *.bin: pickles are not read.
PATTERNS = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
# A larger header than that of any checkpoint: what such a file begins with is no length.
_LARGEST_HEADER = 100_000_000


def missing(folder: Path) -> list[str]:
    """The files that a folder lacks, of those that transformers reads."""
    lacking = [] if (folder / "config.json").is_file() else ["config.json"]
    lacking += [shard for shard in _shards(folder) if not (folder / shard).is_file()]
    spellings = (("tokenizer.json",), ("tokenizer.model",), ("vocab.json", "merges.txt"))
    if not any(all((folder / part).is_file() for part in parts) for parts in spellings):
        lacking.append("tokenizer.json")
    if not (folder / "preprocessor_config.json").is_file() and not _is_in_processor_config(folder):
        lacking.append("preprocessor_config.json")
    return lacking


def _shards(folder: Path) -> list[str]:
    if (folder / _WHOLE).is_file() or not (folder / _INDEX).is_file():
        return [_WHOLE]
    try:
        return sorted(set(json.loads((folder / _INDEX).read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError):
        # What is wrong with it, check_files says.
        return [_INDEX]


def _is_in_processor_config(folder: Path) -> bool:
    # Since transformers 5 the image processor's settings are a part of the processor's.
    try:
        content = json.loads((folder / "processor_config.json").read_text("utf-8"))
    except OSError:
        return False
    except ValueError:
        return True
    # What is wrong with anything else than a mapping, check_files says.
    return not isinstance(content, dict) or "image_processor" in content


def check_files(folder: Path, source: str, name: str) -> dict[str, Any]:
    """The configuration of a checkpoint whose files are whole and of an architecture that can be run.

    Args:
        folder: where the files are.
        source: the checkpoint as the user named it, for messages.
        name: the objective's name, for messages.

    Raises:
        ConfigurationError: a file is corrupt or cut off, or the architecture needs a repository's own code,
            is unknown or is no image-text-to-text model.
    """
    whose = f"the checkpoint '{source}' of '{name}'"
    read = {path.name: _read_json(path, whose) for path in sorted(folder.glob("*.json")) if _is_read(path)}
    if _INDEX in read and not isinstance(read[_INDEX].get("weight_map"), dict):
        raise ConfigurationError(f"the file {_INDEX} of {whose} has no 'weight_map'; copy it again")
    for shard in _shards(folder):
        _check_shard(folder / shard, whose)
    config = read["config.json"]
    _check_architecture(config, whose)
    return config


def _is_read(path: Path) -> bool:
    # The vocabularies take half a second to parse and are parsed by the tokenizer itself.
    return path.name not in ("tokenizer.json", "vocab.json")


def _read_json(path: Path, whose: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"the file {path.name} of {whose} is not valid JSON "
            f"(line {error.lineno}, column {error.colno}: {error.msg}); copy it again"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the file {path.name} of {whose} is not text; copy it again") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"the file {path.name} of {whose} holds no mapping; copy it again")
    return content


def _check_shard(path: Path, whose: str) -> None:
    """Read a safetensors file's header and compare the size that it promises with the file's."""
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else _LARGEST_HEADER + 1
        promised: int | None
        try:
            if length > _LARGEST_HEADER:
                raise ValueError
            promised = 8 + length + max(_ends(json.loads(file.read(length))), default=0)
        except (ValueError, KeyError, TypeError, AttributeError):
            cut = length <= _LARGEST_HEADER and size < 8 + length
            promised = 8 + length if cut else None
    if promised is None:
        raise ConfigurationError(
            f"the file {path.name} of {whose} is not a safetensors file ({size} bytes); copy it again"
        )
    if size < promised:
        raise ConfigurationError(
            f"the file {path.name} of {whose} is cut off: it has {size} bytes of {promised}; copy it again"
        )


def _ends(header: dict[str, Any]) -> Iterator[int]:
    for tensor, entry in header.items():
        if tensor != "__metadata__":
            yield int(entry["data_offsets"][1])


def _check_architecture(config: dict[str, Any], whose: str) -> None:
    import transformers
    from transformers import CONFIG_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        raise ConfigurationError(f"the file config.json of {whose} names no model_type")
    if kind not in CONFIG_MAPPING:
        if config.get("auto_map"):
            code = sorted({str(value).split(".")[0] for value in config["auto_map"].values()})
            raise ConfigurationError(
                f"{whose} is of the model type '{kind}', which only code of its repository can run "
                f"({listed(code, 4)}); such code is never run: choose a checkpoint of a class of transformers"
            )
        raise ConfigurationError(
            f"{whose} is of the model type '{kind}', which transformers {transformers.__version__} "
            "does not know; a newer one may: pip install -U transformers"
        )
    if CONFIG_MAPPING[kind] not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        raise ConfigurationError(
            f"{whose} is of the model type '{kind}', which is no image-text-to-text model; allowed: "
            "a checkpoint that answers questions about images, such as those of Qwen-VL, LLaVA, SmolVLM, "
            "InternVL or Gemma 3"
        )
