"""Every layout, from its folder and from its table: names, scores, references, contents, splits."""

from __future__ import annotations

import logging
import sys
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch
from syrupy.assertion import SnapshotAssertion

from isptune.errors import MissingPackageError
from isptune.iqa.datasets import LAYOUTS, read_dataset

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("made", "layout", "name", "mos", "std", "mos_range"),
    [
        ("koniq10k", "koniq10k", "KonIQ-10k", [20.5, 40, 60, 80], [0.5, 0.6, 0.7, 0.8], (1, 100)),
        ("koniq10k-scores", "koniq10k", "KonIQ-10k", [68.7, 58.7], [None] * 2, (1, 100)),
        ("spaq", "spaq", "SPAQ", [54.4, 60, 12.5], [None] * 3, (0, 100)),
        ("kadid10k", "kadid10k", "KADID-10k", [4, 3, 2, 4, 3, 2], [0.491, 0.492, 0.493] * 2, (1, 5)),
        ("tid2013", "tid2013", "TID2013", [5.51429, 4.51429] * 2, [0.1, 0.2, 0.3, 0.4], (0, 9)),
        ("livec", "livec", "LIVE-C", [70, 80, 90], [19.5] * 3, (0, 100)),
        ("agiqa3k", "agiqa3k", "AGIQA-3K", [1, 2.1, 1.2, 2.3], [0.3] * 4, (0, 5)),
        ("meta", "meta", "meta", [0.5, 1.5, 2.5, 3.5, 4.5], [0, 0.1, 0.2, 0.3, 0.4], None),
        ("meta-fr", "meta", "MadeUp", [1, 2.1, 1.2, 2.3, 1.4, 2.5], [0.1] * 6, None),
    ],
)
def test_the_layout_is_told_by_the_files(
    write: Write,
    made: str,
    layout: str,
    name: str,
    mos: list[float],
    std: list[float | None],
    mos_range: tuple[float, float] | None,
) -> None:
    root = write(made)
    dataset = read_dataset(root)
    assert (dataset.layout, dataset.name, dataset.mos_range) == (layout, name, mos_range)
    assert dataset.mos.dtype == torch.float64
    assert dataset.mos.tolist() == pytest.approx(mos)
    assert [record.std for record in dataset.records] == pytest.approx(std) if std[0] else True
    assert dataset.higher_is_better
    assert all(record.path.is_file() for record in dataset.records)
    assert dataset.image(0).shape == (3, 32, 32)
    assert dataset.image(0).dtype == torch.float32
    # The table alone, and the layout by its name, say the same.
    for other in (read_dataset(dataset.source), read_dataset(root, layout=layout)):
        assert other == dataset


def test_the_layouts() -> None:
    assert LAYOUTS == ("koniq10k", "spaq", "kadid10k", "tid2013", "livec", "agiqa3k", "meta")


def test_references_and_contents(write: Write, tmp_path: Path) -> None:
    kadid = read_dataset(write("kadid10k"))
    assert kadid.contents == ("I01.png",) * 3 + ("I02.png",) * 3
    assert kadid.has_references
    assert kadid.has_groups
    assert kadid.records[4].reference == tmp_path / "data/images/I02.png"
    assert kadid.reference(4).shape == (3, 32, 32)


def test_tid_names_differ_in_case(write: Write, tmp_path: Path) -> None:
    dataset = read_dataset(write("tid2013"))
    assert dataset.names == ("I01_01_1.bmp", "I01_01_2.bmp", "I25_01_1.bmp", "I25_01_2.bmp")
    assert dataset.records[0].path == tmp_path / "data/distorted_images/i01_01_1.bmp"
    assert dataset.contents == ("i01", "i01", "i25", "i25")
    assert dataset.records[0].reference == tmp_path / "data/reference_images/I01.BMP"
    assert dataset.records[3].reference == tmp_path / "data/reference_images/i25.bmp"
    (tmp_path / "data/mos_std.txt").unlink()
    assert read_dataset(tmp_path / "data").records[0].std is None


def test_live_challenge_leaves_out_what_observers_were_trained_with(write: Write) -> None:
    dataset = read_dataset(write("livec"))
    assert dataset.names == ("3.bmp", "4.bmp", "5.JPG")
    assert [record.row for record in dataset.records] == [8, 9, 10]


def test_agiqa_pictures_of_one_prompt_belong_together(write: Write) -> None:
    dataset = read_dataset(write("agiqa3k"))
    assert dataset.contents == ("a fox, red", "a tower") * 2


def test_splits(write: Write) -> None:
    dataset = read_dataset(write("meta"))
    assert dataset.splits == {
        "official_split": ("train", "val", "test", "test", "test"),
        "ratio802_seed123_split_01": ("train", "train", "train", "test", "test"),
    }
    test = dataset.subset("official_split", "test")
    assert test.names == ("2.png", "3.png", "4.png")
    assert test.splits["ratio802_seed123_split_01"] == ("train", "test", "test")
    assert test.mos.tolist() == [2.5, 3.5, 4.5]
    assert test.image(1).shape == (3, 40, 48)


def test_the_split_of_koniq(write: Write) -> None:
    assert read_dataset(write("koniq10k")).splits == {"official_split": ("train", "train", "val", "test")}


def test_a_meta_file_with_images_elsewhere(write: Write, tmp_path: Path) -> None:
    root = write("meta")
    table = tmp_path / "elsewhere.csv"
    table.write_text((root / "meta.csv").read_text())
    assert read_dataset(table, root).records[0].path == root / "0.png"


def test_excel_and_semicolons_and_marks(write: Write, tmp_path: Path) -> None:
    root = write("meta")
    table = root / "odd.csv"
    table.write_bytes("# Image Name;MOS\r\n0.png;1\r\n\r\n1.png;2\r\n".encode("utf-8-sig"))
    dataset = read_dataset(table, layout="meta")
    assert dataset.names == ("0.png", "1.png")
    assert [record.row for record in dataset.records] == [1, 3]


def test_a_difference_score_as_it_is(write: Write, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    root = write("meta")
    (root / "meta.csv").write_text("img_name,dmos\n0.png,1\n1.png,2\n")
    with caplog.at_level(logging.WARNING, logger="isptune"):
        dataset = read_dataset(root)
    assert "higher values of its column 'dmos' are taken as better" in caplog.text
    assert dataset.higher_is_better
    assert not read_dataset(root, higher_is_better=False).higher_is_better


def test_spaq_as_xlsx(write: Write, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    root = write("spaq")
    table = root / "Annotations" / "MOS and Image attribute scores.csv"
    sheet = [line.split(",") for line in table.read_text().splitlines()]
    rows = [sheet[0], *([name, float(mos), *rest] for name, mos, *rest in sheet[1:])]
    book = table.with_suffix(".xlsx")
    table.rename(book)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingPackageError) as caught:
        read_dataset(root)
    assert str(caught.value) == snapshot
    # A stand-in with the four calls that are made of the package.
    pages = [types.SimpleNamespace(iter_rows=lambda values_only: iter(rows))]
    stand_in = types.SimpleNamespace(
        __spec__=ModuleSpec("openpyxl", None),
        load_workbook=lambda path, read_only, data_only: types.SimpleNamespace(
            worksheets=pages, close=lambda: None
        ),
    )
    monkeypatch.setitem(sys.modules, "openpyxl", stand_in)
    assert read_dataset(root).mos.tolist() == [54.4, 60, 12.5]
