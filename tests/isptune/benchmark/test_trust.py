"""Trust cards: verdicts by rules, gameable and trustworthy objectives, failures that are told, cards read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import isptune
from isptune.benchmark.trust.card import TrustCard, cards_in, read_card
from isptune.benchmark.trust.judges import TRUTH, ready_objectives
from isptune.benchmark.trust.page import card_markdown, cross_table, headline, overview_markdown
from isptune.benchmark.trust.run_trust import run_trust
from isptune.benchmark.trust.scenes import trust_scenes
from isptune.benchmark.trust.scorer import Scorer
from isptune.benchmark.trust.searches import Search, searched_scenes
from isptune.benchmark.trust.settings import TrustSettings, bank, quick
from isptune.benchmark.trust.stability import Movement
from isptune.benchmark.trust.sweep import sweep
from isptune.benchmark.trust.verdict import (
    GAMEABLE,
    PARTLY,
    RIGHT,
    TRUSTWORTHY,
    WEAK,
    WRONG,
    Stage,
    judged_stages,
    verdict,
)
from isptune.errors import ConfigurationError, EvaluationError, RunDirectoryError
from isptune.figures import draw_trust, trust_panels

BANK = ("brighten", "gaussian_blur", "high_sharpen", "white_noise")
TINY = replace(quick(TrustSettings()), width=72, stages=BANK, budget=60)


class Luma(isptune.Objective):
    """Mean brightness, but not of pictures that are too bright."""

    def __init__(self, most: float = 2.0, factor: float = 1.0) -> None:
        self.most, self.factor = most, factor

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        found = images.mean(dim=(1, 2, 3))
        if (found > self.most).any():
            raise ValueError("too bright")
        return self.factor * found


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, TrustCard]]:
    """The cards of a trustworthy and of a gameable objective."""
    folder = tmp_path_factory.mktemp("trust")
    made = [isptune.create_objective(name) for name in ("psnr", "contrast")]
    found, failures = run_trust(made, ["psnr", "exposure"], TINY, folder, "cpu")
    assert failures == []
    return folder, found


def test_psnr_is_trustworthy_and_contrast_is_gameable(cards: tuple[Path, dict[str, TrustCard]]) -> None:
    psnr, contrast = cards[1]["psnr"], cards[1]["contrast"]
    assert (psnr.verdict, contrast.verdict) == (TRUSTWORTHY, GAMEABLE)
    assert psnr.trusted == list(BANK)
    assert psnr.beaten.gain < -1
    assert not any(one.beaten for one in psnr.searches)
    sharpened = next(one for one in contrast.stages if one.name == "high_sharpen")
    assert (sharpened.judged, sharpened.srcc, sharpened.best_share) == (WRONG, -1, 1)
    assert contrast.beaten.gain > 1
    assert contrast.beaten.gain >= max(one.gain for one in contrast.searches)
    assert headline(contrast).startswith("Gameable: ")


def test_judges_part_company_over_what_contrast_tuned(cards: tuple[Path, dict[str, TrustCard]]) -> None:
    psnr, contrast = (cards[1][name].judges for name in ("psnr", "contrast"))
    assert list(psnr) == ["psnr", "exposure", TRUTH]
    assert psnr["psnr"] == 1
    assert psnr[TRUTH] > contrast[TRUTH]
    table = cross_table(list(cards[1].values()))
    assert table.columns == ["tuned by", "psnr", "exposure", TRUTH]
    assert [row[0] for row in table.rows] == ["psnr", "contrast"]


def test_searches_know_their_best_moment(cards: tuple[Path, dict[str, TrustCard]]) -> None:
    for card in cards[1].values():
        kinds = [one.kind for one in card.searches]
        assert kinds[:2] == ["random", "worst"]
        for one in card.searches:
            assert one.budget == 60
            assert one.lowest == min(one.truths)
            assert one.end == one.truths[-1]
            assert one.truths[one.evaluations.index(one.at)] == one.lowest
            assert one.passed <= one.lowest


def test_small_changes_are_in_spreads(cards: tuple[Path, dict[str, TrustCard]]) -> None:
    moved = {one.change: one for one in cards[1]["contrast"].moved}
    # A standard deviation does not see an offset, and hardly a pixel.
    assert moved["one grey level"].median == pytest.approx(0, abs=0.01)
    assert 0 < moved["one pixel of shift"].median < 0.1  # type: ignore[operator]
    assert moved["another draw of the noise"].pictures == 1
    assert cards[1]["psnr"].seconds > 0
    assert cards[1]["psnr"].size == [72, 48]


def test_cards_are_read_back_and_kept(cards: tuple[Path, dict[str, TrustCard]]) -> None:
    folder, made = cards
    assert read_card(folder / "psnr.json") == made["psnr"]
    said: list[str] = []
    psnr = isptune.create_objective("psnr")
    again, _ = run_trust([psnr], ["psnr"], TINY, folder, "cpu", keep=True, tell=said.append)
    assert (again["psnr"], said) == (made["psnr"], ["psnr: its card is there"])
    # The table holds all cards of the folder that have the same settings.
    assert "[contrast](contrast.md)" in (folder / "trust.md").read_text()
    (folder / "broken.json").write_text("{}")
    with pytest.raises(RunDirectoryError, match="is no trust card"):
        read_card(folder / "broken.json")


def test_pages_and_figures_show_what_was_measured(cards: tuple[Path, dict[str, TrustCard]]) -> None:
    card = cards[1]["contrast"]
    page = card_markdown(card)
    assert page.splitlines()[2] == f"**{headline(card)}**"
    assert all(f"- {reason}\n" in page for reason in card.reasons)
    assert all(f"| {stage} " in page for stage in BANK)
    assert "| contrast](contrast.md)" not in overview_markdown([card])
    panels = trust_panels(card)
    assert [row[0] for row in panels.stages][-1] in ("high_sharpen", "white_noise")
    assert panels.judges[-1][0] == TRUTH
    assert all(curve.progress[-1] == 1 and curve.evaluations[-1] == 60 for curve in panels.curves)
    figure = draw_trust(card)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert "How it judges the stages" in titles
    assert len(titles) == 5


def test_the_committed_cards_are_what_was_measured() -> None:
    folder = Path(__file__).parents[3] / "benchmarks" / "trust"
    cards = cards_in(folder)
    verdicts = {card.objective: card.verdict for card in cards}
    assert (verdicts["psnr"], verdicts["contrast"]) == (TRUSTWORTHY, GAMEABLE)
    for card in cards:
        assert (folder / f"{card.file}.md").read_text() == card_markdown(card)
        assert (folder / f"{card.file}.png").exists()
        failures = next((one for one in card.failures if one.startswith(f"'{card.objective}'")), "")
        said = verdict(card.stages, card.searches, card.moved, failures)
        assert (said.verdict, said.reasons) == (card.verdict, card.reasons)
    assert (folder / "trust.md").read_text() == overview_markdown(cards)


def stage(name: str, judged: str = RIGHT) -> Stage:
    return Stage(name, "", 1.0 if judged == RIGHT else -1.0, 0.5, 0.0, -1.0, judged)


def found(stages: list[str], gain: float = -1.0, difference: float = 20.0, **other: Any) -> Search:
    curve: dict[str, Any] = {"evaluations": [1], "scores": [0.0], "truths": [0.1]}
    facts: dict[str, Any] = {"start": 0.3, "end": 0.1, "lowest": 0.1, "at": 1, "passed": 0.1} | other
    return Search(
        kind="random", title="random 1", stages=stages, seed=0, gain=gain, difference=difference,
        index=None, budget=9, **facts, **curve,
    )  # fmt: skip


FOUR = [stage(name) for name in "abcd"]


@pytest.mark.parametrize(
    ("stages", "searches", "moved", "failures", "wanted"),
    [
        (FOUR, [found(["a", "b"])], 0.1, "", TRUSTWORTHY),
        # What nobody sees is no picture that beats the pristine one.
        (FOUR, [found(["a", "b"], gain=1.0, difference=7.0)], 0.1, "", TRUSTWORTHY),
        (FOUR, [found(["a", "b"])], 0.1, "'x' gave no score to 1 of 9 pictures", PARTLY),
        ([*FOUR, stage("e", WEAK)], [found(["a", "b"])], 0.1, "", PARTLY),
        # One of ten stages may be judged weakly where its best score is at the pristine picture, ...
        ([*FOUR, *FOUR, stage("i"), stage("j", WEAK)], [found(["a", "b"])], 0.1, "", TRUSTWORTHY),
        # ... and not where it is elsewhere.
        ([*FOUR, *FOUR, stage("i"), replace(stage("j", WEAK), best_share=0.5)], [], 0.1, "", PARTLY),
        ([*FOUR, *FOUR, stage("i"), stage("j", WRONG)], [], 0.1, "", PARTLY),
        # The search with a stage that it misjudges is no surprise.
        ([*FOUR, stage("e", WRONG)], [found(["a", "b"]), found(["a", "e"], gain=3.0)], 0.1, "", PARTLY),
        (FOUR, [found(["a", "b"]), found(["c", "d"], gain=3.0)], 0.1, "", GAMEABLE),
        (FOUR, [found(["a", "b"])], 0.6, "", GAMEABLE),
        ([stage("a"), stage("b", WRONG), stage("c", WEAK)], [], 0.1, "", GAMEABLE),
    ],
)
def test_the_verdict_follows_rules(
    stages: list[Stage], searches: list[Search], moved: float, failures: str, wanted: str
) -> None:
    said = verdict(stages, searches, [Movement("a crop", moved, 1.0, 9)], failures)
    assert said.verdict == wanted
    assert all(reason.endswith(".") for reason in said.reasons)


def test_more_search_that_makes_it_worse_is_told_with_numbers() -> None:
    late = found(["a"], end=0.4, lowest=0.1, at=33)
    assert late.over_optimised
    assert late.misled
    said = verdict(FOUR, [late, found(["b"])], [], "").reasons
    assert said[-1] == (
        "In 1 of 2 searches more search made it worse: from evaluation 33 on the hidden distortion rose by 0.3 "
        "(medians)."
    )


def test_a_stage_that_one_scene_has_the_wrong_way_round_is_not_judged_right() -> None:
    scenes = trust_scenes(TINY)[:2]
    found = sweep(Scorer(isptune.create_objective("psnr")), ["gaussian_blur"], scenes, 5, 0)
    assert [one.judged for one in judged_stages(found)] == [RIGHT]
    turned = found.losses.copy()
    turned[0, 1] = -turned[0, 1]
    assert judged_stages(replace(found, losses=turned))[0].judged == WEAK
    assert judged_stages(replace(found, losses=-found.losses))[0].judged == WRONG


def test_failures_cost_their_pictures_alone() -> None:
    bright = torch.tensor([0.2, 0.9, 0.3, 0.95]).reshape(4, 1, 1, 1).expand(4, 3, 8, 8)
    scorer = Scorer(Luma(most=0.5))
    losses = scorer.losses(bright, None, "a grey picture")
    np.testing.assert_allclose(losses, [-0.2, np.nan, -0.3, np.nan], rtol=1e-6)
    assert scorer.told() == (
        "'Luma' gave no score to 2 of 4 pictures, the first a grey picture: ValueError: too bright"
    )


@pytest.mark.parametrize(
    ("objective", "kind", "sentence"),
    [
        (
            Luma(factor=float("nan")),
            EvaluationError,
            "'Luma' gave no score to 1 of 1 pictures, the first the pristine picture 'leaves 1': the score "
            "nan: an objective that cannot score a pristine picture cannot be examined",
        ),
        (
            Luma(factor=0.0),
            ConfigurationError,
            "the objective 'Luma' gives 0 to every picture, whatever is done to it: there is nothing to trust",
        ),
    ],
)
def test_what_cannot_be_examined_is_refused(
    objective: Luma, kind: type[Exception], sentence: str, tmp_path: Path
) -> None:
    cards, failures = run_trust([objective], ["psnr"], TINY, tmp_path, "cpu")
    assert (cards, [str(one) for one in failures]) == ({}, [sentence])
    assert isinstance(failures[0], kind)
    assert list(tmp_path.iterdir()) == []


def test_the_bank_and_the_judges_come_from_the_registries() -> None:
    assert {"gaussian_blur", "vignetting"} <= set(bank())
    assert not {"raw_sharpen", "kornia"} & set(bank())
    ready = ready_objectives()
    assert {"psnr", "severity", "contrast"} <= set(ready)
    # To be downloaded, to be set, of a run, a family.
    assert not {"clipiqa", "weighted", "scorenet-align", "simulated-observer", "pyiqa"} & set(ready)


def test_settings_are_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigurationError, match="the stage 'raw_sharpen' is no distortion"):
        replace(TINY, stages=("raw_sharpen", "jpeg")).settled()
    with pytest.raises(ConfigurationError, match="the bank has 1 stage; at least 2"):
        replace(TINY, stages=("jpeg",)).settled()
    data = TINY.settled().to_dict()
    assert json.loads(json.dumps(data)) == data


def test_searches_see_scenes_from_both_ends() -> None:
    scenes = trust_scenes(TINY)
    assert [scene.name for scene in scenes] == ["leaves 1", "chart 72x48", "leaves 2"]
    assert [scene.name for scene in searched_scenes(scenes, 2)] == ["leaves 1", "leaves 2"]
    assert len(searched_scenes(scenes, 9)) == 3
