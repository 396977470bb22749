"""What does a block diagram cost?

Nested three deep with 100 blocks: time to build it and to compile it, and its speed
beside the same equations written by hand. An environment over a diagram with a sampled
state machine, beside the plain environment with the machine around the plant, round by
round. Then a short training by either engine. Writes benchmarks/results/blocks.json.

On one core: `taskset -c 0 python -m benchmarks.questions.blocks`. Times are of the
processor, for others may work beside it.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.plants.flow import fixed_step

RESULT = results.path("blocks")
STAGES, RIGS = 24, 4  # a rig has 24 stages and a junction: 100 blocks
LANES = 256


def stage(i: int) -> Any:
    """One of four kinds of block."""
    kinds = (
        hc.transfer([1.0], [0.1 * (i + 1), 1.0]), hc.Gain(0.9),
        hc.Saturation(2.0 + i), hc.transfer([1.0, 2.0], [0.5, 2.0]),
    )  # fmt: skip
    return kinds[i % 4]


def rig() -> hc.Diagram:
    """A loop around two rows of stages, each a diagram of its own."""
    half = STAGES // 2
    rows = []
    for begin in (0, half):
        blocks = {f"s{i}": stage(i) for i in range(begin, begin + half)}
        names = list(blocks)
        wires = {names[0]: "u"} | dict(zip(names[1:], names[:-1], strict=True))
        rows.append(hc.Diagram(blocks, wires, ["u"], {"y": names[-1]}))
    return hc.Diagram(
        {"e": hc.Junction("+-"), "a": rows[0], "b": rows[1]},
        {"e.u1": "r", "e.u2": "b", "a": "e", "b": "a"}, ["r"], {"y": "b"},
    )  # fmt: skip


def plant() -> hc.Diagram:
    """Four rigs in a row."""
    names = [f"rig{i}" for i in range(RIGS)]
    wires = {names[0]: "r"} | dict(zip(names[1:], names[:-1], strict=True))
    return hc.Diagram({name: rig() for name in names}, wires, ["r"], {"y": names[-1]})


def by_hand(t: Any, x: Any, u: Any) -> Any:
    """The same equations without blocks."""
    del t
    rates: list[Any] = []

    def lag(u: Any, T: float) -> Any:
        z = x[len(rates)]
        rates.append(u - z / T)
        return z / T

    def lead(u: Any) -> Any:
        z = x[len(rates)]
        rates.append(u - 4.0 * z)
        return (4.0 - 2.0 * 4.0) * z + 2.0 * u

    y = u[0]
    for _ in range(RIGS):
        y = chain(y, x, rates, lag, lead)
    return jnp.stack(rates)


def chain(r: Any, x: Any, rates: list, lag: Callable, lead: Callable) -> Any:
    """A rig by hand: its output first, which is fed back."""
    begin = len(rates)
    y = output(x, begin)
    u = r - y
    for i in range(STAGES):
        kind = i % 4
        if kind == 0:
            u = lag(u, 0.1 * (i + 1))
        elif kind == 1:
            u = 0.9 * u
        elif kind == 2:
            u = jnp.clip(u, -(2.0 + i), 2.0 + i)
        else:
            u = lead(u)
    return y


def output(x: Any, begin: int) -> Any:
    """What a rig gives, of its states alone: its last stages."""
    lag, lead = x[begin + 10], x[begin + 11]
    i = STAGES - 4
    u = jnp.clip(0.9 * lag / (0.1 * (i + 1)), -(2.0 + i + 2), 2.0 + i + 2)
    return (4.0 - 8.0) * lead + 2.0 * u


def processor(run: Callable[[], Any]) -> float:
    """Time of the processor that a call takes [s]."""
    begin = time.process_time()
    jax.block_until_ready(run())
    return time.process_time() - begin


def rows(first: Callable, second: Callable, rounds: int) -> dict[str, Any]:
    """Times of two, side by side, and how fast the second is beside the first."""
    pairs = [(processor(first), processor(second)) for _ in range(rounds)]
    shares = [a / b for a, b in pairs]
    return {
        "seconds": [statistics.median(p[i] for p in pairs) for i in (0, 1)],
        "speed": statistics.median(shares), "speeds": [min(shares), max(shares)],
    }  # fmt: skip


def large(rounds: int) -> dict[str, Any]:
    """The diagram of 100 blocks."""
    made: list[hc.Diagram] = []
    build = processor(lambda: made.append(plant()))
    d = made[0]
    names = [f"x{i}" for i in range(d.n_x)]
    hand = hc.Plant.from_function(by_hand, names, ["r"])
    x = jnp.asarray(
        np.random.default_rng(0).uniform(-1, 1, (LANES, d.n_x)), jnp.float32
    )
    now, u, x0 = jnp.zeros(()), jnp.ones(1), x[0]
    off = np.abs(d.ode(now, x0, u) - hand.ode(now, x0, u)).max()

    def runner(p: hc.Plant) -> tuple[Callable, float]:
        run = jax.jit(jax.vmap(lambda x: simulated(p, x)))
        return lambda: run(x), processor(lambda: run(x))

    (a, _), (b, compile_s) = runner(hand), runner(d)
    return {"blocks": len(d.parts), "depth": 3, "states": d.n_x, "build_s": build,
            "compile_s": compile_s, "difference": float(off)} | rows(
                a, b, rounds)  # fmt: skip


def simulated(p: hc.Plant, x: Any) -> Any:
    """The state after 2 s."""
    flow = fixed_step(0.02, 2)
    step = lambda k, x: flow(p, 0.02 * k, x, jnp.ones(1))  # noqa: E731
    return jax.lax.fori_loop(0, 100, step, x)


def machine_inside(task: hc.Task) -> hc.Task:
    """A task on a diagram of a plant with its machine, beside another force."""
    machine, cart = hc.reference("machine", task), task.plant
    d = hc.Diagram(
        {"cart": cart, "m": hc.Sampled(machine, task.loop.dt), "sum": hc.Junction("++"),
         "limit": hc.Saturation(10.0)},
        {"m": "cart", "sum.u1": "m", "sum.u2": "force", "limit": "sum",
         "cart": "limit", "m.applied": "limit"}, ["force"],
    )  # fmt: skip
    loop = hc.Loop(task.loop.dt, sensor=hc.Sensor(outputs=d.states[:4]))
    return hc.tasks.reach(d, d.rest({"cart.theta": np.pi}), seconds=20.0, loop=loop)


def stepper(env: hc.Env, steps: int) -> Callable[[], Any]:
    """Many decisions in 256 lanes, compiled."""

    @jax.jit
    def run(state: Any) -> Any:
        def body(state: Any, _: None) -> Any:
            state = jax.vmap(env.step)(state, jnp.full((LANES, 1), 0.1))
            return state, state.reward.mean()

        return jax.lax.scan(body, state, None, steps)[1]

    keys = jax.random.split(jax.random.PRNGKey(0), LANES)
    start = jax.jit(jax.vmap(env.reset))(keys)
    jax.block_until_ready(run(start))
    return lambda: run(start)


def environment(steps: int, rounds: int) -> dict[str, Any]:
    """The machine around the plant, and inside of the diagram."""
    task = hc.tasks.get("global")
    loop = hc.Loop(task.loop.dt, actuator=hc.Actuator(limit=10.0))
    plain = hc.tasks.reach(task.plant, task.target, seconds=20.0, loop=loop)
    around = hc.Env(plain, hc.reference("machine", task) + 5.0 * hc.Slot(1))
    within = hc.Env(machine_inside(task), 5.0 * hc.Slot(1))
    found = rows(stepper(around, steps), stepper(within, steps), rounds)
    rates = [LANES * steps / s for s in found["seconds"]]
    return found | {"lanes": LANES, "steps_per_second": rates}


def trained(decisions: int) -> dict[str, Any]:
    """A residual around the diagram with its machine, by either engine."""
    task, found = machine_inside(hc.tasks.get("global")), {}
    for engine in ("jax", "brax"):
        run = hc.train(task, 5.0 * hc.Slot(1), engine=engine, steps=decisions,
                       progress=False, num_envs=LANES)  # fmt: skip
        found[engine] = {"decisions": run.steps, "timing": dict(run.timing)}
    return found


def main(steps: int = 400, rounds: int = 41, decisions: int = 50_000) -> None:
    """Measure, and write what was found.

    Args:
        steps: decisions of each lane in a round.
        rounds: of each pair.
        decisions: of the trainings; 0: none.
    """
    found = {"about": about(), "large": large(rounds),
             "environment": environment(steps, rounds)}  # fmt: skip
    if decisions:
        found["trained"] = trained(decisions)
    results.write(RESULT, found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
