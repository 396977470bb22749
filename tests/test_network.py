"""Networks against dense algebra, analytic solutions and hand-derived equations."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import hybridctl as hc
from hybridctl.plants import (
    Angle,
    Capacitor,
    Component,
    CurrentSource,
    Damper,
    DCMotor,
    EndStops,
    Force,
    Gear,
    Inductor,
    Inertia,
    Mass,
    Network,
    Pipe,
    Port,
    Position,
    PressureSource,
    Pump,
    Resistor,
    RotaryDamper,
    Speed,
    Spring,
    Tank,
    Torque,
    TorsionSpring,
    Velocity,
    VoltageSource,
    Wheel,
    motor_cartpole,
)

pytestmark = pytest.mark.numeric

# ---------------------------------------------------------------- linear networks


def rlc(R=2.0, L=0.5, C=0.1) -> Network:
    """R, L and C in series with a voltage source."""
    parts = {
        "source": VoltageSource(input="voltage"),
        "r": Resistor(R),
        "l": Inductor(L),
        "c": Capacitor(C),
    }
    nodes = [("source.p", "r.p"), ("r.n", "l.p"), ("l.n", "c.p")]
    return Network(parts, [*nodes, ("c.n", "source.n", "ground")])


def oscillator(m=2.0, k=50.0, d=3.0) -> Network:
    """A mass between a force and a wall."""
    parts = {"f": Force(input="force"), "m": Mass(m), "k": Spring(k), "d": Damper(d)}
    return Network(parts, [("f", "m", "k.a", "d.a"), ("k.b", "d.b", "ground")])


def tanks(A1=0.02, A2=0.05, R1=4e6, R2=9e6) -> Network:
    """A pump fills a tank that runs into a second one and out of it."""
    parts = {
        "pump": Pump(input="flow"),
        "upper": Tank(A1),
        "lower": Tank(A2),
        "pipe": Pipe(R1),
        "outlet": Pipe(R2),
    }
    nodes = [
        ("pump.out", "upper", "pipe.a"),
        ("pipe.b", "lower", "outlet.a"),
        ("pump.in", "outlet.b", "ground"),
    ]
    return Network(parts, nodes)


def drive(R=1.5, L=2e-3, k=0.05, J=1e-4, n=5.0, JL=0.02, b=1e-3) -> Network:
    """A motor with a rotor turns a load through a gear."""
    parts = {
        "source": VoltageSource(input="voltage"),
        "motor": DCMotor(R, k, L=L, J=J),
        "gear": Gear(n),
        "load": Inertia(JL),
        "friction": RotaryDamper(b),
        "angle": Angle(),
        "torque": Torque(input="torque"),
    }
    nodes = [
        ("source.p", "motor.p"),
        ("source.n", "motor.n", "ground"),
        ("motor.shaft", "gear.a"),
        ("gear.b", "load", "friction.a", "angle", "torque"),
        ("friction.b", "ground"),
    ]
    return Network(parts, nodes)


def shaft(J1=0.3, J2=0.7, k=50.0, d=3.0) -> Network:
    """A torque turns an inertia, and through a soft shaft a second one."""
    parts = {"torque": Torque(input="torque"), "one": Inertia(J1)}
    parts |= {"soft": TorsionSpring(k), "loss": RotaryDamper(d), "two": Inertia(J2)}
    nodes = [("torque", "one", "soft.a", "loss.a"), ("soft.b", "loss.b", "two")]
    return Network(parts, nodes)


def generator(R=1.5, L=2e-3, k=0.05, load=2.0) -> Network:
    """A motor that is turned, with a resistor for a load."""
    parts = {"w": Speed(input="w"), "motor": DCMotor(R, k, L=L), "load": Resistor(load)}
    nodes = [
        ("w", "motor.shaft"),
        ("motor.p", "load.p"),
        ("motor.n", "load.n", "ground"),
    ]
    return Network(parts, nodes)


def towed(m=2.0, d=3.0) -> Network:
    """A given velocity drags a mass along, whose position is a state."""
    parts = {"v": Velocity(input="v"), "d": Damper(d), "m": Mass(m), "at": Position()}
    return Network(parts, [("v", "d.a"), ("d.b", "m", "at")])


def long_pipe(R=4e6, inertance=2e4, area=0.02) -> Network:
    """A given pressure fills a tank through a pipe whose water is heavy."""
    parts = {"p": PressureSource(input="p"), "pipe": Pipe(R, inertance)}
    nodes = [("p.in", "ground"), ("p.out", "pipe.a"), ("pipe.b", "tank")]
    return Network({**parts, "tank": Tank(area)}, nodes)


def chain(*parts: Component) -> Network:
    """Components with two ports in a row, from the ground to the ground."""
    ends = [[f"c{i}.{port}" for port in part.ports] for i, part in enumerate(parts)]
    inner = [(b, c) for (_, b), (c, _) in itertools.pairwise(ends)]
    nodes = [("ground", ends[0][0]), *inner, (ends[-1][1], "ground")]
    return Network({f"c{i}": part for i, part in enumerate(parts)}, nodes)


def side_by_side(*parts: Component) -> Network:
    """Components with all their first ports at one node, the second at the ground."""
    ends = [[f"c{i}.{port}" for port in part.ports] for i, part in enumerate(parts)]
    grounded = [end[1] for end in ends if len(end) > 1]
    nodes = [tuple(end[0] for end in ends), ("ground", *grounded)]
    return Network({f"c{i}": part for i, part in enumerate(parts)}, nodes)


def hand_made() -> dict[str, tuple]:
    """Networks with the A and B that one writes down for them."""
    rho, g = 1000.0, 9.81
    R, L, C, m, k, d = 2.0, 0.5, 0.1, 2.0, 50.0, 3.0
    A1, A2, R1, R2 = 0.02, 0.05, 4e6, 9e6
    a, b = rho * g / R1, rho * g / R2
    Rm, Lm, km, J, n, JL, bL = 1.5, 2e-3, 0.05, 1e-4, 5.0, 0.02, 1e-3
    M, J1, J2 = JL + n**2 * J, 0.3, 0.7
    return {
        "rlc": (rlc(), [[-R / L, -1 / L], [1 / C, 0]], [[1 / L], [0]]),
        "oscillator": (oscillator(), [[-d / m, -k / m], [1, 0]], [[1 / m], [0]]),
        "tanks": (
            tanks(),
            [[-a / A1, a / A1], [a / A2, -(a + b) / A2]],
            [[1 / A1], [0]],
        ),
        "shaft": (
            shaft(),
            [[-d / J1, -k / J1, d / J1], [1, 0, -1], [d / J2, k / J2, -d / J2]],
            [[1 / J1], [0], [0]],
        ),
        "towed": (
            towed(),
            [[-d / m, 0], [1, 0]],
            [[d / m], [0]],
        ),
        "long pipe": (
            long_pipe(),
            [[-R1 / 2e4, -rho * g / 2e4], [1 / A1, 0]],
            [[1 / 2e4], [0]],
        ),
        "generator": (
            generator(),
            [[-(Rm + R) / Lm]],
            [[-km / Lm]],
        ),
        # motor.speed and load.speed are one: the speed of the rotor stays a state
        "drive": (
            drive(),
            [
                [-Rm / Lm, -km / Lm, 0],
                [n**2 * km / M, -bL / M, 0],
                [0, 1 / n, 0],
            ],
            [[1 / Lm, 0], [0, n / M], [0, 0]],
        ),
    }


@pytest.mark.parametrize("name", list(hand_made()))
def test_matrices_are_those_written_by_hand(name):
    plant, A, B = hand_made()[name]
    got = hc.linearize(plant, plant.rest(dict.fromkeys(plant.inputs, 0.0)))
    for matrix, expected in zip(got, (A, B), strict=True):
        np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["rlc", "tanks"])
def test_simulation_is_the_matrix_exponential(name):
    plant, A, B = hand_made()[name]
    n = plant.n_x
    x0, u, seconds = np.linspace(0.4, 1.0, n), np.array([1e-4]), 4.0
    blocks = np.block([[np.array(A), np.array(B)], [np.zeros((1, n + 1))]])
    expected = scipy.linalg.expm(seconds * blocks) @ np.r_[x0, u]
    with jax.enable_x64(True):
        trace = hc.simulate(plant, hc.Constant(u), x0, seconds, dt=0.01)
    np.testing.assert_allclose(trace.x[-1], expected[:n], rtol=1e-7, atol=1e-9)


def test_an_oscillator_decays_as_in_the_book():
    m, k, d, x0 = 2.0, 50.0, 3.0, 0.1
    decay, omega = d / (2 * m), np.sqrt(k / m - (d / (2 * m)) ** 2)
    with jax.enable_x64(True):
        still = hc.Constant([0.0])
        trace = hc.simulate(oscillator(m, k, d), still, [0.0, x0], 3.0, dt=0.01)
    t = trace.t
    wave = np.cos(omega * t) + decay / omega * np.sin(omega * t)
    expected = x0 * np.exp(-decay * t) * wave
    np.testing.assert_allclose(trace["k.deflection"], expected, atol=1e-8)


def random_circuit(seed: int) -> tuple[Network, list[tuple]]:
    """A random connected circuit, and its branches (kind, value, from, to)."""
    rng = np.random.default_rng(seed)
    nodes = 5
    ends = [(i, int(rng.integers(i))) for i in range(1, nodes)]  # a tree
    ends += [tuple(map(int, rng.choice(nodes, 2, replace=False))) for _ in range(5)]
    kinds = rng.choice(["R", "R", "L", "C", "V", "I"], len(ends))
    values = rng.uniform(0.5, 2.0, len(ends))
    branches = [(k, v, *e) for k, v, e in zip(kinds, values, ends, strict=True)]
    make = {"R": Resistor, "L": Inductor, "C": Capacitor}
    make |= {"V": VoltageSource, "I": CurrentSource}
    parts = {f"b{i}": make[kind](value) for i, (kind, value, *_) in enumerate(branches)}
    connect = [
        [
            f"b{i}.{'pn'[e]}"
            for i, b in enumerate(branches)
            for e in (0, 1)
            if b[2 + e] == n
        ]
        for n in range(nodes)
    ]
    connect[0].append("ground")
    return Network(parts, connect), branches


def tableau(branches: list[tuple], x: np.ndarray) -> np.ndarray | None:
    """State rates from a dense solve for all voltages, currents and rates."""
    n, nodes = len(branches), 5
    states = [i for i, b in enumerate(branches) if b[0] in "LC"]
    size = nodes - 1 + n + len(states)
    rows, right = np.zeros((0, size)), []

    def equation(value: float, terms: dict[int, float]) -> None:
        nonlocal rows
        row = np.zeros(size)
        for column, c in terms.items():
            row[column] += c
        rows, _ = np.vstack([rows, row]), right.append(value)

    for node in range(1, nodes):
        signs = [(b[2] == node) - (b[3] == node) for b in branches]
        equation(0.0, {nodes - 1 + i: sign for i, sign in enumerate(signs)})
    for i, (kind, value, a, b) in enumerate(branches):
        drop = {e - 1: s for e, s in ((a, 1.0), (b, -1.0)) if e}
        current = {nodes - 1 + i: 1.0}
        state = x[states.index(i)] if i in states else 0.0
        rate = {nodes - 1 + n + states.index(i): -value} if i in states else {}
        if kind == "R":
            equation(0.0, drop | {nodes - 1 + i: -value})
        elif kind == "L":
            equation(0.0, drop | rate)
            equation(state, current)
        elif kind == "C":
            equation(0.0, current | rate)
            equation(state, drop)
        else:
            equation(value if kind == "V" else -value, drop if kind == "V" else current)
    if np.linalg.matrix_rank(rows) < size:
        return None
    return np.linalg.solve(rows, right)[-len(states) :]


def test_random_circuits_are_a_dense_solve_or_are_refused():
    solved = refused = 0
    for seed in range(60):
        try:
            plant, branches = random_circuit(seed)
        except ValueError as error:
            assert "; " in str(error)
            refused += 1
            continue
        if plant.merged or not plant.n_x:
            continue
        x = np.random.default_rng(seed).normal(size=plant.n_x)
        expected = tableau(branches, x)
        assert expected is not None
        with jax.enable_x64(True):
            got = plant.ode(0.0, x, np.zeros(0))
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
        solved += 1
    assert solved > 15 and refused > 15


# ---------------------------------------------------------------- rigid connections


@pytest.mark.parametrize(
    ("plant", "pole"),
    [
        (side_by_side(Capacitor(0.2), Capacitor(0.3), Resistor(4.0)), -1 / (4 * 0.5)),
        (chain(Inductor(0.2), Inductor(0.3), Resistor(4.0)), -4 / 0.5),
        (chain(Spring(2.0), Spring(3.0), Damper(4.0)), -(2 * 3 / 5) / 4),
        (side_by_side(Mass(2.0), Mass(3.0), Damper(4.0)), -4 / 5),
        (side_by_side(Tank(0.2), Tank(0.3), Pipe(1e6)), -9810 / 1e6 / 0.5),
        (side_by_side(Tank(0.1), Tank(0.2), Tank(0.2), Pipe(1e6)), -9810 / 1e6 / 0.5),
    ],
    ids=["capacitors", "inductors", "springs", "masses", "tanks", "three tanks"],
)
def test_rigidly_connected_stores_are_one(plant, pole):
    kept, *merged = (f"{n}.{s}" for n in plant.names for s in getattr(plant, n).states)
    assert plant.states == (kept,) and set(plant.merged) == set(merged)
    A, _ = hc.linearize(plant, plant.rest())
    assert A[0, 0] == pytest.approx(pole, rel=1e-12)


def test_a_loop_of_capacitors_merges_one_of_three():
    """Capacitors from each of two nodes to ground and between them: all three known."""
    parts = {"a": Capacitor(1.0), "b": Capacitor(2.0), "ab": Capacitor(3.0)}
    parts |= {"r": Resistor(5.0), "i": CurrentSource(input="i")}
    nodes = [("i.p", "r.p", "a.p", "ab.p"), ("ab.n", "b.p")]
    plant = Network(parts, [*nodes, ("a.n", "b.n", "r.n", "i.n", "ground")])
    assert plant.merged == ("ab.voltage",)
    C = np.array([[1.0 + 3.0, -3.0], [-3.0, 2.0 + 3.0]])  # nodal capacitances
    A, B = hc.linearize(plant, plant.rest({"i": 0.0}))
    np.testing.assert_allclose(
        A, -np.linalg.solve(C, np.diag([1 / 5.0, 0])), atol=1e-12
    )
    np.testing.assert_allclose(B[:, 0], np.linalg.solve(C, [1.0, 0]), atol=1e-12)


# ---------------------------------------------------------------- power


def start(plant: Network, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random states and inputs."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(40, plant.n_x)), rng.normal(size=(40, plant.n_u))


MOTORS = {
    "plain": DCMotor(R=2.6, k=0.00767),
    "rotor": DCMotor(R=2.6, k=0.00767, J=3.9e-7),
    "everything": DCMotor(R=2.6, k=0.00767, L=1.8e-4, J=3.9e-7, friction=1e-6),
}
POLE = hc.CartPole(0.94, 0.23, 0.64, 9.81, cart_friction=5.4, pole_friction=0.0024)
NETWORKS = {
    "rlc": rlc(),
    "oscillator": oscillator(),
    "tanks": tanks(),
    "drive": drive(),
}
NETWORKS |= {f"cart-pole, {n}": motor_cartpole(POLE, m) for n, m in MOTORS.items()}


@functools.cache
def observed(name: str) -> tuple:
    """Rates, port variables, and the slope of the energy, at random states."""
    plant = NETWORKS[name]
    x, u = start(plant)

    def look(x, u):
        slope = jax.grad(plant.energy)(x)
        return plant.ode(0.0, x, u), plant.at_ports(x, u), slope

    with jax.enable_x64(True):
        found = jax.jit(jax.vmap(look))(x, u)
    return jax.tree.map(np.asarray, (x, u, *found))


def powers(plant: Network, ports: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Power into every component."""
    return {
        name: sum(
            ports[f"{name}.{p}.{d.across}"] * ports[f"{name}.{p}.{d.through}"]
            for p, d in getattr(plant, name).ports.items()
        )
        for name in plant.names
    }


