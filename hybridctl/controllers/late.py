"""Observers of measurements that are late."""

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import count
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.ports import Ports, of


class Late(Controller):
    """An observer of measurements that are late: it is told of inputs as late.

    Where a sensor gives y[k - d], `Late(ekf, d)` estimates x[k - d] from it and from
    the inputs that were applied until then, and `Late(ekf >> predictor, d)` what x will
    be when an input meets it, `predictor` being one over all that is late: d and the
    actuator's delay.

    Args:
        observer: such as an `EKF`, or one with a `Predictor` behind it.
        delay: whole periods by which measurements are late, at least 1.

    Raises:
        ValueError: no controller, or the delay is no whole number above 0.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> ekf = hc.EKF(plant, 0.02, noise=1e-3, outputs=["x", "theta"])
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> late = Late(ekf >> hc.Predictor(plant, 0.02, 2), 2) >> lqr
        >>> loop = hc.Loop(0.02, sensor=hc.Sensor(outputs=["x", "theta"], delay=2))
        >>> trace = hc.simulate(plant, late, [0, 3.1, 0, 0], 5.0, loop=loop)
        >>> bool(abs(trace["x"][-1]) < 0.05)
        True
    """

    observer: Controller
    delay: int = eqx.field(static=True)

    def __check_init__(self):
        count("delay", self.delay)

    @property
    def ports(self) -> Ports:
        """Those of the observer."""
        return of(self.observer)

    def init(self, tick: Tick) -> State:
        """The observer's memory, and the input of now for all that came before."""
        u = tick.need("u_applied", self)
        line = jnp.broadcast_to(u, (self.delay, *jnp.shape(u)))
        return self.observer.init(tick), line

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The observer's step, told of the time and the input of d periods ago."""
        memory, line = state
        u, dt = tick.need("u_applied", self), self.ports.dt
        t = tick.t if dt is None else tick.t - self.delay * dt
        memory, x = self.observer.step(memory, tick.but(t=t, u_applied=line[0]))
        return (memory, jnp.concatenate([line[1:], u[None]])), x

    def shows(self, state: State) -> dict[str, Array]:
        """What the observer shows."""
        return self.observer.shows(state[0])
