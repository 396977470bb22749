"""One of every controller and template: what the laws are run over."""

import dataclasses
import itertools

import jax
import numpy as np

import hybridctl as hc
from hybridctl.strategies.reference import build_machine

DT = 0.02


def task(name: str = "global") -> hc.Task:
    """A registered task, short."""
    return hc.tasks.get(name, seconds=2.0)


def policy(t: hc.Task, size: int = 1, n_modes: int = 0) -> hc.Policy:
    """An untrained 2x32 policy."""
    rng = np.random.default_rng(3)
    features = hc.Features.of(t.plant, n_modes=n_modes)
    widths = (features.size, 32, 32, size)
    pairs = list(itertools.pairwise(widths))
    weights = [rng.normal(size=pair) / np.sqrt(pair[0]) for pair in pairs]
    biases = [0.1 * rng.normal(size=pair[1]) for pair in pairs]
    ones = np.ones(features.size)
    return hc.Policy(features, weights, biases, 0.1 * ones, 2.0 * ones)


def controllers(t: hc.Task) -> dict[str, hc.Controller]:
    """One of every kind, on a task."""
    lqr, machine = hc.reference("lqr", t), hc.reference("machine", t)
    up, pump = t.target, machine.modes[0]
    rng = np.random.default_rng(0)
    level = hc.machine(
        {"swing": pump, "balance": lqr},
        [
            ("swing", "balance", hc.level(lqr.V < 20.0) | hc.near(up, theta=0.3)),
            ("balance", "swing", hc.beyond(up, theta=0.6, dtheta=6.0) & hc.after(10)),
        ],
        dwell=0.1,
    )
    slot = hc.Slot(1)
    return {
        "constant": hc.Constant([0.5]),
        "sequence": hc.Sequence(rng.uniform(-5, 5, (100, 1))),
        "lqr": lqr,
        "unlimited": dataclasses.replace(lqr, limit=None),
        "sum": lqr + hc.Constant([0.1]),
        "scaled": 0.5 * lqr,
        "series": hc.StateFeedback(-np.eye(4), np.zeros(4), np.zeros(4)) >> lqr,
        "hold": hc.Hold(lqr, every=1) + hc.Hold(hc.Constant([0.2]), every=3),
        "mix": hc.Mix([0.7, 0.3], [lqr, pump]),
        "pump": pump,
        "machine": machine,
        "level": level,
        "argmax": hc.fill(hc.Switch(hc.Argmax(hc.Slot(2)), [pump, lqr]), policy(t, 2)),
        "policy": hc.fill(10.0 * slot, policy(t)),
        "residual": hc.fill(hc.template("residual", t), policy(t, n_modes=2)),
    }


def templates(t: hc.Task) -> dict[str, hc.Controller]:
    """One template of every kind, on a task."""
    lqr, machine = hc.reference("lqr", t), hc.reference("machine", t)
    slot, pump = hc.Slot(1), machine.modes[0]
    modes = {"pump": pump, "lqr": lqr, "brake": hc.Constant([0.0])}
    return {
        "ppo": hc.template("ppo", t),
        "residual": lqr + 5.0 * slot,
        "machine": machine + 10.0 * slot,
        "held": hc.template("residual", t),
        "learned swing": build_machine(t, swing=10.0 * slot),
        "modes": hc.Switch(hc.Hold(hc.Argmax(hc.Slot(3)), every=5), modes),
        "two slots": hc.Mix(hc.Slot(2), [lqr, pump]) + 3.0 * slot,
    }


def bits(tree: object) -> list[bytes]:
    """Every array of a tree, byte for byte."""
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
