"""A filter that lets a controller act only where a backup can still save the plant."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_int, count, optional_float, positive
from hybridctl.controllers.controller import Controller, State, Tick, beside
from hybridctl.controllers.feedback import within
from hybridctl.controllers.guards import Guard
from hybridctl.kinds import real_number
from hybridctl.plants import Plant
from hybridctl.plants.flow import fixed_step
from hybridctl.ports import Ports, merged


class FilterState(eqx.Module):
    """Memory of a `SafetyFilter`.

    Attributes:
        controller: memory of the filtered controller.
        backup: memory of the backup.
        passed: whether the controller's input was let through last.
    """

    controller: Any
    backup: Any
    passed: Array


class SafetyFilter(Controller):
    """Passes a controller's input while the state that it leads to is recoverable.

    The model is run over one period with the input that the controller asks for; if
    `inside` holds there, the input passes, otherwise the backup acts, from a fresh
    memory. If `inside` is a set in which the backup stays (its region of
    attraction), the state never leaves it, whatever the controller does.

    Args:
        controller: what is filtered; a policy, say.
        backup: known to recover from all of `inside`.
        inside: guard on the predicted state; for example `hc.level(lqr.V < rho)`.
        plant: the model.
        dt: control period [s].
        limit: of the actuator, largest |u|, scalar or [n_u]; None: unlimited.
        substeps: RK4 steps a period.

    Raises:
        ValueError: not controllers, or `inside` is no guard.

    Source: K. P. Wabersich, M. N. Zeilinger, "A predictive safety filter for
        learning-based control", Automatica 129 (2021), with a horizon of one period.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), [1, 10, 1, 1], 0.1, 0.02, limit=10.0)
        >>> wild = hc.Constant([8.0])
        >>> safe = SafetyFilter(wild, lqr, hc.level(lqr.V < 3.0), plant, 0.02, 10.0)
        >>> trace = hc.simulate(plant, safe, plant.upright().x, 5.0, 0.02)
        >>> bool(abs(trace["theta"] - 3.1416).max() < 0.5)
        True
    """

    controller: Controller
    backup: Controller
    inside: Guard
    plant: Plant
    dt: float = eqx.field(static=True, converter=real_number)
    limit: Array | None = eqx.field(converter=optional_float, default=None)
    substeps: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        positive("dt", self.dt)
        count("substeps", self.substeps)
        if self.limit is not None:
            positive("limit", self.limit)

    @property
    def ports(self) -> Ports:
        """Those of both controllers, on the state of its plant."""
        both = merged(self.controller, self.backup)
        return both.but(y=self.plant.ports.y, by_name=False, dt=self.dt)

    def init(self, tick: Tick) -> State:
        """Both memories fresh; nothing has been held back."""
        memories = self.controller.init(tick), self.backup.init(tick)
        return FilterState(*memories, jnp.asarray(True))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Ask the controller, look ahead, let it pass or let the backup act."""
        memory, u = self.controller.step(state.controller, tick)
        passes = self._recoverable(tick, u)
        start = self.backup.init(tick)
        fresh = lambda a, b: jnp.where(state.passed, a, b)  # noqa: E731
        kept = jax.tree.map(fresh, start, state.backup)
        backup, saving = self.backup.step(kept, tick)
        return FilterState(memory, backup, passes), jnp.where(passes, u, saving)

    def shows(self, state: State) -> dict[str, Array]:
        """Whether the input was let pass, and what both controllers show."""
        both = self.controller.shows(state.controller), self.backup.shows(state.backup)
        return beside({"passed": state.passed}, *both)

    def _recoverable(self, tick: Tick, u: Array) -> Array:
        """Whether the state after this period is inside; NaN is not."""
        u = within(u, self.limit)
        flow = fixed_step(self.dt, self.substeps)
        after = flow(self.plant, tick.t, tick.y, u)
        return self.inside(tick.seeing(after), as_int(0))
