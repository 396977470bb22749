"""Cost-to-go as a value, and the controller that is greedy in it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.controllers.fill import blank_tick

pytestmark = pytest.mark.numeric

TASK, DT = zoo.task("global"), zoo.DT
PLANT, COST = TASK.plant, TASK.cost
UP = PLANT.upright()


class Bowl(hc.Value):
    """A quadratic one, told to be a value."""

    V: hc.controllers.Quadratic

    def __call__(self, x):
        return self.V(x)


class Bump(hc.Plant):
    """A plant in which the square of the input pushes."""

    states, inputs, units = ("x",), ("u",), {"x": "", "u": ""}
    angles, limits = (), {}

    def ode(self, t, x, u):
        return u**2 - x


def grid() -> hc.GridValue:
    """f = 2 a + 3 b at the nodes; a goes round after 2."""
    a, b = np.linspace(-1, 1, 5), np.linspace(0, 3, 4)
    values = 2 * a[:, None] + 3 * b
    values[-1] = values[0]
    return hc.GridValue(values, [-1, 0], [1, 3], periodic=(0,))


def test_a_grid_is_linear_between_its_nodes_and_constant_outside():
    value = grid()
    inside = [[-0.9, 0.1], [0.2, 1.7], [-0.25, 2.9], [-1.0, 3.0]]
    for a, b in inside:
        np.testing.assert_allclose(value(jnp.array([a, b])), 2 * a + 3 * b, rtol=1e-5)
    outside = jnp.array([[0.2, 5.0], [0.2, -4.0], [2.2, 1.7], [-5.8, 1.7]])
    expected = [0.4 + 9.0, 0.4, 0.4 + 5.1, 0.4 + 5.1]
    np.testing.assert_allclose(jax.vmap(value)(outside), expected, rtol=1e-5)
    slope = value.gradient(jnp.array([0.2, 1.7]))
    np.testing.assert_allclose(slope, [2.0, 3.0], rtol=1e-5)
    assert np.isnan(value(jnp.array([jnp.nan, 1.0])))


@pytest.mark.parametrize("make, words", [
    (lambda: hc.GridValue([[1.0, 2.0]], [0, 0], [1, 1]), "two nodes or more"),
    (lambda: hc.GridValue([1.0, np.nan], [0], [1]), "not finite"),
    (lambda: hc.GridValue([1.0, 2.0], [0], [0]), "is not below"),
    (lambda: hc.GridValue([1.0, 2.0], [0, 1], [1]), "low has shape"),
])  # fmt: skip
def test_a_grid_that_does_not_fit_gets_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_value_that_tells_no_states_is_not_drawn():
    with pytest.raises(ValueError, match="a Bowl does not tell its states"):
        Bowl(hc.controllers.Quadratic(np.eye(4), UP.x)).plot()


def gain(law) -> np.ndarray:
    """Slope of a law at the upright, by central differences."""
    x, step = jnp.asarray(UP.x), 1e-2
    sides = [[law(x + s * step * e) for s in (-1, 1)] for e in jnp.eye(4)]
    return np.array([(b - a)[0] / (2 * step) for a, b in sides])


def test_greedy_in_the_cost_to_go_of_an_lqr_is_that_lqr():
    """Exactly the continuous one; roughly a sampled one, whose value knows no hold."""
    Q, R = COST.quadratic
    for dt, ahead, rtol in ((None, None, 1e-3), (DT, 0.0, 0.15), (DT, None, 0.15)):
        lqr = hc.lqr(PLANT, UP, Q, R, dt)
        greedy = hc.Greedy(PLANT, COST, Bowl(lqr.V), dt=dt, ahead=ahead)
        law = jax.jit(lambda x, greedy=greedy: greedy.step(None, tick(x))[1])
        np.testing.assert_allclose(gain(law), -lqr.K[0], rtol=rtol)


def tick(x) -> hc.Tick:
    return blank_tick(4).seeing(x)


def test_the_lookahead_takes_the_cheapest_of_its_inputs():
    value = Bowl(hc.lqr(PLANT, UP, *COST.quadratic, DT).V)
    tried = np.linspace(-10, 10, 5)[:, None]
    greedy = hc.Greedy(PLANT, COST, value, dt=DT, inputs=tried, ahead=2 * DT)
    x = np.array([0.1, 2.9, 0.3, 0.5])
    prices = []
    for u in tried:
        ends = hc.simulate(PLANT, hc.Constant(u), x, 2 * DT, DT).x
        rates = [COST(x, u) for x in ends]
        paid = DT * (rates[0] / 2 + rates[1] + rates[2] / 2)
        prices.append(float(paid + value(ends[2])))
    u = jax.jit(lambda x: greedy.step(None, tick(x))[1])(jnp.asarray(x, jnp.float32))
    assert u == tried[np.argmin(prices)]


def test_a_value_of_another_plant_is_refused():
    names = (("p", "m"), ("a", "rad"), ("dp", "m/s"), ("da", "rad/s"))
    other = hc.GridValue(np.zeros((2,) * 4), -np.ones(4), np.ones(4), states=names)
    words = "this value is of p, a, dp, da, but the states of CartPole are x, theta"
    with pytest.raises(ValueError, match=words):
        hc.Greedy(PLANT, COST, other, dt=DT)
    with pytest.raises(ValueError, match=words):
        hc.train(TASK, 10.0 * hc.Slot(1), teacher=other, progress=False)


def test_a_value_is_a_file_of_its_own(tmp_path):
    path = hc.save(tmp_path / "value", grid())
    again = hc.load(path, hc.Value)
    assert zoo.bits(again) == zoo.bits(grid()) and type(again) is hc.GridValue
    with pytest.raises(ValueError, match=r"holds a GridValue.*hc.load\(path, hc.Val"):
        hc.load(path)
    data = path.read_bytes()
    push = hc.save(tmp_path / "push", hc.Constant([1.0]))
    with pytest.raises(ValueError, match="holds a Constant, expected a Value"):
        hc.load(push, hc.Value)
    for place in np.random.default_rng(0).integers(len(data), size=40):
        flipped = bytearray(data)
        flipped[place] ^= 4
        path.write_bytes(bytes(flipped))
        with pytest.raises(ValueError, match="cannot load"):
            hc.load(path, hc.Value)
        path.write_bytes(data[:place])
        with pytest.raises(ValueError, match="cannot load"):
            hc.load(path, hc.Value)


def test_greedy_refuses_what_it_cannot_use():
    value = hc.GridValue([0.0, 1.0], [0], [1])
    cost = hc.tasks.Cost([0.0], [1.0], [1.0])
    bump = Bump()
    hc.Greedy(bump, cost, value, dt=DT, inputs=[[-1.0], [1.0]])
    for cure, changes in {
        "Bump is not affine in its inputs; give inputs=": {},
        r"cost\.r=.* must be above 0": {"cost": dataclasses.replace(cost, r=[0.0])},
        r"expected c\(x, u\) with weights": {"cost": bump},
        "does not take the 4 states of CartPole": {"plant": PLANT},
        "give dt, the period": {"inputs": [[1.0]]},
        "ahead=0.001 is less than": {"inputs": [[1.0]], "dt": DT, "ahead": 0.001},
        "inputs has shape": {"inputs": [1.0], "dt": DT},
    }.items():
        given = {"plant": bump, "cost": cost, "value": value} | changes
        with pytest.raises(ValueError, match=cure):
            hc.Greedy(**given)
