"""pyiqa's metrics as objectives, where pyiqa is installed: formulas without weights, run for real.

This is the only test module that imports pyiqa, which takes about ten seconds: its tests do, so that the
processes that run other files need not.
"""

from __future__ import annotations

import errno
import importlib.util
import logging
import os
import random
import socket
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import isptune
from isptune.errors import ConfigurationError, IsptuneError
from isptune.testing import ObjectiveConformance
from isptune.testing.pictures import picture, spoilt
from isptune_pyiqa.catalogue import read_catalogue
from isptune_pyiqa.loading import isolated_randomness

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyiqa") is None, reason="pyiqa, an optional extra, is not installed"
)

FORMULAS = [name for name, metric in read_catalogue().items() if metric.is_formula]


@pytest.fixture(scope="module", autouse=True)
def pyiqa() -> ModuleType:
    import pyiqa

    return pyiqa


class PyiqaConformance(ObjectiveConformance):
    sizes: ClassVar[tuple[tuple[int, int], ...]] = ((48, 80), (97, 65))
    # pyiqa is run in float32, whose finite differences need larger steps; where it rounds to 256 levels they
    # are the slope over several levels.
    supports_float64 = False
    difference_step = 1e-2
    gradient_tolerance = 0.05


class TestPyiqaPSNR(PyiqaConformance):
    name = "pyiqa:psnr"


class TestPyiqaSSIM(PyiqaConformance):
    name = "pyiqa:ssim"


class TestPyiqaSSIMOneByOne(PyiqaConformance):
    name = "pyiqa:ssim"
    options: ClassVar[dict[str, object]] = {
        "batched": False,
        "metric_options": {"test_y_channel": False},
    }


class TestPyiqaGMSD(PyiqaConformance):
    name = "pyiqa:gmsd"
    # A deviation bends sooner than a mean; the shorter step then feels the rounding more.
    difference_step = 3e-3
    gradient_tolerance = 0.1


class TestPyiqaVIF(PyiqaConformance):
    name = "pyiqa:vif"
    difference_step = 3e-3
    gradient_tolerance = 0.1


class TestPyiqaNLPD(PyiqaConformance):
    name = "pyiqa:nlpd"


class TestPyiqaPIQE(PyiqaConformance):
    name = "pyiqa:piqe"
    # It divides by the brightest value, which is 0 in a black picture.
    scores_flat_images = False


class TestPyiqaEntropy(PyiqaConformance):
    name = "pyiqa:entropy"

    def distorted(self, images):
        # Fewer grey levels, less entropy.
        return (images * 8).round() / 8


@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula_agrees_with_pyiqa_and_keeps_its_facts(name, pyiqa):
    good = picture(161, 165) if name == "ms_ssim" else picture(97, 65)
    images = torch.cat([spoilt(good), good.flip(-1)])
    objective = isptune.create_objective(f"pyiqa:{name}")
    metric = pyiqa.create_metric(name, device="cpu")
    assert objective.needs_reference == (metric.metric_mode == "FR")
    assert objective.higher_is_better != metric.lower_better
    given = good if objective.needs_reference else None
    found = objective.score(images, given)
    for image, score in zip(images, found, strict=True):
        expected = metric(image[None], good) if objective.needs_reference else metric(image[None])
        assert float(score) == pytest.approx(float(expected), rel=1e-5, abs=1e-6)
    low, high = objective.score_range
    assert bool(((found >= low) & (found <= high)).all())
    if objective.is_differentiable:
        for image in (images[:1], good):
            leaf = image.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(objective.score(leaf, given).sum(), leaf)
            assert bool(gradient.isfinite().all())
        leaf = images[:1].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(objective.score(leaf, given).sum(), leaf)
        assert bool((gradient != 0).any())
    else:
        leaf = images[:1].clone().requires_grad_()
        assert not objective.score(leaf, given).requires_grad


def test_the_licence_is_said_at_creation_and_stdout_stays_clean(caplog, capsys):
    with caplog.at_level(logging.WARNING, logger="isptune"):
        isptune.create_objective("pyiqa:psnr")
    assert [record.getMessage() for record in caplog.records if record.name == "isptune"] == [
        "pyiqa:psnr comes from pyiqa, which is under the PolyForm Noncommercial licence 1.0.0: "
        "noncommercial use only"
    ]
    assert capsys.readouterr().out == ""
    assert "PolyForm Noncommercial" in (type(isptune.create_objective("pyiqa:psnr")).__doc__ or "")


