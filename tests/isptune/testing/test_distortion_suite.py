"""The conformance suite for distortions passes a good one and finds each fault in a broken one."""

import pytest
import torch

from isptune.contracts.distortion import Distortion, keep_identity
from isptune.contracts.stage import per_sample
from isptune.errors import ConfigurationError
from isptune.testing import DistortionConformance


class Good(Distortion):
    """Fades to grey."""

    level_range = (0.0, 2.0)

    def forward(self, images, level, noise=None):
        return images + per_sample(level, images) / 2 * (0.5 - images)


class GoodNoise(Distortion):
    """Adds uniform noise."""

    level_range = (0.0, 0.1)
    is_stochastic = True

    def draw(self, height, width, generator):
        return torch.rand(3, height, width, generator=generator) - 0.5

    def forward(self, images, level, noise=None):
        return (images + per_sample(level, images) * self.noise_for(images, noise)).clamp(0, 1)


class RoundTrip(Good):
    """Not the identity at level 0 but for a rounding error."""

    def forward(self, images, level, noise=None):
        return (super().forward(images, level) * 255.1 / 255.1).clamp(0, 1)


class IdentityWithoutGradientsOnly(Good):
    def forward(self, images, level, noise=None):
        if images.requires_grad:
            return (super().forward(images, level) * 255.1 / 255.1).clamp(0, 1)
        return super().forward(images, level)


class OutOfRange(Good):
    def forward(self, images, level, noise=None):
        return images + per_sample(level, images) * images


class OutOfRangeOnBlack(Good):
    def forward(self, images, level, noise=None):
        return images - per_sample(level, images) * (images < 0.01)


class Shrinks(Good):
    def forward(self, images, level, noise=None):
        return super().forward(images, level)[..., 1:, :]


class Doubles(Good):
    def forward(self, images, level, noise=None):
        return super().forward(images, level).double()


class UsesTheBatch(Good):
    def forward(self, images, level, noise=None):
        return super().forward(images, level * images[0].mean() * 2)


class UsesOneLevel(Good):
    def forward(self, images, level, noise=None):
        return torch.where(
            level.reshape(-1, 1, 1, 1) == 0, images, super().forward(images, level.amax().expand(len(level)))
        )


class NeedsCopies(Good):
    """Reads the memory as if the batch were copied."""

    def forward(self, images, level, noise=None):
        if images.stride(0) == 0:
            return images.clone()
        return super().forward(images, level)


class ComesBack(Good):
    def forward(self, images, level, noise=None):
        amount = per_sample(level, images)
        return images + amount * (2 - amount) * (0.5 - images)


class DoesNothing(Good):
    def forward(self, images, level, noise=None):
        return images + 0 * per_sample(level, images)


class WritesIntoItsInput(Good):
    def forward(self, images, level, noise=None):
        result = super().forward(images, level)
        if not images.requires_grad and images.stride(0) != 0:
            images.mul_(0.5)
        return result


class UsesGlobalNoise(Good):
    def forward(self, images, level, noise=None):
        return (images + per_sample(level, images) * 0.1 * torch.randn_like(images)).clamp(0, 1)


class SaysItIsNotStochastic(GoodNoise):
    is_stochastic = False


class SaysItIsStochastic(Good):
    is_stochastic = True


class IgnoresItsNoise(GoodNoise):
    def forward(self, images, level, noise=None):
        return super().forward(images, level)


class DrawsFromTheGlobalGenerator(GoodNoise):
    def draw(self, height, width, generator):
        return torch.rand(3, height, width) - 0.5


class DetachesTheLevel(Good):
    def forward(self, images, level, noise=None):
        return super().forward(images, level.detach())


class DetachesEverything(Good):
    def forward(self, images, level, noise=None):
        return super().forward(images.detach(), level.detach())


class HalfTheGradient(Good):
    def forward(self, images, level, noise=None):
        return super().forward(images, level / 2 + level.detach() / 2)


