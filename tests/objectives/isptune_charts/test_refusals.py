"""What cannot be measured, in one sentence each."""

from __future__ import annotations

import math

import pytest
import torch

import isptune
from isptune import Scene
from isptune.cli import run
from isptune.contracts.chart import Chart
from isptune.errors import ConfigurationError
from isptune.scenes import load_scenes
from isptune_charts.checks import settled_edge
from isptune_charts.kinds import checker_field, edge_region, grey_field

BOX = ((2.0, 3.0), (34.0, 3.0), (34.0, 51.0), (2.0, 51.0))


def edge_picture(degrees: float, dark: float = 0.2, bright: float = 0.7) -> torch.Tensor:
    x, y = torch.arange(40) + 0.5 - 18, torch.arange(56)[:, None] + 0.5 - 27
    share = torch.sigmoid((x - math.tan(math.radians(degrees)) * y) * math.cos(math.radians(degrees)) / 0.4)
    return (dark + (bright - dark) * share).expand(3, -1, -1)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (edge_picture(5, 0.4, 0.42), "the slanted edge at 2, 3 is too flat: its sides differ by 0.014 in linear light; needed: at least 0.03"),
        (edge_picture(5, 0.4, 0.4402), r"the slanted edge at 2, 3 is too flat: its sides differ by 0\.0299\d* in linear light; needed: at least 0.03"),
        (edge_picture(5, 0.0, 1.0), r"the slanted edge at 2, 3 is clipped: \d\d% of its pixels are black or white; allowed: at most 5%"),
        (edge_picture(20), r"the slanted edge at 2, 3 is too steep: it lies (19|20)\.\d degrees from upright; allowed: 2 to 15"),
        (edge_picture(0.5), r"the slanted edge at 2, 3 is too straight: over its 48 rows it moves by 0\.\d\d pixels, so that nothing lies between the pixels; needed: at least 1"),
    ],
)  # fmt: skip
def test_edges_that_cannot_be_measured(picture: torch.Tensor, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{sentence}$"):
        settled_edge(edge_region(Chart("slanted-edge", BOX)), picture)


def test_an_edge_tells_its_direction() -> None:
    region = settled_edge(edge_region(Chart("slanted-edge", BOX)), edge_picture(6))
    assert region.upright
    assert math.degrees(math.atan(region.slope or 0)) == pytest.approx(6, abs=0.1)
    level = tuple((y, x) for x, y in BOX)
    region = settled_edge(edge_region(Chart("slanted-edge", level)), edge_picture(6).transpose(1, 2))
    assert not region.upright


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: edge_region(Chart("slanted-edge", ((2, 3), (20, 3), (20, 20), (2, 20)))), "the slanted edge at 2, 3 has 18x17 pixels; needed: at least 24 along the edge and 16 across it"),
        (lambda: edge_region(Chart("slanted-edge", BOX, {"angle": "5"})), "angle of the chart 'slanted-edge' is 5; allowed: the edge's direction in degrees, from -180 to 180"),
        (lambda: grey_field(Chart("grey-scale", BOX), (56, 40)), "the chart 'grey-scale' does not say luminance; give the relative luminance of each step, 1 for white, or its density"),
        (lambda: grey_field(Chart("grey-scale", BOX, {"luminance": [0.1, 0.2]}), (56, 40)), "luminance of the chart 'grey-scale' is [0.1, 0.2]; allowed: a list of at least 4 different numbers above 0"),
        (lambda: grey_field(Chart("grey-scale", BOX, {"density": [0, 1, 2, 3], "rows": 3}), (56, 40)), "rows of the chart 'grey-scale' is 3; allowed: a whole number that divides the 4 steps"),
        (lambda: checker_field(Chart("colour-checker", BOX, {"lab": [[1, 2, 3]]}), (56, 40)), "lab of the chart 'colour-checker' is 1 rows; allowed: 24 rows of L*, a* and b* under D50"),
        (lambda: checker_field(Chart("colour-checker", BOX, {"lab": [[1, math.nan, 3]] * 24}, "c.yaml"), (56, 40)), "'c.yaml': lab of the chart 'colour-checker' is [1, nan, 3] in row 1; allowed: 24 rows of L*, a* and b* under D50"),
        (lambda: checker_field(Chart("colour-checker", BOX, {"srgb": [[1, 2, 256]] * 24}), (56, 40)), "srgb of the chart 'colour-checker' is [1, 2, 256] in row 1; allowed: 24 rows of red, green and blue from 0 to 255"),
        (lambda: grey_field(Chart("grey-scale", BOX, {"density": [0, 1, 2, 3], "luminance": [1, 2, 3, 4]}), (56, 40)), "density of the chart 'grey-scale' is given, and so is luminance; allowed: one of them"),
        (lambda: checker_field(Chart("colour-checker", BOX, {"gap": 0.9}), (56, 40)), "gap of the chart 'colour-checker' is 0.9; allowed: a share of the patches' distance, from 0 to 0.6"),
    ],
)  # fmt: skip
def test_facts_that_cannot_be(make, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("charts", "sentence"),
    [
        ((), "the objective 'mtf50' measures on a chart (slanted-edge), and the scene 'photo.png' shows none; describe it in a file such as photo.chart.yaml beside the picture, or take the generated 'chart'"),
        ((Chart("dead-leaves", BOX),), "the objective 'mtf50' measures on a chart (slanted-edge), and the scene 'photo.png' shows dead-leaves alone; describe it in a file such as photo.chart.yaml beside the picture, or take the generated 'chart'"),
        ((Chart("slanted_edge", BOX, {}, "photo.chart.yaml"),), "'photo.chart.yaml': 'slanted_edge' is no kind of chart; did you mean 'slanted-edge'?; allowed: slanted-edge, dead-leaves, colour-checker, grey-scale"),
        ((Chart("slanted-edge", BOX, {"degrees": 5}),), "the chart 'slanted-edge' has the unknown key 'degrees'; allowed: kind, corners, angle"),
    ],
)  # fmt: skip
def test_scenes_that_an_objective_cannot_score(charts: tuple[Chart, ...], sentence: str) -> None:
    scene = Scene.of_picture("photo.png", edge_picture(5), charts=charts)
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("mtf50").for_scene(scene)
    assert str(caught.value) == sentence


