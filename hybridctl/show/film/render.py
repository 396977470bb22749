"""`render`: traces as a video, an animation or a picture."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from hybridctl import files
from hybridctl.checks import not_negative, positive, require
from hybridctl.loop import Trace
from hybridctl.plants import Plant
from hybridctl.progress import track
from hybridctl.show.film import encode
from hybridctl.show.film.film import Chart, Film, check_size, film_of
from hybridctl.tasks import Task

FPS = 25.0  # two control periods of 20 ms, and exact in a GIF
SUFFIXES = (".mp4", ".gif", ".png", ".apng")
SHOTS, WIDE = 6, 3  # pictures in a still of one trace, and how many beside each other
FEW = 4  # pictures of each of several
SAMPLES = 12  # frames that give a GIF its colours

Given = Trace | Mapping[str, Trace]


def render(
    traces: Given,
    path: str | Path,
    *,
    plant: Plant | Task | None = None,
    fps: float = FPS,
    size: tuple[int, int] | None = None,
    labels: Sequence[str] | None = None,
    speed: float = 1.0,
    seconds: float | None = None,
    at: float | Sequence[float] | None = None,
    renderer: str = "auto",
    progress: bool = True,
) -> Path:
    """Show traces as a file: what moves, or its signals where nothing is to be seen.

    Chains of links (a cart-pole, pendulum, acrobot, pendubot, double cart-pole, also
    within end stops) are drawn, a MuJoCo model is seen by its own first camera, and
    of any other plant its signals over time are, as they come.

    What was recorded is played, nothing is simulated: positions between samples are
    interpolated for the eye, inputs and modes are held. A trace that leaves the track
    or is not finite any more stands still from there on, in grey. Several traces are
    beside each other in one picture, with one clock. Tip, arrow and bar have the
    colour of the mode; the arrow and the bar are the force as a share of its limit.

    Args:
        traces: one, or several of the same plant by name.
        path: of the file: .mp4 (H.264), .gif, .apng, or .png for a still.
        plant: what they are of, or the task; by default the standard cart-pole,
            pendulum, acrobot or double cart-pole that has these signals, if any.
        fps: frames per second.
        size: width and height of the whole picture [pixels]; by default 640 x 480 for
            one trace, 480 x 360 for each of several. Odd sizes of an MP4 grow by one.
        labels: names to show instead.
        speed: 0.5 is slow motion.
        seconds: length that is shown [s]; all of the longest trace by default.
        at: of a still: a time [s], or several; six by default (four of
            several traces), between which the tips go equally far.
        renderer: "egl", "osmesa", "matplotlib", or "auto", the first that works.
        progress: show a bar in a terminal.

    Returns:
        Where the file is; nothing half-written is ever left there.

    Raises:
        ValueError: an unknown suffix, a plant with other signals, a setting that does
            not fit, a renderer that does not work, an MP4 without PyAV, or a file
            that cannot be written.

    Example:
        >>> import hybridctl as hc
        >>> trace = hc.simulate(hc.CartPole(), hc.Constant([5.0]), [0, 0, 0, 0], 1.0)
        >>> render(trace, "push.mp3")
        Traceback (most recent call last):
        ValueError: push.mp3 ends in '.mp3'; choose one of: .mp4, .gif, .png, .apng
    """
    path = Path(path)
    suffix = encode.suffix_of(path, SUFFIXES)
    _check_place(path)
    traces, size = named(traces, labels), check_size(size)
    if suffix == ".png":
        data = _still(traces, plant, size, seconds, at, renderer)
    else:
        require(at is None, f"at={at!r} is for a .png; give seconds= for {suffix}")
        size = encode.even(size) if size and suffix == ".mp4" else size
        with film_of(traces, plant, size, renderer) as film:
            times = clock(film.end, fps, speed, seconds)
            data = _moving(film, suffix, fps, times, progress)
    files.write(path, data)
    return path


def frames(
    traces: Given,
    *,
    plant: Plant | Task | None = None,
    fps: float = FPS,
    size: tuple[int, int] | None = None,
    labels: Sequence[str] | None = None,
    speed: float = 1.0,
    seconds: float | None = None,
    renderer: str = "auto",
) -> Iterator[np.ndarray]:
    """The pictures of a video, one after the other; see `render`.

    Args:
        traces: one, or several of the same plant by name.
        plant: what they are of, or the task.
        fps: frames per second.
        size: width and height [pixels].
        labels: names to show instead.
        speed: 0.5 is slow motion.
        seconds: length that is shown [s].
        renderer: which draws.

    Yields:
        Pictures [height, width, 3] of bytes.
    """
    with film_of(named(traces, labels), plant, check_size(size), renderer) as film:
        yield from film.frames(clock(film.end, fps, speed, seconds))


class Animation:
    """A video in a notebook: show it by letting it be the last line of a cell.

    Attributes:
        data: bytes of an MP4, or of a GIF where PyAV is missing.
        poster: bytes of a PNG of some moments, where videos are not shown.
    """

    def __init__(self, data: bytes, poster: bytes):
        self.data, self.poster = data, poster

    def _repr_html_(self) -> str:
        code = base64.b64encode(self.data).decode()
        style = 'style="max-width: 100%"'
        if self.data.startswith(b"GIF"):
            return f'<img {style} src="data:image/gif;base64,{code}">'
        play = "controls loop autoplay muted playsinline"
        return f'<video {play} {style} src="data:video/mp4;base64,{code}"></video>'

    def _repr_png_(self) -> bytes:
        return self.poster


def animation(
    traces: Given,
    *,
    plant: Plant | Task | None = None,
    fps: float = FPS,
    size: tuple[int, int] | None = None,
    labels: Sequence[str] | None = None,
    speed: float = 1.0,
    seconds: float | None = None,
    renderer: str = "auto",
) -> Animation:
    """A video to look at in a notebook, within its file; see `render`.

    Args:
        traces: one, or several of the same plant by name.
        plant: what they are of, or the task.
        fps: frames per second.
        size: width and height [pixels].
        labels: names to show instead.
        speed: 0.5 is slow motion.
        seconds: length that is shown [s].
        renderer: which draws.

    Returns:
        What a notebook shows.
    """
    traces, size = named(traces, labels), check_size(size)
    size = size and encode.even(size)
    suffix = ".mp4" if encode.has_av() else ".gif"
    with film_of(traces, plant, size, renderer) as film:
        times = clock(film.end, fps, speed, seconds)
        data = _moving(film, suffix, fps, times, progress=False)
    return Animation(data, _still(traces, plant, None, seconds, None, renderer))


def _moving(
    film: Film | Chart, suffix: str, fps: float, times: np.ndarray, progress: bool
) -> bytes:
    """A video or animation as the bytes of a file."""
    encode.check(suffix, fps, len(times), film.size)
    pictures = _watched(film, times, progress)
    if suffix == ".mp4":
        return encode.mp4(pictures, fps, film.size)
    if suffix == ".apng":
        return encode.apng(pictures, fps)
    some = np.unique(np.linspace(0, len(times) - 1, SAMPLES).round().astype(int))
    return encode.gif(pictures, fps, list(film.frames(times[some])))


def _still(
    traces: Mapping[str, Trace],
    plant: Plant | Task | None,
    size: tuple[int, int] | None,
    seconds: float | None,
    at: float | Sequence[float] | None,
    renderer: str,
) -> bytes:
    """One moment, or several beside each other, as the bytes of a PNG."""
    if at is not None:
        not_negative("at", at)
    if at is not None and np.ndim(at) == 0:
        with film_of(traces, plant, size, renderer) as film:
            return encode.png(film.at(float(at)))  # type: ignore[arg-type]
    times = [] if at is None else [float(t) for t in at]  # type: ignore[union-attr]
    alone = len(traces) == 1
    shots = len(times) or (SHOTS if alone else FEW)
    wide = min(shots, WIDE) if alone else shots
    panels = (-(-len(traces) * shots // wide), wide)
    with film_of(traces, plant, size, renderer, panels) as film:
        end = _length(film.end, seconds)
        return encode.png(film.sheet(times or film.telling(shots, end)))


def named(traces: Given, labels: Sequence[str] | None) -> dict[str, Trace]:
    """Traces by the name that is shown; one alone may have none.

    Raises:
        ValueError: another number of labels than traces, or one twice.
    """
    known = {"": traces} if isinstance(traces, Trace) else traces
    if labels is None or not isinstance(known, Mapping):
        return known  # type: ignore[return-value]
    require(
        len(labels) == len(set(labels)) == len(known),
        f"labels={list(labels)} must be {len(known)} different names, one a trace",
    )
    return dict(zip(labels, known.values(), strict=True))


def clock(end: float, fps: float, speed: float, seconds: float | None) -> np.ndarray:
    """Time in the trace of every frame [s]; together they last as long as is shown.

    Example:
        >>> clock(1.0, fps=4, speed=2.0, seconds=None)
        array([0. , 0.5])
    """
    positive("fps", fps)
    positive("speed", speed)
    count = max(round(_length(end, seconds) * fps / speed), 1)
    return np.arange(count) * (speed / fps)


def _length(end: float, seconds: float | None) -> float:
    if seconds is None:
        return end
    positive("seconds", seconds)
    return min(float(seconds), end)


def _check_place(path: Path) -> None:
    """Refuse a folder that is not there, or a path that is one, before drawing."""
    require(not path.is_dir(), f"{path} is a folder; give the path of a file")
    folder = path.parent
    require(folder.is_dir(), f"there is no folder {folder}; make it, or choose another")


def _watched(
    film: Film | Chart, times: np.ndarray, progress: bool
) -> Iterator[np.ndarray]:
    """The pictures of a film, with a bar in a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    seen = progress and console.is_terminal and not console.is_jupyter
    name = f"drawing by {film.renderer}"
    yield from track(film.frames(times), name, len(times), seen)