class Rounds(Good):
    def forward(self, images, level, noise=None):
        faded = super().forward(images, level)
        return keep_identity(images, (faded * 255).round() / 255, level)


class InfiniteSlopeOnBlack(Good):
    def forward(self, images, level, noise=None):
        return (images + per_sample(level, images) * (images.sqrt() - images) / 2).clamp(0, 1)


class InfiniteSlopeAtLevel0(Good):
    def forward(self, images, level, noise=None):
        return images + per_sample(level, images).div(2).sqrt() * (0.5 - images)


class OtherWithGradients(Good):
    def forward(self, images, level, noise=None):
        return super().forward(images, level * 0.9 if images.requires_grad else level)


class OnlyFloat32(Good):
    def forward(self, images, level, noise=None):
        faded = super().forward(images, level)
        return faded if images.dtype == torch.float32 else keep_identity(images, faded * 0.99, level)


def failures(stage):
    """The names of the suite's tests that a stage fails."""

    class Suite(DistortionConformance):
        sizes = ((24, 32), (17, 19))

        def make(self):
            made = stage()
            made.name = "stage"
            return made

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


@pytest.mark.parametrize("stage", [Good, GoodNoise])
def test_a_good_stage_passes(stage):
    assert failures(stage) == set()


@pytest.mark.parametrize(
    ("stage", "rule"),
    [
        (RoundTrip, "test_level_0_is_the_identity_to_the_last_bit"),
        (IdentityWithoutGradientsOnly, "test_level_0_is_the_identity_where_gradients_are_recorded"),
        (OutOfRange, "test_output_has_the_shape_type_and_range_of_images"),
        (OutOfRangeOnBlack, "test_flat_pictures_stay_in_range"),
        (Shrinks, "test_output_has_the_shape_type_and_range_of_images"),
        (Doubles, "test_output_has_the_shape_type_and_range_of_images"),
        (UsesTheBatch, "test_a_sample_does_not_depend_on_the_batch"),
        (UsesOneLevel, "test_a_sample_does_not_depend_on_the_batch"),
        (NeedsCopies, "test_one_picture_may_be_expanded_to_a_batch"),
        (ComesBack, "test_quality_falls_as_the_level_grows"),
        (DoesNothing, "test_quality_falls_as_the_level_grows"),
        (WritesIntoItsInput, "test_nothing_is_modified"),
        (UsesGlobalNoise, "test_global_random_state_is_neither_used_nor_changed"),
        (SaysItIsNotStochastic, "test_is_stochastic_is_true"),
        (SaysItIsStochastic, "test_is_stochastic_is_true"),
        (IgnoresItsNoise, "test_is_stochastic_is_true"),
        (DrawsFromTheGlobalGenerator, "test_global_random_state_is_neither_used_nor_changed"),
        (DetachesTheLevel, "test_gradients_are_true"),
        (DetachesEverything, "test_gradients_are_true"),
        (HalfTheGradient, "test_gradients_are_true"),
        (Rounds, "test_gradients_are_true"),
        (InfiniteSlopeOnBlack, "test_gradients_are_finite_at_the_ends"),
        (InfiniteSlopeAtLevel0, "test_gradients_are_finite_at_the_ends"),
        (OtherWithGradients, "test_results_are_the_same_with_and_without_gradients"),
        (OnlyFloat32, "test_float32_and_float64_agree"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_fault_is_found_by_its_rule(stage, rule):
    assert rule in failures(stage)


@pytest.mark.parametrize("levels", [(1.0, 2.0), (0.0, 0.0), (0.0, float("inf")), (0.0, float("nan"))])
def test_a_level_range_that_is_none_is_refused_when_the_class_is_made(levels):
    with pytest.raises(ConfigurationError) as caught:

        class Wrong(Good):
            level_range = levels

    assert str(caught.value) == (
        f"level_range of the distortion class 'Wrong' is {levels}; allowed: (0, highest level)"
    )
