"""``isptune score``: tables of pictures by objectives and labels, and pictures that fail among good ones."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

import isptune
from isptune.plugins import registry
from isptune.scenes import read_image, write_image

Call = Callable[..., tuple[int, str, str]]
FAMILIES = isptune.create_objective("severity").labels


@pytest.fixture
def pictures(photo: str) -> list[str]:
    """A photograph and a darker one."""
    write_image("dark.png", read_image(photo) * 0.5)
    return [photo, "dark.png"]


@pytest.fixture
def uneven() -> Iterator[str]:
    """The name of an objective that fails on dark pictures, and gives black ones no score."""

    @isptune.register_objective("uneven-for-tests")
    class Uneven(isptune.Objective):
        """Fails on dark pictures."""

        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            mean = images.mean(dim=(1, 2, 3))
            if 0 < float(mean) < 0.3:
                raise ArithmeticError("too dark")
            return torch.where(mean == 0, torch.nan, mean)

    yield "uneven-for-tests"
    registry.objectives._records.pop("uneven-for-tests")


def test_several_objectives_are_columns(pictures: list[str], call: Call) -> None:
    code, out, err = call("score", *pictures, "--objective", "psnr,noise-level", "--reference", "photo.png")
    head, *lines = [line.split() for line in out.splitlines()]
    assert (code, head) == (0, ["image", "psnr", "noise-level"])
    assert [line[0] for line in lines] == pictures
    dark = read_image("dark.png")[None]
    expected = [
        float(isptune.create_objective("psnr").score(dark, read_image("photo.png")[None])),
        float(isptune.create_objective("noise-level").score(dark)),
    ]
    assert [float(cell) for cell in lines[1][1:]] == pytest.approx(expected, rel=1e-5)
    assert "(higher is better: psnr; lower is better: noise-level)" in err


def test_labels_of_a_vector_objective_are_columns_too(pictures: list[str], call: Call) -> None:
    code, out, _ = call("score", *pictures, "--objective", "severity")
    head, *lines = [line.split() for line in out.splitlines()]
    assert (code, head) == (0, ["image", "severity", *FAMILIES])
    image = read_image("dark.png")[None]
    expected = isptune.create_objective("severity").scores(image)[0].tolist()
    assert [float(cell) for cell in lines[1][2:]] == pytest.approx(expected, rel=1e-5)


def test_json_keeps_its_keys_and_has_the_labels(pictures: list[str], call: Call) -> None:
    found = json.loads(call("score", *pictures, "--objective", "severity", "--json")[1])
    assert list(found) == ["objective", "higher_is_better", "labels", "scores"]
    assert [one["name"] for one in found["labels"]] == list(FAMILIES)
    assert list(found["scores"][0]) == ["image", "score", "labels"]
    assert list(found["scores"][0]["labels"]) == list(FAMILIES)
    found = json.loads(call("score", *pictures, "--objective", "contrast", "--json")[1])
    assert list(found) == ["objective", "higher_is_better", "scores"]
    assert list(found["scores"][0]) == ["image", "score"]
    found = json.loads(call("score", *pictures, "--objective", "severity,contrast", "--json")[1])
    assert [one["objective"] for one in found["objectives"]] == ["severity", "contrast"]
    assert list(found["scores"][1]["scores"]) == ["severity", "contrast"]
    assert list(found["scores"][1]["labels"]["severity"]) == list(FAMILIES)


def test_csv_has_every_digit_and_evaluate_reads_it(pictures: list[str], call: Call) -> None:
    out = call("score", *pictures, "--objective", "contrast", "--csv")[1]
    rows = list(csv.DictReader(io.StringIO(out)))
    image = read_image("dark.png")[None]
    assert float(rows[1]["score"]) == float(isptune.create_objective("contrast").score(image))
    Path("contrast.csv").write_text(out)
    Path("meta.csv").write_text("name,mos\nphoto.png,4\ndark.png,2\n")
    code, out, _ = call("evaluate", "--scores", "contrast.csv", "--data", "meta.csv", "--out", "e", "--json")
    assert code == 0
    assert json.loads(out)["agreement"][0]["srcc"]["value"] == 1
    out = call("score", *pictures, "--objective", "severity,contrast", "--csv")[1]
    assert next(csv.reader(io.StringIO(out))) == [
        "name", "severity", *(f"severity:{label}" for label in FAMILIES), "contrast",
    ]  # fmt: skip


def test_options_name_their_objective(pictures: list[str], call: Call) -> None:
    arguments = ["score", "photo.png", "--objective", "clipping,exposure"]
    plain = call(*arguments)[1]
    assert call(*arguments, "--objective-option", "exposure.sigma=0.4")[1] != plain
    code, _, err = call(*arguments, "--objective-option", "sigma=0.4")
    assert (code, "takes NAME.KEY=VALUE where there is not one objective" in err) == (2, True)
    code, _, err = call(*arguments, "--csv", "--json")
    assert (code, "--csv and --json both ask for stdout; give one of them" in err) == (2, True)
    code, _, err = call("score", "photo.png", "--objective", "psnr,ssim")
    assert (code, "the objectives 'psnr, ssim' need a reference image" in err) == (2, True)


@pytest.mark.parametrize("width", [30, 44])
def test_narrow_terminals_get_paragraphs_with_whole_numbers(
    pictures: list[str], call: Call, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    wide = call("score", *pictures, "--objective", "severity,niqe-distance")[1]
    numbers = [cell for line in wide.splitlines()[1:] for cell in line.split()[1:]]
    monkeypatch.setenv("COLUMNS", str(width))
    out = call("score", *pictures, "--objective", "severity,niqe-distance")[1]
    assert max(map(len, out.splitlines())) <= width
    assert [word for word in out.split() if word[0] in "-0123456789" and "." in word] == numbers


def test_what_can_be_scored_is_printed_and_what_failed_is_named(
    pictures: list[str], call: Call, uneven: str
) -> None:
    Path("broken.png").write_bytes(Path("photo.png").read_bytes()[:2000])
    code, out, err = call("score", "broken.png", *pictures, "gone.png", "--objective", "contrast,sharpness")
    assert [line.split()[0] for line in out.splitlines()] == ["image", *pictures]
    assert "isptune: 'broken.png' is damaged or cut short" in err
    assert "isptune: 'gone.png': there is no such file" in err
    assert code == 2
    write_image("black.png", torch.zeros(3, 64, 64))
    code, out, err = call("score", *pictures, "black.png", "--objective", f"contrast,{uneven}")
    assert [line.split()[0] for line in out.splitlines()] == ["image", *pictures, "black.png"]
    assert [line.split()[2] for line in out.splitlines()[2:]] == ["–", "–"]
    assert f"the objective '{uneven}' failed on 'dark.png': ArithmeticError: too dark" in err
    assert f"the objective '{uneven}' gave 'black.png' the score nan" in err
    assert code == 1
    found = json.loads(call("score", *pictures, "--objective", uneven, "--json")[1])
    assert [row["image"] for row in found["scores"]] == ["photo.png"]
    assert len(found["failures"]) == 1


def test_nothing_but_failures_print_no_table(photo: str, call: Call) -> None:
    code, out, err = call("score", "gone.png", "away.png", "--objective", "contrast")
    assert (code, out) == (2, "")
    assert [line.partition(":")[2].strip().split("'")[1] for line in err.splitlines()] == [
        "gone.png",
        "away.png",
    ]


def test_a_stop_keeps_what_was_scored(
    pictures: list[str], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isptune.cli import score_table as scoring

    def stopped(*arguments: object) -> list[float | None]:
        monkeypatch.setattr(scoring, "_scored", interrupted)
        return [0.5]

    def interrupted(*arguments: object) -> list[float | None]:
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "_scored", stopped)
    code, out, err = call("score", *pictures, "--objective", "contrast")
    assert (code, out.split()) == (130, ["photo.png", "0.5"])
    assert "stopped; these were scored" in err
