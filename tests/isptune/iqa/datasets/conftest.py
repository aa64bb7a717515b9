"""Small made-up datasets in every layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

Write = Callable[..., Path]


def picture(path: Path, shade: int = 100, size: tuple[int, int] = (32, 32)) -> None:
    """A PNG of one shade, whatever the name says; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade, shade)).save(path, format="PNG")


def koniq(root: Path) -> Path:
    for index in range(4):
        picture(root / "1024x768" / f"{index}.jpg", 50 * index)
    rows = [
        f"{index}.jpg,1,2,3,4,5,{mos},{0.5 + index / 10},{part}"
        for index, (mos, part) in enumerate(
            [(20.5, "training"), (40, "training"), (60, "validation"), (80, "test")]
        )
    ]
    text = "image_name,c1,c2,c3,c4,c5,MOS,SD,set\n" + "\n".join(rows) + "\n"
    (root / "koniq10k_distributions_sets.csv").write_text(text)
    return root


def koniq_scores(root: Path) -> Path:
    for index in range(2):
        picture(root / "1024x768" / f"{index}.jpg")
    (root / "koniq10k_scores_and_distributions.csv").write_text(
        '"image_name","c1","c2","c3","c4","c5","c_total","MOS","SD","MOS_zscore"\n'
        '"0.jpg",0,0,25,73,7,105,3.8,0.5,68.7\n"1.jpg",0,3,45,47,1,96,3.5,0.6,58.7\n'
    )
    return root


def spaq(root: Path) -> Path:
    for index in (1, 2, 3):
        picture(root / "TestImage" / f"0000{index}.jpg")
    table = root / "Annotations" / "MOS and Image attribute scores.csv"
    table.parent.mkdir()
    table.write_text(
        "Image name,MOS,Brightness,Colorfulness,Contrast,Noisiness,Sharpness\n"
        "00001.jpg,54.4,1,1,1,1,1\n00002.jpg,60,1,1,1,1,1\n00003.jpg,12.5,1,1,1,1,1\n"
    )
    return root


def kadid(root: Path) -> Path:
    rows = []
    for content in (1, 2):
        picture(root / "images" / f"I0{content}.png")
        for level in (1, 2, 3):
            picture(root / "images" / f"I0{content}_01_0{level}.png")
            rows.append(f"I0{content}_01_0{level}.png,I0{content}.png,{5 - level},0.49{level}")
    (root / "dmos.csv").write_text("dist_img,ref_img,dmos,var\n" + "\n".join(rows) + "\n")
    return root


def tid(root: Path) -> Path:
    lines = []
    for content in (1, 25):
        picture(root / "reference_images" / ("i25.bmp" if content == 25 else "I01.BMP"))
        for level in (1, 2):
            picture(root / "distorted_images" / f"i{content:02d}_01_{level}.bmp")
            lines.append(f"{6 - level}.51429 I{content:02d}_01_{level}.bmp")
    (root / "mos_with_names.txt").write_text("\n".join(lines) + "\n")
    (root / "mos_std.txt").write_text("0.1\n0.2\n0.3\n0.4\n")
    return root


def livec(root: Path) -> Path:
    names = [f"t{index}.bmp" for index in range(1, 8)] + ["3.bmp", "4.bmp", "5.JPG"]
    for name in names:
        picture(root / "Images" / ("trainingImages" if name.startswith("t") else ".") / name)
    data = root / "Data"
    data.mkdir()
    cells = np.empty((len(names), 1), dtype=object)
    cells[:, 0] = names
    savemat(data / "AllImages_release.mat", {"AllImages_release": cells})
    savemat(data / "AllMOS_release.mat", {"AllMOS_release": np.arange(10.0)[None] * 10})
    savemat(data / "AllStdDev_release.mat", {"AllStdDev_release": np.full((1, 10), 19.5)})
    return root


def agiqa(root: Path) -> Path:
    rows = []
    for model in ("DALLE2", "sd1.5"):
        for index, prompt in enumerate(("a fox, red", "a tower")):
            picture(root / f"{model}_{index}.jpg")
            rows.append(f'{model}_{index}.jpg,"{prompt}",,,,{1 + index + len(rows) / 10},0.3,2.5,0.4')
    head = "name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align"
    (root / "data.csv").write_text(head + "\n" + "\n".join(rows) + "\n")
    return root


def meta(root: Path) -> Path:
    rows = []
    for index in range(5):
        picture(root / f"{index}.png", 40 * index, (32, 32) if index < 3 else (48, 40))
        rows.append(f"{index}.png,{index + 0.5},0.{index},{min(index, 2)},{'train' if index < 3 else 'test'}")
    head = "img_name,mos,std,official_split,ratio802_seed123_split_01"
    (root / "meta.csv").write_text(head + "\n" + "\n".join(rows) + "\n")
    return root


def meta_fr(root: Path) -> Path:
    rows = []
    for content in ("a", "b", "c"):
        picture(root / "images" / f"{content}.png")
        for level in (1, 2):
            picture(root / "images" / f"{content}{level}.png")
            rows.append(f"{content}.png,{content}{level}.png,{level + len(rows) / 10},0.1")
    (root / "meta_info_MadeUpDataset.csv").write_text("ref_name,dist_name,mos,std\n" + "\n".join(rows) + "\n")
    return root


MAKERS = {
    "koniq10k": koniq,
    "koniq10k-scores": koniq_scores,
    "spaq": spaq,
    "kadid10k": kadid,
    "tid2013": tid,
    "livec": livec,
    "agiqa3k": agiqa,
    "meta": meta,
    "meta-fr": meta_fr,
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a dataset of a layout into ``data`` and give its folder."""

    def make(layout: str) -> Path:
        root = tmp_path / "data"
        root.mkdir()
        return MAKERS[layout](root)

    return make
