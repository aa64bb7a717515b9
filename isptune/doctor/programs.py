"""Which programs that pipelines run are installed here."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from isptune.contracts.requirements import Packaging
from isptune.plugins.registry import pipelines as registry


@dataclass(frozen=True)
class ProgramStatus:
    """A program that a pipeline runs.

    Attributes:
        pipeline, program: their names.
        path: where it is; None where it is not installed.
        install: the command that brings it; None where it is installed, or no command is known.
    """

    pipeline: str
    program: str
    path: str | None
    install: str | None


def examine_programs() -> tuple[ProgramStatus, ...]:
    """The programs of every registered pipeline; none is started."""
    found = []
    for entry in registry.entries():
        packaging: Packaging = registry.fact(entry.name, "packaging", Packaging())
        for program in packaging.programs:
            path = shutil.which(program)
            found.append(ProgramStatus(entry.name, program, path, None if path else packaging.install))
    return tuple(found)
