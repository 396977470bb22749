"""Block diagrams: what is refused, and what they compute."""

import itertools
import re

import control
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from scipy.integrate import solve_ivp
from test_trainers import TINY

import hybridctl as hc
from hybridctl.plants.clocks import Clock, beats, common_period, grid
from hybridctl.plants.diagram.plan import circle

CART = hc.CartPole()
UP = CART.upright()
LQR = hc.lqr(CART, UP, Q=[1, 10, 1, 1], R=0.1, dt=0.02)
LAG = hc.transfer([1], [1, 1])
NOTHING = hc.Constant(np.zeros(0))


def less(r, y):
    return r - y


def twice(u):
    return 2.0 * u


def servo(**changes):
    """The example of the design."""
    given = {
        "blocks": {"C": hc.transfer([2, 1], [0.05, 1]), "P": CART, "e": less},
        "wires": {"e.r": "set", "e.y": "P.x", "C": "e", "P": "C"},
        "inputs": ["set"],
        "outputs": ["P.x"],
    }
    return hc.Diagram(**(given | changes))


def rewired(**wires):
    names = {name.replace("_", "."): end for name, end in wires.items()}
    return {"e.r": "set", "e.y": "P.x", "C": "e", "P": "C"} | names


# ------------------------------------------------------------------- refusals

BLOCKS = {"C": hc.transfer([2, 1], [0.05, 1]), "P": CART, "e": less}
FORCE = hc.state_space([[-1]], [[1]], [[1]], outputs=["v"])
BAD = {
    "nothing is wired to P.force, e.y": {"wires": {"e.r": "set", "C": "e"}},
    "P and P.force are wired to the same": {"wires": rewired(P_force="C")},
    "unknown block .*'Q'.*C, P, e, set": {"wires": rewired(P="Q")},
    "unknown block .*'Q'": {"wires": rewired(Q="C")},
    "P has no input 'v'; it takes P.force": {"wires": rewired(P_v="C")},
    "P has no output 'z'; it gives P.x, P.theta": {"wires": rewired(e_y="P.z")},
    "C takes 1 numbers, and P are 4": {"wires": rewired(C="P")},
    "e takes several things; wire each: e.r, e.y": {"wires": rewired(e="set")},
    "there is no P.y": {"wires": rewired(e_y="P.y[4]")},
    r"C takes 1 numbers, so there is no C\.u\[1\]": {
        "wires": [("C.u[1]", "e"), *rewired().items()]
    },
    r"nothing is wired to e\.y\[0\]": {
        "wires": {"e.r": "set", "e.y[1]": "P.x", "C": "e", "P": "C"}
    },
    "input drift of the diagram is wired to nothing": {"inputs": ["set", "drift"]},
    "no pair of names": {"wires": rewired(P=3)},
    "inputs='set' is one text": {"inputs": "set"},
    "outputs='P' is one text": {"outputs": "P"},
    "block cannot be called 'ode'": {"blocks": BLOCKS | {"ode": LAG}},
    "block cannot be called 'a b'": {"blocks": BLOCKS | {"a b": LAG}},
    "block P is a float": {"blocks": BLOCKS | {"P": 1.0}},
    r"sample it: hc.Sampled\(P": {"blocks": BLOCKS | {"P": LQR}},
    "limits has 'nobody'": {"limits": {"nobody": 1.0}},
    "two wires end in 'P'": {"wires": [*rewired().items(), ("P", "C")]},
    "each of them out": {"blocks": BLOCKS | {"e": lambda *r: r[0]}},
    "e does not run on arguments of 1, 1": {
        "blocks": BLOCKS | {"e": lambda r, y: r @ y}
    },
    r"e returns shape \(2, 2\)": {"blocks": BLOCKS | {"e": lambda r, y: jnp.eye(2)}},
}


@pytest.mark.parametrize("told", BAD)
def test_bad_wiring_is_refused_by_name(told):
    with pytest.raises(ValueError, match=told):
        servo(**BAD[told])


def test_units_must_agree():
    blocks = {"a": CART, "b": hc.CartPole()}
    with pytest.raises(ValueError, match=r"b\.force is in N .* theta in rad"):
        hc.Diagram(blocks, {"a": "u", "b": "a.theta"}, ["u"])


