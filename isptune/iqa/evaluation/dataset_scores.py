"""Scores of a dataset's pictures: by an objective, or from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from isptune.contracts.judge import scores_no_pictures
from isptune.contracts.objective import Objective
from isptune.errors import ConfigurationError, EvaluationError, ImageError, MissingPackageError
from isptune.iqa.datasets.by_size import batches_by_size
from isptune.iqa.datasets.dataset import Dataset, DatasetError
from isptune.iqa.datasets.score_tables import read_table
from isptune.iqa.evaluation.correlations import Numbers
from isptune.storage.paths import shown, user_path
from isptune.tuning.blame import called, is_out_of_memory
from isptune.tuning.devices import resolve_device
from isptune.tuning.micro_batches import MicroBatches
from isptune.wording.naming import did_you_mean

# Called after each batch with how many images are done and how many there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Scores:
    """What an objective says of a dataset's pictures.

    Attributes:
        name: the objective's, or the file's.
        values: (N,) in the objective's own orientation; NaN where an image failed.
        higher_is_better: that orientation.
        failures: one sentence for each image that failed.
    """

    name: str
    values: Numbers
    higher_is_better: bool = True
    failures: list[str] = field(default_factory=list)

    def along(self, dataset: Dataset) -> Numbers:
        """The scores with their sign turned where they run against the MOS: agreement is positive."""
        return self.values if self.higher_is_better == dataset.higher_is_better else -self.values

    def of(self, whole: Dataset, part: Dataset) -> Scores:
        """The scores of a dataset as those of a part of it."""
        if part is whole:
            return self
        places = {name: index for index, name in enumerate(whole.names)}
        return replace(self, values=self.values[[places[name] for name in part.names]])


class AllFailed(EvaluationError):
    """An objective failed on every picture.

    Attributes:
        scores: nothing but NaN, and the reasons.
    """

    def __init__(self, scores: Scores) -> None:
        failures = scores.failures
        super().__init__(f"all {len(failures)} images failed; the first: {failures[0]}")
        self.scores = scores


def score_dataset(
    objective: Objective,
    dataset: Dataset,
    device: str | torch.device = "cpu",
    batch_size: int = 1,
    memory_gb: float = 2.0,
    progress: Progress | None = None,
) -> Scores:
    """Score every picture at its native size.

    Pictures of equal size go together into batches; a score does not depend on that (the contract of an
    objective). Pictures that wait for others of their size take at most a quarter of ``memory_gb``.

    Args:
        objective: what scores.
        dataset: what is scored.
        device: where; ``"auto"`` takes the fastest there is.
        batch_size: at most so many pictures at once; fewer where ``memory_gb`` or the device's memory does
            not hold their temporaries.
        memory_gb: of one batch, estimated as in ``isptune.Evaluator``.
        progress: called with how many images are done and how many there are.

    Returns:
        The scores. A picture that cannot be read, or that the objective fails on or gives no finite score
        to, has NaN and a sentence with its row.

    Raises:
        DatasetError: the objective compares with a reference and a picture has none.
        ConfigurationError: a batch size under 1, a device that is not there, a judge.
        EvaluationError: every picture failed; the message is the first one's.
    """
    if batch_size < 1:
        raise ConfigurationError(f"the batch size is {batch_size}; allowed: at least 1")
    if not memory_gb > 0:
        raise ConfigurationError(f"memory_gb is {memory_gb}; allowed: above 0")
    if objective.is_judge:
        raise scores_no_pictures(called(objective))
    check_references(objective, dataset)
    run = _Run(objective, dataset, resolve_device(device), batch_size, memory_gb, progress)
    return run.scores()


def check_references(objective: Objective, dataset: Dataset) -> None:
    """Refuse with a DatasetError a full-reference objective on a dataset without references."""
    if objective.needs_reference and not dataset.has_references:
        index = next(i for i, record in enumerate(dataset.records) if record.reference is None)
        raise DatasetError(
            f"the objective '{called(objective)}' compares with a reference, but {dataset.place(index)} "
            f"('{dataset.records[index].name}') has none; choose an objective that needs none "
            "('isptune list objectives' shows which)"
        )


class _Run:
    def __init__(
        self,
        objective: Objective,
        dataset: Dataset,
        device: torch.device,
        batch_size: int,
        memory_gb: float,
        progress: Progress | None,
    ) -> None:
        self.objective = objective.to(device)
        self.dataset = dataset
        self.device = device
        self.micro = MicroBatches(device, memory_gb, "pictures", batch_size)
        self.progress = progress
        self.values = np.full(len(dataset), np.nan)
        self.failed: dict[int, str] = {}
        self.done = 0
        # What pictures may take that wait for others of their size.
        self.waiting_bytes = memory_gb * 1e9 / 4

    def scores(self) -> Scores:
        for batch in batches_by_size(self._pictures(), self._batch_of, self.waiting_bytes):
            self._score(batch)
        failures = [self.failed[index] for index in sorted(self.failed)]
        found = Scores(called(self.objective), self.values, bool(self.objective.higher_is_better), failures)
        if len(failures) == len(self.dataset):
            raise AllFailed(found)
        return found

    def _pictures(self) -> Iterator[tuple[int, Tensor]]:
        for index in range(len(self.dataset)):
            try:
                image = self.dataset.image(index)
            except ImageError as error:
                self._fail(index, str(error))
            else:
                yield index, image

    def _batch_of(self, height: int, width: int) -> int:
        return self.micro.size(height, width, lambda: self._bytes_each(height, width))

    def _bytes_each(self, height: int, width: int) -> float:
        memory = self.objective.memory
        return 12.0 * height * width * (memory.images + 2) + memory.bytes

    def _score(self, batch: list[tuple[int, Tensor]]) -> None:
        """Score pictures of one size; where an objective fails on several, each of them alone."""
        height, width = batch[0][1].shape[-2:]

        def part(start: int, end: int) -> None:
            try:
                self._store(batch[start:end])
            except MissingPackageError:
                raise
            except Exception as error:
                index = batch[start][0]
                if end - start == 1:
                    self._fail(index, self._sentence(index, error))
                elif is_out_of_memory(error):
                    raise
                else:
                    for row in range(start, end):
                        part(row, row + 1)

        self.micro.work(len(batch), height, width, lambda: self._bytes_each(height, width), part)

    def _sentence(self, index: int, error: Exception) -> str:
        if isinstance(error, ImageError):
            return str(error)
        text = " ".join(str(error).split())
        if is_out_of_memory(error):
            text = f"there is not enough memory on {self.device} for it"
        elif not isinstance(error, (ConfigurationError, DatasetError)):
            text = f"{type(error).__name__}: {text}"
        failed = f"the objective '{called(self.objective)}' failed on '{self.dataset.records[index].name}'"
        return f"{self.dataset.place(index)}: {failed}: {text}"

    def _store(self, batch: list[tuple[int, Tensor]]) -> None:
        indices = [index for index, _ in batch]
        images = torch.stack([image for _, image in batch]).to(self.device)
        reference = None
        if self.objective.needs_reference:
            pristine = [self.dataset.reference(index) for index in indices]
            for image in pristine:
                if image.shape != images.shape[1:]:
                    raise DatasetError(
                        f"its reference is {image.shape[-1]}x{image.shape[-2]} pixels, the image "
                        f"{images.shape[-1]}x{images.shape[-2]}"
                    )
            reference = torch.stack(pristine).to(self.device)
        with torch.no_grad():
            found = self.objective.score(images, reference)
        if found.shape != (len(batch),):
            raise ValueError(f"score gave the shape {tuple(found.shape)} for {len(batch)} images")
        for index, value in zip(indices, found.to(torch.float64).cpu().tolist(), strict=True):
            if np.isfinite(value):
                self.values[index] = value
                self._count()
            else:
                self._fail(
                    index,
                    f"{self.dataset.place(index)}: the objective '{called(self.objective)}' gave "
                    f"'{self.dataset.records[index].name}' the score {value}",
                )

    def _fail(self, index: int, sentence: str) -> None:
        self.failed[index] = sentence
        self._count()

    def _count(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, len(self.dataset))


def read_scores(path: str | Path, dataset: Dataset, higher_is_better: bool = True) -> Scores:
    """Scores that were computed elsewhere, from a CSV file with the columns ``name`` and ``score``.

    Args:
        path: the file; its rows may be in any order.
        dataset: each of its pictures needs a score.
        higher_is_better: the scores' orientation.

    Returns:
        The scores in the dataset's order, named after the file.

    Raises:
        DatasetError: columns are missing, a name is not in the dataset or occurs twice, a score is not a
            finite number, or pictures have none; the message gives the row.
    """
    table = read_table(user_path(path))
    name = table.column("the image's name", ["name", "img_name", "image_name", "dist_name"])
    score = table.column("the score", ["score"])
    places = {record.name: index for index, record in enumerate(dataset.records)}
    values = np.full(len(dataset), np.nan)
    rows: dict[str, int] = {}
    for row in table.rows:
        image = row.cells[name]
        if image not in places:
            raise DatasetError(
                f"{table.place(row)}: the image '{image}' is not in '{dataset.source}'"
                + did_you_mean(image, places)
            )
        if image in rows:
            raise DatasetError(f"{table.place(row)}: '{image}' already has a score in row {rows[image]}")
        rows[image] = row.number
        values[places[image]] = table.number(row, score, f"the score of '{image}'")
    lacking = next((index for index in range(len(dataset)) if np.isnan(values[index])), None)
    if lacking is not None:
        raise DatasetError(
            f"'{table.path}' has {len(rows)} scores for {len(dataset)} images: "
            f"there is none for '{dataset.records[lacking].name}' ({dataset.place(lacking)})"
        )
    return Scores(shown(table.path.stem), values, higher_is_better)


def scores_of_all(found: Sequence[Callable[[], Scores]]) -> list[Scores]:
    """What several objectives give; one that fails on every picture does not take the others with it.

    Raises:
        AllFailed: all of them fail on every picture.
    """
    scores: list[Scores] = []
    failed: list[AllFailed] = []
    for score in found:
        try:
            scores.append(score())
        except AllFailed as error:
            scores.append(error.scores)
            failed.append(error)
    if scores and len(failed) == len(scores):
        raise failed[0]
    return scores
