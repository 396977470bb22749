"""Classical against learned: LQR, machine, PPO and residual on three tasks.

Trains PPO on `balance` and the residual on `global`, five seeds each, and compares
every column on 4096 episodes that training did not see. Learned columns: the mean
over seeds with a 95 % interval (Student's t), and the worst success. Writes
benchmarks/results/strategies.json.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from about import about
from scipy import stats

import hybridctl as hc

RESULT = Path(__file__).parent / "results" / "strategies.json"
LEARNED = {"ppo": "balance", "residual": "global"}  # template: task it trains on


def train_all(seeds: int) -> dict[str, list[hc.Run]]:
    """Every learned column with every seed."""
    return {
        name: [
            hc.train(task, hc.template(name, task), seed=seed) for seed in range(seeds)
        ]
        for name, task in ((n, hc.tasks.get(t)) for n, t in LEARNED.items())
    }


def over_seeds(values: list[float]) -> dict[str, Any]:
    """Mean and its 95 % interval over training seeds."""
    mean = float(np.mean(values))
    scale = stats.sem(values)
    spread = stats.t.ppf(0.975, len(values) - 1) * scale if scale > 0 else 0.0
    return {"value": mean, "low": mean - spread, "high": mean + spread, "all": values}


def column(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One learned column: its seeds put together."""
    settle = [row["settle_median"] for row in rows]
    return {
        "success_worst": min(row["success"]["value"] for row in rows),
        "success": over_seeds([row["success"]["value"] for row in rows]),
        "J": over_seeds([row["J_mean"] for row in rows]),
        "settle_median": None if None in settle else over_seeds(settle),
        "difference": over_seeds([row["difference"]["value"] for row in rows]),
    }


def main(n: int = 4096, seed: int = 0, seeds: int = 5) -> None:
    """Train, compare and write the result."""
    runs = train_all(seeds)
    result: dict[str, Any] = {"about": about(), "n": n, "seed": seed, "seeds": seeds}
    result["training_seconds"] = {
        name: over_seeds([run.timing["train"] for run in group])
        for name, group in runs.items()
    }
    for name in hc.tasks.names():
        task = hc.tasks.get(name)
        known = {kind: hc.reference(kind, task) for kind in ("lqr", "machine")}
        for kind, group in runs.items():
            known |= {f"{kind} {run.seed}": run.controller for run in group}
        table = hc.compare(task, known, n, seed, against="machine")
        print(table)
        rows = table.to_dict()["rows"]
        learned = {
            kind: column([rows[f"{kind} {run.seed}"] for run in group])
            for kind, group in runs.items()
        }
        classical = {kind: rows[kind] for kind in ("lqr", "machine")}
        result.setdefault("tasks", {})[name] = classical | learned
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    tyro.cli(main)
