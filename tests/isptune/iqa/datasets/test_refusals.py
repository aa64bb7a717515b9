"""Bad data: one clear sentence with the file and the row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from syrupy.assertion import SnapshotAssertion

from isptune.errors import ImageError, IsptuneError, UnknownNameError
from isptune.iqa.datasets import DatasetError, read_dataset

Write = Callable[..., Path]

HEAD = "img_name,mos,std,official_split\n"
GOOD = "0.png,1,0.1,0\n1.png,2,0.1,2\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + GOOD + "22.png,3,0.1,0\n",
        HEAD + GOOD + "sub/2.png,3,0.1,0\n",
        HEAD + GOOD + ",3,0.1,0\n",
        HEAD + GOOD + "2.png,nan,0.1,0\n",
        HEAD + GOOD + "2.png,good,0.1,0\n",
        HEAD + GOOD + "2.png,3_5,0.1,0\n",
        HEAD + GOOD + "2.png,3,0.1_0,0\n",
        HEAD + GOOD + "2.png,,0.1,0\n",
        HEAD + GOOD + "2.png,3,-1,0\n",
        HEAD + GOOD + "2.png,3,inf,0\n",
        HEAD + GOOD + "0.png,3,0.1,0\n",
        HEAD + GOOD + "2.png,3,0.1\n",
        HEAD + GOOD + "2.png,3,0.1,tset\n",
        HEAD + "0.png,2,0.1,0\n1.png,2.0,0.1,0\n",
        HEAD + "0.png,2,0.1,0\n",
        HEAD,
        "",
        "img_name,mso\n0.png,1\n",
        "picture,mos\n0.png,1\n",
        "img_name,mos,mos\n0.png,1,1\n",
        'img_name,mos\n"0.png,1\n',
        "img_name,mos\n0.png,1\0\n",
        "ref_name,dist_name,mos\n0.png,1.png,1\nzebra,2.png,2\n",
    ],
)  # fmt: skip
def test_a_bad_table(write: Write, text: str, snapshot: SnapshotAssertion) -> None:
    root = write("meta")
    table = root / "meta.csv"
    table.write_text(text)
    with pytest.raises(DatasetError) as caught:
        read_dataset(table)
    assert str(caught.value) == snapshot
    assert caught.value.exit_code == 2


def refusal(data: Path, **options: str) -> str:
    with pytest.raises(IsptuneError) as caught:
        read_dataset(data, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_nothing_there(write: Write, tmp_path: Path) -> None:
    root = write("meta")
    assert (
        refusal(root / "mata.csv")
        == f"'{root}/mata.csv': there is no such file or folder; did you mean 'meta.csv'?"
    )
    assert refusal(root, images=str(root / "pics")) == (
        f"there is no folder '{root}/pics' with the images of '{root}/meta.csv'"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refusal(empty) == (
        f"'{empty}' holds no dataset that is known (koniq10k, spaq, kadid10k, tid2013, livec, agiqa3k, meta); "
        "name a CSV file with names and scores"
    )


def test_the_layout(write: Write) -> None:
    root = write("kadid10k")
    assert refusal(root, layout="kadid") == "there is no dataset layout 'kadid'; did you mean 'kadid10k'?"
    assert refusal(root, layout="tid2013") == (
        f"'{root}' is no folder of the layout tid2013: there is no 'mos_with_names.txt' in it"
    )
    (root / "mos_with_names.txt").write_text("1 I01_01_1.bmp\n")
    assert refusal(root) == f"'{root}' could be kadid10k and tid2013; say which layout it is"
    (root / "mos_with_names.txt").unlink()
    (root / "dmos.csv").rename(root / "a.csv")
    (root / "b.csv").write_text("x")
    assert refusal(root) == f"'{root}' holds several CSV files ('a.csv', 'b.csv'); name one of them"
    assert refusal(root / "a.csv", layout="koniq10k") == (
        f"'{root}/a.csv' has no column for the image's name ('image_name'); "
        "its columns: dist_img, ref_img, dmos, var"
    )


def test_a_folder_of_images_that_is_not_there(write: Write) -> None:
    root = write("spaq")
    table = root / "Annotations" / "MOS and Image attribute scores.csv"
    (root / "TestImage" / "00002.jpg").unlink()
    assert refusal(root) == (
        f"'{table}', row 2: there is no image '00002.jpg' in '{root}/TestImage'; did you mean '00003.jpg'?"
    )


def test_tid_lines(write: Write) -> None:
    root = write("tid2013")
    table = root / "mos_with_names.txt"
    lines = table.read_text()
    (root / "mos_std.txt").write_text("1 2 3")
    assert refusal(root) == f"'{root}/mos_std.txt' has 3 numbers for the 4 rows of '{table}'"
    (root / "mos_std.txt").unlink()
    table.write_text(lines + "4.1,I01_01_3.bmp\n")
    assert refusal(root) == (
        f"'{table}', row 5: '4.1,I01_01_3.bmp' is not a score and a name, such as '5.51429 I01_01_1.bmp'"
    )
    (root / "distorted_images" / "odd.bmp").write_bytes((root / "reference_images" / "I01.BMP").read_bytes())
    table.write_text(lines + "4.1 odd.bmp\n")
    assert refusal(root) == (
        f"'{table}', row 5: the name 'odd.bmp' does not begin with its content, as 'I01_01_1.bmp' does"
    )
    table.write_text(lines)
    (root / "reference_images" / "i25.bmp").unlink()
    assert refusal(root) == f"'{table}', row 3: there is no reference 'i25' in '{root}/reference_images'"


def test_mat_files(write: Write) -> None:
    root = write("livec")
    data = root / "Data"
    savemat(data / "AllStdDev_release.mat", {"AllStdDev_release": np.ones((1, 9))})
    assert refusal(root) == (
        f"'{data}/AllStdDev_release.mat' has 9 values for the 10 names of '{data}/AllImages_release.mat'"
    )
    savemat(data / "AllStdDev_release.mat", {"std": np.ones((1, 10))})
    assert refusal(root) == f"'{data}/AllStdDev_release.mat' has no variable 'AllStdDev_release'; it has: std"
    (data / "AllStdDev_release.mat").write_bytes(b"not a MAT file")
    assert f"'{data}/AllStdDev_release.mat' is not a MAT file that can be read: " in refusal(root)
    (data / "AllStdDev_release.mat").unlink()
    assert refusal(root) == f"'{data}/AllStdDev_release.mat': there is no such file"


def test_splits_and_parts(write: Write, snapshot: SnapshotAssertion) -> None:
    dataset = read_dataset(write("koniq10k"))
    for split, part, sentence in (
        (
            "offical_split",
            "test",
            f"'{dataset.source}' has no split 'offical_split'; did you mean 'official_split'?",
        ),
        ("official_split", "tset", "a split has no part 'tset'; did you mean 'test'?"),
    ):
        with pytest.raises(UnknownNameError) as caught:
            dataset.subset(split, part)
        assert str(caught.value) == sentence
    with pytest.raises(DatasetError) as refused:
        dataset.take([0, 1, 2]).subset("official_split", "test")
    assert str(refused.value) == snapshot
    with pytest.raises(DatasetError, match="has a split 'official_split' already"):
        dataset.with_splits({"official_split": ("train",) * 4})
    with pytest.raises(DatasetError, match="the split 'own' is for 3 images, .* has 4"):
        dataset.with_splits({"own": ("train",) * 3})


def test_a_damaged_image_and_a_missing_reference_name_the_row(write: Write) -> None:
    dataset = read_dataset(write("meta"))
    path = dataset.records[2].path
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ImageError) as caught:
        dataset.image(2)
    assert str(caught.value).startswith(f"'{dataset.source}', row 3: '{path}' is damaged or cut short: ")
    with pytest.raises(DatasetError) as refused:
        dataset.reference(1)
    assert str(refused.value) == f"'{dataset.source}', row 2: '1.png' has no reference image"
