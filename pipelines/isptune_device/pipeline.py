"""The pipeline ``http``: a device or a lab server that takes parameters and gives pictures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import torch
from torch import Tensor

from isptune import Development, ParameterSpace, Scene
from isptune.errors import ConfigurationError, ImageError, ParameterError
from isptune.parameters.settings_files import FORMS, plain_text, written_settings
from isptune.scenes import read_image
from isptune.storage.yaml_files import read_mapping
from isptune.wording.naming import did_you_mean, listed
from isptune_device.client import Answer, Client, DeviceError
from isptune_external import ExternalPipeline
from isptune_external.pictures import fitted
from isptune_external.pipeline import Reference
from isptune_external.programs import ProgramError
from isptune_external.scratch import scratch_folder

_TYPES = {"json": "application/json", "yaml": "application/yaml", "toml": "application/toml"}
_REQUEST_KEYS = ("method", "path", "form")


class DevicePipeline(ExternalPipeline):
    """What pipelines of devices share: a client, scenes that are slots, settle time, averaged repeats.

    A subclass sets ``space`` and ``client`` and writes ``send`` and ``picture``.
    """

    # A device makes one picture at a time.
    client: Client
    settle: float
    repeats: int

    def take_slots(
        self,
        slots: Sequence[str] | str,
        size: Sequence[int],
        reference: Reference | Sequence[Reference] | None,
        settle: float,
        repeats: int,
        canary: bool,
        tolerance: float,
        timeout: float,
    ) -> None:
        """Keep what all devices have: slots with the size of their pictures, waiting, repeats, the canary."""
        names = [slots] if isinstance(slots, str) else list(slots)
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ConfigurationError(f"slots is {slots!r}; allowed: names of what the device sees")
        if (
            isinstance(size, str)
            or len(size) != 2
            or not all(isinstance(side, int) and side > 0 for side in size)
        ):
            raise ConfigurationError(
                f"size is {size!r}; allowed: width and height in pixels, such as [1920, 1080]"
            )
        if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 1:
            raise ConfigurationError(f"repeats is {repeats!r}; allowed: 1 and above")
        for name, value in (("settle", settle), ("tolerance", tolerance)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise ConfigurationError(f"{name} is {value!r}; allowed: 0 and above")
        given = [reference] if isinstance(reference, str | Path | Tensor) else list(reference or [])
        if given and len(given) != len(names):
            raise ConfigurationError(
                f"there are {len(given)} references and {len(names)} slots; give one for each"
            )
        width, height = size
        pictures: list[Tensor | None] = [None] * len(names)
        for place, one in enumerate(given):
            pictures[place] = one if isinstance(one, Tensor) else read_image(one)
        self.take_scenes(
            [
                Scene(name, (height, width), picture, name, index, {"device": name})
                for index, (name, picture) in enumerate(zip(names, pictures, strict=True))
            ]
        )
        self.settle, self.repeats = float(settle), repeats
        self.canary, self.tolerance = canary, float(tolerance)
        # The client's own time-outs come first and leave the worker alive.
        self.development = Development(workers=1, timeout=20 * timeout + repeats * (settle + timeout))

    def send(self, values: Mapping[str, Any], scene: Scene) -> None:
        """Give the device its parameters."""
        raise NotImplementedError

    def picture(self, scene: Scene) -> Answer:
        """Ask the device for a picture."""
        raise NotImplementedError

    def develop(self, values: dict[str, Any], scene: Scene) -> Tensor:
        """The mean (3, H, W) of the pictures that the device gives with these parameters, in [0, 1].

        Raises:
            DeviceError: it answered with an error, a redirect, HTML or no sound picture.
            TimeoutError: it did not answer in time.
        """
        self.send(values, scene)
        total: Tensor | None = None
        for _ in range(self.repeats):
            time.sleep(self.settle)
            one = decoded(self.picture(scene), scene).double()
            total = one if total is None else total + one
        assert total is not None
        return (total / self.repeats).to(torch.float32)


class HttpPipeline(DevicePipeline):
    """Sends parameters to a server, waits, and takes the picture that it then gives.

    Args:
        url: of the server, such as ``"http://192.168.0.20:8000"``.
        parameters: by name, as ``ParameterSpace.from_dict`` takes them, or a YAML file of such.
        size: width and height of its pictures in pixels.
        slots: names of what it sees, the pipeline's scenes; more than one where ``{scene}`` in a path
            chooses it.
        reference: what pictures are compared with, one for each slot.
        put: how parameters are sent: ``method`` (PUT), ``path`` (``/parameters``) and ``form``: ``"json"``,
            another form of ``isptune export``, or ``"query"`` for a query behind the path.
        get: how a picture is asked for: ``method`` (GET) and ``path`` (``/picture``).
        settle: seconds to wait before each picture.
        repeats: pictures that are averaged.
        retries: how often a request is sent again where the connection broke or the server said 5xx or 429.
        timeout: seconds for one answer.
        most_megabytes: of one answer (10^6 bytes).
        headers: of every request, such as a token.
        certificate: a PEM file with the certificate that an ``https`` server has signed itself.
        canary, tolerance: before a run, check that every parameter changes the picture and that pictures
            repeat within ``tolerance`` (a mean where white is 1).

    Raises:
        ConfigurationError: an argument that cannot be.
        ImageError: a reference that cannot be read.

    Example:
        >>> pipeline = HttpPipeline(
        ...     "http://127.0.0.1:8000", {"gain": {"low": 0.5, "high": 8}}, size=[640, 480]
        ... )
        >>> pipeline.scenes
        [Scene('device', 640x480, index=0)]
    """

    name = "http"

    def __init__(
        self,
        url: str,
        parameters: Mapping[str, Mapping[str, Any]] | str | Path,
        size: Sequence[int],
        slots: str | Sequence[str] = "device",
        reference: Reference | Sequence[Reference] | None = None,
        put: Mapping[str, str] | None = None,
        get: Mapping[str, str] | None = None,
        settle: float = 0.0,
        repeats: int = 1,
        retries: int = 2,
        timeout: float = 30.0,
        most_megabytes: float = 200.0,
        headers: Mapping[str, str] | None = None,
        certificate: str | None = None,
        canary: bool = True,
        tolerance: float = 0.02,
    ) -> None:
        self.space = read_space(parameters)
        self._put = _request("put", {"method": "PUT", "path": "/parameters", "form": "json"}, put)
        self._get = _request("get", {"method": "GET", "path": "/picture"}, get)
        forms = (*FORMS, "query")
        if self._put["form"] not in forms:
            raise ConfigurationError(
                f"put.form is '{self._put['form']}'{did_you_mean(self._put['form'], forms)}; "
                f"allowed: {listed(forms)}"
            )
        if not 0 < most_megabytes < float("inf"):
            raise ConfigurationError(f"most_megabytes is {most_megabytes}; allowed: above 0")
        self.client = Client(
            url, check_seconds(timeout), int(most_megabytes * 1e6), retries, headers, certificate
        )
        self.take_slots(slots, size, reference, settle, repeats, canary, tolerance, timeout)

    def send(self, values: Mapping[str, Any], scene: Scene) -> None:
        path = _path(self._put["path"], scene)
        if self._put["form"] == "query":
            query = urlencode({name: plain_text(value) for name, value in values.items()})
            self.client.ask(self._put["method"], f"{path}{'&' if '?' in path else '?'}{query}")
            return
        body = written_settings(values, self._put["form"]).encode()
        self.client.ask(self._put["method"], path, body, _TYPES.get(self._put["form"], "text/plain"))

    def picture(self, scene: Scene) -> Answer:
        return self.client.ask(self._get["method"], _path(self._get["path"], scene))


def decoded(answer: Answer, scene: Scene) -> Tensor:
    """The picture (3, H, W) of an answer.

    Raises:
        DeviceError: it is HTML, no picture, or one of another size.
    """
    start = answer.body[:200].lstrip().lower()
    if answer.kind in ("text/html", "application/xhtml+xml") or start.startswith(
        (b"<!doctype html", b"<html")
    ):
        raise DeviceError("the device gave a page of HTML and no picture; is the path right, and the login?")
    if not answer.body:
        raise DeviceError("the device gave an empty answer and no picture")
    with scratch_folder() as folder:
        path = folder / "picture"
        path.write_bytes(answer.body)
        try:
            picture = read_image(path)
        except ImageError as error:
            told = str(error).replace(str(path), "picture")
            raise DeviceError(
                f"the device gave what is no picture ({answer.kind or 'of no type'}): {told}"
            ) from None
    try:
        return fitted(picture, scene, "the device")
    except ProgramError as error:
        raise DeviceError(str(error)) from None


def read_space(parameters: Any) -> ParameterSpace:
    """Parameters of an option or of a YAML file, or a ConfigurationError."""
    if isinstance(parameters, str | Path):
        parameters = read_mapping(parameters, f"the parameters '{parameters}'", ConfigurationError)
    try:
        return ParameterSpace.from_dict(parameters)
    except ParameterError as error:
        raise ConfigurationError(str(error)) from error


def check_seconds(timeout: Any) -> float:
    """A time-out above 0 seconds, or a ConfigurationError."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise ConfigurationError(f"timeout is {timeout!r}; allowed: above 0 seconds")
    return float(timeout)


def _request(what: str, usual: Mapping[str, str], given: Any) -> dict[str, str]:
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(f"{what} is {given!r}; allowed: a mapping with some of {listed(usual)}")
    for key in given or {}:
        if key not in usual:
            raise ConfigurationError(
                f"{what} has the unknown key '{key}'{did_you_mean(str(key), usual)}; allowed: {listed(usual)}"
            )
    found = {**usual, **{key: str(value) for key, value in (given or {}).items()}}
    if not found["method"].isalpha() or not found["method"].isascii():
        raise ConfigurationError(
            f"{what}.method is '{found['method']}'; allowed: GET, POST, PUT and the like"
        )
    if not found["path"].startswith("/") or any(
        letter.isspace() or not letter.isprintable() or not letter.isascii() for letter in found["path"]
    ):
        raise ConfigurationError(
            f"{what}.path is '{found['path']}'; allowed: a path that begins with '/', no spaces, "
            "other letters than ASCII's as %XX"
        )
    found["method"] = found["method"].upper()
    return found


def _path(template: str, scene: Scene) -> str:
    return template.replace("{scene}", quote(scene.name, safe=""))
