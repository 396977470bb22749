"""A plant's motion along logs in short segments, each with a start of its own."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from numpy.typing import NDArray

from hybridctl.checks import fail
from hybridctl.design.identification.unknowns import Unknowns
from hybridctl.loop import Log, Loop
from hybridctl.plants import Plant
from hybridctl.plants.flow import fixed_motion
from hybridctl.precision import float64_on_host

LENGTH = 25  # periods of a segment, at most
SMOOTH = 9  # rows from which a rate is guessed
TIGHT = 1e5  # how much a gap between segments counts, beside a residual of one sigma


class Segments(NamedTuple):
    """Parts of logs, stacked: shapes begin with [segments].

    Attributes:
        t: time at which each begins [s], [S].
        before: inputs of the periods before it [S, H, n_u].
        u: inputs of its periods [S, W, n_u].
        y: measurements at both ends of all periods [S, W+1, n_y]; 0 where lost.
        seen: 1 where there is a measurement that counts, else 0 [S, W+1, n_y].
        linked: whether the next segment goes on from it [S].
    """

    t: NDArray[np.float64]
    before: NDArray[np.float64]
    u: NDArray[np.float64]
    y: NDArray[np.float64]
    seen: NDArray[np.float64]
    linked: NDArray[np.bool_]

    def joined(self, other: "Segments") -> "Segments":
        """These and those of another log."""
        pairs: Any = zip(self, other, strict=True)
        return Segments(*(np.concatenate(pair) for pair in pairs))


class Cut(NamedTuple):
    """How logs are cut into segments.

    Attributes:
        loop: whose period is the log's.
        inputs: names of the plant's inputs.
        outputs: names of what is measured.
        history: periods before each segment whose inputs still matter.
        length: periods of a segment, W.
        window: segments that hang together; None: all of a log.
    """

    loop: Loop
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    history: int
    length: int
    window: int | None

    def __call__(self, log: Log, first: int) -> Segments:
        """A log in segments from a row on; rows before it only tell inputs."""
        u, y = log.rows(self.inputs), log.rows(self.outputs)
        n, W = len(y) - 1, self.length
        S = -(-(n - first) // W)
        begin = first + np.arange(S)[:, None] * W
        rows = begin + np.arange(W + 1)
        inside, rows = (rows <= n)[..., None], np.minimum(rows, n)
        linked = np.arange(S) < S - 1
        if self.window is not None:
            linked &= (np.arange(S) + 1) % self.window != 0
        seen = np.isfinite(y[rows]) & inside
        seen[:, -1] &= ~linked[:, None]  # else it is where the next segment begins
        past = np.maximum(begin + np.arange(-self.history, 0), 0)
        t = log.t[0] + self.loop.dt * begin[:, 0]
        y = np.nan_to_num(y[rows])
        return Segments(t, u[past], u[rows[:, :-1]], y, seen.astype(float), linked)


class Model(eqx.Module):
    """A plant in its loop, with numbers that are to be found.

    Args:
        plant: with first guesses.
        loop: with a sensor, and a first guess of the actuator.
        unknowns: what is to be found.
    """

    plant: Plant
    loop: Loop
    unknowns: Unknowns = eqx.field(static=True)

    def motion(
        self, values: Array, x: Array, t: Array, before: Array, u: Array
    ) -> tuple[Float[Array, "W+1 n_y"], Float[Array, " n_x"]]:
        """What is measured along a segment from a state x [n_x], and its last state."""
        plant, loop = self.unknowns.told(values, self.plant, self.loop)
        advance, drive = fixed_motion(loop.dt, loop.substeps), loop.actuator
        memory = None if drive is None else drive.init(plant.n_u)

        def driven(memory: Any, asked: Array) -> tuple[Any, Array]:
            return (memory, asked) if drive is None else drive(memory, asked, loop.dt)

        def period(state: tuple, asked: Array) -> tuple[tuple, Array]:
            memory, t, x = state
            memory, u = driven(memory, asked)
            after = advance(plant, t, x, u).x
            return (memory, t + loop.dt, after), after

        if drive is not None:
            memory = jax.lax.scan(driven, memory, before)[0]
        (_, _, last), xs = jax.lax.scan(period, (memory, t, x), u)
        sensor = loop.sensor
        assert sensor is not None
        xs = jnp.concatenate([x[None], xs])
        y = jax.vmap(lambda x: sensor.shows(plant, x))(xs)
        return (y if sensor.bias is None else y + sensor.bias), last

    @eqx.filter_jit
    def slopes(self, values: Array, starts: Array, segments: Segments) -> tuple:
        """Measurements and last states of all segments, and what both depend on.

        Returns:
            y [S, W+1, n_y], x [S, n_x], and their derivatives by values and start,
            with a last axis of n + n_x.
        """
        n = values.shape[0]

        def one(v: Array, *given: Array) -> tuple:
            found = self.motion(v[:n], v[n:], *given)
            return found, found

        def both(start: Array, *given: Array) -> tuple:
            v = jnp.concatenate([values, start])
            slopes, found = jax.jacfwd(one, has_aux=True)(v, *given)
            return *found, *slopes

        given: Any = segments.t, segments.before, segments.u
        return jax.vmap(both)(starts, *given)


class Shooting:
    """The residuals of a model along segments, and their slopes, for least squares.

    Args:
        model: what moves.
        segments: of logs.
        size: how far every state goes, shape [n_x].
        turns: which outputs are angles, shape [n_y].
    """

    def __init__(
        self,
        model: Model,
        segments: Segments,
        size: NDArray[np.float64],
        turns: NDArray[np.bool_],
    ):
        self.model, self.segments, self.turns = model, segments, turns
        self.sigma, self.size = noise(segments.y, segments.seen), size
        self._least = 1e-3 * self.sigma
        self.n, self.n_x = len(model.unknowns.names), model.plant.n_x
        self.S = len(segments.t)
        self.tight = TIGHT
        self._known: tuple[bytes, Any] = b"", None

    def split(self, z: NDArray) -> tuple[NDArray, NDArray]:
        """Values [n] and starts [S, n_x] of all that is to be found."""
        return z[: self.n], z[self.n :].reshape(self.S, self.n_x)

    def along(self, z: NDArray) -> tuple:
        """Of `Model.slopes`; the last one is kept, as it is asked for twice."""
        told = z.tobytes()
        if self._known[0] != told:
            with float64_on_host():
                parts: Any = self.split(z)
                found = self.model.slopes(parts[0], parts[1], self.segments)
            self._known = told, tuple(np.asarray(part) for part in found)
        return self._known[1]

    def errors(self, z: NDArray) -> NDArray[np.float64]:
        """Measurement minus model [S, W+1, n_y], angles wrapped; 0 where lost."""
        error = self.segments.y - self.along(z)[0]
        turn = 2 * np.pi
        wrapped = error - turn * np.round(error / turn)
        return np.where(self.turns, wrapped, error) * self.segments.seen

    def weigh(self, z: NDArray) -> None:
        """Take the noise of every output from its errors: unbiased."""
        error, seen = self.errors(z), self.segments.seen
        free = self.n + self.n_x * (self.S - int(self.segments.linked.sum()))
        share = 1.0 - free / max(float(seen.sum()), free + 1.0)
        sigma = np.sqrt((error**2).sum((0, 1)) / (seen.sum((0, 1)) * share))
        self.sigma = np.maximum(sigma, self._least)

    def residuals(self, z: NDArray) -> NDArray[np.float64]:
        """Errors in sigmas, and gaps between segments that are linked."""
        on = self.segments.linked
        gaps = self.along(z)[1] - np.roll(self.split(z)[1], -1, 0)
        gaps = self.tight * gaps / self.size
        return np.concatenate([(self.errors(z) / self.sigma).ravel(), gaps[on].ravel()])

    def jacobian(self, z: NDArray) -> NDArray[np.float64]:
        """Of the residuals, dense."""
        _, _, dy, dx = self.along(z)
        n, n_x, S = self.n, self.n_x, self.S
        weight = -self.segments.seen / self.sigma
        y, x = weight[..., None] * dy, self.tight * dx / self.size[:, None]
        rows = np.zeros((*y.shape[:-1], n + S * n_x))
        gaps = np.zeros((S, n_x, n + S * n_x))
        rows[..., :n], gaps[..., :n] = y[..., :n], x[..., :n]
        for s in range(S):
            own = slice(n + s * n_x, n + (s + 1) * n_x)
            rows[s, ..., own], gaps[s, :, own] = y[s, ..., n:], x[s, :, n:]
            if s + 1 < S:
                later = slice(own.stop, own.stop + n_x)
                gaps[s, :, later] = -np.diag(self.tight / self.size)
        flat = rows.reshape(-1, rows.shape[-1])
        return np.concatenate(
            [flat, gaps[self.segments.linked].reshape(-1, flat.shape[1])]
        )


def starts(log: Log, plant: Plant, outputs: tuple[str, ...]) -> NDArray[np.float64]:
    """A first guess of the states [n, n_x]: what is measured, or a rate of that."""
    from scipy.signal import savgol_filter  # heavy, and only needed here

    guess, rate_of = np.zeros((len(log), plant.n_x)), _rates(plant)
    known = {name: _whole(log[name], i in plant.angles) for i, name in
             enumerate(plant.states) if name in outputs}  # fmt: skip
    rows = min(SMOOTH, len(log) - (len(log) + 1) % 2)
    for j, name in enumerate(plant.states):
        source = plant.states[rate_of[j]] if j in rate_of else None
        if name in known:
            guess[:, j] = known[name]
        elif source in known and rows > 3:
            guess[:, j] = savgol_filter(known[source], rows, 3, deriv=1, delta=log.dt)
    return guess


def _whole(row: NDArray, turns: bool) -> NDArray:
    """A signal with what was lost filled in, and angles without jumps."""
    seen = np.isfinite(row)
    if not seen.any():
        fail("an output is lost in the whole log")
    at = np.arange(len(row))
    return np.interp(at, at[seen], np.unwrap(row[seen]) if turns else row[seen])


def _rates(plant: Plant) -> dict[int, int]:
    """The state that each state is the rate of, where it is one."""
    draws = np.random.default_rng(0).normal(size=(2, plant.n_x))
    still: Any = np.zeros(()), np.zeros(plant.n_u)
    with float64_on_host():
        rates = [np.asarray(plant.ode(still[0], x, still[1])) for x in draws]
    same = np.array(
        [np.isclose(r[:, None], x) for r, x in zip(rates, draws, strict=True)]
    )
    return {int(j): int(i) for i, j in zip(*np.nonzero(same.all(0)), strict=True)}


def noise(y: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """A first guess of every output's noise: what third differences leave [n_y]."""
    third = np.diff(np.where(seen > 0, y, np.nan), 3, axis=1)
    with np.errstate(all="ignore"):
        rough = np.sqrt(np.nanmean(third**2, axis=(0, 1)) / 20.0)
    span = np.ptp(y, axis=(0, 1))
    return np.maximum(np.nan_to_num(rough), 1e-6 * np.maximum(span, 1e-9))
