"""How much delay does the LQR of the cart-pole bear, with and without knowing of it?

Delays in whole control periods, by the eigenvalues of the loop as it runs and by
simulation: from 0.001 rad without a limit, and from 0.1 rad with 10 N. J is the
design's own cost, exactly integrated for the linear model, over 20 s from 0.1 rad.
Written to benchmarks/results/delay.json.
"""

from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.design.riccati import held

RESULT = results.path("delay")
PLANT = hc.CartPole()
UP = PLANT.upright()
COST = [1.0, 10.0, 1.0, 1.0], 0.1
SECONDS, LIMIT = 20.0, 10.0
SWEEPS = {
    0.02: {"naive": range(9), "aware": [0, 1, 2, 4, 8, *range(16, 61, 4)]},
    0.005: {"naive": range(0, 29, 2), "aware": [0, *range(32, 193, 32)]},
}


def row(dt: float, delay: int, design: str) -> dict[str, Any]:
    """One delay: poles, convergence and cost."""
    free = hc.Loop(dt, actuator=hc.Actuator(delay=delay))
    limited = hc.Loop(dt, actuator=hc.Actuator(limit=LIMIT, delay=delay))

    def controller(loop: hc.Loop) -> Any:
        return hc.lqr(PLANT, UP, *COST, loop=loop if design == "aware" else hc.Loop(dt))

    poles = hc.closed_loop(PLANT, controller(free), free, UP).poles
    small = run(controller(free), free, 1e-3)
    large = run(controller(limited), limited, 0.1)
    stable = bool(np.abs(poles[0]) < 1)
    good = converges(large)
    return {
        "dt": dt,
        "delay": delay,
        "seconds": delay * dt,
        "design": design,
        "largest_pole": float(np.abs(poles[0])),
        "stable": stable,
        "converges_from_0.001": converges(small),
        "agree": stable == converges(small),
        "converges_from_0.1_with_10N": good,
        "J": spent(large, dt) if good else None,
    }


def run(controller: Any, loop: hc.Loop, lean: float) -> hc.Trace:
    start = [0.0, np.pi - lean, 0.0, 0.0]
    return hc.simulate(PLANT, controller, start, SECONDS, loop=loop)


def errors(trace: hc.Trace) -> np.ndarray:
    return np.stack([trace.error(name, UP) for name in PLANT.states], axis=1)


def converges(trace: hc.Trace) -> bool:
    """Whether the last fifth is at most half as large as the first."""
    sizes = np.linalg.norm(errors(trace), axis=1)
    fifth = len(sizes) // 5
    return bool(sizes[-fifth:].max() <= 0.5 * sizes[:fifth].max())


def spent(trace: hc.Trace, dt: float) -> float:
    p = held(*hc.linearize(PLANT, UP), *COST, dt)
    z = np.hstack([errors(trace)[:-1], np.asarray(trace.u)])
    W = np.block([[p.Q, p.N], [p.N.T, p.R]])
    return float(np.einsum("ti,ij,tj", z, W, z))


def largest(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """The largest delay up to which all of the sweep do, and the first that does not.

    By control period and design.
    """
    found = {}
    for dt, designs in SWEEPS.items():
        for design in designs:
            own = [r for r in rows if (r["dt"], r["design"]) == (dt, design)]
            bad = next((i for i, r in enumerate(own) if not r[key]), len(own))
            last = own[bad - 1]["seconds"] if bad else None
            first = own[bad]["seconds"] if bad < len(own) else None
            found[f"{design}, dt={dt}"] = {"holds_at": last, "fails_at": first}
    return found


def main() -> None:
    """Sweep the delays."""
    rows = []
    for dt, designs in SWEEPS.items():
        for design, delays in designs.items():
            for delay in delays:
                rows.append(row(dt, delay, design))
                print(rows[-1], flush=True)
    keys = ("stable", "converges_from_0.001", "converges_from_0.1_with_10N")
    record = {
        "about": about(),
        "largest": {key: largest(rows, key) for key in keys},
        "disagreements": sum(not r["agree"] for r in rows),
        "rows": rows,
    }
    results.write(RESULT, record)


if __name__ == "__main__":
    tyro.cli(main)
