"""What a finished run leaves beside its log: the result and the pictures."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from isptune.objective import Objective
from isptune.pipeline import Pipeline, Scene, l1_distortion
from isptune.renderings import render
from isptune.result import TuneResult
from isptune.run import CONFIG_NAME, LOG_NAME, RESULT_NAME, RunDirectory


def write_outputs(
    directory: RunDirectory,
    pipeline: Pipeline,
    objective: Objective,
    result: TuneResult,
    pictures: bool = True,
) -> None:
    """Write ``result.json`` and, where they are wanted, the pictures; note the files in the result."""
    result.files = [directory.file(CONFIG_NAME), directory.file(LOG_NAME)]
    # The figures are safe before anything is drawn.
    result.files.append(
        directory.write(RESULT_NAME, json.dumps(result.to_dict(), indent=2, allow_nan=False) + "\n")
    )
    if not pictures:
        return
    if result.pareto is None:
        _draw_convergence(directory, objective, result)
    if result.best_parameters:
        if result.pareto is not None:
            _draw_pareto(directory, result)
        start = pipeline.space.start()
        found = pipeline.space.from_dicts([result.best_parameters])
        _draw_levels(directory, pipeline, result, start, found)
        _draw_before_after(directory, pipeline, objective, result, start, found)


def _draw_convergence(directory: RunDirectory, objective: Objective, result: TuneResult) -> None:
    from isptune import plots

    curves = plots.convergence([result.history], higher_is_better=result.history.higher_is_better)
    figure = plots.draw_convergence(curves, score_label=objective.name)
    result.files.append(plots.save(figure, directory.file("convergence.png")))


def _draw_pareto(directory: RunDirectory, result: TuneResult) -> None:
    from isptune import plots

    figure = plots.draw_pareto(plots.pareto_points(result.history))
    result.files.append(plots.save(figure, directory.file("pareto.png")))


def _draw_levels(
    directory: RunDirectory, pipeline: Pipeline, result: TuneResult, start: Tensor, found: Tensor
) -> None:
    from isptune import plots

    levels = pipeline.truth(torch.cat([start, found]))
    if levels is None:
        return
    figure = plots.draw_recovered_levels(
        pipeline.truth_labels,
        pipeline.truth_units,
        pipeline.truth_maxima,
        levels[0].tolist(),
        levels[1].tolist(),
    )
    result.files.append(plots.save(figure, directory.file("recovered_levels.png")))


def _draw_before_after(
    directory: RunDirectory,
    pipeline: Pipeline,
    objective: Objective,
    result: TuneResult,
    start: Tensor,
    found: Tensor,
) -> None:
    """The first scene at the start, at the best candidate, and pristine."""
    from isptune import plots

    scene = whole_scene(pipeline.scenes[0])
    reference = pipeline.reference(scene)
    images: dict[str, Tensor] = {}
    captions: dict[str, str] = {}
    with torch.no_grad():
        for label, values in (("before", start), ("after", found)):
            rendered = render(pipeline, values.to(scene.image.device), scene)
            images[label] = rendered[0].float().cpu()
            captions[label] = _caption(pipeline, objective, values, rendered, reference)
    if reference is not None:
        images["pristine"] = reference[0].float().cpu()
        captions["pristine"] = scene.name
    figure = plots.draw_before_after(images, captions)
    result.files.append(plots.save(figure, directory.file("before_after.png")))


def whole_scene(scene: Scene) -> Scene:
    """The whole picture that a cropped scene was taken from; the scene itself where it is not a crop."""
    file = scene.source.get("file")
    if file is None or scene.source.get("crop") is None:
        return scene
    from isptune.scenes import read_image

    image = read_image(file).to(device=scene.image.device, dtype=scene.image.dtype)
    return Scene(name=str(scene.name).rpartition("[")[0], image=image, index=scene.index)


def _caption(
    pipeline: Pipeline, objective: Objective, values: Tensor, image: Tensor, reference: Tensor | None
) -> str:
    if objective.orientations:
        scores = objective.scores(image, reference)[0].tolist()
        named = list(zip(objective.labels, scores, strict=True))
        # More would not fit over a picture; they stand in the result.
        parts = [f"{label} {score:.4g}" for label, score in named] if len(named) <= 3 else []
    else:
        parts = [f"{objective.name} {float(objective.score(image, reference)[0]):.4g}"]
    levels = pipeline.truth(values)
    if levels is not None:
        share = float(l1_distortion(levels, pipeline.truth_maxima)[1][0])
        parts.append(f"normalised l1 {share:.3g}")
    return ", ".join(parts)
