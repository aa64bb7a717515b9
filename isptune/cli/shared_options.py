"""Options that verbs share, and options made from the settings of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from isptune.tuning.described_settings import SHARED, Setting

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# What click gives for --mlflow without a store; no URI looks like it.
DEFAULT_STORE = "default"


def option(
    names: str,
    metavar: str,
    said: str,
    *,
    kind: Any = None,
    default: Any = None,
    otherwise: str = "",
    multiple: bool = False,
    required: bool = False,
) -> Decorator:
    """An option with its default in its help.

    Args:
        names: what it is called, and then, where that differs, what its values are handed over as.
        metavar: what stands for the value.
        said: sentences that begin with a verb, without the last full stop.
        kind: of click, or int or float; that of the default if None.
        default: of the value.
        otherwise: what holds where nothing is given, in the words of the help.
        multiple: it may be repeated.
        required: it must be given.
    """
    said += ". May be repeated" if multiple else ""
    shown = otherwise or ("" if default is None else in_digits(default))
    # A default of None is one to click, so that nothing would be required.
    given = {} if default is None else {"default": default}
    return click.option(
        *names.split(),
        type=kind,
        metavar=metavar,
        multiple=multiple,
        required=required,
        **given,
        help=f"{said}. Default: {shown}." if shown else f"{said}.",
    )


def switch(names: str, said: str, default: bool | None = False) -> Decorator:
    """An option without a value; ``names`` and ``said`` are as of ``option``."""
    return click.option(*names.split(), is_flag=True, default=default, help=f"{said}.")


def setting_options(settings: Mapping[str, Setting], *names: str) -> Decorator:
    """An option for each of these settings, in this order."""
    return together(*(setting_option(settings, name) for name in names))


def setting_option(
    settings: Mapping[str, Setting], name: str, *options: str, multiple: bool = False
) -> Decorator:
    """The option of one setting: its type, its sentence of help and its default.

    What is not given is None, so that a file's setting or the model's default holds.

    Args:
        settings: of a run or a grid, see ``isptune.tuning.described_settings``.
        name: of the setting.
        options: what it is called on the command line; ``--NAME`` where there is none.
        multiple: it may be repeated; what is not given is then ().
    """
    setting = settings[name]
    names = " ".join((*(options or (f"--{name.replace('_', '-')}",)), name))
    if setting.type is bool:
        return switch(names, setting.said, None)
    said = setting.said + (f"; see 'isptune list {setting.kind}'" if setting.kind else "")
    default = default_in_words(setting)
    return option(names, setting.metavar, said, kind=setting.type, otherwise=default, multiple=multiple)


def default_in_words(setting: Setting) -> str:
    """What holds where a setting is not given; nothing where one must be given or where it is a switch."""
    if setting.otherwise or setting.required or setting.default is False:
        return setting.otherwise
    if setting.kind:
        from isptune.plugins.registry import REGISTRIES

        return REGISTRIES[setting.kind].default(setting.use)
    return in_digits(setting.default)


def in_digits(value: Any) -> str:
    """A default as a user would write it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


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


def plugin_option(kind: str) -> Decorator:
    """``--pipeline-option`` and its siblings."""
    said = f"Set an option of the {kind}; the value is read as YAML"
    return option(f"--{kind}-option {kind}_options", "KEY=VALUE", said, multiple=True)


objective_option = option(
    "--objective-option objective_options",
    "[NAME.]KEY=VALUE",
    "Set an option of an objective, named where there are several; the value is read as YAML",
    multiple=True,
)

guard_option = option(
    "--guard-option guard_options",
    "KEY=VALUE",
    "Set an option of the guard, NAME.KEY=VALUE where there are several; the value is read as YAML",
    multiple=True,
)

parameter_options = together(
    option(
        "--fix fixed",
        "NAME[=VALUE]",
        "Hold a parameter, or all that a glob names, at a value or at its default",
        multiple=True,
    ),
    option(
        "--range ranges",
        "NAME=LOW:HIGH",
        "Search a part of a parameter's range; A:B:C of a choice",
        multiple=True,
    ),
    option("--tie ties", "NAME=OTHER", "Give a parameter the value of another one", multiple=True),
)

checkpoint_option = option(
    "--checkpoint",
    "DIR-OR-NAME",
    "Load the objective's checkpoint from a folder, or from a repository OWNER/NAME of the Hugging Face hub. "
    "Short for --objective-option checkpoint=DIR-OR-NAME",
)

device_option = option("--device", "NAME", SHARED["device"].said, default=SHARED["device"].default)

json_option = switch("--json as_json", "Print one JSON object on stdout, everything else on stderr")

tracking_options = together(
    switch("--tensorboard", "Write TensorBoard files into tensorboard/ of the run directory"),
    click.option(
        "--mlflow",
        is_flag=False,
        flag_value=DEFAULT_STORE,
        metavar="[URI]",
        help="Track the run in MLflow. Default store: sqlite:///mlflow.db. "
        "Without a URI, write it last or before another option.",
    ),
    option("--wandb", "PROJECT", "Track the run in Weights & Biases"),
)
