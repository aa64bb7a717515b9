"""The parts of gpu.py: each gives its figures one by one, at the real sizes or at small ones on the CPU."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from measuring import peak_bytes_of, seconds_of
from torch.utils.flop_counter import FlopCounterMode

import isptune
from isptune_clipiqa.tiny import write_published, write_tiny
from isptune_qalign.network import Owl, OwlConfig
from isptune_qalign.network.configuration import parse_config
from isptune_qalign.tiny import tiny_config
from isptune_synthetic.pipeline import SyntheticPipeline
from objectives import PROMPT, flops_of_a_picture

ROOT = Path(__file__).resolve().parents[1]
Row = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Attributes:
        device: where it is measured.
        seconds: least time of one figure.
        matrix: side of the product.
        picture: (height, width) of the synthetic chain's.
        chart: of ``raw``, as a scene.
        crops: side of the pictures that objectives rate.
        batches: of the objectives.
        budget: of ``tune``, and of each run on Ray.
        published: whether networks have their published sizes.
    """

    device: str
    seconds: float
    matrix: int
    picture: tuple[int, int]
    chart: str
    crops: int
    batches: tuple[int, ...]
    budget: int
    published: bool


REAL = Sizes("cuda", 1.0, 8192, (2160, 3840), "chart:4000x3000", 512, (1, 4, 16, 64), 1500, True)
DRY = Sizes("cpu", 0.0, 64, (32, 48), "chart:96x64", 64, (1, 2), 10, False)


