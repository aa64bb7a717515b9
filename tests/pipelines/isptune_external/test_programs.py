"""Running programs: how they end, what is said of them, and that nothing is left."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from isptune.errors import MissingPackageError
from isptune_external import ProgramError, ProgramTimeoutError, find_program, run_program, version_of
from isptune_external.scratch import scratch_folder, sweep


def sh(folder: Path, script: str, **options):
    return run_program(["/bin/sh", "-c", script], folder=folder, **{"timeout": 10.0, **options})


def test_what_it_said_comes_back(tmp_path):
    done = sh(tmp_path, "echo one; echo two >&2; echo $GAIN", environment={"GAIN": "3"})
    assert (done.stdout, done.stderr) == ("one\n3\n", "two\n")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 3", "'sh' ended with exit code 3"),
        ("echo no such lens >&2; exit 1", "'sh' ended with exit code 1 (no such lens)"),
        ("kill -9 $$", "'sh' was ended by SIGKILL"),
        ("kill -SEGV $$", "'sh' was ended by SIGSEGV"),
        ("echo 'fine\nparsed with errors' >&2", "'sh' said: parsed with errors"),
    ],
)
def test_failures_are_one_sentence(tmp_path, script, sentence):
    with pytest.raises(ProgramError) as failure:
        sh(tmp_path, script, bad_words=["parsed with err"])
    assert str(failure.value) == sentence


def test_a_program_that_cannot_be_started(tmp_path):
    with pytest.raises(ProgramError, match="'nothing' cannot be started: .*No such file"):
        run_program(["./nothing"], folder=tmp_path, timeout=1)


def is_there(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.parametrize("leaves", ["", "setsid "])
@pytest.mark.parametrize(("end", "timeout"), [("wait", 1.0), ("exit 0", 10.0), ("exit 1", 10.0)])
def test_what_it_started_ends_with_it(tmp_path, end, timeout, leaves):
    script = f"{leaves}sh -c 'echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; sleep 60'"
    with pytest.raises(ProgramError) if end != "exit 0" else scratch_folder():
        sh(tmp_path, f"{script} & until [ -e pid ]; do sleep 0.01; done; {end}", timeout=timeout)
    pid = int((tmp_path / "pid").read_text())
    waited = time.monotonic() + 5
    while is_there(pid) and time.monotonic() < waited:
        time.sleep(0.01)
    assert not is_there(pid)


def test_a_time_out_is_a_time_out(tmp_path):
    with pytest.raises(TimeoutError, match="'sh' took longer than 0.2 s") as late:
        sh(tmp_path, "sleep 60", timeout=0.2)
    assert isinstance(late.value, ProgramTimeoutError)


def test_what_writes_without_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("isptune_external.programs._MOST_SAID", 10**6)
    with pytest.raises(ProgramError, match=r"'sh' wrote more than 1 MB of messages \(n"):
        sh(tmp_path, "yes 'no end' >&2")
    monkeypatch.setattr("isptune_external.programs._MOST_HELD", 10**9)
    with pytest.raises(ProgramError, match="'sh' filled its folder with more than 1 GB"):
        sh(tmp_path, "truncate -s 2G output.png; sleep 60")
    assert version_of(["/usr/bin/yes", "2.5"]) == "unknown"


def test_messages_are_read_to_their_end(tmp_path):
    script = "yes filling | head -c 300000; echo out of film"
    with pytest.raises(ProgramError, match="'sh' said: out of film"):
        sh(tmp_path, script, bad_words=["out of"])
    with pytest.raises(ProgramError, match=r"exit code 1 \(out of film\)"):
        sh(tmp_path, f"{script}; exit 1")


def test_a_program_has_the_time_out_for_each_of_its_outputs(tmp_path):
    outputs = [tmp_path / str(place) for place in range(3)]
    sh(tmp_path, "for i in 0 1 2; do sleep 0.5; touch $i; done", timeout=1.2, outputs=outputs)
    with pytest.raises(ProgramTimeoutError):
        sh(tmp_path, "sleep 60", timeout=0.3, outputs=outputs[:0])


def test_it_reads_nothing(tmp_path):
    assert sh(tmp_path, "cat").stdout == ""


def test_a_missing_program_says_how_to_get_it():
    with pytest.raises(
        MissingPackageError, match="the program 'no-such-isp' is not there; apt-get install it"
    ):
        find_program("no-such-isp", "apt-get install it")


def test_versions():
    assert version_of([sys.executable, "--version"]) == ".".join(map(str, sys.version_info[:3]))
    assert version_of(["no-such-isp"]) == "unknown"


def test_scratch_folders_go_and_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder() as folder:
        (folder / "x").write_text("1")
    assert not folder.exists()
    with scratch_folder() as mine:
        old, other = tmp_path / "isptune-program-999999999-abc", tmp_path / "isptune-program-x"
        old.mkdir()
        other.mkdir()
        sweep()
        assert (old.exists(), other.exists(), mine.exists()) == (False, True, True)
    assert os.listdir(tmp_path) == ["isptune-program-x"]
