"""A device over HTTP: what is sent, what is averaged, and what becomes of a device that misbehaves."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import isptune
from isptune.errors import ConfigurationError
from isptune.testing import PipelineConformance

GAIN = {"tone.gain": {"type": "float", "low": 0.2, "high": 1.0, "default": 0.5}}


def png(level: float, width: int = 48, height: int = 40) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), round(level * 255), np.uint8)).save(file, "PNG")
    return file.getvalue()


def http(device, **options):
    options = {"parameters": GAIN, "size": [48, 40], "timeout": 5.0, "retries": 0, **options}
    made = isptune.create_pipeline("http", url=device.url, **options)
    made.development = replace(made.development, isolated=False)
    return made


def works(device):
    """Paints its gain."""
    state = {"gain": 0.0}

    def answer(handler, method, path, body):
        if method == "PUT":
            state["gain"] = json.loads(body)["tone"]["gain"]
            return 204, "text/plain", b""
        return 200, "image/png", png(state["gain"])

    device.answer = answer


class TestHttp(PipelineConformance):
    @pytest.fixture(autouse=True)
    def _device(self, device):
        self.device = device
        works(device)

    def make(self):
        return http(self.device, slots=["left", "right"])


def develop(pipeline, **values):
    start = pipeline.space.to_dicts(pipeline.space.start())[0]
    return pipeline.develop({**start, **values}, pipeline.scenes[0])


def test_parameters_are_put_and_a_picture_comes_back(device):
    works(device)
    picture = develop(http(device), **{"tone.gain": 0.8})
    assert picture.shape == (3, 40, 48)
    assert float(picture.mean()) == pytest.approx(0.8, abs=1e-3)
    assert device.paths() == ["PUT /parameters", "GET /picture"]


def test_paths_methods_and_forms_are_options(device):
    device.answer = lambda *request: (200, "image/png", png(0.5))
    pipeline = http(
        device,
        slots=["left room", "b"],
        put={"method": "post", "path": "/set/{scene}?x=1", "form": "query"},
        get={"path": "/{scene}.png"},
        headers={"Authorization": "Bearer 7"},
    )
    develop(pipeline)
    assert device.paths() == ["POST /set/left%20room?x=1&tone.gain=0.5", "GET /left%20room.png"]


def test_repeats_are_averaged_and_the_device_settles(device):
    levels = iter([0.2, 0.6, 0.4])
    device.answer = lambda handler, method, *_: (
        200,
        "image/png",
        b"" if method == "PUT" else png(next(levels)),
    )
    started = time.monotonic()
    picture = develop(http(device, repeats=3, settle=0.02))
    assert time.monotonic() - started >= 0.06
    assert float(picture.mean()) == pytest.approx(0.4, abs=2e-3)


def test_what_may_pass_is_tried_again(device):
    count = iter(range(9))
    works(device)
    sound = device.answer
    device.answer = lambda *request: (503, "text/plain", b"busy") if next(count) < 2 else sound(*request)
    assert develop(http(device, retries=2)).shape == (3, 40, 48)
    assert device.paths() == ["PUT /parameters"] * 3 + ["GET /picture"]


def hangs(handler, *request):
    time.sleep(1.0)


def drips(handler, *request):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(100):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.02)


def drips_a_body(handler, *request):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    drips(handler)


def drips_and_closes(handler, *request):
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 10000\r\n\r\n")
    drips(handler)
    time.sleep(10.0)


def says_more_than_it_should(handler, *request):
    handler.wfile.write(b"HTTP/1.0 500 \x1b[31mred\r\n\r\n\x1b]0;title\x07" + b"x" * 9999)


def lies(handler, *request):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + png(0.5))


def floods(handler, *request):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(200):
        handler.wfile.write(bytes(10_000))


def redirects(handler, *request):
    handler.send_response(302)
    handler.send_header("Location", "http://example.com/x")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def nonsense(handler, *request):
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")


FAULTS = [
    (hangs, "timed out", "/picture did not answer within 0.3 s"),
    (drips, "timed out", "/picture did not answer within 0.3 s"),
    (drips_a_body, "timed out", "/picture did not answer within 0.3 s"),
    (drips_and_closes, "timed out", "/picture did not answer within 0.3 s"),
    (says_more_than_it_should, "failed", "DeviceError: /picture answered 500 ?[31mred (?]0;title?xxx"),
    (lies, "failed", "DeviceError: /picture announced 5,000 bytes and sent "),
    (floods, "failed", "DeviceError: /picture sends more than 1,000,000 bytes, the most that is taken"),
    (
        redirects,
        "failed",
        "DeviceError: /picture redirects to 'http://example.com/x', which isptune does not follow",
    ),
    (nonsense, "failed", "DeviceError: no answer of /picture at 127.0.0.1: "),
    (
        lambda *request: (200, "text/html; charset=utf-8", b"<p>Log in"),
        "failed",
        "DeviceError: the device gave a page of HTML and no picture",
    ),
    (lambda *request: (200, "image/png", b"<!DOCTYPE html><p>"), "failed", "a page of HTML and no picture"),
    (
        lambda *request: (200, "image/png", b"\x89PNG\r\n\x1a\n"),
        "failed",
        "the device gave what is no picture (image/png): ",
    ),
    (lambda *request: (200, "image/png", b""), "failed", "the device gave an empty answer and no picture"),
    (
        lambda *request: (404, "text/plain", b"no such\npath"),
        "failed",
        "/picture answered 404 Not Found (no such path)",
    ),
    (
        lambda *request: (200, "image/png", png(0.5, 64)),
        "failed",
        "the device gave a picture of 64x40 pixels; needed: 48x40",
    ),
    (
        lambda *request: (200, "image/png", b"x" * 1_500_000),
        "failed",
        "/picture announces 1,500,000 bytes; at most 1,000,000",
    ),
]


@pytest.mark.parametrize(("fault", "status", "reason"), FAULTS)
def test_faults_cost_their_candidate_alone(device, fault, status, reason):
    works(device)
    sound = device.answer
    state = {"count": 0}

    def answer(handler, method, path, body):
        state["count"] += method == "PUT"
        return (
            fault(handler, method, path, body)
            if state["count"] == 1 and method == "GET"
            else sound(handler, method, path, body)
        )

    device.answer = answer
    # A busy machine is slow as well.
    timeout = 0.3 if status == "timed out" else 10.0
    pipeline = http(device, timeout=timeout, most_megabytes=1.0, canary=False)
    with isptune.Evaluator(pipeline, isptune.create_objective("sharpness")) as evaluator:
        started = time.monotonic()
        done = evaluator.evaluate([[0.0], [0.5]])
        assert time.monotonic() - started < 10
    assert done.statuses == [status, "done"]
    assert reason in done.reasons[0]


def test_a_device_that_is_not_there(device):
    pipeline = http(device)
    device.server.shutdown()
    device.server.server_close()
    with pytest.raises(RuntimeError, match="no answer of /parameters at 127.0.0.1: .*refused"):
        develop(pipeline)


def test_noise_passes_the_canary_and_an_idle_parameter_does_not(device):
    generator = np.random.default_rng(0)

    def answer(handler, method, path, body):
        if method == "PUT":
            answer.gain = json.loads(body)["tone"]["gain"]
            return 200, "text/plain", b""
        noisy = answer.gain * 255 + generator.normal(0, 2, (40, 48, 3))
        file = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "PNG")
        return 200, "image/png", file.getvalue()

    device.answer = answer
    pipeline = http(device)
    pipeline.before_run(pipeline.space)
    idle = http(device, parameters={**GAIN, "idle": {"low": 0, "high": 1}})
    with pytest.raises(ConfigurationError, match="does not change with the parameter 'idle'"):
        idle.before_run(idle.space)


REFUSED = [
    ({"url": "ftp://x"}, "url is 'ftp://x'; allowed: http://HOST:PORT"),
    (
        {"url": "http://me:secret@x"},
        "allowed: http://HOST:PORT or https://HOST:PORT, without a name and password",
    ),
    ({"url": "http://x:port"}, "url is 'http://x:port'"),
    ({"url": "http://x y"}, "url is 'http://x y'"),
    ({"size": [48]}, "size is [48]; allowed: width and height in pixels"),
    ({"repeats": 0}, "repeats is 0; allowed: 1 and above"),
    ({"settle": -1.0}, "settle is -1.0; allowed: 0 and above"),
    ({"timeout": 0}, "timeout is 0; allowed: above 0 seconds"),
    ({"put": {"pth": "/x"}}, "put has the unknown key 'pth'; did you mean 'path'"),
    ({"put": {"path": "x"}}, "put.path is 'x'; allowed: a path that begins with '/'"),
    ({"get": {"path": "/x\r\nEvil: 1"}}, "allowed: a path that begins with '/', no spaces"),
    ({"get": {"method": "GET /x"}}, "get.method is 'GET /x'"),
    ({"put": {"form": "jsn"}}, "put.form is 'jsn'; did you mean 'json'"),
    ({"headers": {"A": "x\r\nB: y"}}, "the header 'A' has more than one line"),
    ({"headers": {"Größe": "x"}}, "the header 'Größe' is 'x'; allowed: a name of letters, digits"),
    ({"headers": {"A b": "x"}}, "the header 'A b' is 'x'; allowed: a name of letters, digits"),
    ({"retries": -1}, "retries is -1; allowed: 0 and above"),
    ({"most_megabytes": float("nan")}, "most_megabytes is nan; allowed: above 0"),
    ({"get": {"path": "/ü"}}, "get.path is '/ü'; allowed: a path that begins with '/', no spaces, other"),
    ({"url": "http://x/ü"}, "url is 'http://x/ü'; allowed: http://HOST:PORT"),
    ({"reference": ["a", "b"]}, "there are 2 references and 1 slots"),
    (
        {"url": "https://x", "certificate": "/no/such.pem"},
        "the certificate '/no/such.pem' cannot be read: No such file",
    ),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_what_is_refused(options, sentence):
    with pytest.raises(ConfigurationError) as refusal:
        isptune.create_pipeline(
            "http", **{"url": "http://x", "parameters": GAIN, "size": [48, 40], **options}
        )
    assert sentence in str(refusal.value)


def test_references_are_compared_with(device):
    works(device)
    pipeline = http(device, reference=torch.full((3, 40, 48), 0.5))
    assert pipeline.has_reference
    assert pipeline.reference(0).shape == (1, 3, 40, 48)
    assert pipeline.digest(0) != http(device).digest(0)
