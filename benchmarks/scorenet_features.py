"""How long ScoreNet's features of 40 pictures take: each once, in batches, against ten times alone.

    uv run --with scikit-image python benchmarks/scorenet_features.py

Version 0.1 encoded every picture alone, again for each of the ten orders in which the training sees
the pictures, with all threads of torch at once. Since then a picture is encoded once, together with
others of its size, and each thread encodes a batch of its own. The host is a tiny CLIP with random
weights, the pictures are of 256 x 192. Beside the ratio stands how far the features are from each
other at most, relative to the spread of each column.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import measuring
import torch
from skimage import data
from torch import Tensor

from isptune.iqa.datasets import Dataset, read_dataset
from isptune.iqa.training import Learner
from isptune.iqa.training.picture_features import PictureFeatures
from isptune.plugins.registry import learners
from isptune.scenes import write_image
from isptune_clipiqa.tiny import write_tiny

ORDERS = 10


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--pictures", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = made_dataset(Path(folder), options.pictures)
        host = {"checkpoint": str(write_tiny(Path(folder) / "clip"))}
        learner = learners.create("scorenet", host="clipiqa", host_options=host)
        every = list(range(len(dataset)))
        training, others = every[: len(every) * 4 // 5], every[len(every) * 4 // 5 :]

        def before() -> dict[str, Tensor]:
            for _ in range(ORDERS - 1):
                alone(learner, dataset, training)
            return alone(learner, dataset, [*training, *others])

        def after() -> dict[str, Tensor]:
            found = PictureFeatures(learner, dataset, every, Path(folder) / "features")
            return dict(found[every])

        alone(learner, dataset, every[:1])
        old, wall_before, cpu_before = timed(before)
        new, wall_after, cpu_after = timed(after)
    print(measuring.machine() + "\n")
    print("| | wall s | CPU s |\n| --- | --- | --- |")
    print(f"| each picture alone, {ORDERS} times | {wall_before:.1f} | {cpu_before:.1f} |")
    print(f"| each picture once, in batches | {wall_after:.1f} | {cpu_after:.1f} |")
    print(f"| ratio | {wall_before / wall_after:.1f} | {cpu_before / cpu_after:.1f} |")
    for name, values in old.items():
        spread = values.std(dim=0).clamp(min=1e-12)
        print(f"\nlargest difference of {name}: {float(((new[name] - values).abs() / spread).max()):.1e}")


def made_dataset(folder: Path, count: int) -> Dataset:
    """Crops of photographs with rising noise, and opinions that fall with it."""
    photographs = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    generator = torch.Generator().manual_seed(0)
    rows = ["name,mos"]
    for index in range(count):
        photo = torch.from_numpy(photographs[index % len(photographs)].copy()).permute(2, 0, 1) / 255
        top, left = (
            int(torch.randint(side, (), generator=generator))
            for side in (photo.shape[1] - 191, photo.shape[2] - 255)
        )
        crop = photo[:, top : top + 192, left : left + 256]
        noise = torch.randn(crop.shape, generator=generator) * 0.2 * index / count
        write_image(folder / f"{index}.png", (crop + noise).clamp(0, 1))
        rows.append(f"{index}.png,{5 - 4 * index / count}")
    (folder / "meta.csv").write_text("\n".join(rows) + "\n")
    return read_dataset(folder / "meta.csv")


@torch.no_grad()
def alone(learner: Learner, dataset: Dataset, indices: list[int]) -> dict[str, Tensor]:
    """Features of one picture after another."""
    parts = [learner.encode(dataset.image(index)[None]) for index in indices]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def timed(work: Callable[[], dict[str, Tensor]]) -> tuple[dict[str, Tensor], float, float]:
    """What it gives, and its seconds of wall and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
