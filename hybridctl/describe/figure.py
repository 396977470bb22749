"""A matplotlib figure as SVG that can stand inside a page."""

import html
import io
import re
import warnings
from typing import Any

_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}
_NOISE = (
    r"<metadata>.*?</metadata>",
    r"<defs>\s*<style type=\"text/css\">.*?</style>\s*</defs>",  # would style the page
    r"<!--.*?-->",
    r"\s(?:xmlns(?::xlink)?|version)=\"[^\"]*\"",
    r"(?<=<g) id=\"[^\"]*\"",
)


def svg_of(figure: Any, name: str, alt: str, style: Any) -> str:
    """A figure as an `<svg>` element, the same bytes every time.

    Args:
        figure: the matplotlib figure.
        name: unique in the page; it begins every id.
        alt: what is seen, in words.
        style: settings of matplotlib that it was drawn with.

    Returns:
        The element, without width, height, date or outside references.
    """
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the page's font may have it
        figure.savefig(out, format="svg", metadata=_METADATA, transparent=True)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for noise in _NOISE:
        text = re.sub(noise, "", text, flags=re.DOTALL)
    head = f'<svg role="img" aria-label="{html.escape(alt)}"'
    text = re.sub(r"<svg width=\"[^\"]*\" height=\"[^\"]*\"|<svg", head, text, count=1)
    return _rename(_shorten(text), name)


def _shorten(text: str) -> str:
    """Two decimals are enough for points of paths, and no line needs its end."""
    paths = re.compile(r" d=\"[^\"]*\"")
    short = lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0])  # noqa: E731
    text = paths.sub(lambda m: short(m).replace("\n", ""), text)
    return re.sub(r"\n\s*", "\n", text)


def _rename(text: str, name: str) -> str:
    """Ids that are unique in a page with many figures."""
    text = re.sub(r"\bid=\"", f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    return re.sub(r"xlink:href=\"#", f'href="#{name}-', text)
