"""Tune the reference state machine: which gains does `strategies` ship?

Cross-entropy search on the training seed of `global` and on `swingup`. The best
gains are written to benchmarks/results/tune.json; `hybridctl/strategies` quotes
them.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import tyro
from about import about
from rich.progress import track

from hybridctl import tasks
from hybridctl.compare import evaluate
from hybridctl.strategies.reference import GAINS, MachineGains, build_machine

RESULT = Path(__file__).parent / "results" / "tune.json"


def score(gains: MachineGains, episodes: int, seed: int) -> float:
    """J on `global` and from hanging, plus the median settling time."""
    everywhere, hanging = tasks.get("global"), tasks.get("swingup")
    scores = evaluate(everywhere, build_machine(everywhere, gains), episodes, seed)
    rest = evaluate(hanging, build_machine(hanging, gains), 1, seed)
    settle = np.minimum(scores.settle, everywhere.seconds)
    return float(
        scores.cost.mean() + 40.0 * np.median(settle) + 0.1 * rest.cost.mean()
        + 4000.0 * (~scores.success).mean()
    )  # fmt: skip


def main(
    rounds: int = 12,
    size: int = 40,
    episodes: int = 512,
    seed: int = 1,
    spread: float = 0.6,
) -> None:
    """Search for better gains around the ones that are shipped."""
    rng = np.random.default_rng(seed)
    mean = np.log(np.asarray(dataclasses.astuple(GAINS)))
    std = np.full(mean.shape, spread)
    best, best_score = GAINS, score(GAINS, episodes, seed)
    print(f"start {best_score:.3f} {GAINS}")
    for _ in track(range(rounds), description="tuning"):
        draws = mean + std * rng.standard_normal((size, len(mean)))
        draws[0] = mean
        values = [score(MachineGains(*np.exp(d)), episodes, seed) for d in draws]
        elite = draws[np.argsort(values)[: size // 6]]
        mean, std = elite.mean(0), elite.std(0) + 0.01
        if min(values) < best_score:
            best_score = min(values)
            best = MachineGains(*np.exp(draws[int(np.argmin(values))]).tolist())
            print(f"{best_score:.3f} {best}", flush=True)
    best = MachineGains(*(float(f"{g:.4g}") for g in dataclasses.astuple(best)))
    found = {"score": best_score, "seed": seed, "gains": dataclasses.asdict(best)}
    record = {"about": about(), **found}
    RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    tyro.cli(main)
