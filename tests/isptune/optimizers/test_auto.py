"""The optimizer that is chosen for a run: rules, reasons, and what a run notes."""

from __future__ import annotations

import pytest

import isptune
from isptune.contracts.choosing import Situation
from isptune.contracts.free_space import FreeSpace
from isptune.optimizers.auto import Automatic, nearest_divisor
from isptune.testing import MultiObjectiveConformance
from isptune.tuning.session import prepare
from isptune.tuning.settings import parse_config
from isptune.tuning.sitting import run_session

pytestmark = pytest.mark.smoke

FIVE = FreeSpace.of_reals(5)


class TestConformance(MultiObjectiveConformance):
    generations = 3
    search_generations = 20

    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        # Many evaluations: those of few are the model's own tests.
        return Automatic(space, population, seed, 1500 if budget is None else max(budget, 601), starts)


@pytest.mark.parametrize(
    ("situation", "optimizer", "population", "reason"),
    [
        (Situation(FIVE, 150), "bo", 5, "150 evaluations of 5 parameters are few enough to plan each"),
        (Situation(FIVE, 1500), "es", 30, "enough for an evolution strategy"),
        (Situation(FIVE), "es", None, "the number of evaluations is unknown"),
        (Situation(FIVE, 20, gradients=True), "adam", 2, "gradients reach all 5 parameters and 20"),
        (Situation(FIVE, 50, gradients=True), "bo-gradients", 2, "50 evaluations are few enough to plan"),
        (Situation(FIVE, 150, gradients=True), "bo-gradients", 2, "gradients reach all 5 parameters"),
        (Situation(FIVE, 500, gradients=True), "es", 25, "500 evaluations are enough"),
        (Situation(FreeSpace.of_reals(30), 50, gradients=True), "adam", 2, "gradients reach all 30"),
        (Situation(FreeSpace.of_reals(30), 150, gradients=True), "bo", 5, "few enough to plan"),
        (Situation(FIVE, 150, objectives=2), "bo", 5, "there are 2 objectives"),
        (Situation(FIVE, 1500, objectives=2), "nsga2", 30, "there are 2 objectives"),
        (Situation(FIVE, 150, judged=True), "es", 30, "compared with each other"),
        (Situation(FIVE, 150, objectives=2, judged=True), "nsga2", 30, "several objectives"),
        (Situation(FIVE, 150, raced=True), "bo", 10, "it knows which losses a race estimated"),
        (Situation(FIVE, 150, raced=True, gradients=True), "bo", 10, "it knows which losses"),
        (Situation(FIVE, 1500, raced=True), "es", 30, "races rank candidates"),
        (Situation(FIVE, 1500, raced=True, objectives=2), "nsga2", 30, "there are 2 objectives"),
        (Situation(FIVE, 500, measure=lambda: 2.0), "bo", 5, "an evaluation takes 2 s"),
        (Situation(FIVE, 500, measure=lambda: 0.01), "es", 25, "500 evaluations are enough"),
        (Situation(FreeSpace.of_reals(60), 150), "es", 30, "150 evaluations are enough"),
        (Situation(FIVE, 150, population=10), "bo", 10, "150 evaluations"),
        # Their divisors are 1 and 2: too few for a generation that compares.
        (Situation(FIVE, 1499), "es", None, "1,499 evaluations are enough"),
        (Situation(FIVE, 1502), "es", None, "1,502 evaluations are enough"),
    ],
)
def test_what_suits_a_situation(situation, optimizer, population, reason):
    choice = Automatic.choose(situation)
    assert (choice.optimizer, choice.population) == (optimizer, population)
    assert reason in choice.reason


def test_the_seconds_that_are_asked_for_are_not_measured():
    def measure():
        raise AssertionError("measured")

    assert Automatic.choose(Situation(FIVE, 500, measure=measure), seconds=1.0).optimizer == "bo"
    # Nor where they do not matter.
    assert Automatic.choose(Situation(FIVE, 150, measure=measure)).optimizer == "bo"


def test_a_batch_divides_the_budget():
    assert [nearest_divisor(budget, 5) for budget in (150, 64, 7, 1)] == [5, 4, 7, 1]


def test_a_run_notes_what_was_chosen_and_goes_on_with_it(tmp_path):
    data = {
        "scenes": ["chart:64x48"],
        "objective": "psnr",
        "optimizer": "auto",
        "budget": 12,
        "population": 4,
    }
    session = prepare(parse_config(data), tmp_path / "run")
    assert session.choice.startswith("optimizer: adam, because gradients reach all 5 parameters")
    run_session(session, figures=False, notices=False)
    kept = isptune.Run.read(tmp_path / "run").config
    assert (kept.optimizer.name, kept.population) == ("adam", 4)
    again = isptune.resume(tmp_path / "run")
    assert again.evaluations == 12


@pytest.mark.chooses
def test_runs_that_name_no_optimizer_are_chosen_for(caplog):
    assert parse_config({"scenes": ["chart:64x48"]}).optimizer.name == "auto"
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:64x48"])
    objective = isptune.create_objective("psnr")
    with caplog.at_level("INFO", logger="isptune"):
        isptune.tune(pipeline, objective, budget=4, progress=False)
    assert (
        "optimizer: adam, because gradients reach all 5 parameters and 4 evaluations are few" in caplog.text
    )


@pytest.mark.chooses
def test_the_plain_run_is_that_of_the_evolution_strategy():
    session = prepare(parse_config({}), None)
    assert (session.config.optimizer.name, session.config.population) == ("es", 30)
