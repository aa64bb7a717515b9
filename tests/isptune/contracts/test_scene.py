"""A scene has a size; its payload is the pipeline's alone, and its digest tells when it has changed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from isptune import Float, ParameterSpace, Pipeline, Scene
from isptune.errors import ConfigurationError, ImageError
from isptune.scenes import load_scenes, write_image
from isptune.scenes.scene_pictures import picture_of, whole_picture
from isptune.testing.pictures import picture


def test_a_picture_is_payload_and_reference_in_one():
    image = picture(20, 30)[0]
    scene = Scene.of_picture("p", image)
    assert scene.size == (20, 30)
    assert (scene.height, scene.width) == (20, 30)
    assert scene.payload is image
    assert scene.reference is image
    assert picture_of(scene) is image
    assert scene.to("cpu").payload is scene.reference


def test_the_digest_of_a_picture_is_that_of_version_0_1():
    # What run.yaml of an older run holds: sha256 of the shape's text and the numbers.
    scene = Scene.of_picture("p", torch.arange(12, dtype=torch.float32).reshape(3, 2, 2) / 12)
    assert scene.digest() == "2dcf2a204b298fce"


@pytest.mark.parametrize(
    ("payload", "other"),
    [
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5])),
        (torch.ones(3, dtype=torch.bfloat16), torch.zeros(3, dtype=torch.bfloat16)),
        (np.arange(4, dtype=np.uint16), np.arange(1, 5, dtype=np.uint16)),
        (b"raw", b"war"),
        ("slot 1", "slot 2"),
        ({"mosaic": np.ones((4, 4)), "black": 64}, {"mosaic": np.ones((4, 4)), "black": 65}),
        (["a", ["b"]], ["a", "b"]),
    ],
    ids=["tensor", "bfloat16", "array", "bytes", "text", "mapping", "list"],
)
def test_another_payload_has_another_digest(payload, other):
    first, second, again = (Scene("s", (4, 4), payload=held) for held in (payload, other, payload))
    assert first.digest() == again.digest()
    assert first.digest() != second.digest()
    with_reference = Scene("s", (4, 4), torch.zeros(3, 4, 4), payload)
    assert with_reference.digest() not in (None, first.digest())


def test_a_file_is_digested_by_its_content_and_what_nobody_knows_has_no_digest(tmp_path):
    file = tmp_path / "night.dng"
    file.write_bytes(b"one")
    scene = Scene("night", (4, 4), payload=file)
    before = scene.digest()
    file.write_bytes(b"two")
    assert scene.digest() not in (None, before)
    assert Scene("gone", (4, 4), payload=Path("no such file")).digest() is None
    assert Scene("device", (4, 4), payload=object()).digest() is None
    assert Scene("device", (4, 4), payload=[1, object()]).digest() is None


def test_what_is_no_scene_is_refused_in_a_sentence(snapshot):
    for size, given in (
        ((0, 4), "(0, 4)"),
        ((4.0, 4), "(4.0, 4)"),
        (4, "4"),
        (torch.rand(3, 4, 4), "a Tensor"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            Scene("s", size)
        assert str(caught.value) == (
            f"the size of the scene 's' is {given}; allowed: height and width in pixels, such as (480, 640); "
            "Scene.of_picture makes a scene of a picture"
        )
    with pytest.raises(ConfigurationError) as caught:
        Scene("s", (4, 6), torch.zeros(3, 6, 4))
    assert str(caught.value) == snapshot
    with pytest.raises(ConfigurationError) as caught:
        load_scenes([Scene("raw", (4, 6), payload={"mosaic": 1})])
    assert str(caught.value) == (
        "the scene 'raw' holds no picture of the shape (3, 4, 6), but an object of the type dict"
    )


def test_references_are_cropped_as_their_scenes_are(tmp_path):
    image, other = picture(130, 140)[0], picture(130, 140, seed=1)[0]
    for name, one in (("a.png", image), ("b.png", other)):
        write_image(tmp_path / name, one)
    scenes = load_scenes(tmp_path / "a.png", crop="2x64", references=tmp_path / "b.png")
    assert len(scenes) == 2
    stored = picture_of(load_scenes(tmp_path / "b.png")[0])
    for scene in scenes:
        x, y, side, _ = scene.source["crop"]
        assert torch.equal(scene.reference, stored[:, y : y + side, x : x + side])
        assert not torch.equal(scene.reference, picture_of(scene))
    whole = whole_picture(scenes[1])
    assert whole.name == "a.png"
    assert torch.equal(whole.reference, stored)
    assert picture_of(whole).shape == (3, 130, 140)


def test_references_that_do_not_fit_are_refused(snapshot):
    with pytest.raises(ImageError) as caught:
        load_scenes(["chart:64x48", "chart:96x64"], references="chart:64x48")
    assert str(caught.value) == snapshot
    with pytest.raises(ImageError) as caught:
        load_scenes("chart:64x48", references="chart:48x64")
    assert str(caught.value) == snapshot


class Opaque(Pipeline):
    """A pipeline whose scenes hold no picture at all."""

    name = "opaque"

    def __init__(self, level=0.25):
        self.options = {}
        self.space = ParameterSpace({"grey": Float(0, 1)})
        self.scenes = [Scene("slot 3", (8, 10), payload={"slot": 3, "level": level})]

    def render(self, values, scene):
        scene = self.scene(scene)
        grey = (self.space.check(values) - scene.payload["level"]).abs()
        return grey.float().reshape(-1, 1, 1, 1).expand(-1, 3, *scene.size)


@pytest.mark.draws
def test_a_pipeline_without_pictures_is_tuned_resumed_and_shown(target):
    import isptune

    result = isptune.tune(Opaque(), target(), budget=20, population=10, seed=1, out="run")
    assert result.levels is None
    assert {"convergence.png", "before_after.png"} <= {file.name for file in result.files}
    again = isptune.tune(Opaque(), target(), budget=20, population=10, seed=1, out="run", resume=True)
    assert again.best_score == result.best_score
    with pytest.raises(isptune.IsptuneError, match="the scene 'slot 3' has changed since the run"):
        isptune.tune(Opaque(0.3), target(), budget=20, population=10, seed=1, out="run", resume=True)
