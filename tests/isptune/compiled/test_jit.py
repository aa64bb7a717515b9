"""How loops are compiled and kept, over all packages that have some."""

import importlib
import importlib.util
import shutil
from pathlib import Path

import numba
import pytest

import isptune_severity.compiled
import isptune_synthetic.compiled
from isptune.compiled import jit

MODULES = [
    f"{package.__name__}.{path.stem}"
    for package in (isptune_synthetic.compiled, isptune_severity.compiled)
    for path in sorted(Path(package.__file__).parent.glob("[!_]*.py"))
]


@pytest.mark.parametrize("name", MODULES)
def test_every_loop_is_kept_under_the_fingerprint_of_all_sources(name: str) -> None:
    module = importlib.import_module(name)
    file = Path(str(module.__file__))
    loops = [
        value
        for value in vars(module).values()
        if isinstance(value, numba.core.dispatcher.Dispatcher)
        and value.py_func.__module__ == name
        and value.targetoptions.get("nogil")
    ]
    assert len(loops) == file.read_text().count("\n@loop\n")
    for loop in loops:
        assert loop._cache._cache_file._source_stamp == jit.fingerprint(file.parent)


def test_the_fingerprint_changes_with_any_source(tmp_path: Path) -> None:
    """With those of the loops, of the folder above, and of what compiles them."""
    spec = importlib.util.spec_from_file_location("copied_jit", tmp_path / "own" / "jit.py")
    shutil.copytree(Path(jit.__file__).parent, tmp_path / "own", ignore=shutil.ignore_patterns("__pycache__"))
    assert spec is not None
    assert spec.loader is not None
    copied = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copied)
    folder = tmp_path / "plugin" / "compiled"
    folder.mkdir(parents=True)
    for file in (folder / "rows.py", folder / "columns.py", folder.parent / "constants.py"):
        file.write_text("ONE = 1\n")
    seen = [copied.fingerprint(folder)]
    files = sorted(tmp_path.rglob("*.py"))
    assert len(files) == 3 + len(list(Path(jit.__file__).parent.glob("*.py")))
    for file in files:
        file.write_text(file.read_text() + "\n")
        copied.fingerprint.cache_clear()
        seen.append(copied.fingerprint(folder))
    assert len(set(seen)) == len(seen)