@pytest.mark.parametrize("name", list(NETWORKS))
def test_powers_add_up_to_zero(name):
    """Tellegen's theorem: what some components give, others take."""
    given = powers(NETWORKS[name], observed(name)[3])
    total = np.sum(list(given.values()), axis=0)
    scale = np.abs(list(given.values())).max()
    assert scale > 0
    np.testing.assert_allclose(total, 0.0, atol=1e-12 * scale)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_energy_changes_by_what_sources_give_and_losses_take(name):
    plant = NETWORKS[name]
    x, _, rates, ports, slope = observed(name)
    change, given = np.sum(slope * rates, axis=1), powers(plant, ports)
    lossy = (Resistor, Damper, RotaryDamper, Pipe)
    expected = 0.0
    for part, power in given.items():
        kind = getattr(plant, part)
        if isinstance(kind, (VoltageSource, Force, Torque, Pump, *lossy)):
            expected = expected - power
        if isinstance(kind, DCMotor):
            expected = expected - kind.R * ports[f"{part}.p.current"] ** 2
            if kind.friction is not None:
                expected = expected - kind.friction * ports[f"{part}.shaft.speed"] ** 2
        if isinstance(kind, Port):
            lost = POLE.cart_friction * x[:, 2] ** 2 + POLE.pole_friction * x[:, 3] ** 2
            expected = expected - lost
    np.testing.assert_allclose(change, expected, rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------- the motor's cart-pole


def hand_derived(motor: DCMotor, x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The cart-pole's equations with the motor's force written out, in NumPy."""
    n, k, R = 3.71 / 6.35e-3, motor.k, motor.R
    _, theta, dx, dtheta, *current = x.T
    s, c = np.sin(theta), np.cos(theta)
    m_c, m_p, L, g, b_c, b_p = map(float, jax.tree.leaves(POLE))
    b = 0.0 if motor.friction is None else motor.friction
    J = 0.0 if motor.J is None else motor.J
    i = current[0] if current else (u[:, 0] - k * n * dx) / R
    force = k * n * i - b * n**2 * dx - b_c * dx
    heavy = m_c + J * n**2
    # [heavy + m_p, m_p L c; m_p L c, m_p L²] [ddx, ddtheta] = [a, d]
    a = force + m_p * L * s * dtheta**2
    d = -m_p * g * L * s - b_p * dtheta
    det = (heavy + m_p) * m_p * L**2 - (m_p * L * c) ** 2
    ddx = (m_p * L**2 * a - m_p * L * c * d) / det
    ddtheta = ((heavy + m_p) * d - m_p * L * c * a) / det
    rows = [dx, dtheta, ddx, ddtheta]
    if current:
        rows.append((u[:, 0] - R * i - k * n * dx) / motor.L)
    return np.stack(rows, axis=1)


@pytest.mark.parametrize("name", list(MOTORS))
def test_the_motor_s_cartpole_is_the_one_derived_by_hand(name):
    x, u, rates, ports, _ = observed(f"cart-pole, {name}")
    expected = hand_derived(MOTORS[name], x, u)
    np.testing.assert_allclose(rates, expected, rtol=1e-10, atol=1e-10)
    n = 3.71 / 6.35e-3
    np.testing.assert_allclose(ports["motor.shaft.speed"], n * x[:, 2], rtol=1e-12)


def test_without_inertia_a_force_source_drives_the_cartpole_itself():
    parts = {"f": Force(input="force"), "cart": Port(POLE)}
    plant = Network(parts, [("f", "cart.x")])
    x, u = np.array([0.1, 2.0, -0.3, 1.5]), np.array([3.0])
    np.testing.assert_array_equal(plant.ode(0.0, x, u), POLE.ode(0.0, x, u))
    assert plant.states == POLE.states and plant.limits == {"x": 2.4}


def test_two_cartpoles_on_a_spring_push_each_other():
    parts = {"a": Port(hc.CartPole()), "b": Port(POLE), "k": Spring(20.0)}
    plant = Network(parts, [("a.x", "k.a"), ("b.x", "k.b")])
    assert plant.states[:5] == ("a.x", "a.theta", "a.dx", "a.dtheta", "b.x")
    assert plant.angles == (1, 5) and plant.limits == {"a.x": 2.4, "b.x": 2.4}
    x = np.random.default_rng(0).normal(size=9)
    with jax.enable_x64(True):
        rates = np.asarray(plant.ode(0.0, x, np.zeros(0)))
        one = hc.CartPole().ode(0.0, x[:4], -20.0 * x[8:])
        two = POLE.ode(0.0, x[4:8], 20.0 * x[8:])
    expected = np.r_[one, two, x[2] - x[6]]
    np.testing.assert_allclose(rates, expected, rtol=1e-12, atol=1e-12)


# ---------------------------------------------------------------- rest


def test_rest_follows_from_what_is_given():
    flow = tanks().rest({"lower.level": 0.5}).u[0]
    assert flow == pytest.approx(9810 * 0.5 / 9e6)  # what the outlet lets through
    levels = tanks().rest({"flow": flow}).x
    np.testing.assert_allclose(levels, [0.5 * (1 + 4 / 9), 0.5])
    np.testing.assert_allclose(rlc().rest({"voltage": 3.0}).x, [0.0, 3.0], atol=1e-12)


def test_rest_with_constant_sources():
    parts = {"p": PressureSource(2e5), "a": Pipe(1e6, inertance=1e4), "t": Tank(0.1)}
    plant = Network(parts, [("p.out", "a.a"), ("a.b", "t"), ("p.in", "ground")])
    np.testing.assert_allclose(plant.rest().x, [0.0, 2e5 / 9810], atol=1e-9)
    assert plant.inputs == () and plant.n_u == 0


def test_the_motor_s_cartpole_rests_upright_and_hanging():
    plant = motor_cartpole(motor=DCMotor(R=2.6, k=0.00767, L=1.8e-4))
    up, cart = plant.upright(), hc.CartPole()
    np.testing.assert_array_equal(up.x, [0, np.pi, 0, 0, 0])
    assert up.angles == (1,) and up.states == plant.states
    assert plant.rest({"cart": cart.hanging()}).x[1] == 0.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"voltage": 2.0}, "cart.x cannot be still; leave more"),
        ({"cart": 3.0}, "cart=3.0 must be an Equilibrium"),
        ({"force": 2.0}, "unknown signal or port 'force'; choose one of: cart"),
    ],
)
def test_rest_refuses(given, message):
    with pytest.raises(ValueError, match=message):
        motor_cartpole().rest(given)


# ---------------------------------------------------------------- refusals

V, G = VoltageSource(input="u"), "ground"
REFUSED = {
    "a capacitor across a source": (
        {"s": V, "c": Capacitor(1)},
        [("s.p", "c.p"), ("s.n", "c.n", G)],
        "^s and c, as connected, hold c.voltage; put a resistance .* in series$",
    ),
    "an inductor in series with a source": (
        {"i": CurrentSource(input="i"), "l": Inductor(1)},
        [("i.p", "l.p"), ("i.n", "l.n", G)],
        "^i and l, as connected, hold l.current; put a resistance .* in parallel$",
    ),
    "a mass on a velocity source": (
        {"v": Velocity(input="v"), "m": Mass(1)},
        [("v", "m")],
        "^v and m, as connected, hold m.velocity; put .* damper in series$",
    ),
    "a mass on the ground": (
        {"m": Mass(1)},
        [("m", G)],
        "^m, as connected, holds m.velocity; ",
    ),
    "gears that lock": (
        {"g": Gear(2), "h": Gear(3), "j": Inertia(1)},
        [("g.a", "h.a", "j"), ("g.b", "h.b")],
        "^g, h and j, as connected, hold j.speed; ",
    ),
    "two carts on one rod": (
        {"a": Port(hc.CartPole()), "b": Port(hc.CartPole())},
        [("a.x", "b.x")],
        "^a and b, as connected, hold ",
    ),
    "two voltages": (
        {"s": V, "t": VoltageSource(5.0), "c": Capacitor(1), "r": Resistor(1)},
        [("s.p", "t.p", "r.p"), ("r.n", "c.p"), ("s.n", "t.n", "c.n", G)],
        "^the ideal sources of s and t contradict each other; .* in series$",
    ),
    "two currents": (
        {"s": CurrentSource(1.0), "t": CurrentSource(2.0), "c": Capacitor(1)},
        [("s.p", "t.n"), ("s.n", "c.p"), ("t.p", "c.n", G)],
        "^the ideal sources of s and t contradict each other; .* in parallel$",
    ),
    "a short circuit": (
        {"s": V, "c": Capacitor(1)},
        [("s.p", "s.n", "c.p"), ("c.n", G)],
        "^s is short-circuited",
    ),
    "no ground": (
        {"s": V, "r": Resistor(1), "c": Capacitor(1)},
        [("s.p", "r.p"), ("r.n", "c.p"), ("s.n", "c.n")],
        'floats: nothing fixes its voltage; connect "ground" to its part',
    ),
    "a spring in the air": (
        {"k": Spring(1), "d": Damper(1)},
        [("k.a", "d.a"), ("k.b", "d.b")],
        "floats: nothing fixes its velocity",
    ),
    "a rigid loop": (
        {"v": Speed(input="w"), "w": Wheel(1), "m": Mass(1), "z": Velocity(0.0)},
        [("v", "w.shaft"), ("w.rim", "z"), ("m",)],
        "^the ideal sources of v, w and z contradict each other",
    ),
    "an open end": (
        {"s": V, "m": DCMotor(1, 1)},
        [("s.p", "m.p"), ("s.n", "m.n", G)],
        "^nothing is connected to m.shaft; connect them, or leave them open",
    ),
    "two domains": (
        {"m": DCMotor(1, 1), "w": Wheel(1)},
        [("m.p", "m.n", G), ("m.shaft", "w.rim"), ("w.shaft",)],
        "^m.shaft is rotational but w.rim is translational; connect ports of one",
    ),
    "an unknown port": (
        {"s": V},
        [("s.q", G)],
        "^s has no port 'q'; connect",
    ),
    "an unknown part": (
        {"s": V},
        [("t.p", G)],
        "^unknown component 't'; choose",
    ),
    "a port twice": ({"m": Mass(1)}, [("m", "m.flange")], "names a port twice"),
    "an input twice": (
        {"s": V, "t": V, "l": Inductor(1)},
        [("s.p", "t.n"), ("t.p", "l.p"), ("s.n", "l.n", G)],
        "^two states or inputs are called u; rename",
    ),
    "a taken name": ({"ode": Mass(1)}, [("ode",)], "cannot be called 'ode'; choose"),
    "a dotted name": ({"a.b": Mass(1)}, [("a.b",)], "cannot be called 'a.b'; choose"),
    "no component": (
        {"m": hc.CartPole()},
        [("m.x",)],
        "m is a CartPole, expected",
    ),
    "nothing": ({}, [], "^no component has a state; add one that stores energy$"),
    "text": ({"m": Mass(1)}, "m", "connect='m' is text; give tuples"),
    "a damper of zero": (
        {"f": Force(input="f"), "d": Damper(0), "k": Spring(1)},
        [("f", "d.a", "k.a"), ("d.b", "k.b", G)],
        "^with these parameters the network has no unique solution; look for zeros",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_bad_networks_are_refused_in_one_sentence(name):
    parts, connect, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        Network(parts, connect)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Resistor(-1.0), "R=-1.0 must be above 0"),
        (lambda: DCMotor(1.0, 1.0, L=0.0), "L=0.0 must be above 0"),
        (
            lambda: DCMotor(1.0, 1.0, friction=-1.0),
            "friction=-1.0 must not be",
        ),
        (lambda: Damper(-1.0), "d=-1.0 must not be negative"),
        (lambda: Tank(np.nan), "area=nan is not finite"),
        (lambda: Pipe(1.0, inertance=0.0), "inertance=0.0 must be above 0"),
        (lambda: Gear(0.0), "ratio=0.0 must be above 0"),
        (lambda: Wheel(-0.1), "radius=-0.1 must be above 0"),
        (
            lambda: VoltageSource(5.0, input="u"),
            "value=5.0 and input='u', ",
        ),
        (lambda: VoltageSource(), "value=None and input=None, expected one of them"),
        (lambda: Port(Mass(1.0)), "Port takes a MechanicalPlant .* got Mass"),
        (
            lambda: Port(EndStops(hc.CartPole())),
            "EndStops has events, which a network does not see; give the plant without",
        ),
        (lambda: motor_cartpole(gear=-1.0), "ratio=-1.0 must be above 0"),
        (lambda: oscillator().upright(), "this network has no Port; use rest"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_law_that_says_too_little_is_refused():
    class Loose(Capacitor):
        def law(self, at):
            return dataclasses.replace(super().law(at), zero=at.kept)

    parts = {"c": Loose(1.0), "r": Resistor(1.0)}
    with pytest.raises(ValueError, match="law of c has 1 equations, expected 2"):
        Network(parts, [("c.p", "r.p"), ("c.n", "r.n", "ground")])


def test_limits_are_of_signals():
    with pytest.raises(ValueError, match="unknown signal in limits 'force'"):
        Network({"m": Mass(1.0)}, [("m",)], limits={"force": 1.0})


def test_a_component_is_found_by_its_name():
    assert float(motor_cartpole().motor.R) == 2.6
    with pytest.raises(AttributeError, match="no 'moter'; the components are cart"):
        motor_cartpole().moter  # noqa: B018


# ---------------------------------------------------------------- as any plant


def test_parameters_vmap_and_differentiate():
    x, u = jnp.array([0.1, 2.0, -0.3, 1.5]), jnp.array([3.0])

    def rate(R, J):
        motor = DCMotor(R, 0.00767, J=J)
        return motor_cartpole(motor=motor).ode(0.0, x, u)[2]

    R, J = jnp.array([2.0, 2.6, 5.0]), jnp.array([1e-7, 4e-7, 9e-7])
    mapped, slopes = jax.jit(jax.vmap(jax.value_and_grad(rate, (0, 1))))(R, J)
    single = [rate(*pair) for pair in zip(np.asarray(R), np.asarray(J), strict=True)]
    np.testing.assert_allclose(mapped, single, rtol=1e-5)
    assert np.all(np.isfinite(slopes)) and len(np.unique(mapped)) == 3


def test_drawn_parameters_reach_the_component():
    plant = motor_cartpole()
    vary = hc.tasks.Vary(("motor.R", "cart.plant.m_p"), [2.0, 0.05], [4.0, 0.2])
    drawn = vary(jax.random.PRNGKey(0), plant)
    assert 2.0 < float(drawn.motor.R) < 4.0 and 0.05 < float(drawn.cart.plant.m_p) < 0.2
    assert drawn.states == plant.states and float(drawn.gear.ratio) == 3.71
    missing = hc.tasks.Vary(("motor.X",), [2.0], [4.0])
    with pytest.raises(ValueError, match=r"has no parameters \['motor.X'\]"):
        missing(jax.random.PRNGKey(0), plant)


def test_order_survives_a_tree_map():
    """The components are no dict: JAX would sort their names."""
    again = jax.tree.map(lambda leaf: leaf, motor_cartpole())
    assert again.names == ("cart", "wheel", "gear", "motor", "source")
    assert again.states[0] == "x" and again == motor_cartpole()


def test_a_network_is_kept_in_a_file():
    from hybridctl.store.decode import decode
    from hybridctl.store.encode import encode

    arrays, plant = {}, motor_cartpole(motor=MOTORS["everything"])
    node = encode(plant, "plant", arrays)
    again = decode(node, "plant", arrays)
    assert again == plant and again.limits == plant.limits


@functools.cache
def balanced() -> tuple:
    """The LQR on the motor's cart-pole, and its trace."""
    task = hc.tasks.balance(motor_cartpole())
    lqr = hc.reference("lqr", task)
    return task, hc.simulate(task.plant, lqr, [0.0, 3.0, 0, 0], 5.0, loop=task.loop)


def test_an_lqr_balances_with_a_voltage():
    task, trace = balanced()
    assert task.input_limit == 12.0 and task.plant.inputs == ("voltage",)
    assert trace.settling_time(task.target, x=0.1, theta=0.05, dtheta=0.1) < 4.0
    assert 5.0 < np.abs(trace["voltage"]).max() <= 12.0


def test_signals_of_a_simulation():
    task, trace = balanced()
    signals = task.plant.signals(trace)
    n = 3.71 / 6.35e-3
    np.testing.assert_array_equal(signals["source.p.voltage"], trace["voltage"])
    np.testing.assert_allclose(
        signals["motor.shaft.speed"], n * trace["dx"][:-1], rtol=1e-5, atol=1e-5
    )
    drop = signals["source.p.voltage"] - 0.00767 * signals["motor.shaft.speed"]
    np.testing.assert_allclose(signals["motor.p.current"], drop / 2.6, atol=1e-4)
    assert len(signals) == 20 and signals["cart.x.force"].shape == (250,)


def test_the_balance_task_starts_and_fails_as_that_of_the_cartpole():
    motor = hc.plants.DCMotor(R=2.6, k=0.00767, L=1.8e-4)
    task, own = hc.tasks.balance(motor_cartpole(motor=motor)), hc.tasks.balance()
    start, cost = task.start, task.cost
    np.testing.assert_array_equal(start.high[:4], own.start.high)
    assert start.high[4] == start.low[4] == 0.0 and cost.q[4] == 0.0
    np.testing.assert_array_equal(cost.q[:4], own.cost.q)
    assert task.limits == own.limits


def test_an_agent_drives_the_motor():
    task = hc.tasks.balance(motor_cartpole(), seconds=0.4)
    env = hc.Env(task, hc.template("ppo", task), training=False)
    state = env.reset(jax.random.PRNGKey(0))
    after = jax.jit(env.step)(state, jnp.array([0.5]))
    filled = hc.fill(hc.template("ppo", task), hc.Sequence([[0.5]]))
    x0 = state.pipeline_state.x
    trace = hc.simulate(task.plant, filled, x0, 0.02, loop=task.loop)
    np.testing.assert_array_equal(after.pipeline_state.x, trace.x[1])
    assert trace.u[0, 0] == 6.0 and after.reward == 1.0
