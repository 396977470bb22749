"""Cards as text and as HTML, and the objects that are shown so."""

import html as markup
import textwrap
from typing import Any

from hybridctl.describe.cards import Card, card, known_of, label, picture

GLUE = "\0"  # stands for a space where no line may end
WIDTH, DEEPEST = 88, 5  # letters of a line, and levels of parts within parts
STYLE = "text-align:left;vertical-align:top;padding:1px 12px 1px 0"
OUTER = (
    "font:13px/1.45 ui-sans-serif,system-ui,sans-serif;max-width:60em;overflow-x:auto"
)


class Shown:
    """An object that prints, and shows itself in a notebook, by its card."""

    def __repr__(self) -> str:
        try:
            return label(self)
        except Exception:  # half made, in somebody's traceback: that comes first
            return object.__repr__(self)

    def __str__(self) -> str:
        try:
            return text(self)
        except Exception:
            return object.__repr__(self)

    def _repr_html_(self) -> str:
        return html(self)

    def _repr_svg_(self) -> str | None:
        drawn = picture(self)
        return drawn if drawn and drawn.startswith("<svg") else None


def text(thing: Any) -> str:
    """An object in a few lines for a terminal.

    Example:
        >>> from hybridctl.controllers import Slot
        >>> print(text(5.0 * Slot(1)))
        5 * Slot(1)
          agent  fills 1 input
    """
    return "\n".join(_lines(card(thing)))


def _lines(found: Card, depth: int = 0) -> list[str]:
    lines, wide = textwrap.wrap(found.title, WIDTH - 2 * depth), 0
    if found.rows:
        wide = max(len(name) for name, _ in found.rows)
    for name, told in found.rows:
        lines += _row(f"  {name:<{wide}}  " if wide else "  ", told, WIDTH - 2 * depth)
    for name, part in found.parts if depth < DEEPEST else ():
        named = part._replace(title=_titled(name, part))
        lines += [f"  {line}" for line in _lines(named, depth + 1)]
    return lines


def _row(head: str, told: str, width: int) -> list[str]:
    """Lines of a row: broken where it says so, between its items, or between words."""
    room, lines = max(width - len(head), 24), []
    for line in told.split("\n"):
        kept = [i if len(i) > room else i.replace(" ", GLUE) for i in line.split(", ")]
        broken = textwrap.wrap(
            ", ".join(kept), room, break_long_words=False, break_on_hyphens=False
        )
        lines += [text.replace(GLUE, " ") for text in broken] or [""]
    heads = [head, *[" " * len(head)] * (len(lines) - 1)]
    return [(a + b).rstrip() for a, b in zip(heads, lines, strict=True)]


def html(thing: Any) -> str:
    """An object for a notebook: its card, and its picture where it has one."""
    known = known_of(thing)
    drawn = picture(thing, known)
    if type(thing).__str__ in (Shown.__str__, object.__str__, tuple.__str__):
        body = _box(card(thing, known), drawn)
    elif drawn and not drawn.startswith("<svg"):
        body = drawn
    else:  # it has words of its own
        words = f'<pre style="white-space:pre-wrap">{markup.escape(str(thing))}</pre>'
        body = f"{words}{_framed(drawn)}"
    return _ascii(f'<div style="{OUTER}">{body}</div>')


def _ascii(told: str) -> str:
    """Letters beyond ASCII as references: right in any encoding."""
    return told.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _box(found: Card, drawn: str | None = None, depth: int = 0) -> str:
    rows = "".join(
        f'<tr><th style="{STYLE};font-weight:500;opacity:.7">{_safe(name)}</th>'
        f'<td style="{STYLE}">{_safe(told)}</td></tr>'
        for name, told in found.rows
    )
    table = f'<table style="border-collapse:collapse">{rows}</table>' if rows else ""
    parts = "".join(
        f"<details><summary>{_safe(_titled(name, part))}</summary>"
        f'<div style="margin-left:1.2em">{_inner(part, depth)}</div></details>'
        for name, part in (found.parts if depth < DEEPEST else ())
    )
    title = f"<strong>{_safe(found.title)}</strong>" if found.title else ""
    return f"{title}{_framed(drawn)}{table}{parts}"


def _framed(drawn: str | None) -> str:
    """A picture no wider than it is good to look at."""
    return f'<div style="max-width:42em">{drawn}</div>' if drawn else ""


def _titled(name: str, part: Card) -> str:
    return f"{name}: {part.title}" if name else part.title


def _inner(part: Card, depth: int) -> str:
    """A part's rows; its title is what it is opened by."""
    return _box(part._replace(title=""), None, depth + 1)


def _safe(told: str) -> str:
    return markup.escape(told).replace("\n", "<br>")
