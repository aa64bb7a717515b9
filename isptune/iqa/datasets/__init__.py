"""Image-quality datasets: pictures with mean opinion scores, their splits, and readers of seven layouts."""

from isptune.iqa.datasets.dataset import PARTS, Dataset, DatasetError, Record
from isptune.iqa.datasets.dataset_files import LAYOUTS, read_dataset
from isptune.iqa.datasets.splitting import random_splits, with_named_splits

__all__ = [
    "LAYOUTS",
    "PARTS",
    "Dataset",
    "DatasetError",
    "Record",
    "random_splits",
    "read_dataset",
    "with_named_splits",
]
