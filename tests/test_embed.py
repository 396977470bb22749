"""Pilots do what the jitted controller does, and nothing else."""

import copy
import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import pilots
import pytest
import zoo
from pilots import CONTROLLERS, OWN, TASK

import hybridctl as hc
from hybridctl.deploy.c_file import CFile
from hybridctl.deploy.c_library import compiler
from hybridctl.deploy.parity import check
from hybridctl.deploy.program import program
from hybridctl.deploy.recording import record
from hybridctl.deploy.runtime import CEngine
from hybridctl.plants.flow import fixed_step

UP, FORCE = TASK.plant.upright(), hc.Constant([1])
QUICK = ("lqr", "machine", "residual", "lqg", "integral", "hold", "trajectory")
LONG = QUICK[4:]  # run for 1e5 periods below
KINDS = ("python", "double", "float")
needs_cc = pytest.mark.skipif(compiler() is None, reason="there is no C compiler")


def ride(name: str, kind: str, loops: int, random: int, periods: int):
    pilot = hc.Pilot(pilots.graphs(name), pilots.engine(name, kind))
    kept = pilots.recorded(name, loops, random, periods)
    return check(pilots.graphs(name), pilot, kind, recording=kept, loops=loops)


@pytest.mark.parametrize(
    "kind", [KINDS[0], *(pytest.param(k, marks=needs_cc) for k in KINDS[1:])]
)
@pytest.mark.parametrize("name", zoo.sweep([*QUICK, *OWN], LONG))
def test_a_pilot_is_the_jitted_controller(name, kind):
    if kind != "python" and compiler() is None:
        pytest.skip("there is no C compiler")
    found = ride(name, kind, 6, 2, 80)
    assert found.periods == 640 and found.edges <= 6


@pytest.mark.long
@pytest.mark.parametrize("name", [*CONTROLLERS, *OWN])
def test_a_pilot_is_the_jitted_controller_for_long(name, monkeypatch):
    """1e5 closed-loop periods; an MPC does not keep within 1e-4 in float."""
    monkeypatch.setattr("hybridctl.deploy.parity.PATIENCE", 600.0)
    kinds = KINDS[: 1 if compiler() is None else 2 if name == "mpc" else 3]
    for kind in kinds:
        found = ride(name, kind, 128, 2, 800)
        assert found.periods >= 1e5
        assert found.edges <= 1e-2 * found.periods


def test_an_edge_is_counted_and_left_behind():
    """The guard lies on the measurement: rounding decides who switches first."""
    guard, modes = hc.near(UP, theta=0.5), {"a": hc.Constant([1]), "b": 2 * FORCE}
    edge = hc.machine(modes, {("a", "b"): guard})
    made = program(edge, zoo.DT, TASK.plant)
    kept = record(made, 0, 8, 30)
    before, after = kept.memory[0][:, :-1], kept.memory[0][:, 1:]
    run, period = np.argwhere(before != after)[0]
    y = np.array(kept.y)
    y[run, period, 1] = np.pi - 0.5 - 1e-12  # just outside: the pilot stays in "a"
    pilot = hc.embed(edge, zoo.DT, plant=TASK.plant)
    found = check(made, pilot, recording=kept._replace(y=y), loops=0)
    assert found.edges == 1 and found.periods == 240


def test_errors_are_no_edges():
    lqr, made = CONTROLLERS["lqr"], pilots.graphs("lqr")
    with pytest.raises(ValueError, match="differs from the jitted controller by"):
        kept = pilots.recorded("lqr", 6, 2, 80)
        check(made, hc.embed(1.001 * lqr, zoo.DT), recording=kept, loops=6)


def closed_loop(pilot: hc.Pilot, x0, periods: int) -> np.ndarray:
    flow = jax.jit(lambda x, u: fixed_step(zoo.DT, 2)(TASK.plant, 0.0, x, u))
    x, rows = jnp.asarray(x0, float), []
    pilot.reset()
    for _ in range(periods):
        u = pilot(np.asarray(x, float))
        rows.append((u[0], -1 if pilot.mode is None else pilot.mode))
        x = flow(x, u)
    return np.array(rows)


