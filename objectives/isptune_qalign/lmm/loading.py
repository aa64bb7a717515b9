"""Loading the processor and the model with transformers: quietly, and with one sentence where it fails."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from isptune.errors import ConfigurationError, IsptuneError, MissingPackageError
from isptune.plugins import missing_packages, require_packages
from isptune.wording.naming import did_you_mean, listed

logger = logging.getLogger("isptune")

DTYPES: dict[str, torch.dtype | str] = {
    "auto": "auto",
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
QUANTIZATIONS = ("8bit", "4bit")

BACKENDS = ("torchvision", "pil")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the log lines, warnings and bars of transformers and bitsandbytes off the terminal inside."""
    from transformers.utils import logging as chatter

    verbosity = chatter.get_verbosity()
    bars = chatter.is_progress_bar_enabled()
    quantizing = logging.getLogger("bitsandbytes")
    level = quantizing.level
    chatter.set_verbosity(logging.CRITICAL)
    chatter.disable_progress_bar()
    quantizing.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        chatter.set_verbosity(verbosity)
        quantizing.setLevel(level)
        if bars:
            chatter.enable_progress_bar()


def check_quantization(quantization: str | None, name: str) -> None:
    """Refuse an unknown quantization, or one whose packages are not installed.

    Raises:
        ConfigurationError: it is neither None nor known.
        MissingPackageError: bitsandbytes or accelerate is not installed.
    """
    if quantization is None:
        return
    if quantization not in QUANTIZATIONS:
        raise ConfigurationError(
            f"quantization of '{name}' is {quantization!r}; allowed: {listed(QUANTIZATIONS)}, or none"
        )
    needed = ("bitsandbytes", "accelerate")
    require_packages(f"quantization of '{name}'", needed, "'isptune[quantized]'")


def load_processor(folder: Path, options: Mapping[str, Any], source: str, name: str) -> Any:
    """The processor of a checkpoint, with its tokenizer set to pad on the left.

    Args:
        folder: where the files are.
        options: settings of the image processor that replace the checkpoint's, such as ``max_pixels``, and
            ``backend``.
        source: the checkpoint as the user named it, for messages.
        name: the objective's name, for messages.

    Raises:
        ConfigurationError: the files do not make a processor of images and text, or an option is unknown.
        MissingPackageError: transformers needs another package for this family.
    """
    from transformers import AutoImageProcessor, AutoProcessor

    settings = dict(options)
    backend = settings.pop("backend", None)
    if backend not in (None, *BACKENDS):
        raise ConfigurationError(
            f"the processor_options 'backend' of '{name}' is {backend!r}; allowed: {listed(BACKENDS)}"
        )
    safe = {"trust_remote_code": False, "local_files_only": True}
    for option in settings:
        if option in safe:
            raise ConfigurationError(f"processor_options of '{name}' cannot set '{option}': isptune does")
    with quiet():
        try:
            processor = AutoProcessor.from_pretrained(str(folder), **safe, **settings)
            if backend is not None and hasattr(processor, "image_processor"):
                # Handed to the whole processor it would reach the one of videos, which has no PIL; older
                # releases know it as use_fast.
                processor.image_processor = AutoImageProcessor.from_pretrained(
                    str(folder), backend=backend, use_fast=backend == "torchvision", **safe, **settings
                )
        except Exception as error:
            raise _explained(error, "the processor", source, name) from error
    images = getattr(processor, "image_processor", None)
    tokenizer = getattr(processor, "tokenizer", None)
    if images is None or tokenizer is None:
        raise ConfigurationError(
            f"the checkpoint '{source}' of '{name}' has no processor of images and text; "
            "copy the whole folder of the published checkpoint"
        )
    known = _settings(images)
    for option in options:
        if option not in known:
            raise ConfigurationError(
                f"processor_options of '{name}' has the unknown option '{option}'"
                + (did_you_mean(option, known) or f"; allowed: {listed(sorted(known))}")
            )
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.bos_token or tokenizer.unk_token
    return processor


