"""What the solution of a fit says: its spread, and how the model follows."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.design.identification.fit import Quality
from hybridctl.design.identification.shooting import Shooting
from hybridctl.loop import Log, Loop

SAME = 1e-5  # of unit columns: below it nothing tells two parameters apart
LAGS = 20  # periods over which what is left is asked whether it is white


class Solution(NamedTuple):
    """Values and starts that solve a problem.

    Attributes:
        problem: of least squares.
        z: all that was found.
        logs: that it follows.
    """

    problem: Shooting
    z: NDArray[np.float64]
    logs: list[Log]

    @property
    def values(self) -> NDArray[np.float64]:
        """What was looked for, shape [n]."""
        return self.problem.split(self.z)[0]

    @property
    def starts(self) -> NDArray[np.float64]:
        """Of all segments, shape [S, n_x]."""
        return self.problem.split(self.z)[1]

    @property
    def loop(self) -> Loop:
        """The loop, with the noise that is left."""
        loop = self.problem.model.loop
        assert loop.sensor is not None
        sensor = dataclasses.replace(loop.sensor, noise=self.problem.sigma)
        return dataclasses.replace(loop, sensor=sensor)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what is measured."""
        return self.problem.model.unknowns.measured

    def covariance(self) -> NDArray[np.float64]:
        """Of the values [n, n], the starts being unknown, too.

        Raises:
            ValueError: values that cannot be told apart.
        """
        problem = self.problem
        J, names = problem.jacobian(self.z), problem.model.unknowns.names
        own, rest = J[:, : problem.n], J[:, problem.n :]
        Q = np.linalg.qr(rest)[0]
        own = own - Q @ (Q.T @ own)
        norm = np.linalg.norm(own, axis=0)
        idle = [name for name, size in zip(names, norm, strict=True) if not size > 0]
        require(
            not idle,
            f"nothing in these logs depends on {', '.join(idle)}; take it out of the "
            "parameters, or record a motion that does",
        )
        _, s, V = np.linalg.svd(own / norm, full_matrices=False)
        mixed = [n for n, part in zip(names, V[-1], strict=True) if abs(part) > 0.1]
        require(
            s[-1] > SAME,
            f"{', '.join(mixed)} cannot be told apart by these logs: what one does, "
            "the others do, too; fix one of them",
        )
        return (V.T / s**2) @ V / np.outer(norm, norm)

    def quality(self) -> Quality:
        """How the model follows what was measured."""
        problem = self.problem
        error, seen = problem.errors(self.z), problem.segments.seen > 0
        told: dict[str, Any] = {"rms": {}, "score": {}, "white": {}}
        for i, name in enumerate(self.outputs):
            e, y = (a[..., i][seen[..., i]] for a in (error, problem.segments.y))
            spread = np.linalg.norm(y - y.mean())
            told["rms"][name] = float(np.sqrt(np.mean(e**2)))
            told["score"][name] = float(1.0 - np.linalg.norm(e) / max(spread, 1e-300))
            told["white"][name] = ljung_box(e)
        return Quality(**told)

    def followed(self) -> list[Log]:
        """What the model makes of every log."""
        y, told = self.problem.along(self.z)[0], []
        for log in self.logs:
            segments = -(-(len(log) - 1) // (y.shape[1] - 1))
            own, y = y[:segments], y[segments:]
            rows = own[:, :-1].reshape(-1, own.shape[-1])
            rows = np.concatenate([rows, own[-1, -1:]])[: len(log)]
            told.append(
                Log({"t": log.t, **dict(zip(self.outputs, rows.T, strict=True))})
            )
        return told


def ljung_box(e: NDArray[np.float64]) -> float:
    """How probable residuals as correlated as these are where the model is right.

    Source: G. M. Ljung, G. E. P. Box, "On a measure of lack of fit in time series
    models", Biometrika 65 (1978).
    """
    from scipy.stats import chi2  # heavy

    n, e = len(e), e - e.mean()
    lags, power = min(LAGS, n // 4), float(e @ e)
    if not (lags and power):
        return 1.0
    k = np.arange(1, lags + 1)
    rho = np.array([e[i:] @ e[:-i] for i in k]) / power
    return float(chi2.sf(n * (n + 2) * np.sum(rho**2 / (n - k)), lags))
