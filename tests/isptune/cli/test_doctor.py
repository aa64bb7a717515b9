"""``isptune doctor`` as a user calls it, in a process of its own with a cache folder of its own."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Doctor = Callable[..., subprocess.CompletedProcess[str]]

# Objectives of a plugin, and the verb.
SCRIPT = """
import sys
import isptune
from isptune.contracts.requirements import Download
from isptune.cli import run


class Sample(isptune.Objective):
    "A sample."

    def score(self, images, reference=None):
        raise AssertionError("doctor creates nothing")

    def __init__(self):
        raise AssertionError("doctor creates nothing")


@isptune.register_objective("a-judge")
class Judge(Sample):
    packaging = isptune.Packaging(
        downloads=(
            Download("owner/whole", 1.3, "MIT"),
            Download("owner/half", 16.4, "Apache-2.0", option="size=large"),
            Download("owner/less", 0.35, "CC BY-NC 4.0", option="size=small"),
            Download("owner/absent", 2.0, "MIT"),
        )
    )


@isptune.register_objective("a-lacking-one")
class Lacking(Sample):
    packaging = isptune.Packaging(extra="clip", requires=("no_such_package_a", "torch"))


@isptune.register_objective("a-lone-one")
class Lone(Sample):
    packaging = isptune.Packaging(
        requires=("no_such_package_b",), weights="fetched by a library of its own"
    )


{more}
code = run(sys.argv[1:])
heavy = {{"transformers", "pyiqa", "open_clip", "kornia", "nevergrad", "pandas"}} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache as the hub's library lays it out: blobs, and snapshots that link to them; the files are sparse."""
    folder = tmp_path / "hub"
    for name, size in {"whole": 1.3e9, "half": 1.2e9, "less": 5e7}.items():
        repository = folder / f"models--owner--{name}"
        (repository / "blobs").mkdir(parents=True)
        (repository / "snapshots" / "abc").mkdir(parents=True)
        with (repository / "blobs" / "0123").open("wb") as file:
            file.truncate(int(size))
        (repository / "snapshots" / "abc" / "model.safetensors").symlink_to("../../blobs/0123")
    (folder / ".locks").mkdir()
    return folder


