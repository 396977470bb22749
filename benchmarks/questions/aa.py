"""Do the intervals lie as often as they say, and what is pairing worth?

A/A tests: a controller against itself, 1000 times, on 64 episodes each. A 95 %
interval of the difference should leave out 0 in 5 % of them. Unpaired: seeds 2i and
2i + 1. Paired: the same starts, other noise. Each is also asked of other intervals, and
each interval how often it covers the mean of the pool, for costs are skewed.

Pairs: how much narrower the interval of a difference is on the same episodes than it
would be on other ones. Writes benchmarks/results/aa.json.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray
from scipy.stats import bootstrap

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.contests.falsify.perturbation import Space, start_axes
from hybridctl.tasks.evaluate import evaluate_tasks
from hybridctl.tasks.statistics import bootstrap_mean, student_mean, wilson

RESULT = results.path("aa")
CASES = {  # shorter than the tasks are, which is all the same to the statistics
    "lqr on balance": ("lqr", "balance", 4.0),
    "machine on global": ("machine", "global", 8.0),
    "machine on noisy": ("machine", "noisy", 6.0),
}
PAIRS = (
    ("balance", "lqr", "machine"),
    ("global", "lqr", "machine"),
    ("push", "lqr", "machine"),
    ("noisy", "machine", "ekf_machine"),
)
Bounds = Callable[[NDArray, int], tuple[float, float]]


def student(values: NDArray, seed: int) -> tuple[float, float]:
    """Student's t interval."""
    del seed
    found = student_mean(values)
    return found.low, found.high


def bca(values: NDArray, seed: int) -> tuple[float, float]:
    """The bias-corrected and accelerated bootstrap, of scipy."""
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {"n_resamples": 1000, "method": "BCa", "rng": rng}
    found = bootstrap((values,), np.mean, **options).confidence_interval
    return float(found.low), float(found.high)


METHODS: dict[str, Bounds] = {
    "bootstrap_mean": bootstrap_mean, "student": student, "bca": bca,
}  # fmt: skip


def outside(rows: NDArray, truth: float, bounds: Bounds) -> float:
    """How often the interval of a row leaves out the truth."""
    found = [bounds(row, i) for i, row in enumerate(rows)]
    return float(np.mean([not low <= truth <= high for low, high in found]))


def unpaired(kind: str, name: str, seconds: float, n: int, times: int) -> Any:
    """J of a controller on the seeds 0, 1, 2, …, [2 times, n]; and success."""
    task = hc.tasks.get(name, seconds=seconds)
    controller = hc.reference(kind, task)
    scores = [hc.evaluate(task, controller, n, seed) for seed in range(2 * times)]
    return np.stack([s.cost for s in scores]), np.stack([s.success for s in scores])


def paired(seconds: float, n: int, times: int) -> NDArray:
    """J under two noises from the same starts, its difference, [times, n]."""
    task = hc.tasks.get("noisy", seconds=seconds)
    controller = hc.reference("machine", task)
    space = Space(task, tuple(start_axes(task, None)), (2,))
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(times):
        tasks = space.tasks(rng.uniform(-1, 1, (n, 4)), 2)
        keys = rng.integers(0, 2**32, (n, 2, 2), np.uint32)
        cost = evaluate_tasks(tasks, controller, keys).cost
        rows.append(cost[:, 0] - cost[:, 1])
    return np.stack(rows)


def rejections(cost: NDArray, differences: NDArray) -> dict[str, Any]:
    """Of every interval: A/A rejections, and how often it misses the pool's mean."""
    pool = float(cost.mean())
    return {
        name: {
            "rejects": outside(differences, 0.0, bounds),
            "misses_mean": outside(cost[: len(differences)], pool, bounds),
        }
        for name, bounds in METHODS.items()
    }


def rate_misses(success: NDArray) -> float:
    """How often the Wilson interval of a success rate leaves out the pool's."""
    rate, n = success.mean(), success.shape[1]
    found = [wilson(int(row.sum()), n) for row in success]
    return float(np.mean([not low <= rate <= high for low, high in found]))


def narrower(name: str, one: str, other: str, n: int) -> dict[str, float]:
    """Width of the paired interval of a difference over that of the unpaired one."""
    task = hc.tasks.get(name)
    a = hc.evaluate(task, hc.reference(one, task), n, 0).cost
    b = hc.evaluate(task, hc.reference(other, task), n, 0).cost
    shuffled = np.random.default_rng(1).permutation(b)
    widths = [float(np.ptp(bootstrap_mean(d, 0))) for d in (a - b, a - shuffled)]
    correlation = float(np.corrcoef(a, b)[0, 1])
    return {
        "paired": widths[0],
        "unpaired": widths[1],
        "ratio": widths[0] / widths[1],
        "correlation": correlation,
    }


def main(n: int = 64, times: int = 1000, episodes: int = 1024) -> None:
    """Measure and write the result.

    Args:
        n: episodes of each evaluation.
        times: comparisons of each case.
        episodes: of each pair of controllers.
    """
    result: dict[str, Any] = {"about": about(), "n": n, "comparisons": times}
    result["aa"] = {}
    for label, case in CASES.items():
        cost, success = unpaired(*case, n, times)
        found = rejections(cost, cost[::2] - cost[1::2])
        found["wilson"] = {"misses_rate": rate_misses(success)}
        found["success"] = float(success.mean())
        result["aa"][label] = found
        print(label, json.dumps(found, indent=1), flush=True)
    differences = paired(6.0, n, times)
    result["aa"]["machine on noisy, paired"] = {
        name: {"rejects": outside(differences, 0.0, bounds)}
        for name, bounds in METHODS.items()
    }
    print("paired", result["aa"]["machine on noisy, paired"], flush=True)
    result["pairs"] = {
        f"{one} and {other} on {name}": narrower(name, one, other, episodes)
        for name, one, other in PAIRS
    }
    print(json.dumps(result["pairs"], indent=1))
    results.write(RESULT, result)


if __name__ == "__main__":
    tyro.cli(main)
