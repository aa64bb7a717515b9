"""The conformance suite for stages passes good ones and finds each fault in a broken one."""

import re

import pytest
import torch

from isptune import Bool, Choice, Float, Int, Stage
from isptune.contracts.stage import per_sample
from isptune.testing import StageConformance


class Good(Stage):
    """Fades to a grey, some times over, in one of two ways, or not at all."""

    strength = Float(0.1, 0.9, default=0.4)
    grey = Float(0.2, 0.8, log=True)
    rounds = Int(1, 3)
    way = Choice(("mix", "half"))
    floor = Float(0.0, 0.2, active_if={"lifted": True})
    lifted = Bool()
    takes_out = True

    def forward(self, images, strength, grey, rounds, way, floor, lifted, out=None):
        share = strength * torch.tensor([1.0 if one == "mix" else 0.5 for one in self.chosen("way", way)])
        share = per_sample(1 - (1 - share) ** rounds, images)
        faded = images + share * (per_sample(grey, images) - images)
        low = per_sample(floor * lifted, images)
        faded = low + (1 - low) * faded
        return faded if out is None else out.copy_(faded)


class Demosaic(Stage):
    """A mosaic to linear light, with a gain that may pass white."""

    gain = Float(0.5, 4.0, default=1.0)
    domain_in = "mosaic"
    domain_out = "linear"

    def forward(self, images, gain):
        return (images * per_sample(gain, images)).repeat(1, 3, 1, 1)


class ChangesNothing(Good):
    more = Float(0, 1)

    def forward(self, images, more, out=None, **values):
        return super().forward(images, out=out, **values)


class TakesNoSuchThing(Good):
    more = Float(0, 1)


class DetachesOne(Good):
    def forward(self, images, grey, out=None, **values):
        return super().forward(images, grey=grey.detach(), out=out, **values)


class WrongWhereLifted(Good):
    def forward(self, images, floor, out=None, **values):
        return super().forward(images, floor=floor / 2 + floor.detach() / 2, out=out, **values)


class SpillsOver(Good):
    def forward(self, images, grey, out=None, **values):
        return super().forward(images, grey=grey + 3, out=out, **values)


class FailsAtItsDefaults(Good):
    def forward(self, images, strength, out=None, **values):
        if bool((strength == 0.4).all()):
            raise ValueError("not this one")
        return super().forward(images, strength=strength, out=out, **values)


class UsesOneChoice(Good):
    def forward(self, images, way, out=None, **values):
        return super().forward(images, way=way[:1].expand(len(images)), out=out, **values)


class IgnoresOut(Good):
    def forward(self, images, out=None, **values):
        return super().forward(images, **values)


class ReadsWhatItWroteOver(Good):
    def forward(self, images, out=None, **values):
        if out is None:
            return super().forward(images, **values)
        out.zero_()
        return super().forward(images, out=out, **values)


class KeepsItsResult(Good):
    def forward(self, images, out=None, **values):
        result = super().forward(images, **values)
        if torch.is_grad_enabled():
            return result
        kept = self.__dict__.setdefault("kept", {}).setdefault(images.shape, result)
        return kept.copy_(result) if out is None else out.copy_(result)


class WritesIntoAValue(Good):
    def forward(self, images, rounds, out=None, **values):
        result = super().forward(images, rounds=rounds, out=out, **values)
        rounds.add_(1)
        return result


class GivesOneChannel(Demosaic):
    def forward(self, images, gain):
        return super().forward(images, gain)[:, :1]


def failures(stage):
    """The names of the suite's tests that a stage fails, each with the sentence."""

    class Suite(StageConformance):
        sizes = ((24, 32), (17, 19))

        def make(self):
            made = stage()
            made.name = "stage"
            return made

    found = {}
    for name in dir(Suite):
        if name.startswith("test_"):
            try:
                getattr(Suite(), name)()
            except pytest.skip.Exception:
                pass
            except Exception as error:
                found[name] = str(error).partition("\n")[0]
    return found


@pytest.mark.parametrize("stage", [Good, Demosaic])
def test_a_good_stage_passes(stage):
    assert failures(stage) == {}


@pytest.mark.parametrize(
    ("stage", "rule"),
    [
        (ChangesNothing, "test_every_parameter_changes_the_output"),
        (TakesNoSuchThing, "test_facts_are_declared"),
        (DetachesOne, "test_gradients_are_true"),
        (WrongWhereLifted, "test_gradients_are_true"),
        (SpillsOver, "test_output_has_the_shape_type_and_range_of_images"),
        (FailsAtItsDefaults, "test_the_defaults_can_be_rendered"),
        (UsesOneChoice, "test_a_sample_does_not_depend_on_the_batch"),
        (IgnoresOut, "test_out_receives_the_result"),
        (ReadsWhatItWroteOver, "test_out_receives_the_result"),
        (KeepsItsResult, "test_out_receives_the_result"),
        (WritesIntoAValue, "test_nothing_is_modified"),
        (GivesOneChannel, "test_output_has_the_shape_type_and_range_of_images"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_fault_is_found_by_its_rule_and_said_in_a_sentence(stage, rule, snapshot):
    found = failures(stage)
    assert rule in found
    # The last digits are the processor's.
    assert re.sub(r"\d+\.\d{3,}", "...", found[rule]) == snapshot
