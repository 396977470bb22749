"""Watching a training run in a terminal."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from hybridctl.learn.config import Config


class Watch:
    """A progress bar: steps, score, success, steps per second, time left."""

    def __init__(self, config: Config, visible: bool):
        self.began = time.perf_counter()
        self.progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not visible,
        )
        self.bar = self.progress.add_task(
            f"train {config.algorithm}", total=config.steps, status="compiling"
        )

    def show(self, point: dict[str, float]) -> None:
        """A new validation."""
        steps = point["steps"]
        speed = steps / max(time.perf_counter() - self.began, 1e-9)
        status = (
            f"{steps / 1e3:,.0f}k steps · score {point['score']:.4g} · "
            f"settled {point['success']:.0%} · {speed / 1e3:.1f}k/s"
        )
        total = self.progress.tasks[0].total or steps
        self.progress.update(self.bar, completed=min(steps, total), status=status)

    def say(self, message: str) -> None:
        """A line above the bar."""
        self.progress.console.print(message)

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
