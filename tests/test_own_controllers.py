"""Controllers of a user's own, which say nothing about ports."""

import ast
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

import hybridctl as hc

DT, X = 0.02, [0.1, 0.2, 0.3, 0.4, 0.5]
ROOT = Path(hc.__file__).parent


def five(t: Array, x: Array, u: Array) -> Array:
    """Two coupled oscillators and a lag."""
    del t
    return jnp.stack([x[1], u[0] - x[0] - 0.1 * x[1], x[3], x[0] - x[2], -x[4]])


PLANT = hc.Plant.from_function(five, ["a", "b", "c", "d", "e"], ["push"])


@hc.register
class Fields(hc.Controller):
    """Fields whose names once meant something."""

    x0: Array = eqx.field(converter=jnp.asarray)
    n_y: int = eqx.field(static=True, default=7)
    loop: hc.Loop = hc.Loop(0.01)

    def init(self, tick):
        return None

    def step(self, state, tick):
        return state, -self.x0[:1] * tick.y[0:1] - 0.3 * tick.y[3:4]


@hc.register
class Net(hc.Controller):
    """A recurrent network on all five."""

    W: Array = eqx.field(converter=jnp.asarray)
    V: Array = eqx.field(converter=jnp.asarray)

    def init(self, tick):
        return jnp.zeros(3)

    def step(self, state, tick):
        h = jnp.tanh(self.W @ tick.y + state)
        return 0.9 * state + 0.1 * h, self.V @ h


@hc.register
class Two(hc.Controller):
    """Two of the five measurements, and an integral."""

    k: Array = eqx.field(converter=jnp.asarray)

    def init(self, tick):
        return jnp.zeros(())

    def step(self, state, tick):
        total = state + tick.y[1] * DT
        u = self.k[0] * tick.y[1] + self.k[1] * tick.y[4] + 0.1 * total
        return total, -u[None]


RNG = np.random.default_rng(0)
OWN = {
    "fields": Fields([0.5, 1.0]),
    "net": Net(RNG.normal(size=(3, 5)), RNG.normal(size=(1, 3))),
    "two": Two([0.4, 0.2]),
}


