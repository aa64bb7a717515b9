"""A program that develops several candidates in one process: what counts where it dies on the way."""

from __future__ import annotations

import time

import pytest
import torch

from isptune import Scene
from isptune.errors import ConfigurationError
from isptune.scenes import write_image
from isptune_external import ProgramError, develop_together, most_together

SCENE = Scene.of_picture("grey", torch.full((3, 32, 40), 0.5))
# For each argument a picture, or what it says.
PROGRAM = """
place=0
for word in "$@"; do
  case $word in
    crash) kill -SEGV $$ ;;
    hang) sleep 60 ;;
    slow) sleep 0.7; cp grey.png $place.png ;;
    part) head -c 60 grey.png > $place.png; kill -KILL $$ ;;
    skips) echo "version mismatch of $place" >&2; cp grey.png $place.png ;;
    nothing) ;;
    *) cp $word.png $place.png ;;
  esac
  place=$((place + 1))
done
"""


def made(folder, *words, timeout=5.0):
    for name, level, size in (("grey", 0.5, (32, 40)), ("black", 0.0, (32, 40)), ("small", 0.5, (32, 32))):
        write_image(folder / f"{name}.png", torch.full((3, *size), level))
    found = develop_together(
        ["/bin/sh", "-c", PROGRAM, "sh", *words],
        [folder / f"{place}.png" for place in range(len(words))],
        SCENE,
        program="the program",
        folder=folder,
        timeout=timeout,
        bad_words=["mismatch"],
    )
    return [str(one) if isinstance(one, ProgramError) else "a picture" for one in found]


def test_each_candidate_has_its_own_picture_or_reason(tmp_path):
    assert made(tmp_path, "grey", "black", "nothing", "small", "grey") == [
        "a picture",
        "the program gave a black picture of a scene that is not black",
        "the program ended without an error and wrote no picture",
        "the program gave a picture of 32x32 pixels; needed: 40x32, the size of what it was given",
        "a picture",
    ]


@pytest.mark.parametrize("death", ["crash", "part"])
def test_what_was_made_before_it_died_counts_but_the_last(tmp_path, death):
    missing = "the program ended before it made this picture"
    pictures = made(tmp_path, "grey", "grey", death, "grey")
    kept = 1 if death == "crash" else 2
    assert pictures == kept * ["a picture"] + (4 - kept) * [missing]


def test_the_time_out_is_that_of_each_picture(tmp_path):
    start = time.monotonic()
    assert made(tmp_path, "slow", "slow", "hang", "grey", timeout=1.2)[0] == "a picture"
    assert 2.5 < time.monotonic() - start < 10


def test_what_it_says_may_be_of_any_candidate(tmp_path):
    for words in (["grey", "skips"], ["skips", "grey", "crash"]):
        with pytest.raises(ProgramError, match="said: version mismatch of"):
            made(tmp_path, *words)


def test_fewer_at_once_where_pictures_are_large():
    assert most_together(8, [SCENE, Scene("large", (3000, 4000))]) == 2
    assert most_together(8, [Scene("huge", (9000, 9000))]) == 1
    assert most_together(3, [SCENE]) == 3
    for wrong in (0, 2.0, True):
        with pytest.raises(
            ConfigurationError, match=r"together is .*; allowed: a whole number of at least 1"
        ):
            most_together(wrong, [SCENE])
