"""What objects say of themselves, in a terminal and in a notebook."""

import copy
import dataclasses
import json
import pickle
from typing import ClassVar
from xml.etree import ElementTree as ET

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.checks import cast
from hybridctl.describe import plain_data
from hybridctl.tasks import Vary

PLANT = hc.CartPole()
UP = PLANT.upright()
LQR = hc.lqr(PLANT, UP, Q=[1, 10, 1, 1], R=0.1, dt=0.02)
MACHINE = hc.machine(
    {"swing": hc.EnergySwingUp(PLANT, limit=10.0), "balance": LQR},
    {
        ("swing", "balance"): hc.near(UP, theta=0.8) & hc.level(LQR.V < 50.0),
        ("balance", "swing"): hc.beyond(UP, theta=1.0, x=2.0),
    },
    dwell=0.1,
)
TASK = hc.tasks.get("balance")


class Bang(hc.Controller):
    """Bang-bang with a net beside it."""

    gain: jax.Array
    net: eqx.nn.MLP
    name: str = "gülü θ"

    def init(self, tick):
        return None

    def step(self, state, tick):
        return state, self.gain * jnp.sign(tick.y[:1])


BANG = Bang(jnp.array([2.0]), eqx.nn.MLP(4, 1, 8, 1, key=jax.random.PRNGKey(0)))


def oscillator(t, x, u, p):
    return jnp.stack([x[1], u[0] - p["w"] * x[0]])


MADE = hc.Plant.from_function(
    oscillator, ["my x", "dθ"], ["u"], {"my x": "m"}, parameters={"w": 2.0}
)
SHOWN = {
    "lqr": LQR,
    "machine": MACHINE,
    "task": TASK,
    "own controller": BANG,
    "own plant": MADE,
    "sum": LQR + 5.0 * hc.Slot(1) - hc.Constant([1.0]),
    "series": hc.kalman(PLANT, UP, 0.02, 0.01, 0.1, outputs=["x", "theta"]) >> MACHINE,
    "nested": hc.Switch(
        hc.Hold(hc.Argmax(hc.Slot(2)), 5), {"a": MACHINE, "b": 2.0 * LQR}
    ),
    "filled": hc.fill(LQR + hc.Hold(hc.Slot(1), 4), hc.Constant([0.1])),
    "pid": hc.PID(1.0, 2.0, 0.1, dt=0.02, column=1, setpoint=np.pi, angle=True),
    "motor": hc.plants.motor_cartpole(),
    "mujoco": hc.MuJoCoPlant.cartpole(),
    "loop": hc.Loop(0.02, sensor=hc.Sensor(noise=0.1), actuator=hc.Actuator(3.0, 2)),
    "guard": ~hc.near(UP, theta=0.2) | hc.after(5),
    "equilibrium": UP,
    "many plants": jax.vmap(lambda m: hc.CartPole(m_p=m))(jnp.linspace(0.1, 0.3, 9)),
    "design": hc.design.lqr([[0.0, 1.0], [1.0, 0.0]], [[0.0], [1.0]], np.eye(2), 1.0),
}


def test_an_lqr_says_its_gains_with_names_and_units():
    assert str(LQR).splitlines() == [
        "StateFeedback: u = u0 - K (y - x0); made for dt = 0.02 s",
        "  K of force  x -2.83 N/m, theta 51.36 N/rad, dx -5.605 N/(m/s), "
        "dtheta 16.09 N/(rad/s)",
        "  holds       theta = pi rad, the rest 0",
        "  V           cost-to-go of the design, for level(V < rho)",
    ]
    assert repr(LQR + 5.0 * hc.Slot(1)).endswith(", dt=0.02) + 5 * Slot(1)")


def test_a_machine_draws_its_edges():
    told = str(MACHINE)
    edge = "swing --[|theta - pi| <= 0.8 rad & V < 50]--> balance"
    assert edge in told and "dwell  5 periods (0.1 s)" in told
    assert "balance --[|x| > 2 m or |theta - pi| > 1 rad]--> swing" in told.replace(
        "|theta - pi| > 1 rad or |x| > 2 m", "|x| > 2 m or |theta - pi| > 1 rad"
    )


def test_a_task_and_a_plant_say_what_one_wants_to_know():
    told, plant = str(TASK), str(PLANT)
    for part in (
        "20 s, 1000 periods of 0.02 s", "limit 10 N", "x = 0 +- 0.05 m", "20 (1 - cos(",
        "failure   |x| > 2.4 m", "success   never fails; settled where it also ends",
        "reward    1 a period",
    ):  # fmt: skip
        assert part in told
    for part in ("theta [rad] (angle)", "m_p = 0.1 kg", "pole_friction = 0 N m s/rad"):
        assert part in plant
    assert "9 values from 0.1 to 0.3 kg" in str(SHOWN["many plants"])


@pytest.mark.parametrize("name", SHOWN)
def test_everything_prints_in_a_few_lines_and_shows_itself(name):
    thing = SHOWN[name]
    told = str(thing)
    assert told and all(len(line) <= 92 for line in told.splitlines())
    assert "f64[" not in told and "(numpy)" not in told and "object at 0x" not in told
    shown = thing._repr_html_()
    shown.encode("ascii")
    ET.fromstring(shown.replace("<br>", "<br/>"))
    assert not isinstance(thing, hc.Controller) or len(repr(thing)) < 300


