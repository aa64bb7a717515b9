"""Random-weight checkpoints of mPLUG-Owl2 in the published form, for tests and for trying things offline.

    python -m isptune_qalign.tiny FOLDER [--shards 3] [--seed 0]

They score at random, but everything else is as with the published ones: files, names, tokenizer, prompt.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isptune_qalign.levels import WORDS
from isptune_qalign.network import Owl
from isptune_qalign.network.configuration import parse_config
from isptune_qalign.objective import PROMPT
from isptune_qalign.preprocessing import CLIP_MEAN, CLIP_STD
from isptune_qalign.tokenizer import PLACEHOLDER


def tiny_config(**changes: Any) -> dict[str, Any]:
    """What config.json of a tiny checkpoint holds; ``changes`` are of its top level."""
    return {
        "model_type": "mplug_owl2",
        "architectures": ["MPLUGOwl2LlamaForCausalLM"],
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 176,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "bos_token_id": 1,
        "eos_token_id": 2,
        "visual_config": {
            "visual_model": {
                "hidden_size": 32,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "image_size": 56,
                "patch_size": 14,
                "hidden_act": "quick_gelu",
                "layer_norm_eps": 1e-6,
            },
            "visual_abstractor": {
                "hidden_size": 32,
                "encoder_hidden_size": 32,
                "intermediate_size": 88,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_learnable_queries": 8,
                "layer_norm_eps": 1e-6,
            },
        },
        **changes,
    }


def write_tiny(folder: str | Path, seed: int = 0, shards: int = 1, **changes: Any) -> Path:
    """Write a tiny checkpoint of about 1 MB and give its folder.

    Args:
        folder: made where it is not there.
        seed: of the weights; the global generators are neither used nor changed.
        shards: the number of weight files; more than one come with their index.
        changes: of the top level of config.json, see `tiny_config`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data = tiny_config(**changes)
    (folder / "config.json").write_text(json.dumps(data, indent=2), encoding="utf-8")
    write_settings(folder, data["visual_config"]["visual_model"]["image_size"])
    (folder / "tokenizer.model").write_bytes(tiny_tokenizer(data["vocab_size"]))
    write_weights(folder, random_weights(data, seed), shards)
    return folder


def write_settings(folder: Path, size: int) -> None:
    """Write preprocessor_config.json for pictures of a side."""
    settings = {"image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": 3, "do_resize": True}
    text = json.dumps({**settings, "crop_size": size, "size": size}, indent=2)
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")


def random_weights(data: dict[str, Any], seed: int, trainable: bool = False) -> dict[str, Tensor]:
    """A state dictionary for a configuration, so scaled that the scores of pictures differ.

    Args:
        data: as config.json holds it.
        seed: of the weights.
        trainable: small weights, exact norms and no biases instead, from which training starts well, and sine
            and cosine positions.
    """
    with torch.device("meta"):
        network = Owl(parse_config(data))
    generator = torch.Generator().manual_seed(seed)
    state = {}
    tied = {"lm_head.weight"} if data.get("tie_word_embeddings") else set()
    norms = {name for name, module in network.named_modules() if _is_norm(module)}
    for name, tensor in {**dict(network.named_parameters()), **dict(network.named_buffers())}.items():
        if name in tied:
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        path, _, leaf = name.rpartition(".")
        if trainable and (path in norms or tensor.ndim == 1):
            state[name] = torch.full_like(noise, float(path in norms and leaf == "weight"))
        elif trainable and "patch_embed" in name:
            state[name] = _waves(tensor.shape, generator)
        elif trainable and leaf.endswith("pos_embed"):
            state[name] = _sines(*tensor.shape)
        elif trainable:
            state[name] = noise * (
                0.02 if tensor.ndim == 3 or "embed_tokens" in name else tensor[0].numel() ** -0.5
            )
        elif path in norms:
            state[name] = (1.0 if leaf == "weight" else 0.0) + 0.1 * noise
        elif tensor.ndim == 1:
            state[name] = 0.1 * noise
        else:
            state[name] = noise * (1.5 / tensor[0].numel() ** 0.5)
    return state


def _waves(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """(width, 3, side, side) cosine waves of luma and, for a quarter of them, of colour differences.

    A picture's energy falls with the square of frequency; the gain rises with it, so that faint noise and
    fine blur are seen from the first step on.
    """
    count, _, side, _ = shape
    luma = torch.tensor([0.299, 0.587, 0.114])
    blue, red = torch.tensor([-0.3, -0.6, 0.9]), torch.tensor([0.7, -0.6, -0.1])
    mixes = [luma, luma, luma, blue, luma, luma, luma, red]
    grid = (torch.arange(side) + 0.5) * torch.pi / side
    atoms = []
    for index in range(count):
        rows, columns = (side ** torch.rand(2, generator=generator) - 1).round().tolist()
        wave = torch.outer(torch.cos(rows * grid), torch.cos(columns * grid))
        wave = wave / wave.norm() * (1 + (rows**2 + columns**2) ** 0.5) / 4
        atoms.append(mixes[index % len(mixes)][:, None, None] * wave)
    return torch.stack(atoms)


def _sines(count: int, width: int) -> Tensor:
    """(count, width) sine and cosine positions along one direction."""
    rates = 10000 ** (-torch.arange(0, width, 2) / width)
    angles = torch.outer(torch.arange(count), rates)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def write_weights(folder: Path, state: dict[str, Tensor], shards: int = 1) -> None:
    """Write model.safetensors, or shards with their index."""
    from safetensors.torch import save

    # save_file would make files that nobody but their owner may read, whatever the umask says.
    if shards == 1:
        (folder / "model.safetensors").write_bytes(save(state, metadata={"format": "pt"}))
        return
    names = list(state)
    weight_map: dict[str, str] = {}
    for index in range(shards):
        file = f"model-{index + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: state[name] for name in names[index::shards]}
        (folder / file).write_bytes(save(part, metadata={"format": "pt"}))
        weight_map |= dict.fromkeys(part, file)
    total = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=2)
    (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")


def tiny_tokenizer(vocabulary: int = 512, words: tuple[str, ...] = WORDS) -> bytes:
    """A sentencepiece model with LLaMA's settings in which every level is one piece."""
    from sentencepiece import SentencePieceTrainer

    sentences = [
        PROMPT.format(task=task, medium=medium).replace(PLACEHOLDER, "")
        for task in ("quality", "aesthetics")
        for medium in ("image", "video")
    ]
    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter([line for text in sentences for line in text.split("\n") if line] * 3),
        model_writer=written,
        model_type="bpe",
        vocab_size=min(vocabulary, 259 + len(words) + 90),
        hard_vocab_limit=False,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        split_digits=True,
        user_defined_symbols=[f"▁{word}" for word in words],
        num_threads=1,
        minloglevel=2,
    )
    return written.getvalue()


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.LayerNorm) or type(module).__name__ == "RMSNorm"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shards", type=int, default=1)
    options = parser.parse_args()
    print(write_tiny(options.folder, options.seed, options.shards))


if __name__ == "__main__":
    main()
