"""The command line: one module per verb, imported when the verb is called."""

from __future__ import annotations

import errno
import logging
import os
import sys
from importlib import import_module, metadata
from typing import Any

import click

from isptune.cli.process import before_the_end
from isptune.cli.shared_options import without_underscores
from isptune.cli.streams import PlainFormatter, say, settled, take_any_name, use_streams
from isptune.errors import IsptuneError
from isptune.storage.paths import shortened, shown
from isptune.wording.naming import did_you_mean, listed, nearest

VERBS = {
    "tune": "Tune a pipeline's parameters for an objective.",
    "resume": "Resume a run from the end of its log.",
    "render": "Render an image with parameters of your choice.",
    "score": "Score images with objectives.",
    "evaluate": "Measure how well objectives agree with a dataset's opinion scores.",
    "bench": "Compare objectives by the hidden distortion that tuning leaves.",
    "bench trust": "Examine whether an objective can be trusted, and write its card.",
    "list": "List stages, pipelines, objectives, optimizers and learners.",
    "plot": "Draw the convergence of one or several runs.",
    "report": "Write an HTML report of runs or of a benchmark.",
    "export": "Write the parameters that a run found in the form that the ISP reads.",
    "train": "Train a learner, such as ScoreNet, on opinions or synthetic data.",
    "gallery": "Draw what the stages do at rising levels.",
    "doctor": "Check what works on this machine and what objectives would download.",
}


# What click 8.2 and later raise where a group is called without a command; earlier ones print the help.
_NO_ARGUMENTS: tuple[type[click.ClickException], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)

# What the system says of a name that is the user's to mend.
_MISTAKES = (errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.ELOOP)


class VerbGroup(click.Group):
    """A group that imports a verb's module only when the verb is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        # Not list(VERBS): once the verb is imported, this package's name `list` is its module.
        return [*VERBS, *plugin_verbs()]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        command: click.Command
        if name in VERBS:
            command = import_module(f"isptune.cli.{name.replace(' ', '_')}").command
        else:
            place = plugin_verbs().get(name)
            if place is None:
                return None
            command = place.load()
        for parameter in command.params:
            parameter.type = without_underscores(parameter.type)
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # A verb of two words stands beside the one that is its first word alone.
        if " ".join(args[:2]) in VERBS:
            args = [" ".join(args[:2]), *args[2:]]
        elif len(args) > 1 and not args[1].startswith("-") and not os.path.exists(args[1]):
            # Else the second word would be taken for what the first one takes.
            second = [verb.partition(" ")[2] for verb in VERBS if verb.startswith(f"{args[0]} ")]
            if meant := nearest(args[1], second):
                raise click.UsageError(
                    f"there is no command '{args[0]} {args[1]}'; did you mean '{args[0]} {meant}'?"
                )
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            verbs = self.list_commands(context)
            if args[0] not in verbs:
                raise click.UsageError(
                    f"there is no command '{args[0]}'"
                    + (did_you_mean(args[0], verbs) or f"; the commands: {listed(verbs)}")
                )
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        # The one-line texts stand here so that the help needs no verb's module.
        with formatter.section("Commands"):
            formatter.write_dl([*VERBS.items(), *_plugin_lines()])


def plugin_verbs() -> dict[str, metadata.EntryPoint]:
    """Commands of plugins, by name: the entry points ``isptune.commands``, of click commands and groups."""
    found = metadata.entry_points(group="isptune.commands")
    return {place.name: place for place in sorted(found, key=lambda place: place.name)}


def _plugin_lines() -> list[tuple[str, str]]:
    """Each command of a plugin with the first line of its docstring, which is read and not imported."""
    verbs = plugin_verbs()
    if not verbs:
        return []
    from isptune.plugins.source_code import UnreadableError, read
    from isptune.plugins.source_facts import summary

    lines = []
    for name, place in verbs.items():
        try:
            source = read(place.value)
            lines.append((name, "" if source is None else summary(source)))
        except UnreadableError:
            lines.append((name, ""))
    return lines


@click.group(cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="isptune", message="isptune %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Tune image signal processors: a pipeline renders, an objective scores, an optimizer proposes."""
    context.obj = {"debug": debug}
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter("isptune: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a plugin or a disk failed, 2 bad input, 130 stopped."""
    if "MPLBACKEND" in os.environ:
        # A notebook's backend, which its commands inherit, may be unknown here: nothing is shown in windows.
        os.environ["MPLBACKEND"] = "agg"
    use_streams()
    code = settled(run(sys.argv[1:] if arguments is None else arguments))
    before_the_end()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line and give its exit code."""
    take_any_name()
    try:
        result: Any = cli.main(args=arguments, prog_name="isptune", standalone_mode=False)
        # What cannot be written shall be found here, and not when Python ends.
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except IsptuneError as error:
        return _refused(error, arguments, str(error), error.exit_code)
    except click.ClickException as error:
        if isinstance(error, _NO_ARGUMENTS):
            # Its message is the help, of many lines.
            say(error.format_message())
            return error.exit_code
        say(f"isptune: error: {shown(error.format_message())}")
        return error.exit_code
    except click.Abort:
        say("isptune: stopped")
        return 130
    except (BrokenPipeError, SystemExit):
        # The reader of a pipe (head, say) went away, which click and rich turn into SystemExit: nobody is
        # left to tell.
        return 1
    except OSError as error:
        if error.filename is None:
            return _refused(error, arguments, f"the output cannot be written: {error.strerror or error}", 1)
        name = shortened(os.fsdecode(error.filename))
        code = 2 if error.errno in _MISTAKES else 1
        return _refused(error, arguments, f"'{name}': {error.strerror or error}", code)


def _refused(error: Exception, arguments: list[str], sentence: str, code: int) -> int:
    if "--debug" in arguments:
        logging.getLogger("isptune").exception("%s", shown(sentence), exc_info=error)
    else:
        say(f"isptune: error: {shown(sentence)}")
    return code
