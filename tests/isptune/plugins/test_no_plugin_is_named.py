"""The framework knows no plugin by name: what is taken by default, and what it is called, plugins declare."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import isptune
from isptune.benchmark.cell import variant_keys

ROOT = Path(isptune.__file__).parent
KINDS = ("stages", "pipelines", "objectives", "learners")

# Names that are ordinary words as well, and where they are.
WORDS = {
    # A row of stages.
    "chain": (
        *("stages", "testing", "iqa/training", "benchmark/trust"),
        *("cli/train.py", "cli/synthetic_data.py"),
    ),
    # What is typed in a shell.
    "command": (
        "benchmark/engines/streaming.py",
        "cli/__init__.py",
        "cli/bench.py",
        "iqa/training/training_loop.py",
        "report/building.py",
    ),
    # A scheme of addresses, a kind of file.
    "http": ("plugins/connections.py", "tracking/mlflow_stores.py"),
    "raw": ("scenes/image_reading.py", "scenes/sources.py", "tuning/prechecks.py"),
    # What happens to values.
    "clipping": ("optimizers/nevergrad.py",),
    # The file format.
    "jpeg": ("scenes", "figures/style.py"),
    # What an objective tells place by place.
    "map": ("figures/maps_figure.py",),
    "maps": (
        *("contracts/objective.py", "testing/objective.py", "figures/maps_figure.py"),
        *("report/maps_section.py", "runs/maps.py", "runs/outputs.py"),
    ),
    # The package, whose version runs record.
    "kornia": ("doctor/packages.py", "tuning/opening.py"),
    # The setting, and what it names in messages.
    "proposer": (
        *("cli/tune.py", "cli/bench.py", "conditions/tuning.py"),
        *("benchmark/entries.py", "benchmark/grid.py"),
        *("tuning/described_settings.py", "tuning/settings/shared.py"),
        *("tuning/suggested.py", "tuning/tuner.py"),
    ),
    # The framework's own training data, which 'isptune train --data' makes of any stages.
    "synthetic": ("iqa/training", "cli/__init__.py", "cli/train.py", "cli/synthetic_data.py"),
}


def names() -> set[str]:
    """What isptune's own plugins are called, and the words that pipelines use for their variants."""
    ours = {
        point.name
        for kind in KINDS
        for point in metadata.entry_points(group=f"isptune.{kind}")
        if point.dist is not None and point.dist.name == "isptune"
    }
    words = set(variant_keys()) - {"variants"}
    assert {"synthetic", "severity", "weighted", "scorenet", "gaussian_blur"} <= ours
    assert "maps" in words
    return ours | words | {word.removesuffix("s") for word in words}


def literals(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module, f-strings in their parts, without docstrings."""
    tree = ast.parse(file.read_bytes())
    documentation = {
        id(statement.value)
        for node in ast.walk(tree)
        for statement in (node.body if isinstance(getattr(node, "body", None), list) else ())
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def test_no_text_of_the_framework_names_a_plugin() -> None:
    wanted, used, found = names(), set(), []
    for file in sorted(ROOT.rglob("*.py")):
        place = file.relative_to(ROOT).as_posix()
        for line, text in literals(file):
            for name in wanted & set(re.findall(r"[\w+-]*\w\+?", text)):
                if any(
                    place == allowed or place.startswith(f"{allowed}/") for allowed in WORDS.get(name, ())
                ):
                    used.add(name)
                else:
                    found.append(f"{place}:{line} names '{name}': {text}")
    assert not found, "\n".join(found)
    assert used == set(WORDS)
