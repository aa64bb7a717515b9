"""Pictures of real folders: what is refused before anybody is invited, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isptune_study import database
from isptune_study.serving.study_images import StudyImages
from isptune_study.storage import StudyStore

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(database, "_SYNCHRONOUS", "OFF")
    Path("in").mkdir()
    for number in range(4):
        picture(f"in/bild {number} ä.png", number)
    return tmp_path


def picture(path: str, seed: int, size: tuple[int, int] = (24, 16), turned: bool = False) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    Path(path).parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(values).save(path, exif=exif)


def create(call: Call, *more: str) -> tuple[int, str, str]:
    return call(
        *("study", "create", "--pictures", "in", "--opponents", "3", "--training", "0", "--out", "out"), *more
    )


WROTE = (0, "wrote out (4 images of 1 scene)\n")


def test_what_the_system_left_in_a_folder_is_no_picture(call: Call, folder: Path) -> None:
    for name in ("._bild 0 ä.png", ".DS_Store", "Thumbs.db"):
        Path("in", name).write_bytes(b"something")
    picture("in/Reference.PNG", 9)
    assert create(call) == (0, "wrote out (4 images of 1 scene, 1 with a reference)\n", "")


def test_what_is_left_out_is_said(call: Call, folder: Path) -> None:
    for name in ("in/a.tif", "in/b.tiff", "in/notes.txt"):
        Path(name).touch()
    picture("in/more/x.png", 5)
    assert create(call) == (
        *WROTE,
        "note: 3 files left out, as browsers do not show .tif, .tiff, .txt\n"
        "note: the folder more is left out, as pictures lie beside it\n",
    )


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda whole: whole[: len(whole) // 2], "cannot be read: it is damaged or not whole"),
        (lambda _: b"hello", "is no picture that can be read"),
        (lambda _: b"", "is no picture that can be read"),
    ],
)
@pytest.mark.parametrize("name", ["bild 2 ä.png", "bild 2 ä.jpg"])
def test_a_damaged_file_is_refused_before_anything_is_written(
    call: Call, folder: Path, broken: Callable[[bytes], bytes], said: str, name: str
) -> None:
    path = Path("in", name)
    picture(str(path), 2, (64, 64))
    Path("in/bild 2 ä.png").unlink(missing_ok=name.endswith("jpg"))
    if name.endswith("png"):
        picture(str(path), 2, (64, 64))
    path.write_bytes(broken(path.read_bytes()))
    assert create(call) == (2, "", f"isptune: error: 'in/{name}' {said}\n")
    assert not Path("out").exists()


def test_a_picture_is_as_large_as_a_browser_shows_it(call: Call, folder: Path) -> None:
    for number in range(4):
        picture(f"lying/{number}.jpg", number, (24, 16) if number % 2 else (16, 24), turned=not number % 2)
    picture("lying/reference.png", 9)
    more = ("--pictures", "lying", "--opponents", "3", "--training", "0")
    assert call("study", "create", *more, "--out", "out") == (
        0,
        "wrote out (4 images of 1 scene, 1 with a reference)\n",
        "",
    )
    with StudyStore("out/study.sqlite") as store:
        images = StudyImages(Path("out"), store.settings.references, store.images)
    assert [images.size(number) for number in range(4)] == [(24, 16)] * 4


def test_equal_files_other_sizes_and_transparent_parts_are_said(call: Call, folder: Path) -> None:
    Path("in/bild 1 ä.png").write_bytes(Path("in/bild 0 ä.png").read_bytes())
    picture("in/bild 2 ä.png", 2, (30, 16))
    with Image.open("in/bild 3 ä.png") as opened:
        clear = opened.convert("RGBA")
    clear.putpixel((3, 3), (1, 2, 3, 100))
    clear.save("in/bild 3 ä.png")
    assert create(call) == (
        *WROTE,
        "note: pictures differ in size (24x16, 30x16): flipping between them does not compare in place\n"
        "note: bild 0 ä.png, bild 1 ä.png are the same file: observers compare equal pictures\n"
        "note: parts of bild 3 ä.png are transparent: the page shows grey there, and objectives see white\n",
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--images", "4"), "--images is not for --pictures: all in the folder are taken"),
        (("--bits", "16"), "--bits is not for --pictures: files are copied as they are"),
        (("--pipeline-option", "a=1"), "--pipeline-option is not for --pictures: nothing is rendered"),
        (("--seed", "-1"), "--seed is -1; allowed: at least 0"),
        (("--training", "1001"), "training is 1001; allowed: 0 to 1000"),
        (("--title", "x" * 201), "--title is one line of at most 200 characters, got 201"),
        (("--repeats", "5"), "5 pairs cannot be repeated in a later round: an observer compares 6 in 3 rounds; allowed: up to 4"),
        (("--opponents", "1", "--repeats", "1"), "1 pair cannot be repeated in a later round: an observer compares 2 in 1 round; allowed: up to 0"),
    ],
)  # fmt: skip
def test_options_that_would_do_nothing_or_stop_every_observer(
    call: Call, folder: Path, more: tuple[str, ...], said: str
) -> None:
    assert create(call, *more) == (2, "", f"isptune: error: {said}\n")
    assert not Path("out").exists()


def test_a_scene_that_cannot_be_is_named_and_two_references_are_too_many(call: Call, folder: Path) -> None:
    for number in range(4):
        picture(f"two/day/{number}.png", number)
        picture(f"two/night/{number}.png", number)
    picture("two/night/4.png", 4)
    (folder / "two").rename("scenes")
    arguments = ("study", "create", "--pictures", "scenes", "--opponents", "3", "--out", "out")
    assert call(*arguments)[2] == (
        "isptune: error: the scene 'night': each of 5 images cannot meet 3 others: 5 x 3 is odd, and a pair takes "
        "two; possible: 2 or 4 others, or 4 or 6 images\n"
    )
    picture("scenes/day/reference.png", 5)
    picture("scenes/day/reference.jpg", 5)
    assert call(*arguments)[2] == (
        "isptune: error: the folder 'scenes/day' holds 2 references (reference.jpg, reference.png); allowed: one\n"
    )
