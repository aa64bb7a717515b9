"""Another library's optimizer kept apart from the process: its randomness, its output and its errors."""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from collections.abc import Iterator

import numpy as np

from isptune.errors import IsptuneError


class Isolation:
    """What a library's optimizer may touch while it runs.

    Args:
        seed: the source of all streams.
        label: who failed, for the sentence about an error: "nevergrad's optimizer 'DE'".

    Attributes:
        own: a stream for a library that takes a random state.
    """

    def __init__(self, seed: int, label: str) -> None:
        self.label = label
        streams = np.random.SeedSequence(seed).spawn(3)
        own, numpy_global, python_global = (np.random.MT19937(stream) for stream in streams)
        self.own = np.random.RandomState(own)
        self._numpy_state = np.random.RandomState(numpy_global).get_state()
        self._python_state = random.Random(int(python_global.random_raw())).getstate()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Code of a library that draws from ``own`` alone goes in here: without warnings and print-outs.

        Raises:
            IsptuneError: anything that the library raised, under its name.
        """
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                yield
        except IsptuneError:
            raise
        except Exception as error:
            raise IsptuneError(f"{self.label} failed: {type(error).__name__}: {error}") from error

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """``running`` for a library that draws from the global generators of numpy and of Python.

        They are streams that only this object has in here, and are put back afterwards.
        """
        found = np.random.get_state(), random.getstate()
        np.random.set_state(self._numpy_state)
        random.setstate(self._python_state)
        try:
            with self.running():
                yield
        finally:
            self._numpy_state, self._python_state = np.random.get_state(), random.getstate()
            np.random.set_state(found[0])
            random.setstate(found[1])
