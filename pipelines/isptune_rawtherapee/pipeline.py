"""The pipeline ``rawtherapee``: raw pictures developed by RawTherapee's command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

import isptune
from isptune import Development, ParameterSpace, Scene
from isptune.errors import ConfigurationError, ImageError
from isptune.wording.naming import did_you_mean, listed
from isptune_external import (
    ProgramError,
    RawPipeline,
    develop_together,
    find_program,
    most_together,
    run_program,
    version_of,
)
from isptune_external.pictures import read_output, write_input
from isptune_external.pipeline import RawSource, Reference
from isptune_external.scratch import scratch_folder
from isptune_raw.scenes import view_of
from isptune_rawtherapee.parameters import FIXED, profile_of, tuned_keys
from isptune_rawtherapee.pp3 import layered, parsed, read_pp3, written

# It fails on smaller ones.
LEAST_PIXELS = 50_000

_REMEDY = "install it with apt-get install rawtherapee, or give its path in the option program"
_BAD_WORDS = (r"^Error", r"not found", r"[Cc]annot ", r"[Cc]ouldn't", r"Unable to")


class RawTherapeePipeline(RawPipeline):
    """Develops raw pictures with ``rawtherapee-cli``, in worker processes.

    The defaults are RawTherapee's neutral profile: the camera's white balance, no curve, nothing reduced or
    sharpened. A candidate is a partial PP3 profile that is laid over ``profiles``; a tool whose amount is 0
    is switched off.

    Args:
        scenes, reference, crop, seed: raw scenes, see ``isptune_raw.raw_scenes``; the simulated chart at
            ISO 1600 if None. Each needs 50,000 pixels.
        only: names or globs of the parameters that are set, such as ``["denoise.*"]``; all if None. The
            others are left to ``profiles``.
        keys: further parameters, any key of a profile: ``{"vibrance.pastels": {"key": "Vibrance/Pastels",
            "type": "int", "low": -100, "high": 100, "default": 0}}``. Their tool is switched on.
        profiles: PP3 files that lie under every candidate, the first one lowest.
        program: ``rawtherapee-cli``, or its path.
        timeout: seconds for one picture.
        together: how many candidates of a generation one process develops, one after the other by their
            sidecars, which saves its start: at most so many, and fewer where pictures are large.
        canary: before a run, check that every parameter changes the picture and that pictures repeat:
            RawTherapee ignores keys that it does not know.

    Raises:
        MissingPackageError: RawTherapee is not installed.
        ConfigurationError: an unknown name, a key that the installed version does not have, or a profile that
            cannot be read.
        ImageError: a raw file or a reference that cannot be read, or a scene that is too small.
    """

    name = "rawtherapee"
    packaging = isptune.Packaging(programs=("rawtherapee-cli",), install="apt-get install rawtherapee")

    def __init__(
        self,
        scenes: RawSource | Sequence[RawSource] | None = None,
        reference: Reference | Sequence[Reference] | None = None,
        crop: str | int | None = "auto",
        seed: int = 0,
        only: Sequence[str] | None = None,
        keys: Mapping[str, Mapping[str, Any]] | None = None,
        profiles: str | Path | Sequence[str | Path] = (),
        program: str = "rawtherapee-cli",
        timeout: float = 120.0,
        together: int = 8,
        canary: bool = True,
    ) -> None:
        self._keys = tuned_keys(only, keys)
        self.space = ParameterSpace({name: key.parameter for name, key in self._keys.items()})
        profiles = [profiles] if isinstance(profiles, str | Path) else list(profiles)
        self._base = layered(FIXED, *map(read_pp3, profiles), {"RAW Bayer": FIXED["RAW Bayer"]})
        self._program = find_program(program, _REMEDY)
        self._timeout = float(timeout)
        self.canary = canary
        self.versions = {"RawTherapee": version_of([self._program, "-v"])}
        self.take_raw_scenes(scenes, reference, crop, seed)
        self.development = Development(
            workers=None,
            timeout=self._timeout + 60.0,
            environment={"OMP_NUM_THREADS": "1"},
            together=most_together(together, self.scenes),
        )
        for scene in self.scenes:
            raw = view_of(scene).raw
            if raw.width * raw.height < LEAST_PIXELS:
                raise ImageError(
                    f"the scene '{scene.name}' has {raw.width}x{raw.height} pixels, margins included; "
                    f"RawTherapee fails on fewer than {LEAST_PIXELS:,}: give it a larger crop"
                )
        if keys:
            self._check_keys([name for name in self._keys if name in keys])

    def develop(self, values: dict[str, Any], scene: Scene) -> Tensor:
        """The picture (3, H, W) of one candidate, 16 bits deep, in [0, 1].

        Raises:
            ProgramError: RawTherapee failed, or gave no sound picture; one sentence says how.
            TimeoutError: it took too long.
        """
        with scratch_folder() as folder:
            self._run(folder, scene, profile_of(self._keys, values))
            return read_output(folder / "out.tif", scene, "RawTherapee")

    def develop_many(self, values: Sequence[dict[str, Any]], scene: Scene) -> list[Tensor | ProgramError]:
        """The same pictures of several candidates, each from a link to the raw picture with its sidecar."""
        with scratch_folder() as folder:
            write_input(scene, folder / "in.dng")
            (folder / "in").mkdir()
            (folder / "out").mkdir()
            for place, one in enumerate(values):
                (folder / "in" / f"{place:03}.dng").symlink_to(folder / "in.dng")
                profile = written(layered(self._base, profile_of(self._keys, one)))
                (folder / "in" / f"{place:03}.dng.pp3").write_text(profile, encoding="utf-8")
            return develop_together(
                [self._program, "-q", "-Y", "-o", "out", "-s", "-t", "-b16", "-c", "in"],
                [folder / "out" / f"{place:03}.tif" for place in range(len(values))],
                scene,
                program="RawTherapee",
                **self._how(folder),
            )

    def program_facts(self) -> Any:
        """The version, and what lies under every candidate."""
        known = super().program_facts()
        return None if known is None else [known, self._base]

    def settings_file(self, values: Mapping[str, Any], form: str) -> str:
        """Parameters as text; the form ``"pp3"`` is a whole profile for RawTherapee."""
        if form == "pp3":
            return written(layered(self._base, profile_of(self._keys, values)))
        return super().settings_file(values, form)

    def _run(
        self, folder: Path, scene: Scene, profile: Mapping[str, Mapping[str, str]], out: str = "-o"
    ) -> None:
        write_input(scene, folder / "in.dng")
        (folder / "candidate.pp3").write_text(written(layered(self._base, profile)), encoding="utf-8")
        argv = [
            self._program,
            "-q",
            "-Y",
            out,
            "out.tif",
            "-p",
            "candidate.pp3",
            "-t",
            "-b16",
            "-c",
            "in.dng",
        ]
        run_program(argv, **self._how(folder))

    def _how(self, folder: Path) -> dict[str, Any]:
        """How the program is run in a folder, see ``run_program``."""
        own = str(folder / "own")
        return {
            "folder": folder,
            "timeout": self._timeout,
            "environment": {
                "RT_SETTINGS": own,
                "RT_CACHE": own,
                "TMPDIR": str(folder),
                # Another number of threads gives another picture.
                "OMP_NUM_THREADS": "1",
            },
            "bad_words": _BAD_WORDS,
            "name": "rawtherapee-cli",
        }

    def _check_keys(self, names: Sequence[str]) -> None:
        """Refuse keys that the installed version does not have: it would ignore them."""
        with scratch_folder() as folder:
            self._run(folder, self.scenes[0], {}, "-O")
            full = parsed((folder / "out.tif.pp3").read_text(encoding="utf-8"), "RawTherapee's own profile")
        called = f"RawTherapee {self.versions['RawTherapee']}"
        for name in names:
            section, key = self._keys[name].section, self._keys[name].key
            if section not in full:
                raise ConfigurationError(
                    f"keys.{name}: {called} has no section '{section}'{did_you_mean(section, full)}; "
                    f"it has {listed(full, 100)}"
                )
            if key not in full[section]:
                raise ConfigurationError(
                    f"keys.{name}: the section '{section}' of {called} has no key '{key}'"
                    f"{did_you_mean(key, full[section])}; it has {listed(full[section], 60)}"
                )
