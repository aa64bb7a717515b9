"""What users of the synthetic pipeline rely on, and what it refuses."""

import weakref

import pytest
import torch

import isptune
from isptune.errors import ConfigurationError, ParameterError, StageError, UnknownNameError
from isptune.plugins.registry import stages as stage_registry
from isptune.stages import noise as fields
from isptune.testing.pictures import picture

DEFAULT_NAMES = ["blur", "brightening", "desaturation", "noise", "sharpening"]
DEFAULT_STAGES = ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen")


def create(**options):
    options.setdefault("scenes", [picture(40, 56)[0], picture(48, 33, seed=1)[0]])
    return isptune.create_pipeline("synthetic", **options)


def values_of(pipeline, seed=0, count=3):
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(count, len(pipeline.space), generator=generator, dtype=torch.float64)
    return pipeline.space.to_values(unit)


@pytest.fixture
def registered():
    """Register stages for one test and forget them afterwards."""
    names = []

    def register(name, stage):
        stage_registry.register(name)(stage)
        names.append(name)

    yield register
    for name in names:
        del stage_registry._records[name]


def test_defaults_are_the_five_stages_on_the_chart():
    pipeline = isptune.create_pipeline("synthetic")
    assert pipeline.space.names == DEFAULT_NAMES
    assert pipeline.truth_labels == DEFAULT_STAGES
    assert pipeline.truth_maxima == (5.0, 1.1, 1.4, 0.1, 12.0)
    assert pipeline.truth_units == ("px", "", "", "", "")
    assert pipeline.is_differentiable
    assert pipeline.has_reference
    assert [scene.name for scene in pipeline.scenes] == ["chart"]


