"""The chain in half precision and through ``torch.compile``."""

import warnings

import pytest
import torch

from isptune.contracts.distortion import Distortion
from isptune.errors import ConfigurationError, StageError
from isptune.stages.chain import Chain
from isptune_synthetic.pipeline import SyntheticPipeline


def _inputs(**options):
    pipeline = SyntheticPipeline(["chart:64x48"], maps="identity", **options)
    values = pipeline.space.to_values(torch.tensor([[0.3, 0.5, 0.2, 0.4, 0.1], [0.5] * 5]).double())
    scene = pipeline.scenes[0]
    images = scene.payload.expand(2, -1, -1, -1)
    fields = Chain(pipeline.stages).noise
    noises = [fields.of(stage, position, 0, images) for position, stage in enumerate(pipeline.stages)]
    levels = [{"level": column} for column in pipeline.truth(values).unbind(1)]
    return pipeline, values, (images, levels, noises)


@pytest.mark.parametrize(
    ("storage", "dtype", "mean"), [("bfloat16", torch.bfloat16, 0.006), ("float16", torch.float16, 0.0008)]
)
def test_half_precision_storage_is_near_the_float32_chain(storage, dtype, mean) -> None:
    pipeline, values, _ = _inputs()
    half, _, _ = _inputs(storage=storage)
    with torch.no_grad():
        expected, got = pipeline.render(values, 0), half.render(values, 0)
    assert got.dtype == dtype
    error = (got.float() - expected).abs()
    assert 0 < float(error.mean()) < mean
    assert torch.equal(half.scenes[0].payload, pipeline.scenes[0].payload)


def test_storage_and_compile_are_checked() -> None:
    with pytest.raises(ConfigurationError) as error:
        SyntheticPipeline(storage="bfloat")
    assert str(error.value).startswith("the storage is 'bfloat'; allowed: float32, bfloat16")
    with pytest.raises(ConfigurationError, match=r"^compile is 1; allowed: true or false$"):
        SyntheticPipeline(compile=1)


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_chain_gives_what_the_plain_one_gives() -> None:
    pipeline, _, inputs = _inputs()
    chain = Chain(pipeline.stages, backend="aot_eager")
    with torch.no_grad():
        got, expected = chain.run_compiled(*inputs), chain.run(*inputs)
    assert not chain._cannot_compile
    assert float((got - expected).abs().max()) < 2e-5


def test_where_compiling_fails_the_plain_chain_runs_and_a_warning_says_so() -> None:
    def broken(graph, inputs):
        raise OSError("no compiler here")

    pipeline, _, inputs = _inputs()
    chain = Chain(pipeline.stages, backend=broken)
    with torch.no_grad():
        with pytest.warns(RuntimeWarning, match=r"^torch\.compile failed, the chain runs without it: .*"):
            first = chain.run_compiled(*inputs)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            second = chain.run_compiled(*inputs)
        expected = chain.run(*inputs)
    assert torch.equal(first, expected)
    assert torch.equal(second, expected)


def test_a_stage_at_fault_is_named_and_not_taken_for_the_compiler() -> None:
    class Faulty(Distortion):
        name = "faulty"

        def forward(self, images, level, noise=None):
            raise ValueError("no such luck")

    images = torch.rand(1, 3, 8, 8)
    with pytest.raises(StageError, match="faulty"):
        Chain([Faulty()], backend="eager").run_compiled(images, [{"level": torch.tensor([0.5])}], [None])
