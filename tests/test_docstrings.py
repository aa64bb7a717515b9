"""Every example of a docstring runs: prompts with what they print, and blocks of Python, YAML and shell.

Data, weights and photographs that an example names by a path lie there as stand-ins. No example is left out, whatever
directive it has. The blocks of the conformance suites run in
``tests/isptune/testing/test_examples.py``.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]
ROOTS = {"isptune": ROOT, "objectives": ROOT / "objectives", "pipelines": ROOT / "pipelines"}


def module_of(path: Path) -> str:
    root = ROOTS[path.relative_to(ROOT).parts[0]]
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(mark: str) -> list[Path]:
    paths = [path for part in ROOTS for path in sorted((ROOT / part).rglob("*.py"))]
    return [path for path in paths if re.search(mark, path.read_text(encoding="utf-8"), re.MULTILINE)]


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what examples read."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "koniq10k/1024x768").mkdir(parents=True)
    Image.new("RGB", (640, 480), (90, 90, 120)).save(folder / "photo.jpg")
    rows = []
    for name, mos, part in (("0.jpg", 71.2, "training"), ("1.jpg", 63.9, "test")):
        Image.new("RGB", (1024, 768), (60, 90, 120)).save(folder / "koniq10k/1024x768" / name)
        rows.append(f"{name},0,0,0,0,0,{mos},0.5,{part}")
    head = "image_name,c1,c2,c3,c4,c5,MOS,SD,set"
    (folder / "koniq10k/koniq10k_distributions_sets.csv").write_text("\n".join([head, *rows]) + "\n")
    for kind in ("reference_images/i01", "distorted_images/i01_01_1", "distorted_images/i01_01_2"):
        path = folder / "tid2013" / f"{kind}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 32), (len(kind) * 5, 90, int(kind[-1]) * 60)).save(path)
    (folder / "tid2013/mos_with_names.txt").write_text("5.5 i01_01_1.bmp\n4.5 i01_01_2.bmp\n")
    return folder


@pytest.mark.parametrize("path", sources(r"^ *>>> "), ids=module_of)
def test_prompts(path: Path, stand_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stand_ins)
    module = importlib.import_module(module_of(path))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(optionflags=flags, verbose=False)
    printed: list[str] = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__):
        for example in test.examples:
            example.options.pop(doctest.SKIP, None)
        runner.run(test, out=printed.append)
    found = runner.summarize(verbose=False)
    assert found.attempted == len(re.findall(r"^ *>>> ", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert found.failed == 0, "".join(printed)


def blocks() -> Iterator[tuple[str, str]]:
    """The indented blocks after ``::`` in docstrings, with their places."""
    for path in sources(r"::$"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                continue
            text = ast.get_docstring(node) or ""
            for found in re.finditer(r"::\n\n((?: {4,}[^\n]*\n|\n)+?)(?=\n?\S|\Z)", text + "\n"):
                yield f"{module_of(path)}.{getattr(node, 'name', '')}", textwrap.dedent(found[1]).strip()


EXAMPLES = {place.rstrip("."): text for place, text in blocks() if "Conformance" not in text}


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What stands around the blocks: imports, pictures and floats; the current folder is empty."""
    import isptune
    from isptune import Bool, Choice, Float, Int

    monkeypatch.chdir(tmp_path)
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    return {
        "isptune": isptune,
        "torch": torch,
        "images": images,
        "Float": Float,
        "Int": Int,
        "Bool": Bool,
        "Choice": Choice,
    }


def put_weights(text: str) -> dict[str, Any]:
    """Tiny weights under the names that a block has for published ones; what else it takes for granted."""
    if "one-align" in text:
        from isptune import create_objective
        from isptune_qalign.tiny import write_tiny

        folder = write_tiny("checkpoints/one-align")
        made = create_objective("qalign", checkpoint=folder)
        return {
            "input_ids": made.input_ids,
            "pixel_values": made.pixel_values(torch.rand(1, 3, 64, 64)).float(),
        }
    if "Qwen/" in text:
        from isptune_qalign.lmm.tiny import write_tiny as write_lmm

        write_lmm("Qwen/Qwen2.5-VL-3B-Instruct", family="qwen2_5_vl")
    if "runs/scorenet" in text:
        from isptune.iqa.training.checkpoint import save_learned
        from isptune.plugins.registry import learners
        from isptune_clipiqa.tiny import write_tiny as write_clip

        learner = learners.create(
            "scorenet", host="clipiqa", host_options={"checkpoint": str(write_clip("clip"))}
        )
        Path("runs/scorenet").mkdir(parents=True)
        save_learned("runs/scorenet/best.safetensors", learner)
    return {}


@pytest.mark.parametrize("place", EXAMPLES)
def test_blocks(place: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    text = EXAMPLES[place]
    if text.startswith("python -m"):
        module = text.split()[2]
        assert inspect.getsource(importlib.import_module(module))
        return
    if re.match(r"[a-z]+:\n", text):
        from isptune.plugins.registry import objectives
        from isptune.tuning.settings import parse_config

        config = parse_config(yaml.safe_load(text))
        assert objectives.create(config.objective.name, **config.objective.options).score_range
        return
    if 'clipiqa",' in text and "checkpoint" not in text:
        from isptune_clipiqa import loading, objective
        from isptune_clipiqa.tiny import write_tiny

        tiny = write_tiny("clip")
        load = loading.load_clip
        monkeypatch.setattr(objective, "load_clip", lambda name, *_: load(name, "", "", tiny, ()))
    around = {**given, **put_weights(text)}
    if not torch.cuda.is_available():
        text = text.replace('"cuda"', '"cpu"')
    exec(compile(text, place, "exec"), around)
    for name in ("scores", "logits"):
        if name in around:
            assert bool(torch.isfinite(around[name]).all())


def test_blocks_are_found() -> None:
    assert len(EXAMPLES) >= 6
    assert any("one-align" in text for text in EXAMPLES.values())
