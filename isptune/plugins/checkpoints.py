"""Checkpoints of objectives: a folder on this machine, or a repository of the Hugging Face hub.

Code of a repository is never fetched, let alone run: a plugin names the patterns of the files it reads.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from isptune.contracts.requirements import Download
from isptune.errors import ConfigurationError, IsptuneError, MissingPackageError
from isptune.plugins.connections import reachable
from isptune.storage.paths import user_path
from isptune.wording.naming import listed
from isptune.wording.showing import one_line

logger = logging.getLogger("isptune")

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_GIVE = "give it as the option "


class MissingCheckpointError(IsptuneError):
    """A checkpoint that is not here and cannot be fetched; the message says which option takes its folder.

    Attributes:
        folder: what the advised command calls the folder.
    """

    folder: str = ""

    def elsewhere(self, option: str) -> MissingCheckpointError:
        """The same for whoever makes the objective as a part of another plugin, with an option of its own.

        Args:
            option: as a user gives it, such as ``"host_options={checkpoint: FOLDER}"``; FOLDER is replaced.
        """
        head, give, _ = str(self).rpartition(_GIVE)
        found = MissingCheckpointError(
            f"{head}{give}{option.replace('FOLDER', self.folder)}" if give else str(self)
        )
        found.folder = self.folder
        return found


def find_checkpoint(
    source: str | Path,
    *,
    name: str,
    missing: Callable[[Path], Sequence[str]],
    patterns: Sequence[str],
    fallback: Sequence[str] = (),
    downloads: Sequence[Download] = (),
    option: str = "checkpoint",
) -> Path:
    """The folder that holds a checkpoint, which is downloaded where it is a repository not yet here.

    Args:
        source: a folder, or ``owner/name`` of the hub.
        name: the objective's name, for messages.
        missing: the files that a folder lacks, of those that the objective reads.
        patterns: globs of the files to fetch.
        fallback: globs of files to fetch as well where a repository lacks something without them, such as
            weights in an older format.
        downloads: known repositories, for their size in messages.
        option: the objective's option that names the checkpoint, for messages.

    Raises:
        ConfigurationError: there is no such folder, or it lacks a file.
        MissingPackageError: a repository is named and huggingface_hub is not installed.
        MissingCheckpointError: the repository is not on this machine and cannot be fetched.
    """
    folder = user_path(source)
    if folder.is_dir():
        lacking = list(missing(folder))
        if lacking:
            raise ConfigurationError(
                f"the checkpoint '{source}' of '{name}' lacks {listed(lacking, 4)}; "
                "copy the whole folder of the published checkpoint"
            )
        return folder
    if folder.is_file():
        raise ConfigurationError(
            f"the checkpoint '{source}' of '{name}' is a file; give the folder that holds it"
        )
    if not _REPOSITORY.fullmatch(str(source)) or str(source).count("/") != 1:
        raise ConfigurationError(
            f"there is no folder '{source}' for the {option} of '{name}'; "
            "allowed: a folder, or the name of a repository of the Hugging Face hub such as 'owner/name'"
        )
    return _from_hub(str(source), name, missing, (patterns, fallback), downloads, option)


def _from_hub(
    repository: str,
    name: str,
    missing: Callable[[Path], Sequence[str]],
    patterns: tuple[Sequence[str], Sequence[str]],
    downloads: Sequence[Download],
    option: str,
) -> Path:
    try:
        from huggingface_hub import constants, snapshot_download
    except ImportError as error:
        raise MissingPackageError(
            f"the objective '{name}' needs the package huggingface_hub to fetch '{repository}', which is not "
            "installed; install it with: pip install huggingface_hub"
        ) from error
    first, everything = list(patterns[0]), [*patterns[0], *patterns[1]]
    lacking: list[str] = []
    try:
        here = Path(snapshot_download(repository, allow_patterns=everything, local_files_only=True))
        lacking = list(missing(here))
        if not lacking:
            return here
    except Exception:
        logger.debug("'%s' is not in the local cache", repository)
    known = next((str(one) for one in downloads if one.repository == repository), repository)
    reason = "no connection to the hub"
    if constants.HF_HUB_OFFLINE:
        reason = "HF_HUB_OFFLINE is set"
    elif reachable(constants.ENDPOINT):
        logger.warning("downloading %s from the Hugging Face hub for '%s'", known, name)
        try:
            for wanted in (first, everything):
                here = Path(snapshot_download(repository, allow_patterns=wanted))
                lacking = list(missing(here))
                if not lacking:
                    return here
        except Exception as error:
            reason = one_line(error, 300)
        else:
            raise ConfigurationError(
                f"the repository '{repository}' of the Hugging Face hub lacks {listed(lacking, 4)}, "
                f"which '{name}' reads; choose another {option}"
            )
    absent = f"of which {listed(lacking, 4)} is missing here" if lacking else "which is not on this machine"
    folder = repository.partition("/")[2]
    failure = MissingCheckpointError(
        f"the objective '{name}' needs the checkpoint {known}, {absent} and could not be downloaded "
        f"({reason}); on a machine with a connection run "
        f"'hf download {repository} --local-dir {folder}', copy that folder here and {_GIVE}{option}"
    )
    failure.folder = folder
    raise failure
