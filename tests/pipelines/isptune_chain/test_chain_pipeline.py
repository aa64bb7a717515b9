"""The pipeline ``chain``: any stages in a row by their own parameters, tuned against a picture."""

import pytest
import torch

import isptune
from isptune import Bool, Choice, Float, Int, Stage
from isptune.errors import ConfigurationError, ImageError
from isptune.plugins.registry import stages as stage_registry
from isptune.scenes import write_image
from isptune.stages import per_sample, pointwise
from isptune.testing import PipelineConformance
from isptune.testing.pictures import picture


class Curve(Stage):
    """A gamma and a lift."""

    gamma = Float(0.4, 2.5, log=True, default=1.0)
    lift = Float(0.0, 0.2, default=0.0)
    takes_out = True
    memory = isptune.Memory(images=1.2, images_with_gradients=9.0)

    def forward(self, images, gamma, lift, out=None):
        return pointwise(self.curve, images, values=[gamma, lift], out=out)

    @staticmethod
    def curve(images, gamma, lift):
        curve = images.clamp_min(1e-3).log2().mul(gamma).exp2_()
        return curve.addcmul(1 - curve, lift)


class Fade(Stage):
    """Fades to black, white or its mean in some rounds, by an amount of its own where it is strong."""

    rounds = Int(1, 3)
    towards = Choice(("black", "white"), default="white")
    strong = Bool()
    amount = Float(0.1, 0.6, default=0.3, active_if={"strong": True})

    def forward(self, images, rounds, towards, strong, amount):
        target = torch.tensor([float(one == "white") for one in self.chosen("towards", towards)])
        share = 1 - (1 - torch.where(strong, amount, 0.05)) ** rounds
        return images + per_sample(share, images) * (per_sample(target, images) - images)


class ToLinear(Stage):
    domain_out = "linear"

    def forward(self, images):
        return images.square()


class FromLinear(Stage):
    exposure = Float(-1.0, 0.0)
    domain_in = "linear"

    def forward(self, images, exposure):
        return (images * per_sample(torch.exp2(exposure), images)).clamp_min(1e-6).sqrt()


class Mosaic(Stage):
    domain_out = "mosaic"

    def forward(self, images):
        return images.mean(dim=1, keepdim=True)


class Demosaic(Stage):
    gain = Float(0.5, 1.0)
    domain_in = "mosaic"
    domain_out = "linear"
    takes_out = True

    def forward(self, images, gain, out=None):
        # A chain hands over no buffer of another number of channels.
        assert out is None
        return (images * per_sample(gain, images)).repeat(1, 3, 1, 1)


MADE = {
    "curve": Curve,
    "fade": Fade,
    "to-linear": ToLinear,
    "from-linear": FromLinear,
    "mosaic": Mosaic,
    "demosaic": Demosaic,
}


@pytest.fixture(autouse=True)
def registered():
    for name, kind in MADE.items():
        isptune.register_stage(name)(kind)
    yield
    for name in MADE:
        del stage_registry._records[name]


def create(*stages, scenes=("chart:64x48",), **options):
    return isptune.create_pipeline("chain", stages=list(stages), scenes=list(scenes), **options)


class TestChain(PipelineConformance):
    name = "chain"
    options = {  # noqa: RUF012
        "scenes": ["chart:64x48", "chart:49x65"],
        "stages": ["curve", {"name": "gaussian_blur", "prefix": "lens"}, "white_noise", "curve"],
    }


class TestChainOfMixedKinds(PipelineConformance):
    name = "chain"
    options = {"scenes": ["chart:64x48"], "stages": ["fade", "mosaic", "demosaic", "from-linear"]}  # noqa: RUF012


def test_parameters_have_the_stages_prefixes():
    pipeline = create("curve", {"name": "curve", "prefix": "post"}, "curve", "gaussian_blur")
    names = ["curve.gamma", "curve.lift", "post.gamma", "post.lift", "curve_2.gamma", "curve_2.lift"]
    assert pipeline.space.names == [*names, "gaussian_blur.level"]
    assert pipeline.space.groups == ["curve", "post", "curve_2", "gaussian_blur"]
    assert pipeline.stage_names == ("curve", "curve", "curve", "gaussian_blur")
    assert pipeline.stage_families == ("", "", "", "blur")
    assert pipeline.space["curve.gamma"].initial == 1.0
    assert not isinstance(pipeline, isptune.Truthful)


def test_a_prefix_that_is_given_is_nobody_elses():
    pipeline = create({"name": "fade", "prefix": "curve"}, "curve")
    assert pipeline.space.names[-2:] == ["curve_2.gamma", "curve_2.lift"]
    # A condition is on the stage's own parameter.
    assert pipeline.space["curve.amount"].active_if == {"curve.strong": (True,)}


def test_options_reach_the_stages_and_values_theirs():
    stages = ["curve", {"name": "gamma_error", "options": {"direction": "brighter"}}, "fade"]
    pipeline = create(*stages)
    image = pipeline.scenes[0].payload
    rows = [
        {"curve.gamma": 0.7, "gamma_error.level": 0.4, "fade.towards": "black", "fade.rounds": 2},
        {"curve.lift": 0.1, "fade.strong": True, "fade.amount": 0.5, "fade.rounds": 1},
    ]
    got = pipeline.render(pipeline.space.from_dicts(rows), 0)
    first = Curve.curve(image, torch.tensor(0.7), torch.tensor(0.0))
    brighter = isptune.create_stage("gamma_error", direction="brighter")
    first = brighter(first[None], torch.tensor([0.4]))[0] * 0.95**2
    second = Curve.curve(image, torch.tensor(1.0), torch.tensor(0.1))
    torch.testing.assert_close(got[0], first, atol=1e-5, rtol=0)
    torch.testing.assert_close(got[1], second + 0.5 * (1 - second), atol=1e-5, rtol=0)


