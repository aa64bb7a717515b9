"""Learned contexts as objectives: ``scorenet-clipiqa``, ``scorenet-align``, and CoOp's and CoCoOp's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from isptune.contracts.coverage import Coverage, stage_names
from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory, Packaging
from isptune.errors import ConfigurationError, IsptuneError
from isptune.plugins.checkpoints import MissingCheckpointError
from isptune_scorenet.hosts import Host, make_host
from isptune_scorenet.learners import ContextLearner

_WEIGHTS = "that 'isptune train' writes, as the option checkpoint"
_CLIP = ("open_clip", "safetensors")
_ALIGN = ("safetensors", "sentencepiece", "tokenizers")
_NAMES = {"clipiqa": "clipiqa", "qalign": "align"}


class LearnedContext(Objective):
    """A host with a context that ``isptune train`` has learned.

    Args:
        checkpoint: the file that the training wrote.
        host_checkpoint: where the host's own weights lie, in place of what the checkpoint says.
        host_options: other options of the host, such as its dtype, in place of what the checkpoint says.

    Raises:
        ConfigurationError: the checkpoint is of another learner or host, or damaged.
        IsptuneError: the host's weights are not on this machine and cannot be fetched.
    """

    higher_is_better = True
    is_differentiable = True
    score_range = (0.0, 1.0)
    learner_name: ClassVar[str] = ""
    host_name: ClassVar[str] = ""

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        host_checkpoint: str | Path | None = None,
        host_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = f"{self.learner_name}-{_NAMES[self.host_name]}"
        if checkpoint is None:
            raise ConfigurationError(
                f"'{self.name}' needs the option checkpoint, the file that "
                f"'isptune train {self.learner_name}' wrote"
            )
        from isptune.iqa.training.checkpoint import read_learned, trained_coverage
        from isptune.plugins.registry import learners

        found, configuration, state = read_learned(checkpoint)
        host = str(configuration.get("host"))
        if (found, host) != (self.learner_name, self.host_name):
            known = host in _NAMES and found in ("scorenet", "coop", "cocoop")
            fitting = f"; choose '{found}-{_NAMES[host]}'" if known else ""
            raise ConfigurationError(
                f"the checkpoint '{checkpoint}' holds the learner '{found}'"
                + (f" on the host '{host}'" if host in _NAMES else "")
                + f", but '{self.name}' takes '{self.learner_name}' on the host '{self.host_name}'"
                + fitting
            )
        options = {**(configuration.pop("host_options", None) or {}), **(host_options or {})}
        configuration["host"] = self._host(options, host_checkpoint)
        learner: ContextLearner = learners.create(found, **configuration)
        learner.load_learned_state(state)
        self.learner = learner.requires_grad_(False).eval()
        measured = self.learner.host.objective
        # What a training on opinions leaves is what the host states.
        self.coverage = trained_coverage(checkpoint) or measured.coverage
        bank = getattr(learner, "bank", None)
        # The scores of a bank are no part of the gradient.
        self.is_differentiable = measured.is_differentiable and bank is None
        own, others = measured.memory, bank.memory if bank else None
        self.memory = Memory(
            images=max(own.images, others.images if others else 0.0),
            images_with_gradients=own.images_with_gradients,
            bytes=max(own.bytes + host_bytes(learner, gradients=False), others.bytes if others else 0.0),
            bytes_with_gradients=own.bytes_with_gradients + host_bytes(learner, gradients=True),
        )

    @classmethod
    def coverage_with(cls, options: Mapping[str, Any]) -> Coverage | None:
        """What the checkpoint was trained on."""
        from isptune.iqa.training.checkpoint import trained_coverage

        checkpoint = options.get("checkpoint")
        return None if checkpoint is None else trained_coverage(str(checkpoint))

    def _host(self, options: dict[str, Any], checkpoint: str | Path | None) -> Host:
        if checkpoint is not None:
            return make_host(self.host_name, {**options, "checkpoint": checkpoint})
        try:
            return make_host(self.host_name, options)
        except MissingCheckpointError as error:
            raise error.elsewhere("host_checkpoint=FOLDER") from error
        except IsptuneError as error:
            # The trained file may come from a machine where the host lay elsewhere.
            raise type(error)(
                f"{error} (the checkpoint of '{self.name}' says where its host lies; "
                "the option host_checkpoint says otherwise)"
            ) from error

    def to(self, device: torch.device | str) -> LearnedContext:
        self.learner.to(device)
        return self

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_images(images, self.name)
        scores = self.learner(self.learner.encode(images))
        return scores.to(images.device, torch.promote_types(images.dtype, torch.float32))


def host_bytes(learner: ContextLearner, gradients: bool) -> float:
    """Bytes a picture of the host's text encoder, which runs for every picture's own prompts."""
    texts = getattr(learner.host.objective, "texts", None)
    if texts is None:
        return 0.0
    prompts, length, width = texts.embedded.shape
    # A dozen widths a token in a block, and all blocks for the gradient.
    blocks = len(texts.transformer.resblocks) if gradients else 1
    return float(prompts * (length + 16) * width * 12 * blocks * texts.embedded.element_size())


class ScoreNetCLIPIQA(LearnedContext):
    """ScoreNet on CLIP-IQA: a learned context from lightweight scores and the image.

    The learner ``scorenet`` on the host ``clipiqa``; pre-processing is the host's, and each lightweight
    score's own. The score is in [0, 1], higher being better. A gradient goes through the image's embedding
    and takes the lightweight scores for constants, so it is partial, and the objective calls itself not
    differentiable; without them (``use_metrics`` False in the training) the gradient is whole.

    Args:
        checkpoint: the file that the training wrote.
        host_checkpoint: where the host's own weights lie, in place of what the checkpoint says.
        host_options: other options of the host, such as its dtype, in place of what the checkpoint says.

    Example::

        objective = isptune.create_objective("scorenet-clipiqa", checkpoint="runs/scorenet/best.safetensors")
        objective.score(torch.rand(4, 3, 480, 640))  # (4,)
    """

    is_differentiable = False
    packaging = Packaging(extra="clip", requires=_CLIP, weights=_WEIGHTS)
    learner_name = "scorenet"
    host_name = "clipiqa"


class ScoreNetAlign(LearnedContext):
    """ScoreNet on Q-Align: a learned context from lightweight scores and the image.

    The learner ``scorenet`` on the host ``qalign``. Orientation, range, gradients and options are those of
    ``scorenet-clipiqa``.
    """

    is_differentiable = False
    packaging = Packaging(extra="lmm", requires=_ALIGN, weights=_WEIGHTS)
    learner_name = "scorenet"
    host_name = "qalign"


class ScoreNetAlignTiny(ScoreNetAlign):
    """ScoreNet on the tiny Q-Align, trained on synthetic distortions; no download.

    The embedded ``qalign-tiny`` with a context from the metric bank and the picture; MODEL_CARD.md beside the
    weights says how it was trained and what it gains on its host.
    """

    packaging = Packaging(extra="lmm", requires=_ALIGN)
    # Measured by benchmarks/blind_spots.py.
    coverage = Coverage(
        trained_on=("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen"),
        validated_on=stage_names(
            "chroma_noise highlight_clipping impulse_noise mean_shift multiplicative_noise"
        ),
        blind_to=stage_names(
            "banding chromatic_aberration color_block color_diffusion color_shift darken "
            "demosaic_artifacts desaturate gamma_error gaussian_blur jitter jpeg jpeg2000 "
            "lens_blur linear_contrast motion_blur nonlinear_contrast oversaturate "
            "patch_displacement pixelate quantize vignetting white_balance_gain"
        ),
    )

    def __init__(self) -> None:
        from isptune_qalign import QALIGN_TINY

        weights = Path(__file__).with_name("scorenet_align_tiny.safetensors")
        super().__init__(weights, QALIGN_TINY, {"dtype": "float32"})
        self.name = "scorenet-align-tiny"
        self.coverage = type(self).coverage

    @classmethod
    def coverage_with(cls, options: Mapping[str, Any]) -> Coverage | None:
        """The class's own: its weights are always the same."""
        return cls.coverage


