"""LibRaw as a pipeline: what its parameters do, whatever the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from kornia.filters import gaussian_blur2d

import isptune
from isptune.errors import ConfigurationError
from isptune.scenes import chart, write_image
from isptune.testing import PipelineConformance
from isptune_external import check_canary
from isptune_libraw.parameters import arguments
from isptune_raw import dng_bytes, raw_scenes, simulate

rawpy = pytest.importorskip("rawpy", reason="rawpy is not installed (the extra raw)")


def here(pipeline):
    """Developed in this process: a worker would import torch for every call of render."""
    pipeline.development = replace(pipeline.development, isolated=False, environment={})
    return pipeline


def libraw(scenes=("chart:96x64",), **options):
    return here(isptune.create_pipeline("libraw", scenes=list(scenes), **options))


def developed(pipeline, scene=0, **values):
    named = {name.replace("__", "."): value for name, value in values.items()}
    return pipeline.render(pipeline.space.from_dicts([named]), scene)[0]


def psnr(first, second) -> float:
    return float(-10 * torch.log10((first - second).square().mean()))


class TestLibRaw(PipelineConformance):
    name = "libraw"

    def make(self):
        return libraw(["chart:96x64", "chart:64x80"])


@pytest.fixture(scope="module")
def clean():
    """A soft chart without noise, whose own picture is the reference."""
    picture = gaussian_blur2d(chart(192, 128)[None], (13, 13), (2.0, 2.0))[0]
    return libraw(raw_scenes([simulate(picture, noise=False)], reference=[picture]))


def test_the_defaults_give_back_the_photograph(clean):
    assert psnr(developed(clean), clean.reference(0)[0]) > 32


def test_the_defaults_are_the_cameras_white_balance(clean):
    from io import BytesIO

    from isptune_raw import dng_bytes

    with rawpy.imread(BytesIO(dng_bytes(clean.scenes[0].payload.raw))) as raw:
        own = raw.postprocess(
            use_camera_wb=True, no_auto_bright=True, gamma=(2.4, 12.92), output_bps=16, adjust_maximum_thr=0.0
        )
    own = torch.from_numpy(own.astype(np.float32) / 65535).permute(2, 0, 1)
    assert float((developed(clean) - own).abs().max()) < 2e-3


@pytest.mark.parametrize(("name", "value"), [("exposure__shift", 1.0), ("exposure__brightness", 2.0)])
def test_one_stop_doubles_the_light(clean, name, value):
    before, after = (
        torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
        for image in (developed(clean), developed(clean, **{name: value}))
    )
    middle = (before > 0.05) & (before < 0.4)
    assert float((after / before)[middle].median()) == pytest.approx(2.0, rel=0.03)


def test_a_search_that_comes_back_to_the_defaults_gives_their_picture(clean):
    back = clean.space.to_values(clean.space.to_unit(clean.space.start()))
    assert float((clean.render(back, 0)[0] - developed(clean)).abs().max()) < 1e-3
    view = clean.scenes[0].payload.raw
    made = [
        arguments(rawpy, clean.space.to_dicts(values)[0], view.gains)
        for values in (back, clean.space.start())
    ]
    assert made[0].keys() == made[1].keys()


def test_white_balance_is_relative_to_that_as_shot(clean):
    before, after = developed(clean), developed(clean, white_balance__red=0.8)
    assert float(after[0].mean()) < float(before[0].mean()) - 0.02


def test_the_threshold_of_wavelets_removes_noise():
    # LibRaw leaves pictures of 128 px on a side as they are.
    picture = gaussian_blur2d(chart(256, 192)[None], (13, 13), (2.0, 2.0))[0]
    noisy = libraw(raw_scenes([simulate(picture, iso=1600)], reference=[picture]))
    reference = noisy.reference(0)[0]
    gains = [psnr(developed(noisy, denoise__threshold=level), reference) for level in (10.0, 800.0)]
    assert gains[1] > gains[0] + 1


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_are_upright(orientation):
    raw = simulate(chart(96, 64), noise=False)
    turned = libraw([replace(raw, orientation=orientation)])
    plain = developed(libraw([raw]))
    quarters = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    assert torch.equal(developed(turned), torch.rot90(plain, quarters, (1, 2)))


def test_a_crop_is_that_part_of_the_whole():
    raw = simulate(chart(192, 160), noise=False)
    crops = libraw([raw], crop="1x64")
    whole = developed(libraw([raw], crop=None))
    view = crops.scenes[0].payload
    x, y = view.origin[0] + view.margins[0], view.origin[1] + view.margins[1]
    assert torch.equal(developed(crops)[:, 8:-8, 8:-8], whole[:, y + 8 : y + 56, x + 8 : x + 56])


def test_pictures_of_a_run_show_all_of_what_scenes_are_crops_of(tmp_path):
    picture = chart(192, 160)
    (tmp_path / "x.dng").write_bytes(dng_bytes(simulate(picture, noise=False)))
    write_image(tmp_path / "x.reference.png", picture)
    crops = libraw([tmp_path / "x.dng"], crop="1x64")
    whole = crops.whole(0)
    assert (crops.scenes[0].size, whole.size, whole.reference.shape) == ((64, 64), (160, 192), (3, 160, 192))
    assert torch.equal(
        crops.render(crops.space.start(), whole)[0], developed(libraw([tmp_path / "x.dng"], crop=None))
    )


def test_every_parameter_passes_the_canary():
    check_canary(libraw(["chart:176x144"]))


def test_it_tells_its_versions():
    libraw_version = ".".join(map(str, rawpy.libraw_version))
    assert libraw().versions == {"rawpy": rawpy.__version__, "LibRaw": libraw_version}


def test_a_broken_release_is_refused(monkeypatch):
    monkeypatch.setattr(rawpy, "__version__", "0.28.0")
    with pytest.raises(ConfigurationError, match="rawpy 0.28.0 corrupts memory where LibRaw reduces noise"):
        isptune.create_pipeline("libraw", scenes=["chart:96x64"])


def test_a_scene_without_reference_beside_one_with_is_refused():
    picture = chart(96, 64)
    scenes = [*raw_scenes([simulate(picture)], reference=[picture]), *raw_scenes([simulate(picture)])]
    with pytest.raises(ConfigurationError, match="has no reference, and others have one"):
        isptune.create_pipeline("libraw", scenes=scenes)
