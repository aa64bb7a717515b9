"""Images a second and peak memory of the learned objectives against the batch size.

    uv run python benchmarks/objectives.py

Nothing is downloaded: checkpoints are made with random weights, which take the same time as trained ones.
On a CPU, CLIP-IQA runs at its real size (RN50) and the language models at tiny sizes of the same
architecture. On a GPU, Q-Align's network runs at its published size (8.2 billion weights) in bfloat16 as
well, and its rate is compared with the rate of a large matrix product measured in the same run. Memory is
what a batch takes at its peak beyond the weights. Writes objectives.md into the folder of the script's name.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from measuring import machine, peak_bytes_of, seconds_of
from torch.utils.flop_counter import FlopCounterMode

import isptune
from isptune_clipiqa.tiny import write_published
from isptune_qalign.lmm.tiny import write_tiny as write_tiny_lmm
from isptune_qalign.network import IMAGE_TOKEN, Owl, OwlConfig
from isptune_qalign.tiny import write_tiny

# The prompt of Q-Align: 15 tokens before the picture and 11 after it.
PROMPT = [1] * 15 + [IMAGE_TOKEN] + [1] * 11


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    parser.add_argument("--seconds", type=float, default=2.0, help="least time of one figure")
    parser.add_argument("--batches", default="1,4,16")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures in pixels")
    parser.add_argument("--gpu-batches", default="1,2,4,8,16,32,64,128")
    options = parser.parse_args()
    batches = [int(batch) for batch in options.batches.split(",")]
    gpu_batches = [int(batch) for batch in options.gpu_batches.split(",")]
    lines = ["# Objectives", "", " ".join((__doc__ or "").split("\n\n")[2].split()), "", machine(), ""]
    for device in ["cuda"] * torch.cuda.is_available() + ["cpu"]:
        lines += table(device, gpu_batches if device == "cuda" else batches, options.size, options.seconds)
    lines += ["## Q-Align at its published size, GPU, bfloat16", ""]
    if torch.cuda.is_available():
        lines += published_qalign(gpu_batches, options.seconds)
    else:
        lines += ["Not measured on a GPU: the machine has none.", ""]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "objectives.md").write_text("\n".join(lines))
    print("\n".join(lines))


def objectives(folder: Path, device: str) -> Iterator[tuple[str, isptune.Objective]]:
    """Every objective with its description, made on a device."""
    made = {
        "psnr (no network, for comparison)": ("psnr", {}),
        "clipiqa, RN50": ("clipiqa", {"checkpoint": str(write_published(folder / "rn50", "RN50-quickgelu"))}),
        "qalign, tiny": ("qalign", {"checkpoint": str(write_tiny(folder / "qalign"))}),
        "lmm, tiny Qwen3.5-VL (Q-ReAlign's)": (
            "lmm",
            {"checkpoint": str(write_tiny_lmm(folder / "qwen", "qwen3_5"))},
        ),
    }
    for description, (name, options) in made.items():
        yield description, isptune.create_objective(name, device=device, **options)


def table(device: str, batches: list[int], size: int, seconds: float) -> list[str]:
    """A row per objective and batch size."""
    lines = [f"## {device}, pictures of {size} x {size}", ""]
    lines += ["| objective | batch | images/s | against one at a time | peak memory of the batch, MB |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as folder:
        for description, objective in objectives(Path(folder), device):
            images = torch.rand(max(batches), 3, size, size, generator=torch.Generator().manual_seed(0))
            images = images.to(device)
            score = partial(objective.score, reference=images[:1])
            lines += rows(description, batches, images, score, device, seconds)
    return [*lines, ""]


def rows(
    description: str,
    batches: list[int],
    images: torch.Tensor,
    score: Callable[[torch.Tensor], torch.Tensor],
    device: str,
    seconds: float,
) -> list[str]:
    lines, first = [], None
    for batch in batches:
        part = images[:batch].contiguous()
        with torch.no_grad():
            taken = seconds_of(lambda: score(part), device, seconds)  # noqa: B023
            memory = peak_bytes_of(lambda: score(part), device)  # noqa: B023
        rate = batch / taken
        first = first or rate
        held = "" if memory is None else f"{memory / 1e6:.0f}"
        lines.append(f"| {description} | {batch} | {rate:.3g} | {rate / first:.2f} | {held} |")
        print(lines[-1], flush=True)
    return lines


def published_qalign(batches: list[int], seconds: float) -> list[str]:
    """Rates of the 8.2 billion weights against the measured peak of matrix products."""
    config = OwlConfig()
    with torch.device("meta"):
        network = Owl(config).to(torch.bfloat16).requires_grad_(False).eval()
    flops = flops_of_a_picture(network)
    network.to_empty(device="cuda")
    generator = torch.Generator("cuda").manual_seed(0)
    for tensor in [*network.parameters(), *network.buffers()]:
        tensor.normal_(0, 0.02, generator=generator)
    peak = matrix_rate()
    size = config.vision.image_size
    pixels = torch.randn(max(batches), 3, size, size, device="cuda", dtype=torch.bfloat16)
    with torch.no_grad():
        before, after = network.split_prompt(torch.tensor([PROMPT]))
        prefix = network.prefix(before)
        levels = torch.arange(5, device="cuda")

    def score(part: torch.Tensor) -> torch.Tensor:
        return network.logits(network.last_hidden(prefix, network.visual_words(part), after), levels)

    lines = [
        f"{flops / 1e12:.2f} TFLOP a picture; a product of 8192 x 8192 runs at {peak / 1e12:.0f} TFLOP/s.",
        "",
        "| batch | images/s | against one at a time | of the product's rate | peak memory of the batch, GB |",
        "| --- | --- | --- | --- | --- |",
    ]
    first = None
    for batch in batches:
        part = pixels[:batch]
        with torch.no_grad():
            rate = batch / seconds_of(lambda: score(part), "cuda", seconds)  # noqa: B023
            memory = peak_bytes_of(lambda: score(part), "cuda")  # noqa: B023
        first = first or rate
        share, held = flops * rate / peak, (memory or 0) / 1e9
        lines.append(f"| {batch} | {rate:.3g} | {rate / first:.2f} | {share:.0%} | {held:.2f} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def flops_of_a_picture(network: Owl) -> float:
    """Floating-point operations of one picture once the prompt is known, counted without computing."""
    place = PROMPT.index(IMAGE_TOKEN)
    embeddings = torch.empty(1, len(PROMPT), network.config.hidden_size, device="meta", dtype=network.dtype)
    size = network.config.vision.image_size
    pixels = torch.empty(1, 3, size, size, device="meta", dtype=network.dtype)
    prefix = network.prefix(embeddings[:, :place])
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network.last_hidden(prefix, network.visual_words(pixels), embeddings[:, place + 1 :])
    return float(counter.get_total_flops())


def matrix_rate() -> float:
    """FLOP/s of a large product in bfloat16."""
    left, right = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * 8192**3 / seconds_of(lambda: left @ right, "cuda", 1.0)


if __name__ == "__main__":
    main()
