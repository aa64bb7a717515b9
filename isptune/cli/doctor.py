"""``isptune doctor``: what this installation can do, before anything is fetched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from isptune.cli.shared_options import switch
from isptune.cli.tables import Column, console_for_tables, print_table

if TYPE_CHECKING:
    from rich.console import Console

    from isptune.doctor import (
        CanaryStatus,
        Hardware,
        Hub,
        ObjectiveStatus,
        Precision,
        ProgramStatus,
        Report,
        Versions,
    )


@click.command("doctor")
@switch("--offline", "Do not ask whether the Hugging Face hub can be reached")
@switch("--json as_json", "Print one JSON object on stdout")
def command(offline: bool, as_json: bool) -> int:
    """Check this machine: packages, devices, objectives and what they download, the hub.

    Nothing is downloaded. The exit code is 1 if something that every run needs is missing or broken.

    \b
    Examples:
      isptune doctor --offline
    """
    from isptune.doctor import examine

    report = examine(offline=offline)
    if as_json:
        click.echo(json.dumps(report.to_dict()))
    else:
        _print(report)
    return 1 if report.problems else 0


def _print(report: Report) -> None:
    console = console_for_tables()
    _print_versions(console, report.versions)
    _print_hardware(console, report.hardware)
    _print_objectives(console, report.objectives)
    _print_programs(console, report.programs, report.canaries)
    _print_hub(console, report.hub)
    console.print()
    for problem in report.problems:
        console.print(f"Problem: {problem}", style="red")
    if not report.problems:
        console.print("What 'isptune tune' needs is here.")


def _print_versions(console: Console, versions: Versions) -> None:
    from rich.columns import Columns
    from rich.padding import Padding

    console.print(f"isptune {versions.isptune}, Python {versions.python}, {versions.platform}")
    _heading(console, "Packages")
    there = [f"{package.name} {package.version}" for package in versions.packages if package.version]
    there += [f"{name} {version} (plugins)" for name, version in versions.plugins.items()]
    console.print(Padding(Columns(there, padding=(0, 3), equal=True, column_first=True), (0, 0, 0, 2)))
    for package in versions.packages:
        if package.version is None:
            _line(console, f"{package.name}: not installed; {package.install}", style="yellow")
        elif package.unfit is not None:
            _line(console, f"{package.name} {package.version}: needed is {package.unfit}", style="yellow")


def _print_hardware(console: Console, hardware: Hardware) -> None:
    _heading(console, "Devices")
    if hardware.devices:
        heads: list[str | Column] = ["name", "what it is", Column("memory", number=True, right=False)]
        rows = []
        for device in hardware.devices:
            memory = "-" if device.memory_bytes is None else size(device.memory_bytes)
            cells = [_works(precision) for precision in device.precisions]
            rows.append([device.name, device.description, memory, *cells])
        dtypes = [one.dtype for one in hardware.devices[0].precisions]
        print_table([*heads, *dtypes], rows, box=False, indent=2, console=console)
    if hardware.built_for is not None:
        threads = _count(hardware.threads, "thread")
        _line(console, f"torch is built for {hardware.built_for} and uses {threads} on the cpu.")
    ram = "?" if hardware.ram_bytes is None else size(hardware.ram_bytes)
    _line(console, f"The machine has {_count(hardware.processors, 'processor')} and {ram} of RAM.")


def _works(precision: Precision) -> str:
    """One cell: whether a type computes, or which half of the two trials came out right."""
    if precision.matmul and precision.attention:
        return "yes"
    if precision.matmul:
        return "no attention"
    return "no matmul" if precision.attention else "no"


def _print_objectives(console: Console, objectives: tuple[ObjectiveStatus, ...]) -> None:
    _heading(console, "Objectives")
    rows = []
    for one in objectives:
        lines = []
        if one.missing:
            lines += [f"not installed: {', '.join(one.missing)}", f"  {one.install}"]
        if one.note:
            lines.append(one.note)
        if not one.downloads and one.weights:
            lines.append(f"weights {one.weights}")
        for download in one.downloads:
            gigabytes = size(round(download.gigabytes * 1e9))
            key, _, value = download.option.partition("=")
            # The repository's name once is enough.
            option = f"option {key}" if value == download.repository else download.option
            option = f" ({option})" if option else ""
            lines += [
                f"{download.repository}{option}",
                f"  {gigabytes}, {download.licence}; {download.state}",
            ]
        rows.append([one.name, "yes" if one.available else "no", "\n".join(lines) or "-"])
    heads: list[str | Column] = ["name", "ready", "what it downloads on its first use"]
    print_table(heads, rows, box=False, indent=2, console=console)


def _print_programs(
    console: Console, programs: tuple[ProgramStatus, ...], canaries: tuple[CanaryStatus, ...]
) -> None:
    _heading(console, "Programs and libraries of pipelines")
    for one in programs:
        there = one.path or "not installed" + (f"; {one.install}" if one.install else "")
        _line(console, f"{one.program} ({one.pipeline}): {there}", None if one.path else "yellow")
    for canary in canaries:
        if canary.problem is None:
            _line(console, f"{', '.join(canary.packages)} ({canary.pipeline}): works")
        else:
            _line(console, f"{canary.pipeline}: {canary.problem}", "yellow")


def _print_hub(console: Console, hub: Hub) -> None:
    _heading(console, "Hugging Face hub")
    if hub.folder is None:
        _line(console, f"not asked: {hub.reason}")
        return
    answer = {True: "reachable", False: "not reachable", None: "not asked"}[hub.reachable]
    _line(console, f"{hub.address}: {answer}" + (f": {hub.reason}" if hub.reachable is None else ""))
    if hub.reachable is False:
        _line(console, f"  {hub.reason}")
    free = "" if hub.free_bytes is None else f"; {size(hub.free_bytes)} free on its disk"
    held = size(hub.size_bytes) if hub.exists else "not there yet"
    _line(console, f"cache {hub.folder}: {held}{free}")
    if hub.repositories:
        rows = []
        for repository in hub.repositories:
            kind = "" if repository.kind == "model" else f" ({repository.kind})"
            rows.append([f"{repository.name}{kind}", size(repository.size_bytes)])
        heads: list[str | Column] = ["repository", Column("size", number=True)]
        print_table(heads, rows, box=False, indent=4, console=console)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(text, style="bold")


def _line(console: Console, text: str, style: str | None = None) -> None:
    """An indented line that the terminal may wrap, but that is one line to copy."""
    console.print(f"  {text}", style=style, soft_wrap=True)


def _count(number: int | None, what: str) -> str:
    return f"{number or '?'} {what}{'' if number == 1 else 's'}"


def size(count: int) -> str:
    """Bytes as a person reads them, in units of 1000."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
