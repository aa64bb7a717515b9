"""The tokenizer of a LLaMA checkpoint, and prompts as rows of token ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from isptune.errors import ConfigurationError
from isptune_qalign.network import IMAGE_TOKEN

PLACEHOLDER = "<|image|>"
"""Where the picture stands in a prompt."""

TOKENIZER_FILES = ("tokenizer.model", "tokenizer.json")


class Tokenizer:
    """Text to token ids and back, by sentencepiece (tokenizer.model) or tokenizers (tokenizer.json).

    The two libraries are used directly: what the wrappers of transformers do with spaces and with the begin
    of a sentence has changed from version to version.

    Args:
        encode: text to ids, without a token for the begin.
        piece: an id to its piece.
        size: the number of ids.
    """

    def __init__(self, encode: Callable[[str], list[int]], piece: Callable[[int], str], size: int) -> None:
        self.encode, self.convert_ids_to_tokens, self.size = encode, piece, size

    def __call__(self, text: str, add_special_tokens: bool = False) -> dict[str, list[int]]:
        return {"input_ids": self.encode(text)}


def missing_tokenizer(folder: Path) -> list[str]:
    """The tokenizer files that a folder lacks: one of them is enough."""
    if any((folder / file).exists() for file in TOKENIZER_FILES):
        return []
    return [f"{TOKENIZER_FILES[0]} (or {TOKENIZER_FILES[1]})"]


def read_tokenizer(folder: str | Path, name: str = "qalign") -> Tokenizer:
    """The tokenizer in a checkpoint folder.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    folder = Path(folder)
    lacking = missing_tokenizer(folder)
    if lacking:
        raise ConfigurationError(
            f"the checkpoint '{folder}' of '{name}' lacks {lacking[0]}; copy the whole folder of the "
            "published checkpoint"
        )
    path = next(folder / file for file in TOKENIZER_FILES if (folder / file).exists())
    try:
        return tokenizer_from_bytes(path.read_bytes()) if path.suffix == ".model" else _from_tokenizers(path)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ConfigurationError(f"the tokenizer '{path}' of '{name}' cannot be read: {reason}") from error


def tokenizer_from_bytes(model: bytes) -> Tokenizer:
    """The tokenizer that a sentencepiece model in memory describes."""
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_proto=model)
    return Tokenizer(processor.EncodeAsIds, processor.IdToPiece, processor.GetPieceSize())


def _from_tokenizers(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer as Fast

    fast = Fast.from_file(str(path))

    def encode(text: str) -> list[int]:
        return list(fast.encode(text, add_special_tokens=False).ids)

    return Tokenizer(encode, lambda token: str(fast.id_to_token(token)), fast.get_vocab_size())


def prompt_ids(tokenizer: Tokenizer, prompt: str, begin: int, name: str = "qalign") -> list[int]:
    """The row of ids of a prompt, with `IMAGE_TOKEN` where `PLACEHOLDER` stands.

    Both parts are tokenised by themselves, as the original does, so the second one begins with the piece of
    an empty word.

    Args:
        tokenizer: of the checkpoint.
        prompt: with one placeholder.
        begin: the id of the begin of a sentence, which comes first.
        name: the objective's name, for messages.

    Raises:
        ConfigurationError: the prompt does not hold the placeholder once.
    """
    parts = prompt.split(PLACEHOLDER)
    if len(parts) != 2:
        raise ConfigurationError(
            f"the prompt of '{name}' holds {PLACEHOLDER}, the picture's place, {len(parts) - 1} times "
            "instead of once"
        )
    return [begin, *tokenizer.encode(parts[0]), IMAGE_TOKEN, *tokenizer.encode(parts[1])]
