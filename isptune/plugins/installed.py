"""The packages that a plugin needs, asked for before any of them is loaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from isptune.errors import MissingPackageError
from isptune.wording.naming import listed


def missing_packages(packages: Iterable[str]) -> list[str]:
    """Those of the packages that are not installed; none is imported."""
    return [package for package in packages if not _is_there(package)]


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    # Of a part of a package that is missing itself, or of a module that was put in by hand.
    except (ImportError, ValueError):
        return False


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
