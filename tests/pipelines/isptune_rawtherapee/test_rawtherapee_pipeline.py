"""RawTherapee as a pipeline: its profiles, and a few pictures where the program is installed."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch
from kornia.filters import gaussian_blur2d

import isptune
from isptune.errors import ConfigurationError, ImageError, MissingPackageError
from isptune.scenes import chart
from isptune_raw import raw_scenes, simulate
from isptune_rawtherapee.parameters import KEYS, profile_of, tuned_keys
from isptune_rawtherapee.pp3 import layered, parsed, read_pp3, written

needs_program = pytest.mark.skipif(
    shutil.which("rawtherapee-cli") is None,
    reason="rawtherapee-cli is not installed (apt-get install rawtherapee)",
)
VIBRANCE = {
    "vibrance.pastels": {"key": "Vibrance/Pastels", "type": "int", "low": -100, "high": 100, "default": 0}
}


def defaults(keys):
    return {name: key.parameter.decode(key.parameter.initial) for name, key in keys.items()}


def test_what_is_at_nothing_is_switched_off():
    keys = tuned_keys(None, None)
    profile = profile_of(keys, defaults(keys))
    assert profile["Directional Pyramid Denoising"]["Enabled"] == "false"
    assert profile["Sharpening"]["Enabled"] == "false"
    assert "Enabled" not in profile["Exposure"]
    profile = profile_of(keys, {**defaults(keys), "denoise.chroma": 12.5, "exposure.compensation": -0.5})
    assert profile["Directional Pyramid Denoising"]["Enabled"] == "true"
    assert profile["Directional Pyramid Denoising"]["Chroma"] == "12.5"
    assert profile["Exposure"]["Compensation"] == "-0.5"


def test_only_some_are_set():
    keys = tuned_keys(["denoise.*", "demosaic.method"], None)
    assert [*keys] == ["demosaic.method", *(name for name in KEYS if name.startswith("denoise."))]
    assert [*profile_of(keys, defaults(keys))] == ["RAW Bayer", "Directional Pyramid Denoising"]


def test_any_key_is_a_parameter_and_its_tool_is_on():
    keys = tuned_keys([], VIBRANCE)
    assert profile_of(keys, {"vibrance.pastels": -7}) == {"Vibrance": {"Pastels": "-7", "Enabled": "true"}}
    switch = {"vibrance.on": {"key": "Vibrance/Enabled", "type": "bool"}, **VIBRANCE}
    profile = profile_of(tuned_keys([], switch), {"vibrance.on": False, "vibrance.pastels": 1})
    assert profile == {"Vibrance": {"Enabled": "false", "Pastels": "1"}}


def test_profiles_are_layers(tmp_path):
    (tmp_path / "low.pp3").write_text("# a comment\n[A b]\nx=1;2;\ny=\n")
    low = read_pp3(tmp_path / "low.pp3")
    both = layered(low, {"A b": {"x": "3"}, "C": {"z": "4"}})
    assert both == {"A b": {"x": "3", "y": ""}, "C": {"z": "4"}}
    assert parsed(written(both), "it") == both
    assert low == {"A b": {"x": "1;2;", "y": ""}}


REFUSED = [
    ({"only": ["denoise.lumma"]}, "only names 'denoise.lumma', which RawTherapee's parameters do not have"),
    ({"only": "denoise.*"}, "allowed: a list"),
    ({"only": []}, "nothing is left to tune"),
    ({"keys": {"x": {"type": "int", "low": 0, "high": 1}}}, "allowed: a mapping with key, type and bounds"),
    (
        {"keys": {"x": {"key": "Pastels", "low": 0, "high": 1}}},
        "keys.x.key is 'Pastels'; allowed: Section/Key",
    ),
    ({"keys": {"x": {"key": "A]\n[B/c", "low": 0, "high": 1}}}, "allowed: Section/Key"),
    ({"keys": {"x": {"key": "A/b", "low": 0, "hgih": 1}}}, "parameter 'x' has the unknown key 'hgih'"),
    (
        {"keys": {"x": {"key": "A/b", "type": "choice", "options": ["a", "b\n[C]"]}}},
        "keys.x has an option of two lines",
    ),
    (
        {"keys": {"denoise.luma": {"key": "A/b", "low": 0, "high": 1}}},
        "keys has 'denoise.luma', which is a parameter",
    ),
    ({"profiles": ["/no/such.pp3"]}, "the profile '/no/such.pp3' cannot be read: No such file"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_what_is_refused(options, sentence):
    with pytest.raises(ConfigurationError) as refusal:
        isptune.create_pipeline("rawtherapee", scenes=["chart:320x240"], **options)
    assert sentence in str(refusal.value)


def test_a_profile_that_is_none_is_refused(tmp_path):
    (tmp_path / "x.pp3").write_text("Key=1\n")
    with pytest.raises(ConfigurationError, match="has no section and no Key=Value in line 1: 'Key=1'"):
        read_pp3(tmp_path / "x.pp3")


def test_a_missing_program_says_how_to_get_it():
    with pytest.raises(
        MissingPackageError, match="the program 'no-such' is not there; install it with apt-get"
    ):
        isptune.create_pipeline("rawtherapee", scenes=["chart:320x240"], program="no-such")


@needs_program
def test_a_scene_that_is_too_small_is_refused():
    with pytest.raises(ImageError, match="has 96x64 pixels, margins included; RawTherapee fails on fewer"):
        isptune.create_pipeline("rawtherapee", scenes=["chart:96x64"])


@pytest.fixture(scope="module")
def pipeline():
    """Lies on its side: the scene makes it upright, not the program."""
    picture = gaussian_blur2d(chart(240, 320)[None], (13, 13), (2.0, 2.0))[0]
    raw = simulate(torch.rot90(picture, 1, (1, 2)), noise=False)
    scenes = raw_scenes([replace(raw, orientation=6)], reference=[picture])
    made = isptune.create_pipeline("rawtherapee", scenes=scenes)
    made.development = replace(made.development, isolated=False, workers=2)
    return made


@needs_program
def test_pictures(pipeline):
    values = pipeline.space.from_dicts([{}, {"exposure.compensation": 1.0}, {"demosaic.method": "fast"}])
    plain, brighter, other = pipeline.render(values, 0)
    reference = pipeline.reference(0)[0]
    assert float(-10 * torch.log10((plain - reference).square().mean())) > 32
    linear, doubled = (
        torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
        for image in (plain, brighter)
    )
    middle = (linear > 0.05) & (linear < 0.3)
    assert float((doubled / linear)[middle].median()) == pytest.approx(2.0, rel=0.03)
    assert not torch.equal(plain, other)
    # Two of the three were developed together, the last one as well.
    assert torch.equal(other, pipeline.develop(pipeline.space.to_dicts(values)[2], pipeline.scenes[0]))
    assert pipeline.versions["RawTherapee"].split(".")[0].isdigit()


@needs_program
def test_an_exported_profile_gives_the_same_picture(pipeline, tmp_path):
    values = pipeline.space.to_dicts(pipeline.space.from_dicts([{"exposure.contrast": 40}]))[0]
    (tmp_path / "best.pp3").write_text(pipeline.settings_file(values, "pp3"))
    again = isptune.create_pipeline(
        "rawtherapee", scenes=pipeline.scenes, profiles=tmp_path / "best.pp3", only=["demosaic.method"]
    )
    again.development = pipeline.development
    first = pipeline.render(pipeline.space.from_dicts([values]), 0)
    assert torch.equal(first, again.render(again.space.start(), 0))


@needs_program
def test_a_key_that_the_program_does_not_have_is_refused(pipeline):
    wrong = {"vibrance.pastels": {**VIBRANCE["vibrance.pastels"], "key": "Vibrance/Pastel"}}
    with pytest.raises(
        ConfigurationError, match=r"keys.vibrance.pastels: .* has no key 'Pastel'; did you mean 'Pastels'"
    ):
        isptune.create_pipeline("rawtherapee", scenes=pipeline.scenes, keys=wrong)


@needs_program
def test_another_phase_of_the_mosaic_is_developed_rightly():
    picture = gaussian_blur2d(chart(320, 240)[None], (9, 9), (1.2, 1.2))[0]
    scenes = raw_scenes([simulate(picture, noise=False, pattern="GBRG")], reference=[picture])
    made = isptune.create_pipeline("rawtherapee", scenes=scenes)
    made.development = replace(made.development, isolated=False)
    # A wrong phase costs some 9 dB.
    error = (made.render(made.space.start(), 0)[0] - picture).square().mean()
    assert float(-10 * torch.log10(error)) > 33
