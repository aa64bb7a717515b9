"""What starting costs: no model library for a help text, no torch for a name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from isptune.cli import VERBS


def modules_after(code: str) -> set[str]:
    """The top-level modules that are loaded after a piece of code in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('MODULES', *sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    last = next(line for line in done.stderr.splitlines() if line.startswith("MODULES"))
    return {name.partition(".")[0] for name in last.split()[1:]}


HEAVY = {"torch", "kornia", "nevergrad", "deap", "matplotlib", "transformers", "open_clip", "pyiqa", "pandas"}


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_imports_nothing_heavy(verb: str) -> None:
    arguments = [verb, "--help"] if verb else ["--help"]
    loaded = modules_after(f"from isptune.cli import run\nassert run({arguments}) == 0")
    assert not loaded & (HEAVY | {"numpy"})


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import isptune") & (HEAVY | {"numpy"})


def test_list_needs_no_more_than_torch_and_the_light_deap() -> None:
    code = "from isptune.cli import run\nassert run(['list']) == 0"
    assert modules_after(code) & HEAVY <= {"torch", "deap"}


def test_the_command_and_the_module_are_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "isptune", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("isptune ")
