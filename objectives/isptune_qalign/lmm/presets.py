"""Published checkpoints that were trained for the protocol, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from isptune.contracts.requirements import Download
from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed

TASKS = ("quality", "aesthetics")
"""What a checkpoint is asked to rate: the word in the question and in the answer."""

QUESTION = "How would you rate the {task} of this image?"
ANSWER = "The {task} of the image is"


@dataclass(frozen=True)
class Preset:
    """A checkpoint with the words that it was trained with.

    Attributes:
        download: where it is published, its size and licence.
        question: the user's text, ``{task}`` standing for the task.
        answer: the beginning of the model's answer.
    """

    download: Download
    question: str = QUESTION
    answer: str = ANSWER


# Sizes are about two bytes a parameter (bfloat16). Q-ReAlign's three sizes are of Qwen3.5-VL; the licence is
# the one that the published page of Lite states, those of the other two are to be read on their pages.
MINI = Download("q-future/Q-ReAlign-Mini-0.8B", 1.7, "licence on its page")
LITE = Download("q-future/Q-ReAlign-Lite-4B", 9.0, "Apache-2.0")
PRO = Download("q-future/Q-ReAlign-Pro-9B", 19.0, "licence on its page")

PRESETS: dict[str, Preset] = {
    "q-realign-mini": Preset(MINI),
    "q-realign": Preset(LITE),
    "q-realign-pro": Preset(PRO),
}

CHOICES = (
    replace(MINI, option="preset=q-realign-mini"),
    replace(LITE, option="preset=q-realign"),
    replace(PRO, option="preset=q-realign-pro"),
)
"""The same as the objective ``lmm`` takes them."""


def find_preset(preset: str | None, name: str) -> Preset | None:
    """The preset of that name; None for None.

    Raises:
        ConfigurationError: there is no such preset.
    """
    if preset is None:
        return None
    if preset not in PRESETS:
        raise ConfigurationError(
            f"'{name}' has no preset {preset!r}"
            + (did_you_mean(str(preset), PRESETS) or f"; allowed: {listed(PRESETS)}")
        )
    return PRESETS[preset]
