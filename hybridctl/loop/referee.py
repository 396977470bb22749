"""The closed loop on MuJoCo's own engine: another integrator, another derivation."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from hybridctl.checks import fail
from hybridctl.controllers import Controller
from hybridctl.loop.loop import Loop
from hybridctl.loop.simulate import one_loop, simulate
from hybridctl.loop.trace import Trace
from hybridctl.plants import CartPole, MuJoCoPlant, Plant
from hybridctl.precision import float64, float64_on_host


def referee(
    plant: Plant | str | Path,
    controller: Controller,
    x0: Any,
    seconds: float,
    dt: float | None = None,
    *,
    loop: Loop | None = None,
    key: Array | None = None,
    r: Any = None,
    substeps: int = 20,
) -> Trace:
    """Simulate a controller on MuJoCo's engine, in float64.

    The loop is the one of `simulate`, with its sensor, actuator and disturbance;
    only the plant's motion over a control period comes from MuJoCo: `mj_step` with
    its Runge-Kutta integrator. What agrees here does not hang on this package's
    equations or integrators.

    Args:
        plant: a MuJoCoPlant, a CartPole (its MJCF is used), XML or a path to it.
        controller: decides the input, once every control period.
        x0: start [n_x], or a batch of starts [N, n_x].
        seconds: length [s], rounded to whole control periods.
        dt: control period [s], 0.02 by default; or give a loop.
        loop: sensor, actuator, disturbance and timing; its dt holds.
        key: JAX key [2], needed where the loop draws random numbers.
        r: reference [n_r] that the controller sees, constant.
        substeps: MuJoCo's steps per control period.

    Returns:
        A `Trace` of numpy float64 arrays.

    Raises:
        ValueError: a plant that MuJoCo does not know, or as `simulate`.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> trace = referee(plant, hc.Constant([1.0]), [0, 0.1, 0, 0], seconds=0.1)
        >>> print(trace.x[-1].round(4))
        [ 0.0055  0.0897  0.1093 -0.2034]
    """
    loop = dataclasses.replace(loop or one_loop(None, dt), substeps=substeps)
    system, controller, loop = float64((by_mujoco(plant), controller, loop))
    options = {"loop": loop, "key": key, "r": r, "solver": "mujoco"}
    with float64_on_host():
        trace = simulate(system, controller, x0, seconds, dt, **options)
        return jax.tree.map(np.asarray, trace)


def by_mujoco(plant: Plant | str | Path) -> MuJoCoPlant:
    """A plant as MuJoCo knows it.

    Raises:
        ValueError: it does not.
    """
    if isinstance(plant, MuJoCoPlant):
        return plant
    if isinstance(plant, CartPole):
        return MuJoCoPlant.cartpole(plant)
    if isinstance(plant, (str, Path)):
        return MuJoCoPlant(plant)
    fail(
        f"MuJoCo has no model of a {type(plant).__name__}; give a MuJoCoPlant, a "
        "CartPole, or MJCF"
    )
