"""RawTherapee's settings as parameters with physical names, and as keys of a PP3 profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isptune import Bool, Choice, Float, Int, ParameterSpace
from isptune.errors import ConfigurationError
from isptune.parameters.parameter import Parameter
from isptune.parameters.settings_files import plain_text
from isptune_external import chosen

METHODS = ("amaze", "rcd", "lmmse", "igv", "vng4", "fast", "ahd", "dcb", "hphd")

_DENOISING = "Directional Pyramid Denoising"


@dataclass(frozen=True)
class Key:
    """A parameter and the key of a PP3 profile that it sets.

    Attributes:
        section, key: of the profile.
        parameter: what is tuned.
        switch: what the tool's ``Enabled`` follows: ``"above 0"``, on while the value is above 0;
            ``"always"``; empty where the key says nothing of it.
    """

    section: str
    key: str
    parameter: Parameter
    switch: str = ""


# RawTherapee's own neutral profile holds all of these defaults; what is off is at 0.
KEYS: Mapping[str, Key] = {
    "exposure.compensation": Key(
        "Exposure", "Compensation", Float(-3.0, 3.0, default=0.0, unit="EV", description="gain")
    ),
    "exposure.brightness": Key(
        "Exposure", "Brightness", Int(-100, 100, default=0, description="a curve that lifts middle tones")
    ),
    "exposure.contrast": Key("Exposure", "Contrast", Int(-100, 100, default=0, description="an S-curve")),
    "exposure.saturation": Key("Exposure", "Saturation", Int(-100, 100, default=0)),
    "exposure.black": Key(
        "Exposure", "Black", Int(-500, 2000, default=0, unit="of 65535", description="what becomes black")
    ),
    "exposure.highlight_compression": Key(
        "Exposure",
        "HighlightCompr",
        Int(0, 500, default=0, description="of what compensation makes too bright"),
    ),
    "white_balance.setting": Key(
        "White Balance", "Setting", Choice(("Camera", "Custom"), default="Camera", description="whose")
    ),
    "white_balance.temperature": Key(
        "White Balance",
        "Temperature",
        Int(2500, 12000, default=6504, unit="K", active_if={"setting": "Custom"}),
    ),
    "white_balance.green": Key(
        "White Balance",
        "Green",
        Float(0.6, 1.6, log=True, default=1.0, active_if={"setting": "Custom"}, description="tint"),
    ),
    "demosaic.method": Key(
        "RAW Bayer", "Method", Choice(METHODS, default="amaze", description="how colours are filled in")
    ),
    "demosaic.false_color_steps": Key(
        "RAW Bayer", "CcSteps", Int(0, 5, default=0, description="medians of colour differences")
    ),
    "denoise.luma": Key(
        _DENOISING,
        "Luma",
        Float(0.0, 100.0, default=0.0, description="noise reduction of lightness"),
        "above 0",
    ),
    "denoise.detail": Key(
        _DENOISING, "Ldetail", Float(0.0, 100.0, default=0.0, description="detail that it gives back")
    ),
    "denoise.chroma": Key(
        _DENOISING,
        "Chroma",
        Float(0.0, 100.0, default=0.0, description="noise reduction of colour"),
        "above 0",
    ),
    "denoise.mode": Key(
        _DENOISING,
        "Method",
        Choice(("Lab", "RGB"), default="Lab", description="colours in which noise is reduced"),
    ),
    "denoise.gamma": Key(
        _DENOISING, "Gamma", Float(1.0, 3.0, default=1.7, description="more in shadows as it grows")
    ),
    "impulse_denoise.threshold": Key(
        "Impulse Denoising",
        "Threshold",
        Int(0, 100, default=0, description="removal of single pixels"),
        "above 0",
    ),
    "sharpen.amount": Key(
        "Sharpening", "Amount", Int(0, 1000, default=0, description="of unsharp masking"), "above 0"
    ),
    "sharpen.radius": Key("Sharpening", "Radius", Float(0.3, 3.0, default=0.5, unit="px")),
    "sharpen.contrast": Key(
        "Sharpening", "Contrast", Int(0, 200, default=20, description="where it begins, against noise")
    ),
    "local_contrast.amount": Key(
        "Local Contrast",
        "Amount",
        Float(0.0, 1.0, default=0.0, description="of wide unsharp masking"),
        "above 0",
    ),
    "local_contrast.radius": Key("Local Contrast", "Radius", Int(20, 200, default=80, unit="px")),
}

# Methods by which the keys above mean what is said of them.
FIXED: Mapping[str, Mapping[str, str]] = {
    "Version": {"AppVersion": "5.9", "Version": "349"},
    # Else four pixels are cut off at every side.
    "RAW Bayer": {"Border": "0"},
}
_WITH: Mapping[str, Mapping[str, str]] = {
    _DENOISING: {
        "LMethod": "SLI",
        "CMethod": "MAN",
        "C2Method": "MANU",
        "Redchro": "0",
        "Bluechro": "0",
    },
    "Sharpening": {"Method": "usm"},
}

_KINDS: Mapping[str, type[Parameter]] = {"float": Float, "int": Int, "choice": Choice, "bool": Bool}


def tuned_keys(only: Sequence[str] | None, more: Mapping[str, Any] | None) -> dict[str, Key]:
    """The keys that are tuned: of those above the ones that globs choose, and a user's own.

    Args:
        only: names or globs such as ``"denoise.*"``; all if None.
        more: names to mappings with ``key``, ``"Section/Key"``, and what ``ParameterSpace.from_dict`` takes.

    Raises:
        ConfigurationError: one sentence about the first mistake.
    """
    found = chosen(only, KEYS, "RawTherapee")
    for name, entry in (more or {}).items():
        if name in found:
            raise ConfigurationError(f"keys has '{name}', which is a parameter already; give it another name")
        found[name] = _own(str(name), entry)
    if not found:
        raise ConfigurationError("nothing is left to tune: only is empty, and so are keys")
    return found


def _own(name: str, entry: Any) -> Key:
    if not isinstance(entry, Mapping) or "key" not in entry:
        raise ConfigurationError(
            f"keys.{name} is {entry!r}; allowed: a mapping with key, type and bounds, such as "
            "{key: Vibrance/Pastels, type: int, low: -100, high: 100, default: 0}"
        )
    section, slash, key = str(entry["key"]).partition("/")
    if not slash or not section or not key or set(section + key) & set("\n\r[]="):
        raise ConfigurationError(
            f"keys.{name}.key is '{entry['key']}'; allowed: Section/Key, as a PP3 has them"
        )
    described = {what: value for what, value in entry.items() if what != "key"}
    (parameter,) = ParameterSpace.from_dict({name: described}).parameters
    for option in getattr(parameter, "options", ()):
        if isinstance(option, str) and set(option) & set("\n\r"):
            raise ConfigurationError(f"keys.{name} has an option of two lines, which no PP3 can hold")
    return Key(section, key, parameter, "" if key == "Enabled" else "always")


def profile_of(keys: Mapping[str, Key], values: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What a candidate lays over the other profiles."""
    found: dict[str, dict[str, str]] = {}
    switches: dict[str, bool] = {}
    for name, key in keys.items():
        value = values[name]
        section = found.setdefault(key.section, dict(_WITH.get(key.section, {})))
        section[key.key] = plain_text(value)
        if key.switch:
            on = key.switch == "always" or value > 0
            switches[key.section] = switches.get(key.section, False) or on
    for name, on in switches.items():
        if not any(key.section == name and key.key == "Enabled" for key in keys.values()):
            found[name]["Enabled"] = "true" if on else "false"
    return found