def test_the_simulation_comes_out_with_its_modes():
    machine = CONTROLLERS["machine"]
    pilot = hc.embed(machine, zoo.DT)
    trace = hc.simulate(TASK.plant, machine, [0, 2.5, 0, 0], 2.0, zoo.DT)
    rows = closed_loop(pilot, [0, 2.5, 0, 0], 100)
    np.testing.assert_allclose(rows[:, 0], trace.u[:, 0], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(rows[:, 1], trace.mode)
    assert pilot.modes == trace.modes and set(np.array(trace.mode)) == {0, 1}


@needs_cc
def test_memory_goes_over_from_python_to_c():
    name, y = "residual", np.array([0.1, 3.0, 0.2, -0.1])
    made = pilots.graphs(name)
    here = hc.Pilot(made, pilots.engine(name, "python"))
    there = hc.Pilot(made, pilots.engine(name, "double"))
    for i in range(7):
        here(y + 0.1 * i)
    there.load_state_dict(here.state_dict())
    for i in range(5):
        np.testing.assert_allclose(there(y - 0.1 * i), here(y - 0.1 * i), rtol=1e-12)
    assert here.mode == there.mode
    for key, value in here.state_dict().items():
        if value.dtype.kind != "U":
            np.testing.assert_allclose(there.state_dict()[key], value, rtol=1e-12)
    other = hc.embed(CONTROLLERS["lqr"], zoo.DT)
    with pytest.raises(ValueError, match="another controller"):
        other.load_state_dict(here.state_dict())
    partial = {k: v for k, v in here.state_dict().items() if "age" not in k}
    with pytest.raises(ValueError, match=r"has no memory\..*age"):
        there.load_state_dict(partial)
    with pytest.raises(ValueError, match="has no tick; give all of it"):
        there.load_state_dict({"controller": here.state_dict()["controller"]})


@pytest.mark.parametrize("kind", ["python", pytest.param("float", marks=needs_cc)])
def test_a_copy_has_a_memory_of_its_own(kind):
    name, y = "residual", np.array([0.1, 3.0, 0.2, -0.1])
    pilot = hc.Pilot(pilots.graphs(name), pilots.engine(name, kind))
    for _ in range(5):
        pilot(y)
    other = copy.deepcopy(pilot)
    assert (
        repr(other)
        == repr(pilot)
        == (
            "Pilot(Filled, dt=0.02, y=['x', 'theta', 'dx', 'dtheta'], u=['force'], "
            "modes=['swing', 'balance'])"
        )
    )
    ahead = [other(y + 0.1 * i) for i in range(5)]
    assert [pilot(y + 0.1 * i) for i in range(5)] == ahead
    other.reset()
    assert pilot.state_dict()["tick"] == 10 and other.state_dict()["tick"] == 0
    again = pickle.loads(pickle.dumps(pilot))
    assert repr(again) == repr(pilot)
    assert [again(y - 0.1 * i) for i in range(3)] == [
        pilot(y - 0.1 * i) for i in range(3)
    ]


def test_reset_begins_anew_and_with_a_measurement():
    observer = hc.embed(CONTROLLERS["lqg"], zoo.DT)
    first = [observer([0.1, 3.0, 0.0, 0.0])[0] for _ in range(3)]
    assert first[0] != first[1]
    fresh = observer.state_dict()
    observer.reset()
    assert set(observer.state_dict()) == {"controller", "tick"}
    assert [observer([0.1, 3.0, 0.0, 0.0])[0] for _ in range(3)] == first
    observer.reset(y=[0.1, 3.0, 0.0, 0.0])
    assert "memory.x" in observer.state_dict()
    assert observer([0.1, 3.0, 0.0, 0.0])[0] == first[0]
    observer.load_state_dict(fresh)
    observer.reset()
    empty = observer.state_dict()
    observer([0.0, 3.0, 0.0, 0.0])
    observer.load_state_dict(empty)
    assert observer([0.1, 3.0, 0.0, 0.0])[0] == first[0]


def test_what_was_applied_reaches_an_observer():
    told, silent = (hc.embed(CONTROLLERS["lqg"], zoo.DT) for _ in range(2))
    y = np.array([0.1, 3.0, 0.0, 0.0])
    assert told(y) == silent(y)
    told.applied([0.0])
    assert told(y) != silent(y)
    with pytest.raises(ValueError, match=r"u has shape \(2,\), expected \(1,\)"):
        told.applied([0.0, 1.0])


def test_wrong_shapes_get_a_sentence():
    pilot = hc.embed(CONTROLLERS["integral"], zoo.DT, plant=TASK.plant)
    with pytest.raises(
        ValueError, match=r"y has shape \(3,\), expected \(4,\): x, the"
    ):
        pilot([0.0, 1.0, 2.0], [0.0])
    with pytest.raises(ValueError, match=r"y='upright' is no row of numbers"):
        pilot("upright", [0.0])
    with pytest.raises(ValueError, match="follows a reference"):
        pilot(np.zeros(4))
    with pytest.raises(ValueError, match=r"r has shape \(2,\), expected \(1,\)"):
        pilot(np.zeros(4), [0.0, 1.0])
    with pytest.raises(ValueError, match="designed for dt"):
        hc.embed(CONTROLLERS["lqr"], 0.01)
    with pytest.raises(ValueError, match="unknown language 'rust'"):
        hc.embed(CONTROLLERS["lqr"], 0.02, language="rust")
    with pytest.raises(ValueError, match=r"of a training run, run\.controller"):
        hc.embed("lqr", 0.02)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["lqr", "machine", "lqg", "policy"])
