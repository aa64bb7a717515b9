"""rpi-ctt against a stub that follows the published code of its server (1.4); no hardware was there."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import isptune
from isptune.errors import ConfigurationError
from isptune_device.client import DeviceError
from isptune_device.raspberry_pi import changed

TUNING = {
    "version": 2.0,
    "target": "pisp",
    "algorithms": [
        {"rpi.sharpen": {"threshold": 0.75, "limit": 0.5, "strength": 1.0}},
        {"rpi.contrast": {"ce_enable": 1, "gamma_curve": [0, 0, 1024, 5040]}},
    ],
}


class CttServer:
    """The paths of ctt-server that a tuning needs; its picture is as bright as sharpening is strong."""

    def __init__(self, device, target="pisp"):
        self.variants, self.loaded, self.target = {}, None, target
        device.answer = self.answer

    def answer(self, handler, method, path, body):
        data = json.loads(body) if body else {}
        state = {
            "original": json.dumps(TUNING),
            "variants": [{"id": name, "label": name} for name in self.variants],
        }
        match method, path.removeprefix("/projects/my%20camera"):
            case "GET", "/tuning-data/pisp":
                return self.told(state)
            case "POST", "/tuning/custom/pisp":
                self.variants[data["label"]] = json.loads(data["json"])
                state["variants"] = [{"id": name, "label": name} for name in self.variants]
                return self.told(state)
            case "POST", "/tuning/custom/pisp/isptune" if "isptune" in self.variants:
                self.variants["isptune"] = json.loads(data["json"])
                return self.told(state)
            case "POST", "/preview-test":
                assert data == {"kind": "custom", "variant": "isptune"}
                self.loaded = self.variants["isptune"]
                return self.told({"target": self.target, "kind": "custom"})
            case "GET", "/preview-capture":
                sharpen = self.loaded["algorithms"][0]["rpi.sharpen"]
                level = round(25 * (sharpen["strength"] + sharpen["limit"] + sharpen["threshold"] / 2))
                file = io.BytesIO()
                Image.fromarray(np.full((40, 48, 3), level, np.uint8)).save(file, "PNG")
                return 200, "image/png", file.getvalue()
        return 404, "application/json", b'{"error": "not found"}'

    def told(self, data):
        return 200, "application/json", json.dumps(data).encode()


def camera(device, **options):
    options = {
        "project": "my camera",
        "size": [48, 40],
        "settle": 0.0,
        "repeats": 1,
        "timeout": 5.0,
        **options,
    }
    made = isptune.create_pipeline("rpi-ctt", url=device.url, **options)
    made.development = replace(made.development, isolated=False)
    return made


def test_a_candidate_is_a_changed_tuning_file(device):
    server = CttServer(device)
    pipeline = camera(device)
    values = pipeline.space.to_dicts(pipeline.space.start())[0]
    picture = pipeline.develop({**values, "sharpen.strength": 3.0}, pipeline.scenes[0])
    assert server.loaded["algorithms"][0] == {
        "rpi.sharpen": {"threshold": 1.0, "limit": 1.0, "strength": 3.0}
    }
    assert server.loaded["algorithms"][1] == TUNING["algorithms"][1]
    assert float(picture.mean()) == pytest.approx(112 / 255, abs=1e-3)
    pipeline.develop(values, pipeline.scenes[0])
    start = "/projects/my%20camera"
    rest = [
        f"POST {start}/tuning/custom/pisp/isptune",
        f"POST {start}/preview-test",
        f"GET {start}/preview-capture",
    ]
    assert device.paths() == [
        f"GET {start}/tuning-data/pisp",
        f"POST {start}/tuning/custom/pisp",
        *rest,
        *rest,
    ]


def test_a_run_passes_the_canary_and_scores_candidates(device):
    CttServer(device)
    pipeline = camera(device)
    pipeline.before_run(pipeline.space)
    with isptune.Evaluator(pipeline, isptune.create_objective("exposure")) as evaluator:
        done = evaluator.evaluate(np.linspace(0.1, 0.9, 9).reshape(3, 3))
    assert done.statuses == ["done"] * 3
    assert len(set(done.scores[:, 0])) == 3


def test_a_variant_of_an_earlier_run_is_used_again(device):
    server = CttServer(device)
    server.variants["isptune"] = {}
    pipeline = camera(device)
    pipeline.develop(pipeline.space.to_dicts(pipeline.space.start())[0], pipeline.scenes[0])
    assert "POST /projects/my%20camera/tuning/custom/pisp" not in device.paths()


def test_own_keys_reach_deep(device):
    keys = {"contrast.knee": {"key": "rpi.contrast/gamma_curve/3", "type": "int", "low": 4000, "high": 6000}}
    server = CttServer(device)
    pipeline = camera(device, keys=keys)
    values = pipeline.space.to_dicts(pipeline.space.start())[0]
    pipeline.develop(values, pipeline.scenes[0])
    assert server.loaded["algorithms"][1]["rpi.contrast"]["gamma_curve"] == [0, 0, 1024, 5000]
    assert json.loads(pipeline.settings_file(values, "own")) == server.loaded


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("rpi.sharpn/strength", "the tuning file has no algorithm 'rpi.sharpn'; did you mean 'rpi.sharpen'?"),
        ("rpi.contrast/gamma_curve/9", "the tuning file has no 'rpi.contrast/gamma_curve/9'"),
        ("rpi.contrast/no/such", "the tuning file has no 'rpi.contrast/no/such'"),
    ],
)
def test_what_a_tuning_file_does_not_have(place, sentence):
    with pytest.raises(DeviceError) as failure:
        changed(TUNING, {place: 1})
    assert sentence in str(failure.value)


def test_an_isp_of_another_kind_is_told(device):
    CttServer(device, target="vc4")
    pipeline = camera(device)
    with pytest.raises(DeviceError, match="the camera's ISP is 'vc4', and the tuning file is for 'pisp'"):
        pipeline.develop(pipeline.space.to_dicts(pipeline.space.start())[0], pipeline.scenes[0])


def test_what_is_refused(device):
    with pytest.raises(ConfigurationError, match="target is 'psip'; did you mean 'pisp'"):
        camera(device, target="psip")
    with pytest.raises(ConfigurationError, match="keys.x is .* allowed: a mapping with key, type and bounds"):
        camera(device, keys={"x": {"low": 0, "high": 1}})
