"""The photographs that no embedded model was trained on, by name, where the machine has them.

scikit-image's and scikit-learn's come with the development packages; the others are Debian's package
plasma-workspace-wallpapers.
"""

from __future__ import annotations

from pathlib import Path

SCIKIT_IMAGE = (
    *(
        "astronaut.png",
        "chelsea.png",
        "coffee.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "motorcycle_left.png",
    ),
    *("retina.jpg", "rocket.jpg"),
)
SCIKIT_LEARN = ("china.jpg", "flower.jpg")
WALLPAPERS = (
    *(
        "Autumn",
        "BytheWater",
        "ColdRipple",
        "ColorfulCups",
        "DarkestHour",
        "EveningGlow",
        "FallenLeaf",
        "Grey",
    ),
    *("Kite", "OneStandsOut", "Path", "summer_1am"),
)


def test_photographs() -> dict[str, Path]:
    """Name and file of every test photograph that is on this machine."""
    import skimage
    import sklearn

    found = {Path(name).stem: Path(skimage.__file__).parent / "data" / name for name in SCIKIT_IMAGE}
    folder = Path(sklearn.__file__).parent / "datasets" / "images"
    found |= {Path(name).stem: folder / name for name in SCIKIT_LEARN}
    for name in WALLPAPERS:
        images = Path("/usr/share/wallpapers") / name / "contents" / "images"
        sizes = sorted(images.glob("2560x1600.*")) or sorted(images.glob("*x*.*"))
        if sizes:
            found[name] = sizes[-1]
    return {name: path for name, path in found.items() if path.exists()}
