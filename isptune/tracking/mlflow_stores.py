"""Where MLflow keeps runs: which URIs there are, what they need, and whether a server answers."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from urllib.parse import urlsplit

from isptune.errors import ConfigurationError
from isptune.plugins.connections import connection_failure, host_and_port
from isptune.storage.paths import user_path
from isptune.tracking.tracker import TrackerError
from isptune.wording.naming import did_you_mean

DEFAULT_URI = "sqlite:///mlflow.db"
ALLOWED = (
    "allowed: a URI such as sqlite:///mlflow.db or http://HOST:5000 "
    "(--mlflow without a URI stands last or before another option)"
)
SCHEMES = ("http", "https", "sqlite", "file", "postgresql", "mysql", "mssql", "databricks")
# What MLflow's requests have at the start; its own settings wait for many minutes.
START_SETTINGS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


def packages(uri: str) -> list[str]:
    """What a store needs: a database needs more than a server."""
    database = () if uri.startswith(("http:", "https:", "databricks")) else ("sqlalchemy", "alembic")
    return ["mlflow", *database]


def default_uri() -> str:
    """The store where none is chosen."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if not given:
        return checked_uri(DEFAULT_URI)
    return checked_uri(given, "the MLflow store of MLFLOW_TRACKING_URI")


def checked_uri(uri: str, what: str = "the MLflow store") -> str:
    """A store's URI that means the same from another folder.

    Raises:
        ConfigurationError: it has no known form, or its SQLite file's folder does not exist.
    """
    if not _has_known_form(uri):
        raise ConfigurationError(f"{what} is '{uri}'{_mistaken_for(uri)}; {ALLOWED}{_suggestion(uri)}")
    prefix = "sqlite:///"
    if not uri.startswith(prefix) or uri == prefix:
        return uri
    path, question, query = uri.removeprefix(prefix).partition("?")
    file = user_path(path).absolute()
    # MLflow itself would try for many minutes to open such a file.
    if not file.parent.is_dir():
        raise ConfigurationError(f"{what} is '{uri}', but there is no folder '{file.parent}'")
    return f"{prefix}{file}{question}{query}"


def _has_known_form(uri: str) -> bool:
    """Whether MLflow, or an installed plugin of it, has a store for such URIs."""
    if uri == "databricks":
        return True
    scheme, colon, rest = uri.partition(":")
    # Databases name their driver behind a plus.
    plain = scheme.partition("+")[0]
    if not colon or plain not in SCHEMES:
        plugins = {entry.name for entry in metadata.entry_points(group="mlflow.tracking_store")}
        return bool(colon) and scheme in plugins
    if plain in ("http", "https"):
        try:
            parts = urlsplit(uri)
            return bool(parts.hostname) and parts.port != 0
        except ValueError:
            return False
    return plain == "file" or rest.startswith("///" if plain == "sqlite" else "//")


def _mistaken_for(uri: str) -> str:
    """What the command line may have taken for the URI."""
    if uri.startswith("chart"):
        return ", which is a scene"
    if os.path.isdir(uri):
        return ", which is a folder"
    return ", which is a file" if os.path.isfile(uri) else ""


def _suggestion(uri: str) -> str:
    """The URI that may have been meant."""
    if uri.endswith((".db", ".sqlite")) and ":" not in uri:
        return f"; did you mean 'sqlite:///{uri}'?"
    scheme, marks, _ = uri.partition("://")
    return did_you_mean(scheme, SCHEMES) if marks and scheme not in SCHEMES else ""


def require_server(uri: str) -> None:
    """Open one connection to a tracking server; behind a proxy, and for other stores, do nothing.

    Raises:
        TrackerError: nothing accepts it.
    """
    if not uri.startswith(("http:", "https:")):
        return
    reason = connection_failure(uri)
    if not reason:
        return
    host, port = host_and_port(uri)
    # A URI can hold a password.
    raise TrackerError(
        f"the MLflow server at {urlsplit(uri).scheme}://{host}:{port} cannot be reached ({reason}); "
        "start it, or choose another store"
    )


@contextmanager
def impatient() -> Iterator[None]:
    """MLflow's requests fail soon and without lines about retries, unless the environment says how long."""
    retries = logging.getLogger("urllib3.connectionpool")
    level = retries.level
    added = {name: value for name, value in START_SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    retries.setLevel(logging.ERROR)
    try:
        yield
    finally:
        retries.setLevel(level)
        for name in added:
            os.environ.pop(name, None)
