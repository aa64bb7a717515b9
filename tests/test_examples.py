"""The scripts and the notebook of ``examples/`` run."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from isptune.plugins import registry

pytestmark = pytest.mark.draws

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = {
    "tune_synthetic.py": "adam: ",
    "compare_objectives.py": "severity   normalised l1 ",
    "own_isp.py": "'white.light': 'daylight'",
    "own_stage.py": "'example-warmth.amount': 0.199",
    "libraw_night.py": "held out: ",
    "rawtherapee_night.py": "RawTherapee",
    "raw_gradients.py": "unseen: ",
    "iso_table.py": " iso 640: denoise.luma ",
    "own_program.py": "13.28 dB by default, ",
    "read_run.py": "60 of 60 evaluations; finished: True",
}
# The smallest budgets that show that they work, which the examples take as their argument.
BUDGETS = {"libraw_night.py": "10", "rawtherapee_night.py": "4", "raw_gradients.py": "3", "iso_table.py": "8"}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["example.py"])
    yield
    registry.stages._records.pop("example-warmth", None)


def test_every_script_is_here_and_in_the_list() -> None:
    assert sorted(SCRIPTS) == sorted(path.name for path in EXAMPLES.glob("*.py"))
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [
        path.name
        for path in EXAMPLES.iterdir()
        if path.suffix in (".py", ".ipynb") and path.name not in listed
    ] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_run(
    script: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = EXAMPLES / script
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
    monkeypatch.setattr("sys.argv", [script, *([BUDGETS[script]] if script in BUDGETS else [])])
    runpy.run_path(str(path), run_name="__main__")
    assert SCRIPTS[script] in capsys.readouterr().out


def test_the_cells_of_the_notebook_run() -> None:
    book = json.loads((EXAMPLES / "first_steps.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    # What a notebook showed when it was saved is no source.
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
    names: dict[str, Any] = {}
    with matplotlib.rc_context({"backend": "agg"}):
        for number, cell in enumerate(cells):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    assert names["result"].evaluations == 600
    assert names["result"].l1_normalised < float(names["pipeline"].losses(names["pipeline"].space.start())[1])
