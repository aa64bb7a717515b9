"""The conformance suite for stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import isptune
from isptune.contracts.stage import DOMAINS, Stage
from isptune.parameters import Float
from isptune.stages.chain import check_arguments
from isptune.stages.values import column_of, defaults_of
from isptune.testing.checks import (
    assert_equal,
    assert_finite,
    assert_gradients_are_true,
    assert_near,
    assert_pictures,
    check_flags,
    check_requirements,
    untouched_generators,
    worded,
)
from isptune.testing.pictures import picture

Values = dict[str, Tensor]

_ALONE = "compute every sample from its own picture and values, or raise batch_tolerance in the test"
_OWN = "take images of any size and of float32 and float64, and write to none of them"


class StageConformance:
    """What every stage must keep; inherit it in a plugin's tests and set ``name``.

    A stage that is a ``Distortion`` inherits ``DistortionConformance``, which asks for more.

    Example::

        from isptune.testing import StageConformance

        class TestSharpen(StageConformance):
            name = "sharpen"

    Class facts to override where a stage needs it:
        name, options: what ``make`` creates through the registry; override ``make`` for anything else.
        sizes: (height, width) of the pictures; the first is the one that most tests use.
        batch_tolerance: how far a pixel may move with the rest of the batch; 0 means not at all.
        mode_tolerance: how far a pixel may move where gradients are recorded.
        dtype_tolerance: how far the outputs for float32 and float64 pictures may be apart.
        gradient_tolerance, difference_step: for the comparison of the gradients with differences.
        gradient_shares: where in the parameters' ranges, from 0 to 1, the gradients are compared.
    """

    name: ClassVar[str] = ""
    options: ClassVar[dict[str, Any]] = {}
    sizes: ClassVar[tuple[tuple[int, int], ...]] = ((48, 80), (32, 32), (33, 65), (97, 41))
    batch_tolerance: ClassVar[float] = 1e-6
    mode_tolerance: ClassVar[float] = 1e-5
    dtype_tolerance: ClassVar[float] = 1e-4
    gradient_tolerance: ClassVar[float] = 1e-5
    difference_step: ClassVar[float] = 1e-6
    gradient_shares: ClassVar[tuple[float, ...]] = (0.13, 0.37, 0.71)

    # What a subclass may override.

    def make(self) -> Stage:
        """A fresh stage."""
        return isptune.create_stage(self.name, **self.options)

    def picture(self, height: int, width: int) -> Tensor:
        """(1, 3, H, W) float32 in [0, 1]: a picture that the stage changes."""
        return picture(height, width)

    def gradient_picture(self) -> Tensor:
        """(1, 3, H, W) float64: a small picture whose outputs the stage does not clip at 0 or 1."""
        return picture(20, 24).double() * 0.4 + 0.3

    # Helpers.

    def _batch(self, stage: Stage, *shares: float, size: int = 0) -> tuple[Tensor, Values, Tensor | None]:
        """Different pictures, values at the given shares of their ranges, and noise."""
        height, width = self.sizes[size]
        base = self._fitting(stage, self.picture(height, width))
        images = torch.cat([base.roll(3 * i, dims=-1) * (1 - 0.08 * i) for i in range(len(shares))])
        return images, self._values(stage, shares), self._draw(stage, height, width)

    def _fitting(self, stage: Stage, images: Tensor) -> Tensor:
        """The pictures as images of the stage's ``domain_in``."""
        return images[:, 1:2] if DOMAINS[stage.domain_in] == 1 else images

    def _values(self, stage: Stage, shares: Sequence[float]) -> Values:
        """Every parameter at every share, each in another order than the one before it."""
        unit = torch.tensor(shares, dtype=torch.float64)
        return {
            name: column_of(kind, kind.from_unit(unit.roll(-place)))
            for place, (name, kind) in enumerate(stage.declared.items())
        }

    def _active(self, stage: Stage, name: str, values: Values) -> Values:
        """The values, with those changed on which it depends whether a parameter matters."""
        changed = dict(values)
        for other, wanted in stage.declared[name].active_if.items():
            kind = stage.declared[other]
            column = torch.full((len(values[other]),), kind.encode(wanted[0]), dtype=torch.float64)
            changed[other] = column_of(kind, column)
        return changed

    def _draw(self, stage: Stage, height: int, width: int, seed: int = 1) -> Tensor | None:
        return stage.draw(height, width, torch.Generator().manual_seed(seed))

    def _apply(
        self, stage: Stage, images: Tensor, values: Values, noise: Tensor | None, **more: Tensor
    ) -> Tensor:
        if noise is not None:
            more["noise"] = noise.to(images.dtype) if noise.is_floating_point() else noise
        with worded(f"the stage, given images {tuple(images.shape)} of {images.dtype}", _OWN):
            output: Tensor = stage(images, **values, **more)
        return output

    def _assert_of_domain(self, stage: Stage, output: Tensor) -> None:
        if stage.domain_out == "encoded":
            assert_pictures(output)
        else:
            assert_finite(output)

    # The rules.

    def test_facts_are_declared(self) -> None:
        stage = self.make()
        assert stage.name, "a stage has the name that it is registered under"
        check_flags(stage, "is_differentiable", "is_stochastic", "takes_out")
        check_requirements(stage)
        check_arguments(stage)

    def test_output_has_the_shape_type_and_range_of_images(self) -> None:
        stage = self.make()
        channels = DOMAINS[stage.domain_out]
        for size in range(len(self.sizes)):
            images, values, noise = self._batch(stage, 0.05, 0.5, 1.0, size=size)
            for dtype in (torch.float32, torch.float64):
                # A chain gives float64 values, other callers may give the images' type.
                typed = {k: v.to(dtype) if v.is_floating_point() else v for k, v in values.items()}
                output = self._apply(stage, images.to(dtype), typed, noise)
                expected = (len(images), channels, *images.shape[2:])
                got = tuple(output.shape)
                assert got == expected, f"the output has the shape {got}, expected {expected}"
                assert output.dtype == dtype, f"the output is of {output.dtype} for images of {dtype}"
                self._assert_of_domain(stage, output)

    def test_flat_pictures_stay_in_range(self) -> None:
        stage = self.make()
        greys = torch.tensor([0.0, 0.5, 1.0]).reshape(3, 1, 1, 1)
        images = greys.expand(-1, DOMAINS[stage.domain_in], *self.sizes[0])
        for share in (0.0, 1.0):
            values = self._values(stage, (share,) * 3)
            output = self._apply(stage, images, values, self._draw(stage, *self.sizes[0]))
            self._assert_of_domain(stage, output)

    def test_the_defaults_can_be_rendered(self) -> None:
        stage = self.make()
        images, _, noise = self._batch(stage, 0.0, 0.0)
        self._assert_of_domain(stage, self._apply(stage, images, defaults_of(stage, len(images)), noise))

    def test_every_parameter_changes_the_output(self) -> None:
        stage = self.make()
        images, values, noise = self._batch(stage, 0.2, 0.5, 0.8)
        for name, kind in stage.declared.items():
            base = self._active(stage, name, values)
            outputs = []
            for share in (0.0, 0.35, 0.65, 1.0):
                unit = torch.full((len(images),), share, dtype=torch.float64)
                outputs.append(
                    self._apply(stage, images, base | {name: column_of(kind, kind.from_unit(unit))}, noise)
                )
            assert any(not torch.equal(output, outputs[0]) for output in outputs), (
                f"the parameter '{name}' changes nothing from one end of its range to the other"
            )

    def test_a_sample_does_not_depend_on_the_batch(self) -> None:
        stage = self.make()
        for size in range(len(self.sizes)):
            images, values, noise = self._batch(stage, 0.9, 0.0, 0.2, 0.55, size=size)
            together = self._apply(stage, images, values, noise)
            for index in range(len(images)):
                one = slice(index, index + 1)
                alone = self._apply(stage, images[one].clone(), {k: v[one] for k, v in values.items()}, noise)
                what = f"a pixel of sample {index} among others at {self.sizes[size]}"
                assert_near(together[one], alone, self.batch_tolerance, what, _ALONE)

    def test_one_picture_may_be_expanded_to_a_batch(self) -> None:
        stage = self.make()
        images, values, noise = self._batch(stage, 0.9, 0.0, 0.3)
        expanded = images[:1].expand(3, -1, -1, -1)
        output = self._apply(stage, expanded, values, noise)
        copied = self._apply(stage, expanded.clone(), values, noise)
        remedy = "write to no view of the input, and use .reshape in the place of .view"
        assert_near(output, copied, self.batch_tolerance, "a pixel of an expanded picture", remedy)
        channels_last = expanded.contiguous(memory_format=torch.channels_last)
        last = self._apply(stage, channels_last, values, noise)
        assert_near(last, copied, self.batch_tolerance, "a pixel of pictures in channels_last", remedy)

    def test_float32_and_float64_agree(self) -> None:
        stage = self.make()
        images, values, noise = self._batch(stage, 0.1, 0.5, 1.0)
        single = self._apply(stage, images, values, noise)
        double = self._apply(stage, images.double(), values, noise)
        remedy = "compute in images.dtype, or raise dtype_tolerance in the test"
        assert_near(single, double, self.dtype_tolerance, "a pixel in float32", remedy)

    def test_results_are_the_same_with_and_without_gradients(self) -> None:
        stage = self.make()
        images, values, noise = self._batch(stage, 0.1, 0.5, 1.0)
        with torch.no_grad():
            without = self._apply(stage, images, values, noise)
        assert not without.requires_grad, (
            "an output under torch.no_grad() requires a gradient, expected none; call requires_grad_(False) "
            "on what the stage holds"
        )
        recorded = self._apply(stage, images.clone().requires_grad_(True), values, noise).detach()
        remedy = "take one path for both, or raise mode_tolerance in the test"
        assert_near(recorded, without, self.mode_tolerance, "a pixel where gradients are recorded", remedy)

    def test_nothing_is_modified(self) -> None:
        stage = self.make()
        images, values, noise = self._batch(stage, 0.0, 0.4, 1.0)
        kept = images.clone(), {k: v.clone() for k, v in values.items()}
        drawn = None if noise is None else noise.clone()
        self._apply(stage, images, values, noise)
        assert torch.equal(images, kept[0]), "the input pictures were written over"
        for name, value in values.items():
            assert torch.equal(value, kept[1][name]), f"the values of '{name}' were written over"
        assert noise is None or drawn is None or torch.equal(noise, drawn), "the noise was written over"

    def test_out_receives_the_result(self) -> None:
        stage = self.make()
        if not stage.takes_out:
            pytest.skip("the stage declares no out=")
        images, values, noise = self._batch(stage, 0.0, 0.4, 1.0)
        with torch.no_grad():
            expected = self._apply(stage, images, values, noise)
            again = self._apply(stage, images, values, noise)
            for other, what in ((again, "what an earlier call gave"), (images, "the input")):
                assert expected.data_ptr() != other.data_ptr(), (
                    f"the output is {what}, which a chain would write over; "
                    "give a new tensor, or set takes_out = False"
                )
            buffer = torch.full_like(expected, 0.5)
            places = [("another tensor", images, buffer)]
            if expected.shape == images.shape:
                own = images.clone()
                places.append(("the images themselves", own, own))
            for what, given, out in places:
                output = self._apply(stage, given, values, noise, out=out)
                assert output.data_ptr() == out.data_ptr(), f"with out= {what} the result is elsewhere"
                assert torch.equal(output, expected), f"with out= {what} the result is another"

    def test_global_random_state_is_neither_used_nor_changed(self) -> None:
        stage = self.make()
        images, values, _ = self._batch(stage, 0.5, 1.0)
        remedy = "draw noise in draw() from its generator, and nowhere else"
        with untouched_generators(remedy):
            noise = self._draw(stage, *self.sizes[0])
            first = self._apply(stage, images, values, noise)
        torch.rand(7)
        again = self._apply(stage, images, values, noise)
        assert_equal(again, first, "a pixel after a draw from torch's global generator", remedy)

    def test_is_stochastic_is_true(self) -> None:
        stage = self.make()
        height, width = self.sizes[0]
        images, values, noise = self._batch(stage, 0.5, 1.0)
        if not stage.is_stochastic:
            assert noise is None, (
                "draw() gives noise, expected None, as is_stochastic is False; set it to True"
            )
            return
        assert noise is not None, (
            "draw() gives None, expected noise, as is_stochastic is True; set it to False"
        )
        again = self._draw(stage, height, width)
        assert again is not None, "draw() gives noise once and then None, expected noise; return it always"
        assert torch.equal(again, noise), (
            "equal generators give different draws, expected one; draw from the generator alone"
        )
        output = self._apply(stage, images, values, noise)
        once_more = self._apply(stage, images, values, noise)
        remedy = "take all randomness from noise, which draw() gives"
        assert_equal(once_more, output, "a pixel with the same noise", remedy)
        other = self._apply(stage, images, values, self._draw(stage, height, width, seed=2))
        assert not torch.equal(other, output), "another draw gives the same picture"
        first, second = (stage(images, **values) for _ in range(2))
        assert torch.equal(first, second), "without noise it is not reproducible"

    def test_gradients_are_true(self) -> None:
        stage = self.make()
        if not stage.is_differentiable:
            pytest.skip("the stage declares no gradients")
        image = self._fitting(stage, self.gradient_picture())
        noise = self._draw(stage, image.shape[-2], image.shape[-1])
        values = self._values(stage, self.gradient_shares)
        images = image.repeat(len(self.gradient_shares), 1, 1, 1)
        self._compare(lambda given: self._apply(stage, given, values, noise), images, 1.0, "the images")
        for name, kind in stage.declared.items():
            if not isinstance(kind, Float):
                continue
            others = self._active(stage, name, values)

            def rendered(value: Tensor, name: str = name, others: Values = others) -> Tensor:
                return self._apply(stage, images, others | {name: value}, noise)

            self._compare(rendered, others[name], kind.high - kind.low, f"the parameter '{name}'")

    def _compare(self, function: Callable[[Tensor], Tensor], at: Tensor, scale: float, what: str) -> None:
        assert_gradients_are_true(
            function,
            (at,),
            step=self.difference_step,
            tolerance=self.gradient_tolerance,
            scales=(scale,),
            names=(what,),
        )

    def test_gradients_are_finite_at_the_ends(self) -> None:
        stage = self.make()
        if not stage.is_differentiable:
            pytest.skip("the stage declares no gradients")
        images, _, noise = self._batch(stage, *(0.0,) * 8)
        for index, grey in ((1, 0.0), (2, 0.5), (3, 1.0), (5, 0.0), (6, 0.5), (7, 1.0)):
            images[index] = grey
        ends = torch.tensor((0.0,) * 4 + (1.0,) * 4, dtype=torch.float64)
        values = {name: column_of(kind, kind.from_unit(ends)) for name, kind in stage.declared.items()}
        for dtype in (torch.float32, torch.float64):
            leaves = [images.to(dtype).requires_grad_(True)]
            floats = {k: v.to(dtype).requires_grad_(True) for k, v in values.items() if v.is_floating_point()}
            output = self._apply(stage, leaves[0], values | floats, noise)
            for gradient in torch.autograd.grad(output.sum(), [*leaves, *floats.values()], allow_unused=True):
                finite = gradient is None or bool(gradient.isfinite().all())
                assert finite, f"a gradient is not finite in {dtype}"
