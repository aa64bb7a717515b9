"""One clear sentence for whatever stops pyiqa from creating a metric."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from isptune.errors import ConfigurationError, IsptuneError, MissingPackageError

# How the libraries behind pyiqa (urllib, requests, httpx, huggingface_hub) say that they did not get a file.
# Names, because not all of them are always installed.
_NOT_FETCHED = frozenset(
    {
        "ConnectError",
        "ConnectTimeout",
        "ConnectionError",
        "EntryNotFoundError",
        "GatedRepoError",
        "HTTPError",
        "HfHubHTTPError",
        "LocalEntryNotFoundError",
        "MaxRetryError",
        "OfflineModeIsEnabled",
        "ProxyError",
        "ReadTimeout",
        "RepositoryNotFoundError",
        "TimeoutError",
        "URLError",
    }
)


def explained(
    name: str, metric: str, options: Mapping[str, Any], error: Exception, reachable: bool = True
) -> IsptuneError:
    """The sentence for an exception of ``pyiqa.create_metric``.

    Args:
        name: the objective's name.
        metric: pyiqa's name.
        options: what was handed to pyiqa.
        error: what it raised.
        reachable: whether the Hugging Face hub took a connection before.
    """
    chain = list(_chain(error))
    if any(_is_not_fetched(one) for one in chain):
        return IsptuneError(_about_weights(name, metric, chain, reachable))
    if isinstance(error, ModuleNotFoundError) and error.name:
        # openai-clip imports pkg_resources, which setuptools has given up.
        package = "setuptools<81" if error.name == "pkg_resources" else error.name
        return MissingPackageError(
            f"the objective '{name}' needs the package {error.name}, which pyiqa uses and which is not "
            f"installed; install it with: pip install '{package}'"
        )
    if isinstance(error, TypeError) and options and "unexpected keyword argument" in str(error):
        return ConfigurationError(f"metric_options of '{name}' are refused by pyiqa: {written(error)}")
    return IsptuneError(f"the objective '{name}' cannot be created: {written(error)}")


def written(error: BaseException) -> str:
    """The exception as one line of bounded length."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}{'...' if len(text) > 300 else ''}"


def _is_not_fetched(error: BaseException) -> bool:
    # transformers wraps its failures in OSError and names the hub in the text.
    named = isinstance(error, OSError) and "huggingface.co" in str(error)
    return named or any(parent.__name__ in _NOT_FETCHED for parent in type(error).__mro__)


def _about_weights(name: str, metric: str, chain: list[BaseException], reachable: bool) -> str:
    url, target, repository = _wanted(chain)
    reason = written(chain[-1])
    if url and target:
        what = f"the weights {url}"
        remedy = f"fetch that file on another machine and save it here as {target}"
    else:
        what = f"the weights of '{repository}' from the Hugging Face hub" if repository else "weights"
        if not reachable:
            # What the hub's client says of its offline mode would send the user after the wrong cause.
            reason = "no connection to the hub"
        remedy = (
            f"run \"pyiqa.create_metric('{metric}')\" in Python on a machine with a connection and copy its "
            f"folders {torch.hub.get_dir()} and {_hub_folder()} here"
        )
    return (
        f"the objective '{name}' needs {what}, which are not on this machine and could not be downloaded "
        f"({reason}); {remedy}"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it was raised from, the outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _wanted(chain: list[BaseException]) -> tuple[str | None, str | None, str | None]:
    """The address that was asked for, the file it was to become, and the hub's repository.

    The libraries put none of them into their exceptions, but they are local variables of the functions that
    download (of torch.hub, pyiqa, CLIP and huggingface_hub) through which the exception came.
    """
    url = target = repository = None
    for error in chain:
        trace = error.__traceback__
        while trace is not None:
            local = trace.tb_frame.f_locals
            asked = local.get("url")
            for variable in ("cached_file", "download_target", "dst"):
                place = local.get(variable)
                if isinstance(asked, str) and asked.startswith("http") and isinstance(place, str):
                    url, target = url or asked, target or place
            for variable in ("repo_id", "path_or_repo_id", "pretrained_model_name_or_path"):
                known = local.get(variable)
                if isinstance(known, str):
                    repository = repository or known
            trace = trace.tb_next
    return url, target, repository


def _hub_folder() -> str:
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return os.path.join(os.path.expanduser("~"), ".cache", "huggingface", "hub")
    return str(HF_HUB_CACHE)
