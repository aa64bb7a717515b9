"""Which of a program's parameters a user wants to tune."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TypeVar

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed

One = TypeVar("One")


def chosen(only: Sequence[str] | None, known: Mapping[str, One], program: str) -> dict[str, One]:
    """Those that names or globs such as ``"denoise.*"`` choose, in their own order; all if None.

    Args:
        only: the option of that name.
        known: what there is to choose from, by name.
        program: whose parameters they are, for messages.

    Raises:
        ConfigurationError: no list of texts, or a glob that chooses none.
    """
    if only is None:
        return dict(known)
    if isinstance(only, str) or not all(isinstance(one, str) for one in only):
        raise ConfigurationError(
            f"only is {only!r}; allowed: a list of names or globs, such as ['denoise.*']"
        )
    for pattern in only:
        if not fnmatch.filter(known, pattern):
            raise ConfigurationError(
                f"only names '{pattern}', which {program}'s parameters do not have"
                f"{did_you_mean(pattern, known)}; they are {listed(known, 30)}"
            )
    return {name: one for name, one in known.items() if any(fnmatch.fnmatchcase(name, each) for each in only)}
