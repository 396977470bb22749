"""A round of ours, for `benchmarks/questions/peers.py`: `Env`, and `simulate`."""

import dataclasses
import functools
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import hybridctl as hc
from benchmarks.peers.rounds import serve
from hybridctl.learn import Env, wrap
from hybridctl.tasks.evaluate import start_of

FORCE = 0.5  # [N], as a constant action


def controller(task: Any, kind: str) -> Any:
    """What is in the loop, with a Slot."""
    return {
        "Euler": lambda: 10.0 * hc.Slot(1),
        "plain": lambda: 10.0 * hc.Slot(1),
        "residual": lambda: hc.reference("lqr", task) + 10.0 * hc.Slot(1),
        "machine": lambda: hc.reference("machine", task) + 10.0 * hc.Slot(1),
    }[kind]()


def euler(task: hc.Task) -> hc.Task:
    """The task with one Euler step a period, which is what Gym's cart-pole takes."""
    plant, dt = task.plant, task.loop.dt

    def after(x: jax.Array, u: jax.Array) -> jax.Array:
        return x + dt * plant.ode(jnp.zeros(()), x, u)

    angles = [plant.states[i] for i in plant.angles]
    stepped = hc.Plant.discrete(after, dt, plant.states, plant.inputs, angles=angles)
    return dataclasses.replace(task, plant=stepped)


def env(task: Any, kind: str, lanes: int, steps: int) -> Callable[[], Any]:
    """`Env` in brax's wrappers: rewards, observations, fresh random resets."""
    inner = Env(task, controller(task, kind))
    wrapped = wrap(inner, inner.episode_length)
    state = jax.jit(wrapped.reset)(jax.random.split(jax.random.PRNGKey(0), lanes))
    action = jnp.full((lanes, 1), FORCE / 10.0)

    @jax.jit
    def run(state: Any, action: jax.Array) -> Any:
        step = lambda state, _: (wrapped.step(state, action), None)  # noqa: E731
        return jax.lax.scan(step, state, None, steps)[0]

    return lambda: jax.block_until_ready(run(state, action))


def simulated(task: Any, kind: str, lanes: int, steps: int) -> Callable[[], Any]:
    """`simulate` from as many starts, with the whole trace."""
    filled = hc.fill(controller(task, kind), hc.Constant([FORCE / 10.0]))
    x0 = jnp.stack([start_of(task, 0, i).x for i in range(min(lanes, 64))])
    x0 = jnp.tile(x0, (-(-lanes // len(x0)), 1))[:lanes]
    seconds = steps * task.loop.dt
    given: dict[str, Any] = {"loop": task.loop, "key": 0}
    run = functools.partial(hc.simulate, task.plant, filled, x0, seconds, **given)
    return lambda: jax.block_until_ready(run().x)


def main() -> None:
    way, name, kind = sys.argv[1].split()
    task = hc.tasks.get(name)
    task = euler(task) if kind == "Euler" else task
    make = functools.partial({"Env": env, "simulate": simulated}[way], task, kind)
    steps = f"RK4, {task.loop.substeps} substeps"
    integrator = "Euler" if kind == "Euler" else steps
    serve(make, {"integrator": integrator, "dt": task.loop.dt})


if __name__ == "__main__":
    main()
