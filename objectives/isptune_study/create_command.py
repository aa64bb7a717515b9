"""``isptune study create``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.errors import ConfigurationError
from isptune.storage.places import Place

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline
    from isptune_study.perturbing import Perturbed
    from isptune_study.study_tables import Settings


_LONGEST_TITLE = 200


@click.command("create", short_help="Make the images and the database of a study.")
@click.argument("scenes", nargs=-1)
@click.option("--out", required=True, metavar="DIR", help="The study's folder; it must be new or empty.")
@click.option("--pipeline", metavar="NAME", help="Perturb the parameters of this pipeline on the scenes.")
@click.option(
    "--pipeline-option",
    "pipeline_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set an option of the pipeline; the value is read as YAML. May be repeated.",
)
@click.option("--run", "run_directory", metavar="RUN", help="Take pipeline, scenes and candidates of a run.")
@click.option(
    "--pictures", metavar="DIR", help="Take pictures that are there; folders in it are scenes of their own."
)
@click.option(
    "--references",
    metavar="PATH",
    help="With --pictures: the reference, or a folder of one a scene, called as the scenes. Default: the "
    "pictures that are called reference, such as reference.png.",
)
@click.option("--images", type=int, default=100, metavar="N", help="How many of each scene. Default: 100.")
@click.option(
    "--spread",
    metavar="NAME",
    help="What spreads quality evenly: an objective, or truth where the pipeline knows it. Default: truth "
    "where it is known, the run's score, or the default objective.",
)
@click.option("--opponents", type=int, default=9, metavar="N", help="Each image meets so many. Default: 9.")
@click.option(
    "--design", default="random", metavar="NAME", help="random, balanced, swiss or active. Default: random."
)
@click.option("--same-pairs", is_flag=True, help="Let all observers compare the same pairs.")
@click.option("--training", type=int, default=5, metavar="N", help="Trials that do not count. Default: 5.")
@click.option("--repeats", type=int, default=0, metavar="N", help="Pairs that come again. Default: 0.")
@click.option(
    "--golden", type=int, default=0, metavar="N", help="Pairs of best and worst by what spreads. Default: 0."
)
@click.option(
    "--title", default="", metavar="TEXT", help="Of the study, for observers. Default: the folder's."
)
@click.option("--seed", type=int, default=0, metavar="N", help="Seed of settings, pairs, sides. Default: 0.")
@click.option(
    "--bits",
    type=click.Choice(["8", "16"]),
    default="8",
    metavar="[8|16]",
    help="Of the PNG files. Default: 8.",
)
def create(
    scenes: tuple[str, ...],
    out: str,
    pipeline: str | None,
    pipeline_options: tuple[str, ...],
    run_directory: str | None,
    pictures: str | None,
    references: str | None,
    images: int,
    spread: str | None,
    opponents: int,
    design: str,
    same_pairs: bool,
    training: int,
    repeats: int,
    golden: int,
    title: str,
    seed: int,
    bits: str,
) -> int:
    """Make a study of SCENES (files, folders or chart:WIDTHxHEIGHT), of a run, or of pictures.

    Parameters are perturbed so that the quality of the images is spread evenly; spread.png shows it
    before and after.

    \b
    Examples:
      isptune study create photo.png --pipeline synthetic --out studies/first
      isptune study create --run runs/first --images 40 --opponents 7 --out studies/second
      isptune study create --pictures candidates --out studies/third
    """
    target = Place(out)
    ways = [scenes or pipeline, run_directory, pictures]
    if sum(map(bool, ways)) != 1:
        raise ConfigurationError(
            "a study is made of scenes with a pipeline, of --run RUN, or of --pictures DIR: give one of them"
        )
    for option, value in (("--seed", seed), ("--golden", golden)):
        if value < 0:
            raise ConfigurationError(f"{option} is {value}; allowed: at least 0")
    if len(title) > _LONGEST_TITLE or not title.isprintable():
        raise ConfigurationError(
            f"--title is one line of at most {_LONGEST_TITLE} characters, got {len(title)}"
        )
    from isptune_study.making import check_new
    from isptune_study.sessions import Checks
    from isptune_study.study_tables import Settings

    check_new(target.path)
    settings = Settings(design, opponents, seed, same_pairs, Checks(training, repeats), {}, title)
    if pictures is not None:
        if golden or spread:
            raise ConfigurationError("--golden and --spread are not for --pictures: nothing measures them")
        _refuse(
            "--pictures",
            images="all in the folder are taken",
            bits="files are copied as they are",
            pipeline_options="nothing is rendered",
        )
        return _of_pictures(target.path, Path(pictures), settings, out, references)
    if references is not None:
        raise ConfigurationError("--references is for --pictures: a pipeline knows its own")
    # What cannot be is refused before anything is rendered.
    settings.check([""] * images)
    if 2 * golden > images:
        raise ConfigurationError(f"{golden} golden pairs need {2 * golden} images, and there are {images}")
    if run_directory is not None:
        _refuse("--run", pipeline_options="the run has its pipeline's options")
        made, perturbed = _of_run(run_directory, images, spread, seed)
    else:
        made, perturbed = _of_scenes(scenes, pipeline, pipeline_options, images, spread, seed)
    return _written(target.path, made, perturbed, settings, golden, int(bits), out)


def _refuse(way: str, **reasons: str) -> None:
    """Refuse options that would do nothing."""
    context = click.get_current_context()
    for name, reason in reasons.items():
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = name.removesuffix("s") if name == "pipeline_options" else name
            raise ConfigurationError(f"--{option.replace('_', '-')} is not for {way}: {reason}")


def _of_pictures(target: Path, source: Path, settings: Settings, out: str, references: str | None) -> int:
    from isptune_study.making import make_from_pictures
    from isptune_study.picture_checks import left_out
    from isptune_study.picture_folders import find_references, find_study_pictures

    found, held = find_study_pictures(source)
    scenes = list(dict.fromkeys(one.scene for one in found))
    if references is not None:
        held = find_references(Path(references), scenes)
    for note in left_out(source, {*(one.path for one in found), *held.values()}):
        click.echo(f"note: {note}", err=True)
    store, notes = make_from_pictures(target, found, settings, held)
    store.close()
    for note in notes:
        click.echo(f"note: {note}", err=True)
    count = len(scenes)
    known = f", {len(held)} with a reference" if held else ""
    click.echo(f"wrote {out} ({len(found)} images of {count} scene{'s' if count > 1 else ''}{known})")
    return 0


def _of_scenes(
    scenes: tuple[str, ...],
    pipeline: str | None,
    options: tuple[str, ...],
    images: int,
    spread: str | None,
    seed: int,
) -> tuple[Pipeline, Perturbed]:
    from isptune.cli.key_values import key_values
    from isptune.plugins import registry
    from isptune.tuning.prechecks import PIPELINE_SETTINGS, check_scenes

    name = pipeline or registry.pipelines.default()
    given = key_values(options, "--pipeline-option")
    registry.pipelines.precheck(name, given, PIPELINE_SETTINGS)
    if registry.pipelines.takes(name, "scenes"):
        if not scenes:
            raise ConfigurationError(
                f"the pipeline '{name}' renders pictures: name one, such as photo.png or chart"
            )
        check_scenes(scenes, pipeline=name)
        given.setdefault("scenes", [*scenes])
    for key, value in (("crop", "full"), ("seed", seed)):
        if registry.pipelines.takes(name, key):
            given.setdefault(key, value)
    made: Pipeline = registry.pipelines.create(name, **given)
    from isptune_study.perturbing import perturb

    quality, by = _quality(made, spread)
    return made, perturb(made, images, quality, by, seed=seed)


def _of_run(directory: str, images: int, spread: str | None, seed: int) -> tuple[Pipeline, Perturbed]:
    """The candidates of a run that are spread evenly over its score, or over what measures them."""
    import numpy as np
    import torch

    from isptune.cli.directories import require_runs
    from isptune.runs.run import Run
    from isptune.tuning.best_of_run import best_of_run
    from isptune_study.perturbing import Perturbed, spread_evenly

    require_runs([directory])
    made, _ = best_of_run(directory, None)
    run = Run.read(directory)
    history = run.history
    losses = history.losses[:, 0]
    finite = np.flatnonzero(np.isfinite(losses))
    _, first = np.unique(history.candidates[finite], axis=0, return_index=True)
    places = finite[np.sort(first)]
    if len(places) < images:
        raise ConfigurationError(
            f"the run in '{directory}' has {len(places)} different candidates with a score, fewer than "
            f"--images {images}"
        )
    values = run.space.to_values(torch.from_numpy(history.candidates[places]))
    if spread is None:
        qualities, by = -losses[places], f"score {run.labels[0]}"
    else:
        quality, by = _quality(made, spread)
        qualities = quality(values)
    chosen = spread_evenly(qualities, images)
    before = np.random.default_rng(seed).choice(len(places), images, replace=False)
    return made, Perturbed(values[torch.from_numpy(chosen)], qualities[chosen], qualities[before], by)


def _quality(pipeline: Pipeline, spread: str | None) -> tuple[Any, str]:
    """What measures quality, and its name."""
    from isptune.plugins import registry
    from isptune.tuning.prechecks import refuse_judges
    from isptune_study.perturbing import scored_quality, true_quality

    known = true_quality(pipeline)
    if spread == "truth" and known is None:
        raise ConfigurationError(f"the pipeline '{pipeline.name}' does not know its truth; name an objective")
    if known is not None and spread in (None, "truth"):
        return known, "truth"
    name = spread or registry.objectives.default()
    registry.objectives.precheck(name, {})
    refuse_judges([name])
    return scored_quality(pipeline, registry.objectives.create(name)), name


def _written(
    target: Path,
    made: Pipeline,
    perturbed: Perturbed,
    settings: Settings,
    golden: int,
    bits: int,
    out: str,
) -> int:
    from dataclasses import replace

    import numpy as np

    from isptune.figures.style import save
    from isptune_study.making import make_from_pipeline
    from isptune_study.panels import histogram
    from isptune_study.spread_figure import draw_spread

    order = np.argsort(-perturbed.qualities, kind="stable").tolist()
    pairs = tuple(zip(order[:golden], order[::-1][:golden], strict=True))
    settings = replace(settings, checks=replace(settings.checks, golden=pairs))
    make_from_pipeline(target, made, perturbed, settings, bits).close()
    save(draw_spread(perturbed), target / "spread.png")
    ends = (
        float(min(perturbed.qualities.min(), perturbed.unspread.min())),
        float(max(perturbed.qualities.max(), perturbed.unspread.max())),
    )
    before, after = (histogram(values, ends) for values in (perturbed.unspread, perturbed.qualities))
    count = len(made.scenes)
    click.echo(
        f"wrote {out} ({len(perturbed.qualities)} images of {count} scene{'s' if count > 1 else ''}, spread "
        f"by {perturbed.by}: chi-square {after.chi_square:.0f}, {before.chi_square:.0f} unspread)"
    )
    return 0
