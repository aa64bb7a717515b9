"""The pipeline ``command``: any program that reads a picture and writes one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from isptune import Development, ParameterSpace, Scene
from isptune.errors import ConfigurationError, ParameterError
from isptune.scenes import load_scenes
from isptune.scenes.scene_pictures import picture_window, whole_picture
from isptune.storage.places import absolute_file
from isptune.storage.yaml_files import read_mapping
from isptune.wording.naming import did_you_mean, listed
from isptune_command.template import check_template, filled, parameter_file
from isptune_external import RawPipeline, find_program, run_program, version_of
from isptune_external.pictures import read_output, write_input
from isptune_external.pipeline import RawSource, Reference
from isptune_external.scratch import scratch_folder
from isptune_raw import RawView

INPUTS = ("dng", "tif", "png")
OUTPUTS = ("tif", "png", "jpg", "webp")


class CommandPipeline(RawPipeline):
    """Runs a program once for each candidate and scene, without a shell, in a temporary folder of its own.

    Args:
        argv: the program and its arguments. ``{input}`` and ``{output}`` stand for the picture that it
            reads and the one that it has to write, ``{parameters}`` for the parameter file, ``{NAME}`` for
            the value of a parameter; other braces stay as they are. Files that are there, such as a script,
            may be named from the current folder.
        parameters: the parameters by name, as ``ParameterSpace.from_dict`` takes them, or a YAML file of
            such: ``{"sharpen.radius": {"type": "float", "low": 0.5, "high": 3, "default": 1}}``.
        parameter_file: the form in which values are written into a file: ``"json"``, ``"yaml"``, ``"toml"``,
            ``"ini"``, ``"pp3"`` or ``"c-header"``; or ``{"template": FILE}``, a text in which ``{NAME}``
            stands for a value. With ``name``, the file has that name.
        input: what the program reads: ``"dng"`` for raw scenes; ``"tif"`` or ``"png"`` with 16 bits for
            scenes that are pictures.
        output: the suffix of the picture that it writes: ``"tif"``, ``"png"``, ``"jpg"`` or ``"webp"``. It
            must have the size of the input; a DNG is to be left as the sensor saw it.
        scenes, reference, crop, seed: raw scenes as ``isptune_raw.raw_scenes`` takes them; with another input
            than ``"dng"`` pictures as ``isptune.scenes.load_scenes`` does, compared with themselves where no
            reference is given.
        timeout: seconds for one picture.
        bad_words: regular expressions; a line of the program's messages that one of them finds means failure,
            also with exit code 0.
        environment: variables for the program.
        version: arguments with which the program tells its version, such as ``["--version"]``, for run.yaml.
        canary, tolerance: before a run, check that every parameter changes the picture and that pictures
            repeat within ``tolerance`` (a mean where white is 1).

    Raises:
        ConfigurationError: an argument that cannot be, an unknown placeholder, or a parameter that would
            not reach the program.
        MissingPackageError: there is no such program.
        ImageError: a scene or a reference that cannot be read.

    Example:
        >>> pipeline = CommandPipeline(
        ...     ["cp", "{input}", "{output}", "--suffix={end}"],
        ...     {"end": {"type": "int", "low": 0, "high": 9}},
        ...     input="png", output="png", scenes=["chart:64x48"],
        ... )
        >>> pipeline.space.names
        ['end']
    """

    name = "command"

    def __init__(
        self,
        argv: Sequence[str | float],
        parameters: Mapping[str, Mapping[str, Any]] | str | Path,
        parameter_file: str | Mapping[str, str] | None = None,
        input: str = "dng",
        output: str = "tif",
        scenes: RawSource | Sequence[RawSource] | None = None,
        reference: Reference | Sequence[Reference] | None = None,
        crop: str | int | None = "auto",
        seed: int = 0,
        timeout: float = 120.0,
        bad_words: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        version: Sequence[str] | None = None,
        canary: bool = True,
        tolerance: float = 0.0,
    ) -> None:
        for name, given, allowed in (("input", input, INPUTS), ("output", output, OUTPUTS)):
            if given not in allowed:
                raise ConfigurationError(
                    f"{name} is {given!r}{did_you_mean(str(given), allowed)}; allowed: {listed(allowed)}"
                )
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
            raise ConfigurationError(f"timeout is {timeout!r}; allowed: above 0 seconds")
        self.space = _space(parameters)
        self._file = _parameter_file(parameter_file)
        self._argv = check_template(argv, self.space.names, self._file)
        self._argv[0] = find_program(self._argv[0], "install it, or give its path in argv")
        # It runs in a folder of its own, and files such as scripts are meant from here.
        self._argv[1:] = map(absolute_file, self._argv[1:])
        self._called = f"'{Path(self._argv[0]).name}'"
        self._bad_words = _patterns(bad_words)
        self._environment = {str(name): str(value) for name, value in (environment or {}).items()}
        self._input, self._output = input, output
        self._timeout = float(timeout)
        # The program's own time-out comes first and leaves the worker alive.
        self.development = Development(workers=None, timeout=self._timeout + 60.0)
        self.canary, self.tolerance = canary, float(tolerance)
        if version is not None:
            self.versions = {Path(self._argv[0]).name: version_of([self._argv[0], *map(str, version)])}
        if input == "dng":
            self.take_raw_scenes(scenes, reference, crop, seed)
        else:
            pictures: Any = ["chart"] if scenes is None else scenes
            found = load_scenes(pictures, crop=crop, seed=seed, references=reference)
            self.take_scenes(found)

    def program_facts(self) -> Any:
        """The version where it is asked for, and the files among the arguments: the program, and scripts."""
        files = [(part, os.stat(part)) for part in self._argv if os.path.isfile(part)]
        return [dict(self.versions), [(part, found.st_size, found.st_mtime_ns) for part, found in files]]

    def digest(self, scene: Scene | int) -> str | None:
        """Of what the program is given, and of the reference."""
        scene = self.scene(scene)
        return super().digest(scene) if isinstance(scene.payload, RawView) else scene.digest()

    def whole(self, scene: Scene | int) -> Scene:
        """The whole picture, raw or not, that a scene is a crop of."""
        scene = self.scene(scene)
        return super().whole(scene) if isinstance(scene.payload, RawView) else whole_picture(scene)

    def window(self, scene: Scene, place: tuple[int, int, int, int]) -> Scene | None:
        """A part of the picture, raw or not, as a file of its own for the program."""
        raw = isinstance(scene.payload, RawView)
        return super().window(scene, place) if raw else picture_window(scene, place)

    def work(self, scene: Scene) -> float:
        """The pixels that the program is given."""
        return (
            super().work(scene) if isinstance(scene.payload, RawView) else float(scene.height * scene.width)
        )

    def develop(self, values: dict[str, Any], scene: Scene) -> Tensor:
        """The picture (3, H, W) that the program writes.

        Raises:
            ProgramError: it failed, was killed, or wrote no sound picture; one sentence says how.
            TimeoutError: it took too long.
        """
        with scratch_folder() as folder:
            files = {"input": folder / f"input.{self._input}", "output": folder / f"output.{self._output}"}
            write_input(scene, files["input"])
            if self._file is not None:
                files["parameters"] = folder / self._file.name
                files["parameters"].write_text(self._file.text(values), encoding="utf-8")
            run_program(
                filled(self._argv, values, files),
                folder=folder,
                timeout=self._timeout,
                environment={"TMPDIR": str(folder), **self._environment},
                bad_words=self._bad_words,
            )
            return read_output(files["output"], scene, self._called)

    def settings_file(self, values: Mapping[str, Any], form: str) -> str:
        """Parameters as text; the form ``"own"`` is that of the program's parameter file."""
        if self._file is not None and form in ("own", self._file.form):
            return self._file.text(values)
        return super().settings_file(values, form)


# The option has the same name.
_parameter_file = parameter_file


def _space(parameters: Any) -> ParameterSpace:
    if isinstance(parameters, str | Path):
        parameters = read_mapping(parameters, f"the parameters '{parameters}'", ConfigurationError)
    try:
        space = ParameterSpace.from_dict(parameters)
    except ParameterError as error:
        raise ConfigurationError(str(error)) from error
    for name in space.names:
        if name in ("input", "output", "parameters"):
            raise ConfigurationError(f"a parameter cannot be called '{name}': argv has a file of that name")
    return space


def _patterns(given: Any) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigurationError(f"bad_words is {given!r}; allowed: a list of regular expressions")
    for pattern in given:
        try:
            re.compile(str(pattern))
        except re.error as error:
            raise ConfigurationError(
                f"bad_words holds {pattern!r}, which is no regular expression: {error}"
            ) from None
    return [str(pattern) for pattern in given]
