"""What can be asked of a plugin's class or factory before it is made: its packages and its options."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from isptune.errors import ConfigurationError, MissingPackageError
from isptune.naming import did_you_mean, listed


def missing_packages(packages: Iterable[str]) -> list[str]:
    """Those of the packages that are not installed; none is imported."""
    return [package for package in packages if importlib.util.find_spec(package) is None]


def require_packages(what: str, packages: Iterable[str], install: str | None = None) -> None:
    """Check that packages are installed, without loading them.

    Args:
        what: needs them, the start of the message, such as ``"the objective 'psnr'"``.
        packages: their import names.
        install: what ``pip install`` is to be given; those that are missing if None.

    Raises:
        MissingPackageError: one sentence with the command that installs them.
    """
    missing = missing_packages(packages)
    if missing:
        plural, are, them = ("", "is", "it") if len(missing) == 1 else ("s", "are", "them")
        raise MissingPackageError(
            f"{what} needs the package{plural} {listed(missing)}, which {are} not installed; "
            f"install {them} with: pip install {install or ' '.join(missing)}"
        )


def check_options(what: str, factory: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse options that a class or factory does not take, and those that it needs and does not get.

    Args:
        what: it is, the start of the message, such as ``"the objective 'psnr'"``.
        factory: one that takes any option, or does not tell which, is not checked.
        options: by name.

    Raises:
        ConfigurationError: one sentence with the option and the nearest name.
    """
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    allowed = [
        key
        for key, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    for key in options:
        if key not in allowed:
            raise ConfigurationError(
                f"{what} has no option '{key}'"
                + did_you_mean(key, allowed)
                + (f"; its options: {listed(allowed)}" if allowed else "; it has no options")
            )
    for key in allowed:
        if parameters[key].default is inspect.Parameter.empty and key not in options:
            raise ConfigurationError(f"{what} needs the option '{key}'")


def takes_option(factory: Callable[..., Any], option: str) -> bool:
    """Whether a class or factory has a parameter of that name (or takes any)."""
    parameters = inspect.signature(factory).parameters
    return option in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