def test_algebraic_loops_are_refused_by_their_path():
    inner = hc.Diagram({"a": twice, "lag": LAG}, {"a": "u", "lag": "a"}, ["u"], ["a"])
    outer = {"inner": inner, "b": twice}
    with pytest.raises(ValueError, match=r"inner.a -> b -> inner.a|b -> inner.a -> b"):
        hc.Diagram(outer, {"inner": "b", "b": "inner"}, [])
    fast = hc.transfer([1, 2], [1, 1])  # acts at once
    with pytest.raises(ValueError, match="algebraic loop"):
        hc.Diagram({"a": fast, "b": twice}, {"a": "b", "b": "a"}, [])
    hc.Diagram({"a": LAG, "b": twice}, {"a": "b", "b": "a"}, [])  # a lag does not


def test_a_function_that_ignores_an_argument_closes_no_loop():
    blocks = {"f": lambda u, ignored: 2.0 * u, "g": twice, "lag": LAG}
    wires = {"f.u": "r", "f.ignored": "g", "g": "f", "lag": "g"}
    assert hc.Diagram(blocks, wires, ["r"]).plan.leaves[0].through == (True, False)


def test_sampled_blocks_that_wait_for_one_another_are_refused():
    gain = hc.Sampled(hc.StateFeedback([[1.0]], [0.0], [0.0]), 0.01)
    late = hc.Sampled(hc.StateFeedback([[1.0]], [0.0], [0.0]), 0.01, offset=0.005)
    wires = {"a": "b", "b": "a", "lag": "a"}
    with pytest.raises(ValueError, match=r"a -> b -> a|b -> a -> b"):
        hc.Diagram({"a": gain, "b": gain, "lag": LAG}, wires, [])
    hc.Diagram({"a": gain, "b": late, "lag": LAG}, wires, [])
    delayed = {"a": gain, "b": hc.Delay(0.02, 0.01), "lag": LAG}
    assert hc.Diagram(delayed, wires, []).plan.sampled == (1, 0)


def test_a_grid_that_does_not_fit_is_refused_before_anything_runs():
    d = zoo.sampled_diagram()
    with pytest.raises(ValueError, match=r"lqr samples with dt=0.02 s.*steps of 0.015"):
        hc.simulate(d, hc.Constant([0.0]), np.zeros(d.n_x), 0.1, dt=0.03)
    with pytest.raises(ValueError, match=r"offset=0\.03 is no less"):
        hc.Sampled(LQR, 0.02, offset=0.03)
    with pytest.raises(ValueError, match=r"dt=0.01 but this StateFeedback"):
        hc.Sampled(LQR, 0.01)
    with pytest.raises(ValueError, match=r"discrete, over 0.02 s; .*dlqr"):
        hc.lqr(d, d.equilibrium(np.zeros(d.n_x)), np.ones(6), 1.0, dt=0.02)
    with pytest.raises(ValueError, match=r"would stay empty.*hc\.Sampled\(run\.contr"):
        hc.Sampled(LQR + 5.0 * hc.Slot(1), 0.02)
    hc.Sampled(hc.fill(LQR + 5.0 * hc.Slot(1), hc.Constant([0.1])), 0.02)


