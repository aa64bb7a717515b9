"""A study of tiny pictures, its page in process, and observers who ask it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from isptune_study import Checks, database
from isptune_study.storage import StudyStore
from isptune_study.study_tables import Settings, StudyImage

SECRET = "the-secret-of-the-admin"


@pytest.fixture
def no_power_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for the disk."""
    monkeypatch.setattr(database, "_SYNCHRONOUS", "OFF")


def make_study(folder: Path, count: int = 6, scenes: tuple[str, ...] = ("",), **settings: Any) -> Path:
    """A study of pictures of 12x8, each scene with a reference."""
    images, references = [], {}
    for scene in scenes:
        for number in range(count):
            file = f"images/{scene}{number}.png"
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 8), (40 * number, 90, 120)).save(folder / file)
            images.append(StudyImage(f"{scene}{number}.png", scene, file, f"{number:064x}"))
        references[scene] = f"references/{scene or 'only'}.png"
        (folder / "references").mkdir(exist_ok=True)
        Image.new("RGB", (12, 8), (1, 2, 3)).save(folder / references[scene])
    given = {"opponents": 3, "checks": Checks(training=2, golden=((0, 1),)), "title": "Six pictures"}
    StudyStore.create(
        folder / "study.sqlite", Settings(**{**given, "references": references, **settings}), images
    ).close()
    return folder


@dataclass
class Asking:
    """A browser of one observer, or of the admin.

    Attributes:
        client: of Starlette, for the application.
        token: that it sends.
    """

    client: Any
    token: str

    def get(self, path: str, **more: Any) -> Any:
        return self._ask("GET", path, **more)

    def post(self, path: str, data: Any = None, **more: Any) -> Any:
        return self._ask("POST", path, json={} if data is None else data, **more)

    def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.client.request(method, path, headers=headers, **more)

    def next(self, count: int = 2) -> Any:
        return self.get(f"/api/next?count={count}").json()

    def answer(self, trial: int, share: float = 1, key: str = "", **more: Any) -> Any:
        return self.post(
            "/api/answers", {"trial": trial, "share": share, "key": key or f"key-{trial:05d}", **more}
        )


class Page:
    """A study that is served in process.

    Attributes:
        folder: of it.
        source: of its pairs.
        app, client, admin: the application, and who asks it.
        ada: an observer, where there is one.
    """

    ada: Asking

    def __init__(self, folder: Path, **page: Any) -> None:
        from starlette.testclient import TestClient

        from isptune_study.serving.app import create_app
        from isptune_study.serving.page_settings import PageSettings
        from isptune_study.serving.study_source import StudySource

        self.folder = folder
        self.source = StudySource(folder / "study.sqlite", PageSettings(**page))
        self.app = create_app(self.source, SECRET, log=folder / "security.log")
        self.client = TestClient(self.app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
        # One event loop for all requests.
        self.client.__enter__()
        self.admin = Asking(self.client, SECRET)

    def close(self) -> None:
        self.client.__exit__()
        self.source.close()

    def observer(self, name: str) -> Asking:
        """A new one, by the admin's page."""
        said = self.admin.post("/api/admin/observers", {"name": name})
        assert said.status_code == 201, said.text
        return Asking(self.client, said.json()["link"].partition("#")[2])

    def events(self) -> list[str]:
        """What the security log tells."""
        path = self.folder / "security.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["event"] for line in lines]

    def kept(self) -> list[tuple[Any, ...]]:
        """(observer, trial, share) in the database."""
        with StudyStore(self.folder / "study.sqlite") as store:
            return store._rows("SELECT observer, trial, share FROM answers ORDER BY 1, 2")


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A study that is served to all tests whose requests change nothing; its one observer was asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_SYNCHRONOUS", "OFF")
        page = Page(make_study(tmp_path_factory.mktemp("refusing")))
        page.ada = page.observer("Ada")
        page.ada.next()
        yield page
        page.close()


@pytest.fixture
def serve(tmp_path: Path, no_power_fails: None) -> Iterator[Callable[..., Page]]:
    """Make a study and serve it; options of the page by name, ``study`` for those of the study."""
    made: list[Page] = []

    def make(study: dict[str, Any] | None = None, **page: Any) -> Page:
        made.append(Page(make_study(tmp_path / f"study{len(made)}", **(study or {})), **page))
        return made[-1]

    yield make
    for one in made:
        one.close()
