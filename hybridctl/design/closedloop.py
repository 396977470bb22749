"""A closed loop near its rest point: one linear, time-invariant, sampled system."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridctl import ports
from hybridctl.checks import as_float, fail, finite, one_of
from hybridctl.controllers import Controller
from hybridctl.describe import Shown, plain_data
from hybridctl.design.restpoint import rest_point
from hybridctl.kinds import checked
from hybridctl.loop import Loop
from hybridctl.loop.fit import check_fit
from hybridctl.plants import Equilibrium, MechanicalPlant, Plant

if TYPE_CHECKING:
    import control


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class LinearLoop(Shown):
    """A closed loop near its rest point, sampled every dt [s].

    z⁺ = A z + B w and [x; u] = C z + D w, all as deviations: z holds the plant's
    state and the memory of actuator and controller, w is a disturbance added to the
    plant's input, then the reference where there is one, and u what is applied.

    Attributes:
        A: shape [n_z, n_z].
        B: shape [n_z, n_u + n_r].
        C: shape [n_x + n_u, n_z].
        D: shape [n_x + n_u, n_u + n_r].
        dt: control period [s].
        equilibrium: where the loop rests.
        memory: names of what z holds beside the plant's state.
        inputs: names of the plant's inputs.
        references: names of the references.
        mode: name of the mode that a machine is in, None without one.
        units: unit of the plant's states and inputs by name.
    """

    A: NDArray
    B: NDArray
    C: NDArray
    D: NDArray
    dt: float
    equilibrium: Equilibrium
    memory: tuple[str, ...]
    inputs: tuple[str, ...]
    references: tuple[str, ...]
    mode: str | None
    units: Mapping[str, str]

    @property
    def poles(self) -> NDArray[np.complex128]:
        """Eigenvalues of A, the slowest first; stable inside the unit circle."""
        poles = np.linalg.eigvals(self.A).astype(np.complex128)
        return poles[np.argsort(-np.abs(poles), kind="stable")]

    def to_dict(self) -> dict[str, Any]:
        """All of it and its poles as plain data; poles as [real, imaginary]."""
        return plain_data(self) | {"poles": plain_data(self.poles)}

    def to_control(self) -> "control.StateSpace":
        """From disturbance (and reference) to the plant's states and inputs."""
        import control

        states = self.equilibrium.states
        pushes = [f"disturbance_{name}" for name in self.inputs]
        return control.StateSpace(
            self.A, self.B, self.C, self.D, self.dt, name="closed loop",
            states=[*states, *self.memory], inputs=[*pushes, *self.references],
            outputs=[*states, *self.inputs],
        )  # fmt: skip

    def open_loop(self, input: str | None = None) -> "control.StateSpace":
        """The loop broken at a plant's input: L, of the closed loop L / (1 + L).

        Args:
            input: which one, the other ones stay closed; the first by default.

        Returns:
            From that input to minus what the controller would apply there.
        """
        import control

        name = self.inputs[0] if input is None else input
        one_of("input", name, self.inputs)
        i = self.inputs.index(name)
        B, C = self.B[:, [i]], self.C[[i - len(self.inputs)]]
        return control.StateSpace(
            self.A - B @ C, B, -C, 0.0, self.dt, name="open loop",
            states=[*self.equilibrium.states, *self.memory],
            inputs=[name], outputs=[f"returned_{name}"],
        )  # fmt: skip


@checked
def closed_loop(
    plant: Plant,
    controller: Controller,
    loop: Loop | None = None,
    equilibrium: Equilibrium | None = None,
    *,
    r: Any = None,
) -> LinearLoop:
    """Linearize a closed loop, its controller's memory included.

    The plant is sampled exactly for the held input, and everything else is
    differentiated as it runs, in float64: actuator, observer, policy. The
    point is where the loop itself rests, found by Newton's method from the given
    equilibrium. What is no number stays: a machine is in the mode that it settles
    in. Noise, bias, disturbance and quantization are left out.

    Args:
        plant: the plant.
        controller: decides the input; its angles may wrap.
        loop: what is measured, actuator and timing; by default the controller's own
            dt, or 0.02 s.
        equilibrium: near which the loop rests; `plant.upright()` by default.
        r: reference [n_r] that the controller sees.

    Returns:
        A `LinearLoop`.

    Raises:
        ValueError: no equilibrium, another dt, a loop that does not rest near it, or
            a controller that acts in some periods only (`Hold`), or a plant with
            sampled parts that is no discrete plant.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> print(closed_loop(plant, lqr).poles.round(3))
        [0.973+0.002j 0.973-0.002j 0.939+0.j    0.9  +0.j   ]
    """
    loop = loop or Loop(ports.of(controller).dt or 0.02)
    r = np.zeros(0) if r is None else np.atleast_1d(as_float(r))
    finite("r", r)
    controller = check_fit(plant, controller, loop, len(r)).controller
    at = rest_point(plant, controller, loop, _near(plant, equilibrium), r)
    return LinearLoop(
        at.A, at.B, at.C, at.D, loop.dt,
        Equilibrium(at.x, at.u, plant.states, plant.angles),
        tuple(at.names[plant.n_x :]), plant.inputs,
        tuple(f"r{i}" for i in range(len(r))), at.mode, dict(plant.units),
    )  # fmt: skip


def _near(plant: Plant, equilibrium: Equilibrium | None) -> Equilibrium:
    if equilibrium is not None:
        return equilibrium
    if isinstance(plant, MechanicalPlant):
        return plant.upright()
    name = type(plant).__name__
    fail(f"{name} has no equilibrium of its own; give equilibrium=Equilibrium(x, u)")