def test_a_measurement_that_is_not_finite_is_that_of_the_simulation(name):
    pilot = hc.Pilot(pilots.graphs(name), pilots.engine(name, "python"))
    for bad in (np.nan, np.inf):
        pilot.reset()
        pilot([0.0, 3.0, 0.0, 0.0])
        u = pilot([0.0, bad, 0.0, 0.0])
        assert np.isnan(u).all() and pilot.missed == 0


@pytest.mark.parametrize("name", ["lqr", "lqg", "integral"])
@pytest.mark.parametrize("kind", ["python", pytest.param("double", marks=needs_cc)])
def test_a_missing_measurement_is_held(name, kind):
    pilots.check_holding(name, pilots.engine(name, kind, "hold"))


def test_time_goes_on_without_a_measurement():
    """A sequence that is late is late; a machine's dwell counts what it saw."""
    pilot = hc.embed(CONTROLLERS["sequence"], zoo.DT)
    u = CONTROLLERS["sequence"].u
    given = [pilot([y])[0] for y in (0.0, np.nan, 0.0)]
    np.testing.assert_allclose(given, [u[0, 0], u[0, 0], u[2, 0]], rtol=1e-7)
    machine = hc.Pilot(
        pilots.guarded("machine"), pilots.engine("machine", "python", "hold")
    )
    first, mode = machine([0.0, 3.0, 0.0, 0.0]), machine.mode
    assert machine([0.0, np.inf, 0.0, 0.0]) == first and machine.missed == 1
    assert machine.mode == mode and machine.on_missing == "hold"


@pytest.mark.parametrize("kind", ["python", pytest.param("double", marks=needs_cc)])
def test_a_missing_measurement_may_be_an_error(kind):
    made = pilots.guarded("lqg", "error")
    pilot = hc.Pilot(made, pilots.engine("lqg", kind, "error"))
    plain = hc.Pilot(pilots.graphs("lqg"), pilots.engine("lqg", "python"))
    for k in range(6):
        y = [0.1 * k, 3.0, 0.0, 0.0]
        with pytest.raises(ValueError, match=r"not finite: .*nan.*on_missing='hold'"):
            pilot([*y[:3], np.nan])
        np.testing.assert_allclose(pilot(y), plain(y), rtol=1e-12)
    assert pilot.missed == 6 and pilot.state_dict()["tick"] == 6
    with pytest.raises(ValueError, match="unknown on_missing 'skip'; choose one of"):
        hc.embed(CONTROLLERS["lqr"], zoo.DT, on_missing="skip")


