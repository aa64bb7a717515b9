"""The grid: what a configuration stands for, and what is refused in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from syrupy.assertion import SnapshotAssertion

from isptune.benchmark.entries import scene_label
from isptune.benchmark.grid import cells_of, parse_bench_config
from isptune.contracts.variants import Variants
from isptune.errors import ConfigurationError


def test_every_combination_is_a_cell_objective_by_objective() -> None:
    config = parse_bench_config(
        {
            "objectives": ["psnr", {"name": "ssim", "label": "structure", "options": {"window": 7}}],
            "optimizers": ["es", "random"],
            "scenes": ["chart:96x64", {"label": "night", "scenes": ["a.png", "b.png"]}],
            "seeds": [3, 5],
            "maps": [0, 1],
            "budget": 60,
            "population": 30,
        }
    )
    cells = list(cells_of(config))
    assert len(cells) == len({cell for cell, _ in cells}) == 2 * 2 * 2 * 2 * 2
    assert [cell.objective for cell, _ in cells] == ["psnr"] * 16 + ["structure"] * 16
    cell, run = cells[-1]
    assert cell.path == "cells/structure/random/night/map-1-seed-5"
    assert (run.objective.name, run.objective.options) == ("ssim", {"window": 7})
    assert (run.scenes, run.seed, run.pipeline.options) == (["a.png", "b.png"], 5, {"seed": 1})


def test_without_maps_each_seed_has_its_own() -> None:
    config = parse_bench_config({"objectives": "psnr", "seeds": 2})
    assert [(cell.variant, cell.seed, run.pipeline.options) for cell, run in cells_of(config)] == [
        ("0", 0, {}),
        ("1", 1, {}),
    ]
    assert [(entry.label, entry.scenes) for entry in config.scenes] == [("chart", ["chart"])]


class TestVariants:
    """Seeds of the pipeline, which the synthetic one calls maps."""

    GRID: ClassVar = {"objectives": ["psnr"], "seeds": [5]}

    @pytest.mark.parametrize("key", ["maps", "variants"])
    def test_a_pipeline_says_what_they_are_called(self, key: str) -> None:
        config = parse_bench_config({**self.GRID, key: 2})
        assert (config.variants, config.called) == ([0, 1], Variants("seed", "map"))
        assert list(config.model_dump())[4:6] == ["maps", "seeds"]
        assert [cell.path.rpartition("/")[2] for cell, _ in cells_of(config)] == [
            "map-0-seed-5",
            "map-1-seed-5",
        ]
        cell = next(cells_of(config))[0]
        assert cell.to_dict() == {
            "objective": "psnr",
            "optimizer": "es",
            "scene": "chart",
            "map": "0",
            "seed": 5,
        }
        assert cell.level("map") == cell.level("variant") == "0"

    @pytest.mark.parametrize("key", ["maps", "variants"])
    def test_one_that_says_nothing_has_variants(self, key: str) -> None:
        chain = {"name": "chain", "options": {"stages": ["jpeg"]}}
        config = parse_bench_config({**self.GRID, "pipeline": chain, key: [3]})
        assert config.model_dump()["variants"] == [3]
        ((cell, run),) = cells_of(config)
        assert cell.path.endswith("/variant-3-seed-5")
        assert run.pipeline.options == {"stages": ["jpeg"], "seed": 3}

    def test_one_of_ones_own_may_name_them_and_their_option(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.py"
        file.write_text(
            "import isptune\nfrom isptune.contracts.variants import Variants\n"
            "class Mine(isptune.Pipeline):\n"
            "    variants = Variants(option='sensor', name='sensor')\n"
            "    def __init__(self, sensor: int = 0): ...\n"
        )
        config = parse_bench_config({**self.GRID, "pipeline": f"{file}:Mine", "sensors": 2})
        assert [(cell.word, cell.variant, run.pipeline.options) for cell, run in cells_of(config)] == [
            ("sensor", "0", {"sensor": 0}),
            ("sensor", "1", {"sensor": 1}),
        ]

    def test_they_are_named_once(self) -> None:
        with pytest.raises(
            ConfigurationError, match="^the grid has maps, variants, which mean the same; give one of them$"
        ):
            parse_bench_config({**self.GRID, "maps": 2, "variants": 2}, "the grid")
        with pytest.raises(
            ConfigurationError, match=r"^the grid has the unknown key 'mapss'; did you mean 'maps'"
        ):
            parse_bench_config({**self.GRID, "mapss": 2}, "the grid")
        with pytest.raises(
            ConfigurationError, match="^the name of Variants is 'a b'; allowed: a word of small "
        ):
            Variants(name="a b")


@pytest.mark.parametrize(
    ("scene", "label"),
    [("photos/night.tar.png", "night"), ("chart:96x64", "chart:96x64"), ("C:\\x\\day.jpg", "day")],
)
def test_a_scene_is_called_like_its_file(scene: str, label: str) -> None:
    assert scene_label(scene) == label


@pytest.mark.parametrize(
    "data",
    [
        {"objective": "psnr"},
        {},
        {"objectives": []},
        {"objectives": ["psnr"], "seeds": [1, -1]},
        {"objectives": ["psnr"], "targets": [2.0]},
        {"objectives": ["psnr"], "threads": 0},
        {"objectives": ["psnr", "psnr"]},
        {"objectives": ["psnr"], "seeds": [1, 1]},
        {"objectives": ["psnr"], "scenes": ["a/x.png", "b/x.png"]},
        {"objectives": ["psnr"], "budget": 50, "population": 30},
    ],
    ids=str,
)
def test_what_cannot_be_is_one_sentence(data: dict[str, Any], snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_bench_config(data, "the options")
    assert str(caught.value) == snapshot
