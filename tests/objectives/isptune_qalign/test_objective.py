"""Q-Align as an objective: contract, batches, prompts, videos, and gradients down to the ISP."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import isptune
import isptune_qalign
from isptune.contracts.objective import Objective
from isptune.errors import ConfigurationError
from isptune.testing import ObjectiveConformance
from isptune.testing.pictures import picture
from isptune_qalign.levels import find_level_tokens, level_score
from isptune_qalign.preprocessing import preprocess
from isptune_qalign.tiny import tiny_config
from isptune_qalign.tokenizer import read_tokenizer


class QAlignConformance(ObjectiveConformance):
    """Random weights prefer nothing, so which of two pictures is the good one is asked of the objective."""

    checkpoint: Path
    choices: ClassVar[dict[str, Any]] = {}
    sizes = ((48, 80), (32, 32), (97, 65))

    @pytest.fixture(autouse=True)
    def _checkpoint(self, tiny: Path) -> None:
        self.checkpoint = tiny

    def make(self) -> Objective:
        return isptune.create_objective("qalign", checkpoint=str(self.checkpoint), **self.choices)

    def test_orientation_is_true(self) -> None:
        objective = self.make()
        probabilities = objective.probabilities(self.good(48, 80))
        weights = probabilities.new_tensor(objective.level_weights)
        torch.testing.assert_close(objective.score(self.good(48, 80)), (probabilities @ weights).float())
        assert objective.higher_is_better
        assert objective.words[0] == "excellent"
        assert objective.level_weights[0] == 1.0


class TestConformance(QAlignConformance):
    choices: ClassVar[dict[str, Any]] = {"dtype": "float32"}

    def test_gradient_is_true(self) -> None:
        """Single precision rounds too much for differences: the gradient of double precision is the truth."""
        images = self.good(48, 80)
        found, expected = (
            self._gradient(
                isptune.create_objective("qalign", checkpoint=str(self.checkpoint), dtype=dtype), images
            )
            for dtype in ("float32", "float64")
        )
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))

    def _gradient(self, objective: Objective, images: Tensor) -> Tensor:
        leaf = images.clone().requires_grad_()
        return torch.autograd.grad(objective.score(leaf).sum(), leaf)[0]


class TestConformanceInDoublePrecision(QAlignConformance):
    choices: ClassVar[dict[str, Any]] = {"dtype": "float64"}


class TestConformanceOfTheExactPath(QAlignConformance):
    choices: ClassVar[dict[str, Any]] = {"preprocessing": "exact"}

    def test_wrong_shapes_are_refused(self) -> None:
        super().test_wrong_shapes_are_refused()
        assert not self.make().is_differentiable


@pytest.fixture(scope="module")
def images() -> Tensor:
    noise = torch.rand(16, 3, 60, 90, generator=torch.Generator().manual_seed(0))
    return 0.5 * noise + 0.5 * picture(60, 90)


def make(checkpoint: Path, **options: Any) -> Any:
    return isptune.create_objective("qalign", checkpoint=str(checkpoint), **options)


def test_score_from_end_to_end(tiny: Path, images: Tensor, eager: ModuleType) -> None:
    """Prompt, tokens, padding, network, levels: against the independent computation."""
    objective = make(tiny, dtype="float64")
    tokenizer = read_tokenizer(tiny)
    texts = (
        "USER: How would you rate the quality of this image?\n",
        "\nASSISTANT: The quality of the image is",
    )
    ids = [1, *tokenizer.encode(texts[0]), -200, *tokenizer.encode(texts[1])]
    levels = [tokenizer.encode(f"The {word}")[-1] for word in ("excellent", "good", "fair", "poor", "bad")]
    state = {name: tensor.double() for name, tensor in load_file(tiny / "model.safetensors").items()}
    for image in images[:2].double():
        pixels = preprocess(image[None], objective.settings)
        rows = eager.logits(state, tiny_config(), ids, pixels)[levels]
        odds = torch.exp(rows - rows.max())
        expected = (odds * torch.tensor([1, 0.75, 0.5, 0.25, 0])).sum() / odds.sum()
        found = objective.score(image[None])
        torch.testing.assert_close(found, expected[None], rtol=0, atol=1e-9)


def test_one_at_a_time_and_sixteen_at_once(tiny: Path, images: Tensor) -> None:
    objective = make(tiny)
    together = objective.score(images)
    alone = torch.cat([objective.score(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert together.std() > 0.005
    strangers = torch.cat([images[:1], torch.zeros_like(images[:7]), torch.ones_like(images[:8])])
    torch.testing.assert_close(objective.score(strangers)[:1], alone[:1], rtol=0, atol=1e-5)


def test_the_prompt_goes_through_the_network_once(tiny: Path, images: Tensor) -> None:
    objective = make(tiny)
    lengths: list[int] = []
    objective.network.model.layers[0].register_forward_hook(
        lambda module, inputs, output: lengths.append(inputs[0].shape[1])
    )
    objective.score(images)
    objective.score(images[:3])
    before = (objective.input_ids[0] == -200).nonzero().item()
    after = objective.input_ids.shape[1] - before - 1
    words = objective.network.config.tokens_per_image
    assert lengths == [before, words + after, words + after]


def test_only_the_level_rows_of_the_head_are_computed(tiny: Path, images: Tensor) -> None:
    objective = make(tiny)
    heads: list[int] = []
    objective.network.lm_head.register_forward_hook(lambda *call: heads.append(1))
    logits = objective.level_logits(images[:2])
    assert logits.shape == (2, 5)
    assert not heads
    full = objective.network(objective.input_ids, objective.pixel_values(images[:2]))
    torch.testing.assert_close(logits, full[:, objective.level_ids], rtol=1e-5, atol=1e-5)


def test_scales(tiny: Path, images: Tensor) -> None:
    unit, opinion = make(tiny), make(tiny, scale="1-5")
    torch.testing.assert_close(opinion.score(images), 4 * unit.score(images) + 1)
    assert (unit.score_range, opinion.score_range) == ((0.0, 1.0), (1.0, 5.0))
    deqa = isptune.create_objective("deqa-score", checkpoint=str(tiny))
    assert torch.equal(deqa.score(images), opinion.score(images))
    assert (deqa.name, deqa.score_range) == ("deqa-score", (1.0, 5.0))


def test_tasks_prompts_and_levels(tiny: Path, images: Tensor) -> None:
    quality = make(tiny).score(images)
    aesthetics = make(tiny, task="aesthetics").score(images)
    assert (quality - aesthetics).abs().max() > 1e-3
    same = make(
        tiny,
        prompt="USER: How would you rate the quality of this image?\n<|image|>\nASSISTANT: The quality of the image is",
    )
    assert torch.equal(same.score(images), quality)
    probabilities = make(tiny).probabilities(images)
    two = make(tiny, levels=["good", "poor"])
    odds = probabilities[:, [1, 3]]
    torch.testing.assert_close(two.score(images), odds[:, 0] / odds.sum(1))
    mapping = make(tiny, levels={"fair": 0.2, "bad": 0.9})
    expected = (probabilities[:, [2, 4]] * torch.tensor([0.2, 0.9])).sum(1) / probabilities[:, [2, 4]].sum(1)
    torch.testing.assert_close(mapping.score(images), expected)


def test_videos(tiny: Path, images: Tensor) -> None:
    objective = make(tiny)
    frames = images[:6].unflatten(0, (2, 3))
    scores = objective.score_video(frames)
    model, tokenizer = objective.network, read_tokenizer(tiny)
    texts = (
        "USER: How would you rate the quality of this video?\n",
        "\nASSISTANT: The quality of the video is",
    )
    ids = [1, *tokenizer.encode(texts[0]), -200, *tokenizer.encode(texts[1])]
    pixels = objective.pixel_values(images[:6]).unflatten(0, (2, 3))
    rows = model(torch.tensor([ids]), pixels)[:, objective.level_ids]
    torch.testing.assert_close(scores, level_score(rows, objective.level_weights), rtol=0, atol=1e-5)
    with pytest.raises(ConfigurationError) as caught:
        objective.score_video(images)
    assert str(caught.value) == "'qalign' needs videos of the shape (N, F, 3, H, W), got (16, 3, 60, 90)"


def test_low_precision_stays_near(tiny: Path, images: Tensor) -> None:
    exact = make(tiny).score(images)
    for dtype, tolerance in (("bfloat16", 0.05), ("float16", 0.01)):
        found = make(tiny, dtype=dtype).score(images)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, exact, rtol=0, atol=tolerance)


def test_autocast_around_does_not_matter(tiny: Path, images: Tensor) -> None:
    objective = make(tiny)
    expected = objective.score(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(objective.score(images), expected)


def test_inference_mode_first_and_gradients_later(tiny: Path, images: Tensor) -> None:
    objective = make(tiny)
    with torch.inference_mode():
        objective.score(images[:1])
    leaf = images[:1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective.score(leaf).sum(), leaf)
    assert bool((gradient != 0).any())


def test_gradient_with_respect_to_the_parameters_of_the_isp(tiny: Path) -> None:
    """From the score through the network and the five stages to the parameters, against differences."""
    # In double precision throughout; the truth at 0.5 is away from the stages' bounds.
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:96x72"], seed=3)
    scene = isptune.Scene.of_picture("double", pipeline.scenes[0].payload.double())
    objective = make(tiny, dtype="float64")
    values = torch.tensor([[0.42, 0.55, 0.61, 0.47, 0.38]], dtype=torch.float64)

    def score(values: Tensor) -> Tensor:
        return objective.score(pipeline.render(pipeline.space.to_values(values), scene))[0]

    leaf = values.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(score(leaf), leaf)
    assert bool((gradient != 0).all())
    step = 1e-6
    for index in range(5):
        shift = torch.zeros_like(values)
        shift[0, index] = step
        with torch.no_grad():
            difference = (score(values + shift) - score(values - shift)) / (2 * step)
        assert float(gradient[0, index]) == pytest.approx(float(difference), rel=1e-4, abs=1e-9)


def test_level_tokens_by_the_first_that_differs(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokenizer = read_tokenizer(tiny)
    found = find_level_tokens(tokenizer, "It is", ["good", "ride"], name="lmm")
    assert found.shared == ()
    assert tokenizer.convert_ids_to_tokens(found.ids[0]) == "▁good"
    assert "lmm: the level 'ride' is not a single token (" in caplog.text
    assert "the first token that differs" in caplog.text
    with pytest.raises(ConfigurationError) as caught:
        find_level_tokens(tokenizer, "It is", ["good", "zq", "zx"], name="lmm")
    assert "of 'lmm' begin with the same token" in str(caught.value)


def test_working_bytes_cover_what_a_batch_takes(tiny: Path) -> None:
    objective = make(tiny)
    assert 0 < objective.memory.bytes < objective.memory.bytes_with_gradients


def test_facts(tiny: Path) -> None:
    objective = make(tiny)
    assert [str(one) for one in objective.packaging.downloads] == ["q-future/one-align (16.4 GB, MIT)"]
    assert isptune_qalign.QAlign.is_differentiable
