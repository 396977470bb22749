"""Pictures as bytes of a file: MP4 by PyAV; GIF, APNG and PNG by Pillow."""

import importlib.util
import io
import itertools
import tempfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from hybridctl.checks import fail, require

FASTEST_GIF = 50.0  # frames/s; viewers slow faster ones down to 10
GIF_MEMORY = 2**31  # bytes of all frames
H264 = {"crf": "19", "preset": "medium", "tune": "animation"}
MISSING = (
    "PyAV writes MP4 and is not installed: pip install 'hybridctl[render]'; or write "
    "a .gif, which needs nothing"
)


def check(suffix: str, fps: float, frames: int, size: tuple[int, int]) -> None:
    """Refuse what cannot be written, before anything is drawn.

    Raises:
        ValueError: the frame rate or length does not fit the format, or PyAV is
            missing.
    """
    if suffix == ".mp4":
        import_av()
    if suffix == ".gif":
        require(
            fps <= FASTEST_GIF,
            f"fps={fps:g} is too fast for a GIF, which knows hundredths of seconds; "
            f"give at most {FASTEST_GIF:g}, or write .mp4",
        )
        require(
            frames * size[0] * size[1] <= GIF_MEMORY,
            f"a GIF of {frames} frames of {size[0]} x {size[1]} pixels needs more than "
            "2 GiB of memory; write .mp4, or give fewer seconds, fps or pixels",
        )


def import_av() -> Any:
    """PyAV.

    Raises:
        ValueError: it is missing; with what installs it.
    """
    try:
        import av
    except ImportError as error:
        fail(f"{MISSING} ({error})")
    return av


def has_av() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def mp4(frames: Iterable[np.ndarray], fps: float, size: tuple[int, int]) -> bytes:
    """H.264, as every player and browser shows it; the size must be even."""
    av = import_av()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film.mp4"  # its index goes to the front: no stream
        with av.open(str(file), "w", options={"movflags": "faststart"}) as out:
            rate = Fraction(fps).limit_denominator(1001)
            stream = out.add_stream("libx264", rate=rate, options=dict(H264))
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for frame in frames:
                pixels = np.ascontiguousarray(frame)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            out.mux(stream.encode())
        return file.read_bytes()


def gif(
    frames: Iterable[np.ndarray], fps: float, samples: Sequence[np.ndarray]
) -> bytes:
    """GIF with one palette for all frames, made of some of them."""
    from PIL import Image

    palette = Image.fromarray(np.concatenate(samples)).quantize(256)
    few = {"palette": palette, "dither": Image.Dither.NONE}
    pictures = [Image.fromarray(frame).quantize(**few) for frame in frames]
    return _several(pictures, "GIF", duration=durations(len(pictures), fps))


def durations(count: int, fps: float, step: int = 10) -> list[int]:
    """How long each frame is shown [ms]: in steps of so many, right in sum.

    Example:
        >>> durations(4, 30.0)
        [30, 40, 30, 30]
    """
    ends = [round(1000 * i / (step * fps)) for i in range(count + 1)]
    return [step * (after - before) for before, after in itertools.pairwise(ends)]


def apng(frames: Iterable[np.ndarray], fps: float) -> bytes:
    """Animated PNG: every colour, and larger."""
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    return _several(pictures, "PNG", duration=durations(len(pictures), fps, 1))


def _several(pictures: list[Any], kind: str, duration: Any) -> bytes:
    file, (first, *rest) = io.BytesIO(), pictures
    first.save(
        file, kind, save_all=True, append_images=rest, duration=duration, loop=0,
        optimize=False,
    )  # fmt: skip
    return file.getvalue()


def png(picture: np.ndarray) -> bytes:
    """One picture."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def even(size: tuple[int, int]) -> tuple[int, int]:
    """The size with even numbers, which H.264 wants.

    Example:
        >>> even((641, 480))
        (642, 480)
    """
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def suffix_of(path: Any, known: Sequence[str]) -> str:
    """The end of a file's name, in lower case.

    Raises:
        ValueError: none of those that are known.
    """
    suffix = path.suffix.lower()
    if suffix not in known:
        fail(f"{path} ends in {path.suffix!r}; choose one of: {', '.join(known)}")
    return suffix
