"""The distance from the pristine model, the model's file, and the script that fits it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import isptune
from isptune.errors import ConfigurationError
from isptune.scenes.image_writing import write_image
from isptune.testing.pictures import picture
from isptune_statistics import niqe, pristine
from isptune_statistics.natural_scenes import FEATURES, coefficients_of, natural_scene_features
from isptune_statistics.niqe import load_pristine, niqe_distance, save_pristine


@pytest.mark.parametrize(
    ("size", "side"),
    [
        ((2160, 3840), 96),
        ((192, 192), 96),
        ((96, 384), 96),
        ((191, 192), 64),
        ((96, 191), 48),
        ((100, 100), 48),
        ((64, 64), 32),
        ((48, 80), 24),
        ((32, 32), 16),
        ((32, 63), 16),
    ],
)
def test_patches_are_96_px_where_four_fit(size, side):
    assert niqe.patch_size(*size) == side


def test_patches_are_cut_where_they_should_be(photographs):
    image = photographs.photograph("coffee")[..., :209, :290]
    planes = list(coefficients_of(image))
    blocks = niqe.blocks_of(planes, 96)
    # 208 - 192 = 16 and 290 - 288 = 2 are left over: 8 and 0 above and left, both even.
    assert blocks[0][0].shape == (1, 6, 96, 96)
    assert torch.equal(blocks[0][0][0, 4], planes[0][0][0, 104:200, 96:192])
    assert torch.equal(blocks[1][1][0, 5], planes[1][1][0, 52:100, 96:144])


def test_distance_agrees_with_numpy(photographs):
    image = photographs.photograph("astronaut")
    model = load_pristine()
    planes = list(coefficients_of(image))
    features, _ = niqe.patch_features(planes, 96)
    assert features.shape == (1, 12, 36)
    samples = features[0].numpy()
    middle = (np.cov(samples, rowvar=False) + model.covariance.numpy()) / 2
    difference = samples.mean(axis=0) - model.mean.numpy()
    expected = np.sqrt(difference @ np.linalg.pinv(middle, rcond=1e-14) @ difference)
    assert float(niqe_distance(image)) == pytest.approx(expected, rel=1e-5)
    # A whole image of one patch has that patch's features.
    one = [tuple(plane[..., : 96 // 2**k, : 96 // 2**k] for plane in pair) for k, pair in enumerate(planes)]
    whole = natural_scene_features(image[..., :96, :96])
    torch.testing.assert_close(niqe.patch_features(one, 96)[0][0], whole, rtol=0.1, atol=0.02)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_distance_grows_with_blur_noise_and_compression(photographs, name):
    image = photographs.whole(name)
    own = float(niqe_distance(image))
    assert own < 5
    for spoil, levels in (
        (photographs.blur, (1.2, 2.0, 4.0)),
        (photographs.noise, (0.03, 0.1, 0.2)),
        (photographs.jpeg, (30, 15, 7)),
    ):
        found = [own, *(float(niqe_distance(spoil(image, level))) for level in levels)]
        assert found == sorted(found), (name, spoil.__name__, found)
        assert found[-1] > 1.4 * own


def test_the_shipped_model_is_small_and_is_one(tmp_path):
    model = load_pristine()
    assert model.mean.shape == (36,)
    assert torch.equal(model.covariance, model.covariance.T) or torch.allclose(
        model.covariance, model.covariance.T, rtol=1e-12
    )
    assert int(model.facts["patches"]) > 500
    for package in ("lomiri-wallpapers-16.04", "mate-backgrounds", "opencv-doc"):
        assert package in model.facts["origin"]
    # Another reader of the format sees the same.
    safetensors = pytest.importorskip("safetensors.torch")
    path = save_pristine(model, tmp_path / "model.safetensors")
    assert path.stat().st_size < 40_000
    tensors = safetensors.load_file(path)
    assert torch.equal(tensors["mean"], model.mean)
    assert torch.equal(tensors["covariance"], model.covariance)
    again = load_pristine(path)
    assert torch.equal(again.covariance, model.covariance)
    assert again.facts == model.facts
    # And a file of that other writer is read.
    safetensors.save_file(tensors, tmp_path / "other.safetensors")
    assert torch.equal(load_pristine(tmp_path / "other.safetensors").mean, model.mean)


def test_wrong_files_are_refused(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(ConfigurationError) as caught:
        isptune.create_objective("niqe-distance", pristine=missing)
    assert str(caught.value) == f"the pristine model '{missing}' cannot be read: No such file or directory"
    good = save_pristine(load_pristine(), tmp_path / "good").read_bytes()
    single = torch.eye(36, dtype=torch.float64)
    singular = niqe.PristineModel(torch.zeros(36), single * 0)
    for bad in (
        b"",
        b"text",
        good[:-8],
        good.replace(b'"F64"', b'"F32"'),
        save_pristine(singular, tmp_path / "singular").read_bytes(),
    ):
        path = tmp_path / "bad"
        path.write_bytes(bad)
        with pytest.raises(ConfigurationError) as caught:
            load_pristine(path)
        assert str(caught.value) == (
            f"'{path}' is not a pristine model; make one with "
            "python -m isptune_statistics.pristine PHOTOGRAPHS --out FILE"
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fourteen generated pictures, one of them in a subfolder."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "sub").mkdir()
    for seed in range(14):
        place = folder / "sub" if seed == 5 else folder
        write_image(place / f"picture{seed}.png", picture(200, 260 if seed else 500, seed=seed)[0])
    return folder


def test_the_script_fits_a_model_that_its_seed_reproduces(folder, tmp_path, capsys):
    paths = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for path, seed in zip(paths, (0, 0, 1), strict=True):
        arguments = [
            str(folder),
            "--out",
            str(path),
            "--longest",
            "300",
            "--patches",
            "9",
            "--seed",
            str(seed),
        ]
        assert pristine.main([*arguments, "--origin", "generated"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        f"{paths[0]}: {load_pristine(paths[0]).facts['patches']} patches, {paths[0].stat().st_size} bytes"
    )
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes() != paths[2].read_bytes()
    model = load_pristine(paths[0])
    assert model.facts["origin"] == "generated"
    assert "picture5.png" in model.facts["pictures"]
    # Pictures of its own kind are nearer to it than to the model of photographs.
    like = picture(200, 260, seed=9)
    assert float(niqe_distance(like, model)) < float(niqe_distance(like)) / 2
    objective = isptune.create_objective("niqe-distance", pristine=str(paths[0]))
    assert float(objective.score(like)) == pytest.approx(float(niqe_distance(like, model)), rel=1e-6)


def test_the_fit_is_the_mean_and_covariance_of_sharp_patches(folder):
    image = pristine.read_image(folder / "picture1.png").unsqueeze(0)
    every = pristine.sharp_patches(image, sharp=0.0)
    # 2 x 2 on the grid, 2 x 2 shifted across, 1 x 2 shifted down, 1 x 2 both ways.
    assert len(every) == 4 + 4 + 2 + 2
    assert 0 < len(pristine.sharp_patches(image, sharp=0.9)) < len(every)
    assert len(pristine.sharp_patches(picture(64, 64))) == 0
    samples = torch.randn(100, 36, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = niqe.fit_pristine(samples)
    np.testing.assert_allclose(model.covariance, np.cov(samples.numpy(), rowvar=False), atol=1e-12)


def test_the_script_reduces_by_whole_factors():
    image = picture(300, 500)[0]
    assert pristine.reduced(image, 500).shape == (1, 3, 300, 500)
    assert pristine.reduced(image, 499).shape == (1, 3, 150, 250)
    assert pristine.reduced(image, 200).shape == (1, 3, 100, 166)


def test_the_script_refuses_in_one_sentence(folder, tmp_path, capsys):
    out = str(tmp_path / "model")
    for sources, message in (
        ([str(tmp_path / "none")], f"there is no file or folder '{tmp_path / 'none'}'"),
        ([str(tmp_path)], "there are no pictures to fit a pristine model to"),
        (
            [str(folder / "picture1.png")],
            "patches do not make a pristine model of 36 features; give more and larger photographs",
        ),
    ):
        assert pristine.main([*sources, "--out", out]) == 1
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        pristine.main([str(folder), "--out", out, "--longest", "10"])
    assert "--longest is 10; allowed: whole numbers from 96" in capsys.readouterr().err
    assert len(FEATURES) == 36