def test_a_stage_of_anyone_that_takes_out_writes_over_the_chains_own_buffer():
    seen = []

    class Watching(Curve):
        def forward(self, images, gamma, lift, out=None):
            seen.append(out is images)
            return super().forward(images, gamma, lift, out)

    isptune.register_stage("watching", replace=True)(Watching)
    try:
        pipeline = create("gaussian_blur", "watching", "desaturate", "watching", "fade", "watching")
        values = pipeline.space.start()
        before = pipeline.scenes[0].payload.clone()
        with torch.no_grad():
            plain = pipeline.render(values, 0)
        # What the stage `fade`, which takes no `out`, gives back may be its input: that is left alone.
        assert seen == [True, True, False]
        recorded = pipeline.render(values.clone().requires_grad_(), 0)
        assert seen[3:] == [False] * 3
        torch.testing.assert_close(recorded.detach(), plain, atol=1e-5, rtol=0)
        assert torch.equal(pipeline.scenes[0].payload, before)
        # One stage holds its input beside its output.
        assert pipeline.memory.images == 1 + max(stage.memory.images for stage in pipeline.stages)
        assert create("gaussian_blur", "watching").memory.images == 1.7
        assert create("gaussian_blur", "watching").memory.images_with_gradients == 1 + 8 + 9
    finally:
        del stage_registry._records["watching"]


def test_weights_that_learn_are_not_written_over():
    class Learnt(Curve):
        def __init__(self):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.tensor(0.5))

        def forward(self, images, gamma, lift, out=None):
            assert out is None
            return super().forward(images, gamma, lift) * self.factor

    isptune.register_stage("learnt", replace=True)(Learnt)
    try:
        pipeline = create("gaussian_blur", "learnt")
        pipeline.render(pipeline.space.start(), 0).sum().backward()
        assert pipeline.stages[1].factor.grad > 0
    finally:
        del stage_registry._records["learnt"]


def test_domains_follow_each_other():
    pipeline = create("mosaic", "demosaic", "from-linear", "curve")
    images = pipeline.render(pipeline.space.start().repeat(2, 1), 0)
    assert images.shape == (2, 3, 48, 64)


@pytest.mark.parametrize(
    ("stages", "options"),
    [
        (["to-linear", "gaussian_blur"], {}),
        (["demosaic", "from-linear"], {}),
        (["curve", "to-linear"], {}),
        ([{"name": "curve", "prefix": "post"}, "fade", {"name": "gaussian_blur", "prefix": "post"}], {}),
        ([{"name": "curve", "prefix": "a b"}], {}),
        ([{"name": "curve", "prefixx": "a"}], {}),
        ("curve", {}),
        ([], {}),
        (["mosaic", "demosaic", "from-linear"][:1] * 0 + ["to-linear"], {}),
        (["curve"], {"seed": -1}),
        (["curve"], {"storage": "float8"}),
    ],
)
def test_mistakes_are_refused_in_one_sentence(stages, options, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_pipeline("chain", stages=stages, scenes=["chart:64x48"], **options)
    assert str(caught.value) == snapshot


def test_no_stage_and_no_parameter_are_refused():
    with pytest.raises(ConfigurationError, match=r"^the pipeline 'chain' needs the option 'stages'$"):
        isptune.create_pipeline("chain")

    class Fixed(Stage):
        def forward(self, images):
            return images

    isptune.register_stage("fixed", replace=True)(Fixed)
    try:
        with pytest.raises(ConfigurationError) as caught:
            create("fixed")
    finally:
        del stage_registry._records["fixed"]
    assert str(caught.value) == (
        "no stage of the pipeline 'chain' has a parameter, so there is nothing to tune"
    )


def test_a_distortions_pipeline_refuses_a_stage_without_a_level(snapshot):
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_pipeline("synthetic", stages=["curve"], scenes=["chart:64x48"])
    assert str(caught.value) == snapshot


def test_a_chain_is_tuned_against_a_target_picture(tmp_path):
    image = picture(48, 64)[0]
    wanted = {"curve.gamma": 0.62, "curve.lift": 0.08}
    maker = create("curve", scenes=[image])
    rendered = maker.render(maker.space.from_dicts([wanted]), 0)[0]
    write_image(tmp_path / "photo.png", image, bits=16)
    write_image(tmp_path / "target.png", rendered, bits=16)
    pipeline = create(
        "curve", scenes=[str(tmp_path / "photo.png")], target=str(tmp_path / "target.png"), crop="1x32"
    )
    assert pipeline.scenes[0].size == (32, 32)
    result = isptune.tune(
        pipeline, "psnr", optimizer="adam", budget=240, population=6, seed=0, out=tmp_path / "run"
    )
    assert result.best_score > 40
    assert result.best_parameters["curve.gamma"] == pytest.approx(0.62, abs=0.02)
    assert result.best_parameters["curve.lift"] == pytest.approx(0.08, abs=0.02)
    assert result.levels is None
    # Shown whole beside the whole target.
    assert "before_after.png" in {file.name for file in result.files}


def test_a_target_of_another_size_is_refused():
    with pytest.raises(ImageError, match="must be of one size"):
        create("curve", target="chart:48x64")
