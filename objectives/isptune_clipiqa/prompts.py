"""Antonym prompts: the pairs of texts that an image is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed

Pair = tuple[str, str]

QUALITY: Pair = ("Good photo.", "Bad photo.")

# The pairs of Wang, Chan and Loy, "Exploring CLIP for Assessing the Look and Feel of Images", AAAI 2023. The
# first text is what a viewer prefers, so a high score for "noise" is a clean picture.
ATTRIBUTES: Mapping[str, Pair] = {
    "sharpness": ("Sharp photo.", "Blurry photo."),
    "noise": ("Clean photo.", "Noisy photo."),
    "brightness": ("Bright photo.", "Dark photo."),
    "colour": ("Colorful photo.", "Dull photo."),
    "contrast": ("High contrast photo.", "Low contrast photo."),
}


def prompt_pairs(prompts: Any, name: str) -> tuple[Pair, ...]:
    """The option ``prompts`` as pairs: one pair of texts, or a list of pairs.

    Raises:
        ConfigurationError: it is neither.
    """
    if _is_pair(prompts):
        return ((prompts[0], prompts[1]),)
    if isinstance(prompts, Sequence) and prompts and all(_is_pair(pair) for pair in prompts):
        return tuple((pair[0], pair[1]) for pair in prompts)
    raise ConfigurationError(
        f"prompts of '{name}' is {prompts!r}; allowed: a pair of texts such as "
        "['Good photo.', 'Bad photo.'], or a list of such pairs"
    )


def attribute_pairs(attributes: Any, name: str) -> dict[str, Pair]:
    """The option ``attributes`` as label -> pair.

    Args:
        attributes: ``"all"``, names of ``ATTRIBUTES``, or a mapping of labels to pairs.
        name: the objective's name, for messages.

    Raises:
        ConfigurationError: it is none of these, or a name is unknown or given twice.
    """
    if isinstance(attributes, Mapping):
        for label, pair in attributes.items():
            if not (isinstance(label, str) and label and _is_pair(pair)):
                raise ConfigurationError(
                    f"the attribute {label!r} of '{name}' is {pair!r}; allowed: a pair of texts such as "
                    "['Sharp photo.', 'Blurry photo.']"
                )
        chosen = {label: (pair[0], pair[1]) for label, pair in attributes.items()}
    elif attributes == "all":
        chosen = dict(ATTRIBUTES)
    elif isinstance(attributes, (str, Sequence)):
        chosen = {}
        for label in [attributes] if isinstance(attributes, str) else attributes:
            if label not in ATTRIBUTES:
                raise ConfigurationError(
                    f"there is no attribute {label!r} of '{name}'"
                    + (did_you_mean(str(label), ATTRIBUTES) or f"; known: {listed(ATTRIBUTES)}")
                )
            if label in chosen:
                raise ConfigurationError(f"attributes of '{name}' gives '{label}' twice")
            chosen[label] = ATTRIBUTES[label]
    else:
        chosen = {}
    if not chosen:
        raise ConfigurationError(
            f"attributes of '{name}' is {attributes!r}; allowed: 'all', a list of {listed(ATTRIBUTES)}, "
            "or a mapping of labels to pairs of texts"
        )
    return chosen


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) == 2
        and all(isinstance(text, str) and text.strip() for text in value)
    )
