"""Tuning runs in Weights & Biases, online or offline."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import ConfigurationError
from isptune.plugins import require_packages
from isptune.runs.directory import CONFIG_NAME, RESULT_NAME
from isptune.tracking.notes import read_note, write_note
from isptune.tracking.run_facts import Progress, RunFacts, held_out_scalars, scalars
from isptune.tracking.tracker import Tracker

if TYPE_CHECKING:
    from isptune.tuning.result import TuneResult

NOTE_NAME = "wandb.json"
# What W&B itself refuses, but with its own words and only when the run starts.
FORBIDDEN = "/\\#?%:"
LONGEST_NAME = 128


class WandB(Tracker):
    """Logs a run's configuration, figures per generation, summary and pictures to Weights & Biases.

    The environment's settings hold: with ``WANDB_MODE=offline`` nothing leaves the machine, and
    ``wandb sync`` can send the files later. A resumed run continues under its id, which ``wandb.json`` in the
    run directory keeps with the last generation logged; each generation is logged once. Offline, every
    sitting has a folder of its own: send the later ones with ``wandb sync --append``.

    Args:
        project: its name, or ENTITY/PROJECT.
        run_name: the run directory's name if None.

    Raises:
        MissingPackageError: wandb is not installed.
        ConfigurationError: the project's name is empty or one that W&B does not allow, or it is a file's or
            an option's of the command line.
    """

    label = "Weights & Biases"
    advice = "log in with 'wandb login', or set WANDB_MODE=offline"
    wants_truth = True

    def __init__(self, project: str, *, run_name: str | None = None) -> None:
        require_packages("Weights & Biases tracking", ["wandb"], "'isptune[wandb]'")
        self._entity, _, self._project = project.strip().rpartition("/")
        _check_name(project, self._entity, self._project)
        self._run_name = run_name
        self._facts: RunFacts | None = None
        self._run: Any = None
        self._logged = 0

    def check(self, out: Path | None) -> None:
        """Look for the login of a run that is to be sent; at a terminal, W&B asks for a missing one."""
        import wandb

        if wandb.setup().settings.mode == "online" and wandb.run is None:
            wandb.login(verify=False)

    def start(self, facts: RunFacts) -> None:
        """Begin the run, or go on with it under its id."""
        import wandb

        note = read_note(facts.out, NOTE_NAME) if facts.resumed else {}
        if (note.get("entity"), note.get("project")) != (self._entity, self._project):
            note = {}
        self._facts, self._logged = facts, int(note.get("generation", 0))
        # Offline there is nothing to ask for the run's past, and wandb warns where it is asked to.
        online = wandb.setup().settings.mode == "online"
        self._run = wandb.init(
            project=self._project,
            entity=self._entity or None,
            name=self._run_name or facts.name,
            id=note.get("id"),
            resume="allow" if online and note else None,
            config={
                **facts.settings,
                "fingerprint": facts.fingerprint,
                "higher_is_better": facts.higher_is_better,
                "versions": dict(facts.versions),
            },
            dir=None if facts.out is None else str(facts.out.absolute()),
            # Other runs of this process are left alone, and so is the progress on the terminal.
            reinit="create_new",
            settings=wandb.Settings(console="off"),
        )
        self._note()

    def generation(self, progress: Progress) -> None:
        if progress.generation <= self._logged:
            return
        self._run.log(scalars(progress), step=progress.generation)
        self._logged = progress.generation
        self._note()

    def finish(self, result: TuneResult) -> None:
        try:
            self._summarise(result)
        finally:
            # What was logged is sent, whatever became of the summary.
            self._run.finish(exit_code=0)

    def failed(self, error: BaseException) -> None:
        self._run.finish(exit_code=1)

    def _summarise(self, result: TuneResult) -> None:
        import wandb

        summary = {
            "best_score": result.best_score,
            "best_parameters": result.best_parameters,
            "evaluations": result.evaluations,
            "seconds": result.seconds,
        }
        if result.l1 is not None:
            summary |= {"l1": result.l1, "l1_normalised": result.l1_normalised}
        self._run.summary.update(summary | held_out_scalars(result))
        pictures = {file.stem: wandb.Image(str(file)) for file in result.files if file.suffix == ".png"}
        if pictures:
            self._run.log(pictures, step=self._logged)
        for file in result.files:
            if file.name in (CONFIG_NAME, RESULT_NAME):
                # What lies in its own folder is sent at the end.
                shutil.copy(file, self._run.dir)

    def _note(self) -> None:
        assert self._facts is not None
        data = {"entity": self._entity, "project": self._project, "id": self._run.id}
        write_note(self._facts.out, NOTE_NAME, {**data, "generation": self._logged})


def _check_name(given: str, entity: str, project: str) -> None:
    """Refuse what W&B does not allow for a project, and what was hardly meant for one.

    Raises:
        ConfigurationError: the name cannot be, or belongs to something else.
    """
    what = f"the Weights & Biases project is '{given}'"
    allowed = "allowed: PROJECT or ENTITY/PROJECT"
    wrong = [sign for sign in FORBIDDEN if sign in entity + project]
    if given.startswith("-"):
        raise ConfigurationError(f"{what}, which is an option; {allowed}")
    if not project:
        raise ConfigurationError(f"{what}; {allowed}")
    if wrong:
        raise ConfigurationError(
            f"{what}, in which '{wrong[0]}' cannot be; {allowed}, without any of {FORBIDDEN}"
        )
    if len(project) > LONGEST_NAME:
        raise ConfigurationError(
            f"the Weights & Biases project has {len(project)} characters; allowed: {LONGEST_NAME} at most"
        )
    if "." in given and os.path.isfile(given):
        raise ConfigurationError(f"{what}, which is a file; {allowed}")
