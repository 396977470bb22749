"""A figure of this room as SVG that can stand inside a page."""

from typing import Any

from hybridctl.describe.figure import svg_of
from hybridctl.show.style import STYLE


def to_svg(figure: Any, name: str, alt: str) -> str:
    """See `svg_of`; in the style of this room."""
    return svg_of(figure, name, alt, STYLE)
