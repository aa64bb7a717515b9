"""A worker process: holds one object, calls its methods as it is told, and never outlives its run.

``isptune.tuning.workers`` starts it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import struct
import threading
from typing import IO, Any

from isptune.runs.generation import DONE, FAILED, TIMED_OUT

_LENGTH = struct.Struct("<Q")


def main() -> None:
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # What a plugin prints must not come between the messages, and what reads must not take them.
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    subject: Any = None
    while True:
        kind, *given = waiting.get()
        try:
            if kind == "subject":
                subject, answer = pickle.loads(given[0]), None
            else:
                method, arguments = given
                answer = getattr(subject, method)(*arguments)
            reply = (DONE, answer)
        except TimeoutError as error:
            reply = (TIMED_OUT, str(error) or "it took too long")
        except (Exception, SystemExit) as error:
            reply = (FAILED, in_one_line(error))
        try:
            send(answers, reply)
        except (BrokenPipeError, OSError):
            _end()
        except Exception as error:
            send(answers, (FAILED, f"its result cannot be sent back: {type(error).__name__}: {error}"))


def _listen(requests: IO[bytes], waiting: queue.SimpleQueue[Any]) -> None:
    """Queue what the run asks for; when it has gone, end at once, whatever is being worked on."""
    try:
        while True:
            waiting.put(receive(requests))
    except EOFError:
        _end()


def _end() -> None:
    """End this process and the programs that it started: it leads a process group of its own."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        with contextlib.suppress(OSError):
            os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def in_one_line(error: BaseException) -> str:
    """An exception as a reason: its type, and its message where it has one."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def send(pipe: IO[bytes], message: Any) -> None:
    """Write one message: its length, then the message pickled."""
    body = pickle.dumps(message, protocol=5)
    pipe.write(_LENGTH.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read one message.

    Raises:
        EOFError: the other side has gone.
    """
    (length,) = _LENGTH.unpack(_read(pipe, _LENGTH.size))
    return pickle.loads(_read(pipe, length))


def _read(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if data is None or len(data) < count:
        raise EOFError
    return data
