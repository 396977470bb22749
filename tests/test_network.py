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
    CurrentSource,
    Damper,
    DCMotor,
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


def hand_made() -> dict[str, tuple]:
    """Networks with the A and B that one writes down for them."""
    rho, g = 1000.0, 9.81
    R, L, C, m, k, d = 2.0, 0.5, 0.1, 2.0, 50.0, 3.0
    A1, A2, R1, R2 = 0.02, 0.05, 4e6, 9e6
    a, b = rho * g / R1, rho * g / R2
    Rm, Lm, km, J, n, JL, bL = 1.5, 2e-3, 0.05, 1e-4, 5.0, 0.02, 1e-3
    M = JL + n**2 * J
    return {
        "rlc": (rlc(), [[-R / L, -1 / L], [1 / C, 0]], [[1 / L], [0]]),
        "oscillator": (oscillator(), [[-d / m, -k / m], [1, 0]], [[1 / m], [0]]),
        "tanks": (
            tanks(),
            [[-a / A1, a / A1], [a / A2, -(a + b) / A2]],
            [[1 / A1], [0]],
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
        [f"b{i}.{'pn'[e]}" for i, b in enumerate(branches) for e in (0, 1) if b[2 + e] == n]
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
        at = [(i, s) for i, b in enumerate(branches) for s, e in ((1, 2), (-1, 3)) if b[e] == node]
        equation(0.0, {nodes - 1 + i: s for i, s in at})
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


def chain(*parts: object) -> Network:
    """Two-ended components in a row between ground and ground."""
    ends = [[f"c{i}.{port}" for port in part.ports] for i, part in enumerate(parts)]
    inner = [(b, c) for (_, b), (c, _) in itertools.pairwise(ends)]
    nodes = [("ground", ends[0][0]), *inner, (ends[-1][1], "ground")]
    return Network({f"c{i}": part for i, part in enumerate(parts)}, nodes)


def side_by_side(*parts: object) -> Network:
    """Components with all their first ports at one node, the second at the ground."""
    ends = [[f"c{i}.{port}" for port in part.ports] for i, part in enumerate(parts)]
    grounded = [end[1] for end in ends if len(end) > 1]
    nodes = [tuple(end[0] for end in ends), ("ground", *grounded)]
    return Network({f"c{i}": part for i, part in enumerate(parts)}, nodes)


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
    np.testing.assert_allclose(A, -np.linalg.solve(C, np.diag([1 / 5.0, 0])), atol=1e-12)
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
NETWORKS = {"rlc": rlc(), "oscillator": oscillator(), "tanks": tanks(), "drive": drive()}
NETWORKS |= {f"cart-pole, {n}": motor_cartpole(POLE, m) for n, m in MOTORS.items()}


@functools.cache
def observed(name: str) -> tuple:
    """Rates, port variables, and the slope of the energy, at random states."""
    plant = NETWORKS[name]
    x, u = start(plant)

    def look(x, u):
        slope = jax.grad(plant.energy)(x)
        return plant.ode(0.0, x, u), plant.ports(x, u), slope

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
