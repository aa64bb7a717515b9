"""Worker processes: what they return, and what failures, hangs and crashes cost."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from isptune.errors import ConfigurationError
from isptune.tuning.workers import Workers


class Subject:
    """Made here, where no worker can import it from."""

    def __init__(self) -> None:
        self.calls = 0

    def double(self, picture: np.ndarray) -> np.ndarray:
        self.calls += 1
        return 2 * picture

    def count(self) -> int:
        return self.calls

    def process(self) -> int:
        return os.getpid()

    def say(self) -> str:
        print("a picture viewer says hello")
        return "said"

    def ask(self) -> str:
        return input()

    def quit(self) -> None:
        sys.exit("no licence")

    def get_ready(self) -> None:
        time.sleep(0.6)

    def take(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def split(self) -> None:
        """Ends while a copy of this process lives on, with all its pipes and out of reach of its group."""
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        os.kill(os.getpid(), signal.SIGKILL)

    def refuse(self) -> None:
        raise ValueError("gain 3 is out of range")

    def hang(self, note: str) -> None:
        # Out of reach of the worker's process group, as programs that become daemons are.
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
        )
        Path(note).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(60)

    def crash(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def leave(self) -> None:
        print("no licence found", file=sys.stderr, flush=True)
        os._exit(7)

    def unsendable(self) -> object:
        return lambda: None


class Holder:
    """What a run gives its workers holds the plugin that the code of a file has made."""

    def __init__(self, held: object) -> None:
        self.held = [held]

    def gain(self) -> int:
        return self.held[0].gain()


@pytest.fixture(scope="module")
def workers():
    with Workers(Subject(), count=2, timeout=20.0) as made:
        yield made


def is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def gone(process: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while is_running(process) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_running(process)


def test_calls_return_what_the_method_returns(workers):
    picture = np.random.default_rng(0).random((3, 40, 50), dtype=np.float32)
    reply = workers.call("double", picture)
    assert reply.status == "done"
    assert np.array_equal(reply.value, 2 * picture)


def test_calls_run_side_by_side_and_workers_stay(workers):
    with ThreadPoolExecutor(2) as threads:
        first = {reply.value for reply in threads.map(lambda _: workers.call("process"), range(8))}
    with ThreadPoolExecutor(2) as threads:
        second = {reply.value for reply in threads.map(lambda _: workers.call("process"), range(8))}
    assert len(first | second) <= 2
    assert os.getpid() not in first


def test_an_exception_is_a_reason_and_keeps_the_worker(workers):
    reply = workers.call("refuse")
    assert (reply.status, reply.reason) == ("failed", "ValueError: gain 3 is out of range")
    assert workers.call("count").status == "done"


def test_a_crash_costs_one_call(workers):
    reply = workers.call("crash")
    assert (reply.status, reply.reason) == ("failed", "the worker process was ended by SIGSEGV")
    assert workers.call("count").status == "done"


@pytest.mark.skipif(sys.platform != "linux", reason="copies a process")
def test_a_copy_of_a_worker_does_not_keep_its_end_from_being_seen(workers):
    reply = workers.call("split")
    assert (reply.status, reply.reason) == ("failed", "the worker process was ended by SIGKILL")


def test_what_asks_a_person_or_exits_fails_and_keeps_the_worker(workers):
    process = workers.call("process").value
    assert workers.call("ask").reason == "EOFError: EOF when reading a line"
    assert workers.call("quit").reason == "SystemExit: no licence"
    assert workers.call("process").value == process


def test_an_exit_is_told_with_its_last_words(workers):
    reply = workers.call("leave")
    assert (reply.status, reply.reason) == (
        "failed",
        "the worker process ended with exit code 7 (no licence found)",
    )


def test_a_result_that_cannot_be_sent_is_a_reason(workers):
    reply = workers.call("unsendable")
    assert reply.status == "failed"
    assert reply.reason.startswith("its result cannot be sent back: ")


def test_what_a_worker_prints_is_no_answer(workers):
    assert workers.call("say").value == "said"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hang_ends_in_time_with_the_programs_that_it_started(tmp_path):
    with Workers(Subject(), timeout=0.5, prepare="get_ready") as workers:
        # Getting ready takes longer than the limit of a call.
        assert workers.call("count").status == "done"
        # A call for several candidates has the time of all of them.
        assert workers.call("take", 0.6, timeouts=40).value == 0.6
        started = time.monotonic()
        reply = workers.call("hang", str(tmp_path / "note"))
        assert (reply.status, reply.reason) == ("timed out", "it took longer than 0.5 s")
        assert time.monotonic() - started < 10
        assert all(gone(int(process)) for process in (tmp_path / "note").read_text().split())
        assert workers.call("count").status == "done"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_worker_outlives_a_killed_run(tmp_path):
    note = tmp_path / "note"
    script = tmp_path / "script.py"
    script.write_text(
        "import subprocess, sys, time, os\n"
        "from isptune.tuning.workers import Workers\n"
        "class Hanging:\n"
        "    def hang(self, note):\n"
        "        sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "        child = subprocess.Popen(sleep, start_new_session=True)\n"
        "        open(note + '.part', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "        os.replace(note + '.part', note)\n"
        "        time.sleep(60)\n"
        "Workers(Hanging()).call('hang', sys.argv[1])\n"
    )
    run = subprocess.Popen([sys.executable, str(script), str(note)])
    end = time.monotonic() + 60
    while not note.exists() and time.monotonic() < end:
        time.sleep(0.05)
    run.kill()
    run.wait()
    assert all(gone(int(process)) for process in note.read_text().split())


def test_what_cannot_be_copied_is_refused():
    class Device:
        def __init__(self) -> None:
            import threading

            self.handle = threading.Lock()

    with pytest.raises(ConfigurationError) as caught:
        Workers(Device())
    assert str(caught.value).startswith("Device cannot be copied into a worker process (TypeError: ")
    assert str(caught.value).endswith(
        "or set development = Development(isolated=False) to develop in this process"
    )


def test_a_class_from_a_file_of_ones_own_goes_along(tmp_path):
    file = tmp_path / "my camera.py"
    file.write_text("GAIN = 3\nclass Camera:\n    def gain(self):\n        return GAIN\n")
    spec = importlib.util.spec_from_file_location("file_of_ones_own", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        file.unlink()
        with Workers(Holder(module.Camera())) as workers:
            assert workers.call("gain").value == 3
    finally:
        del sys.modules[spec.name]
