"""Throughput of every distortion and of the default chain, in megapixels a second and in *passes*.

    uv run python benchmarks/throughput.py

A pass is the time of one warm copy (read and write) of the same images in the same process: the least that
any stage can take that reads and writes a picture. Stages run at half of their highest level, in float32,
without gradients, with the default allocator. Times are medians over at least ``--seconds`` or one call.
Writes throughput.md and roofline.png; what needs a GPU is measured where there is one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from measuring import machine, seconds_of

from isptune.contracts.distortion import Distortion
from isptune.plugins.api import create_stage, list_stages
from isptune_synthetic.pipeline import SyntheticPipeline

SIZES = {"1080p": (1080, 1920), "4K": (2160, 3840)}
# 0.5, 2, 8 and 33 megapixels.
GROWING = ((540, 960), (1080, 1920), (2160, 3840), (4320, 7680))


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--stages", default="", help="names separated by commas; all if left out")
    parser.add_argument(
        "--megapixels", type=float, default=70, help="of a batch of stages; larger ones are left out"
    )
    options = parser.parse_args()
    batches = [int(batch) for batch in options.batches.split(",")]
    names = options.stages.split(",") if options.stages else distortions()
    options.out.mkdir(parents=True, exist_ok=True)
    lines = ["# Throughput", "", __doc__.strip().partition("\n\n")[2].partition("\n\n")[2], "", machine(), ""]
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    for device in devices:
        lines += chain_table(device, batches, options.seconds)
        table, passes = stage_table(device, names, batches, options.seconds, options.megapixels)
        lines += table
        if device == "cpu":
            roofline(passes, options.out / "roofline.png")
    if "cuda" not in devices:
        lines += ["## GPU", "", "Not measured on a GPU: the machine has none.", ""]
    lines += storage_table()
    (options.out / "throughput.md").write_text("\n".join(lines))
    print("\n".join(lines))


def distortions() -> list[str]:
    """The registered stages that have a level."""
    return [name for name in list_stages() if isinstance(create_stage(name), Distortion)]


def one_pass(images: torch.Tensor, device: str) -> float:
    """Seconds of a warm copy of the images."""
    copy = torch.empty_like(images)
    return seconds_of(lambda: copy.copy_(images), device, 0.3)


def chain_table(device: str, batches: list[int], seconds: float) -> list[str]:
    """Sizes against passes, without gradients and with those of the levels."""
    lines = [f"## Default chain, {device}", ""]
    lines += ["| megapixels | batch | ms an image | Mpx/s | passes | passes forward and backward |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for height, width in GROWING:
        for batch in batches:
            if batch * height * width > 8.5e6 * 8:
                continue
            forward, both, copy = chain_times(device, height, width, batch, seconds)
            backward = f"{both / copy:.0f}" if both else ""
            rate = batch * height * width / 1e6 / forward
            lines.append(
                f"| {height * width / 1e6:.1f} | {batch} | {forward / batch * 1e3:.0f} | {rate:.0f} | "
                f"{forward / copy:.1f} | {backward} |"
            )
            print(lines[-1], flush=True)
    return [*lines, ""]


def chain_times(
    device: str, height: int, width: int, batch: int, seconds: float
) -> tuple[float, float | None, float]:
    """Seconds without gradients, with the levels' for a batch of one, and of a pass."""
    image = torch.rand(3, height, width, device=device)
    pipeline = SyntheticPipeline([image], maps="identity", crop=None, compile=device == "cuda").to(device)
    values = torch.tensor([[stage.level_range[1] / 2 for stage in pipeline.stages]]).repeat(batch, 1)
    with torch.no_grad():
        copy = one_pass(image.expand(batch, -1, -1, -1).contiguous(), device)
        forward = seconds_of(lambda: pipeline.render(values, 0), device, seconds)
    if batch > 1:
        return forward, None, copy
    slope = torch.rand(1, 3, height, width, device=device)

    def backward() -> None:
        pipeline.render(values.clone().requires_grad_(), 0).backward(slope)

    return forward, seconds_of(backward, device, seconds), copy


def stage_table(
    device: str, names: list[str], batches: list[int], seconds: float, megapixels: float
) -> tuple[list[str], dict[str, float]]:
    """Megapixels a second and passes of every stage, and the passes of one 4K picture."""
    cases = [
        (size, batch)
        for size, (height, width) in SIZES.items()
        for batch in batches
        if batch * height * width <= megapixels * 1e6
    ]
    lines = [f"## Stages, {device}", "", "Mpx/s (passes):", ""]
    lines += ["| stage | " + " | ".join(f"{size}, batch {batch}" for size, batch in cases) + " |"]
    lines += ["| --- |" + " --- |" * len(cases)]
    cells: dict[str, list[str]] = {name: [] for name in names}
    at_4k: dict[str, float] = {}
    for size, batch in cases:
        height, width = SIZES[size]
        images = torch.rand(batch, 3, height, width, device=device)
        copy = one_pass(images, device)
        for name in names:
            stage = create_stage(name).to(device)
            level = torch.full((batch,), stage.level_range[1] / 2, device=device)
            generator = torch.Generator().manual_seed(0)
            noise = stage.draw(height, width, generator) if stage.is_stochastic else None
            rest = () if noise is None else (noise.to(images),)
            with torch.no_grad():
                taken = seconds_of(lambda: stage(images, level, *rest), device, seconds)  # noqa: B023
            cells[name].append(f"{images.numel() / 3e6 / taken:.0f} ({taken / copy:.1f})")
            if (size, batch) == ("4K", 1):
                at_4k[name] = taken / copy
        print(size, batch, "done", flush=True)
    lines += [f"| {name} | " + " | ".join(row) + " |" for name, row in cells.items()]
    return [*lines, ""], at_4k


def storage_table() -> list[str]:
    """Errors of the default chain on the chart where pictures are stored in half precision."""
    lines = [
        "## Storage in half precision",
        "",
        "| storage | largest error | mean error |",
        "| --- | --- | --- |",
    ]
    exact = SyntheticPipeline(maps="identity")
    values = torch.tensor([[stage.level_range[1] / 2 for stage in exact.stages]])
    with torch.no_grad():
        expected = exact.render(values, 0)
        for storage in ("bfloat16", "float16"):
            rendered = SyntheticPipeline(maps="identity", storage=storage).render(values, 0).float()
            error = (rendered - expected).abs()
            lines.append(f"| {storage} | {float(error.max()):.4f} | {float(error.mean()):.6f} |")
    return [*lines, ""]


def roofline(passes: dict[str, float], path: Path) -> None:
    """Passes of every stage on one 4K picture, with the roof that the memory sets at one."""
    names = sorted(passes, key=passes.__getitem__, reverse=True)
    figure, axes = plt.subplots(figsize=(8, 0.26 * len(names) + 1.3), layout="constrained")
    axes.barh(names, [passes[name] for name in names], color="#4477aa")
    for row, name in enumerate(names):
        axes.text(passes[name] * 1.06, row, f"{passes[name]:.1f}", va="center", fontsize=8)
    axes.axvline(1, color="#bb3344", linewidth=1.5)
    axes.text(1.04, len(names) - 0.35, "memory roof: 1 pass", color="#bb3344", fontsize=8, va="bottom")
    axes.set_xscale("log")
    axes.set_xlim(0.7, max(passes.values()) * 2)
    axes.set_ylim(-0.6, len(names) + 0.3)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_xlabel("time in passes (one read and write of the picture), 3840 x 2160, batch 1, CPU")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    main()
