"""How fast is the composed environment?

Environment steps per second at N lanes, through brax's wrappers with fresh resets,
as a ratio to a bare `vmap` and `scan` over RK4 with the same substeps, plant and
starts, all in one run, round by round. Also: compile and import seconds, and
simulation speed. Writes benchmarks/results/speed.json.

On one core: `taskset -c 0 python -m benchmarks.questions.speed`
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import tyro
from rich.progress import track

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.learn import Env, wrap
from hybridctl.plants.flow import fixed_step
from hybridctl.tasks import start_episode

RESULT = results.path("speed")


def bare(task: Any, lanes: int, steps: int, action: float) -> Callable[[], Any]:
    """RK4 under a constant force: no controller, no reward, no resets."""
    flow, plant = fixed_step(task.loop.dt, task.loop.substeps), task.plant
    keys = jax.random.split(jax.random.PRNGKey(0), lanes)
    start = lambda key: start_episode(task, hc.Slot(1), key, True).x  # noqa: E731
    starts = jax.jit(jax.vmap(start))(keys)
    force = jnp.full((lanes, 1), action)

    @jax.jit
    def run(x: jax.Array, u: jax.Array) -> jax.Array:
        advance = jax.vmap(lambda x, u: flow(plant, jnp.zeros(()), x, u))
        return jax.lax.scan(lambda x, _: (advance(x, u), None), x, None, steps)[0]

    return lambda: jax.block_until_ready(run(starts, force))


def composed(
    task: Any, template: Any, lanes: int, steps: int, action: float
) -> Callable[[], Any]:
    """The wrapped environment under a constant action."""
    env = Env(task, template)
    wrapped = wrap(env, env.episode_length)
    state = jax.jit(wrapped.reset)(jax.random.split(jax.random.PRNGKey(0), lanes))
    actions = jnp.full((lanes, 1), action)

    @jax.jit
    def run(state: Any, actions: jax.Array) -> Any:
        step = lambda state, _: (wrapped.step(state, actions), None)  # noqa: E731
        return jax.lax.scan(step, state, None, steps)[0]

    return lambda: jax.block_until_ready(run(state, actions))


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(task_name: str, lanes: int, steps: int, rounds: int) -> dict[str, Any]:
    """All kinds in turn, round by round; ratios are taken within a round."""
    task = hc.tasks.get(task_name)
    limit, slot = 10.0, hc.Slot(1)
    machine = hc.reference("machine", task)
    templates = {
        "plain": limit * slot,
        "residual": hc.reference("lqr", task) + 5.0 * slot,
        "machine": machine + limit * slot,
    }
    work = {"bare": bare(task, lanes, steps, 0.05 * limit)}
    for name, template in templates.items():
        work[name] = composed(task, template, lanes, steps, 0.05)
    compile_seconds = {name: seconds(run) for name, run in work.items()}
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in track(range(rounds), description=f"{task_name}, {lanes} lanes"):
        for name, run in work.items():
            times[name].append(seconds(run))
    ratio = lambda a, b: statistics.median(  # noqa: E731
        y / x for x, y in zip(times[a], times[b], strict=True)
    )
    return {
        "steps_per_second": {n: lanes * steps / min(t) for n, t in times.items()},
        "ratio_to_bare": {n: ratio(n, "bare") for n in templates},
        "ratio_to_plain": {n: ratio(n, "plain") for n in templates},
        "first_call_seconds": compile_seconds,
    }


def import_seconds(statement: str) -> float:
    """Seconds that a fresh process needs for an import, the best of three."""
    clock = "time.perf_counter()"
    code = f"import time; t = {clock}; {statement}; print({clock} - t)"
    run = [sys.executable, "-c", code]
    out = [
        subprocess.run(run, capture_output=True, encoding="utf-8", check=True)
        for _ in range(3)
    ]
    return min(float(o.stdout.split()[-1]) for o in out)


def main(lanes: int = 2048, steps: int = 500, rounds: int = 15) -> None:
    """Measure and write the result."""
    result = {
        "about": about(),
        "lanes": lanes,
        "steps": steps,
        "tasks": {
            name: measure(name, lanes, steps, rounds) for name in ("balance", "global")
        },
        "import_seconds": {
            "import hybridctl": import_seconds("import hybridctl"),
            "hybridctl.simulate": import_seconds(
                "import hybridctl; hybridctl.simulate"
            ),
            "hybridctl.train": import_seconds("import hybridctl; hybridctl.train"),
        },
    }
    results.write(RESULT, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
