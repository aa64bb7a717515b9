"""The Q-Align protocol: rating words, their weights, and the tokens that stand for them.

Source: Wu et al., "Q-Align: Teaching LMMs for Visual Scoring via Discrete Text-Defined Levels", ICML 2024,
section 3.2: the score is the weighted mean of the levels under the softmax over their tokens alone.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.wording.naming import listed

logger = logging.getLogger("isptune")

WORDS = ("excellent", "good", "fair", "poor", "bad")
"""The levels of the ITU that Q-Align was trained with, the best first."""

SCALES: dict[str, tuple[float, float]] = {"0-1": (0.0, 1.0), "1-5": (1.0, 5.0)}
"""The names of the scales of a score, with their ends."""


def default_weights(count: int) -> tuple[float, ...]:
    """Evenly spaced weights from 1 (the first, best level) to 0: (1, 0.75, 0.5, 0.25, 0) for five."""
    return tuple(1 - index / (count - 1) for index in range(count))


def level_probabilities(logits: Tensor) -> Tensor:
    """(N, L) probabilities over the levels alone, from (N, L) logits of their tokens, in at least float32."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(-1)


def level_score(logits: Tensor, weights: Sequence[float], scale: str = "0-1") -> Tensor:
    """(N,) scores on a scale from (N, L) logits of the level tokens.

    Args:
        logits: the levels in the order of ``weights``.
        weights: the value of each level on 0..1.
        scale: ``"0-1"``, or ``"1-5"`` for 4x + 1.
    """
    probabilities = level_probabilities(logits)
    low, high = SCALES[scale]
    mean = (probabilities * probabilities.new_tensor(list(weights))).sum(-1)
    return low + (high - low) * mean


def check_levels(
    words: Sequence[str] | Mapping[str, float], weights: Sequence[float] | None, scale: str, name: str
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Words and weights as given by a user: a list and its weights, or one mapping of word to weight.

    Raises:
        ConfigurationError: fewer than two words, a word twice, weights of another number or out of 0..1, or
            an unknown scale.
    """
    if scale not in SCALES:
        raise ConfigurationError(f"scale of '{name}' is {scale!r}; allowed: {listed(SCALES)}")
    if isinstance(words, Mapping):
        if weights is not None:
            raise ConfigurationError(
                f"'{name}' takes weights in the mapping 'levels' or as 'weights', not both"
            )
        weights, words = list(words.values()), list(words)
    if isinstance(words, str) or not isinstance(words, Sequence):
        raise ConfigurationError(
            f"levels of '{name}' is {words!r}; allowed: a list of words, the best first, "
            "or a mapping of word to weight"
        )
    chosen = tuple(str(word) for word in words)
    if len(chosen) < 2 or len(set(chosen)) != len(chosen) or any(not word.strip() for word in chosen):
        raise ConfigurationError(
            f"levels of '{name}' is {list(chosen)!r}; allowed: two or more different words, the best first"
        )
    values = default_weights(len(chosen)) if weights is None else tuple(weights)
    if len(values) != len(chosen):
        raise ConfigurationError(
            f"'{name}' got {len(values)} weights for the {len(chosen)} levels {listed(chosen)}"
        )
    for word, value in zip(chosen, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ConfigurationError(
                f"the weight of the level '{word}' of '{name}' is {value!r}; allowed: numbers from 0 to 1"
            )
    if math.isclose(max(values), min(values)):
        raise ConfigurationError(f"the weights of '{name}' are all {values[0]}; they must differ")
    return chosen, tuple(float(value) for value in values)


@dataclass(frozen=True)
class LevelTokens:
    """Where a level shows in a model's prediction.

    Attributes:
        shared: tokens that all words begin with, to be appended to the prompt; empty for single tokens.
        ids: one token for each word, all different: what the model predicts next.
    """

    shared: tuple[int, ...]
    ids: tuple[int, ...]


def find_level_tokens(
    tokenizer: Any, context: str, words: Sequence[str], *, name: str, strict: bool = False
) -> LevelTokens:
    """The tokens by which a prompt is continued with each word.

    They are read off as the difference between the tokens of ``context`` and of ``context + " " + word``, so
    whatever a tokenizer does with spaces is right.

    Args:
        tokenizer: called as ``tokenizer(text, add_special_tokens=False)["input_ids"]``.
        context: the end of the prompt, such as ``"The quality of the image is"``.
        words: the levels.
        name: the objective's name, for messages.
        strict: refuse words that are not single tokens, instead of taking the first token that differs.

    Raises:
        ConfigurationError: two words have the same tokens there, or a word is no single token (``strict``).
    """

    def encode(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    start = encode(context)
    tails = []
    for word in words:
        whole = encode(f"{context} {word}")
        if whole[: len(start)] != start or len(whole) == len(start):
            raise ConfigurationError(
                f"the tokenizer of '{name}' joins the level '{word}' with the end of the prompt '{context}'; "
                "choose another prompt or other words"
            )
        tails.append(whole[len(start) :])
    shared = 0
    while all(len(tail) > shared + 1 and tail[shared] == tails[0][shared] for tail in tails):
        shared += 1
    ids = [tail[shared] for tail in tails]
    for index, (word, token) in enumerate(zip(words, ids, strict=True)):
        if token in ids[:index]:
            raise ConfigurationError(
                f"the levels '{words[ids.index(token)]}' and '{word}' of '{name}' begin with the same token "
                f"{_shown(tokenizer, token)} of this checkpoint's tokenizer; choose words that differ at once"
            )
    several = [(word, tail) for word, tail in zip(words, tails, strict=True) if len(tail) > 1]
    if several:
        word, tail = several[0]
        pieces = listed((_shown(tokenizer, token) for token in tail), 6)
        if strict:
            raise ConfigurationError(
                f"the level '{word}' of '{name}' is not a single token of this checkpoint's tokenizer "
                f"({pieces}); choose words that are"
            )
        logger.warning(
            "%s: the level '%s' is not a single token (%s); it is scored by %s, the first token that differs",
            name,
            word,
            pieces,
            _shown(tokenizer, tail[shared]),
        )
    return LevelTokens(tuple(tails[0][:shared]), tuple(ids))


def _shown(tokenizer: Any, token: int) -> str:
    try:
        return repr(tokenizer.convert_ids_to_tokens(token))
    except Exception:
        return str(token)
