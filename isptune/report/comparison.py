"""The pictures of the page: two of them under a divider, and detail crops of all."""

from __future__ import annotations

from collections.abc import Sequence

from isptune.report.markup import paragraph, text
from isptune.report.page import Page
from isptune.report.pictures import LARGEST_SIDE, Comparison, comparisons, crop_uri, preview_uri
from isptune.report.records import Record
from isptune.storage.paths import shown
from isptune.wording.words import FOUND, START, START_WORDS

# Base64 characters of all large pictures together.
_MOST = 9_000_000
# Smaller ones are shown enlarged, by whole factors.
_LEAST_WIDTH, _LEAST_CROP = 480, 120


def add_pictures(page: Page, records: Sequence[Record]) -> None:
    """The scenes at the start and as found, or a sentence where the runs hold no pictures."""
    found, total = comparisons(records)
    if not found:
        page.add(
            "pictures",
            "Pictures",
            paragraph(_no_pictures(records)),
        )
        return
    several = len({record.objective for record in records}) > 1 or len(records) > 1
    sentence = f"The scene {found[0].scene}" if len(found) == 1 else f"{len(found)} scenes"
    sentence += f" of {total}" if total > len(found) else ""
    sentence += f" with the parameters {FOUND}"
    sentence += (
        "; of each objective, the run in the middle of its runs on a scene is shown. "
        if several
        else f" and with those at the {START}, {START_WORDS}. "
    )
    sentence += "Drag the divider, or move it with the arrow keys."
    content = [paragraph(sentence)]
    for number, one in enumerate(found):
        if len(found) > 1:
            content.append(f"<h3>{text(one.scene)}</h3>")
        content += [_divider(one, _MOST // len(found)), _details(one, f"details-{number}")]
    page.add("pictures", "Pictures", "".join(content))


def _no_pictures(records: Sequence[Record]) -> str:
    """Why there are none, and what makes them."""
    if len(records) > 1:
        return "The runs hold no pictures: they are made when a run ends."
    return (
        "The run holds no pictures: they are made when it ends. "
        f"'isptune resume {shown(records[0].directory)}' goes on with it and makes what is missing."
    )


def _divider(found: Comparison, most: int) -> str:
    """Two pictures on top of one another with a divider; the script swaps them as the menus say."""
    encoded = _encoded(found, most)
    width, height = encoded[0][1], encoded[0][2]
    options = "".join(
        f'<option value="{index}">{text(picture.name)}</option>'
        for index, picture in enumerate(found.pictures)
    )
    pictures = "".join(
        f'<img src="{uri}" width="{width}" height="{height}" alt="{text(_words(found, index))}" '
        f'data-name="{text(picture.name)}" data-note="{text(picture.note)}"{"" if index < 2 else " hidden"}>'
        for index, (picture, (uri, _, _)) in enumerate(zip(found.pictures, encoded, strict=True))
    )
    shown = found.pictures[0].image.shape
    zoom = max(1, _LEAST_WIDTH // width)
    scaled = f", shown at {width}×{height}" if (shown[2], shown[1]) != (width, height) else ""
    scaled += f", every pixel as {zoom}×{zoom}" if zoom > 1 else ""
    size = f"--width: {zoom * width}px; --ratio: {width / height:.4f}"
    return (
        '<figure class="compare" data-compare>'
        '<div class="controls">'
        f'<label>Left <select data-side="left">{options}</select></label>'
        f'<label>Right <select data-side="right">{options}</select></label></div>'
        f'<div class="stage{" enlarged" if zoom > 1 else ""}" style="{size}">{pictures}'
        '<span class="tag left" aria-hidden="true"></span>'
        '<span class="tag right" aria-hidden="true"></span>'
        '<div class="divider" role="slider" tabindex="0" aria-label="Divider between the two pictures" '
        'aria-orientation="horizontal" aria-valuemin="0" aria-valuemax="100" aria-valuenow="50"></div></div>'
        '<label class="position">Position of the divider '
        '<input type="range" min="0" max="100" step="1" value="50"></label>'
        f'<figcaption><span data-notes></span><span class="quiet">{text(found.scene)}, {shown[2]}×{shown[1]} '
        f"pixels{scaled}.</span></figcaption></figure>"
    )


def _words(found: Comparison, index: int) -> str:
    picture = found.pictures[index]
    return f"{found.scene}, {picture.name}: {picture.note}"


def _encoded(found: Comparison, most: int) -> list[tuple[str, int, int]]:
    """All pictures at the largest of a few sizes at which they do not make the file heavy."""
    encoded: list[tuple[str, int, int]] = []
    for side in (LARGEST_SIDE, 1000, 720, 480):
        encoded = [preview_uri(picture.image, side) for picture in found.pictures]
        if sum(len(uri) for uri, _, _ in encoded) <= most:
            break
    return encoded


def _details(found: Comparison, identifier: str) -> str:
    """Crops pixel by pixel: a row per place, a column per picture."""
    if not found.crops:
        return ""
    heads = "".join(f'<th scope="col">{text(picture.name)}</th>' for picture in found.pictures)
    zoom = max(1, _LEAST_CROP // found.crops[0][2])
    size = f"every pixel as {zoom}×{zoom}" if zoom > 1 else "pixel by pixel"
    rows = []
    for crop in found.crops:
        x, y, width, height = crop
        cells = "".join(
            f'<td><img class="crop" src="{crop_uri(picture.image, crop)}" '
            f'width="{zoom * width}" height="{zoom * height}" '
            f'alt="{text(f"{picture.name}: detail of {width}×{height} pixels at {x}, {y}")}"></td>'
            for picture in found.pictures
        )
        rows.append(f'<tr><th scope="row">x {x}<br>y {y}</th>{cells}</tr>')
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{identifier}">'
        f'<table class="details"><caption id="{identifier}"><span>Details, {size}</span></caption>'
        f'<thead><tr><th scope="col">place</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
