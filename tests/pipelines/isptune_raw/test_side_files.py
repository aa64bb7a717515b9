"""Plain arrays of sensors in development, and the YAML files beside them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from isptune.errors import ConfigurationError, ImageError
from isptune_raw import read_raw

FACTS = {"pattern": "RGGB", "black": 0, "white": 9}


def mosaic(height: int = 48, width: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1023, (height, width)).astype(np.uint16)


@pytest.mark.parametrize("kind", ["npy", "png", "tiff"])
def test_plain_arrays_are_read_with_their_yaml_file(tmp_path: Path, kind: str) -> None:
    values = mosaic()
    path = tmp_path / f"sensor.{kind}"
    if kind == "npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)
    facts = {"pattern": "bggr", "black": 64, "white": 1023, "neutral": [0.5, 1, 0.7], "noise": [1e-4, 1e-6]}
    (tmp_path / "sensor.yaml").write_text(yaml.safe_dump(facts))
    found = read_raw(path)
    assert np.array_equal(found.mosaic, values)
    assert (found.pattern, found.black, found.white) == ("BGGR", (64, 64, 64, 64), 1023)
    assert found.neutral == (0.5, 1.0, 0.7)
    assert np.array(found.noise).tolist() == [[1e-4, 1e-6]] * 3


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"patern": "RGGB"}, "has the unknown key 'patern'; did you mean 'pattern'"),
        ({"pattern": "RGGB", "black": 0}, "does not say white; needed: pattern, black, white"),
        ({"pattern": "RGBG", "black": 0, "white": 9}, "the pattern of the mosaic is 'RGBG'"),
        (
            {"pattern": "RGGB", "black": 9, "white": 9},
            "allowed: four black levels of at least 0, each below white",
        ),
        ({**FACTS, "black": None}, "does not say black"),
        ({**FACTS, "black": "dark"}, "black is dark; allowed: one number or four"),
        ({**FACTS, "black": [1, 2]}, "black is .1, 2.; allowed: one number or four"),
        ({**FACTS, "black": [0, [1], 2, 3]}, "allowed: one number or four"),
        ({**FACTS, "white": True}, "white is True; allowed: one number"),
        ({**FACTS, "white": float("nan")}, "white is nan; allowed: one number"),
        ({**FACTS, "neutral": 1}, "neutral is 1; allowed: three numbers"),
        ({**FACTS, "noise": 1e-3}, "noise is 0.001; allowed: shot and read noise, such as"),
        ({**FACTS, "matrix": [1, 2]}, "matrix is .1, 2.; allowed: three rows of three numbers"),
        ({**FACTS, "matrix": [[float("inf"), 0, 0], [0, 1, 0], [0, 0, 1]]}, "allowed: three rows of three"),
        ({**FACTS, "iso": -5}, "iso is -5; allowed: above 0"),
        ({**FACTS, "orientation": 2.7}, "orientation is 2.7; allowed: a whole number from 1 to 8"),
        ({**FACTS, "make": ["a"]}, "make is .'a'.; allowed: a text"),
    ],
)
def test_a_yaml_file_that_is_wrong_is_refused(tmp_path: Path, facts: dict[str, object], message: str) -> None:
    np.save(tmp_path / "sensor.npy", mosaic())
    (tmp_path / "sensor.yaml").write_text(yaml.safe_dump(facts))
    with pytest.raises((ConfigurationError, ImageError), match=f"sensor.yaml'.*{message}"):
        read_raw(tmp_path / "sensor.npy")


def test_an_array_without_a_yaml_file_says_what_is_missing(tmp_path: Path) -> None:
    np.save(tmp_path / "sensor.npy", mosaic())
    with pytest.raises(
        ImageError, match=r"so 'sensor.yaml' beside it must say at least pattern, black and white"
    ):
        read_raw(tmp_path / "sensor.npy")


def test_arrays_never_run_code(tmp_path: Path) -> None:
    np.save(tmp_path / "sensor.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "sensor.yaml").write_text("{pattern: RGGB, black: 0, white: 9}")
    with pytest.raises(ImageError, match="cannot be read"):
        read_raw(tmp_path / "sensor.npy")


def test_numbers_in_the_other_order_of_bytes_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "sensor.npy", mosaic().astype(">u2"))
    (tmp_path / "sensor.yaml").write_text(yaml.safe_dump({**FACTS, "white": 1023}))
    found = read_raw(tmp_path / "sensor.npy").mosaic
    assert np.array_equal(found, mosaic())
    assert found.dtype == np.uint16


def test_mutated_arrays_and_yaml_files_raise_nothing_but_sentences(tmp_path: Path) -> None:
    side = yaml.safe_dump({**FACTS, "white": 1023, "neutral": [0.5, 1, 0.7], "noise": [1e-4, 1e-6]}).encode()
    whole = {}
    for kind in ("npy", "png", "tif"):
        path = tmp_path / f"sensor.{kind}"
        np.save(path, mosaic()) if kind == "npy" else Image.fromarray(mosaic()).save(path)
        whole[kind] = path.read_bytes()
    generator = np.random.default_rng(2)
    fates: Counter[str] = Counter()
    for case in range(300):
        kind = ("npy", "png", "tif")[case % 3]
        array, text = bytearray(whole[kind]), bytearray(side)
        changed = array if case % 2 else text
        for place in generator.integers(0, min(len(changed), 200), int(generator.integers(1, 4))):
            changed[place] = (
                int(generator.integers(0, 256))
                if case % 2
                else int(generator.choice(list(b"-.:[]{}!&*% 9e\n")))
            )
        path = tmp_path / f"x.{kind}"
        path.write_bytes(array)
        path.with_suffix(".yaml").write_bytes(text)
        message = ""
        try:
            read_raw(path)
        except (ImageError, ConfigurationError) as error:
            message = str(error)
        fates["refused" if message else "read"] += 1
        assert "\n" not in message
        assert not message or "x." in message
    assert min(fates["read"], fates["refused"]) > 30
