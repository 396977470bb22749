"""Watching trainings in a terminal."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Watch:
    """One progress bar a training: steps, score, success, speed, time left."""

    def __init__(self, visible: bool):
        self.progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not visible,
        )

    def bar(self, name: str, steps: int) -> "Bar":
        """A new bar."""
        return Bar(self.progress, name, steps)

    def __enter__(self) -> "Watch":
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()


class Bar:
    """The bar of one training."""

    def __init__(self, progress: Progress, name: str, steps: int):
        self.progress, self.name, self.steps = progress, name, steps
        self.first: float | None = None
        self.bar = progress.add_task(name, total=steps, status="compiling")

    def show(self, point: dict[str, float]) -> None:
        """A new validation."""
        steps, now = point["steps"], time.perf_counter()
        if self.first is None:  # compiling is over
            self.first, self.origin = now, steps
        speed = (steps - self.origin) / max(now - self.first, 1e-9)
        parts = [
            f"{steps / 1e3:,.0f}k steps",
            f"score {point['score']:.4g}",
            f"success {point['success']:.0%}",
        ]
        parts += [f"{speed / 1e3:.1f}k/s"] if steps > self.origin else []
        parts += [f"{point['not_finite']:.0f} not finite"] * (point["not_finite"] > 0)
        self.progress.update(
            self.bar, completed=min(steps, self.steps), status=" · ".join(parts)
        )

    def say(self, message: str) -> None:
        """A line above the bars."""
        self.progress.console.print(f"{self.name}: {message}", highlight=False)
