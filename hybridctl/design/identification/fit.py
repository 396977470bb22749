"""What identification found: a plant, its loop, and how sure the numbers are."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.describe import Shown, plain_data
from hybridctl.loop import Log, Loop
from hybridctl.plants import Plant
from hybridctl.plants.vary import Vary

SURE = 1.959964  # standard errors of a 95 % interval


class Quality(NamedTuple):
    """How a model follows what was measured, by output.

    Attributes:
        rms: of the difference, in the output's unit.
        score: 1 - |y - model| / |y - mean|: 1 is perfect, 0 no better than the mean.
        white: probability of residuals as correlated as these where nothing but noise
            is left (Ljung-Box); below 0.01 the model lacks something.
    """

    rms: dict[str, float]
    score: dict[str, float]
    white: dict[str, float]


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Fit(Shown):
    """What logs say of a plant; made by `hc.identify`.

    Attributes:
        plant: with the values that were found.
        loop: with what was found of actuator and sensor, and the noise of the outputs.
        values: by name.
        covariance: of the values, shape [n, n].
        fitted: how the model follows what it was fitted to.
        held: how it follows the end of the logs, which it never saw; None without.
        logs: as they were fitted.
        model: what the model makes of the fitted parts, then of the held ones.
        seconds: that it took [s].
    """

    plant: Plant
    loop: Loop
    values: dict[str, float]
    covariance: NDArray[np.float64]
    fitted: Quality
    held: Quality | None
    logs: tuple[Log, ...]
    model: tuple[Log, ...]
    seconds: float

    @property
    def std(self) -> dict[str, float]:
        """Standard errors by name."""
        sizes = np.sqrt(np.diag(self.covariance)).tolist()
        return dict(zip(self.values, sizes, strict=True))

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Of the values, shape [n, n]."""
        sigma = np.sqrt(np.diag(self.covariance))
        return self.covariance / np.outer(sigma, sigma)

    def interval(self, name: str) -> tuple[float, float]:
        """Of a value, 95 %."""
        require(name in self.values, f"no {name!r}; there are {', '.join(self.values)}")
        value, spread = self.values[name], SURE * self.std[name]
        return value - spread, value + spread

    def vary(self, sigmas: float = 2.0) -> Vary:
        """The plant's values as a task's `vary`: so many standard errors each way.

        Args:
            sigmas: standard errors that count; no further than the half of a positive
                value.

        Raises:
            ValueError: nothing of the plant was looked for.
        """
        names = [
            n for n in self.values if n.split(".")[0] not in ("actuator", "sensor")
        ]
        require(bool(names), "no parameter of the plant was looked for")
        value = np.array([self.values[name] for name in names])
        spread = sigmas * np.array([self.std[name] for name in names])
        low = np.where(
            value > 0, np.maximum(value - spread, 0.5 * value), value - spread
        )
        return Vary(tuple(names), low, value + spread)

    def to_dict(self) -> dict[str, Any]:
        """All numbers as plain data, ready for JSON."""
        return {
            "plant": type(self.plant).__name__, "values": self.values,
            "std": plain_data(self.std), "correlation": plain_data(self.correlation),
            "fitted": self.fitted._asdict(),
            "held": None if self.held is None else self.held._asdict(),
            "rows": sum(len(log) for log in self.logs), "seconds": self.seconds,
        }  # fmt: skip

    def plot(self) -> Any:
        """Logs with the model over them; what was held out is shaded.

        Returns:
            The matplotlib figure.
        """
        from hybridctl.design.identification.plot import plot_fit

        return plot_fit(self)