def test_a_division_by_zero_is_what_it_is_in_jax():
    class Over(hc.Controller):
        def init(self, tick):
            return jnp.zeros(())

        def step(self, state, tick):
            y = tick.y
            u = jnp.where(y[0] == 0, 2.0, 1 / y[0]) + jnp.exp(y[1]) + jnp.sqrt(y[2])
            return u, u[None]

    pilot = hc.embed(Over(), zoo.DT)
    assert pilot([0.0, 0.0, 4.0]) == [5.0]
    assert pilot([0.0, 1e4, 4.0]) == [np.inf]
    assert np.isnan(pilot([1.0, 0.0, -4.0]))
    assert pilot([-0.5, 0.0, 4.0]) == [1.0]


def test_a_plain_number_of_python_divides_by_zero_too():
    """Counters, what is taken out of an array, and the time are no floats of NumPy."""

    class Over(hc.Controller):
        def init(self, tick):
            return jnp.int32(0)

        def step(self, n, tick):
            y = tick.y[0]
            wide = jnp.sin(y * jnp.arange(100.0)) @ jnp.ones(100)
            zeros = [n, wide, jnp.maximum(y, 0.0), tick.t, n == 1]
            odd = (y / y).astype(jnp.int32)  # 0 of NaN
            return n + 1, jnp.stack([*(jnp.exp(-1.0 / v) for v in zeros), odd])

    pilot = hc.embed(Over(), zoo.DT)
    assert pilot([0.0]).tolist() == [0.0] * 6
    np.testing.assert_allclose(pilot([1.0])[[0, 2, 4, 5]], [*np.exp([-1.0] * 3), 1.0])


@pytest.mark.parametrize("kind", ["python", pytest.param("c", marks=needs_cc)])
def test_names_and_edges_are_those_of_the_controller(kind):
    """Names that differ in size alone or are ours; loops and sums of nothing; edges."""

    class Odd(hc.Controller):
        K: np.ndarray
        k: np.ndarray
        round: np.ndarray

        def init(self, tick):
            return {"long": tick.y[0], "new": jnp.zeros(())}

        def step(self, state, tick):
            y, far = tick.y, jnp.int32(7 * tick.y[0])
            u = [
                self.K @ y[:2] - self.k @ y[:2],
                jnp.round(y[0] / self.round) * self.round,
                jax.lax.fori_loop(0, 0, lambda i, x: 2 * x, y[0]),
                jnp.zeros(3).at[far].set(5.0, mode="clip").sum(),
                jnp.zeros(3).at[far].set(5.0).sum(),
                jax.lax.clamp(y[0] + 1, y[0], y[0] - 1),
                jnp.sum(y[:0]),
                jnp.clip(state["long"] + state["new"], -1e300, 1e300),
                jnp.pad(jnp.arange(70.0) * y[0], 1, constant_values=y[0])[71],
                *jax.vmap(self.doubled)(y[:2]),
            ]
            return state, jnp.stack(u)

        def doubled(self, x):
            return jax.lax.while_loop(lambda x: x < 9, lambda x: 2 * x, x)

    odd = Odd(np.array([2.0, 3.0]), np.array([10.0, 20.0]), np.array(0.5))
    pilot = hc.embed(odd, zoo.DT, language=kind, real="float")
    u = [-27.0, 1.0, 1.25, 5.0, 0.0, 0.25, 0.0, 1.25, 1.25, 10.0, 16.0]
    np.testing.assert_allclose(pilot([1.25, 1.0]), u, rtol=1e-6)


