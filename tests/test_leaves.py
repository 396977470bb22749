"""Controllers and plants of a stranger: functions, texts and whole numbers in them."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc

DT, START = 0.02, [0.0, 3.0, 0.0, 0.0]
TASK = hc.tasks.get("balance", seconds=0.2)
PLANT = TASK.plant


class Network(hc.Controller):
    """Everything that a user might keep in a controller."""

    net: Any
    kind: str = "fast"
    times: int = 2
    on: bool = True
    gain: float = 1
    rows: tuple = (1, 2.0, None)
    squash: Callable = jnp.tanh

    def init(self, tick):
        return None

    def step(self, state, tick):
        u = self.net(tick.y)
        for _ in range(self.times):
            u = self.squash(u)
        return state, self.gain * u if self.on and self.kind == "fast" else u


class Whole(hc.Controller):
    """±10 N, as 10 or as 10.0."""

    push: Any
    dtype: Any = None

    def init(self, tick):
        return None

    def step(self, state, tick):
        u = jnp.where(tick.y[1] > np.pi, self.push, -self.push)
        return state, u[None].astype(self.dtype or u.dtype)


class Says(hc.Controller):
    """Gives what it is told to give."""

    first: Any
    after: Any
    u: Any = eqx.field(default_factory=lambda: jnp.zeros(1))

    def init(self, tick):
        return self.first

    def step(self, state, tick):
        return self.after, self.u


class Spring(hc.Plant):
    """A plant with a function, a text, and whole numbers for parameters."""

    force: Callable
    m: float = 2
    k: float = 8
    law: str = "linear"
    states = ("x", "v")
    inputs = ("u",)
    units = {}  # noqa: RUF012
    angles = ()
    limits = {}  # noqa: RUF012

    def ode(self, t, x, u):
        scale = 1.0 if self.law == "linear" else 0.0
        pull = u[0] - scale * self.k * self.force(x[0])
        return jnp.stack([x[1], pull / self.m])


class Bits(hc.Sensor):
    """A sensor of one's own."""

    round: Callable = jnp.round
    name: str = "encoder"

    def __call__(self, x, key, k):
        return self.round(x * 1000) / 1000


def with_(**parts):
    return hc.Loop(DT, **parts)


def mlp(seed=0):
    return eqx.nn.MLP(4, 1, 8, 2, key=jax.random.PRNGKey(seed))


def test_a_network_of_equinox_works_everywhere(tmp_path):
    net = Network(mlp())
    expected = np.asarray(jnp.tanh(jnp.tanh(net.net(jnp.array(START)))))
    trace = hc.simulate(PLANT, net, START, 0.2, DT)
    np.testing.assert_allclose(trace.u[0], expected, rtol=1e-5)
    assert hc.evaluate(TASK, net, n=4).finite.all()
    others = {"a": net, "b": Network(mlp(1)), "slow": Network(mlp(), kind="slow")}
    assert set(hc.compare(TASK, others, n=4).to_dict()["rows"]) == set(others)
    pilot = hc.embed(net, DT, plant=PLANT)
    np.testing.assert_allclose(pilot(START), expected, rtol=1e-5)
    path = tmp_path / "pilot.py"
    hc.export(net, path, dt=DT, plant=PLANT)
    space: dict = {}
    exec(path.read_text(encoding="utf-8"), space)
    with pytest.raises(ValueError, match=r"controller.*Network is not registered"):
        hc.save(tmp_path / "net.safetensors", net)
    gains = jnp.array([1.0, 2.0])
    run = lambda g: hc.simulate(PLANT, g * Network(mlp()), START, 0.2, DT).u  # noqa: E731
    np.testing.assert_allclose(jax.vmap(run)(gains)[0], trace.u, rtol=1e-5)
    with pytest.raises(ValueError, match=r"controller\.squash is a set"):
        hc.simulate(PLANT, Network(mlp(), **{"squash": {1, 2}}), START, 0.2, DT)


def test_a_template_with_one_trains_and_fills():
    template = Network(mlp()) + 2.0 * hc.Slot(1)
    env = hc.Env(TASK, template)
    state = jax.jit(env.step)(env.reset(0), jnp.zeros(1))
    assert np.isfinite(state.obs).all()
    filled = hc.fill(template, hc.Constant([0.0]))
    trace = hc.simulate(PLANT, filled, START, 0.2, DT)
    bare = hc.simulate(PLANT, Network(mlp()), START, 0.2, DT)
    np.testing.assert_array_equal(trace.u, bare.u)


