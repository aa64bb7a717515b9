"""darktable as a pipeline: layouts, sidecars, and a few pictures where the program is installed."""

from __future__ import annotations

import shutil
import struct
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
import torch
from kornia.filters import gaussian_blur2d

import isptune
from isptune.errors import ConfigurationError, MissingPackageError
from isptune.scenes import chart
from isptune_darktable import xmp
from isptune_darktable.layouts import Layout, modules_folder, read_layouts
from isptune_darktable.parameters import PARAMETERS, Field, Step, history, own_field
from isptune_external import chosen
from isptune_raw import raw_scenes, simulate

needs_program = pytest.mark.skipif(
    shutil.which("darktable-cli") is None, reason="darktable-cli is not installed (apt-get install darktable)"
)


def number(name, offset, low, high, default, **more):
    return {
        "name": name,
        "type": "float",
        "offset": offset,
        "size": 4,
        "description": None,
        "min": low,
        "max": high,
        "default": default,
        **more,
    }


GLOW = Layout(
    "glow",
    3,
    36,
    {
        "gain": number("gain", 0, 0.0, 2.0, 0.10000000149011612),
        "mode": {
            "name": "mode",
            "type": "enum",
            "offset": 4,
            "size": 4,
            "description": "how",
            "default": 5,
            "values": {"SOFT": 1, "HARD": 5},
        },
        "on": {"name": "on", "type": "bool", "offset": 8, "size": 4, "description": None, "default": 1},
        "x[0][0]": number("x[0][0]", 12, -3.4e38, 3.4e38, 0.5),
        "x[0]": {"name": "x[0]", "type": "array", "offset": 12, "size": 12, "count": 3},
        "x": {"name": "x", "type": "array", "offset": 12, "size": 24, "count": 2},
    },
)


def test_structures_are_packed_with_their_defaults():
    plain = struct.unpack("<fiI6f", GLOW.packed({}))
    assert plain == (pytest.approx(0.1), 5, 1, *[0.5] * 6)
    moved = struct.unpack("<fiI6f", GLOW.packed({"gain": 1.5, "mode": "SOFT", "on": False, "x[1][2]": 9.0}))
    assert moved == (1.5, 1, 0, *[0.5] * 5, 9.0)


def test_fields_are_parameters_with_the_modules_own_bounds():
    gain, mode, on = (GLOW.parameter(name) for name in ("gain", "mode", "on"))
    assert (gain.low, gain.high, gain.default) == (0.0, 2.0, 0.1)
    assert (mode.options, mode.default, mode.description) == (("SOFT", "HARD"), "HARD", "how")
    assert on.default is True


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("glwo/gain", "fields.a: darktable has no module 'glwo'; did you mean 'glow'?"),
        ("glow/gian", "the module 'glow' of darktable has no field 'gian'; did you mean 'gain'?"),
        ("glow", "fields.a is 'glow'; allowed: module/field"),
        (7, "fields.a is 7; allowed: module/field such as vibrance/amount"),
        ("glow/x[2][0]", "'x[2][0]' of darktable's module 'glow' is past the end; there are 2"),
        ("glow/x[0][0]", "the field 'x[0][0]' of darktable's module 'glow' has no bounds; give low and high"),
        ({"field": "glow/gain", "hihg": 1}, "parameter 'a' has the unknown key 'hihg'; did you mean 'high'"),
    ],
)
def test_fields_that_are_refused(entry, sentence):
    with pytest.raises(ConfigurationError) as refusal:
        own_field("a", entry, {"glow": GLOW})
    assert sentence in str(refusal.value)


def test_own_bounds():
    field = own_field("a", {"field": "glow/x[1][0]", "low": 0, "high": 4, "default": 1}, {"glow": GLOW})
    assert (field.parameter.low, field.parameter.high, field.parameter.default) == (0.0, 4.0, 1.0)
    field = own_field("a", {"field": "glow/gain", "high": 1}, {"glow": GLOW})
    assert (field.parameter.low, field.parameter.high, field.parameter.default) == (0.0, 1.0, 0.1)


def defaults(**values):
    return {
        name: one.decode(one.initial) for name, one in chosen(None, PARAMETERS, "darktable").items()
    } | values


def test_what_is_at_nothing_is_not_in_the_history():
    assert [step.module for step in history(defaults(), {}, None)] == ["demosaic"]


def test_white_balance_and_noise_are_those_of_the_picture():
    raw = simulate(chart(64, 48), iso=1600)
    values = defaults(**{"white_balance.red": 2.0, "denoise.method": "nlmeans"})
    temperature, _, denoise = history(values, {}, raw)
    red, green, blue = raw.gains
    assert temperature.values["red"] == pytest.approx(2 * red / green)
    assert temperature.values["blue"] == pytest.approx(blue / green)
    assert [denoise.values[f"a[{place}]"] for place in range(3)] == raw.noise[:, 0].tolist()
    unknown = history(values, {}, replace(raw, noise=None))[-1]
    assert unknown.values["a[0]"] == -1.0


