"""The pipeline ``rpi-ctt``: a Raspberry Pi's camera through the server of its calibration tool."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from isptune import Float, ParameterSpace, Scene
from isptune.errors import ConfigurationError
from isptune.parameters.parameter import Parameter
from isptune.wording.naming import did_you_mean, listed
from isptune_device.client import Answer, Client, DeviceError
from isptune_device.pipeline import DevicePipeline, check_seconds
from isptune_external.pipeline import Reference

TARGETS = ("pisp", "vc4")

# By name the algorithm and the key in a tuning file, and what is tuned.
KEYS: Mapping[str, tuple[str, Parameter]] = {
    "sharpen.threshold": (
        "rpi.sharpen/threshold",
        Float(0.0, 4.0, default=1.0, description="noise below it is not sharpened"),
    ),
    "sharpen.strength": ("rpi.sharpen/strength", Float(0.0, 4.0, default=1.0)),
    "sharpen.limit": (
        "rpi.sharpen/limit",
        Float(0.0, 4.0, default=1.0, description="how far a pixel is moved at most"),
    ),
}

_LABEL = "isptune"


class RaspberryPiPipeline(DevicePipeline):
    """Tunes the tuning file of a Raspberry Pi camera through ``ctt-server`` (rpi-ctt 1.4).

    For each candidate the project's tuning file is changed and saved as its custom variant ``isptune``, the
    camera is started with it, and a picture of its preview is taken. **It follows the server's published
    code and was tried against a stub of it, never on hardware.** Set exposure and gain by hand in the
    server's page first: with automatic exposure pictures do not repeat.

    Args:
        url: of the server, such as ``"https://raspberrypi.local:5000"``.
        project: the server's project; it needs a tuning file for ``target``.
        size: width and height of the preview's pictures in pixels.
        target: ``"pisp"`` (Raspberry Pi 5) or ``"vc4"``.
        keys: further parameters, by name with ``key``, ``"algorithm/key"`` such as
            ``"rpi.contrast/ce_enable"``, and what ``ParameterSpace.from_dict`` takes. Deeper keys and places
            in lists follow behind further slashes.
        slots, reference, settle, repeats, retries, timeout, headers, certificate, canary, tolerance: as of
            the pipeline ``http``. The server signs its certificate itself: give it as ``certificate``.

    Raises:
        ConfigurationError: an argument that cannot be.
    """

    name = "rpi-ctt"

    def __init__(
        self,
        url: str,
        project: str,
        size: Sequence[int],
        target: str = "pisp",
        keys: Mapping[str, Mapping[str, Any]] | None = None,
        slots: str | Sequence[str] = "device",
        reference: Reference | Sequence[Reference] | None = None,
        settle: float = 2.0,
        repeats: int = 2,
        retries: int = 2,
        timeout: float = 60.0,
        headers: Mapping[str, str] | None = None,
        certificate: str | None = None,
        canary: bool = True,
        tolerance: float = 0.02,
    ) -> None:
        if target not in TARGETS:
            raise ConfigurationError(
                f"target is {target!r}{did_you_mean(str(target), TARGETS)}; allowed: {listed(TARGETS)}"
            )
        if not isinstance(project, str) or not project:
            raise ConfigurationError(
                f"project is {project!r}; allowed: the name of one of the server's projects"
            )
        self._keys = {**KEYS, **{name: _own(name, entry, KEYS) for name, entry in (keys or {}).items()}}
        self.space = ParameterSpace({name: parameter for name, (_, parameter) in self._keys.items()})
        self._project = f"/projects/{quote(project, safe='')}"
        self._target = target
        self.client = Client(url, check_seconds(timeout), 200_000_000, retries, headers, certificate)
        self.take_slots(slots, size, reference, settle, repeats, canary, tolerance, timeout)
        self._tuning: dict[str, Any] | None = None
        self._variant = ""

    def send(self, values: Mapping[str, Any], scene: Scene) -> None:
        if self._tuning is None:
            self._prepare()
        assert self._tuning is not None
        text = json.dumps(
            changed(self._tuning, {self._keys[name][0]: value for name, value in values.items()})
        )
        custom = f"{self._project}/tuning/custom/{self._target}"
        self.client.ask_json("POST", f"{custom}/{self._variant}", {"json": text})
        started = self.client.ask_json(
            "POST", f"{self._project}/preview-test", {"kind": "custom", "variant": self._variant}
        )
        if started.get("target") != self._target:
            raise DeviceError(
                f"the camera's ISP is '{started.get('target')}', and the tuning file is for "
                f"'{self._target}'; set the option target"
            )

    def picture(self, scene: Scene) -> Answer:
        return self.client.ask("GET", f"{self._project}/preview-capture")

    def settings_file(self, values: Mapping[str, Any], form: str) -> str:
        """Parameters as text; the form ``"own"`` is a whole tuning file, for which the server is asked."""
        if form != "own":
            return super().settings_file(values, form)
        if self._tuning is None:
            self._prepare()
        assert self._tuning is not None
        settings = {self._keys[name][0]: value for name, value in values.items()}
        return json.dumps(changed(self._tuning, settings), indent=4) + "\n"

    def _prepare(self) -> None:
        """Read the project's tuning file, and make or find the variant that candidates are written into."""
        state = self.client.ask_json("GET", f"{self._project}/tuning-data/{self._target}")
        text = state.get("original")
        try:
            tuning = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            tuning = None
        if not isinstance(tuning, dict):
            raise DeviceError("the server's project has no tuning file that is JSON")
        found = [one["id"] for one in state.get("variants") or [] if one.get("label") == _LABEL]
        if not found:
            made = self.client.ask_json(
                "POST", f"{self._project}/tuning/custom/{self._target}", {"label": _LABEL, "json": text}
            )
            found = [one["id"] for one in made.get("variants") or [] if one.get("label") == _LABEL]
        if not found:
            raise DeviceError(f"the server did not keep the variant '{_LABEL}' of the tuning file")
        self._variant = quote(str(found[0]), safe="")
        self._tuning = tuning