@pytest.mark.parametrize("solver", ["rk4", "dopri5"])
def test_a_plant_with_a_function_and_whole_numbers(solver):
    spring = Spring(force=jnp.asarray)
    trace = hc.simulate(spring, hc.Constant([0.0]), [1, 0], 1.0, DT, solver=solver)
    np.testing.assert_allclose(trace["x"], np.cos(2 * trace.t), atol=1e-4)
    A, _ = hc.linearize(spring, spring.equilibrium([0, 0]))
    np.testing.assert_allclose(A, [[0, 1], [-4, 0]])


def test_functions_that_give_whole_numbers_and_tuples():
    for given in ([1, 0], (1.0, 0), np.array([1, 0])):
        plant = hc.Plant.from_function(lambda t, x, u, g=given: g, ["x", "v"], ["u"])
        x = hc.simulate(plant, hc.Constant([0]), [0, 0], 0.2, DT).x[-1]
        np.testing.assert_allclose(x, [0.2, 0.0], atol=1e-6)


def test_a_sensor_of_ones_own():
    loop = with_(sensor=Bits())
    trace = hc.simulate(PLANT, Network(mlp()), START, 0.2, loop=loop)
    assert np.isfinite(trace.x).all()
    with pytest.raises(ValueError, match="the loop's sensor"):
        bad = with_(sensor=Bits(round=lambda x: x[:, None]))
        hc.simulate(PLANT, Network(mlp()), START, 0.2, loop=bad)


def test_whole_numbers_are_numbers():
    expected = hc.simulate(PLANT, Whole(10.0), START, 0.2, DT).x
    for push, dtype in ((10, None), (10, jnp.int8), (np.float64(10), None)):
        got = hc.simulate(PLANT, Whole(push, dtype), START, 0.2, DT).x
        np.testing.assert_array_equal(got, expected)
    modes = {"a": Whole(10), "b": hc.Constant([0.0])}
    machine = hc.machine(modes, [("a", "b", hc.after(100))])
    held = hc.controllers.Hold(Whole(10), every=1)
    for one in (machine, held, 1 * Whole(10), Whole(10) + hc.Constant([0])):
        got = hc.simulate(PLANT, one, START, 0.2, DT).x
        np.testing.assert_array_equal(got, expected)
    assert hc.embed(Whole(10), DT, plant=PLANT)(START) == [-10.0]


