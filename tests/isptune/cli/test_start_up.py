"""What starting costs: no model library for a help text, no torch for a name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from isptune.cli import VERBS


def modules_after(code: str) -> set[str]:
    """The top-level modules that are loaded after a piece of code in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('MODULES', *sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    last = next(line for line in done.stderr.splitlines() if line.startswith("MODULES"))
    return {name.partition(".")[0] for name in last.split()[1:]}


HEAVY = {
    "torch",
    "kornia",
    "nevergrad",
    "deap",
    "matplotlib",
    "transformers",
    "open_clip",
    "pyiqa",
    "pandas",
    "rawpy",
}


def test_help_imports_nothing_heavy() -> None:
    # One interpreter for all verbs: what the help of one loads would show after the last.
    asked = [["--help"], *([*verb.split(), "--help"] for verb in VERBS)]
    loaded = modules_after(
        f"from isptune.cli import run\nfor arguments in {asked}:\n    assert run(arguments) == 0, arguments"
    )
    assert not loaded & (HEAVY | {"numpy"})


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import isptune") & (HEAVY | {"numpy"})


# Every verb that takes names, with a misspelt one, and what is meant.
MISSPELT = [
    (["tune", "chart", "--objective", "sverity"], "severity"),
    (["tune", "chart", "--pipeline", "synthetik"], "synthetic"),
    (["tune", "chart", "--optimizer", "nsgaa2"], "nsga2"),
    (["tune", "chart", "--optimizer", "nevegrad:CMA"], "nevergrad:CMA"),
    (["tune", "chart", "--optimizer", "nevegrad"], "nevergrad:NAME"),
    (["bench", "--objective", "psnr,sverity"], "severity"),
    (["bench", "--objective", "psnr", "--optimizer", "nsgaa2"], "nsga2"),
    (["bench", "trust", "sverity"], "severity"),
    (["score", "FILE", "--objective", "clipiqaa"], "clipiqa"),
    (["evaluate", "--objective", "sverity", "--data", "FILE"], "severity"),
    (["train", "scorent", "--out", "t"], "scorenet"),
    (["gallery", "chart", "--stage", "gausian_blur", "--out", "g"], "gaussian_blur"),
    (["render", "chart", "--pipeline", "chian", "--out", "a.png"], "chain"),
    (["list", "parameters", "synthetik"], "synthetic"),
    (["list", "parameters", "gausian_blur"], "gaussian_blur"),
    (["list", "objectives", "sverity"], "severity"),
]


def test_misspelt_names_and_list_import_no_plugin(tmp_path: Path) -> None:
    code = (
        "import json, sys\nfrom importlib import metadata\nfrom isptune.cli import run\n"
        "kinds = ('stages', 'pipelines', 'objectives', 'optimizers', 'learners')\n"
        "homes = {p.module for k in kinds for p in metadata.entry_points(group=f'isptune.{k}')}\n"
        "tops = {home.partition('.')[0] for home in homes} - {'isptune'}\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    code = run(arguments)\n"
        "    found = [m for m in sys.modules if m in homes or m.partition('.')[0] in {*tops, 'torch'}]\n"
        "    print('ENDED', json.dumps([code, found]), file=sys.stderr, flush=True)\n"
    )
    file = tmp_path / "table.csv"
    file.write_text("name,mos\n")
    asked = [[str(file) if one == "FILE" else one for one in arguments] for arguments, _ in MISSPELT]
    lists = [["list", kind] for kind in ("stages", "pipelines", "learners")] + [["list"]]
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(asked + lists)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    said = done.stderr.splitlines()
    answers = [json.loads(line.removeprefix("ENDED ")) for line in said if line.startswith("ENDED ")]
    sentences = [line for line in said if not line.startswith("ENDED ")]
    assert answers[: len(asked)] == [[2, []]] * len(asked)
    for (arguments, meant), sentence in zip(MISSPELT, sentences, strict=True):
        assert sentence.endswith(f"; did you mean '{meant}'?"), (arguments, sentence)
    # A family has no names before it is asked for them.
    listed = [(code, set(found)) for code, found in answers[len(asked) : -1]]
    assert listed == [(0, {"isptune_kornia", "isptune_kornia.family"})] * 3
    code, found = answers[-1]
    assert (code, {name.partition(".")[0] for name in found}) == (
        0,
        {"isptune", "isptune_kornia", "isptune_pyiqa"},
    )
    assert "isptune.optimizers.nevergrad" in found
    assert not {"isptune.optimizers.es", "isptune_pyiqa.objective"} & set(found)


def test_list_needs_nothing_heavy() -> None:
    assert not modules_after("from isptune.cli import run\nassert run(['list']) == 0") & HEAVY


def test_a_run_imports_neither_scipys_statistics_nor_networks_of_others(tmp_path: Path) -> None:
    """They take as long to import as a third of the default run's search."""
    arguments = ["tune", "chart:64x48", "--budget", "30", "--out", str(tmp_path / "run")]
    code = f"from isptune.cli import run\nassert run({arguments}) == 0\n"
    code += "import sys\nassert not {'scipy.stats', 'kornia', 'nevergrad', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_command_and_the_module_are_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "isptune", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("isptune ")


# What people typed, and the beginning of the answer.
MISTAKES: list[tuple[list[str], str]] = [
    (["tnue"], "there is no command 'tnue'; did you mean 'tune'?"),
    (["bench", "tust", "psnr"], "there is no command 'bench tust'; did you mean 'bench trust'?"),
    (["bench", "truts"], "there is no command 'bench truts'; did you mean 'bench trust'?"),
    (["tune", "--optimizer", "sma"], "there is no optimizer named 'sma'"),
    (["tune", "--objective", "psnrr"], "there is no objective named 'psnrr'; did you mean 'psnr'?"),
    (["tune", "--objective", "pyiqa:brisqe"], "there is no objective named 'pyiqa:brisqe'; did you mean"),
    (
        ["tune", "--pipeline", "synthetik"],
        "there is no pipeline named 'synthetik'; did you mean 'synthetic'?",
    ),
    (["tune", "no.png"], "'FOLDER/no.png': there is no such file"),
    (["tune", "--crop", "huge"], "crop 'huge' is not known"),
    (["tune", "--optimizer", "es", "--budget", "31"], "the budget 31 is not a multiple of the population 30"),
    (["tune", "--optimizer", "adam", "--budget", "5"], "the budget 5 is not a multiple of the population 4"),
    (["tune", "--budget", "abc"], "Invalid value for '--budget'"),
    (
        ["tune", "--population", "100000000", "--budget", "100000000"],
        "in the options, population is 100000000; allowed: at most 100000",
    ),
    (
        ["tune", "--optimizer", "es", "--objective", "psnr,ssim"],
        "the optimizer 'es' takes one objective, and there are 2",
    ),
    (["tune", "--config", "wrong.yaml"], "the configuration 'wrong.yaml' has the unknown key 'populatoin'"),
    *(
        (
            ["tune", "--optimizer-option", f"{name}=abc"],
            f"the option {name} of the optimizer 'es' is 'abc'; allowed: a ",
        )
        for name in ("mu", "rho", "initial_sigma", "sigma_floor")
    ),
    *(
        (
            ["tune", "--optimizer", "adam", "--optimizer-option", f"{name}=abc"],
            f"the option {name} of the optimizer 'adam' is 'abc'; allowed: a ",
        )
        for name in ("learning_rate", "beta1", "patience")
    ),
    (
        ["tune", "--optimizer-option", "plus=7"],
        "the option plus of the optimizer 'es' is 7; allowed: true or false",
    ),
    (
        ["tune", "--optimizer-option", "seed=7"],
        "the optimizer's options cannot set seed; those are settings of the run",
    ),
    (
        ["tune", "--optimizer-option", "sigma_flor=7"],
        "the optimizer 'es' has no option 'sigma_flor'; did you mean 'sigma_floor'?",
    ),
    (
        ["tune", "--objective-option", "checkpoint=3"],
        "the option checkpoint of the objective 'severity' is 3; allowed: a text or null",
    ),
    (
        ["bench", "wrong-types.yaml"],
        "the option channels of the objective 'ssim' is 3; allowed: rgb or luma",
    ),
    (["bench", "--objective", "psnr", "--scene", "no.png"], "'FOLDER/no.png': there is no such file"),
    (["bench", "trust", "psnr", "--scene", "no.png"], "'no.png': there is no such file"),
    (["score", "no.png", "--objective", "sharpness"], "'no.png': there is no such file"),
    (["score", "no.png", "--objective", "psnr"], "the objective 'psnr' needs a reference image"),
    (["render", "no.png", "--out", "a.png"], "'no.png': there is no such file"),
    (["gallery", "chart", "--stage", "blurr", "--out", "a"], "there is no stage named 'blurr'"),
    (["evaluate", "--objective", "psnr", "--data", "no.csv"], "'no.csv': there is no such file or folder"),
    (["plot", "no", "--out", "a.png"], "'no' holds no run: there is no such folder"),
    (["report", "no"], "'no' holds no run: there is no such folder"),
    (["resume", "no"], "'no' holds no run: there is no such folder"),
    *(
        (
            ["train", "severity", "--out", "t", "--data-option", f"{name}={value}"],
            f"the option {name} of synthetic data is {shown}; allowed: a ",
        )
        for name, value, shown in (
            *((name, "abc", "'abc'") for name in ("crop", "contents", "variants", "mixed", "faint", "looks")),
            *(("crop", 8, 8), ("variants", -1, -1), ("others", 3, 3), ("batches", "abc", "'abc'")),
        )
    ),
    *(
        (
            ["train", "severity", "--out", "t", "--option", f"{name}={value}"],
            f"the option {name} of the learner 'severity' is {shown}; allowed: a ",
        )
        for name, value, shown in (("widths", "abc", "'abc'"), ("widths", 3, 3), ("hidden", "abc", "'abc'"))
    ),
    (
        ["train", "scorenet", "--out", "t", "--option", "host_options=3"],
        "the option host_options of the learner 'scorenet' is 3; allowed: a mapping or null",
    ),
    (
        ["train", "severity", "--out", "t", "--steps", "2", "--epochs", "2"],
        "--steps and --epochs say the same in two ways; give one of them",
    ),
    (["train", "severity", "--out", "t", "--resume"], "there is no training in 't' to continue"),
]


def test_mistakes_are_answered_in_one_sentence_without_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.yaml").write_text("populatoin: 3\n")
    Path("wrong-types.yaml").write_text("objectives: [{name: ssim, options: {channels: 3}}]\n")
    # One interpreter for all of them: what one mistake loads would show after the last.
    code = (
        "import json, sys\nfrom isptune.cli import run\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    code = run(arguments)\n"
        "    heavy = sorted({'torch', 'kornia', 'matplotlib', 'scipy', 'pyiqa'} & set(sys.modules))\n"
        "    print(f'CODE {code} {heavy}', file=sys.stderr, flush=True)\n"
    )
    asked = json.dumps([arguments for arguments, _ in MISTAKES])
    done = subprocess.run([sys.executable, "-c", code, asked], capture_output=True, text=True, check=True)
    answers = done.stderr.split("\n")
    for (arguments, sentence), said, ended in zip(MISTAKES, answers[::2], answers[1::2], strict=False):
        wanted = sentence.replace("FOLDER", str(tmp_path))
        assert said.startswith(f"isptune: error: {wanted}"), (arguments, said)
        assert ended == "CODE 2 []", (arguments, ended)
    assert len(answers) == 2 * len(MISTAKES) + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wrong-types.yaml", "wrong.yaml"]