def matrix_rate(sizes: Sizes) -> float:
    """FLOP/s of a large product in bfloat16."""
    side = sizes.matrix
    left, right = (torch.randn(side, side, device=sizes.device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / seconds_of(lambda: left @ right, sizes.device, sizes.seconds)


def peak(sizes: Sizes) -> Iterator[Row]:
    rate = matrix_rate(sizes)
    yield {"case": f"product {sizes.matrix} x {sizes.matrix}", "rate": rate / 1e12, "unit": "TFLOP/s"}
    source = torch.empty(8 * sizes.picture[0] * sizes.picture[1] * 3, device=sizes.device)
    copy = torch.empty_like(source)
    taken = seconds_of(lambda: copy.copy_(source), sizes.device, sizes.seconds)
    yield {"case": "copy", "seconds": taken, "rate": 2 * source.nbytes / taken / 1e9, "unit": "GB/s"}


def chain(sizes: Sizes) -> Iterator[Row]:
    height, width = sizes.picture
    for compiled in (False, True):
        for batch in (1, 8):
            image = torch.rand(3, height, width, device=sizes.device)
            made = SyntheticPipeline([image], maps="identity", crop=None, compile=compiled).to(sizes.device)
            half = [[stage.level_range[1] / 2 for stage in made.stages]]
            values = torch.tensor(half).repeat(batch, 1)
            with torch.no_grad():
                wide = image.expand(batch, -1, -1, -1).contiguous()
                copy = torch.empty_like(wide)
                once = seconds_of(lambda: copy.copy_(wide), sizes.device, 0.2 * sizes.seconds)  # noqa: B023
                row = measured(lambda: made.render(values, 0), sizes, batch)  # noqa: B023
            way = "compiled" if compiled else "eager"
            note = f"{row['seconds'] / once:.1f} passes"
            yield {"case": f"{width} x {height}, batch {batch}, {way}", **row, "note": note}


def raw(sizes: Sizes) -> Iterator[Row]:
    made = isptune.create_pipeline("raw", scenes=[sizes.chart], crop=None).to(sizes.device)
    values = made.space.start()
    with torch.no_grad():
        yield {"case": f"{sizes.chart}, forward", **measured(lambda: made.render(values, 0), sizes, 1)}

    def backward() -> None:
        made.render(values.clone().requires_grad_(), 0).mean().backward()

    yield {"case": f"{sizes.chart}, forward and backward", **measured(backward, sizes, 1)}


def severity(sizes: Sizes) -> Iterator[Row]:
    for version in (1, 2):
        made = isptune.create_objective("severity", device=sizes.device, version=version)
        height, width = sizes.picture
        cases = [(1, height, width), *((batch, sizes.crops, sizes.crops) for batch in sizes.batches)]
        for batch, rows, columns in cases:
            if min(rows, columns) < 64:
                rows, columns = 64, 96
            images = torch.rand(batch, 3, rows, columns, device=sizes.device)
            with torch.no_grad():
                row = measured(lambda: made.score(images), sizes, batch)  # noqa: B023
            yield {"case": f"version {version}, {columns} x {rows}, batch {batch}", **row}


def clipiqa(sizes: Sizes) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        if sizes.published:
            write_published(folder, "RN50-quickgelu")
        else:
            write_tiny(folder)
        made = isptune.create_objective("clipiqa", device=sizes.device, checkpoint=folder)
    best = matrix_rate(sizes)
    images = torch.rand(max(sizes.batches), 3, sizes.crops, sizes.crops, device=sizes.device)

    def score(part: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), torch.autocast(sizes.device, dtype=torch.bfloat16):
            return made.score(part)

    # The prompts go through the text tower once, at the first call.
    score(images[:1])
    counter = FlopCounterMode(display=False)
    with counter:
        score(images[:1])
    for batch in sizes.batches:
        row = measured(lambda: score(images[:batch]), sizes, batch)  # noqa: B023
        share = counter.get_total_flops() * row["rate"] / best
        yield {"case": f"{sizes.crops} x {sizes.crops}, batch {batch}", **row, "of_peak": share}


def qalign(sizes: Sizes) -> Iterator[Row]:
    config = OwlConfig() if sizes.published else parse_config(tiny_config())
    with torch.device("meta"):
        network = Owl(config).to(torch.bfloat16).requires_grad_(False).eval()
    flops = flops_of_a_picture(network)
    network.to_empty(device=sizes.device)
    generator = torch.Generator(sizes.device).manual_seed(0)
    for tensor in [*network.parameters(), *network.buffers()]:
        tensor.normal_(0, 0.02, generator=generator)
    best = matrix_rate(sizes)
    side = config.vision.image_size
    pixels = torch.randn(max(sizes.batches), 3, side, side, device=sizes.device, dtype=torch.bfloat16)
    count = sum(tensor.numel() for tensor in network.parameters()) / 1e9
    with torch.no_grad():
        before, after = network.split_prompt(torch.tensor([PROMPT]))
        prefix, levels = network.prefix(before), torch.arange(5, device=sizes.device)
        for batch in sizes.batches:
            part = pixels[:batch]

            def score(part: torch.Tensor = part) -> torch.Tensor:
                return network.logits(network.last_hidden(prefix, network.visual_words(part), after), levels)

            row = measured(score, sizes, batch)
            seen = seconds_of(lambda: network.visual_words(part), sizes.device, 0.3 * sizes.seconds)  # noqa: B023
            vision = min(1.0, seen / row["seconds"])
            note = f"the part that sees {vision:.0%}, the language model {1 - vision:.0%}"
            share = flops * row["rate"] / best
            yield {
                "case": f"{count:.2g} B weights, {side} x {side}, batch {batch}",
                **row,
                "of_peak": share,
                "note": note,
            }


def tune(sizes: Sizes) -> Iterator[Row]:
    scenes = ["chart"] if sizes.published else ["chart:96x64"]
    pipeline = isptune.create_pipeline("synthetic", scenes=scenes, seed=1)
    latest: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        population = 30 if sizes.published else 5
        result = isptune.tune(
            pipeline,
            "severity",
            budget=sizes.budget,
            population=population,
            seed=1,
            out=Path(folder) / "run",
            device=sizes.device,
            callbacks=[latest.append],
        )
    end = latest[-1]
    shares = [part / end.seconds for part in (end.seconds_rendering, end.seconds_scoring)]
    yield {
        "case": f"{scenes[0]}, severity, es, {result.evaluations} evaluations",
        "seconds": end.seconds,
        "rate": result.evaluations / end.seconds,
        "unit": "evaluations/s",
        "note": f"rendering {shares[0]:.0%}, scoring {shares[1]:.0%}, the rest {1 - sum(shares):.0%}",
    }


def tests(sizes: Sizes) -> Iterator[Row]:
    files = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "@pytest.mark.gpu" in path.read_text()
    ]
    if not sizes.published:
        yield {"case": f"{len(files)} files hold some", "note": "not run in a dry run"}
        return
    argv = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-n", "0", "-p", "no:cacheprovider", *files]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    counts = re.findall(r"\d+ (?:passed|failed|errors?|skipped)", done.stdout)
    if done.returncode:
        raise RuntimeError(", ".join(counts) or (done.stdout + done.stderr).strip()[-200:])
    yield {"case": ", ".join(counts)}


def ray(sizes: Sizes) -> Iterator[Row]:
    from isptune.benchmark.engines import make_engine
    from isptune.benchmark.grid import parse_bench_config
    from isptune.benchmark.run_grid import run_benchmark

    count, population = (8, 30) if sizes.published else (2, 5)
    grid = parse_bench_config(
        {
            "objectives": ["severity" if sizes.published else "psnr"],
            "scenes": ["chart" if sizes.published else "chart:96x64"],
            "seeds": count,
            "budget": max(population, sizes.budget // 5),
            "population": population,
            "device": sizes.device,
        },
        "this benchmark",
    )
    if sizes.published:
        engine, note = make_engine("ray", 1, None, gpus=0.25), "four runs at once"
    else:
        engine, note = make_engine("in-process", 1, None), "Ray is not started in a dry run"
    with tempfile.TemporaryDirectory() as folder:
        taken = seconds_once(lambda: _completed(run_benchmark(grid, Path(folder) / "grid", engine)))
    runs = count * grid.budget
    yield {
        "case": f"{count} runs of {grid.budget} evaluations",
        "seconds": taken,
        "rate": runs / taken,
        "unit": "evaluations/s",
        "note": f"{note}; with the start of the engine",
    }


def _completed(benchmark: Any) -> None:
    failed = [run for run in benchmark.runs if run.status == "failed"]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(benchmark.runs)} runs failed")


def seconds_once(work: Callable[[], object]) -> float:
    import time

    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measured(work: Callable[[], object], sizes: Sizes, batch: int) -> Row:
    """Seconds of a call, images a second, and its memory at the peak."""
    taken = seconds_of(work, sizes.device, sizes.seconds)
    held = peak_bytes_of(work, sizes.device) if sizes.device == "cuda" else None
    return {"seconds": taken, "rate": batch / taken, "unit": "images/s", "peak_bytes": held}


PARTS: dict[str, Callable[[Sizes], Iterator[Row]]] = {
    "peak": peak,
    "chain": chain,
    "raw": raw,
    "severity": severity,
    "clipiqa": clipiqa,
    "qalign": qalign,
    "tune": tune,
    "tests": tests,
    "ray": ray,
}
