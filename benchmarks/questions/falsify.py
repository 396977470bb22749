"""Does the falsifier find rare failures sooner than even draws, and small ones?

Planted pockets: an LQR with a wrong force near one start (`pocket.Faulty`), which
breaks in 0.1 % of the balance task's box. The force fades as d⁻ᵖ around the pocket, as
the cost does around real failures; a small p is a warning from afar, a needle (no p)
is none at all. What can be gained depends on that warning alone, so several p are
measured. Then a failure that nobody planted: an LQR whose starts and plants are
widened until 0.1 % of them fail. Last the smallest breaking perturbations of the
toolkit's own controllers, and those that are known otherwise.

Writes benchmarks/results/falsify.json.
"""

import dataclasses
from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.lib.pocket import Faulty
from hybridctl.contests.falsify.perturbation import Space, plant_axes, start_axes
from hybridctl.contests.falsify.search import FailureSearch, margins, unsuccessful
from hybridctl.tasks import Box

RESULT = results.path("falsify")
SHARE = 1e-3  # of the ranges that fails
RADIUS = 0.1194  # of a ball with that share of a unit cube of four dimensions
POWERS = (2, 3, 4, None)
MOST = 8000  # episodes after which a search is given up
KNOWN = {"angle_rad": 0.525, "impulse_Ns": 2.494}  # the baseline's, on `balance`


def planted(seed: int, power: int | None) -> tuple[hc.Task, hc.Controller]:
    """The balance task, and its LQR with a pocket at a random place inside the box."""
    task = hc.tasks.get("balance")
    lqr, half = hc.reference("lqr", task), 0.05
    rng, width = np.random.default_rng(100 + seed), 2 * half * RADIUS
    centre = task.target.x + rng.uniform(-1, 1, 4) * (half - width)
    K: Any = lqr.K  # type: ignore[attr-defined]
    force = 0.1 * abs(float(K[0, 0]))  # holds the cart at the settling box's edge
    return task, Faulty(lqr, centre, np.full(4, width), force, power)


def space_of(task: hc.Task, plant: float) -> Space:
    """The task's own box of starts, and a share of the plant's parameters."""
    return Space(task, (*start_axes(task, None), *plant_axes(task, plant)), (0,))


