"""A linear controller as a system of python-control."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from hybridctl import ports
from hybridctl.checks import fail, positive, require, shape
from hybridctl.controllers import (
    MPC,
    PID,
    AugmentedFeedback,
    Controller,
    EnergySwingUp,
    IntegralFeedback,
    KalmanFilter,
    LinearController,
    Predictor,
    SafetyFilter,
    StateFeedback,
    Tick,
    TrajectoryFeedback,
)
from hybridctl.controllers.combine import paced
from hybridctl.controllers.controller import walk
from hybridctl.controllers.machine import mode_of
from hybridctl.controllers.trial import count
from hybridctl.kinds import checked
from hybridctl.plants import Equilibrium
from hybridctl.precision import float64, float64_on_host

if TYPE_CHECKING:
    import control

SETTLE, LATER, POINTS, CLOSE = 4, 1001, 32, 1e-9
AT_REST = (
    StateFeedback, AugmentedFeedback, IntegralFeedback, LinearController, KalmanFilter,
)  # fmt: skip
"""What knows the state and the input at which it rests."""
LIMITED = (
    StateFeedback, AugmentedFeedback, IntegralFeedback, TrajectoryFeedback, PID, MPC,
    EnergySwingUp, Predictor, SafetyFilter,
)  # fmt: skip
"""What may clip its input."""


@checked
def to_control(
    controller: Controller, dt: float, equilibrium: Equilibrium | None = None
) -> "control.StateSpace":
    """A linear controller as a system of python-control: `from_control` backwards.

    It maps the deviation y - x₀ to u - u₀ as it stands: with negative feedback it is
    `-system`. What it asks for is applied, and a reference is held at 0. Its states are
    those parts of the memory that matter, in their order, 0 at rest; an observer that
    believes its first measurement starts elsewhere.

    Args:
        controller: a StateFeedback, LinearController, PID, lqg, lqi, or any other
            that is linear about its rest point, without a limit.
        dt: control period [s].
        equilibrium: x₀ and u₀; by default those of a part of the controller.

    Returns:
        A `control.StateSpace` with this dt.

    Raises:
        ValueError: it has a limit, is not linear or not at rest there, changes with
            time, or was designed for another period.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> pid = hc.PID(60.0, 5.0, dt=0.02, column=1, setpoint=3.0, angle=True)
        >>> system = to_control(pid, 0.02, hc.Equilibrium([0, 3.0, 0, 0], [0]))
        >>> print(system.A, system.B.round(3), system.D.round(1))
        [[1.]] [[ 0.  -0.1  0.   0. ]] [[  0. -60.   0.   0.]]
    """
    import control

    positive("dt", dt)
    known = ports.of(controller)
    known.check_dt(dt)
    _check_parts(controller)
    x0, u0 = _rest(controller, equilibrium)
    with float64_on_host():
        run, z0 = _flat(float64(controller), count(known.r), dt, x0, u0)
        A, B, C, D = _matrices(run, z0, x0, u0)
    kept = _reached(A, B) & _reached(A.T, C.T)
    return control.StateSpace(A[kept][:, kept], B[kept], C[:, kept], D, dt)


def _check_parts(controller: Controller) -> None:
    for part, every in paced(controller):
        name = type(part).__name__
        require(
            not isinstance(part, LIMITED) or part.limit is None,
            f"this {name} has a limit, so it is not linear; take it off: "
            "dataclasses.replace(controller, limit=None)",
        )
        require(
            every == 1,
            "a controller with a Hold changes with time; give what it holds, designed "
            "for that period",
        )


def _rest(
    controller: Controller, equilibrium: Equilibrium | None
) -> tuple[NDArray, NDArray]:
    if isinstance(equilibrium, Equilibrium):
        return np.asarray(equilibrium.x, float), np.asarray(equilibrium.u, float)
    require(
        equilibrium is None,
        f"equilibrium is a {type(equilibrium).__name__}; give a hc.Equilibrium(x, u)",
    )
    for part in walk(controller):
        if isinstance(part, AT_REST):
            return np.asarray(part.x0, float), np.asarray(part.u0, float)
    fail(
        f"nothing says where this {type(controller).__name__} rests; give "
        "equilibrium=, for example plant.upright()"
    )


Run = Callable[[Any, Any, Any], Any]  # (z, y, k) -> (z, u)


def _flat(
    controller: Controller, n_r: int, dt: float, x0: NDArray, u0: NDArray
) -> tuple[Run, NDArray]:
    """The controller over a vector of what it remembers, and that at rest.

    The last input stands at the end of it: it is what the controller is told was
    applied.
    """
    r = jnp.zeros(n_r) if n_r else None

    def tick(k: Any, y: Any, u: Any, memory: Any = None) -> Tick:
        return Tick(k * dt, k, y, r, u, mode_of(memory), u_asked=u)

    @jax.jit
    def settled() -> Any:
        memory, u = controller.init(tick(jnp.int32(0), jnp.asarray(x0), u0)), u0
        for k in range(SETTLE):
            now = tick(jnp.int32(k), jnp.asarray(x0), u, memory)
            memory, u = controller.step(memory, now)
        return memory, u

    memory, u = settled()
    shape("its input", u, u0.shape)
    numbers, rest = eqx.partition(memory, eqx.is_inexact_array)
    z0, back = jax.flatten_util.ravel_pytree((numbers, u))

    def run(z: Any, y: Any, k: Any) -> Any:
        numbers, u = back(z)
        memory = eqx.combine(numbers, rest)
        memory, u = controller.step(memory, tick(k, y, u, memory))
        numbers, others = eqx.partition(memory, eqx.is_inexact_array)
        pairs = zip(jax.tree.leaves(others), jax.tree.leaves(rest), strict=True)
        same = jnp.asarray(True)
        for a, b in pairs:
            same &= jnp.all(a == b)
        after = jax.flatten_util.ravel_pytree((numbers, u))[0]
        return jnp.where(same, after, jnp.nan), jnp.where(same, u, jnp.nan)

    return run, np.asarray(z0)


def _matrices(run: Run, z0: NDArray, x0: NDArray, u0: NDArray) -> tuple[NDArray, ...]:
    """A, B, C, D about rest, held against what the controller does elsewhere."""
    k = jnp.int32(SETTLE)
    z, u = jax.jit(run)(z0, x0, k)
    at_rest = np.allclose(z, z0, rtol=0, atol=1e-6) and np.allclose(u, u0, atol=1e-6)
    require(
        bool(at_rest),
        f"this controller does not rest at {x0} with the input {u0}: its input goes on "
        f"to {np.asarray(u)}, or its memory moves; give the equilibrium= that it holds",
    )
    slopes = jax.jit(jax.jacfwd(run, (0, 1)))(z0, x0, k)
    (A, B), (C, D) = jax.tree.map(np.asarray, slopes)
    rng, n = np.random.default_rng(0), len(z0)
    away = rng.uniform(-1.0, 1.0, (POINTS, n + len(x0)))
    dz, e = away[:, :n], away[:, n:]
    expected = dz @ A.T + e @ B.T + z0, dz @ C.T + e @ D.T + u0
    several = jax.jit(jax.vmap(run, (0, 0, None)))
    for when, why in ((SETTLE, "is not linear"), (LATER, "changes with time")):
        got = several(dz + z0, e + x0, jnp.int32(when))
        pairs = zip(got, expected, strict=True)
        linear = all(np.allclose(a, b, rtol=CLOSE, atol=CLOSE) for a, b in pairs)
        require(linear, f"this controller {why}; python-control's systems are linear")
    return A, B, C, D


def _reached(A: NDArray, B: NDArray) -> NDArray:
    """Which states an input reaches, through others too; bool [n]."""
    reached = np.any(B != 0, axis=1)
    for _ in range(len(A)):
        reached = reached | np.any(A[:, reached] != 0, axis=1)
    return reached
