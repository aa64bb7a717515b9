"""``isptune study export``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from isptune.errors import ConfigurationError
from isptune.storage.places import Place


@click.command("export", short_help="Write the answers of a study as files that other programs read.")
@click.argument("given", metavar="STUDY")
@click.option("--out", required=True, metavar="DIR", help="The folder to write into; it is made.")
@click.option("--with-images", is_flag=True, help="Copy the images as well.")
@click.option("--without", multiple=True, metavar="NAME", help="Leave out an observer. May be repeated.")
@click.option(
    "--keep-names", is_flag=True, help="Keep the observers' names. Default: numbers in their place."
)
@click.option("--licence", metavar="TEXT", help="Of the data set, as an address or an SPDX name.")
def export(
    given: str, out: str, with_images: bool, without: tuple[str, ...], keep_names: bool, licence: str | None
) -> int:
    """Write every answer of STUDY as CSV and JSON, the opinions as a meta file, and Croissant metadata.

    answers.csv has the columns of pwcmp, with a tie, the kind of the trial and the seconds; meta.csv has name
    and MOS, as 'isptune evaluate' reads it; viewing.json has what the page noted of each visit and answer.

    \b
    Examples:
      isptune study export studies/first --out first-data --with-images
    """
    target = Place(out).path
    from dataclasses import replace

    from isptune.storage.writing import make_folder, write_whole
    from isptune.wording.showing import counted
    from isptune_study.answer_files import answers_csv, answers_json
    from isptune_study.croissant import croissant
    from isptune_study.opening import open_study
    from isptune_study.score_files import meta_csv
    from isptune_study.scoring import score_study
    from isptune_study.storage import FILE
    from isptune_study.viewing import viewing_json

    study = open_study(given)
    answers = study.answers.without(without) if without else study.answers
    called = answers.observers
    if not keep_names:
        called = tuple(f"observer {n + 1}" for n in range(len(called)))
    names = dict(zip(answers.observers, called, strict=True))
    answers = replace(answers, observers=called)
    if with_images and not study.files:
        raise ConfigurationError(f"the images of '{given}' are not there; leave out --with-images")
    if not len(answers):
        raise ConfigurationError(
            "there is no answer to write: nobody answered, or every observer is left out"
        )
    plates = {names[name]: read for name, read in study.plates.items()}
    scores = score_study(answers, design=study.design, plates=plates) if len(answers.tests()) else None
    texts = {"answers.csv": answers_csv(answers), "answers.json": answers_json(answers) + "\n"}
    if scores is not None:
        texts["meta.csv"] = meta_csv(scores)
    if study.path.name == FILE:
        texts["viewing.json"] = viewing_json(study.path, names) + "\n"
    for name in texts:
        if (target / name).resolve() == study.path.resolve():
            raise ConfigurationError(
                f"'{target / name}' is the file that is exported; name another folder with --out"
            )
    make_folder(target, ConfigurationError)
    for name, text in texts.items():
        write_whole(target / name, text, ConfigurationError)
    if with_images:
        for name, file in study.files.items():
            copy = target / "images" / name
            make_folder(copy.parent, ConfigurationError)
            if copy.resolve() != Path(file).resolve():
                shutil.copyfile(file, copy)
    people = len({*answers.observer.tolist()})
    description = (
        f"{counted(len(answers), 'answer')} of {counted(people, 'observer')} who compared "
        f"{counted(len(answers.images), 'image')} in pairs"
        f"{', and the opinion scores that follow from them' if scores else ''}."
    )
    text = croissant(
        study.title,
        description,
        target,
        [one for one in ("answers.csv", "meta.csv") if one in texts],
        with_images,
        licence,
    )
    write_whole(target / "croissant.json", text, ConfigurationError)
    notes = (
        scores.notes if scores else ("no answer counts yet, as all were for training: there is no meta.csv",)
    )
    for note in notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"wrote {out} ({counted(len(answers), 'answer')} of {counted(people, 'observer')})")
    return 0
