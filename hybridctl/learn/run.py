"""What training gives back."""

from dataclasses import dataclass

from hybridctl.controllers import Controller
from hybridctl.learn.config import Config


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        controller: the template with its Slots filled by the best policy.
        policy: that policy alone.
        curve: one dict a validation: steps, seconds, score, reward, length, cost,
            success, not_finite.
        timing: import, compile, train, eval and total seconds.
        config: settings, as resolved.
        task: name of the task.
        seed: of the run.
        stopped: "finished", "target", "interrupted" or "diverged".
        best: index in `curve` of the validation that was kept.
        confirmed: score on the other episodes where the target was reached.
    """

    controller: Controller
    policy: Controller
    curve: list[dict[str, float]]
    timing: dict[str, float]
    config: Config
    task: str
    seed: int
    stopped: str
    best: int
    confirmed: float | None = None

    @property
    def score(self) -> float:
        """Validation score of the kept policy."""
        return self.curve[self.best]["score"]

    @property
    def steps(self) -> int:
        """Decisions that were trained on."""
        return int(self.curve[-1]["steps"])
