"""Whether the libraries that pipelines work with compute rightly here: trials in processes of their own."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from isptune.contracts.requirements import Packaging
from isptune.doctor.packages import version_of
from isptune.plugins.installed import missing_packages
from isptune.plugins.registry import pipelines as registry

# A trial takes less than a second; on a busy machine imports are slow.
_SECONDS = 60.0


@dataclass(frozen=True)
class CanaryStatus:
    """What came of a pipeline's trial of the packages that it needs.

    Attributes:
        pipeline: its name.
        packages: the packages.
        problem: what is wrong and how to mend it, in one sentence; None where all is well.
    """

    pipeline: str
    packages: tuple[str, ...]
    problem: str | None


def examine_canaries(seconds: float = _SECONDS) -> tuple[CanaryStatus, ...]:
    """The trials of every registered pipeline that has one; where packages are missing, none is made.

    Args:
        seconds: what one of them may take.
    """
    found = []
    for entry in registry.entries():
        packaging: Packaging = registry.fact(entry.name, "packaging", Packaging())
        if packaging.canary is None or missing_packages(packaging.requires):
            continue
        problem = _tried(packaging.canary, seconds)
        if problem is not None:
            remedy = f"; mend it with: {packaging.install}" if packaging.install else ""
            problem = (
                f"{' and '.join(map(_with_version, packaging.requires))} cannot be used: {problem}{remedy}"
            )
        found.append(CanaryStatus(entry.name, packaging.requires, problem))
    return tuple(found)


def _with_version(package: str) -> str:
    return f"{package} {version_of(package) or ''}".rstrip()


def _tried(canary: str, seconds: float) -> str | None:
    """Run a script of a package; what is wrong, or None."""
    script = _place(canary)
    if script is None:
        return f"its trial '{canary}' is not there"
    # Whatever it leaves, such as the core of a crash, goes with the folder.
    with tempfile.TemporaryDirectory(prefix="isptune-canary-") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-P", str(script)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=folder,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"its trial took longer than {seconds:g} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        try:
            return f"its trial was ended by {signal.Signals(-done.returncode).name}"
        except ValueError:
            return f"its trial was ended by signal {-done.returncode}"
    words = done.stderr.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(words) if line.strip()), "")
    return last[:300] or f"its trial ended with exit code {done.returncode}"


def _place(canary: str) -> Path | None:
    """Where a script ``package/file.py`` lies; its package is not imported, which may take seconds."""
    package, _, file = canary.partition("/")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        if file and (Path(folder) / file).is_file():
            return Path(folder) / file
    return None