@pytest.mark.parametrize("name", [n for n in SHOWN if n != "own controller"])
def test_what_is_printed_can_be_copied_and_pickled(name):
    thing = SHOWN[name]
    for again in (pickle.loads(pickle.dumps(thing)), copy.deepcopy(thing)):
        assert jax.tree.structure(again) == jax.tree.structure(thing)
        pairs = zip(jax.tree.leaves(again), jax.tree.leaves(thing), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
        assert str(again) and again._repr_html_()


def test_a_plant_of_a_lambda_is_copied():
    made = hc.Plant.from_function(lambda t, x, u: -x, ["x"], ["u"])
    one = jnp.ones(1)
    assert copy.deepcopy(made).ode(one, one, one) == -1.0
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(made)


def test_traced_values_print_as_shapes():
    seen = []

    @jax.jit
    def inside(parts):
        seen.extend(f(part) for part in parts for f in (str, repr))
        return 0

    inside(cast((LQR, MACHINE, TASK, PLANT, UP, BANG.gain)))
    assert any("float32[1, 4]" in told for told in seen)


def test_a_machine_is_drawn():
    svg = MACHINE._repr_svg_()
    assert {"swing", "balance"} <= {e.text for e in ET.fromstring(svg or "").iter()}
    three = hc.machine(
        {"a": LQR, "b & c": LQR, "d": MACHINE},
        {("a", "b & c"): hc.after(3), ("b & c", "d"): hc.after(4)},
    )
    assert "1: after 3 periods (0.06 s)" in (three._repr_svg_() or "")
    assert LQR._repr_svg_() is None and "<svg" in (MACHINE + LQR)._repr_html_()


def test_names_are_declared():
    """They are in no leaf, and every field but the names is the same without them."""
    bare = hc.StateFeedback(LQR.K, LQR.x0, LQR.u0, LQR.X, None, LQR.angles, LQR.dt)
    named = dataclasses.replace(bare, states=LQR.states, inputs=LQR.inputs)
    assert jax.tree.structure(named) == jax.tree.structure(LQR)
    assert len(jax.tree.leaves(bare)) == len(jax.tree.leaves(LQR))
    assert "y[1] 51.36" in str(bare) and "theta 51.36" in str(named)


DATA = {
    "scalars": ({"a": np.float32(0.5), "n": np.int64(3)}, {"a": 0.5, "n": 3}),
    "not finite": ([np.nan, -np.inf, 1.0, [np.inf]], [None, None, 1.0, [None]]),
    "complex": (np.array([1 - 2j]), [[1.0, -2.0]]),
    "jax": ((jnp.arange(2), True, None, "θ"), [[0, 1], True, None, "θ"]),
    "keys": ({1: hc.design.LQRDesign(np.eye(1), np.eye(1), np.ones(1, complex))},
             {"1": {"K": [[1.0]], "X": [[1.0]], "poles": [[1.0, 0.0]]}}),
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_plain_data_is_valid_json(name):
    given, expected = DATA[name]
    assert json.loads(json.dumps(plain_data(given), allow_nan=False)) == expected


def test_a_trace_that_is_not_finite_comes_back_from_json():
    t, nan = [0.0, 0.1, 0.2], float("nan")
    given = {"t": t, "x": [1.0, nan, float("inf")], "u": [nan, 2.0]}
    told = json.dumps(hc.Trace.from_dict(given).to_dict(), allow_nan=False)
    again = hc.Trace.from_dict(json.loads(told))
    np.testing.assert_array_equal(again["x"], [1.0, nan, nan])
    assert "2 not finite" in str(again)


def test_results_are_valid_json_and_compare():
    task = hc.tasks.get("balance", seconds=0.4)
    table = hc.compare(task, {"none": hc.Constant([0.0])}, n=1)
    scores = table.scores["none"]
    for told in (table, scores, SHOWN["design"]):
        json.dumps(told.to_dict(), allow_nan=False)
    assert table == table and table != copy.copy(table) and {table: 1}
    assert "<td" in table._repr_html_() and "n=1" in repr(table)
    assert "Scores of 1 episodes" in str(scores)


def own(states, inputs=("u",)):
    return hc.Plant.from_function(lambda t, x, u: -x, states, inputs)


NAMES = {
    "a state as an input": (lambda: own(["u"]), "has a name twice"),
    "time": (lambda: own(["t"]), "cannot be called 't', which a trace has"),
    "mode": (lambda: own(["x"], ["mode"]), "cannot be called 'mode'"),
    "a line break": (lambda: own(["x\n"]), "no line breaks"),
    "a number": (lambda: own([1]), "each a text"),
    "modes alike": (lambda: hc.Switch(LQR, [LQR, LQR], ["a", "a"]), "name twice"),
    "modes by number": (lambda: hc.machine({1: LQR}, {}), "each a text"),
    "a blank mode": (lambda: hc.machine({"a ": LQR}, {}), "no blanks around"),
    "blocks alike": (
        lambda: hc.Network([hc.plants.Resistor(1.0)] * 2, [], names=["r", "r"]),
        "components=('r', 'r') has a name twice",
    ),
    "controllers": (lambda: hc.compare(TASK, {"": LQR}), "each a text"),
    "outputs": (lambda: hc.follow(PLANT, "x", "x"), "has a name twice"),
    "variations": (
        lambda: Vary(["L", "L"], [1, 1], [2, 2]), "name twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_names_are_unique_texts(case):
    make, message = NAMES[case]
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


def test_names_of_a_plant_of_ones_own_are_checked():
    class Twice(hc.Pendulum):
        states: ClassVar[tuple[str, ...]] = ("a", "a")

    with pytest.raises(ValueError, match="has a name twice"):
        Twice()
