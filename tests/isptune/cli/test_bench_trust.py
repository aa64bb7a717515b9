"""Whole commands of ``isptune bench trust``, and the verb of one word beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]

ROUGH = ["--quick", "--budget", "30", "--judge", "psnr", "--stage", "gaussian_blur,white_noise,high_sharpen"]

PLUGIN = """
import isptune


class Mine(isptune.Objective):
    def score(self, images, reference=None):
        return images[:, 0].var(dim=(1, 2))
"""


def test_a_plugin_of_ones_own_gets_a_card(call: Call, photo: str) -> None:
    Path("mine.py").write_text(PLUGIN)
    code, out, err = call("bench", "trust", "mine.py:Mine", *ROUGH, "--scene", photo, "--out", "cards")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "Gameable: a search that follows Mine alone ends at distorted pictures."
    assert lines[-1] == "wrote Mine.md and trust.md to cards"
    assert err.splitlines()[0] == "Mine: stages of the bank"
    assert {path.name for path in Path("cards").iterdir()} == {"Mine.json", "Mine.md", "Mine.png", "trust.md"}
    code, out, err = call(
        "bench", "trust", "mine.py:Mine", *ROUGH, "--scene", photo, "--out", "cards", "--keep", "--json"
    )
    assert (code, err) == (0, "Mine: its card is there\n")
    assert json.loads(out)["Mine"] == json.loads(Path("cards/Mine.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["psnrr"], "there is no objective named 'psnrr'; did you mean 'psnr'?"),
        (["psnr", "--judge", "ssimm"], "there is no objective named 'ssimm'; did you mean 'ssim'?"),
        (["psnr", "--stage", "gausian_blur"], "there is no stage named 'gausian_blur'; did you mean 'gaussian_blur'?"),
        (["psnr", "--judge", "simulated-observer"], "the objective 'simulated-observer' is a judge: "),
        (["simulated-observer"], "the objective 'simulated-observer' is a judge: "),
        (["psnr", "--budget", "31"], "the budget 31 is not a multiple of the population 30; the nearest: 30 or 60"),
        (["psnr", "--seed", "-1"], "the seed is -1; allowed: whole numbers of at least 0"),
        (["psnr", "--scene", "no.png"], "'no.png': there is no such file"),
        (["psnr,psnr"], "OBJECTIVE gives 'psnr' twice"),
        ([], "Missing argument 'OBJECTIVE...'"),
    ],
)  # fmt: skip
def test_mistakes(call: Call, in_an_empty_folder: None, arguments: list[str], sentence: str) -> None:
    code, out, err = call("bench", "trust", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"isptune: error: {sentence}")
    assert list(Path().iterdir()) == []


def test_a_grid_may_be_called_trust(call: Call, in_an_empty_folder: None) -> None:
    Path("trust").write_text("objectives: [nothing]\n")
    code, _, err = call("bench", "./trust")
    assert code == 2
    assert err.startswith("isptune: error: there is no objective named 'nothing'")
