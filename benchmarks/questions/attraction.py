"""From where does the LQR of the tasks catch the pole, under 10 N, 3 N and delays?

For every loop the largest level set of V: `invariant`, V never rises above where it
started, and `converges`, it only ends at the equilibrium; each verified by fresh
starts. V is the cost-to-go of the sampled-data LQR in cost units; the matrix of the
Riccati equation of the plain discrete cost Σ x'Qx + u'Ru is 1/dt times as large, and so
are its levels. Written to benchmarks/results/attraction.json.
"""

from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.design.attraction import Attraction

RESULT = results.path("attraction")
DT, COST = 0.02, ([1.0, 10.0, 1.0, 1.0], 0.1)
LOOPS = [(10.0, 0), (3.0, 0), (10.0, 1), (10.0, 2), (10.0, 4), (3.0, 2)]
SECONDS, OTHERS = 8.0, 50_000  # fresh starts where not said otherwise


def summary(found: Attraction) -> dict[str, Any]:
    return {
        "rho": found.rho,
        "samples": found.samples,
        "failures": found.failures,
        "bound": found.bound,
        "confidence": found.confidence,
        "sentence": str(found),
    }


def row(limit: float, delay: int, design: str, samples: int) -> dict[str, Any]:
    """Levels of one loop."""
    plant = hc.CartPole()
    loop = hc.Loop(DT, actuator=hc.Actuator(limit=limit, delay=delay))
    model = loop if design == "delay-aware" else hc.Loop(DT)
    lqr = hc.lqr(plant, plant.upright(), *COST, loop=model)

    def level(samples: int = OTHERS, **options: Any) -> dict[str, Any]:
        found = hc.region_of_attraction(
            plant, lqr, loop, samples=samples, seconds=SECONDS, **options
        )
        print(limit, delay, design, options, found, flush=True)
        return summary(found)

    return {
        "limit": limit,
        "delay": delay,
        "design": design,
        "K": np.asarray(lqr.K).ravel().tolist(),
        "unsaturated": lqr.unsaturated(limit),
        "invariant": None if delay else level(samples),
        "converges": level(invariant=False),
        "converges_on_track": level(invariant=False, limits={"x": 2.4}),
    }


def planted() -> dict[str, Any]:
    """A level that is too large is refuted by a start."""
    plant = hc.CartPole()
    lqr = hc.lqr(plant, plant.upright(), *COST, DT)
    loop = hc.Loop(DT, actuator=hc.Actuator(limit=10.0))
    found = hc.check_level(plant, lqr, loop, 8.0, invariant=False, samples=OTHERS)
    assert found.counterexample is not None
    return summary(found) | {"counterexample": found.counterexample.tolist()}


def scales() -> dict[str, float]:
    """How the two discrete Riccati solutions compare."""
    plant = hc.CartPole()
    model = hc.linearize(plant, plant.upright())
    held = hc.design.lqrd(*model, *COST, DT)
    plain = hc.design.dlqr(*hc.discretize(*model, DT), *COST)
    ratio = plain.X / held.X
    return {"1/dt": 1 / DT, "least": float(ratio.min()), "most": float(ratio.max())}


def main(samples: int = 1_000_000) -> None:
    """Measure; the invariant level of the first loop with so many fresh starts."""
    rows = []
    for limit, delay in LOOPS:
        for design in ("plain", "delay-aware") if delay else ("plain",):
            rows.append(row(limit, delay, design, OTHERS if rows else samples))
    record = {
        "about": about(),
        "rows": rows,
        "planted": planted(),
        "plain_over_sampled_X": scales(),
    }
    results.write(RESULT, record)


if __name__ == "__main__":
    tyro.cli(main)
