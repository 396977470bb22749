"""Does identification find a rig, and do positions that are late and lost suffice?

Rigs are drawn from `unknown_plant`'s ranges, with a delay, noise and counts of their
own; each swings about below its cart for 10 s at 50 Hz while tones push it, and only
position, angle and the force that was asked for are recorded. Of every parameter:
whether the 95 % interval covers the truth, and how far off it is. Then the machine on
`global` with encoders, one period of delay and 2 % lost samples, beside the machine
that sees the whole state. And two logs of a pendulum that others published
(benchmarks/logs). Writes benchmarks/results/rig.json.

On one core: `taskset -c 0 python -m benchmarks.questions.rig`; with `--published` the
logs of others alone, beside what was found before. Rigs with numbers below 1000 were
looked at while this was built.
"""

import dataclasses
import json
from typing import Any, NamedTuple

import jax
import numpy as np
import tyro
from rich.progress import track

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about

RESULT = results.path("rig")
DT, SECONDS, LIMIT = 0.02, 10.0, 10.0
COUNTS = {"x": 1e-4, "theta": 2 * np.pi / 2048}
TONES = np.array([0.25, 0.5, 0.8, 1.1, 1.6, 2.3])  # Hz
PLANT = ("m_c", "m_p", "L", "cart_friction", "pole_friction")
NAMES = (*PLANT, "actuator.delay")
GUESS = hc.CartPole(m_c=1.0, m_p=0.15, L=1.0, cart_friction=0.3, pole_friction=0.02)
FIRST = 1000  # rig that is reported
PUBLISHED = ("pendulum_500g", "pendulum_1kg")
PENDULUM = hc.Pendulum(m=0.7, L=0.5, friction=0.05)


class Rig(NamedTuple):
    """What a rig is, and what was recorded of it."""

    true: dict[str, float]
    log: hc.Log


def recorded(number: int) -> Rig:
    """A rig of unknown plant, delay and noise, and its log."""
    rng = np.random.default_rng(number)
    vary: Any = hc.tasks.get("unknown_plant").vary
    plant = vary(jax.random.PRNGKey(number), hc.CartPole())
    delay, noise = rng.uniform(0.2, 2.8), rng.uniform(0.3e-3, 3e-3)
    drive = hc.Actuator(LIMIT, int(delay), spread=[1 - delay % 1, delay % 1])
    t = np.arange(round(SECONDS / DT)) * DT
    tones = zip(TONES, rng.uniform(0, 2 * np.pi, len(TONES)), strict=True)
    push = sum(2.2 * np.sin(2 * np.pi * f * t + phase) for f, phase in tones)
    back = hc.StateFeedback([[3.0, 0.0, 2.0, 0.0]], np.zeros(4), np.zeros(1))
    excited = hc.Sequence(np.asarray(push)[:, None]) + back
    start, loop = [0.0, rng.uniform(-1, 1), 0.0, 0.0], hc.Loop(DT, actuator=drive)
    trace = hc.simulate(plant, excited, start, SECONDS, loop=loop)
    rows = {n: trace[n] + rng.normal(0.0, noise, len(trace.t)) for n in COUNTS}
    seen = {n: np.round(row / COUNTS[n]) * COUNTS[n] for n, row in rows.items()}
    asked = np.append(np.asarray(trace.asked)[:, 0], 0.0)
    true = {name: float(getattr(plant, name)) for name in PLANT}
    log = hc.Log({"t": trace.t, **seen, "force": asked})
    return Rig({**true, "actuator.delay": delay}, log)


def identified(number: int) -> dict[str, Any]:
    """Whether the intervals of a rig cover, how far off it is, and the seconds."""
    rig, loop = recorded(number), hc.Loop(DT, actuator=hc.Actuator(limit=LIMIT))
    fit = hc.identify(GUESS, rig.log, NAMES, loop=loop)
    inside = {n: fit.interval(n)[0] <= rig.true[n] <= fit.interval(n)[1] for n in NAMES}
    found, true = dict(fit.values), dict(rig.true)
    for of in (found, true):
        of["m_p L"] = of["m_p"] * of["L"]
    off = {n: abs(found[n] / true[n] - 1.0) for n in found}
    held = min(fit.held.score.values()) if fit.held else None
    return {"inside": inside, "off": off, "held": held, "seconds": fit.seconds}


def summary(fits: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares that cover, and medians."""
    median = lambda rows: float(np.median(list(rows)))  # noqa: E731
    return {
        "rigs": len(fits),
        "cover": {n: float(np.mean([f["inside"][n] for f in fits])) for n in NAMES},
        "off": {n: median(f["off"][n] for f in fits) for n in fits[0]["off"]},
        "off_most": {n: max(f["off"][n] for f in fits) for n in fits[0]["off"]},
        "held": median(f["held"] for f in fits),
        "seconds": median(f["seconds"] for f in fits),
        "seconds_first": fits[0]["seconds"],
    }


def encoders(n: int) -> dict[str, Any]:
    """The machine on counts, late and at times lost, beside the one that sees all."""
    task = hc.tasks.get("global")
    counts = list(COUNTS.values())
    sensor = hc.Sensor(outputs=[*COUNTS], resolution=counts, delay=1, drop=0.02)
    loop = dataclasses.replace(task.loop, sensor=sensor)
    seen = dataclasses.replace(task, loop=loop)
    rows = {"state": (task, "machine"), "encoders": (seen, "ekf_machine")}
    told = {}
    for name, (task, reference) in rows.items():
        scores = hc.evaluate(task, hc.reference(reference, task), n=n, seed=0)
        J, success = float(scores.cost.mean()), float(scores.success.mean())
        told[name] = {"reference": reference, "J": J, "success": success}
    return {"n": n, **told}


def others(name: str) -> dict[str, Any]:
    """What a log that somebody else published says of its pendulum."""
    log = hc.Log.from_csv(results.ROOT / "benchmarks" / "logs" / f"{name}.csv")
    fit = hc.identify(PENDULUM, log, ["m", "L", "friction", "sensor.bias[theta]"])
    held = fit.held or fit.fitted
    return {
        "values": fit.values, "std": fit.std, "rms": fit.fitted.rms["theta"],
        "held": held.rms["theta"], "white": fit.fitted.white["theta"],
    }  # fmt: skip


def main(rigs: int = 100, n: int = 1024, published: bool = False) -> None:
    """Measure and write the result.

    Args:
        rigs: that are identified.
        n: held-out episodes.
        published: only the logs of others, beside what was found before.
    """
    logs = {name: others(name) for name in PUBLISHED}
    if published:
        results.write(RESULT, results.known(RESULT) | {"published": logs})
        print(json.dumps(logs, indent=1))
        return
    numbers = track(range(FIRST, FIRST + rigs), "identifying")
    found = summary([identified(number) for number in numbers])
    told = {"about": about(), "identify": found, "encoders": encoders(n)}
    told |= {"published": logs}
    results.write(RESULT, told)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
