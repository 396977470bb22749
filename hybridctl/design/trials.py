"""Starts drawn in level sets of a cost-to-go, and whether a loop converges there."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from hybridctl.cache import kept_programs
from hybridctl.checks import cast, positive, require, shape
from hybridctl.controllers import (
    AugmentedFeedback,
    Controller,
    Quadratic,
    StateFeedback,
)
from hybridctl.controllers.trial import blank_tick, count
from hybridctl.loop import Loop
from hybridctl.loop.fit import check_fit
from hybridctl.loop.loop import begin, step
from hybridctl.plants import Plant
from hybridctl.plants.linearize import slopes
from hybridctl.plants.scales import natural_units
from hybridctl.scale import Workers

SCOUTS = 2**10  # starts in a round of the search, and simulated at once
QUIET = 4  # rounds in a row without a failure that end the search
ENDED = 0.01  # a start converged if V ends below this share of the level
SMALL, LARGE = 1e-6, 1e12  # of the first level: where the search gives up


class Trials:
    """A closed loop that is tried from starts x0 + √rho L z, |z| <= 1, V = rho |z|².

    Args:
        plant: the plant.
        controller: holds an equilibrium.
        loop: sensor, actuator, disturbance and timing.
        V: cost-to-go, None: the controller's own.
        limits: largest |deviation| on the way, by state name, or None.
        invariant: V may never rise above where it started; None: where x is all
            that the loop remembers, and nothing is random.
        seconds: length of each simulation [s].
        seed: of the draws.
        team: who works; None: this process.

    Raises:
        ValueError: no V, an unknown limit, or parts that do not fit.

    Attributes:
        V: cost-to-go.
        seconds: length of each simulation [s].
        top: the level above which an angle turns beyond ±π.
        invariant: whether V may never rise.
    """

    def __init__(
        self,
        plant: Plant,
        controller: Controller,
        loop: Loop,
        V: Quadratic | None,
        limits: Mapping[str, float] | None,
        invariant: bool | None,
        seconds: float,
        seed: int,
        team: Workers | None = None,
    ):
        fitted = check_fit(plant, controller, loop)
        n_r = count(fitted.ports.r)
        positive("seconds", seconds)
        self.V, self.seconds = _cost_to_go(controller, V), seconds
        shape("V.x0", self.V.x0, (plant.n_x,))
        controller = fitted.controller
        self._system, self._team = (plant, controller, loop, self.V), team or Workers()
        cast(self._system)  # refuses what cannot be
        self._bounds = _bounds(plant, limits or {})
        known = _markov(plant, controller, loop, n_r)
        self.invariant = known if invariant is None else invariant
        self._method = max(1, round(seconds / loop.dt)), self.invariant
        self.rng, self._tried = np.random.default_rng(seed), 0
        self._root = np.linalg.inv(np.linalg.cholesky(np.asarray(self.V.P))).T
        spread = np.linalg.norm(self._root, axis=1)[list(self.V.angles)]
        self.top = float(np.min((np.pi / spread) ** 2, initial=np.inf))

    @property
    def first(self) -> float:
        """Where the search for a level begins: what V is a natural unit off."""
        if np.isfinite(self.top):
            return self.top
        plant, x0 = self._system[0], np.asarray(self.V.x0)
        _, (A, B) = slopes(plant, x0, np.zeros(plant.n_u))
        units = natural_units(plant, (plant.equilibrium(x0), A, B))
        return float(np.diag(self.V.P) @ np.square(units))

    @property
    def cause(self) -> str:
        """What it may be that no level holds."""
        short = f"seconds={self.seconds:g} are too short"
        if self.invariant:
            why = f"V rises or the loop diverges at once, or {short}"
            return f"{why}; try invariant=False, or longer seconds"
        cure = "give longer seconds, or look at one simulation from nearby"
        return f"the loop does not converge, or {short}; {cure}"

    def draw(self, n: int) -> NDArray:
        """Uniform points z of the unit ball, [n, n_x]."""
        radius = self.rng.random((n, 1)) ** (1 / len(self._root))
        return radius * _unit(self.rng.standard_normal((n, len(self._root))))

    def states(self, z: NDArray, rho: float) -> NDArray:
        """States whose V is rho |z|²."""
        return np.asarray(self.V.x0) + np.sqrt(rho) * z @ self._root.T

    def failing(self, z: NDArray, rho: float) -> NDArray:
        """Those of the points [n, n_x] from which the loop does not converge."""
        firsts = range(0, len(z), SCOUTS)
        parts = [
            (self.states(z[i : i + SCOUTS], rho), self._tried + i, rho) for i in firsts
        ]
        self._tried += len(z)
        shared = self._system, self._bounds, self._method
        good = list(self._team.map(_good, shared, parts))
        return z[~np.concatenate([rows["good"] for rows in good])]


@kept_programs()
def _good(shared: tuple, part: tuple[NDArray, int, float]) -> dict[str, NDArray]:
    """Of one chunk, filled up so that all have one shape."""
    (system, bounds, method), (x, first, rho) = shared, part
    x0 = np.resize(x, (SCOUTS, x.shape[1]))
    arrays = (
        jnp.asarray(x0, float),
        jnp.asarray(first + np.arange(SCOUTS)),
        jnp.asarray(rho),
        jnp.asarray(bounds),
    )
    good = np.asarray(_converges(cast(system), *arrays, *method))
    return {"good": good[: len(x)]}


def search(trials: Trials) -> float:
    """The least V of all failures that rounds of starts in falling levels find.

    Raises:
        ValueError: there is no level from which the loop converges, or no end of it.
    """
    rho, bad = _failing_level(trials)
    small, quiet = SMALL * rho, 0
    while quiet < QUIET and len(bad):
        z = trials.draw(SCOUTS)
        z[::2] = _about(trials.rng, bad, len(z[::2]), 0.3 / (1 + quiet))
        failing = trials.failing(z, rho)
        quiet += 1
        if len(failing):
            quiet, order = 0, np.argsort(np.sum(failing**2, 1))[:16]
            bad = failing[order]
            rho *= float(np.sum(bad[0] ** 2))
        require(rho > small, f"no level found: {trials.cause}")
    return rho


def _failing_level(trials: Trials) -> tuple[float, NDArray]:
    """A level with failures in it, and those; or the top, if all converge there."""
    rho = trials.first
    while True:
        bad = trials.failing(trials.draw(SCOUTS), rho)
        if len(bad) or rho == trials.top:
            return rho, bad
        rho = min(4 * rho, trials.top)
        most = LARGE * trials.first
        require(rho < most, f"no start fails up to V={most:.3g}: every level will do")


def _about(rng: Any, bad: NDArray, n: int, width: float) -> NDArray:
    """Points just inside the unit sphere, about known directions of failure."""
    z = _unit(bad)[rng.integers(len(bad), size=n)]
    radius = 1 - 0.05 * rng.random((n, 1))
    return radius * _unit(z + width * rng.standard_normal(z.shape))


def _unit(z: NDArray) -> NDArray:
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def _cost_to_go(controller: Controller, V: Quadratic | None) -> Quadratic:
    if isinstance(V, Quadratic):
        return V
    if V is None and isinstance(controller, StateFeedback | AugmentedFeedback):
        return controller.V
    name = type(controller).__name__
    raise ValueError(f"{name} has no cost-to-go; give V, for example V=lqr.V")


def _markov(plant: Plant, controller: Controller, loop: Loop, n_r: int) -> bool:
    """Whether x is all that the closed loop remembers, and nothing is random."""
    held = loop.actuator and jax.tree.leaves(loop.actuator.init(plant.n_u))
    n_y = len(loop.measured(plant))
    memory = controller.init(blank_tick(n_y, plant.n_u, n_r))
    return not (held or jax.tree.leaves(memory) or loop.random)


def _bounds(plant: Plant, limits: Mapping[str, float]) -> NDArray:
    bounds = np.full(plant.n_x, np.inf)
    for name, bound in limits.items():
        known = ", ".join(plant.states)
        require(name in plant.states, f"no state {name!r}; the states are {known}")
        positive(name, bound)
        bounds[plant.states.index(name)] = bound
    return bounds


@eqx.filter_jit
def _converges(
    system: Any,
    x0: Array,
    number: Array,
    rho: Array,
    bounds: Array,
    steps: int,
    invariant: bool,
) -> Array:
    """Whether each start [n, n_x] stays within bounds and ends near the equilibrium."""
    plant, controller, loop, V = system

    def inside(x: Array, top: Array) -> Array:
        within = V(x) <= top if invariant else jnp.asarray(True)
        for i in range(len(V.x0)):
            within &= jnp.abs(x[i] - V.x0[i]) <= bounds[i]
        return within

    def one(x0: Array, number: Array) -> Array:
        def body(carry: Any, _: None) -> Any:
            state, kept = carry
            state = step(loop, controller, state)[0]
            return (state, kept & inside(state.x, top)), None

        key = jax.random.fold_in(jax.random.PRNGKey(0), number)
        start = begin(loop, controller, plant, x0, key)
        top = jnp.maximum(V(x0), ENDED * rho)
        first = start, inside(x0, top)
        (end, kept), _ = jax.lax.scan(body, first, None, steps)
        return kept & (V(end.x) < ENDED * rho)

    return jax.vmap(one)(x0, number)