def changed(tuning: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A tuning file with other values.

    Args:
        tuning: version 2, with a list ``algorithms`` of mappings of one name each.
        values: by ``"algorithm/key"``; numbers between slashes are places in lists.

    Raises:
        DeviceError: it has no such algorithm or key.
    """
    found: dict[str, Any] = copy.deepcopy(dict(tuning))
    entries = found.get("algorithms")
    algorithms = (
        {name: own for one in entries for name, own in one.items()} if isinstance(entries, list) else {}
    )
    for place, value in values.items():
        algorithm, *path = place.split("/")
        holder = algorithms.get(algorithm)
        if not isinstance(holder, dict):
            raise DeviceError(
                f"the tuning file has no algorithm '{algorithm}'{did_you_mean(algorithm, algorithms)}; "
                f"it has {listed(algorithms, 30)}"
            )
        *before, last = (int(step) if step.isdecimal() else step for step in path)
        try:
            part: Any = holder
            for step in before:
                part = part[step]
            # A key that is missing has the algorithm's own default; a place in a list has to be there.
            if isinstance(part, list):
                part[int(last)]
            part[last] = value
        except (KeyError, IndexError, TypeError, ValueError):
            raise DeviceError(f"the tuning file has no '{place}'") from None
    return found


def _own(name: str, entry: Any, known: Mapping[str, Any]) -> tuple[str, Parameter]:
    if name in known:
        raise ConfigurationError(f"keys has '{name}', which is a parameter already; give it another name")
    if not isinstance(entry, Mapping) or "/" not in str(entry.get("key", "")):
        raise ConfigurationError(
            f"keys.{name} is {entry!r}; allowed: a mapping with key, type and bounds, such as "
            "{key: rpi.sharpen/strength, low: 0, high: 4}"
        )
    described = {key: value for key, value in entry.items() if key != "key"}
    return str(entry["key"]), ParameterSpace.from_dict({name: described}).parameters[0]
