"""What pyiqa offers, read from its table of metrics without importing it (which takes about ten seconds)."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isptune.errors import IsptuneError

LICENCE = "PolyForm Noncommercial"

_FOLDERS = "it compares two sets of images, not one image with another"
_HUB_CODE = "its loader runs code from a model hub (trust_remote_code), which isptune never does"

REFUSED: dict[str, str] = {
    "fid": _FOLDERS,
    "sfid": _FOLDERS,
    "fid_dinov2": _FOLDERS,
    "inception_score": "it scores a set of images, not one image",
    "clipscore": "it compares an image with a caption and does not measure quality",
    "fgresq_pair": "it ranks a pair of images and ignores the reference in its score; use 'pyiqa:fgresq'",
    "qalign": _HUB_CODE,
    "qalign_8bit": _HUB_CODE,
    "qalign_4bit": _HUB_CODE,
    "compare2score": _HUB_CODE,
}
"""Metrics of pyiqa that are not offered, each with the reason."""

# What follows is by pyiqa's architecture, so that a metric's variants (other weights, another backbone) go
# with it. It was measured with pyiqa 0.1.16: batches against single images and gradients against finite
# differences, of networks with random weights, which have the same graph.
_FORMULAS = frozenset(
    {"CW_SSIM", "Entropy", "FSIM", "GMSD", "MAD", "MS_SSIM", "NLPD", "PIQE", "PSNR", "SSIM", "VIF", "VSI"}
)
# VIF moves by more than 1e-5 with the batch, because it sums over all of it in single precision.
_BATCHED = (_FORMULAS - {"VIF"}) | {
    *("ARNIQA", "BRISQUE", "CFANet", "CKDN", "CLIPIQA", "CNNIQA", "DBCNN", "DISTS", "DMM", "DeepDC"),
    *("HyperNet", "LIQE", "LPIPS", "MS_SWD_learned", "MUSIQ", "MetaIQA", "NIMA", "NIQE", "PAQ2PIQ"),
    *("PieAPP", "STLPIPS", "UNIQUE", "URanker", "WaDIQaM"),
}
# The gradients of FSIM are not finite; those of PIQE, NIQE, BRISQUE and Entropy are zero, wrong or partly
# missing, because they count; DeepDC and DMM cut the graph.
_DIFFERENTIABLE = (_BATCHED | {"VIF"}) - {"BRISQUE", "DMM", "DeepDC", "Entropy", "FSIM", "NIQE", "PIQE"}

# Of CFANet, but on the faces that a detector finds: neither a batch nor a gradient comes through.
_ON_FACES = "-face"

# pyiqa's table calls it a score, but it is a distance: 0 for identical images.
_LOWER_IS_BETTER_AFTER_ALL = frozenset({"dmm"})


@dataclass(frozen=True)
class Metric:
    """One metric of pyiqa.

    Attributes:
        name: pyiqa's name.
        needs_reference: full reference.
        higher_is_better: the orientation of its score.
        score_range: pyiqa's own; an end that it calls rough (``~``) is infinite here.
        is_formula: it needs no weights; pyiqa downloads weights or fitted parameters for all others.
        is_batched: a batch is known to give each image the score that it has alone.
        is_differentiable: its gradient is known to be finite and to agree with finite differences.
    """

    name: str
    needs_reference: bool
    higher_is_better: bool
    score_range: tuple[float, float]
    is_formula: bool
    is_batched: bool
    is_differentiable: bool

    @property
    def kind(self) -> str:
        return "full reference" if self.needs_reference else "no reference"


def read_catalogue() -> dict[str, Metric]:
    """The metrics of the installed pyiqa by name; empty where pyiqa is not installed.

    Raises:
        IsptuneError: pyiqa is installed, but its table cannot be read.
    """
    spec = importlib.util.find_spec("pyiqa")
    if spec is None or spec.origin is None:
        return {}
    path = Path(spec.origin).parent / "default_model_configs.py"
    try:
        table = _literal_table(path.read_text(encoding="utf-8"))
        return {name: _metric(name, facts) for name, facts in table.items()}
    except (OSError, SyntaxError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise IsptuneError(
            f"the metrics of the installed pyiqa cannot be read from {path} "
            f"({type(error).__name__}: {error}); install a version that isptune knows: "
            "pip install 'pyiqa>=0.1.14,<0.2'"
        ) from error


def _literal_table(source: str) -> Mapping[str, Mapping[str, Any]]:
    """The dictionary in ``DEFAULT_CONFIGS = OrderedDict({...})``, which holds nothing but literals."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "DEFAULT_CONFIGS" for target in statement.targets
        ):
            value = statement.value
            table = ast.literal_eval(value.args[0] if isinstance(value, ast.Call) else value)
            if isinstance(table, dict):
                return table
    raise ValueError("there is no dictionary DEFAULT_CONFIGS")


def _metric(name: str, facts: Mapping[str, Any]) -> Metric:
    mode = facts["metric_mode"]
    if mode not in ("FR", "NR"):
        raise ValueError(f"metric_mode of {name} is {mode!r}")
    architecture, on_faces = facts["metric_opts"]["type"], _ON_FACES in name
    lower = bool(facts.get("lower_better", False)) or name in _LOWER_IS_BETTER_AFTER_ALL
    return Metric(
        name=name,
        needs_reference=mode == "FR",
        higher_is_better=not lower,
        score_range=parse_range(facts.get("score_range", "")),
        is_formula=architecture in _FORMULAS,
        is_batched=architecture in _BATCHED and not on_faces,
        is_differentiable=architecture in _DIFFERENTIABLE and not on_faces,
    )


def parse_range(text: str) -> tuple[float, float]:
    """pyiqa's ``"0, ~1"`` as numbers; what it marks as rough or leaves open is infinite.

    Text of another form gives (-inf, inf).
    """
    open_range = (-float("inf"), float("inf"))
    parts = [part.strip() for part in str(text).split(",")]
    if len(parts) != 2:
        return open_range
    try:
        low, high = (
            end if part.startswith("~") else float(part) for part, end in zip(parts, open_range, strict=True)
        )
    except ValueError:
        return open_range
    return (low, high) if low < high else open_range
