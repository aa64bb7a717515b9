"""TensorBoard event files of tuning runs, and the one writer of such files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import ConfigurationError, RunDirectoryError
from isptune.plugins import require_packages
from isptune.tracking.run_facts import Progress, RunFacts, flattened, held_out_scalars, scalars
from isptune.tracking.tracker import Tracker

if TYPE_CHECKING:
    from isptune.tuning.result import TuneResult

FOLDER_NAME = "tensorboard"
CONFIGURATION = "configuration"


def tensorboard_writer(folder: str | Path, flush_secs: int = 120) -> Any:
    """A writer of TensorBoard files (``torch.utils.tensorboard.SummaryWriter``).

    Args:
        folder: where; it is made where it does not exist.
        flush_secs: how long a value waits at most until it is on disk.

    Raises:
        MissingPackageError: tensorboard is not installed.
    """
    require_packages("writing TensorBoard files", ["tensorboard"], "'isptune[tensorboard]'")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), flush_secs=flush_secs)


class TensorBoard(Tracker):
    """Writes scores, hidden losses, configuration and pictures as TensorBoard files.

    A resumed run goes on in its folder: each figure is written once per generation, also where the earlier
    sitting was killed before its last values were on disk, or had no tracker at all.

    Args:
        folder: for the event files; ``tensorboard/`` in the run directory if None.

    Raises:
        MissingPackageError: tensorboard is not installed.

    Example:
        >>> import isptune
        >>> from isptune.tracking import TensorBoard
        >>> pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"], seed=0)
        >>> result = isptune.tune(
        ...     pipeline, "psnr", budget=60, population=30, callbacks=[TensorBoard("curves")]
        ... )
    """

    label = "TensorBoard"
    wants_truth = True

    def __init__(self, folder: str | Path | None = None) -> None:
        require_packages("writing TensorBoard files", ["tensorboard"], "'isptune[tensorboard]'")
        self._chosen = None if folder is None else Path(folder)
        self._folder = Path()
        self._writer: Any = None
        self._written: set[tuple[str, int]] = set()

    def start(self, facts: RunFacts) -> None:
        """Find the folder and what it holds of this run already.

        Raises:
            ConfigurationError: there is neither a folder nor a run directory.
            RunDirectoryError: the folder holds the files of another run.
        """
        self._writer = None
        if self._chosen is None and facts.out is None:
            raise ConfigurationError(
                "TensorBoard files of a run without a run directory need a folder: TensorBoard(folder)"
            )
        self._folder = self._chosen or facts.out / FOLDER_NAME  # type: ignore[operator]
        fingerprints, self._written = _read(self._folder)
        if self._written and not (facts.resumed and fingerprints <= {facts.fingerprint}):
            raise RunDirectoryError(
                f"the folder '{self._folder}' already holds TensorBoard files of another run; choose another"
            )
        settings = {
            **flattened(facts.settings),
            **flattened({"versions": facts.versions}),
            "fingerprint": facts.fingerprint,
        }
        if (CONFIGURATION, 0) not in self._written:
            rows = [f"| {name} | {_cell(value)} |" for name, value in settings.items()]
            self._open().add_text(CONFIGURATION, "\n".join(["| setting | value |", "|---|---|", *rows]), 0)

    def generation(self, progress: Progress) -> None:
        for tag, value in scalars(progress).items():
            if (tag, progress.generation) not in self._written:
                self._open().add_scalar(tag, value, progress.generation)

    def finish(self, result: TuneResult) -> None:
        for tag, value in held_out_scalars(result).items():
            if (tag, 0) not in self._written:
                self._open().add_scalar(tag, value, 0)
        for file in result.files:
            if file.suffix == ".png" and (file.stem, 0) not in self._written:
                self._open().add_image(file.stem, _pixels(file), 0, dataformats="HWC")
        self._close()

    def failed(self, error: BaseException) -> None:
        self._close()

    def _open(self) -> Any:
        # Opened by the first value, so that a run with nothing new leaves no empty file.
        if self._writer is None:
            self._writer = tensorboard_writer(self._folder, flush_secs=5)
        return self._writer

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _read(folder: Path) -> tuple[set[str], set[tuple[str, int]]]:
    """The runs' fingerprints and the (tag, step) pairs that the event files of a folder hold."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    fingerprints: set[str] = set()
    written: set[tuple[str, int]] = set()
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                tag = value.tag.removesuffix("/text_summary")
                written.add((tag, event.step))
                if tag == CONFIGURATION:
                    text = value.tensor.string_val[0].decode()
                    fingerprints.add(text.rpartition("| fingerprint | ")[2].partition(" |")[0])
    return fingerprints, written


def _cell(text: str) -> str:
    """Text that does not break the row of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def _pixels(file: Path) -> Any:
    """A picture as a (H, W, 3) array of bytes."""
    import numpy as np
    from PIL import Image

    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))
