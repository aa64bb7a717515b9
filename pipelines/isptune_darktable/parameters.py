"""darktable's settings as parameters with physical names, and as modules of a history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isptune import Bool, Choice, Float, Int, ParameterSpace
from isptune.errors import ConfigurationError
from isptune.parameters.parameter import Parameter
from isptune.wording.naming import did_you_mean, listed
from isptune_darktable.layouts import Layout
from isptune_raw import RawImage

_METHODS = {
    "RCD": "DT_IOP_DEMOSAIC_RCD",
    "AMaZE": "DT_IOP_DEMOSAIC_AMAZE",
    "LMMSE": "DT_IOP_DEMOSAIC_LMMSE",
    "PPG": "DT_IOP_DEMOSAIC_PPG",
    "VNG4": "DT_IOP_DEMOSAIC_VNG4",
}
_DENOISERS = {"wavelets": "MODE_WAVELETS", "nlmeans": "MODE_NLMEANS"}
# A search comes back to a default within rounding, and is to give the default's picture.
_ROUNDING = 1e-9

_NLMEANS = {"method": "nlmeans"}
_ON = {"method": ["wavelets", "nlmeans"]}

# All is off, or as darktable has it, at the defaults.
PARAMETERS: Mapping[str, Parameter] = {
    "exposure.gain": Float(-3.0, 3.0, default=0.0, unit="EV"),
    "exposure.black": Float(-0.02, 0.02, default=0.0, description="what becomes black, where white is 1"),
    "white_balance.red": Float(
        0.5, 2.0, log=True, default=1.0, description="gain, as a multiple of that as shot"
    ),
    "white_balance.blue": Float(
        0.5, 2.0, log=True, default=1.0, description="gain, as a multiple of that as shot"
    ),
    "demosaic.method": Choice(tuple(_METHODS), default="RCD", description="how colours are filled in"),
    "demosaic.color_smoothing": Int(0, 5, default=0, description="medians of colour differences"),
    "denoise.method": Choice(("off", *_DENOISERS), default="off", description="profiled noise reduction"),
    "denoise.strength": Float(0.1, 10.0, log=True, default=1.0, active_if=_ON),
    "denoise.shadows": Float(0.0, 1.8, default=1.0, active_if=_ON, description="how much they are spared"),
    "denoise.patch": Int(
        0, 4, default=1, unit="px", active_if=_NLMEANS, description="radius of what is compared"
    ),
    "denoise.search": Int(
        2, 12, default=7, unit="px", active_if=_NLMEANS, description="radius of the search"
    ),
    "denoise.detail": Float(
        0.0, 10.0, default=0.1, active_if=_NLMEANS, description="weight of the pixel itself"
    ),
    "sharpen.amount": Float(0.0, 2.0, default=0.0, description="of unsharp masking"),
    "sharpen.radius": Float(0.3, 8.0, default=2.0, unit="px"),
    "sharpen.threshold": Float(0.0, 20.0, default=0.5, description="what is left as it is"),
    "local_contrast.detail": Float(-1.0, 4.0, default=0.0),
    "local_contrast.highlights": Float(0.0, 2.0, default=0.5),
    "local_contrast.shadows": Float(0.0, 2.0, default=0.5),
}


@dataclass(frozen=True)
class Field:
    """A user's own parameter: a field of a module, or whether the module is on."""

    module: str
    field: str
    parameter: Parameter


@dataclass(frozen=True)
class Step:
    """One module of a history, with the values that it does not have by default."""

    module: str
    enabled: bool
    values: Mapping[str, Any]