def test_a_crop_that_cuts_the_charts() -> None:
    crop = load_scenes("chart:96x64", crop="1x40")[0]
    with pytest.raises(ConfigurationError, match=r"the scene '.*', a crop, shows .*: leave --crop out$"):
        isptune.create_objective("ciede2000").for_scene(crop)


def test_an_objective_that_knows_no_chart_scores_nothing() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"^the objective 'mtf50' measures on a chart \(slanted-edge\), and nothing is known of where one lies",
    ):
        isptune.create_objective("mtf50").score(torch.rand(1, 3, 40, 40))
    bound = isptune.create_objective("mtf50").for_scene(load_scenes("chart:288x192")[0])
    with pytest.raises(ConfigurationError) as caught:
        bound.score(torch.rand(1, 3, 40, 40))
    assert (
        str(caught.value)
        == "the objective 'mtf50' knows the charts of a picture of 288x192 pixels, and got 40x40"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--kind", "slanted-edge"], "--kind slanted-edge says what the chart at --corners is; give --corners, or the kind in a chart file"),
        (["--pipeline", "raw"], "is no raw file, so that no pipeline develops it; leave --pipeline and --pipeline-option out"),
        (["--pipeline-option", "a=b"], "is no raw file, so that no pipeline develops it"),
        (["--corners", "1,1,99,1,99,40,1,40"], "--corners: corner 2 of the chart 'colour-checker' is at 99, 1, outside the picture of 96x64 pixels"),
    ],
)  # fmt: skip
def test_options_that_would_do_nothing_are_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["measure", "chart:96x64", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_no_card_is_made_of_an_objective_that_needs_a_chart(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "trust", "mtf50", "--quick"]) == 2
    assert capsys.readouterr().err == (
        "isptune: error: the objective 'mtf50' needs a chart (slanted-edge) where it is known to lie, and here "
        "pictures of all kinds are shown, moved and cropped; it has no card\n"
    )
