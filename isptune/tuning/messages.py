"""How a run and its worker processes talk: pickled messages behind their length, over two pipes."""

from __future__ import annotations

import pickle
import struct
from typing import IO, Any

import cloudpickle

_LENGTH = struct.Struct("<Q")


def send(pipe: IO[bytes], message: Any, by_value: bool = False) -> None:
    """Write one message.

    Args:
        pipe: binary, open for writing.
        message: anything that can be pickled.
        by_value: also take along classes and functions that the other side cannot import, such as those
            of a script or a notebook (cloudpickle).
    """
    body = (cloudpickle if by_value else pickle).dumps(message, protocol=5)
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