def _settings(images: Any) -> set[str]:
    """The names of an image processor's settings."""
    typed = getattr(getattr(images, "valid_kwargs", None), "__annotations__", {})
    return {key for key in (*typed, *vars(images), "backend") if not key.startswith("_")}


def load_model(
    folder: Path,
    config: Mapping[str, Any],
    *,
    device: torch.device,
    dtype: str,
    quantization: str | None,
    source: str,
    name: str,
) -> Any:
    """The model of a checkpoint, frozen, on a device.

    Its shards go straight to the device where accelerate is installed, and through main memory otherwise.

    Raises:
        ConfigurationError: the weights do not fit the architecture, or transformers fails otherwise.
        MissingPackageError: transformers needs another package for this family.
    """
    from transformers import AutoModelForImageTextToText

    # With output_loading_info it gives a pair, which its types do not say.
    load: Any = AutoModelForImageTextToText.from_pretrained
    options: dict[str, Any] = {
        "dtype": DTYPES[dtype],
        "attn_implementation": "sdpa",
        "trust_remote_code": False,
        "use_safetensors": True,
        "local_files_only": True,
        "output_loading_info": True,
    }
    if quantization is not None:
        options["quantization_config"] = _quantization(quantization, dtype, config)
    straight = importlib.util.find_spec("accelerate") is not None
    if straight and (quantization is not None or device.type != "cpu"):
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", torch.cuda.current_device())
        options["device_map"] = {"": str(device)}
    with quiet(), torch.random.fork_rng(devices=[]):
        try:
            try:
                model, found = load(str(folder), **options)
            except ValueError as error:
                if "scaled_dot_product_attention" not in str(error):
                    raise
                del options["attn_implementation"]
                model, found = load(str(folder), **options)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            raise _explained(error, "the model", source, name) from error
    lacking = sorted(found.get("missing_keys", ()))
    if lacking:
        # transformers would go on with random weights.
        raise ConfigurationError(
            f"the checkpoint '{source}' of '{name}' lacks {len(lacking)} weights of its architecture "
            f"({listed(lacking, 3)}); copy the whole folder of the published checkpoint"
        )
    if "device_map" not in options:
        model = model.to(device)
    if device.type == "cuda" and "linear_attention" in _layer_types(config):
        absent = missing_packages(("fla", "causal_conv1d"))
        if absent:
            logger.warning(
                "%s: linear attention runs on slow reference code; faster with: "
                "pip install flash-linear-attention causal-conv1d",
                name,
            )
    return model.requires_grad_(False).eval()


def _layer_types(config: Mapping[str, Any]) -> list[str]:
    text = config.get("text_config")
    return list((text if isinstance(text, Mapping) else config).get("layer_types") or ())


def _quantization(quantization: str, dtype: str, config: Mapping[str, Any]) -> Any:
    from transformers import BitsAndBytesConfig

    if quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    own = str(config.get("dtype") or config.get("torch_dtype"))
    chosen = DTYPES.get(own if dtype == "auto" else dtype, torch.bfloat16)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=chosen)


def _explained(error: Exception, what: str, source: str, name: str) -> IsptuneError:
    """The sentence for whatever transformers raised."""
    lines = " ".join(str(error).split())
    if isinstance(error, ImportError):
        package = getattr(error, "name", None) or _named_package(lines)
        if package:
            return MissingPackageError(
                f"{what} of the checkpoint '{source}' of '{name}' needs the package {package}, which is not "
                f"installed; install it with: pip install {package}"
            )
    if "size mismatch" in lines or "mismatched" in lines.lower():
        return ConfigurationError(
            f"the weights of the checkpoint '{source}' of '{name}' do not fit its config.json; "
            "copy the whole folder of the published checkpoint"
        )
    short = lines[:300] + ("..." if len(lines) > 300 else "")
    return ConfigurationError(
        f"{what} of the checkpoint '{source}' of '{name}' cannot be loaded: {type(error).__name__}: {short}"
    )


def _named_package(text: str) -> str | None:
    """The package of a sentence such as ``Install it with `pip install num2words`.``"""
    _, found, rest = text.partition("pip install ")
    return rest.split()[0].strip("`'\".,") if found and rest else None
