"""Devices, and which floating-point types really compute there."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from isptune.wording.showing import one_line

# How far a result may be from the one in float64, as a share of the largest value: several times the rounding
# of the type, and of the TF32 that a GPU may use for float32.
_TOLERANCES = {"float32": 1e-2, "bfloat16": 5e-2, "float16": 2e-2}


@dataclass(frozen=True)
class Precision:
    """Whether a floating-point type computes on a device.

    Attributes:
        dtype: torch's name of it.
        matmul: a product of matrices came out right.
        attention: scaled dot-product attention came out right.
        reason: why one of them did not; None where both did.
    """

    dtype: str
    matmul: bool
    attention: bool
    reason: str | None


@dataclass(frozen=True)
class Device:
    """A device that torch sees; memory in bytes, None where nothing tells it."""

    name: str
    description: str
    memory_bytes: int | None
    free_bytes: int | None
    precisions: tuple[Precision, ...]


@dataclass(frozen=True)
class Hardware:
    """The devices, the fastest first, and the host.

    Attributes:
        built_for: what the installed torch was built for, such as ``CUDA 12.8`` or ``the cpu alone``.
        threads: how many threads torch uses on the cpu.
        processors: how many the operating system has.
        problem: one sentence where torch cannot compute on the cpu; None where it can.
    """

    devices: tuple[Device, ...]
    built_for: str | None
    threads: int | None
    processors: int | None
    ram_bytes: int | None
    problem: str | None


def examine_hardware() -> Hardware:
    """Compute a little on every device."""
    try:
        import torch

        from isptune.tuning.devices import available_devices

        names = available_devices()
        built_for, threads = _built_for(torch), torch.get_num_threads()
        devices = tuple(_device(torch, name) for name in names)
    except Exception as error:
        reason = f"torch cannot be used: {one_line(error, 300)}"
        return Hardware((), None, None, os.cpu_count(), _ram(), reason)
    return Hardware(devices, built_for, threads, os.cpu_count(), _ram(), _problem(devices))


def _problem(devices: tuple[Device, ...]) -> str | None:
    for device in devices:
        for precision in device.precisions:
            # float32 on the cpu is what every run can fall back on.
            if (device.name, precision.dtype) == ("cpu", "float32") and precision.reason is not None:
                return f"torch cannot compute on the cpu: {precision.reason}"
    return None


def _device(torch: ModuleType, name: str) -> Device:
    try:
        description, memory, free = _facts(torch, name)
    except Exception as error:
        description, memory, free = one_line(error, 300), None, None
    return Device(
        name=name,
        description=description,
        memory_bytes=memory,
        free_bytes=free,
        precisions=tuple(_precision(torch, name, dtype) for dtype in _TOLERANCES),
    )


def _facts(torch: ModuleType, name: str) -> tuple[str, int | None, int | None]:
    """What a device is, its memory and how much of it is free."""
    if name.startswith("cuda"):
        device = torch.device(name)
        free, memory = torch.cuda.mem_get_info(device)
        return torch.cuda.get_device_name(device), memory, free
    if name == "mps":
        return "Metal", torch.mps.recommended_max_memory(), None
    return _processor(), _ram(), _free_ram()


def _precision(torch: ModuleType, device: str, dtype: str) -> Precision:
    failures = {}
    for operation, compute in (("matmul", _matmul), ("attention", _attention)):
        try:
            expected = compute(torch, "cpu", torch.float64)
            got = compute(torch, device, getattr(torch, dtype)).to("cpu").double()
            error = float((got - expected).abs().max() / expected.abs().max())
            # Not "greater than", so that NaN is a failure.
            if not error <= _TOLERANCES[dtype]:
                failures[operation] = f"{operation}: the result is off by {error:.3g} of its largest value"
        except Exception as error:
            failures[operation] = f"{operation}: {one_line(error, 300)}"
    return Precision(
        dtype=dtype,
        matmul="matmul" not in failures,
        attention="attention" not in failures,
        reason="; ".join(failures.values()) or None,
    )


def _matmul(torch: ModuleType, device: str, dtype: Any) -> Any:
    left, right = _numbers(torch, 2, (64, 64), device, dtype)
    return left @ right


def _attention(torch: ModuleType, device: str, dtype: Any) -> Any:
    query, key, value = _numbers(torch, 3, (1, 2, 32, 64), device, dtype)
    return torch.nn.functional.scaled_dot_product_attention(query, key, value)


def _numbers(torch: ModuleType, count: int, shape: tuple[int, ...], device: str, dtype: Any) -> list[Any]:
    """The same numbers for every device and type; the global generator is left as it is."""
    generator = torch.Generator().manual_seed(0)
    made: Callable[..., Any] = torch.randn
    return [made(shape, generator=generator, dtype=torch.float64).to(dtype).to(device) for _ in range(count)]


def _built_for(torch: ModuleType) -> str:
    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    if getattr(torch.version, "hip", None):
        return f"ROCm {torch.version.hip}"
    return "the cpu and Metal" if torch.backends.mps.is_built() else "the cpu alone"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _ram() -> int | None:
    return _pages("SC_PHYS_PAGES")


def _free_ram() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return _pages("SC_AVPHYS_PAGES")


def _pages(name: str) -> int | None:
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