@pytest.mark.parametrize("maps", ["identity", "power", "sigmoid", "ripple", "coupled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_optimum_gives_the_scene_back_to_the_last_bit(maps, dtype):
    pipeline = create(scenes=[picture(40, 56)[0].to(dtype), picture(33, 47)[0].to(dtype)], maps=maps, seed=2)
    optimum = pipeline.optimum()
    for values in (optimum, optimum.clone().requires_grad_(True)):
        for scene in pipeline.scenes:
            assert torch.equal(pipeline.render(values, scene), pipeline.reference(scene))
    assert pipeline.truth(optimum).tolist() == [[0.0] * 5]


def test_rendering_is_the_chain_of_its_stages():
    pipeline = create(maps="identity", scenes=[picture(40, 56)[0]], stages=["brighten", "gaussian_blur"])
    rendered = pipeline.render(torch.tensor([[0.4, 2.0], [0.0, 3.0]]), 0)
    chain = isptune.create_stage("brighten"), isptune.create_stage("gaussian_blur")
    images = picture(40, 56).expand(2, -1, -1, -1)
    expected = chain[1](chain[0](images, torch.tensor([0.4, 0.0])), torch.tensor([2.0, 3.0]))
    torch.testing.assert_close(rendered, expected, rtol=0, atol=1e-6)


def test_order_of_the_stages_matters():
    forth = create(maps="identity", stages=["gaussian_blur", "high_sharpen"])
    back = create(maps="identity", stages=["high_sharpen", "gaussian_blur"])
    images = forth.render(torch.tensor([[2.0, 6.0]]), 0), back.render(torch.tensor([[6.0, 2.0]]), 0)
    assert float((images[0] - images[1]).abs().max()) > 0.01


def test_the_truth_is_what_the_stages_get():
    pipeline = create(maps="coupled", seed=3)
    twin = create(maps="identity", seed=3)
    values = values_of(pipeline)
    expected = twin.render(pipeline.truth(values), 1)
    assert torch.equal(pipeline.render(values, 1), expected)


def test_noise_is_the_same_for_every_candidate_and_differs_between_scenes_and_seeds():
    flat = torch.full((3, 40, 40), 0.5)
    one, other = (
        create(scenes=[flat, flat], stages=["white_noise"], maps="identity", seed=s) for s in (0, 1)
    )
    level = torch.tensor([[0.05], [0.05], [0.1]], dtype=torch.float64)
    first = one.render(level, 0) - 0.5
    assert torch.equal(first[0], first[1])
    torch.testing.assert_close(first[2], 2 * first[0], rtol=0, atol=1e-6)
    assert not torch.equal(one.render(level, 1) - 0.5, first)
    assert not torch.equal(other.render(level, 0) - 0.5, first)
    again = create(scenes=[flat, flat], stages=["white_noise"], maps="identity", seed=0)
    assert torch.equal(again.render(level, 0) - 0.5, first)


def test_two_noise_stages_draw_different_noise():
    flat = torch.full((3, 40, 40), 0.5)
    pipeline = create(scenes=[flat], stages=["white_noise", "white_noise"], maps="identity")
    only = pipeline.render(torch.tensor([[0.05, 0.0], [0.0, 0.05]], dtype=torch.float64), 0)
    assert not torch.equal(only[0], only[1])


def test_noise_that_is_kept_is_bounded(monkeypatch):
    scenes = [picture(32, 32, seed=s)[0] for s in range(6)]
    free = create(scenes=scenes)
    values = values_of(free)
    expected = [free.render(values, scene) for scene in range(6)]
    assert len(free._chain.noise._kept) == 6
    monkeypatch.setattr(fields, "KEPT_BYTES", 2 * 3 * 32 * 32 * 4)
    tight = create(scenes=scenes)
    for scene in [*range(6), *range(6)]:
        # A field that was dropped is drawn again, to the last bit.
        assert torch.equal(tight.render(values, scene), expected[scene])
    assert len(tight._chain.noise._kept) == 2


def test_a_stage_may_occur_twice():
    pipeline = create(stages=["gaussian_blur", "brighten", "gaussian_blur", "gaussian_blur"])
    assert pipeline.space.names == ["blur", "brightening", "blur_2", "blur_3"]
    assert pipeline.truth_labels == ("gaussian_blur", "brighten", "gaussian_blur_2", "gaussian_blur_3")


def test_stages_are_written_as_in_yaml():
    pipeline = create(stages=["brighten", {"name": "gaussian_blur"}, {"name": "brighten", "options": {}}])
    assert pipeline.truth_labels == ("brighten", "gaussian_blur", "brighten_2")
    assert (
        create(maps={"name": "ripple"}, seed=1).optimum().tolist()
        == create(maps="ripple", seed=1).optimum().tolist()
    )


def test_other_stages_take_options_and_own_the_chain(registered):
    class Fade(isptune.Distortion):
        level_range = (0.0, 2.0)
        is_differentiable = True

        def __init__(self, target=0.5):
            super().__init__()
            self.target = target

        def forward(self, images, level, noise=None):
            amount = level.to(images.dtype).reshape(-1, 1, 1, 1) / 2
            return images + amount * (self.target - images)

    registered("fade", Fade)
    pipeline = create(
        stages=["gaussian_blur", {"name": "fade", "options": {"target": 1.0}}, "brighten"], maps="identity"
    )
    assert pipeline.space.names == ["blur", "fade", "brightening"]
    assert pipeline.truth_maxima == (5.0, 2.0, 1.1)
    assert float(pipeline.render(torch.tensor([[0.0, 2.0, 0.0]]), 0).min()) == 1.0


def test_a_stage_that_gives_its_input_back_does_not_expose_the_scene(registered):
    class Nothing(isptune.Distortion):
        def forward(self, images, level, noise=None):
            return images

    registered("nothing", Nothing)
    pipeline = create(stages=["nothing", "brighten"], maps="identity")
    before = pipeline.scenes[0].payload.clone()
    pipeline.render(torch.tensor([[1.0, 1.0], [0.5, 0.2]]), 0)
    assert torch.equal(pipeline.scenes[0].payload, before)


def test_one_stage_without_gradients_makes_the_pipeline_say_so(registered):
    class Step(isptune.Distortion):
        is_differentiable = False

        def forward(self, images, level, noise=None):
            return torch.where(level.reshape(-1, 1, 1, 1) > 0.5, images.round(), images)

    registered("step", Step)
    assert not create(stages=["gaussian_blur", "step"]).is_differentiable


def test_a_stage_that_raises_is_named(registered):
    class Broken(isptune.Distortion):
        def forward(self, images, level, noise=None):
            raise ZeroDivisionError("no such kernel")

    registered("broken", Broken)
    pipeline = create(stages=["gaussian_blur", "broken"])
    with pytest.raises(StageError) as raised:
        pipeline.render(values_of(pipeline), 0)
    assert str(raised.value) == "stage 'broken': ZeroDivisionError: no such kernel"
    assert raised.value.stage == "broken"
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_a_stage_of_the_wrong_shape_or_type_is_named(registered):
    class Halved(isptune.Distortion):
        def forward(self, images, level, noise=None):
            return images[..., ::2, ::2]

    class Doubled(isptune.Distortion):
        def forward(self, images, level, noise=None):
            return images.double()

    class Silent(isptune.Distortion):
        is_stochastic = True

        def forward(self, images, level, noise=None):
            return images

    for name, stage, said in (
        (
            "halved",
            Halved,
            "ConfigurationError: it must give images of the shape (1, 3, 40, 56), got (1, 3, 20, 28)",
        ),
        (
            "doubled",
            Doubled,
            "ConfigurationError: it must give images of torch.float32, got torch.float64; values come as float64, so take value.to(images.dtype)",
        ),
        ("silent", Silent, "ConfigurationError: it is stochastic, but draw() gave None"),
    ):
        registered(name, stage)
        pipeline = create(stages=[name])
        with pytest.raises(StageError) as raised:
            pipeline.render(values_of(pipeline, count=1), 0)
        assert str(raised.value) == f"stage '{name}': {said}"


def test_a_lack_of_memory_reaches_the_evaluator_as_it_is(registered):
    class Greedy(isptune.Distortion):
        def forward(self, images, level, noise=None):
            raise torch.OutOfMemoryError("CUDA out of memory")

    registered("greedy", Greedy)
    pipeline = create(stages=["greedy"])
    with pytest.raises(torch.OutOfMemoryError):
        pipeline.render(values_of(pipeline), 0)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"stages": []}, ConfigurationError),
        ({"stages": "gaussian_blur"}, ConfigurationError),
        ({"stages": ["gausian_blur"]}, UnknownNameError),
        ({"stages": [3]}, ConfigurationError),
        ({"stages": [{"name": "brighten", "option": {}}]}, ConfigurationError),
        ({"stages": [{"name": "brighten", "options": 3}]}, ConfigurationError),
        ({"stages": [{"name": "brighten", "options": {"amount": 3}}]}, ConfigurationError),
        ({"maps": "sigmod"}, UnknownNameError),
        ({"maps": {"name": "power", "options": {"seed": 3}}}, ConfigurationError),
        ({"seed": -3}, ConfigurationError),
        ({"stage": []}, ConfigurationError),
    ],
)
def test_mistakes_are_refused_word_for_word(options, error, snapshot):
    with pytest.raises(error) as refused:
        create(**options)
    assert str(refused.value) == snapshot


def test_values_outside_are_refused_word_for_word():
    pipeline = create()
    values = values_of(pipeline)
    values[1, 0] = float("nan")
    with pytest.raises(ParameterError) as refused:
        pipeline.render(values, 0)
    assert str(refused.value) == "parameter 'blur' of candidate 1 is nan, outside [0, 1]"
    with pytest.raises(ParameterError) as refused:
        create(maps="identity").truth(torch.tensor([[6.0, 0, 0, 0, 0]]))
    assert str(refused.value) == "parameter 'blur' of candidate 0 is 6, outside [0, 5] px"


def test_nothing_of_a_scene_is_kept_by_the_module():
    pipeline = create()
    pipeline.render(values_of(pipeline), 0)
    image = weakref.ref(pipeline.scenes[0].payload)
    del pipeline
    assert image() is None


def test_the_scenes_are_the_same_for_every_seed():
    one, other = (
        isptune.create_pipeline("synthetic", scenes=["chart:96x64"], crop=32, seed=s) for s in (0, 1)
    )
    for first, second in zip(one.scenes, other.scenes, strict=True):
        assert torch.equal(first.payload, second.payload)
    assert not torch.equal(one.optimum(), other.optimum())