class CoOpCLIPIQA(LearnedContext):
    """CoOp on CLIP-IQA: learned tokens before "Good photo." and "Bad photo.".

    The learner ``coop`` on the host ``clipiqa``; the options are those of ``scorenet-clipiqa``.
    """

    packaging = Packaging(extra="clip", requires=_CLIP, weights=_WEIGHTS)
    learner_name = "coop"
    host_name = "clipiqa"


class CoOpAlign(LearnedContext):
    """CoOp on Q-Align: a learned context for the words before the picture.

    The learner ``coop`` on the host ``qalign``; the options are those of ``scorenet-clipiqa``.
    """

    packaging = Packaging(extra="lmm", requires=_ALIGN, weights=_WEIGHTS)
    learner_name = "coop"
    host_name = "qalign"


class CoCoOpCLIPIQA(CoOpCLIPIQA):
    """CoCoOp on CLIP-IQA: learned tokens that follow the image.

    The learner ``cocoop`` on the host ``clipiqa``; the options are those of ``scorenet-clipiqa``.
    """

    learner_name = "cocoop"


class CoCoOpAlign(CoOpAlign):
    """CoCoOp on Q-Align: a learned context that follows the image.

    The learner ``cocoop`` on the host ``qalign``; the options are those of ``scorenet-clipiqa``.
    """

    learner_name = "cocoop"
