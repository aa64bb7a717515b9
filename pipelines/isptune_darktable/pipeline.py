"""The pipeline ``darktable``: raw pictures developed by darktable's command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

import isptune
from isptune import Development, ParameterSpace, Scene
from isptune.errors import ConfigurationError
from isptune_darktable import xmp
from isptune_darktable.layouts import modules_folder, read_layouts
from isptune_darktable.parameters import PARAMETERS, history, own_field
from isptune_external import (
    ProgramError,
    RawPipeline,
    chosen,
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

_REMEDY = "install it with apt-get install darktable, or give its path in the option program"
# What darktable skips, it tells on stderr alone.
_BAD_WORDS = ("version mismatch", "not installed", "parsed with errors", "[Ff]ailed", r"can.t ", "[Ee]rror")
_OPTIONS = (
    *("--apply-custom-presets", "false", "--icc-type", "SRGB", "--icc-intent", "RELATIVE_COLORIMETRIC"),
    *("--core", "--configdir", "own", "--cachedir", "own/cache", "--library", ":memory:", "--disable-opencl"),
    *("--conf", "plugins/imageio/format/tiff/bpp=16", "--conf", "plugins/darkroom/workflow=none"),
    *("--conf", "write_sidecar_files=never"),
)
_NEEDED = ("bilat", "demosaic", "denoiseprofile", "exposure", "sharpen", "temperature")


class DarktablePipeline(RawPipeline):
    """Develops raw pictures with ``darktable-cli``, in worker processes.

    The defaults are darktable's modules for every raw picture and no other: the camera's white balance and
    matrix, no tone curve, nothing reduced or sharpened; the picture is sRGB. A candidate is a history whose
    parameters are laid out as the installed modules tell. Profiled noise reduction takes the noise profile
    of the raw picture where it has one.

    Args:
        scenes, reference, crop, seed: raw scenes, see ``isptune_raw.raw_scenes``; the simulated chart at
            ISO 1600 if None.
        only: names or globs of the parameters that are set, such as ``["denoise.*"]``; all if None.
        fields: further parameters, any field of any module: ``{"vibrance.amount": "vibrance/amount"}``, or
            with other bounds ``{"vibrance.amount": {"field": "vibrance/amount", "low": 0, "high": 50}}``.
            ``"vibrance/enabled"`` is whether it is on; else it is. The module's other fields are at the
            defaults that it declares.
        program: ``darktable-cli``, or its path.
        timeout: seconds for one picture.
        together: how many candidates of a generation one process develops, one after the other by their
            sidecars, which saves its start: at most so many, and fewer where pictures are large.
        canary: before a run, check that every parameter changes the picture and that pictures repeat.

    Raises:
        MissingPackageError: darktable is not installed.
        ConfigurationError: an unknown name, module or field, or a darktable whose modules cannot be read.
        ImageError: a raw file or a reference that cannot be read.
    """

    name = "darktable"
    packaging = isptune.Packaging(programs=("darktable-cli",), install="apt-get install darktable")

    def __init__(
        self,
        scenes: RawSource | Sequence[RawSource] | None = None,
        reference: Reference | Sequence[Reference] | None = None,
        crop: str | int | None = "auto",
        seed: int = 0,
        only: Sequence[str] | None = None,
        fields: Mapping[str, str | Mapping[str, Any]] | None = None,
        program: str = "darktable-cli",
        timeout: float = 120.0,
        together: int = 8,
        canary: bool = True,
    ) -> None:
        parameters = chosen(only, PARAMETERS, "darktable")
        self._program = find_program(program, _REMEDY)
        layouts = read_layouts(modules_folder(self._program))
        self.versions = {"darktable": version_of([self._program, "--version"])}
        for module in _NEEDED:
            if module not in layouts:
                raise ConfigurationError(
                    f"darktable {self.versions['darktable']} has no module '{module}'; "
                    "isptune knows darktable 4"
                )
        self._fields = {name: own_field(name, entry, layouts) for name, entry in (fields or {}).items()}
        for name in self._fields:
            if name in parameters:
                raise ConfigurationError(
                    f"fields has '{name}', which is a parameter already; give it another name"
                )
        used = {*_NEEDED, *(field.module for field in self._fields.values())}
        self._layouts = {module: layouts[module] for module in sorted(used)}
        parameters |= {name: field.parameter for name, field in self._fields.items()}
        if not parameters:
            raise ConfigurationError("nothing is left to tune: only is empty, and so are fields")
        self.space = ParameterSpace(parameters)
        self._timeout = float(timeout)
        self.canary = canary
        self.take_raw_scenes(scenes, reference, crop, seed)
        self.development = Development(
            workers=None,
            timeout=self._timeout + 60.0,
            environment={"OMP_NUM_THREADS": "1"},
            together=most_together(together, self.scenes),
        )

    def develop(self, values: dict[str, Any], scene: Scene) -> Tensor:
        """The picture (3, H, W) of one candidate, 16 bits deep, in [0, 1].

        Raises:
            ProgramError: darktable failed, skipped a module, or gave no sound picture.
            TimeoutError: it took too long.
        """
        with scratch_folder() as folder:
            write_input(scene, folder / "in.dng")
            (folder / "candidate.xmp").write_text(self._sidecar(values, scene), encoding="utf-8")
            argv = [self._program, "in.dng", "candidate.xmp", "out.tif", *_OPTIONS]
            run_program(argv, **self._how(folder))
            return read_output(folder / "out.tif", scene, "darktable")

    def develop_many(self, values: Sequence[dict[str, Any]], scene: Scene) -> list[Tensor | ProgramError]:
        """The same pictures of several candidates, each from a link to the raw picture with its sidecar."""
        with scratch_folder() as folder:
            write_input(scene, folder / "in.dng")
            (folder / "in").mkdir()
            (folder / "out").mkdir()
            for place, one in enumerate(values):
                # It does not follow symbolic links.
                (folder / "in" / f"{place:03}.dng").hardlink_to(folder / "in.dng")
                sidecar = folder / "in" / f"{place:03}.dng.xmp"
                sidecar.write_text(self._sidecar(one, scene), encoding="utf-8")
            return develop_together(
                [self._program, "in", "out/$(FILE_NAME).tif", *_OPTIONS],
                [folder / "out" / f"{place:03}.tif" for place in range(len(values))],
                scene,
                program="darktable",
                **self._how(folder),
            )

    def _sidecar(self, values: Mapping[str, Any], scene: Scene) -> str:
        return xmp.written(history(values, self._fields, view_of(scene).raw), self._layouts)

    def _how(self, folder: Path) -> dict[str, Any]:
        """How the program is run in a folder, see ``run_program``."""
        return {
            "folder": folder,
            "timeout": self._timeout,
            "environment": {"TMPDIR": str(folder), "HOME": str(folder), "OMP_NUM_THREADS": "1"},
            "bad_words": _BAD_WORDS,
            "name": "darktable-cli",
        }

    def settings_file(self, values: Mapping[str, Any], form: str) -> str:
        """Parameters as text; the form ``"xmp"`` is a sidecar for darktable.

        White balance and noise in it are those of the first scene, as they are relative to the picture.
        """
        if form == "xmp":
            return self._sidecar(values, self.scenes[0])
        return super().settings_file(values, form)
