"""Controllers that users might write, and what the tests of pilots share."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import hybridctl as hc
from hybridctl.controllers.fill import blank_tick
from hybridctl.deploy import parity
from hybridctl.deploy.node import NodeEngine
from hybridctl.deploy.program import Program, program
from hybridctl.deploy.recording import Recording, record
from hybridctl.deploy.runtime import CEngine, Engine, PythonEngine
from tests import zoo

TASK = zoo.task("global")
CONTROLLERS = zoo.controllers(TASK)


class Median(hc.Controller):
    """A median of the last five angles, kept in a ring, and a deadband."""

    K: np.ndarray = eqx.field(default_factory=lambda: np.array([2.0, 30.0, 3.0, 9.0]))

    def init(self, tick):
        return {"ring": jnp.full(5, tick.y[1]), "at": jnp.int32(0)}

    def step(self, state, tick):
        ring = state["ring"].at[state["at"]].set(tick.y[1])
        low = jnp.sum(ring[:, None] > ring[None, :], axis=1)
        middle = ring[jnp.argmin(jnp.abs(low - 2))]
        e = tick.y.at[1].set(jnp.mod(middle, 2 * jnp.pi) - jnp.pi)
        u = jax.lax.cond(
            jnp.abs(e[1]) > 0.01, lambda e: self.K @ e, lambda e: 0.0 * e[0], e
        )
        return {"ring": ring, "at": (state["at"] + 1) % 5}, jnp.clip(u, -8, 8)[None]


class Newton(hc.Controller):
    """Solves u + u³ = v by Newton's method in a while loop; a table, and a filter."""

    table: np.ndarray = eqx.field(default_factory=lambda: np.linspace(-4, 4, 90))

    def init(self, tick):
        return jnp.zeros(2)

    def step(self, state, tick):
        v = jnp.interp(tick.y[0], jnp.linspace(-1, 1, 3), jnp.array([-2.0, 0.0, 2.0]))
        place = jnp.int32(jnp.clip(tick.y[1] * 10 + 45, 0, 89))
        v = v + jnp.asarray(self.table)[place] + 0.1 * state[1]

        def improve(carry):
            i, u = carry
            return i + 1, u - (u + u**3 - v) / (1 + 3 * u**2)

        def go_on(carry):
            i, u = carry
            return (i < 60) & (jnp.abs(u + u**3 - v) > 1e-10)

        _, u = jax.lax.while_loop(go_on, improve, (0, v))
        state = jnp.stack([0.9 * state[0] + 0.1 * u, state[0]])
        return state, u[None]


class Horner(hc.Controller):
    """Features in a loop, wide products, and every kind of number in memory."""

    W: np.ndarray = eqx.field(
        default_factory=lambda: np.random.default_rng(5).normal(size=(12, 24)) / 4
    )

    def init(self, tick):
        return (jnp.zeros((3, 30)), jnp.asarray(False), jnp.int32(7))

    def step(self, state, tick):
        wide, flag, n = state
        powers = jax.lax.scan(lambda c, _: (c * 0.7, jnp.sin(c)), tick.y, None, 3)[1]
        h = jax.nn.swish(powers.reshape(12) @ self.W)
        wide = jnp.concatenate([wide[1:], jnp.outer(h[:1], jnp.tile(tick.y[:3], 10))])
        u = jnp.stack([jnp.mean(h) + jnp.max(wide), jnp.prod(h[:3])])
        flag = flag ^ (u[0] > 0.2)
        n = jax.lax.switch(
            n % 3, [lambda n: n + 1, lambda n: n * 2, lambda n: n - 5], n
        )
        return (wide, flag, n % 100), jnp.where(flag, u, u[::-1])


class Network(hc.Value):
    """Cost-to-go of an untrained network."""

    policy: hc.Policy

    def __call__(self, x):
        tick = blank_tick(4).seeing(x)
        return 50.0 * jax.nn.softplus(self.policy.step(None, tick)[1][0])


STEEP = hc.Greedy(TASK.plant, TASK.cost, Network(zoo.policy(TASK)), 10.0, zoo.DT)
OWN = {"median": Median(), "newton": Newton(), "horner": Horner(), "steep": STEEP}


@functools.cache
def graphs(name: str) -> Program:
    """The graphs of a controller, made once."""
    if name in OWN:
        return program(OWN[name], zoo.DT, None if name == "horner" else TASK.plant)
    return program(CONTROLLERS[name], zoo.DT, TASK.plant)


@functools.cache
def recorded(name: str, loops: int, random: int, periods: int) -> Recording:
    """A recording of the jitted controller, made once."""
    return record(graphs(name), loops, random, periods)


def guarded(name: str, on_missing: str = "hold") -> Program:
    """The same graphs, with an eye on the measurements."""
    return dataclasses.replace(graphs(name), on_missing=on_missing)


def engine(name: str, kind: str, on_missing: str = "nan") -> Engine:
    """python, javascript, double or float."""
    made = guarded(name, on_missing)
    if kind == "javascript":
        return NodeEngine(made)
    return PythonEngine(made) if kind == "python" else CEngine(made, kind)


def check_holding(name: str, engine: Engine, rtol: float = 1e-9) -> None:
    """Periods without a measurement leave everything but time as it was.

    So these controllers, which do not look at the time, go on as if nothing had been.
    """
    made = guarded(name)
    pilot = hc.Pilot(made, engine)
    plain = hc.Pilot(graphs(name), PythonEngine(graphs(name)))
    rng, r, last = np.random.default_rng(0), np.zeros(made.sizes.n_r), np.zeros(1)
    holes = [np.nan, np.inf, -np.inf]
    for k in range(24):
        y = rng.normal(size=4) * 0.3 + [0, np.pi, 0, 0]
        if k in (0, 1, 7, 8, 9, 15):  # before the first one too
            y[k % 4] = holes[k % 3]
            given = pilot(y, r)
        elif k in (10, 16) and len(r):
            given = pilot(y, [np.nan])
        else:
            last, given = plain(y, r), pilot(y, r)
            pilot.applied([np.nan])  # which is not believed
        np.testing.assert_allclose(given, last, rtol=rtol, atol=rtol)
    assert pilot.missed == (8 if len(r) else 6)
    other, state = pilot.copy(), pilot.state_dict()
    other.reset()
    other.load_state_dict(state)
    np.testing.assert_allclose(other([np.nan] * 4, r), last, rtol=rtol, atol=rtol)
    assert other.missed == pilot.missed + 1 and other.state_dict()["tick"] == 25
    pilot.reset()
    assert pilot([np.nan] * 4, r) == [0.0] and pilot.missed == 1
    assert pilot.mode is None
    late = pilot.state_dict()
    other.load_state_dict(late)
    np.testing.assert_allclose(other(y, r), pilot(y, r), rtol=rtol, atol=rtol)
    assert other.missed == pilot.missed == 1


def shorten(monkeypatch) -> None:
    """Fewer and shorter loops in the check of every export."""
    monkeypatch.setattr(parity, "PERIODS", 60)
    defaults = {"loops": 4, "periods": 60, "inputs": 120}
    monkeypatch.setattr(parity.check, "__kwdefaults__", {
        **parity.check.__kwdefaults__, **defaults,
    })  # fmt: skip