def even(
    task: hc.Task, controller: hc.Controller, plant: float, n: int, seed: int
) -> Any:
    """Which of n even draws break, [n]."""
    search = FailureSearch(
        space_of(task, plant), controller, 1000, seed, unsuccessful, margins(task)
    )
    return np.concatenate(
        [search.simulate(search.even(), 0)[2] for _ in range(n // 1000)]
    )


def first_of(broken: Any) -> int | None:
    """Number of the first that broke."""
    return int(np.argmax(broken)) + 1 if broken.any() else None


def race(task: hc.Task, controller: hc.Controller, plant: float, seed: int) -> dict:
    """Episodes until the first failure: of the falsifier, and of even draws."""
    options: dict[str, Any] = {"plant": plant, "push": 0, "seed": seed}
    found = hc.falsify(task, controller, budget=MOST, stop=True, **options)
    broken = even(task, controller, plant, MOST, 1000 + seed)
    return {
        "seed": seed,
        "falsifier": found.first,
        "even_draws": first_of(broken),
        "share": float(broken.mean()),
    }


def summary(rows: list[dict]) -> dict[str, Any]:
    """How many seeds needed at most a tenth of the 1 / share draws expected."""
    share = float(np.mean([row["share"] for row in rows]))
    limit = 0.1 / share
    counts = [row["falsifier"] or np.inf for row in rows]
    within = sum(n <= limit for n in counts)
    median = float(np.median(counts))
    return {
        "share": share,
        "expected_even_draws": 1 / share,
        "within_a_tenth": f"{within} of {len(rows)}",
        "falsifier_median": median if np.isfinite(median) else None,
        "seeds": rows,
    }


def widened(scale: float) -> hc.Task:
    """Balancing without a limit on the angle, from a box of that size."""
    up = hc.CartPole().upright()
    half = scale * np.array([0.5, 0.25, 0.5, 0.5])
    return hc.tasks.swingup(start=Box.around(up.x, half))


def unplanted(seeds: int) -> dict[str, Any]:
    """The LQR's own failures, on a box on which 0.1 % of starts and plants fail."""
    low, high = 0.5, 2.0
    for _ in range(8):
        scale = (low + high) / 2
        task = widened(scale)
        broken = even(task, hc.reference("lqr", task), 0.2, 20_000, 7)
        low, high = (low, scale) if broken.mean() > SHARE else (scale, high)
    task = widened(low)
    lqr = hc.reference("lqr", task)
    rows = [race(task, lqr, 0.2, seed) for seed in range(seeds)]
    return {"box_scale": low} | summary(rows)


def known() -> dict[str, Any]:
    """The LQR's largest angle and impulse, beside what is known of them."""
    task = hc.tasks.swingup()
    lqr, up = hc.reference("lqr", task), float(np.pi)
    angle = hc.falsify(
        task, lqr, start={"theta": (up - 1, up + 1, up)}, plant=0, push=0, budget=512
    )
    pulse = hc.Disturbance.impulse(5.0, at=1.019, duration=0.001, random_size=True)
    actuator = task.loop.actuator  # a pulse of 1 ms just before the LQR looks again
    fine = dataclasses.replace(
        task, loop=hc.Loop(0.001, 1, actuator=actuator, disturbance=pulse)
    )
    rest = {"x": (-1e-9, 1e-9), "theta": (up - 1e-9, up + 1e-9)}
    held = hc.Hold(lqr, every=20)
    impulse = hc.falsify(fine, held, start=rest, plant=0, budget=512)
    assert angle.smallest and impulse.smallest and impulse.smallest.push
    found = {
        "angle_rad": abs(angle.smallest.start["theta"] - up),
        "impulse_Ns": abs(impulse.smallest.push),
    }
    return {
        name: {"found": value, "known": KNOWN[name], "ratio": value / KNOWN[name]}
        for name, value in found.items()
    }


def controllers(budget: int) -> dict[str, Any]:
    """The smallest breaking perturbations of the toolkit's own controllers."""
    late = {"delay": (0, 1, 2, 3)}
    cases: dict[str, tuple[str, str, dict[str, Any]]] = {
        "lqr on balance": ("balance", "lqr", {}),
        "machine on swingup": ("swingup", "machine", {}),
        "machine on global": ("global", "machine", {}),
        "machine on push": ("push", "machine", {}),
        "machine on push, late": ("push", "machine", late),
    }
    rows = {}
    for label, (name, kind, options) in cases.items():
        task = hc.tasks.get(name)
        found = hc.falsify(task, hc.reference(kind, task), budget=budget, **options)
        print(f"{label}: {found}", flush=True)
        small = found.smallest
        rows[label] = {
            "evaluations": found.evaluations,
            "broken": len(found.found),
            "first": found.first,
            "smallest": None if small is None else small.to_dict(),
            "share_below": None if small else found.bound(),
        }
    return rows


def main(seeds: int = 10, budget: int = 4096) -> None:
    """Measure and write the result.

    Args:
        seeds: of each planted pocket.
        budget: episodes for each of the toolkit's controllers.
    """
    result: dict[str, Any] = {"about": about(), "planted": {}}
    for power in POWERS:
        rows = [race(*planted(seed, power), 0.0, seed) for seed in range(seeds)]
        label = "needle" if power is None else f"p={power}"
        result["planted"][label] = summary(rows)
        keep(result)
        print(label, {k: v for k, v in summary(rows).items() if k != "seeds"})
        print([(row["falsifier"], row["even_draws"]) for row in rows], flush=True)
    result["unplanted"] = unplanted(seeds)
    print({k: v for k, v in result["unplanted"].items() if k != "seeds"}, flush=True)
    print([row["falsifier"] for row in result["unplanted"]["seeds"]])
    keep(result)
    result["known"] = known()
    print(result["known"], flush=True)
    result["controllers"] = controllers(budget)
    keep(result)


def keep(result: dict[str, Any]) -> None:
    """Write what is measured so far."""
    results.write(RESULT, result)


if __name__ == "__main__":
    tyro.cli(main)
