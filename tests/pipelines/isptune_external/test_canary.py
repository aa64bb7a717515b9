"""The canary: what it lets pass, and what it says of parameters that do nothing."""

from __future__ import annotations

import itertools

import pytest
import torch

from isptune import Bool, Choice, Development, Float, Int, ParameterSpace, Scene
from isptune.errors import ConfigurationError, EvaluationError
from isptune_external import ExternalPipeline, check_canary


class Bench(ExternalPipeline):
    """A grey picture; its parameters do what ``use`` says."""

    name = "bench"
    development = Development(isolated=False)

    def __init__(self, space, use):
        self.space, self.use = ParameterSpace(space), use
        self.take_scenes([Scene("small", (8, 8)), Scene("large", (16, 16))])
        self.developed = []

    def develop(self, values, scene):
        self.developed.append(scene.name)
        return torch.full((3, *scene.size), min(max(self.use(values), 0.0), 1.0))


def test_parameters_of_all_kinds_pass():
    space = {
        "gain": Float(0.0, 0.2, default=0.0),
        "passes": Int(0, 3, default=3),
        "mode": Choice(("a", "b", "c"), default="b"),
        "on": Bool(),
    }
    bench = Bench(
        space, lambda v: v["gain"] + v["passes"] / 16 + 0.1 * "abc".index(v["mode"]) + 0.3 * v["on"]
    )
    check_canary(bench)
    # Two of the defaults, and two for each of the four parameters, on the smaller scene alone.
    assert set(bench.developed) == {"small"}
    assert len(bench.developed) <= 2 + 2 * 4


def test_a_parameter_that_does_nothing_is_named():
    bench = Bench({"gain": Float(0, 1), "glow": Float(0, 1), "mode": Choice(("a", "b"))}, lambda v: v["gain"])
    with pytest.raises(ConfigurationError) as refusal:
        bench.before_run(bench.space)
    assert str(refusal.value) == (
        "the pipeline 'bench': the picture of 'small' does not change with the parameters 'glow', 'mode'; "
        "check the name and the range, fix what shall not be tuned, or leave this check out with the option "
        "canary=false"
    )


def test_what_matters_in_some_pictures_alone_is_told(caplog):
    """As the highlights of a raw in which none is clipped."""
    bench = Bench({"gain": Float(0, 1), "glow": Float(0, 1), "mode": Choice(("a", "b"))}, lambda v: v["gain"])
    bench.matter_in_some = ("gain", "glow")
    unchanged = "the pipeline 'bench': the picture of 'small' does not change with the parameter"
    with pytest.raises(ConfigurationError, match=f"^{unchanged} 'mode'; check the name"):
        bench.before_run(bench.space)
    caplog.clear()
    bench.before_run(bench.space.constrained(fix={"mode": None}))
    assert caplog.messages == [f"{unchanged} 'glow'; fix what need not be tuned"]
    with pytest.raises(ConfigurationError, match=f"^{unchanged} 'glow'; check the name"):
        bench.before_run(bench.space.constrained(fix={"mode": None, "gain": None}))


def test_what_is_fixed_is_not_asked_about():
    bench = Bench({"gain": Float(0, 1), "glow": Float(0, 1)}, lambda v: v["gain"])
    bench.before_run(bench.space.constrained(fix={"glow": None}))


def test_it_is_switched_off_by_an_option():
    bench = Bench({"glow": Float(0, 1)}, lambda v: 0.5)
    bench.canary = False
    bench.before_run(bench.space)


def test_a_parameter_that_is_active_elsewhere_is_tried_there():
    space = {"mode": Choice(("a", "b", "c"), default="a"), "depth": Int(0, 9, active_if={"mode": "c"})}
    check_canary(Bench(space, lambda v: 0.1 * "abc".index(v["mode"]) + 0.05 * v["depth"]))


def test_a_parameter_that_matters_with_another_alone_is_tried_there():
    space = {"shift": Float(-1, 1, default=0.0), "protection": Float(0, 1, default=0.0)}
    check_canary(Bench(space, lambda v: 0.5 + 0.2 * v["shift"] * (1 - v["protection"])))


def test_a_picture_that_does_not_repeat_is_refused():
    count = itertools.count()
    bench = Bench({"gain": Float(0, 0.5)}, lambda v: v["gain"] + 0.01 * next(count))
    with pytest.raises(ConfigurationError, match="makes two pictures of its defaults that differ by 0.01"):
        check_canary(bench)


def test_a_tolerance_lets_noise_pass_and_asks_for_more_than_noise():
    count = itertools.count()
    bench = Bench(
        {"gain": Float(0, 0.5), "glow": Float(0, 1)}, lambda v: v["gain"] + 0.001 * (next(count) % 2)
    )
    with pytest.raises(ConfigurationError, match="does not change with the parameter 'glow'"):
        check_canary(bench, tolerance=0.002)


def test_defaults_that_make_no_picture_are_told():
    def refuse(values):
        raise OSError("the lens is not mounted")

    bench = Bench({"gain": Float(0, 1)}, refuse)
    with pytest.raises(
        EvaluationError,
        match="makes no picture of its defaults on the scene 'small': it failed: OSError: the lens",
    ):
        check_canary(bench)


def test_a_parameter_that_always_fails_is_told_with_its_reason():
    def use(values):
        if values["mode"] == "b":
            raise RuntimeError("unknown mode")
        return values["gain"]

    bench = Bench({"gain": Float(0, 1), "mode": Choice(("a", "b"), default="a")}, use)
    with pytest.raises(
        ConfigurationError, match=r"the parameter 'mode' \(failed: RuntimeError: unknown mode\)"
    ):
        check_canary(bench)


def key_of(space=None, versions=None, level=0.5, **options):
    bench = Bench({"gain": Float(0, 1, default=0.5)}, lambda v: v["gain"])
    bench.take_scenes([Scene.of_picture("grey", torch.full((3, 8, 8), level))])
    bench.versions = {"bench": "1.0"} if versions is None else versions
    bench.options = options
    return bench.before_run_key(bench.space if space is None else space)


def test_its_verdict_holds_as_long_as_nothing_changes():
    key = key_of(argv=["bench", "-q"])
    assert key == key_of(argv=["bench", "-q"])
    others = [
        key_of(argv=["bench", "-v"]),
        key_of(argv=["bench", "-q"], versions={"bench": "1.1"}),
        key_of(argv=["bench", "-q"], level=0.6),
        key_of(argv=["bench", "-q"], space=ParameterSpace({"gain": Float(0, 2, default=0.5)})),
        key_of(argv=["bench", "-q"], space=ParameterSpace({"gain": Float(0, 1, default=0.4)})),
    ]
    assert len({key, *others}) == 6


def test_without_a_version_there_is_no_verdict_to_keep():
    assert key_of(versions={}) is None
    assert key_of(versions={"bench": "unknown"}) is None