@pytest.mark.parametrize("kind", ["python", pytest.param("c", marks=needs_cc)])
def test_a_large_memory_moves_to_another_place(kind):
    """The old one goes elsewhere, as a whole and in part, while it is written anew."""

    class Ring(hc.Controller):
        def init(self, tick):
            rows = {name: jnp.zeros(70) for name in ("b", "ring", "was")}
            return rows | {"a": jnp.ones(70), "tail": jnp.zeros(())}

        def step(self, state, tick):
            ring = state["ring"]
            new = jnp.concatenate([ring[1:], tick.y[:1]])
            after = {"ring": new, "was": ring, "tail": ring[-1]}
            u = [state["tail"], ring[-1], state["was"][-1], state["b"][0]]
            return after | {"a": state["a"], "b": state["a"]}, jnp.stack(u)

    pilot = hc.embed(Ring(), zoo.DT, language=kind)
    rows = [pilot([k + 1.0]).tolist() for k in range(4)]
    assert rows == [[0, 0, 0, 0], [0, 1, 0, 1], [1, 2, 1, 1], [2, 3, 2, 1]]


@needs_cc
def test_sums_of_any_length_are_whole_in_c():
    table = np.random.default_rng(3).normal(size=200)

    def sums(y):
        wide = jnp.sin(jnp.tile(y, 50) * table)
        return jnp.stack([wide[:n] @ table[:n] for n in (129, 130, 131, 177, 200)])

    made = program(_own(sums), zoo.DT)
    kept = record(made, 0, 2, 80)
    for kind in ("double", "float"):
        pilot = hc.Pilot(made, CEngine(made, kind))
        assert check(made, pilot, kind, recording=kept, loops=0).periods == 160
    assert re.search(r"products\w*\[177\]", CFile(made, "pilot").source(""))


def _own(step):
    class Own(hc.Controller):
        def init(self, tick):
            return None

        def step(self, state, tick):
            return state, step(tick.y)

    return Own()


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda y: jax.random.normal(jax.random.PRNGKey(0), (1,)) * y[0], "random num"),
        (lambda y: jnp.sort(y)[:1], "primitive 'sort' in .*Own.step"),
        (
            lambda y: jax.pure_callback(lambda y: y, y, y)[:1],
            "'pure_callback' in .*Own.step calls back into Python",
        ),
        (lambda y: jnp.abs(jnp.fft.fft(y))[:1], "complex128 numbers; use real"),
        (lambda y: jnp.uint32(y[:1]) * jnp.uint32(7) * 1.0, "gives uint32 numbers"),
        (lambda y: y[:1].astype(jnp.float16) * 1.0, "gives float16 numbers; use real"),
        (lambda y: y if y[0] > 0 else -y, "does not run: TracerBoolConversionError"),
        (lambda y: y[0], r"its output has shape \(\), expected \[n_u\]"),
    ],
)
def test_what_cannot_be_embedded_is_named(step, words):
    with pytest.raises(ValueError, match=words):
        hc.embed(_own(step), zoo.DT, plant=TASK.plant)


def test_the_last_column_that_is_looked_at_counts():
    """JAX reads beyond an array without a word; a pilot knows what it needs."""
    pid = hc.PID(1.0, 0.0, 0.0, dt=zoo.DT, column=2)
    pilot = hc.embed(pid, zoo.DT)
    assert pilot([0.0, 0.0, 3.0]) == pilot([0.0, 0.0, 3.0, 9.0, 9.0]) == [-3.0]
    with pytest.raises(ValueError, match=r"y has shape \(2,\), expected \(3,\)"):
        pilot([0.0, 0.0])


@pytest.mark.parametrize("kind", ["python", pytest.param("double", marks=needs_cc)])
def test_counters_go_on_for_years(kind):
    """A counter of 32 bits is over after 25 days at 1 kHz."""
    late, y = 2**31 - 2, np.array([0.1, 3.0, 0.2, -0.1])
    pilot = hc.Pilot(pilots.graphs("residual"), pilots.engine("residual", kind))
    pilot(y)
    ages = [name for name in pilot.state_dict() if name.endswith("age")]
    old = {name: np.array(late) for name in ("tick", *ages)}
    pilot.load_state_dict(pilot.state_dict() | old)
    for _ in range(6):
        assert np.isfinite(pilot(y)).all()
    state = pilot.state_dict()
    assert [state[name] for name in ("tick", *ages)] == [late + 6] * 3
