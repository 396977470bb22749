"""MuJoCo's own engine at one state, in float64 on the host."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, require
from hybridctl.plants.linearize import Slopes
from hybridctl.plants.mujoco.mjcf import Model, import_mujoco, name_of

FIRST = 0.1  # step of differences: of a turn in rad, of a length in the model's extent
LEVELS = 18  # halvings of it
SAME = 1e-6  # of a position, as MuJoCo compares frames; float32 rounds less


def write(model: Model, parameters: Mapping[str, np.ndarray]) -> None:
    """Put parameters into a model, and what MuJoCo derives from them."""
    same = [np.array_equal(at(model, n), value) for n, value in parameters.items()]
    if all(same):
        return
    check_simple(model, parameters["body_ipos"])
    for name, value in parameters.items():
        at(model, name)[...] = value
    mujoco = import_mujoco()
    mujoco.mj_setConst(model, mujoco.MjData(model))


def check_simple(model: Model, ipos: NDArray) -> None:
    """Refuse to move a centre of mass where MuJoCo compiled that it is the origin."""
    moved = np.any(np.abs(ipos - model.body_ipos) > SAME, axis=1)
    for i in np.flatnonzero(moved & (model.body_simple > 0)):
        fail(
            f"body_ipos of body {name_of(model, 'body', int(i))!r} is fixed: MuJoCo "
            "compiled the body as a simple one, which has its centre of mass there; "
            'give the <body> simple="false", or the XML another centre of mass'
        )


def at(model: Any, name: str) -> np.ndarray:
    return functools.reduce(getattr, name.split("."), model)


class Bench:
    """A model at one state after the other; its constraints are solved to the end."""

    def __init__(self, model: Model):
        self.mujoco = import_mujoco()
        self.model, self.data = model, self.mujoco.MjData(model)
        model.opt.tolerance = 1e-15

    def acceleration(self, q: NDArray, dq: Any, u: NDArray) -> NDArray:
        """q̈ [n_q] at positions q, velocities dq and input u."""
        data = self.data
        data.qpos[:], data.qvel[:], data.ctrl[:] = q, dq, u
        data.qacc_warmstart[:] = 0.0
        self.mujoco.mj_forward(self.model, data)
        return data.qacc.copy()

    def rate(self, x: NDArray, u: NDArray) -> NDArray:
        """ẋ = [q̇, q̈] at state x and input u."""
        q, dq = np.split(x, 2)
        return np.append(dq, self.acceleration(q, dq, u))

    def slopes(self, x: NDArray, u: NDArray) -> Slopes:
        """ẋ and its derivatives by x and u, by extrapolated differences.

        Where no constraint acts (limit, contact, friction, equality), the equations
        are those without constraints, also beside the state.
        """
        n, z = len(x) // 2, np.concatenate([x, u])

        def rate(z):
            return self.rate(*np.split(z, [2 * n]))

        dx, flags = rate(z), self.model.opt.disableflags
        if not self.data.nefc:
            off = self.mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
            self.model.opt.disableflags |= off
        steps = FIRST * np.diag(self._widths())
        J = np.stack([difference(rate, z, step) for step in steps], axis=1)
        J[:n] = np.eye(n, len(z), n)  # of ẋ = [q̇, q̈] this part is known
        self.model.opt.disableflags = flags
        return dx, (J[:, : 2 * n], J[:, 2 * n :])

    def _widths(self) -> NDArray:
        model, slide = self.model, self.mujoco.mjtJoint.mjJNT_SLIDE
        length = model.stat.extent or 1.0
        place = np.where(model.jnt_type == int(slide), length, 1.0)
        force = np.abs(model.actuator_ctrlrange).max(axis=1, initial=0.0)
        return np.concatenate([place, place, np.where(force > 0, force, 1.0)])


def difference(f: Callable[[NDArray], NDArray], z: NDArray, step: NDArray) -> NDArray:
    """Derivative of f at z along a step, by its largest entry.

    Central differences of steps h, h/2, h/4, ... are extrapolated to h = 0 by
    polynomials in h²; of each entry the value that changed least is taken.

    Source: C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)",
    Advances in Engineering Software 4(2), 1982.
    """
    h = np.abs(step).max()
    best, error, above = np.zeros(1), np.inf, []
    for _ in range(LEVELS):
        row = [(f(z + step) - f(z - step)) / (2.0 * h)]
        for k, old in enumerate(above):
            row.append(row[k] + (row[k] - old) / (4.0 ** (k + 1) - 1.0))
            change = np.maximum(abs(row[-1] - row[k]), abs(row[-1] - old))
            best = np.where(change < error, row[-1], best)
            error = np.minimum(change, error)
        above, step, h = row, step / 2.0, h / 2.0
    return best


def holding(model: Model, q: NDArray) -> tuple[NDArray, NDArray]:
    """The least input at rest at q, and the acceleration that it leaves.

    It is sought without the limits of the inputs.
    """
    unclamp(model)
    bench = Bench(model)
    free = bench.acceleration(q, 0.0, np.zeros(model.nu))
    columns = [bench.acceleration(q, 0.0, unit) - free for unit in np.eye(model.nu)]
    effects = np.reshape(columns, (model.nu, model.nv)).T
    u = np.linalg.lstsq(effects, -free, rcond=None)[0] + 0.0
    return u, bench.acceleration(q, 0.0, u)


def unclamp(model: Model) -> None:
    """Take the limits of the inputs off."""
    model.opt.disableflags |= import_mujoco().mjtDisableBit.mjDSBL_CLAMPCTRL


def within_limits(model: Model, names: tuple[str, ...], u: NDArray) -> None:
    """Refuse an input that the model would clamp."""
    if model.opt.disableflags & import_mujoco().mjtDisableBit.mjDSBL_CLAMPCTRL:
        return
    for i in np.flatnonzero(model.actuator_ctrllimited):
        low, high = model.actuator_ctrlrange[i]
        slack = 1e-9 * (high - low)
        require(
            bool(low - slack <= u[i] <= high + slack),
            f"rest there takes {names[i]}={u[i]:.6g}, beyond its range {low:.6g} to "
            f"{high:.6g}; choose another state",
        )
