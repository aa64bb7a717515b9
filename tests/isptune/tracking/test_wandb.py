"""Weights & Biases offline: what its files hold, over two sittings of one run."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isptune.errors import ConfigurationError
from isptune.tracking import WandB

Run = Callable[..., Any]


def records(file: Path) -> Iterator[Any]:
    """The records of a ``.wandb`` file: LevelDB's log format behind a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    content = file.read_bytes()
    place, whole = 7, b""
    while place + 7 <= len(content):
        # No header stands in a block's last six bytes.
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
        _, size, kind = struct.unpack_from("<IHB", content, place)
        if place + 7 + size > len(content):
            return
        whole += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):
            yield Record.FromString(whole)
            whole = b""


def finished(folder: Path) -> list[Any]:
    """The records of a run's folder, as soon as its end is on disk: W&B's own process writes the file."""
    (file,) = folder.glob("run-*.wandb")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = list(records(file))
        if any(record.HasField("exit") for record in found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"{file} has no end")


def values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_two_offline_sittings_hold_every_generation_once(run: Run) -> None:
    def stop(progress: Any) -> None:
        if progress.generation == 2:
            raise KeyboardInterrupt

    assert run(callbacks=[WandB("crew/cameras"), stop]).stopped
    note = json.loads(Path("run/wandb.json").read_text())
    assert (note["entity"], note["project"], note["generation"]) == ("crew", "cameras", 2)
    (first,) = Path("run/wandb").glob("offline-run-*")

    result = run(resume=True, callbacks=[WandB("crew/cameras")], pictures=True)
    assert json.loads(Path("run/wandb.json").read_text()) == {**note, "generation": 4}
    (second,) = set(Path("run/wandb").glob("offline-run-*")) - {first}

    sittings = [finished(folder) for folder in (first, second)]
    bests = np.minimum.accumulate(result.history.score)[5::6]
    for sitting, steps, code in ((sittings[0], [1, 2], 1), (sittings[1], [3, 4], 0)):
        (begun,) = (record.run for record in sitting if record.HasField("run"))
        assert (begun.run_id, begun.project, begun.entity) == (note["id"], "cameras", "crew")
        assert begun.display_name == "run"
        config = values(begun.config.update)
        assert config["optimizer"]["name"] == "es"
        assert len(config["fingerprint"]) == 8
        rows = [values(record.history.item) for record in sitting if record.HasField("history")]
        figures = {row["_step"]: row["score/best"] for row in rows}
        assert figures == pytest.approx({step: bests[step - 1] for step in steps})
        assert [record.exit.exit_code for record in sitting if record.HasField("exit")] == [code]

    last = [values(record.history.item) for record in sittings[1] if record.HasField("history")][-1]
    assert last["before_after/_type"] == "image-file"
    assert last["hidden/l1_normalised"] == pytest.approx(result.l1_normalised)
    summary: dict[str, Any] = {}
    for record in sittings[1]:
        summary |= values(record.summary.update)
    assert summary["best_score"] == result.best_score
    assert summary["l1_normalised"] == result.l1_normalised
    assert json.loads((second / "files/result.json").read_text())["best_score"] == result.best_score
    assert (second / "files" / last["before_after/path"]).read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize("project", ["", " ", "crew/"])
def test_a_project_without_a_name_is_refused(project: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        WandB(project)
    assert str(caught.value) == (
        f"the Weights & Biases project is '{project}'; allowed: PROJECT or ENTITY/PROJECT"
    )


NAMES = "allowed: PROJECT or ENTITY/PROJECT"


@pytest.mark.parametrize(
    ("project", "message"),
    [
        ("--out", f"the Weights & Biases project is '--out', which is an option; {NAMES}"),
        ("there.png", f"the Weights & Biases project is 'there.png', which is a file; {NAMES}"),
        *(
            (
                project,
                f"the Weights & Biases project is '{project}', in which '{sign}' cannot be; {NAMES}, "
                "without any of /\\#?%:",
            )
            for project, sign in (
                ("chart:96x64", ":"),
                ("a/b/c", "/"),
                ("a\\b", "\\"),
                ("a#b", "#"),
                ("a?b", "?"),
                ("crew%/a", "%"),
            )
        ),
        ("a" * 129, "the Weights & Biases project has 129 characters; allowed: 128 at most"),
    ],
)
def test_a_project_that_cannot_be_is_refused(project: str, message: str) -> None:
    Path("there.png").touch()
    with pytest.raises(ConfigurationError) as caught:
        WandB(project)
    assert str(caught.value) == message


def test_a_missing_login_is_said_before_the_run(tmp_path: Path) -> None:
    # W&B reads its settings once per process, so this needs one of its own.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    environment |= {"HOME": str(tmp_path), "WANDB_SILENT": "true", "NETRC": str(tmp_path / "netrc")}
    for arguments in (["tune", "chart:64x48", "--out", "run"], ["resume", "run"]):
        done = subprocess.run(
            [sys.executable, "-m", "isptune", *arguments, "--wandb", "p"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.stderr == (
            "isptune: error: Weights & Biases failed at the start: UsageError: No API key configured. "
            "Use `wandb login` to log in; log in with 'wandb login', or set WANDB_MODE=offline\n"
        )
        assert done.returncode == 2
        assert not Path("run").exists()


def test_offline_asks_for_no_login() -> None:
    WandB("p").check(None)
