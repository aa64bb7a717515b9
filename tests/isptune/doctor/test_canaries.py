"""Trials of the packages that pipelines need, in processes of their own."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import isptune
from isptune.cli.doctor import _print_programs
from isptune.doctor import canaries
from isptune.doctor.canaries import examine_canaries
from isptune.plugins.registry import Registry

SCRIPTS = {
    "well": "print('no word of it is shown')",
    "words": "import sys\nprint('first words', file=sys.stderr)\nsys.exit('it computes nonsense')",
    "crash": "import os\nos.abort()",
    "silent": "import sys\nsys.exit(3)",
    "hang": "import time\ntime.sleep(60)",
}


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """What is wrong with packages according to a script, or to one that is not there."""
    package = tmp_path / "package_with_trials"
    package.mkdir()
    # Nothing of a package may be imported for it: it may load what takes seconds.
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    for name, text in SCRIPTS.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("pipeline", "isptune.tests.none")
    monkeypatch.setattr(canaries, "registry", registry)

    def trial(script, seconds=60.0, requires=("a_library",), install="pip install 'a-library>=2'"):
        monkeypatch.setattr(canaries, "missing_packages", lambda names: [n for n in names if "absent" in n])

        @registry.register("camera", replace=True)
        class Camera:
            packaging = isptune.Packaging(requires=requires, install=install, canary=script)

        return [one.problem for one in examine_canaries(seconds)]

    return trial


@pytest.mark.parametrize(
    ("script", "seconds", "problem"),
    [
        ("package_with_trials/words.py", 60.0, "it computes nonsense"),
        ("package_with_trials/crash.py", 60.0, "its trial was ended by SIGABRT"),
        ("package_with_trials/silent.py", 60.0, "its trial ended with exit code 3"),
        ("package_with_trials/hang.py", 0.3, "its trial took longer than 0.3 s"),
        ("package_with_trials/none.py", 60.0, "its trial 'package_with_trials/none.py' is not there"),
        ("no_such_package/words.py", 60.0, "its trial 'no_such_package/words.py' is not there"),
    ],
)
def test_a_broken_package_is_told_with_its_remedy(tried, script, seconds, problem):
    assert tried(script, seconds) == [
        f"a_library cannot be used: {problem}; mend it with: pip install 'a-library>=2'"
    ]


def test_a_sound_package_has_no_problem_and_a_missing_one_no_trial(tried):
    assert tried("package_with_trials/well.py") == [None]
    assert tried("package_with_trials/crash.py", requires=("absent",)) == []
    assert tried(None) == []


def test_versions_are_named_and_a_remedy_may_be_unknown(tried):
    (problem,) = tried("package_with_trials/silent.py", requires=("numpy", "a_library"), install=None)
    version = canaries.version_of("numpy")
    assert problem == f"numpy {version} and a_library cannot be used: its trial ended with exit code 3"


def test_doctor_prints_one_line_for_each(tried):
    tried("package_with_trials/well.py")
    sound = examine_canaries()
    tried("package_with_trials/words.py")
    console = Console(file=io.StringIO(), width=80)
    _print_programs(console, (), sound + examine_canaries())
    assert console.file.getvalue().splitlines()[1:] == [
        "Programs and libraries of pipelines",
        "  a_library (camera): works",
        "  camera: a_library cannot be used: it computes nonsense; mend it with: pip install 'a-library>=2'",
    ]
