"""The conformance suite for pipelines passes a good pipeline and finds each fault in a broken one."""

import pytest
import torch

from isptune import Truthful
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.parameters import Float, Int, ParameterSpace
from isptune.testing import PipelineConformance
from isptune.testing.pictures import picture


class Good(Truthful, Pipeline):
    """Fades to grey, or to black, by a hidden amount."""

    is_differentiable = True
    has_reference = True
    truth_labels = ("fade",)
    truth_maxima = (1.0,)
    truth_units = ("",)

    def __init__(self):
        self.name = "good"
        self.options = {}
        self.space = ParameterSpace({"fade": Float(0.0, 2.0), "black": Int(0, 1)})
        self.scenes = [
            Scene.of_picture(f"s{i}", picture(h, w)[0], index=i)
            for i, (h, w) in enumerate(((20, 24), (32, 17)))
        ]
        self.calls = 0

    def amount(self, values):
        return (self.space.check(values)[:, :1] / 2) ** 2

    def render(self, values, scene):
        image = self.scene(scene).payload
        amount = self.amount(values).to(image.dtype).reshape(-1, 1, 1, 1)
        target = 0.5 * (1 - values[:, 1].to(image.dtype)).reshape(-1, 1, 1, 1)
        return image + amount * (target - image)

    def truth(self, values):
        return self.amount(values)


class NoChecks(Good):
    def amount(self, values):
        return (values[:, :1] / 2) ** 2


class WrongIndices(Good):
    def __init__(self):
        super().__init__()
        self.scenes[1].index = 0


class OneForAll(Good):
    def render(self, values, scene):
        return super().render(values, scene)[:1]


class OutOfRange(Good):
    def render(self, values, scene):
        return super().render(values, scene) + self.amount(values).float().reshape(-1, 1, 1, 1)


class GivesArrays(Good):
    def render(self, values, scene):
        return super().render(values, scene).detach().numpy()


class GivesBytes(Good):
    def render(self, values, scene):
        return (super().render(values, scene) * 255).byte()


class GivesAnotherSize(Good):
    def render(self, values, scene):
        return super().render(values, scene)[..., 1:]


class CountsFamiliesWrongly(Good):
    stage_names, stage_families = ("fog", "rain"), ("weather",)


class OnlyInTheMiddle(Good):
    def render(self, values, scene):
        images = super().render(values, scene)
        return images / (values[:, 0] < 2).float().reshape(-1, 1, 1, 1)


class MixesRows(Good):
    def amount(self, values):
        return super().amount(values).mean(dim=0, keepdim=True).expand(len(values), 1)


class IgnoresValues(Good):
    def render(self, values, scene):
        return super().render(torch.ones_like(self.space.check(values)), scene)


class Counts(Good):
    def render(self, values, scene):
        self.calls += 1
        return (super().render(values, scene) + 0.001 * self.calls).clamp(0, 1)


class Random(Good):
    def render(self, values, scene):
        images = super().render(values, scene)
        return (images + 0.01 * torch.rand_like(images)).clamp(0, 1)


class ReusesItsBuffer(Good):
    def render(self, values, scene):
        images = super().render(values, scene)
        if images.requires_grad:
            return images
        kept = self.__dict__.setdefault(f"buffer{tuple(images.shape)}", torch.empty_like(images))
        return kept.copy_(images)


class HandsOutTheScene(Good):
    def render(self, values, scene):
        self.space.check(values)
        if len(values) == 4:
            return self.scene(scene).payload.expand(4, -1, -1, -1)
        return super().render(values, scene)


class WritesIntoTheScene(Good):
    def render(self, values, scene):
        images = super().render(values, scene)
        self.scene(scene).payload.mul_(0.999)
        return images


class LosesTheReference(Good):
    def reference(self, scene):
        return None


class HalfReference(Good):
    def reference(self, scene):
        return super().reference(scene)[..., ::2, ::2]


class HidesItsTruth(Good):
    def truth(self, values):
        return None


class NegativeTruth(Good):
    def truth(self, values):
        return -self.amount(values)


class TruthOutOfRange(Good):
    truth_maxima = (0.1,)


class Detached(Good):
    def amount(self, values):
        return super().amount(values).detach()


class WrongGradient(Good):
    def amount(self, values):
        amount = super().amount(values)
        return amount / 2 + amount.detach() / 2


class AlwaysRecords(Good):
    def render(self, values, scene):
        return super().render(values.requires_grad_(True), scene)


class MovesToAnother(Good):
    def to(self, device):
        return type(self)()


def failures(pipeline):
    """The names of the suite's tests that a pipeline fails."""

    class Suite(PipelineConformance):
        def make(self):
            return pipeline()

    found = set()
    for name in dir(Suite):
        if name.startswith("test_"):
            state = torch.get_rng_state()
            try:
                getattr(Suite(), name)()
            except pytest.skip.Exception:
                pass
            except (Exception, pytest.fail.Exception):
                found.add(name)
            finally:
                torch.set_rng_state(state)
    return found


def test_a_good_pipeline_passes():
    assert failures(Good) == set()


@pytest.mark.parametrize(
    ("pipeline", "rule"),
    [
        (NoChecks, "test_wrong_values_are_refused"),
        (WrongIndices, "test_scenes_have_sizes_and_know_their_places"),
        (OneForAll, "test_a_population_renders_to_one_picture_each"),
        (OutOfRange, "test_a_population_renders_to_one_picture_each"),
        (GivesArrays, "test_a_population_renders_to_one_picture_each"),
        (GivesBytes, "test_a_population_renders_to_one_picture_each"),
        (GivesAnotherSize, "test_a_population_renders_to_one_picture_each"),
        (CountsFamiliesWrongly, "test_facts_are_declared"),
        (OnlyInTheMiddle, "test_the_whole_space_can_be_rendered"),
        (MixesRows, "test_a_picture_depends_on_its_own_values_alone"),
        (MixesRows, "test_truth_is_a_table_of_levels_in_their_ranges"),
        (IgnoresValues, "test_different_values_give_different_pictures"),
        (Counts, "test_rendering_is_deterministic"),
        (Random, "test_global_random_state_is_neither_used_nor_changed"),
        (ReusesItsBuffer, "test_a_result_is_not_overwritten_later"),
        (HandsOutTheScene, "test_nothing_is_modified"),
        (WritesIntoTheScene, "test_nothing_is_modified"),
        (LosesTheReference, "test_reference_is_there_where_declared"),
        (HalfReference, "test_reference_is_there_where_declared"),
        (HidesItsTruth, "test_truth_is_a_table_of_levels_in_their_ranges"),
        (NegativeTruth, "test_truth_is_a_table_of_levels_in_their_ranges"),
        (TruthOutOfRange, "test_truth_is_a_table_of_levels_in_their_ranges"),
        (Detached, "test_gradients_are_true"),
        (WrongGradient, "test_gradients_are_true"),
        (AlwaysRecords, "test_no_graph_without_gradients"),
        (MovesToAnother, "test_moving_to_the_cpu_changes_nothing"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_fault_is_found_by_its_rule(pipeline, rule):
    assert rule in failures(pipeline)
