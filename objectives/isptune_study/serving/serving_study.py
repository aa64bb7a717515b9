"""Serving the study of a folder, by one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from isptune.errors import ConfigurationError
from isptune_study.serving import security_log
from isptune_study.serving.app import create_app
from isptune_study.serving.page_settings import read_page_settings
from isptune_study.serving.running import listening, run_server, url_of
from isptune_study.serving.study_source import StudySource

_LOCK = ".serving"


def serve_study(
    path: Path, secret: str, host: str, port: int, hosts: Iterable[str], began: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        path: of the study's database.
        secret: of the admin.
        host, port: to listen at.
        hosts: names that a Host header may have.
        began: is called with the address once it listens.

    Raises:
        ConfigurationError: something is wrong with the folder or the address, or another process serves it.
    """
    folder = path.parent
    with (
        _alone(folder),
        closing(StudySource(path, read_page_settings(folder))) as source,
        closing(listening(host, port)) as opened,
    ):
        # Before anybody is asked about a picture that cannot be shown.
        source.images.check()
        app = create_app(source, secret, log=folder / security_log.FILE, allowed_hosts=hosts)
        app.log.done("server began", host=host, port=opened.getsockname()[1])
        began(url_of(opened))
        run_server(app, opened)
        app.log.done("server ended")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock, which the system takes back from a process that was killed."""
    try:
        file = open(folder / _LOCK, "a", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise ConfigurationError(f"cannot write in the study's folder '{folder}': {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(f"another process serves the study in '{folder}' already") from None
        yield
