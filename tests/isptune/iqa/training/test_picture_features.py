"""Features of a dataset's pictures: each encoded once, kept by its content, in batches of one size."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor

from isptune.errors import ImageError
from isptune.iqa.datasets import Dataset, read_dataset
from isptune.iqa.training import Learner
from isptune.iqa.training.encoding import encoded_batches
from isptune.iqa.training.opinions import OpinionSource
from isptune.iqa.training.picture_features import PictureFeatures
from isptune.scenes import write_image


class Counting(Learner):
    """Keeps the mean of each picture and notes what it is asked for."""

    name = "counting"
    encodes_in_threads = True

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.asked: list[int] = []
        self.threads: set[int] = set()

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        self.asked.append(len(images))
        self.threads.add(torch.get_num_threads())
        return {"mean": self.scale * images.mean(dim=(1, 2, 3)).unsqueeze(1)}

    def configuration(self) -> dict[str, float]:
        return {"scale": self.scale}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Ten pictures of two sizes, the last a copy of the first; their means are a tenth of their numbers."""
    rows = ["name,mos"]
    for index in range(10):
        width = 40 if index % 3 else 48
        write_image(tmp_path / f"{index}.png", torch.full((3, 32, width), index % 9 / 10), bits=16)
        rows.append(f"{index}.png,{index}")
    (tmp_path / "meta.csv").write_text("\n".join(rows) + "\n")
    return read_dataset(tmp_path / "meta.csv")


def test_each_picture_is_encoded_once_with_others_of_its_size(dataset: Dataset, tmp_path: Path) -> None:
    learner, told = Counting(), []
    found = PictureFeatures(
        learner, dataset, range(10), tmp_path / "kept", progress=lambda *one: told.append(one)
    )
    means = found[[9, 4, 2, 0]]["mean"][:, 0].tolist()
    assert means == pytest.approx([0.0, 0.4, 0.2, 0.0], abs=1e-4)
    # Four pictures are 48 px wide, of which one is there twice.
    assert sorted(learner.asked) == [3, 6]
    assert told[-1] == (10, 10)
    again = Counting()
    kept = PictureFeatures(again, dataset, range(10), tmp_path / "kept")
    assert again.asked == []
    assert torch.equal(kept[range(10)]["mean"], found[range(10)]["mean"])
    PictureFeatures(Counting(2.0), dataset, range(10), tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_a_changed_picture_is_encoded_anew(dataset: Dataset, tmp_path: Path) -> None:
    PictureFeatures(Counting(), dataset, range(10), tmp_path / "kept")
    write_image(dataset.records[4].path, torch.full((3, 32, 40), 0.75))
    learner = Counting()
    found = PictureFeatures(learner, dataset, range(10), tmp_path / "kept")
    assert max(learner.asked) == 1
    assert float(found[[4]]["mean"]) == pytest.approx(0.75, abs=0.01)


def test_pictures_that_cannot_be_read_are_named_and_the_others_kept(dataset: Dataset, tmp_path: Path) -> None:
    dataset.records[3].path.write_bytes(b"nothing")
    dataset.records[5].path.unlink()
    with pytest.raises(ImageError, match=r"row 4: '.*3\.png' is not an image .*\(and 1 more cannot be read"):
        PictureFeatures(Counting(), dataset, range(10), tmp_path / "kept")
    learner = Counting()
    PictureFeatures(learner, dataset, [0, 1, 2, 4, 6, 7, 8, 9], tmp_path / "kept")
    assert learner.asked == []


def test_batches_of_opinions_are_the_pictures_of_the_order(dataset: Dataset, tmp_path: Path) -> None:
    source = OpinionSource(Counting(), dataset, list(range(1, 9)), [0, 9], batch_size=4, cache=tmp_path / "f")
    assert source.steps_per_epoch == 2
    batch = source.batch(3)
    # Targets of the opinions 1 to 8 on 0..1; the mean is a tenth of the opinion.
    assert batch.features["mean"][:, 0].tolist() == pytest.approx(
        ((1 + 7 * batch.targets) / 10).tolist(), abs=1e-4
    )
    seen = torch.cat([source.batch(step).targets for step in (2, 3)]).sort().values
    assert seen.tolist() == pytest.approx([index / 7 for index in range(8)])
    assert torch.equal(source.batch(3 + 20).targets, batch.targets)


def test_threads_encode_in_order_and_leave_torch_as_it_was() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        learner, names = Counting(), set()

        def batches():  # type: ignore[no-untyped-def]
            for index in range(6):
                names.add(threading.current_thread().name)
                yield index, {"images": torch.full((2, 3, 32, 32), index / 10)}

        found = [(key, float(value["mean"][0])) for key, value in encoded_batches(learner, batches())]
        assert found == [(index, pytest.approx(index / 10)) for index in range(6)]
        assert learner.threads == {1}
        assert len(names) == 1
        assert torch.get_num_threads() == 2
        learner.encodes_in_threads, learner.threads = False, set()
        list(encoded_batches(learner, batches()))
        assert learner.threads == {2}
    finally:
        torch.set_num_threads(before)