REFUSED = {
    "scalar": (Says(None, None, jnp.zeros(())), r"shape \(\).*takes \(1,\).*reshape"),
    "matrix": (Says(None, None, jnp.zeros((1, 1))), r"shape \(1, 1\)"),
    "number": (Says(None, None, 3.0), r"shape \(\)"),
    "list": (Says(None, None, [jnp.zeros(())]), "gives a list, expected an array"),
    "none": (Says(None, None, None), "gives a NoneType"),
    "complex": (Says(None, None, jnp.zeros(1) * 1j), "expected real numbers"),
    "dtype": (Says(0, jnp.zeros(())), r"memory is int32\[\] at .* float32\[\] after"),
    "field": (
        Says({"n": jnp.int32(0)}, {"n": jnp.zeros(())}),
        r"memory\['n'\] is int32",
    ),
    "size": (Says(jnp.zeros(2), jnp.zeros(3)), r"float32\[2\] at .* float32\[3\]"),
    "tree": (Says((0.0,), 0.0), "changes its structure"),
    "text": (Says("idle", "idle"), "memory is a str, expected numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_answer_that_does_not_fit_gets_a_sentence(name):
    controller, match = REFUSED[name]
    for run in (
        lambda: hc.simulate(PLANT, controller, START, 0.2, DT),
        lambda: hc.evaluate(TASK, controller, n=2),
    ):
        with pytest.raises(ValueError, match=match):
            run()


def test_keys_are_seeds_or_keys():
    noisy = hc.Loop(DT, sensor=hc.Sensor(noise=0.01))
    lqr = hc.reference("lqr", TASK)
    run = lambda key: hc.simulate(PLANT, lqr, START, 0.2, loop=noisy, key=key).x  # noqa: E731
    expected = run(jax.random.PRNGKey(3))
    for key in (3, np.int64(3), jax.random.key(3), np.asarray(jax.random.PRNGKey(3))):
        np.testing.assert_array_equal(run(key), expected)
    for key in (0.5, "3", [1, 2], jax.random.split(jax.random.PRNGKey(0)), True):
        with pytest.raises(ValueError, match=r"key is a .*seed"):
            run(key)
    for wrong, match in (({"seed": 0.5}, "seed"), ({"n": 2.5}, r"n=2\.5")):
        with pytest.raises(ValueError, match=match):
            hc.evaluate(TASK, lqr, **{"n": 2, **wrong})


BAD = {
    "long": ({"seconds": 1e9}, r"seconds=1e\+09 are 5e\+10 periods"),
    "large": ({"seconds": 1e7, "x0": [START] * 64}, r"GiB of signals"),
    "nan": ({"seconds": float("nan")}, "seconds=nan is not finite"),
    "infinite": ({"seconds": float("inf")}, "not finite"),
    "negative": ({"seconds": -1.0}, "above 0"),
    "zero": ({"seconds": 0}, "above 0"),
    "short": ({"seconds": 1e-3}, r"shorter than one period.*give at least"),
    "text": ({"seconds": "long"}, "seconds='long' is not a number"),
    "list": ({"seconds": [1.0]}, "is not a number"),
    "dt": ({"dt": "fast"}, "dt='fast' is not a number"),
    "dt nan": ({"dt": float("nan")}, "dt"),
    "dict": ({"x0": {"theta": 3.0}}, "x0 is a dict; give a list in this order: x, the"),
    "ragged": ({"x0": [[1.0], [1.0, 2.0]]}, "different lengths"),
    "words": ({"x0": ["a"] * 4}, "not a number"),
    "cube": ({"x0": np.zeros((2, 2, 4))}, "x0 has shape"),
    "noise": (
        {"loop": with_(sensor=hc.Sensor([0.1] * 3)), "key": 0},
        "noise=.*4",
    ),
    "bias": ({"loop": with_(sensor=hc.Sensor(bias=[0.1] * 2))}, r"bias=.*\(4,\)"),
    "limit": (
        {"loop": with_(actuator=hc.Actuator([1.0] * 2))},
        r"limit=.*\(1,\)",
    ),
    "push": (
        {"loop": with_(disturbance=hc.Disturbance([1.0] * 3, [0, 1]))},
        "at 2 times",
    ),
    "own noise": (
        {
            "loop": with_(
                actuator=hc.Actuator(1.0), disturbance=hc.Disturbance(noise=[0.1, 0.2])
            ),
            "key": 0,
        },
        r"Disturbance.noise=.*\(1,\)",
    ),
    "plant": ({"plant": jax.tree.map(lambda v: np.stack([v] * 3), PLANT)}, "jax.vmap"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_in_one_sentence(name):
    given, match = BAD[name]
    given = {"plant": PLANT, "x0": START, "seconds": 1.0, **given}
    plant, x0, seconds = (given.pop(n) for n in ("plant", "x0", "seconds"))
    with pytest.raises(ValueError, match=match) as error:
        hc.simulate(plant, hc.reference("lqr", TASK), x0, seconds, **given)
    assert "\n" not in str(error.value)


def test_an_endless_task_is_told():
    with pytest.raises(ValueError, match="periods"):
        hc.evaluate(hc.tasks.get("balance", seconds=1e9), hc.Constant([0.0]), n=1)


def test_a_plant_that_jit_closed_over_is_linearized_in_float64():
    """To JAX its parameters are constants in float32 from then on."""
    plant, x, u = hc.CartPole(), jnp.asarray(START), jnp.zeros(1)
    expected = hc.linearize(plant, plant.upright())
    jax.clear_caches()  # what was compiled for them in float64 hides it

    def ahead(x, u):
        return jax.lax.fori_loop(0, 2, lambda _, x: x + DT * plant.ode(0.0, x, u), x)

    jax.jit(ahead)(x, u)
    for A, B in zip(hc.linearize(plant, plant.upright()), expected, strict=True):
        np.testing.assert_array_equal(A, B)