def test_own_fields_are_in_the_history_once():
    fields = {
        "a": Field("glow", "gain", GLOW.parameter("gain")),
        "b": Field("glow", "enabled", isptune.Bool()),
        "c": Field("demosaic", "median_thrs", isptune.Float(0, 1)),
    }
    steps = history(defaults(a=0.5, b=False, c=0.25), fields, None)
    assert steps[1] == Step("glow", False, {"gain": 0.5})
    assert steps[0].values["median_thrs"] == 0.25


def test_sidecars_are_xml():
    text = xmp.written([Step("glow", True, {"gain": 2.0}), Step("glow", False, {})], {"glow": GLOW})
    (first, second) = ElementTree.fromstring(text.encode()).iter(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
    )
    told = {name.rpartition("}")[2]: value for name, value in first.attrib.items()}
    assert told["operation"] == "glow"
    assert (told["modversion"], told["enabled"], told["params"]) == (
        "3",
        "1",
        GLOW.packed({"gain": 2.0}).hex(),
    )
    assert second.attrib["{http://darktable.sf.net/}enabled"] == "0"


def test_a_missing_program_says_how_to_get_it():
    with pytest.raises(
        MissingPackageError, match="the program 'no-such' is not there; install it with apt-get"
    ):
        isptune.create_pipeline("darktable", scenes=["chart:320x240"], program="no-such")


def test_names_that_no_parameter_has():
    with pytest.raises(
        ConfigurationError, match="only names 'denoise.strenght', which darktable's parameters do not"
    ):
        isptune.create_pipeline("darktable", scenes=["chart:320x240"], only=["denoise.strenght"])


@pytest.fixture(scope="module")
def pipeline():
    """Lies on its side: the scene makes it upright, not the program."""
    picture = gaussian_blur2d(chart(240, 320)[None], (13, 13), (2.0, 2.0))[0]
    raw = simulate(torch.rot90(picture, 1, (1, 2)), iso=400)
    scenes = raw_scenes([replace(raw, orientation=6)], reference=[picture])
    made = isptune.create_pipeline(
        "darktable",
        scenes=scenes,
        fields={"vibrance.amount": "vibrance/amount", "vibrance.on": "vibrance/enabled"},
    )
    made.development = replace(made.development, isolated=False, workers=2)
    return made


@needs_program
def test_layouts_are_those_of_the_installed_version(pipeline):
    layouts = read_layouts(modules_folder(shutil.which("darktable-cli")))
    assert len(layouts) > 50
    if pipeline.versions["darktable"] != "4.2.1":
        pytest.skip(f"the numbers are of darktable 4.2.1, and {pipeline.versions['darktable']} is installed")
    sizes = {
        name: (layouts[name].version, layouts[name].size) for name in ("exposure", "denoiseprofile", "bilat")
    }
    assert sizes == {"exposure": (6, 24), "denoiseprofile": (11, 412), "bilat": (3, 20)}
    assert layouts["denoiseprofile"].place("b[2]") == (52, "float")
    assert layouts["denoiseprofile"].place("y[5][6]") == (392, "float")
    assert layouts["sharpen"].parameter("radius").allowed == "[0, 99]"
    assert layouts["demosaic"].parameter("demosaicing_method").default == "DT_IOP_DEMOSAIC_RCD"


@needs_program
def test_pictures(pipeline):
    reference = pipeline.reference(0)[0]
    values = [{"vibrance.on": False}, {"vibrance.on": False, "exposure.gain": 1.0}, {}]
    values = pipeline.space.from_dicts(values)
    plain, brighter, vivid = pipeline.render(values, 0)
    # Two of the three were developed together, the last one as well.
    assert torch.equal(vivid, pipeline.develop(pipeline.space.to_dicts(values)[2], pipeline.scenes[0]))
    assert float(-10 * torch.log10((plain - reference).square().mean())) > 27
    linear, doubled = (
        torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
        for image in (plain, brighter)
    )
    middle = (linear > 0.1) & (linear < 0.3)
    assert float((doubled / linear)[middle].median()) == pytest.approx(2.0, rel=0.03)
    assert not torch.equal(plain, vivid)


@needs_program
def test_a_sidecar_of_another_version_is_a_failure(pipeline, monkeypatch):
    wrong = replace(pipeline._layouts["demosaic"], version=999)
    monkeypatch.setitem(pipeline._layouts, "demosaic", wrong)
    with isptune.Evaluator(pipeline, isptune.create_objective("psnr")) as evaluator:
        done = evaluator.evaluate(pipeline.space.to_unit(pipeline.space.start()).numpy())
    assert done.statuses == ["failed"]
    assert "'darktable-cli' said: " in done.reasons[0]
    assert "version mismatch" in done.reasons[0]


@needs_program
def test_another_phase_of_the_mosaic_is_developed_rightly():
    picture = gaussian_blur2d(chart(320, 240)[None], (9, 9), (1.2, 1.2))[0]
    scenes = raw_scenes([simulate(picture, noise=False, pattern="GBRG")], reference=[picture])
    made = isptune.create_pipeline("darktable", scenes=scenes)
    made.development = replace(made.development, isolated=False)
    # A wrong phase costs some 9 dB.
    error = (made.render(made.space.start(), 0)[0] - picture).square().mean()
    assert float(-10 * torch.log10(error)) > 33
