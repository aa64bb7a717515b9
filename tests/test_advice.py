"""What messages and documents advise can be followed: commands parse, options and packages exist.

The advice is collected from all texts of the sources and from README and docs, so new advice is looked at as soon
as it is written. ``test_following`` takes what the messages of missing weights say and does it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from isptune.cli import VERBS, VerbGroup, cli
from isptune.errors import IsptuneError
from isptune.plugins import registry

ROOT = Path(__file__).parents[1]
SOURCES = [path for part in ("isptune", "objectives", "pipelines") for path in (ROOT / part).rglob("*.py")]
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GAP = "GAP"

# Options of other programs, and properties of style sheets.
FOREIGN = {
    "my-isp": {"--gain", "--sharpen", "--mode"},
    "darktable-cli": {
        "--apply-custom-presets",
        "--cachedir",
        "--conf",
        "--configdir",
        "--core",
        "--disable-opencl",
        "--icc-intent",
        "--icc-type",
        "--library",
        "--version",
    },
    "hf": {"--local-dir", "--include"},
    "ray": {"--head", "--port", "--address"},
    "pip": {"--force-reinstall", "-U", "--extra-index-url", "--no-build-isolation"},
}
STYLE = re.compile(r"--[\w-]+\s*:")


@cache
def texts(path: Path) -> list[tuple[int, str]]:
    """The texts of a source file that its users see, with their lines; gaps stand for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    # The help of commands is their docstrings.
    plain = (
        [node for node in ast.walk(tree) if isinstance(node, ast.Expr)] if path.parent.name != "cli" else []
    )
    bare = {id(node.value) for node in plain}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else GAP for part in node.values]
            found.append((node.lineno, "".join(map(str, parts))))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner | bare:
            found.append((node.lineno, node.value))
    return found


def all_texts() -> Iterator[tuple[str, str]]:
    for path in SOURCES:
        for line, text in texts(path):
            yield f"{path.relative_to(ROOT)}:{line}", text
    for path in DOCUMENTS:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{path.name}:{number}", line


@cache
def commands() -> dict[str, click.Command]:
    assert isinstance(cli, VerbGroup)
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def options_of(command: click.Command) -> set[str]:
    """Its options, of a group also those of its commands."""
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return own.union(*map(options_of, getattr(command, "commands", {}).values()))


def advised_commands(text: str, program: str) -> Iterator[str]:
    """What a text tells to run: in quotes or backticks, after a colon, or at the begin of a line."""
    for found in re.finditer(rf"(['`]|\bwith: |\brun |^|\n) *{re.escape(program)} ", text):
        rest = text[found.end() :]
        quote = found[1] if found[1] in "'`" else ""
        yield re.split(quote if quote else r"[\n;)]|, | #| and the ", rest, maxsplit=1)[0]


def words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def test_isptune_commands_name_verbs_and_options_that_exist() -> None:
    seen = set()
    for place, text in all_texts():
        for given in advised_commands(text, "isptune"):
            verb = re.split(r"[\s,;.'`)]", given, maxsplit=1)[0]
            if verb in (GAP, "") or not re.fullmatch("[a-z]+", verb):
                continue
            # A verb of two words.
            longer = " ".join(re.split(r"[\s,;.'`)]", given)[:2])
            verb = longer if longer in commands() else verb
            assert verb in commands(), f"{place} advises 'isptune {verb}', which is no command: {text}"
            seen.add(verb)
            for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", given):
                known = options_of(commands()[verb])
                assert option in known, f"{place} advises {option} for 'isptune {verb}': {text}"
    assert {"resume", "list", "train", "tune"} <= seen


def test_options_that_texts_name_exist() -> None:
    every = set().union(*map(options_of, commands().values()), {"--help", "--debug", "--version"})
    foreign = set().union(*FOREIGN.values())
    count = 0
    for place, text in all_texts():
        if place.startswith(("isptune/report", "isptune/tuning")) or STYLE.search(text) or "argparse" in text:
            continue
        own = (
            set(re.findall(r"add_argument\(\s*\"(--[\w-]+)", (ROOT / place.split(":")[0]).read_text()))
            if ".py" in place
            else set()
        )
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*\b(?!-)", text):
            if option in own | foreign or "benchmarks/" in text or "python -m" in text:
                continue
            count += 1
            assert option in every, f"{place} names {option}, which no command has: {text}"
            verb = re.fullmatch(r"isptune/cli/(\w+)\.py:\d+", place)
            other = any(option in one for one in advised_commands(text, "isptune"))
            if verb and verb[1] in VERBS and not other and "\n" not in text:
                assert option in options_of(commands()[verb[1]]), (
                    f"{place} names {option}, of another command"
                )
    assert count > 60


def test_packages_that_texts_tell_to_install_exist() -> None:
    extras = PROJECT["optional-dependencies"]
    known = {
        Requirement(one).name.lower()
        for group in (PROJECT["dependencies"], *extras.values())
        for one in group
    }
    # Named by messages of single models, and by the set-up; no extra brings them.
    known |= {"uv", "protobuf", "flash-linear-attention", "causal-conv1d", "isptune"}
    count = 0
    for place, text in all_texts():
        for found in re.finditer(
            r"pip install ((?:-\S+ )*)(?![-.])((?:'[^']+'|[\w.<>=\[\],-]+)(?: (?:and )?[a-z][\w-]+)*)", text
        ):
            for package in shlex.split(found[2])[:1]:
                package = package.rstrip(",")
                if GAP in package:
                    continue
                requirement = Requirement(package)
                assert canonicalize_name(requirement.name) in known, (
                    f"{place}: no extra brings {package}: {text}"
                )
                assert requirement.extras <= set(extras), f"{place}: there is no extra of {package}: {text}"
                count += 1
    assert count > 8


