"""Networks against dense algebra, analytic solutions and hand-derived equations."""

import dataclasses
import functools

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
    solved = refused = merged = 0
    for seed in range(150):
        try:
            plant, branches = random_circuit(seed)
        except ValueError as error:
            assert "; " in str(error)
            refused += 1
            continue
        if plant.merged or not plant.n_x:
            merged += 1
            continue
        x = np.random.default_rng(seed).normal(size=plant.n_x)
        expected = tableau(branches, x)
        assert expected is not None
        with jax.enable_x64(True):
            got = plant.ode(0.0, x, np.zeros(0))
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
        solved += 1
    assert min(solved, refused, merged) > 8