def test_clocks_on_a_grid():
    clocks = [Clock("a", 0.01), Clock("b", 0.025, 0.005)]
    assert beats(clocks, 0.005) == [(2, 0), (5, 1)]
    assert grid(clocks, 0.02)[0] == 4 and common_period(clocks) == 0.05
    beat = beats(clocks, 0.005)[1]
    ticks = [j for j in range(40) if beat.due(j // 4, 4, j % 4 + np.int32(0))]
    assert ticks == list(range(1, 40, 5))
    assert [beat.count(j // 4, 4, j % 4) for j in ticks] == list(range(8))
    assert beat.left(1, 4, np.int32(3)) == 4  # from 7 to 11
    with pytest.raises(ValueError, match="no common grid"):
        grid([Clock("a", 0.01 * np.pi)], 0.01)


def test_circles():
    assert circle([[1], [2], []]) == [] and circle([[1], [2], [0]]) == [0, 1, 2, 0]
    assert circle([[], [2], [1]]) == [1, 2, 1] and circle([[0]]) == [0, 0]


# -------------------------------------------------------------- what they are


def test_names_units_limits_and_parameters():
    d = servo()
    assert d.states == ("C.z1", "P.x", "P.theta", "P.dx", "P.dtheta")
    assert d.inputs == ("set",) and d.outputs == ("P.x",) and d.angles == (2,)
    assert d.units["P.dtheta"] == "rad/s" and d.limits["P.x"] == CART.limits["x"]
    heavy = hc.tasks.Vary(("P.m_c", "C.num[0]"), [5.0, 3.0], [5.0, 3.0])
    varied = heavy(jax.random.PRNGKey(0), d)
    assert float(varied.P.m_c) == 5.0 and np.asarray(varied.C.num).tolist() == [3, 1]
    assert hc.Diagram({"cart": CART}, {"cart": "f"}, ["f"]).limits["f"] == 10.0
    with pytest.raises(AttributeError, match="the blocks are C, P, e"):
        d.nobody  # noqa: B018


def rate(d, x, u):
    return np.asarray(d.ode(0.0, jnp.asarray(x), jnp.asarray(u)))


def test_nested_diagrams_are_the_flat_one():
    inner = hc.Diagram(
        {"C": hc.transfer([2, 1], [0.05, 1]), "e": less},
        {"e.r": "r", "e.y": "y", "C": "e"}, ["r", "y"], {"u": "C"},
    )  # fmt: skip
    middle = hc.Diagram(
        {"loop": inner, "P": CART},
        {"loop.r": "r", "loop.y": "P.x", "P": "loop.u"}, ["r"], ["P.x", "loop.u"],
    )  # fmt: skip
    outer = hc.Diagram({"rig": middle}, {"rig": "set"}, ["set"], {"x": "rig.P.x"})
    assert outer.states[:2] == ("rig.loop.C.z1", "rig.P.x") and outer.outputs == ("x",)
    x, u = [0.1, 0.2, 0.3, 0.4, 0.5], [0.7]
    np.testing.assert_array_equal(rate(outer, x, u), rate(servo(), x, u))
    y = outer.output(0.0, jnp.asarray(x), jnp.asarray(u))
    assert outer.rig.loop.C.num[0] == 2 and np.asarray(y) == np.float32(0.2)
    blocks = dict(zip(servo().names, servo().blocks, strict=True))
    swapped = {name: blocks[name] for name in ("e", "P", "C")}
    again = hc.Diagram(swapped, servo().wires, ["set"])
    np.testing.assert_array_equal(
        rate(again, [*x[1:], x[0]], u)[-1], rate(outer, x, u)[0]
    )


def test_static_blocks():
    blocks = {
        "cut": hc.Saturation(1.0), "dead": hc.DeadZone(0.5), "mix": hc.Gain([[1, 2]]),
        "table": hc.LookupTable([0, 1], [0, 5]), "sum": hc.Junction("+-"), "lag": LAG,
    }  # fmt: skip
    wires = {"cut": "a", "dead": "a", "mix": ("cut", "dead"), "table": "b",
             "sum.u1": "mix", "sum.u2": "table", "lag": "sum"}  # fmt: skip
    d = hc.Diagram(blocks, wires, ["a", "b"], ["sum", "cut"])
    y = d.output(0.0, jnp.zeros(1), jnp.array([3.0, 0.2]))
    np.testing.assert_allclose(y, [1 + 2 * 2.5 - 1.0, 1.0], rtol=1e-6)
    with pytest.raises(ValueError, match=r"low=2\.0 exceeds"):
        hc.Saturation(2.0, 1.0)
    with pytest.raises(ValueError, match="increase from point to point"):
        hc.LookupTable([1, 0], [0, 5])


def test_the_gradient_goes_to_the_parameters():
    d = jax.tree.map(jnp.asarray, servo())
    x, u = jnp.array([0.1, 0.2, 0.3, 0.4, 0.5]), jnp.array([0.7])
    slope = jax.grad(lambda d: jnp.sum(d.ode(0.0, x, u) ** 2))(d)
    assert np.all(np.asarray(slope.C.num) != 0) and float(slope.P.m_c) != 0


def test_sugar():
    row = LAG >> hc.Saturation(0.5) >> twice >> hc.transfer([2], [1, 2])
    assert row.names == ("b1", "b2", "b3", "b4") and row.states == ("b1.z1", "b4.z1")
    A, _ = hc.linearize(row, row.equilibrium([0, 0]))
    np.testing.assert_allclose(A, [[-1, 0], [2, -2]])
    both = LAG + LAG
    A, _ = hc.linearize(both, both.equilibrium([0, 0]))
    np.testing.assert_allclose(A, -np.eye(2))
    loop = hc.feedback(LAG, hc.transfer([3], [1, 4]), sign=1)
    np.testing.assert_allclose(
        hc.linearize(loop, loop.equilibrium([0, 0]))[0], [[-1, 3], [1, -4]]
    )
    named = hc.state_space([[-5]], [[1]], [[1]], inputs=["v"], outputs=["force"])
    blocks = {"motor": named, "cart": CART}
    wires = hc.plants.wires_by_name(blocks, ["v"])
    assert wires == {"motor.v": "v", "cart.force": "motor.force"}
    with pytest.raises(ValueError, match=r"motor\.force or other\.force"):
        hc.plants.wires_by_name(blocks | {"other": named}, ["v"])


# ------------------------------------------------------------ what they compute


def hybrid(d, x0, seconds, controller=NOTHING, **options):
    """From these states, and zeros of all others."""
    start = [x0.get(name, 0.0) for name in d.states]
    return hc.simulate(d, controller, start, seconds, **options)


def test_a_sampled_controller_inside_is_the_loop_around_bit_for_bit():
    wires = {"cart": "lqr", "lqr": "cart"}
    d = hc.Diagram({"cart": CART, "lqr": hc.Sampled(LQR, 0.02)}, wires, [])
    inside = hybrid(d, {"cart.theta": 3.0}, 1.0)
    around = hc.simulate(CART, LQR, [0.0, 3.0, 0.0, 0.0], 1.0)
    zoo.same_bits(inside.x[:, :4], around.x)
    zoo.same_bits(inside["lqr.held.force"][1:], around["force"])


def random_blocks(rng):
    """Four random linear systems, of which two act at once."""
    systems = []
    for i in range(4):
        n = int(rng.integers(1, 4))
        A = rng.normal(size=(n, n)) - 2 * np.eye(n)
        D = rng.normal(size=(1, 1)) * (i < 2)
        parts = A, rng.normal(size=(n, 1)), rng.normal(size=(1, n)), D
        name = {"name": f"s{i}", "inputs": "u", "outputs": "y"}
        systems.append(control.ss(*parts, **name))
    return systems


def interconnected(rng):
    """The same interconnection by python-control and as a diagram."""
    systems = random_blocks(rng)
    pairs = [(1, 0), (2, 1), (3, 2), (0, 3), (2, 3), (0, 2)]  # through a strict one
    gains = rng.normal(size=len(pairs)) * 0.3
    connections = [
        [f"s{i}.u", *((j, 0, float(g)) for (a, j), g in zip(pairs, gains, strict=True)
                      if a == i)] for i in range(4)
    ]  # fmt: skip
    theirs = control.interconnect(
        systems, connections, inplist=["s0.u"], inputs=["r"], outlist=["s3.y", "s1.y"]
    )
    into = [[(j, g) for (a, j), g in zip(pairs, gains, strict=True) if a == i]
            for i in range(4)]  # fmt: skip
    blocks = {f"s{i}": system for i, system in enumerate(systems)}
    blocks |= {f"k{i}": hc.Gain([[*(g for _, g in row), *[1.0] * (i == 0)]])
               for i, row in enumerate(into)}  # fmt: skip
    wires = {f"k{i}": (*(f"s{j}" for j, _ in row), *["r"] * (i == 0))
             for i, row in enumerate(into)}  # fmt: skip
    wires |= {f"s{i}": f"k{i}" for i in range(4)}
    return theirs, hc.Diagram(blocks, wires, ["r"], ["s3", "s1"])


def same_responses(theirs, ours):
    model, w = ours.to_control(ours.equilibrium(np.zeros(ours.n_x))), [0.1, 1.0, 10.0]
    np.testing.assert_allclose(model(1j * np.array(w)), theirs(1j * np.array(w)), 1e-10)
    t = np.linspace(0, 3, 31)
    step = [control.step_response(system, t).outputs for system in (model, theirs)]
    np.testing.assert_allclose(*step, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in range(1, 20))]
)
def test_linear_interconnections_are_those_of_python_control(seed):
    same_responses(*interconnected(np.random.default_rng(seed)))


def van_der_pol(t, x, u):
    return jnp.stack([x[1], 2.0 * (1 - x[0] ** 2) * x[1] - x[0] + u[0]])


OSCILLATOR = hc.Plant.from_function(van_der_pol, ["x", "v"], ["u"])
NONLINEAR = {
    "saturated": (
        {"P": CART, "C": hc.transfer([20, 10], [0.1, 1]), "e": less,
         "sat": hc.Saturation(3.0)},
        {"e.r": "r", "e.y": "P.x", "C": "e", "sat": "C", "P": "sat"},
    ),
    "oscillators": (
        {"a": OSCILLATOR, "b": OSCILLATOR, "k": less},
        {"a": "r", "k.r": "a.x", "k.y": "b.x", "b": "k"},
    ),
    "table": (
        {"P": hc.Pendulum(), "f": lambda w: -0.3 * jnp.tanh(5 * w),
         "s": hc.Junction("++"), "c": hc.LookupTable([-1, 0, 2], [-1, 0, 1])},
        {"f": "P.dtheta", "c": "r", "s.u1": "f", "s.u2": "c", "P": "s"},
    ),
    "loop": (
        {"P": LAG, "a": lambda u, y: u - jnp.tanh(y), "k": hc.Gain(2.0)},
        {"a.u": "r", "a.y": "k", "k": "a", "P": "k"},
    ),
    "dead zone": (
        {"P": hc.Pendulum(), "d": hc.DeadZone(0.1), "k": hc.Gain(-2.0),
         "s": hc.Junction("++")},
        {"d": "P.theta", "k": "d", "s.u1": "k", "s.u2": "r", "P": "s"},
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NONLINEAR)
def test_nonlinear_responses_are_scipys(name):
    """scipy integrates the equations that the blocks say, written out by hand."""
    blocks, wires = NONLINEAR[name]
    d = hc.Diagram(blocks, wires, ["r"], solve=name == "loop")
    x0, options = np.full(d.n_x, 0.1), {"rtol": 1e-10, "atol": 1e-12}
    with jax.enable_x64(True):
        ours = hc.simulate(d, hc.Constant([0.8]), x0, 4.0, dt=0.1, solver="dopri5",
                           **options)  # fmt: skip
        field = jax.jit(by_hand(name, blocks))
        theirs = solve_ivp(lambda t, x: np.asarray(field(x, 0.8)), (0, 4), x0,
                           "DOP853", t_eval=ours.t, **options)  # fmt: skip
    np.testing.assert_allclose(ours.x, theirs.y.T, rtol=1e-6, atol=1e-6)


def by_hand(name, blocks):
    """The same equations, without wires."""

    def saturated(x, r):
        z, cart = x[4], x[:4]
        e = r - cart[0]
        u = jnp.clip(lead(e, z), -3.0, 3.0)
        return jnp.append(CART.ode(0.0, cart, u[None]), e - z / 0.1)

    def lead(e, z):  # 20 s + 10 over 0.1 s + 1, z' = e - 10 z
        return 200 * e + (100 - 10 * 200) * z

    def oscillators(x, r):
        a, b = x[:2], x[2:]
        return jnp.append(
            van_der_pol(0, a, r * jnp.ones(1)), van_der_pol(0, b, (a[0] - b[0])[None])
        )

    def table(x, r):
        c = jnp.interp(r, jnp.array([-1.0, 0, 2]), jnp.array([-1.0, 0, 1]))
        u = -0.3 * jnp.tanh(5 * x[1]) + c
        return blocks["P"].ode(0.0, x, u[None])

    def loop(x, r):
        v = jnp.asarray(0.5)
        for _ in range(60):
            v = v - (v - 2 * (r - jnp.tanh(v))) / (1 + 2 / jnp.cosh(v) ** 2)
        return v[None] - x

    def dead_zone(x, r):
        q = x[0]
        beyond = jnp.maximum(q - 0.1, 0.0) + jnp.minimum(q + 0.1, 0.0)
        return blocks["P"].ode(0.0, x, (r - 2 * beyond)[None])

    return locals()[name.replace(" ", "_")]


def test_delay_and_discrete_blocks_step_as_they_say():
    blocks = {"D": hc.Delay(0.02, 0.01), "I": hc.transfer([1], [1, -1], dt=0.01)}
    d = hc.Diagram(blocks | {"P": LAG}, {"D": "u", "I": "D", "P": "I"}, ["u"])
    x, seen = jnp.zeros(d.n_x), []
    for k, u in enumerate([1.0, 2.0, 3.0, 4.0]):
        x = d.sample(0.01 * k, x, jnp.array([u]), [True, True], [k, k])
        seen.append((float(x[d.states.index("D.held.y")]),
                     float(x[d.states.index("I.held.y")])))  # fmt: skip
    assert seen == [(0, 0), (0, 0), (1, 0), (2, 1)]


def test_the_linear_model_is_that_of_a_controller_that_has_begun():
    """A PI holds its input at the first instant; its integral counts from then on."""
    kp, ki, h = 2.0, 3.0, 0.1
    pi = hc.Sampled(hc.PID("y", kp, ki, dt=h, follow=True), h)
    d = hc.Diagram({"P": LAG, "pi": pi}, {"pi": "P", "pi.r": "r", "P": "pi"}, ["r"])
    A, _ = hc.linearize(d, d.rest())
    a = np.exp(-h)
    known = [[a - (1 - a) * kp, 1 - a], [-ki * h, 1.0]]
    found = np.sort_complex(np.linalg.eigvals(A))[-2:]
    np.testing.assert_allclose(found, np.sort_complex(np.linalg.eigvals(known)), 1e-9)


@pytest.mark.slow
def test_several_rates_are_the_same_by_every_solver():
    inner = hc.Sampled(hc.StateFeedback([[2.0]], [0.0], [0.0]), 0.01)
    outer = hc.Sampled(hc.StateFeedback([[3.0]], [0.0], [0.0]), 0.05, offset=0.02)
    motor = hc.state_space([[0, 1], [0, -1.0]], [[0], [1]], np.eye(2))
    d = hc.Diagram(
        {"m": motor, "inner": inner, "outer": outer, "e": hc.Junction("++")},
        {"outer": "m.y1", "e.u1": "outer", "e.u2": "m.y2", "inner": "e", "m": "inner"},
        [],
    )
    x0 = {"m.z1": 1.0}
    with jax.enable_x64(True):
        fine = hybrid(d, x0, 0.6, loop=hc.Loop(0.01, substeps=10))
        wide = hybrid(d, x0, 0.6, loop=hc.Loop(0.1, substeps=100))
        odd = hybrid(d, x0, 0.6, loop=hc.Loop(0.03, substeps=30))
        exact = hybrid(d, x0, 0.6, dt=0.06, solver="dopri5", rtol=1e-10, atol=1e-12)
        A, _ = hc.linearize(d, d.rest())
        begun = np.asarray([name.endswith("begun") for name in d.states], float)
        powers = np.linalg.matrix_power(A, 11) @ (np.eye(d.n_x)[0] + begun)
    assert common_period(d.clocks) == 0.05
    for other in (wide, odd, exact):
        np.testing.assert_allclose(other.x[-1], fine.x[-1], rtol=1e-9, atol=1e-9)
    at = np.asarray(fine.x)[55] * (1 - begun)
    np.testing.assert_allclose(powers * (1 - begun), at, rtol=1e-9, atol=1e-9)


@hc.register
def halved(u):
    """A function that files may name."""
    return 0.5 * u


def drive():
    """A current loop at 200 Hz within, a machine at 50 Hz around a cart-pole."""
    motor = hc.state_space([[-40.0]], [[20.0]], [[1.0]], outputs=["force"])
    current = hc.Sampled(hc.StateFeedback([[3.0, -3.0]], [0.0, 0.0], [0.0]), 0.005)
    amp = hc.Diagram(
        {"c": current, "m": motor, "half": halved},
        {"c": ("m", "asked"), "half": "c", "m": "half"},
        ["asked"], {"force": "m.force"},
    )  # fmt: skip
    machine = hc.reference("machine", zoo.task())
    return hc.Diagram(
        {"cart": CART, "amp": amp, "m": hc.Sampled(machine, 0.02),
         "sum": hc.Junction("++")},
        {"m": "cart", "sum.u1": "m", "sum.u2": "force", "amp": "sum",
         "cart": "amp.force"},
        ["force"], limits={"force": 10.0},
    )  # fmt: skip


@pytest.mark.slow
def test_a_diagram_comes_back_from_a_file(tmp_path):
    d = drive()
    again = hc.load(hc.save(tmp_path / "drive", d), hc.Plant)
    assert jax.tree.structure(again) == jax.tree.structure(d)
    assert zoo.bits(again) == zoo.bits(d)
    with pytest.raises(ValueError, match=r"holds a Diagram.*hc\.load\(path, hc\.Plant"):
        hc.load(tmp_path / "drive")
    with pytest.raises(ValueError, match=r"blocks.2.f: less is not registered"):
        hc.save(tmp_path / "servo", servo())


def around(d):
    """A task on a diagram with a machine within, and a template around it."""
    loop = hc.Loop(0.02, substeps=8, sensor=hc.Sensor(outputs=d.states[:4]))
    up = d.rest({"cart.theta": np.pi})
    return hc.tasks.reach(d, up, seconds=0.2, loop=loop), 5.0 * hc.Slot(1)


@pytest.mark.slow
def test_an_environment_over_a_diagram_is_its_simulation_bit_for_bit():
    task, template = around(drive())
    env, actions = hc.Env(task, template), np.linspace(-1, 1, 10)[:, None]
    spread = np.asarray(task.start.high - task.start.low)
    assert spread[0] > 0 and not spread[list(task.plant.held)].any()

    @jax.jit
    def rollout(key):
        def body(state, action):
            state = env.step(state, action)
            return state, state.pipeline_state.x

        start = env.reset(key)
        return start.pipeline_state.x, jax.lax.scan(body, start, actions)[1]

    x0, x = rollout(jax.random.PRNGKey(1))
    filled = hc.fill(template, hc.Sequence(actions))
    trace = hc.simulate(task.plant, filled, x0, 0.2, loop=task.loop)
    zoo.same_bits(x, trace.x[1:])
    assert set(np.asarray(trace["m.mode"])[1:]) <= {0.0, 1.0}
    assert set(np.asarray(trace["amp.c.begun"])) == {0.0, 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["jax", "brax"])
def test_a_residual_is_trained_around_a_machine_in_a_diagram(engine):
    task, template = around(drive())
    run = hc.train(task, template, engine=engine, progress=False, **TINY)
    x0 = task.start(jax.random.PRNGKey(0))
    trace = hc.simulate(task.plant, run.controller, x0, 0.2, loop=task.loop)
    assert np.isfinite(np.asarray(trace.x)).all()


@pytest.mark.slow
def test_events_of_blocks_are_events_of_the_diagram():
    ball = hc.BouncingBall()
    d = hc.Diagram({"ball": ball, "k": hc.Gain(1.0)}, {"k": "f", "ball": "k"}, ["f"])
    alone = hc.simulate(ball, hc.Constant([0.0]), [1.0, 0.0], 1.5)
    inside = hc.simulate(d, hc.Constant([0.0]), [1.0, 0.0], 1.5)
    assert d.events == ("ball.impact",)
    assert [t for t, _ in inside.events] == pytest.approx([t for t, _ in alone.events])
    held = hc.Sampled(hc.StateFeedback([[0.5, 0.1]], [0.0, 0.0], [0.0]), 0.05)
    both = hc.Diagram({"ball": ball, "c": held}, {"c": "ball", "ball": "c"}, [])
    start = {"ball.z": 1.0}
    fixed = hybrid(both, start, 1.5, loop=hc.Loop(0.05, substeps=10))
    exact = hybrid(both, start, 1.5, dt=0.1, solver="dopri5")
    times = [[t for t, _ in trace.events] for trace in (fixed, exact)]
    assert len(times[0]) > 1 and times[0] == pytest.approx(times[1], abs=1e-3)


PRINTED = np.array([  # of the tutorial: ten steps of 20 ms under random forces
    [3.01805607e-03, 3.12752256, -5.81476639e-03, 5.12125317e-02],
    [2.71882296e-03, 3.12833688, -2.41058975e-02, 3.02493694e-02],
    [2.21236367e-03, 3.12889190, -2.65382197e-02, 2.52726160e-02],
    [1.65409237e-03, 3.12934525, -2.92874296e-02, 2.00779675e-02],
    [8.65986553e-04, 3.12952062, -4.95225823e-02, -2.53398332e-03],
    [-6.61936745e-04, 3.12890861, -1.03271720e-01, -5.86892133e-02],
    [-2.65371799e-03, 3.12778284, -9.59100888e-02, -5.39287569e-02],
    [-0.0048979, 3.1263504, -0.12851257, -0.08936614],
    [-0.00761922, 3.12438089, -0.14362629, -0.1076555],
    [-0.01038208, 3.12230228, -0.13266637, -0.10028048],
])  # fmt: skip


def tutorial(theta, dtheta, fx):
    """Accelerations of cart and pole, in the words of the tutorial."""
    m_c, m_p, L, g = 1.0, 0.1, 1.0, 9.81
    mf = 1.0 / (m_c + m_p * jnp.sin(theta) ** 2)
    ddx = mf * (fx + m_p * jnp.sin(theta) * (L * dtheta**2 + g * jnp.cos(theta)))
    ddtheta = (1.0 / L) * mf * (
        -fx * jnp.cos(theta)
        - m_p * L * dtheta**2 * jnp.cos(theta) * jnp.sin(theta)
        - (m_c + m_p) * g * jnp.sin(theta)
    )  # fmt: skip
    return jnp.stack([ddx, ddtheta])


def test_the_tutorials_cart_pole_of_blocks_prints_its_forty_numbers():
    """The ten forces are lost: taken from the cart's speed, they explain the rest."""
    integrator = hc.transfer([1], [1, 0])
    d = hc.Diagram(
        dict.fromkeys(CART.states, integrator) | {"f": tutorial},
        {"x": "dx", "theta": "dtheta", "dx": "f.y[0]", "dtheta": "f.y[1]",
         "f.theta": "theta", "f.dtheta": "dtheta", "f.fx": "fx"},
        ["fx"],
    )  # fmt: skip
    with jax.enable_x64(True), jax.threefry_partitionable(False):
        draw = np.asarray(jax.random.uniform(jax.random.PRNGKey(0), (4,)))
        x0, forces = UP.x + 0.1 * (draw - 0.5), np.zeros((10, 1))
        for _ in range(8):  # Newton's method: the speed counts all forces so far
            x = np.asarray(hc.simulate(d, hc.Sequence(forces), x0, 0.2).x)[1:]
            forces[:, 0] += np.diff(PRINTED[:, 2] - x[:, 2], prepend=0.0) / 0.02
    np.testing.assert_allclose(x, PRINTED, rtol=0, atol=5e-9)


def test_drawings_have_every_block_and_only_right_angles():
    svg = drive().draw()
    for told in (">cart<", ">amp<", ">3 blocks<", ">machine, 0.02 s<", ">force<"):
        assert told in svg
    for way in re.findall(r"<path d='M([^']*)'", svg):
        points = [tuple(map(float, p.split())) for p in way.split("L")]
        for (x, y), (a, b) in itertools.pairwise(points):
            assert x == a or y == b
    assert drive()._repr_svg_() == svg and ">(2s + 1) / (0.05s + 1)<" in servo().draw()
    assert "sampled  m every 0.02 s, amp.c every 0.005 s" in str(drive())
    assert "low = -24, high = 24" in str(hc.Saturation(24.0))
    parted = hc.Diagram({"e": less, "P": LAG, "Q": LAG}, {"e.r": "r", "e.y": "Q",
                        "P": "e", "Q": "P"}, ["r"], ["Q"]).draw()  # fmt: skip
    assert parted.count("<circle") == 1


def test_systems_of_python_control_come_and_go():
    assert isinstance(hc.from_control(CART.to_control()), hc.CartPole)
    pump = control.nlsys(
        lambda t, x, u, params: -params["k"] * jnp.sqrt(1.0 + x) + u,
        lambda t, x, u, params: 2.0 * x, inputs=["u"], outputs=["y"], states=["h"],
        params={"k": 3.0}, name="pump",
    )  # fmt: skip
    gain = control.nlsys(None, lambda t, x, u, p: jnp.tanh(u), inputs=1, outputs=1,
                         name="gain")  # fmt: skip
    both = control.interconnect(
        [pump, gain], [["pump.u", "gain.y[0]"], ["gain.u[0]", "-pump.y"]],
        inplist=["gain.u[0]"], inputs=["r"], outlist=["pump.y"], outputs=["y"],
    )  # fmt: skip
    d = hc.Diagram({"tank": hc.from_control(both), "k": gain}, {"k": "r", "tank": "k"},
                   ["r"], ["tank.y"])  # fmt: skip
    x, u = jnp.array([0.5]), jnp.array([0.7])
    expected = -3.0 * np.sqrt(1.5) + np.tanh(np.tanh(0.7) - 1.0)
    np.testing.assert_allclose(d.ode(0.0, x, u), [expected], rtol=1e-5)
    np.testing.assert_allclose(d.output(0.0, x, u), [1.0])
    with pytest.raises(ValueError, match=r"sampled parts, which python-control cannot"):
        zoo.sampled_diagram().to_control()