def test_modules_that_texts_tell_to_run_exist_and_take_their_options() -> None:
    modules = set()
    for place, text in all_texts():
        for given in advised_commands(text, "python -m"):
            module, *rest = words(given)
            if module in ("isptune", "venv", "pip") or GAP in module:
                continue
            source = inspect.getsource(importlib.import_module(module))
            for option in (word for word in rest if word.startswith("--")):
                assert f'"{option}"' in source, f"{place}: {module} has no {option}: {text}"
            modules.add(module)
    assert {"isptune_qalign.tiny", "isptune_clipiqa.tiny", "isptune_statistics.pristine"} <= modules


@cache
def plugin_options(kinds: tuple[str, ...]) -> set[str]:
    """Every option of every registered plugin of some kinds."""
    from isptune.iqa.training.synthetic import SyntheticSource
    from isptune_proposer.tasks import TaskSource

    sources = (SyntheticSource, TaskSource) if "data" in kinds else ()
    found = {name for source in sources for name in inspect.signature(source).parameters} | {"batches"}
    for kind in kinds:
        plugins = registry.training_data if kind == "data" else getattr(registry, f"{kind}s")
        for name in plugins._records or plugins.names():
            with suppress(IsptuneError, ValueError):
                found |= set(inspect.signature(plugins.get(name)).parameters)
    return found


def test_options_of_plugins_that_texts_give_exist() -> None:
    kinds: dict[str, tuple[str, ...]] = {
        "objective-option": ("objective",), "optimizer-option": ("optimizer",), "pipeline-option": ("pipeline",),
        "data-option": ("data",), "option": ("learner",),
    }  # fmt: skip
    count = 0
    for place, text in all_texts():
        for kind, key in re.findall(r"--([a-z-]*option) ['\"]?(?:[a-z-]+\.)?([a-z_]+)=", text):
            if kind not in kinds:
                continue
            assert key in plugin_options(kinds[kind]), (
                f"{place} gives --{kind} {key}, which no plugin has: {text}"
            )
            count += 1
        for key in re.findall(r"give (?:it|them) as the option ([a-z_]+)", text):
            assert key in plugin_options(("objective", "learner")), (
                f"{place} advises the option {key}: {text}"
            )
            count += 1
    assert count > 5


def advice(error: str) -> str:
    """The option that a message tells to give."""
    found = re.search(r"give it as the option (.+?)(?: \(|$)", error)
    assert found, error
    return found[1]


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures, where nothing can be downloaded and tiny weights lie where advice puts them."""
    import torch

    from isptune.plugins import checkpoints
    from isptune.scenes import write_image
    from isptune_clipiqa.tiny import write_tiny

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoints, "reachable", lambda address: False)
    generator = torch.Generator().manual_seed(0)
    rows = ["name,mos"]
    Path("pictures").mkdir()
    for index in range(8):
        write_image(f"pictures/{index}.png", torch.rand(3, 40, 48, generator=generator))
        rows.append(f"{index}.png,{index}")
    Path("pictures/meta.csv").write_text("\n".join(rows) + "\n")
    write_tiny("resnet50_clip.openai")
    return tmp_path


def test_following(offline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from isptune.cli import run

    def error(arguments: list[str]) -> str:
        assert run(arguments) == 2
        return capsys.readouterr().err.strip().splitlines()[-1]

    def follow(arguments: list[str], option: str, wanted: str) -> None:
        given = advice(error(arguments))
        key, equals, value = given.partition("=")
        assert given.startswith(wanted), given
        # An option by its name alone takes the folder that the message names.
        assert run([*arguments, option, f"{key}={value if equals else 'resnet50_clip.openai'}"]) == 0
        capsys.readouterr()

    score = ["score", "pictures/0.png", "--objective"]
    train = ["train", "scorenet", "--host", "clipiqa", "--data", "pictures", "--steps", "1", "--out"]
    follow([*score, "clipiqa"], "--objective-option", "checkpoint")
    follow([*train, "first"], "--option", "host_options={checkpoint: resnet50_clip.openai}")
    metrics = [
        "--option",
        "metrics=[contrast, clipiqa]",
        "--option",
        "host_options={checkpoint: resnet50_clip.openai}",
    ]
    text = advice(error([*train, "second", *metrics]))
    assert text == "metrics=[{objective: clipiqa, options: {checkpoint: resnet50_clip.openai}}]"
    assert run([*train, "second", "--option", text, *metrics[2:]]) == 0
    capsys.readouterr()
    terms = [*score, "weighted", "--objective-option"]
    text = advice(error([*terms, "terms={clipiqa: 2}"]))
    assert run([*terms, text]) == 0
    trained = [*score, "scorenet-clipiqa", "--checkpoint", "first/model.safetensors"]
    capsys.readouterr()
    assert run(trained) == 0
    capsys.readouterr()
    Path("resnet50_clip.openai").rename("moved")
    assert "the option host_checkpoint says otherwise" in error(trained)
    assert run([*trained, "--objective-option", "host_checkpoint=moved"]) == 0


def test_what_is_looked_for_is_found() -> None:
    """The patterns above see each kind of advice, and refuse what is wrong."""
    text = "x; go on with: isptune resume GAP --seed 3, or 'isptune list objectives' shows them"
    assert [one.split()[0] for one in advised_commands(text, "isptune")] == ["resume", "list"]
    assert any("huggingface_hub" in text for _, text in all_texts())
    sample: dict[str, Any] = {"host_options": 1}
    assert sample.keys() <= plugin_options(("learner",))
    assert "dtipe" not in plugin_options(("objective",))
