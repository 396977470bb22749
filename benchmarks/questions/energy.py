"""How often does a swing-up by energy, with an LQR to catch, end upright?

From 1024 random starts (any angles, half of every other limit, rates within ±1) the
reference machine of `tasks.reach` for every plant, without and with friction, and
with friction that the swing-up does not give back. A success is settled at the end of
20 s, and of 60 s for the two links. Also the time of a rate of change by hand-written
and by automatic Lagrange equations. Written to benchmarks/results/energy.json.
"""

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.strategies.reference import build_machine, build_pump

RESULT = results.path("energy")
SEED = 0
CASES: dict[str, tuple[hc.MechanicalPlant, float]] = {
    "pendulum": (hc.Pendulum(), 20.0),
    "pendulum, friction": (hc.Pendulum(friction=0.3), 20.0),
    "cart-pole": (hc.CartPole(), 20.0),
    "cart-pole, friction": (hc.CartPole(cart_friction=0.3, pole_friction=0.05), 20.0),
    "acrobot": (hc.Acrobot(), 20.0),
    "acrobot, 60 s": (hc.Acrobot(), 60.0),
    "acrobot, slight friction": (hc.Acrobot(friction1=0.02, friction2=0.02), 60.0),
    "acrobot, friction": (hc.Acrobot(friction1=0.1, friction2=0.1), 60.0),
    "pendubot": (hc.Pendubot(), 20.0),
    "pendubot, friction": (hc.Pendubot(friction1=0.1, friction2=0.1), 20.0),
}


def measured(plant: hc.MechanicalPlant, seconds: float, n: int) -> dict[str, Any]:
    """Share of starts that settle, and when; also without friction given back."""
    task = hc.tasks.reach(plant, seconds=seconds)
    pump = build_pump(task)
    row: dict[str, Any] = {"limit": task.input_limit, "seconds": seconds}
    row |= {n: float(v) for n, v in vars(plant).items() if "friction" in n}
    row |= scores(task, build_machine(task), n)
    if pump.friction is not None:
        plain = dataclasses.replace(pump, friction=None)
        row["not given back"] = scores(task, build_machine(task, swing=plain), n)
    return row


def scores(task: hc.Task, machine: hc.Controller, n: int) -> dict[str, float]:
    found = hc.evaluate(task, machine, n, SEED)
    settle = found.settle[found.success]
    return {
        "n": n,
        "success": float(found.success.mean()),
        "failed": float(found.failed.mean()),
        "settle_median": float(np.median(settle)),
        "settle_p95": float(np.quantile(settle, 0.95)),
        "J_mean": float(found.cost.mean()),
    }


def kinetic(q: jax.Array, dq: jax.Array, plant: hc.MechanicalPlant) -> jax.Array:
    return plant.kinetic(q, dq)


def potential(q: jax.Array, plant: hc.MechanicalPlant) -> jax.Array:
    return plant.potential(q)


def derived(plant: hc.MechanicalPlant) -> hc.LagrangianPlant:
    """The same plant from its energies alone."""
    n = plant.n_x // 2
    B = np.eye(n)[:, list(plant.actuated)]
    names = (plant.states[:n], plant.inputs)
    return hc.LagrangianPlant(kinetic, potential, B, *names, plant)


def pace(plant: hc.Plant, lanes: int = 2048, steps: int = 200) -> dict[str, float]:
    """Nanoseconds of a rate of change in a batch, and seconds to compile it."""
    plant = jax.tree.map(jnp.asarray, plant)
    x, u = 0.1 * jnp.ones((lanes, plant.n_x)), jnp.zeros((lanes, plant.n_u))
    rate = jax.vmap(lambda x, u: plant.ode(jnp.zeros(()), x, u))
    body = lambda x, _: (x + 1e-3 * rate(x, u), None)  # noqa: E731
    run = jax.jit(lambda x: jax.lax.scan(body, x, None, steps)[0])
    start = time.perf_counter()
    compiled = run.lower(x).compile()
    spent = time.perf_counter() - start
    times = []
    for _ in range(9):
        start = time.perf_counter()
        compiled(x).block_until_ready()
        times.append(time.perf_counter() - start)
    return {"ns": 1e9 * min(times) / (lanes * steps), "compile_s": spent}


def main(n: int = 1024) -> None:
    """Measure and write."""
    rows = {}
    for name, (plant, seconds) in CASES.items():
        rows[name] = measured(plant, seconds, n)
        print(name, rows[name], flush=True)
    paces = {}
    for plant in (hc.Pendulum(), hc.CartPole(), hc.Acrobot(), hc.DoubleCartPole()):
        pair = {"by hand": pace(plant), "by autodiff": pace(derived(plant))}
        paces[type(plant).__name__] = pair
        print(type(plant).__name__, pair)
    record = {"about": about(), "seed": SEED, "machines": rows, "rates": paces}
    results.write(RESULT, record)


if __name__ == "__main__":
    tyro.cli(main)
