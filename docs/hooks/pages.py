"""Pages that are made when the site is built: the gallery, the help of commands, results and model cards.

A link to a Markdown file elsewhere in the repository leads to a page with that file's text. A link to another
file becomes text: a site that is opened from a disk has no repository beside it.
"""

from __future__ import annotations

import io
import json
import posixpath
import re
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from PIL import Image

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[(?P<text>[^\]\n]+)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
CHART, SIZE = "chart:192x128", 192


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of files elsewhere, and the gallery's pictures."""
    for path in sorted({*ROOT.glob("benchmarks/**/*.md"), *ROOT.glob("objectives/**/MODEL_CARD.md")}):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, f"repository/{name}", content=path.read_text(encoding="utf-8")))
    for path in sorted(ROOT.glob("benchmarks/**/*.png")):
        name = f"repository/{path.relative_to(ROOT).as_posix()}"
        files.append(File.generated(config, name, content=path.read_bytes()))
    for family, picture in _gallery():
        files.append(File.generated(config, f"gallery/{family}.webp", content=picture))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what pages ask for, and lead links out of ``docs/`` to where their files are in the site."""
    for mark, made in MADE.items():
        if mark in markdown:
            markdown = markdown.replace(mark, made())
    here = page.file.src_uri
    home = posixpath.dirname(
        here.removeprefix("repository/") if here.startswith("repository/") else f"docs/{here}"
    )

    def led(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(home, found["target"]))
        if target.startswith("docs/") or not (ROOT / target).exists():
            return found[0]
        mounted = f"repository/{target}"
        if files.get_file_from_path(mounted) is None:
            return f"`{target}`" if found["text"].strip("`") in target else f"{found['text']} (`{target}`)"
        return (
            f"[{found['text']}]({posixpath.relpath(mounted, posixpath.dirname(here))}{found['anchor'] or ''})"
        )

    return LINK.sub(led, markdown)


@cache
def _stages() -> dict[str, list[str]]:
    """The names of the distortions by family, in the families' alphabetical order."""
    import isptune

    found = []
    for name in isptune.list_stages():
        stage = isptune.create_stage(name)
        if isinstance(stage, isptune.Distortion):
            found.append((stage.family or "other", name))
    by_family = groupby(sorted(found), lambda pair: pair[0])
    return {family: [name for _, name in pairs] for family, pairs in by_family}


@cache
def _operators() -> list[str]:
    """The stages of Kornia's operators that take and give pictures as they are shown."""
    import isptune

    stages = {name: isptune.create_stage(name) for name in isptune.list_stages("kornia:*")}
    return [name for name, one in stages.items() if one.domain_in == one.domain_out == "encoded"]


def _gallery() -> Iterator[tuple[str, bytes]]:
    """One picture a family, and one an operator, drawn by ``isptune gallery`` on the generated chart."""
    wanted = _stages() | {_plain(name): [name] for name in _operators()}
    with tempfile.TemporaryDirectory() as folder:
        for called, names in wanted.items():
            options = [word for name in names for word in ("--stage", name)]
            _call(["gallery", CHART, "--out", folder, "--size", str(SIZE), *options])
            with Image.open(Path(folder) / "gallery.png") as drawn:
                drawn.thumbnail((1400, 10000))
                buffer = io.BytesIO()
                drawn.convert("RGB").save(buffer, "WEBP", quality=80)
            yield called, buffer.getvalue()


def _families() -> str:
    """The gallery's sections: a picture and a table of a family's stages."""
    import isptune

    parts = []
    for family, names in _stages().items():
        rows = ["| stage | level | what it does |", "| --- | --- | --- |"]
        for name in names:
            stage = isptune.create_stage(name)
            highest = f"0 to {stage.level_range[1]:g} {stage.level_unit}".strip()
            rows.append(f"| `{name}` | {highest} | {_summary(stage)} |")
        picture = f"![{family}: {', '.join(names)} at rising levels](gallery/{family}.webp)"
        parts.append(f"## {family.capitalize()}\n\n{picture}\n\n" + "\n".join(rows))
    return "\n\n".join(parts)


def _kornia() -> str:
    """A section for each of Kornia's operators, with what it does and how its parameters act."""
    import isptune

    parts = []
    for name in _operators():
        picture = f"![{name} at rising values of its parameters](gallery/{_plain(name)}.webp)"
        parts.append(f"## {name}\n\n{_summary(isptune.create_stage(name))}\n\n{picture}")
    return "\n\n".join(parts)


def _plain(name: str) -> str:
    return name.replace(":", "-")


def _summary(stage: Any) -> str:
    """The first sentence of a stage's docstring, as Markdown."""
    text = (type(stage).__doc__ or "").strip().split("\n\n")[0]
    return re.sub(r"\s+", " ", text).replace("``", "`")


def _commands() -> str:
    """The help of every verb, as the command line prints it."""
    import click

    from isptune.cli import cli

    parts = []
    with click.Context(cli, info_name="isptune") as context:
        for name in cli.list_commands(context):
            command: Any = cli.get_command(context, name)
            with click.Context(command, info_name=name, parent=context, terminal_width=80) as inner:
                parts.append(f"## isptune {name}\n\n```text\n{command.get_help(inner)}\n```")
    return "\n\n".join(parts)


def _downloads() -> str:
    """What objectives fetch when they are first used, as ``isptune list`` knows it."""
    rows = ["| objective | on its first use |", "| --- | --- |"]
    for entry in json.loads(_call(["list", "objectives", "--json"])):
        fetched = [need for need in entry["needs"] if re.search(r"\b[GM]B\b", need)]
        if fetched:
            rows.append(f"| `{entry['name']}` | {'; '.join(fetched)} |")
    return "\n".join(rows)


def _settings(name: str) -> str:
    """The settings of a run or a grid with their sentences and defaults."""
    from isptune.cli.shared_options import default_in_words
    from isptune.tuning.described_settings import GRID, RUN

    rows = ["| key | what it does | default |", "| --- | --- | --- |"]
    for key, setting in {"run": RUN, "grid": GRID}[name].items():
        rows.append(f"| `{key}` | {setting.said} | {default_in_words(setting)} |")
    return "\n".join(rows)


MADE = {
    "<!-- run settings -->": partial(_settings, "run"),
    "<!-- grid settings -->": partial(_settings, "grid"),
    "<!-- distortions -->": _families,
    "<!-- kornia -->": _kornia,
    "<!-- commands -->": _commands,
    "<!-- downloads -->": _downloads,
}


def _call(arguments: list[str]) -> str:
    """What a command prints."""
    from isptune.cli import run

    with redirect_stdout(io.StringIO()) as printed:
        code = run(arguments)
    if code != 0:
        raise RuntimeError(f"failed: isptune {' '.join(arguments)}")
    return printed.getvalue()
