"""Named options of stages: checked in one place, refused in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed

GRADIENTS = ("none", "straight_through", "soft")
CHANNEL_ORDERS = ("bgr", "rgb")


def checked_choice(stage: str, option: str, value: object, allowed: Sequence[str]) -> str:
    """The value of an option that is one of a few words.

    Raises:
        ConfigurationError: it is none of them; the message gives the nearest one.
    """
    if isinstance(value, str) and value in allowed:
        return value
    raise ConfigurationError(
        f"the option {option} of the stage '{stage}' is {value!r}; allowed: {listed(allowed)}"
        + (did_you_mean(value, allowed) if isinstance(value, str) else "")
    )


def checked_switch(stage: str, option: str, value: object) -> bool:
    """The value of an option that is on or off.

    Raises:
        ConfigurationError: it is neither True nor False.
    """
    if isinstance(value, bool):
        return value
    raise ConfigurationError(
        f"the option {option} of the stage '{stage}' is {value!r}; allowed: true or false"
    )
