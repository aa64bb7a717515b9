"""What this installation can do: packages, devices, objectives and what they download, the hub.

Computed here and drawn by ``isptune doctor``. Nothing is fetched, nothing is changed, and no model library
is imported: versions come from the installed distributions' metadata.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from isptune.doctor.canaries import CanaryStatus, examine_canaries
from isptune.doctor.hardware import Device, Hardware, Precision, examine_hardware
from isptune.doctor.hub import CachedRepository, Hub, examine_hub
from isptune.doctor.objectives import DownloadStatus, ObjectiveStatus, examine_objectives
from isptune.doctor.packages import Package, Versions, examine_versions
from isptune.doctor.programs import ProgramStatus, examine_programs


@dataclass(frozen=True)
class Report:
    """Everything that ``isptune doctor`` says.

    Attributes:
        problems: what keeps the main job from running, one sentence each; empty on a sound machine.
    """

    versions: Versions
    hardware: Hardware
    objectives: tuple[ObjectiveStatus, ...]
    programs: tuple[ProgramStatus, ...]
    canaries: tuple[CanaryStatus, ...]
    hub: Hub
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        return asdict(self)


def examine(offline: bool = False) -> Report:
    """Look at this machine.

    Args:
        offline: do not ask whether the hub can be reached.

    Example:
        >>> from isptune.doctor import examine
        >>> examine(offline=True).problems
        ()
    """
    versions, hardware, hub = examine_versions(), examine_hardware(), examine_hub(offline)
    problems = [] if hardware.problem is None else [hardware.problem]
    problems += [
        f"the package {package.name}, which every run needs, is not installed; "
        f"install it with: {package.install}"
        for package in versions.packages
        if package.version is None and not package.extras
    ]
    cached = {one.name: one.size_bytes for one in hub.repositories if one.kind == "model"}
    return Report(
        versions=versions,
        hardware=hardware,
        objectives=examine_objectives(cached),
        programs=examine_programs(),
        canaries=examine_canaries(),
        hub=hub,
        problems=tuple(problems),
    )


__all__ = [
    "CachedRepository",
    "CanaryStatus",
    "Device",
    "DownloadStatus",
    "Hardware",
    "Hub",
    "ObjectiveStatus",
    "Package",
    "Precision",
    "ProgramStatus",
    "Report",
    "Versions",
    "examine",
]