def own_field(name: str, entry: Any, layouts: Mapping[str, Layout]) -> Field:
    """A user's own parameter: ``"module/field"``, or a mapping with ``field`` and other bounds.

    Raises:
        ConfigurationError: no such module or field, or bounds that cannot be.
    """
    given = {"field": entry} if isinstance(entry, str) else entry
    if not isinstance(given, Mapping) or "field" not in given:
        raise ConfigurationError(
            f"fields.{name} is {entry!r}; allowed: module/field such as vibrance/amount, or a mapping with "
            "field and bounds"
        )
    module, slash, field = str(given["field"]).partition("/")
    if not slash or not field:
        raise ConfigurationError(f"fields.{name} is '{given['field']}'; allowed: module/field")
    if module not in layouts:
        raise ConfigurationError(
            f"fields.{name}: darktable has no module '{module}'{did_you_mean(module, layouts)}; "
            f"it has {listed(layouts, 100)}"
        )
    if field == "enabled":
        return Field(module, field, Bool(default=True, description=f"whether {module} is on"))
    described = {key: value for key, value in given.items() if key != "field"}
    if described:
        # What it is follows from the field; bounds and default may be others.
        _, kind = layouts[module].place(field)
        if {"low", "high"} <= set(described):
            whole = kind not in ("float", "double")
            entry = {"type": "int" if whole else "float", **described}
            return Field(module, field, ParameterSpace.from_dict({name: entry}).parameters[0])
        base = ParameterSpace({name: layouts[module].parameter(field)}).to_dict()[name]
        return Field(module, field, ParameterSpace.from_dict({name: {**base, **described}}).parameters[0])
    return Field(module, field, layouts[module].parameter(field))


def history(values: Mapping[str, Any], fields: Mapping[str, Field], raw: RawImage | None) -> list[Step]:
    """The modules of a candidate; of a raw picture its white balance and noise are taken."""

    def value(name: str) -> Any:
        return values.get(name, PARAMETERS[name].default)

    steps = []
    red, blue = value("white_balance.red"), value("white_balance.blue")
    if max(abs(red - 1), abs(blue - 1)) > _ROUNDING:
        as_shot = (1.0, 1.0, 1.0) if raw is None else raw.gains
        green = as_shot[1]
        steps.append(
            Step(
                "temperature",
                True,
                {"red": as_shot[0] / green * red, "green": 1.0, "blue": as_shot[2] / green * blue, "g2": 1.0},
            )
        )
    demosaic = {
        "demosaicing_method": _METHODS[value("demosaic.method")],
        "color_smoothing": value("demosaic.color_smoothing"),
    }
    steps.append(Step("demosaic", True, demosaic))
    method = value("denoise.method")
    if method != "off":
        denoise = {
            "mode": _DENOISERS[method],
            "strength": value("denoise.strength"),
            "shadows": value("denoise.shadows"),
            "radius": value("denoise.patch"),
            "nbhood": value("denoise.search"),
            "central_pixel_weight": value("denoise.detail"),
        }
        if raw is not None and raw.noise is not None:
            for place in range(3):
                denoise[f"a[{place}]"], denoise[f"b[{place}]"] = raw.noise[place].tolist()
        else:
            # darktable's own profile of the camera and its sensitivity.
            denoise["a[0]"] = -1.0
        steps.append(Step("denoiseprofile", True, denoise))
    gain, black = value("exposure.gain"), value("exposure.black")
    if max(abs(gain), abs(black)) > _ROUNDING:
        steps.append(Step("exposure", True, {"exposure": gain, "black": black}))
    if value("sharpen.amount") > 0:
        names = ("amount", "radius", "threshold")
        steps.append(Step("sharpen", True, {name: value(f"sharpen.{name}") for name in names}))
    if abs(value("local_contrast.detail")) > _ROUNDING:
        local = {
            "detail": value("local_contrast.detail"),
            "sigma_r": value("local_contrast.highlights"),
            "sigma_s": value("local_contrast.shadows"),
        }
        steps.append(Step("bilat", True, local))
    return _with_own(steps, values, fields)


def _with_own(steps: list[Step], values: Mapping[str, Any], fields: Mapping[str, Field]) -> list[Step]:
    """The steps with a user's own fields, each module once."""
    found = {step.module: step for step in steps}
    for name, field in fields.items():
        step = found.get(field.module, Step(field.module, True, {}))
        if field.field == "enabled":
            found[field.module] = Step(field.module, bool(values[name]), step.values)
        else:
            found[field.module] = Step(field.module, step.enabled, {**step.values, field.field: values[name]})
    return [*found.values()]