class Network(nn.Module):
    """In the place of a network with weights: records its batches, draws and prints as pyiqa's do."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(()))
        self.sizes = []

    def forward(self, images):
        self.sizes.append(len(images))
        crop = np.random.randint(0, 8) + int(torch.randint(0, 8, ())) + random.randrange(8)
        return (self.weight * images[..., crop:, crop:].mean(dim=(1, 2, 3), keepdim=True)), None


@pytest.fixture
def network(monkeypatch, pyiqa):
    """A metric without formula, ``pyiqa:ahiq`` turned no-reference, made of ``Network``."""
    made = []

    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            print("Loading pretrained model")
            assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"
            assert socket.getdefaulttimeout() == 20.0
            self.net = Network()
            made.append(self.net)

    monkeypatch.setattr(pyiqa, "create_metric", lambda name, device: Wrapper())
    monkeypatch.setattr("isptune_pyiqa.loading.reachable", lambda address: True)
    return made


def test_unknown_networks_run_one_image_at_a_time_with_fixed_crops(network, capsys):
    objective = isptune.create_objective("pyiqa:maniqa")
    images = torch.cat([picture(40, 40), picture(40, 40, seed=1), picture(40, 40, seed=2)])
    found = objective.score(images)
    assert network[0].sizes == [1, 1, 1]
    assert found.shape == (3,)
    assert not found.requires_grad
    assert torch.equal(found, objective.score(images))
    assert torch.equal(found[1:2], objective.score(images[1:2]))
    assert torch.equal(found, isptune.create_objective("pyiqa:maniqa").score(images))
    batched = isptune.create_objective("pyiqa:maniqa", batched=True)
    torch.testing.assert_close(batched.score(images), found)
    assert network[-1].sizes == [3]
    assert capsys.readouterr().out == ""


def test_loading_puts_every_setting_back(network):
    before = dict(os.environ), socket.getdefaulttimeout(), torch.get_rng_state(), random.getstate()
    isptune.create_objective("pyiqa:maniqa").score(picture(40, 40))
    assert dict(os.environ) == before[0]
    assert socket.getdefaulttimeout() is before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
    assert random.getstate() == before[3]


def test_pickled_code_in_weights_is_not_run(tmp_path, monkeypatch, pyiqa):
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (open, (str(ran), "w"))

    weights = tmp_path / "weights.pth"
    torch.save({"params": Evil()}, weights)

    def create(name, device):
        torch.load(weights, weights_only=False)

    monkeypatch.setattr(pyiqa, "create_metric", create)
    monkeypatch.setattr("isptune_pyiqa.loading.reachable", lambda address: True)
    with pytest.raises(IsptuneError, match="the objective 'pyiqa:maniqa' cannot be created: UnpicklingError"):
        isptune.create_objective("pyiqa:maniqa")
    assert not ran.exists()


def test_weights_that_cannot_be_fetched_give_one_sentence(tmp_path, monkeypatch):
    # A port of this machine that nothing listens on: refused at once, on any machine.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/brisque.pth"
    from pyiqa.archs import brisque_arch
    from pyiqa.utils import download_util

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download_util, "DEFAULT_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(brisque_arch.default_model_urls, "url", address)
    monkeypatch.setattr("isptune_pyiqa.loading.reachable", lambda address: False)
    with pytest.raises(IsptuneError) as caught:
        isptune.create_objective("pyiqa:brisque")
    assert str(caught.value) == (
        f"the objective 'pyiqa:brisque' needs the weights {address}, which are not on this machine and could "
        f"not be downloaded (ConnectionRefusedError: [Errno {errno.ECONNREFUSED}] Connection refused); "
        f"fetch that file on another machine and save it here as {tmp_path / 'brisque.pth'}"
    )


@pytest.mark.parametrize(
    "options",
    [
        {"batch": True},
        {"batched": "no"},
        {"metric_options": {"as_loss": True}},
        {"metric_options": [1]},
    ],
    ids=str,
)
def test_wrong_options_are_refused(options, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("pyiqa:psnr", **options)
    assert str(caught.value) == snapshot


def test_options_that_pyiqa_does_not_know_are_refused():
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("pyiqa:ssim", metric_options={"chanels": 1})
    assert "got an unexpected keyword argument 'chanels'" in str(caught.value)
    assert str(caught.value).startswith("metric_options of 'pyiqa:ssim' are refused by pyiqa: TypeError: ")


def test_isolated_randomness_is_the_same_every_time():
    draws = []
    for _ in range(2):
        torch.rand(3)
        with isolated_randomness(torch.device("cpu")):
            draws.append((torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random()))
    assert draws[0] == draws[1]
