"""Croissant metadata of a study: what the files of an export are, for machines (MLCommons Croissant 1.1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_TYPES = {
    "session": "sc:Integer", "is_A_selected": "sc:Float", "is_tie": "sc:Integer", "expected": "sc:Float",
    "seconds": "sc:Float", "mos": "sc:Float", "std": "sc:Float",
}  # fmt: skip


def croissant(
    title: str, description: str, folder: Path, tables: Sequence[str], pictures: bool, licence: str | None
) -> str:
    """The text of ``croissant.json``.

    Args:
        title: of the data set.
        description: of it.
        folder: of the export, which holds the files.
        tables: names of the CSV files in it; their columns are described.
        pictures: whether the images lie in ``images``.
        licence: its address or SPDX name; None where the owner has not said one.
    """
    files: list[dict[str, Any]] = [_file(folder / name) for name in tables]
    if pictures:
        files.append(
            {
                "@type": "cr:FileSet",
                "@id": "images",
                "name": "images",
                "encodingFormat": "image/*",
                "includes": "images/**",
            }
        )
    data = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": title,
        "description": description,
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        **({} if licence is None else {"license": licence}),
        "distribution": files,
        "recordSet": [_records(folder / name) for name in tables],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _file(path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": "text/csv",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _records(path: Path) -> dict[str, Any]:
    columns = path.read_text(encoding="utf-8").partition("\n")[0].split(",")
    return {
        "@type": "cr:RecordSet",
        "@id": path.stem,
        "name": path.stem,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{path.stem}/{column}",
                "name": column,
                "dataType": _TYPES.get(column, "sc:Text"),
                "source": {"fileObject": {"@id": path.name}, "extract": {"column": column}},
            }
            for column in columns
        ],
    }
