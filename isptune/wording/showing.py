"""Short texts and tables of objects, for consoles and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def short(kind: str, name: str, *facts: str) -> str:
    """``<Pipeline 'synthetic': 5 parameters, 1 scene>``."""
    told = ", ".join(filter(None, facts))
    return f"<{kind} '{name}'{': ' if told else ''}{told}>"


def one_line(error: BaseException, longest: int = 200) -> str:
    """An exception's type and message on one line of that many characters at most.

    Example:
        >>> one_line(ValueError("two\\nlines"))
        'ValueError: two lines'
    """
    return " ".join(f"{type(error).__name__}: {error}".split())[:longest].rstrip(": ")


def counted(count: int, what: str) -> str:
    """``1 scene``, ``2 scenes``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def html_table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A plain table; a notebook brings the style."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(value_text(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    title = f'<caption style="text-align: left">{escape(caption)}</caption>' if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def showable(figure: Figure) -> Figure:
    """The figure itself, which a notebook then shows as a picture, without pyplot and its backends."""

    def png() -> bytes:
        buffer = BytesIO()
        figure.savefig(buffer, format="png")
        return buffer.getvalue()

    figure._repr_png_ = png  # type: ignore[attr-defined]
    return figure


def value_text(value: Any, digits: int = 6) -> str:
    """A value as people write it: ``true``, ``0.25`` with so many digits, ``fast``."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