@pytest.fixture
def doctor(tmp_path: Path, cache: Path) -> Doctor:
    def call(*arguments: str, more: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        keep = {key: value for key, value in os.environ.items() if not key.upper().endswith("_PROXY")}
        keep = {key: value for key, value in keep.items() if not key.startswith(("HF_", "PYTHONPATH"))}
        return subprocess.run(
            [sys.executable, "-c", SCRIPT.format(more=more), "doctor", *arguments],
            capture_output=True,
            text=True,
            env=keep
            | {"HF_HUB_CACHE": str(cache), "COLUMNS": "80", "OMP_NUM_THREADS": "1", "NO_PROXY": "*"}
            | environment,
            cwd=tmp_path,
            # On a busy machine imports are slow.
            timeout=280,
        )

    return call


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of a server that answers anything with 404, as a hub would answer something."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(404)
            self.end_headers()

        def log_message(self, *details: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def objectives_of(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in report["objectives"]}


# What is not installed: it is said how to install it, and nothing else is another.
WITHOUT_SOME = """
from importlib import metadata
real = metadata.version

def version(name):
    if name in ("timm", "bitsandbytes"):
        raise metadata.PackageNotFoundError(name)
    return real(name)

metadata.version = version
"""


def test_the_text_says_what_is_here_and_what_is_not_in_80_columns(doctor: Doctor, cache: Path) -> None:
    done = doctor("--offline", more=WITHOUT_SOME)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    # Only what is to be copied, a platform or a path, may be longer than the terminal is wide.
    assert all(len(line) <= 80 for line in lines if not line.startswith(("isptune ", "  cache ")))
    headings = ["Packages", "Devices", "Objectives", "Hugging Face hub"]
    assert [line for line in lines if line in headings] == headings
    # Words only: how wide the columns are hangs on the names of all objectives that are registered.
    words = " ".join(" ".join(lines[lines.index("Objectives") :]).split())
    for text in (
        "a-judge yes owner/whole 1.3 GB, MIT; in the cache ",
        "owner/half (size=large) 16.4 GB, Apache-2.0; partly (1.2 of 16.4 GB) ",
        "owner/less (size=small) 350 MB, CC BY-NC 4.0; partly (50 of 350 MB) ",
        "owner/absent 2.0 GB, MIT; to be fetched ",
        "a-lacking-one no not installed: no_such_package_a pip install 'isptune[clip]' ",
        "a-lone-one no not installed: no_such_package_b pip install no_such_package_b "
        "weights fetched by a library of its own ",
        "psnr yes - ",
        "pyiqa:NAME ",
    ):
        assert text in words
    assert "        pip install 'isptune[clip]'" in done.stdout
    assert "  https://huggingface.co: not asked: --offline was given" in lines
    assert any(line.startswith(f"  cache {cache}: 2.5 GB; ") and "free on its disk" in line for line in lines)
    assert "    owner/whole  1.3 GB" in lines
    assert lines[-1] == "What 'isptune tune' needs is here."
    assert "  timm: not installed; pip install 'isptune[clip]'\n" in done.stdout
    assert "  bitsandbytes: not installed; pip install 'isptune[quantized]'\n" in done.stdout


def test_json_is_one_object_with_all_of_it(doctor: Doctor, cache: Path) -> None:
    began = time.perf_counter()
    done = doctor("--json", "--offline")
    assert time.perf_counter() - began < 60
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert list(report) == ["versions", "hardware", "objectives", "programs", "canaries", "hub", "problems"]
    packages = {package["name"]: package for package in report["versions"]["packages"]}
    assert {"torch", "kornia", "nevergrad", "deap", "numpy", "numba", "transformers", "pyiqa"} <= set(
        packages
    )
    assert {"torchvision", "open-clip-torch"} <= set(packages)
    assert packages["torch"]["version"]
    cpu = report["hardware"]["devices"][-1]
    assert cpu["name"] == "cpu"
    assert cpu["precisions"][0] == {"dtype": "float32", "matmul": True, "attention": True, "reason": None}
    assert [one["dtype"] for one in cpu["precisions"]] == ["float32", "bfloat16", "float16"]
    assert report["hardware"]["threads"] == 1
    assert report["hardware"]["ram_bytes"] > 1e9
    found = objectives_of(report)
    assert {"psnr", "pyiqa:NAME"} <= set(found)
    assert not any(name.startswith("pyiqa:") for name in found if name != "pyiqa:NAME")
    assert found["a-judge"]["downloads"][:2] == [
        {
            "repository": "owner/whole",
            "gigabytes": 1.3,
            "licence": "MIT",
            "option": "",
            "cached_bytes": 1_300_000_000,
            "state": "in the cache",
        },
        {
            "repository": "owner/half",
            "gigabytes": 16.4,
            "licence": "Apache-2.0",
            "option": "size=large",
            "cached_bytes": 1_200_000_000,
            "state": "partly (1.2 of 16.4 GB)",
        },
    ]
    assert [one["state"] for one in found["a-judge"]["downloads"]][2:] == [
        "partly (50 of 350 MB)",
        "to be fetched",
    ]
    assert (found["a-lacking-one"]["missing"], found["a-lacking-one"]["install"]) == (
        ["no_such_package_a"],
        "pip install 'isptune[clip]'",
    )
    hub = report["hub"]
    assert (hub["folder"], hub["exists"], hub["size_bytes"]) == (str(cache), True, 2_550_000_000)
    assert hub["free_bytes"] > 0
    assert [(one["name"], one["kind"]) for one in hub["repositories"]] == [
        (f"owner/{name}", "model") for name in ("half", "less", "whole")
    ]
    assert (hub["reachable"], hub["reason"]) == (None, "--offline was given")
    assert report["problems"] == []


def test_the_hub_answers_or_does_not(doctor: Doctor, hub: str, tmp_path: Path) -> None:
    answered = json.loads(doctor("--json", HF_ENDPOINT=hub, HF_HUB_CACHE=str(tmp_path / "none")).stdout)[
        "hub"
    ]
    assert (answered["address"], answered["reachable"], answered["reason"]) == (hub, True, None)
    assert (answered["exists"], answered["repositories"]) == (False, [])
    # Nothing listens on the port of the discard service.
    silent = doctor(HF_ENDPOINT="http://127.0.0.1:9")
    assert silent.returncode == 0
    assert "  http://127.0.0.1:9: not reachable\n    ConnectError: " in silent.stdout
    unasked = json.loads(doctor("--json", HF_ENDPOINT=hub, HF_HUB_OFFLINE="1").stdout)["hub"]
    assert (unasked["reachable"], unasked["reason"]) == (None, "HF_HUB_OFFLINE is set")


def test_a_torch_that_cannot_be_imported_is_a_problem_and_exit_code_1(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torch.py").write_text('raise OSError("a library is missing")\n')
    script = "import sys\nfrom isptune.cli import run\nsys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", script, "doctor", "--offline"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "broken"), "COLUMNS": "120"},
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stdout.rstrip().endswith("Problem: torch cannot be used: OSError: a library is missing")
    assert "Traceback" not in done.stderr
    # The rest of the report is there all the same.
    assert "Objectives" in done.stdout
    assert "Hugging Face hub" in done.stdout
