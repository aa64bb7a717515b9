"""What the benchmarks share: the machine in one line, times, and peak memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch


def machine() -> str:
    """The machine's processor, threads, memory and versions in one line."""
    info = Path("/proc/cpuinfo")
    model = platform.processor() or platform.machine()
    if info.exists():
        model = next(line for line in info.read_text().splitlines() if "model name" in line).partition(": ")[
            2
        ]
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    threads = f"{torch.get_num_threads()} threads"
    versions = f"Python {platform.python_version()}, torch {torch.__version__.partition('+')[0]}"
    return f"Machine: {model}, {threads}, {gigabytes:.0f} GiB, {gpu}; {versions}."


def seconds_of(work: Callable[[], object], device: str, seconds: float) -> float:
    """Median time of a call after a warm-up."""

    def call() -> float:
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    call()
    times = [call()]
    while sum(times) < seconds and len(times) < 50:
        times.append(call())
    return statistics.median(times)


def peak_bytes_of(work: Callable[[], object], device: str) -> int | None:
    """Bytes that a call takes at its peak beyond what was held before; None where that cannot be told."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    # Linux forgets the peak of resident memory when asked to, and glibc gives back what it kept.
    status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not (status.exists() and forget.exists()):
        return None
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    forget.write_text("5")
    before = _resident(status, "VmRSS")
    work()
    return max(0, _resident(status, "VmHWM") - before)


def _resident(status: Path, field: str) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])
