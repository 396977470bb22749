"""One of every controller and template: what the laws are run over."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np

import hybridctl as hc
from hybridctl.controllers.fill import action_size

DT = 0.02


def task(name: str = "global") -> hc.Task:
    """A registered task, short."""
    return hc.tasks.get(name, seconds=2.0)


def policy(t: hc.Task, size: int = 1, **features: object) -> hc.Policy:
    """An untrained 2x32 policy."""
    rng = np.random.default_rng(3)
    features = hc.Features.of(t.plant, **features)
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
    slot, known = hc.Slot(1), hc.template("residual", t)
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
        "residual": hc.fill(known, policy(t, action_size(known), n_modes=2, age=True)),
        "history": hc.fill(10.0 * slot, policy(t, applied=True, history=3)),
        "observed": hc.fill(observer() >> (lqr + 5.0 * slot), policy(t)),
    }


def plants() -> dict[str, hc.Plant]:
    """One of every plant."""
    return {
        "cart-pole": hc.CartPole(),
        "with friction": hc.CartPole(cart_friction=0.3, pole_friction=0.05),
        "ball": hc.BouncingBall(),
        "thermostat": hc.Thermostat(),
        "end stops": hc.EndStops(hc.CartPole(), ends=1.0, e=0.5),
    }


class Poisoned(hc.tasks.Start):
    """One start in so many is not a number."""

    inner: hc.tasks.Start
    one_in: int = 32

    def __call__(self, key: jax.Array) -> jax.Array:
        """A start."""
        draw = jax.random.uniform(jax.random.fold_in(key, 99))
        return jnp.where(draw < 1 / self.one_in, jnp.nan, self.inner(key))


def observer() -> hc.Controller:
    """Stands for an observer: its estimate is nine tenths of the measurement."""
    return hc.StateFeedback(-0.9 * np.eye(4), np.zeros(4), np.zeros(4))


def templates(t: hc.Task) -> dict[str, hc.Controller]:
    """One template of every kind, on a task."""
    lqr, machine = hc.reference("lqr", t), hc.reference("machine", t)
    slot, pump = hc.Slot(1), machine.modes[0]
    modes = {"pump": pump, "lqr": lqr, "brake": hc.Constant([0.0])}
    own = {name: hc.template(name, t) for name in hc.strategies.templates(t)}
    return own | {
        "plain": lqr + 5.0 * slot,
        "machine": machine + 10.0 * slot,
        "slow modes": hc.Switch(hc.Hold(hc.Argmax(hc.Slot(3)), every=5), modes),
        "two slots": hc.Mix(hc.Slot(2), [lqr, pump]) + 3.0 * slot,
        "observed": observer() >> (machine + 10.0 * slot),
    }


def bits(tree: object) -> list[bytes]:
    """Every array of a tree, byte for byte."""
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
