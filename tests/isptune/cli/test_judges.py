"""Judges on the command line: verbs that score pictures refuse them, the list tells them apart, runs take them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import isptune
from isptune.errors import ConfigurationError
from isptune.iqa.datasets.dataset import Dataset, Record
from isptune.iqa.evaluation import score_dataset
from isptune_statistics import MetricBank

Call = Callable[..., tuple[int, str, str]]
REFUSAL = (
    "the objective 'simulated-observer' is a judge: it ranks the candidates of a run and scores no pictures by "
    "themselves; choose another one ('isptune list objectives' tells them apart)"
)


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "photo.png", "--objective", "simulated-observer"],
        ["score", "photo.png", "--objective", "sharpness,simulated-observer"],
        ["evaluate", "--objective", "simulated-observer", "--data", "nowhere.csv"],
        [
            *("tune", "photo.png", "--objective", "weighted"),
            *("--objective-option", "terms={contrast: 1, simulated-observer: 1}"),
        ],
    ],
)
def test_verbs_and_sums_that_score_pictures_refuse_judges(
    photo: str, call: Call, arguments: list[str]
) -> None:
    assert call(*arguments) == (2, "", f"isptune: error: {REFUSAL}\n")
    assert [path.name for path in Path().iterdir()] == [photo]


def test_a_metric_bank_and_a_dataset_refuse_judges() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        MetricBank(["contrast", "simulated-observer"])
    assert str(refusal.value) == REFUSAL
    observer = isptune.create_objective("simulated-observer")
    with pytest.raises(ConfigurationError) as refusal:
        score_dataset(observer, Dataset("data", (Record("a.png", Path("a.png"), 1.0),)))
    assert str(refusal.value) == REFUSAL


def test_adam_refuses_judges_before_anything_is_written(photo: str, call: Call) -> None:
    given = ("--objective", "simulated-observer", "--optimizer", "adam", "--out", "run")
    code, _, err = call("tune", photo, *given)
    assert (code, err.splitlines()[-1]) == (
        2,
        "isptune: error: gradients were asked for, but the objective 'simulated-observer' is not differentiable "
        "('isptune list objectives' shows which are)",
    )
    assert not Path("run").exists()


def test_the_list_tells_judges_apart(call: Call) -> None:
    code, out, _ = call("list", "objectives", "--json")
    needs = {entry["name"]: entry["needs"] for entry in json.loads(out)}
    judging = [name for name, needed in needs.items() if "a run (it is a judge)" in needed]
    assert (code, judging) == (0, ["people", "simulated-observer"])
    assert needs["simulated-observer"] == ["a run (it is a judge)", "what its objective needs"]


def test_a_judged_run_is_made_resumed_plotted_and_reported(photo: str, call: Call) -> None:
    """Beside another objective, with everything that a run leaves."""
    Path("run.yaml").write_text(
        "objective: [psnr, {name: simulated-observer, options: {objective: ssim, noise: 0.01}}]\n"
        "pipeline: {name: synthetic, options: {stages: [brighten, white_noise], compile: false}}\n"
        "scenes: [photo.png]\noptimizer: nsga2\npopulation: 8\nbudget: 16\n"
    )
    code, out, err = call("tune", "--config", "run.yaml", "--out", "run")
    assert code == 0, err
    assert "wrote run/judgements.jsonl" in out.replace(str(Path.cwd()) + "/", "")
    log, notes = (Path("run") / name for name in ("evaluations.jsonl", "judgements.jsonl"))
    whole = [json.loads(line) for line in log.read_text().splitlines()]
    questions = [json.loads(line)["note"] for line in notes.read_text().splitlines()]
    assert len({(note["first"], note["second"]) for note in questions}) == len(questions) == 16 + 8 + 12
    # As if it had been killed after the first ten answers of the second generation.
    log.write_text(log.read_text().splitlines(keepends=True)[0])
    notes.write_text("".join(notes.read_text().splitlines(keepends=True)[:26]))
    assert call("resume", "run")[0] == 0
    again = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["scores"] for line in again] == [line["scores"] for line in whole]
    assert [json.loads(line)["note"] for line in notes.read_text().splitlines()] == questions
    assert call("plot", "run", "--out", "plot.png")[0] == 0
    assert call("report", "run")[0] == 0


MINE = '''
import os
import signal
from pathlib import Path

import isptune


class Taste(isptune.Judge):
    """The brighter, the better; whoever is asked may have to go."""

    def judge(self, round):
        marks = {note["who"]: note["mark"] for note in round.notes}
        for one in round.contenders:
            if one.identity not in marks:
                if round.generation == 1 and len(marks) == 4 and Path("go").exists():
                    os.kill(os.getpid(), signal.SIGTERM)
                marks[one.identity] = float(one.picture(0).mean())
                round.note({"who": one.identity, "mark": marks[one.identity]})
        return [marks[one.identity] for one in round.contenders]
'''


def test_a_signal_while_judging_keeps_the_answers(photo: str, call: Call) -> None:
    Path("mine.py").write_text(MINE)
    given = ("--objective", "mine.py:Taste", "--optimizer", "random", "--population", "6", "--budget", "18")
    assert call("tune", photo, *given, "--out", "whole")[0] == 0
    Path("go").touch()
    code, _, err = call("tune", photo, *given, "--out", "run")
    assert code == 143
    assert err.splitlines()[-1] == "isptune: stopped after generation 1 of 3; go on with: isptune resume run"
    notes = Path("run/judgements.jsonl")
    assert notes.read_text().count("\n") == 6 + 4
    Path("go").unlink()
    assert call("resume", "run")[0] == 0
    assert notes.read_text() == Path("whole/judgements.jsonl").read_text()
    scores = [
        [json.loads(line)["scores"] for line in Path(f"{run}/evaluations.jsonl").read_text().splitlines()]
        for run in ("run", "whole")
    ]
    assert scores[0] == scores[1]
