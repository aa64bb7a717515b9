"""Scores of a study's images: computed by objectives, or read from a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from isptune.errors import ConfigurationError, EvaluationError, ImageError
from isptune.wording.naming import listed
from isptune_study.opening import Opened
from isptune_study.tables import number_of, parse_table, read_text

Scores = dict[str, list[float]]


def collected_scores(
    study: Opened,
    objectives: Sequence[str],
    files: Sequence[str],
    lower_is_better: Sequence[str],
    device: str,
) -> tuple[Scores, dict[str, bool]]:
    """By name scores in the order of the study's images, and whether higher is better.

    Args:
        study: whose images are scored.
        objectives: registered ones, with commas between several.
        files: CSV files, see ``read_table``.
        lower_is_better: columns of the files.
        device: where objectives score.

    Raises:
        IsptuneError: an objective that cannot be made or fails, images or scores that are missing.
    """
    scores: Scores = {}
    higher: dict[str, bool] = {}
    for file in files:
        for name, values in read_table(Path(file), study.answers.images).items():
            if name in scores:
                raise ConfigurationError(f"two files give scores of '{name}'")
            scores[name], higher[name] = values, name not in lower_is_better
    unknown = [name for name in lower_is_better if name not in scores]
    if unknown:
        raise ConfigurationError(
            f"--lower-is-better names '{unknown[0]}', which no file of --scores has; "
            f"they have {listed(scores)}"
        )
    names = [name.strip() for given in objectives for name in given.split(",") if name.strip()]
    for name in names:
        if name in scores:
            raise ConfigurationError(f"scores of '{name}' are given twice")
        scores[name], higher[name] = _computed(study, name, device)
    return scores, higher


def read_table(path: Path, images: Sequence[str]) -> Scores:
    """Scores of a CSV with a column of names; one called ``score`` alone is called like the file.

    Raises:
        ConfigurationError: it cannot be read, or lacks the score of an image.
    """
    table = parse_table(path, read_text(path, "the scores"), "the scores")
    columns, rows = table.columns, [row for _, row in table.rows]
    if len(columns) < 2:
        raise ConfigurationError(f"the scores '{path}' need a column of names and one of scores")
    by_name = {row[columns[0]]: row for row in rows}
    # Scores may have been made of files elsewhere.
    by_file = {Path(name).name: row for name, row in by_name.items()}
    by_stem = {Path(name).stem: row for name, row in by_name.items()}
    found: Scores = {}
    for column in columns[1:]:
        values = []
        for image in images:
            row = by_name.get(image) or by_file.get(Path(image).name) or by_stem.get(Path(image).stem)
            values.append(_score(path, image, column, row, table.has_decimal_commas))
        found[path.stem if column == "score" and len(columns) == 2 else column] = values
    return found


def _score(
    path: Path, image: str, column: str, row: Mapping[str, str] | None, has_decimal_commas: bool
) -> float:
    if row is None:
        raise ConfigurationError(f"the scores '{path}' have none of the image '{image}'")
    try:
        value = number_of(row[column], has_decimal_commas)
    except (KeyError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ConfigurationError(f"the scores '{path}' have no number for '{image}' in the column '{column}'")
    return value


def _computed(study: Opened, name: str, device: str) -> tuple[list[float], bool]:
    """The scores of a registered objective."""
    import torch

    from isptune.plugins import registry
    from isptune.scenes import read_image
    from isptune.tuning.blame import blame
    from isptune.tuning.devices import resolve_device
    from isptune.tuning.prechecks import refuse_judges

    registry.objectives.precheck(name, {})
    refuse_judges([name])
    missing = [image for image in study.answers.images if image not in study.files]
    if missing:
        raise ImageError(
            f"the objective '{name}' needs the images, and '{missing[0]}' was not found; give "
            "--images DIR, or --scores FILE.csv"
        )
    objective = registry.objectives.create(name)
    scenes = study.answers.scenes or ("",) * len(study.answers.images)
    lacking = [scene for scene in dict.fromkeys(scenes) if scene not in study.references]
    if objective.needs_reference and lacking:
        raise ConfigurationError(
            f"the objective '{name}' compares with a reference, and the study has none"
            + (f" of the scene '{lacking[0]}'" if lacking[0] else "")
        )
    where = resolve_device(device)
    objective.to(where)
    pristine = {scene: read_image(file).unsqueeze(0).to(where) for scene, file in study.references.items()}
    found = []
    for image, scene in zip(study.answers.images, scenes, strict=True):
        picture = read_image(study.files[image]).unsqueeze(0).to(where)
        with blame(f"the objective '{name}' on '{image}'"), torch.no_grad():
            value = float(objective.score(picture, pristine.get(scene))[0])
        if not math.isfinite(value):
            raise EvaluationError(f"the objective '{name}' gave '{image}' the score {value}")
        found.append(value)
    return found, bool(objective.higher_is_better)
