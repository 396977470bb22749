"""Watching a training in a terminal."""

import time

from hybridctl.progress import Bars


class Watched:
    """The bar of one training: steps, score, success, speed, time left."""

    def __init__(self, bars: Bars, name: str, steps: int):
        self.bars, self.name = bars, name
        self.first: float | None = None
        self.bar = bars.bar(name, steps)
        self.bar.show(status="compiling the validation")

    def show(self, point: dict[str, float]) -> None:
        """A new validation."""
        steps, now = point["steps"], time.perf_counter()
        begins = self.first is None
        if self.first is None:
            self.first, self.origin = now, steps
        speed = (steps - self.origin) / max(now - self.first, 1e-9)
        parts = [
            f"{steps / 1e3:,.0f}k steps",
            f"score {point['score']:.4g}",
            f"success {point['success']:.0%}",
        ]
        parts += [f"{speed / 1e3:.1f}k/s"] if steps > self.origin else []
        parts += ["compiling the training"] * begins
        parts += [f"{point['not_finite']:.0f} not finite"] * (point["not_finite"] > 0)
        self.bar.show(steps, " · ".join(parts))

    def teach(self, done: float) -> None:
        """A share of what a teacher has to say."""
        self.bar.show(status=f"taught {done:.0%}")

    def say(self, message: str) -> None:
        """A line above the bars."""
        self.bars.say(f"{self.name}: {message}")
