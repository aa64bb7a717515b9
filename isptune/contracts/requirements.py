"""What a plugin needs, in two records: memory, and what has to be installed or downloaded.

They are class facts, read from a plugin's source before it is imported, so both are written as calls with
literal arguments::

    class Mine(isptune.Objective):
        memory = isptune.Memory(images=30)
        packaging = isptune.Packaging(extra="mine", requires=("some_library",))
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from isptune.errors import ConfigurationError


@dataclass(frozen=True)
class Memory:
    """What one sample needs at the peak, from which the sizes of batches follow.

    Attributes:
        images: how many image-sized temporaries it holds, the result included.
        images_with_gradients: how many it holds in all where gradients are recorded; None for the multiple
            of ``images`` that is usual: 3 of objectives, 4 of stages, 8 of pipelines.
        bytes: what it holds beside that, whatever the size of the image: the activations of a network of
            fixed input size.
        bytes_with_gradients: the same where gradients are recorded.

    Raises:
        ConfigurationError: a number is negative or not finite.

    Example:
        >>> Memory(images=4.0).images_at_peak(gradients=True, usual=3)
        12.0
    """

    images: float = 4.0
    images_with_gradients: float | None = None
    bytes: float = 0.0
    bytes_with_gradients: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "images_with_gradients":
                continue
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 <= value < math.inf:
                raise ConfigurationError(
                    f"{field.name} of a Memory is {value!r}; allowed: a finite number of at least 0"
                )

    def images_at_peak(self, gradients: bool, usual: float) -> float:
        """Image-sized temporaries of one sample, with gradients ``usual`` times as many where not stated."""
        if not gradients:
            return self.images
        return usual * self.images if self.images_with_gradients is None else self.images_with_gradients

    def bytes_at_peak(self, gradients: bool) -> float:
        """Bytes of one sample beside its images."""
        return self.bytes_with_gradients if gradients else self.bytes


@dataclass(frozen=True)
class Download:
    """What an objective fetches on its first use, for ``isptune doctor`` and for messages.

    Attributes:
        repository: the hub's name of it, such as ``q-future/one-align``.
        gigabytes: what the files that are read weigh together (10^9 bytes).
        licence: the terms that its publisher states.
        option: the objective's options that choose it; empty for what is used by default.
    """

    repository: str
    gigabytes: float
    licence: str
    option: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.gigabytes, int | float) or not 0 < self.gigabytes < math.inf:
            raise ConfigurationError(
                f"gigabytes of the Download {self.repository!r} is {self.gigabytes!r}; "
                "allowed: a finite number above 0"
            )

    def __str__(self) -> str:
        size = f"{self.gigabytes:.1f} GB" if self.gigabytes >= 1 else f"{1000 * self.gigabytes:.0f} MB"
        return f"{self.repository} ({size}, {self.licence})"


@dataclass(frozen=True)
class Packaging:
    """What has to be there before a plugin can be made.

    Attributes:
        extra: the extra of the distribution that brings the needed packages.
        requires: these packages, by the names under which they are imported.
        weights: what has to be downloaded, in a few words; None where nothing is.
        downloads: the same as repositories, sizes and licences, which ``isptune doctor`` shows.
        programs: what it runs, by the names of the programs; they are looked for when it is made.
        install: the command that brings these programs, or sound packages where the canary fails.
        canary: a script of the plugin's package, ``package/file.py``, that ``isptune doctor`` runs where the
            needed packages are there, for pipelines. It ends with exit code 0, or says on its last line what
            is wrong with them, or crashes; it should take less than a second and import little.

    Raises:
        ConfigurationError: a text or a tuple is something else.
    """

    extra: str | None = None
    requires: tuple[str, ...] = ()
    weights: str | None = None
    downloads: tuple[Download, ...] = ()
    programs: tuple[str, ...] = ()
    install: str | None = None
    canary: str | None = None

    def __post_init__(self) -> None:
        for name, kind, what in (
            ("programs", str, "names of programs"),
            ("requires", str, "names of packages"),
            ("downloads", Download, "Downloads"),
        ):
            value = getattr(self, name)
            if not isinstance(value, tuple) or not all(isinstance(one, kind) for one in value):
                raise ConfigurationError(f"{name} of a Packaging is {value!r}; allowed: a tuple of {what}")
        for name in ("extra", "weights", "install", "canary"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ConfigurationError(f"{name} of a Packaging is {value!r}; allowed: a text, or None")


class Packaged:
    """A base of all kinds of plugins: it holds ``packaging``, and refuses the facts of isptune 0.1.

    Raises, where a class is made:
        ConfigurationError: a fact is set that now belongs into a record, or a record is something else.
    """

    packaging: Packaging = Packaging()

    def __init_subclass__(cls, **keywords: Any) -> None:
        from isptune.plugins.earlier_facts import check_records

        super().__init_subclass__(**keywords)
        check_records(cls)
