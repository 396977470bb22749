"""Words on a picture: whose it is, the time, the mode and the input."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hybridctl.describe.numbers import spoken
from hybridctl.show.film.play import Moment
from hybridctl.show.film.window import FLOOR

INK, QUIET, GROOVE, WARN = "#1f2933", "#7b8794", "#dfe3e8", "#a61b1b"
EDGE = "#f3f4f6"
BAR = 0.34  # length of the input's bar, of the picture's width

Place = Callable[[np.ndarray], np.ndarray]


class Overlay:
    """Writes on pictures of one size.

    Args:
        size: width and height [pixels].
        chain: what is drawn.
        place: pixels of points of the plane.
        signal: name and unit of the input.
    """

    def __init__(
        self, size: tuple[int, int], chain: Any, place: Place, signal: tuple[str, str]
    ):
        self.size, self.signal, self.halo = size, signal, not chain.lengths
        self.letter = max(round(min(size[0] / 34, size[1] / 21)), 9)
        floor = -chain.reach - FLOOR
        marks = chain.marks(1.0) if chain.track is not None else []
        self.marks = [(x, place(np.array([x, floor]))) for x in marks]

    def write(self, picture: np.ndarray, moment: Moment) -> Any:
        """The picture as an image of Pillow, with words."""
        from PIL import Image, ImageDraw

        image = Image.fromarray(picture)
        draw = ImageDraw.Draw(image)
        width, pad = self.size[0], self.letter
        text = functools.partial(_text, draw, halo=self.halo)
        text((pad, pad), moment.name, INK, self.letter, bold=True)
        y = pad + (1.5 * self.letter if moment.name else 0)
        if moment.note:
            text((pad, y), moment.note, WARN, self.letter)
        elif moment.mode:
            dot = text((pad, y), "● ", moment.colour, self.letter)
            text((pad + dot, y), moment.mode, INK, self.letter)
        text((width - pad, pad), f"{moment.t:.2f} s", INK, self.letter, anchor="ra")
        self._write_marks(text)
        self._draw_bar(draw, text, moment)
        return image

    def _write_marks(self, text: Any) -> None:
        small = max(round(0.8 * self.letter), 8)
        for i, (x, (across, down)) in enumerate(self.marks):
            unit = " m" if i == len(self.marks) - 1 else ""
            place = (across, down + 0.5 * self.letter)
            label = spoken(x) if x else "0"
            half = _length(label, small) / 2
            text((place[0] - half, place[1]), label + unit, QUIET, small)

    def _draw_bar(self, draw: Any, text: Any, moment: Moment) -> None:
        """The input: a bar from the middle, as long as its share of the limit."""
        width, height = self.size
        middle, y, half = width / 2, height - 1.5 * self.letter, BAR * width / 2
        thick = max(round(0.36 * self.letter), 3)
        left, right = round(middle - half), round(middle + half)
        top, bottom = round(y), round(y) + thick - 1
        draw.rectangle((left, top, right, bottom), fill=GROOVE)
        end = round(middle + half * moment.share)
        a, b = sorted((round(middle), end))
        if moment.share:
            draw.rectangle((a, top, b, bottom), fill=moment.colour)
        at = round(middle)
        draw.line((at, top - 2, at, bottom + 2), fill=QUIET, width=1)
        name, unit = self.signal
        gap, level = 0.8 * self.letter, y + thick / 2
        small = max(round(0.9 * self.letter), 8)
        text((left - gap, level), name, QUIET, small, anchor="rm")
        value = f"{moment.u:+.1f}" if round(moment.u, 1) else "0.0"
        value = f"{value} {unit}".replace("-", "−").strip()
        text((right + gap, level), value, INK, small, anchor="lm")


def _text(
    draw: Any,
    at: tuple[float, float],
    words: str,
    colour: str,
    letter: int,
    anchor: str = "la",
    bold: bool = False,
    halo: bool = False,
) -> float:
    """Write, with a light edge where anything may be behind it; say how long it is."""
    font = _font(letter, bold)
    edge = {"stroke_width": 2, "stroke_fill": EDGE} if halo else {}
    draw.text(at, words, fill=colour, font=font, anchor=anchor, **edge)
    return font.getlength(words)


def _length(words: str, letter: int) -> float:
    return _font(letter, False).getlength(words)


@functools.lru_cache
def _font(letter: int, bold: bool) -> Any:
    """The font that comes with matplotlib: the same everywhere."""
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(path, letter)
