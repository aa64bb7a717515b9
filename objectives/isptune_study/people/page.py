"""The page of a search: the pairs of each generation over HTTP, from a thread of the tuning process."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from isptune.errors import ConfigurationError
from isptune_study.people.askers import Asker
from isptune_study.people.desk import Desk
from isptune_study.people.links import Links

if TYPE_CHECKING:
    from isptune_study.serving.guard import App
    from isptune_study.serving.running import Served

logger = logging.getLogger("isptune")

_LOOK_SECONDS = 0.5
"""So often a run looks up from waiting, for Ctrl-C."""

_FAREWELL_SECONDS = 3.0
"""So long the page stays when a search is over, for those who ask what is next."""


class Page(Asker):
    """Serves the page while a run lasts, and says its links.

    Args:
        names: of the observers.
        host, port: where it listens; 0 for any free port.
        title: of the page.
        question: above each pair.
        references: show references, where scenes have them.
    """

    def __init__(
        self, names: Sequence[str], host: str, port: int, title: str, question: str, references: bool
    ) -> None:
        self._names, self._host, self._port = list(names), host, port
        self._title, self._question, self._references = title, question, references
        self._served: object | None = None

    def attend(self, desk: Desk) -> None:
        if self._served is None:
            self._serve(desk)
        # In steps: a wait without an end could not be interrupted everywhere.
        while not desk.wait(_LOOK_SECONDS):
            pass

    def end(self, desk: Desk) -> None:
        from isptune_study.serving.running import Served

        desk.end()
        if isinstance(self._served, Served):
            deadline = time.monotonic() + _FAREWELL_SECONDS
            while desk.has_waiting and time.monotonic() < deadline:
                time.sleep(0.05)
            self._served.__exit__(None, None, None)
        self._served = None

    def _serve(self, desk: Desk) -> None:
        from isptune_study.people.page_source import SearchSource
        from isptune_study.serving.app import LOOPBACK, create_app

        links = Links(desk, self._names)
        source = SearchSource(desk, links, self._title, self._question, self._references)
        hosts = LOOPBACK if self._host in LOOPBACK else (*LOOPBACK, self._host)
        served = self._served_at(create_app(source, links.admin, allowed_hosts=hosts), links.port)
        links.served_at(served.port)
        served.__enter__()
        self._served = served
        for place, name in enumerate(links.names):
            logger.warning("%s compares the candidates at %s/#%s", name, served.url, links.token(place))
        logger.warning("progress and more observers: %s/admin#%s", served.url, links.admin)

    def _served_at(self, app: App, before: int | None) -> Served:
        """The page: at the port that was asked for, or else at that of the day before, or at a free one."""
        from isptune_study.serving.running import Served

        if self._port or before is None:
            return Served(app, self._host, self._port)
        try:
            return Served(app, self._host, before)
        except ConfigurationError as error:
            logger.warning("the links of before are not valid any more, as %s", error)
            return Served(app, self._host, 0)