@pytest.mark.parametrize("name", OWN)
def test_they_run_are_kept_and_embedded(name, tmp_path):
    own = OWN[name]
    assert hc.ports.of(own).y is None
    trace = hc.simulate(PLANT, own, X, seconds=0.4, dt=DT)
    again = hc.load(hc.save(tmp_path / name, own))
    kept = hc.simulate(PLANT, again, X, seconds=0.4, dt=DT)
    np.testing.assert_array_equal(kept.u, trace.u)
    pilot = hc.embed(own, dt=DT)
    given = np.array([pilot(y) for y in np.asarray(trace.x[:-1], float)])
    np.testing.assert_allclose(given, trace.u, rtol=2e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_they_are_trained_beside_and_exported(name, tmp_path):
    own = OWN[name]
    box = hc.tasks.Box([-0.1] * 5, [0.1] * 5)
    at = PLANT.equilibrium(np.zeros(5))
    task = hc.tasks.reach(PLANT, at, start=box, loop=hc.Loop(DT), seconds=1.0)
    env = hc.Env(task, own + hc.Slot(1))
    after = jax.jit(env.step)(jax.jit(env.reset)(jax.random.PRNGKey(0)), jnp.zeros(1))
    assert after.obs.shape == (5,) and np.isfinite(after.reward)
    sizes = {"steps": 2048, "num_envs": 32, "num_eval_envs": 8, "num_evals": 2}
    run = hc.train(task, own + 0.1 * hc.Slot(1), **sizes)
    hc.save(tmp_path / "trained", run.controller)
    path = hc.export(own, tmp_path / f"{name}_pilot.py", dt=DT)
    assert "y" in path.read_text(encoding="utf-8")


# ---------------------------------------------------------------- declared ports


CART = hc.CartPole()
UP = CART.upright()
LQR = hc.lqr(CART, UP, Q=[1, 10, 1, 1], R=0.1, dt=DT, limit=10.0)


def test_names_come_into_errors_and_files(tmp_path):
    known = hc.ports.of(LQR)
    assert [s.name for s in known.y] == ["x", "theta", "dx", "dtheta"]
    assert known.u == (hc.ports.Signal("force", "N"),) and known.dt == DT
    assert known.y[1].angle and known.y[1].unit == "rad"
    told = "takes 'x', 'dx', but what is measured is theta"
    with pytest.raises(ValueError, match=told):
        hc.simulate(hc.Pendulum(), LQR, [0, 0], 0.1, DT)
    again = hc.load(hc.save(tmp_path / "lqr", LQR))
    assert hc.ports.of(again) == known
    assert [name for name, _ in hc.embed(again, dt=DT).y] == list(CART.states)


def test_combinators_compose_ports():
    slow = hc.Hold(LQR, every=2)
    assert hc.ports.of(slow).dt == pytest.approx(DT / 2)
    both = LQR + hc.Constant([1.0])
    assert hc.ports.of(both) == hc.ports.of(LQR)
    modes = {"a": LQR, "b": hc.Constant([0.0])}
    machine = hc.machine(modes, {("a", "b"): hc.after(3)})
    assert hc.ports.of(machine).mode == ("a", "b")
    kalman = hc.kalman(CART, UP, DT, [0.01, 0.01], outputs=("x", "theta"))
    series = hc.ports.of(kalman >> machine)
    assert [s.name for s in series.y] == ["x", "theta"] and series.mode == ("a", "b")
    assert [s.name for s in series.u] == ["force"]


def test_what_a_step_shows_is_in_the_trace():
    inner = hc.machine({"p": LQR, "q": 0.9 * LQR}, {("p", "q"): hc.after(2)})
    outer = {"hold": inner, "rest": hc.Constant([0.0])}
    nested = hc.machine(outer, {("hold", "rest"): hc.after(4)})
    kalman = hc.kalman(CART, UP, DT, 0.01)
    whole = kalman >> (nested + hc.Probe("residual", hc.Constant([0.1])))
    trace = hc.simulate(CART, whole, [0, 3.1, 0, 0], seconds=6 * DT, dt=DT)
    assert trace["mode"].tolist() == [0, 0, 0, 0, 1, 1]
    assert trace["hold.mode"].tolist()[:4] == [0, 0, 1, 1]
    assert trace["age"].tolist() == [1, 2, 3, 4, 1, 2]
    np.testing.assert_array_equal(trace["estimate.theta"], trace["estimate"][:, 1])
    np.testing.assert_allclose(trace["residual"][:, 0], 0.1, rtol=1e-6)
    told = r"age, estimate, hold\.age, hold\.mode, residual"
    with pytest.raises(KeyError, match=told):
        trace["nothing"]


STRANGERS = {
    "checks.py": "numbers that may be anybody's",
    "kinds.py": "values that may be anybody's",
    "describe/": "prints anything",
    "codegen/": "equations of JAX, whose releases differ",
    "deploy/labels.py": "keys of JAX's trees",
    "deploy/line.py": "terminals, of which systems have other speeds",
    "deploy/realtime/plan.py": "pilots, which may be any function",
    "deploy/realtime/watch.py": "signals, of which systems have others",
    "scale/engines.py": "executors, which may be anybody's",
    "scale/workers.py": "executors, which may be anybody's",
    "store/answers.py": "equations of JAX",
    "store/registry.py": "classes of users, which may be anything",
    "learn/brax/": "objects of brax",
    "learn/sb3/": "objects of stable-baselines3",
    "learn/gymnasium/": "enumerations of Gymnasium",
    "plants/diagram/given.py": "blocks, which may be anything",
    "plants/diagram/interop.py": "systems of python-control",
    "plants/mujoco/": "models of MuJoCo, whose releases differ",
    "screen.py": "streams",
    "show/figures/live_curve.py": "the shell of a notebook",
    "show/figures/training.py": "runs, whose room imports brax",
    "show/report/provenance.py": "runs, whose room imports brax",
    "scale/keys.py": "values that may be anybody's",
    "scale/own_code.py": "what users wrote, which may be anything",
    "runs/checkpoint_file.py": "a task or the name of one",
    "deploy/embed.py": "measurements that may be lists, a million times",
}
"""Where objects that are not the toolkit's own are asked what they are."""


def test_no_part_is_asked_for_an_attribute():
    """No `hasattr`, and no `getattr` with a default, on what the toolkit is made of."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(tuple(STRANGERS)):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                name, asked = node.func.id, ast.unparse(node)
                sniffs = name == "hasattr" or (name == "getattr" and len(node.args) > 2)
                plain = "__name__" in asked or asked.startswith(f"{name}(os")
                found += [f"{place}: {asked}"] * (sniffs and not plain)
    named = "plants/vary.py: getattr(p, n, None)"  # a parameter that a user named
    assert set(found) == {named}
