"""Options that verbs share, and options made from the settings of a model."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

import click

from isptune.wording.words import DEVICES

if TYPE_CHECKING:
    from pydantic import BaseModel

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# What click gives for --mlflow without a store; no URI looks like it.
DEFAULT_STORE = "default"


def setting_options(model: type[BaseModel], *names: str) -> Decorator:
    """An option for each of a model's settings, in this order."""
    return together(*(setting_option(model, name) for name in names))


def setting_option(
    model: type[BaseModel], name: str, *options: str, kind: type = str, multiple: bool = False
) -> Decorator:
    """The option of one setting of a model: its type, its sentence of help and its default.

    What is not given is None, so that a file's setting or the model's default holds.

    Args:
        model: made of fields that ``isptune.tuning.settings.shared.setting`` gives.
        name: of the setting.
        options: what it is called on the command line; ``--NAME`` where there is none.
        kind: of its values, where the setting is neither a number nor a switch.
        multiple: it may be repeated; what is not given is then ().
    """
    annotation = model.model_fields[name].annotation
    kinds = [one for one in get_args(annotation) or (annotation,) if one is not NoneType]
    declared = (*(options or (f"--{name.replace('_', '-')}",)), name)
    said = help_of(model, name, multiple)
    if kinds == [bool]:
        return click.option(*declared, is_flag=True, default=None, help=said)
    kind = kinds[0] if kinds in ([int], [float]) else kind
    metavar = words_of(model, name)["metavar"]
    return click.option(*declared, type=kind, metavar=metavar, multiple=multiple, help=said)


def help_of(model: type[BaseModel], name: str, repeated: bool = False) -> str:
    """What a setting does, what to choose from and its default, in sentences."""
    field, words = model.model_fields[name], words_of(model, name)
    said = [field.description or ""]
    if words["kind"]:
        said[0] += f"; see 'isptune list {words['kind']}'"
    if repeated:
        said.append("May be repeated")
    default = default_in_words(model, name)
    return ". ".join([*said, *([f"Default: {default}"] if default else [])]) + "."


def default_in_words(model: type[BaseModel], name: str) -> str:
    """What holds where a setting is not given; nothing where one must be given or where it is a switch."""
    field, words = model.model_fields[name], words_of(model, name)
    if field.is_required() or field.default is False:
        return ""
    if words["otherwise"]:
        return words["otherwise"]
    if words["kind"]:
        from isptune.plugins.registry import REGISTRIES

        return REGISTRIES[words["kind"]].default()
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def words_of(model: type[BaseModel], name: str) -> dict[str, str]:
    """What ``setting`` was told of a field beside its sentence."""
    words: Any = model.model_fields[name].json_schema_extra
    return dict(words)


def together(*decorators: Decorator) -> Decorator:
    """Several options as one decorator; the help shows them in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def without_underscores(kind: click.ParamType) -> click.ParamType:
    """A click type of numbers that refuses '_' in them, which Python reads and nobody means."""
    if not isinstance(kind, (click.types.IntParamType, click.types.FloatParamType)):
        return kind

    class Plain(type(kind)):  # type: ignore[misc]
        def convert(self, value: Any, param: Any, ctx: Any) -> Any:
            if isinstance(value, str) and "_" in value:
                self.fail(f"'{value}' has '_' in a number; write {value.replace('_', '')}", param, ctx)
            return super().convert(value, param, ctx)

    plain = Plain.__new__(Plain)
    plain.__dict__.update(kind.__dict__)
    return plain


def pairs_option(option: str, name: str, metavar: str, said: str) -> Decorator:
    """An option of texts such as ``KEY=VALUE`` that may be repeated."""
    return click.option(option, name, multiple=True, metavar=metavar, help=f"{said}. May be repeated.")


def plugin_option(kind: str) -> Decorator:
    """``--pipeline-option`` and its siblings."""
    return pairs_option(
        f"--{kind}-option",
        f"{kind}_options",
        "KEY=VALUE",
        f"Set an option of the {kind}; the value is read as YAML",
    )


objective_option = pairs_option(
    "--objective-option",
    "objective_options",
    "[NAME.]KEY=VALUE",
    "Set an option of an objective, named where there are several; the value is read as YAML",
)

parameter_options = together(
    pairs_option(
        "--fix",
        "fixed",
        "NAME[=VALUE]",
        "Hold a parameter, or all that a glob names, at a value or at its default",
    ),
    pairs_option(
        "--range", "ranges", "NAME=LOW:HIGH", "Search a part of a parameter's range; A:B:C of a choice"
    ),
    pairs_option("--tie", "ties", "NAME=OTHER", "Give a parameter the value of another one"),
)

checkpoint_option = click.option(
    "--checkpoint",
    metavar="DIR-OR-NAME",
    help="Load the objective's checkpoint from a folder, or from a repository OWNER/NAME of the Hugging Face "
    "hub. Short for --objective-option checkpoint=...",
)

device_option = click.option("--device", default="auto", metavar="NAME", help=f"{DEVICES}. Default: auto.")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, everything else on stderr."
)

tracking_options = together(
    click.option(
        "--tensorboard",
        is_flag=True,
        help="Write TensorBoard files into tensorboard/ of the run directory.",
    ),
    click.option(
        "--mlflow",
        is_flag=False,
        flag_value=DEFAULT_STORE,
        metavar="[URI]",
        help="Track the run in MLflow. Default store: sqlite:///mlflow.db. "
        "Without a URI, write it last or before another option.",
    ),
    click.option("--wandb", metavar="PROJECT", help="Track the run in Weights & Biases."),
)
