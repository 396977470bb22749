"""How far something is: the bars of a terminal, on stderr."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
LETTERS = 70  # of a name
SMOOTH = 600.0  # [s] over which the speed is taken that tells the time left


class Bars:
    """Progress bars below each other while it lasts, and lines above them.

    Args:
        visible: whether anything is drawn.
        passing: leave nothing behind.
    """

    def __init__(self, visible: bool = True, passing: bool = False):
        from rich import progress
        from rich.console import Console

        self._drawn = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=12),
            progress.TextColumn("{task.fields[status]}", markup=False),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not visible,
            transient=passing,
            speed_estimate_period=SMOOTH,
        )

    def bar(self, name: str, total: float) -> "Bar":
        """A new bar.

        Args:
            name: what goes on.
            total: how much there is to do.
        """
        return Bar(self._drawn, name, total)

    def say(self, message: str) -> None:
        """A line above the bars."""
        self._drawn.console.print(message, highlight=False, markup=False)

    def __enter__(self) -> "Bars":
        self._drawn.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._drawn.stop()


class Bar:
    """One bar: what goes on, how much is done, and how it goes."""

    def __init__(self, drawn: Any, name: str, total: float):
        self._drawn, self.total = drawn, total
        self._task = drawn.add_task(name[:LETTERS], total=total, status="")

    def name(self, name: str) -> None:
        """What goes on now."""
        self._drawn.update(self._task, description=name[:LETTERS])

    def advance(self, done: float = 1.0) -> None:
        """So much more is done."""
        self._drawn.advance(self._task, done)

    def show(self, done: float | None = None, status: str = "") -> None:
        """How much is done in all, and how it goes."""
        some = {} if done is None else {"completed": min(done, self.total)}
        self._drawn.update(self._task, status=status, **some)


def track(
    items: Iterable[T], name: str, total: int, visible: bool = True
) -> Iterator[T]:
    """Items one by one, with a bar that goes when they are over.

    Args:
        items: to go through.
        name: what goes on.
        total: how many there are.
        visible: whether a bar is drawn.
    """
    if not visible:
        yield from items
        return
    with Bars(passing=True) as bars:
        bar = bars.bar(name, total)
        for item in items:
            yield item
            bar.advance()
