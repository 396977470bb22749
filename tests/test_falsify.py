"""Falsification: finds what breaks, makes it small, keeps it exactly."""

import dataclasses
import json
import subprocess
import sys

import jax
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.contests.falsify.counterexample import Counterexample
from hybridctl.contests.falsify.perturbation import (
    box_of,
    perturbed,
    plant_axes,
    push_axes,
)
from hybridctl.contests.over import _is_drawn
from hybridctl.contests.parameters import scaled
from hybridctl.tasks import Box, Either
from hybridctl.tasks.evaluate import evaluate_tasks
from hybridctl.tasks.margin import distance

UP = np.pi
TASK = hc.tasks.swingup(seconds=8.0)
LQR = hc.reference("lqr", TASK)
LEAN = {"theta": (UP - 1.0, UP + 1.0, UP)}


@pytest.fixture(scope="module")
def found():
    return hc.falsify(TASK, LQR, start=LEAN, plant=0, push=0, budget=256)


def test_the_smallest_angle_is_that_of_a_bisection(found):
    """Found again by halving, with `simulate` alone."""
    low, high = 0.3, 0.8
    for _ in range(12):
        middle = (low + high) / 2
        trace = hc.simulate(
            TASK.plant, LQR, [0, UP + middle, 0, 0], 8.0, loop=TASK.loop
        )
        x = np.asarray(trace.x)
        holds = np.abs(x[:, 0]).max() < 2.4 and abs(x[-1, 1] - UP) < 0.05
        low, high = (middle, high) if holds else (low, middle)
    angle = abs(found.smallest.start["theta"] - UP)
    assert angle == pytest.approx(high, rel=0.01)
    assert angle == pytest.approx(0.525, rel=0.02)  # the baseline's known catch
    assert found.smallest.size == pytest.approx(angle)  # 1 is the end of the range
    assert found and [c.size for c in found.found] == sorted(
        c.size for c in found.found
    )
    assert found.evaluations == 256 and "the smallest: size 0.5" in str(found)


CODE = """
import sys, numpy as np, hybridctl as hc
from hybridctl.contests.falsify.counterexample import Counterexample
task = hc.tasks.swingup(seconds=8.0)
trace = Counterexample.from_json(sys.argv[1]).replay(task, hc.reference("lqr", task))
print(*(np.asarray(v).tobytes().hex()[:400] for v in (trace.x, trace.u)))
print(float(np.abs(np.asarray(trace.x)).sum()).hex())
"""


@pytest.mark.slow
def test_a_counterexample_is_replayed_bit_for_bit_in_another_process(found, tmp_path):
    small = found.smallest
    trace = small.replay(TASK, LQR)
    path = small.to_json(tmp_path / "new" / "counterexample.json")
    assert Counterexample.from_json(path) == small
    run = [sys.executable, "-c", CODE, str(path)]
    out = subprocess.run(
        run, capture_output=True, encoding="utf-8", check=True
    ).stdout.split()
    x, u = np.asarray(trace.x), np.asarray(trace.u)
    assert out[:2] == [x.tobytes().hex()[:400], u.tobytes().hex()[:400]]
    assert out[2] == float(np.abs(x).sum()).hex()


def test_the_replay_is_what_the_search_met(found):
    """Cost, length and margins of the batch are those of the trace."""
    some = found.found[:16]
    starts = {n: np.array([c.start[n] for c in some]) for n in TASK.plant.states}
    many, one = perturbed(TASK, starts, {}), perturbed(TASK, some[0].start, {})
    stacked = jax.tree.map(
        lambda a, b: np.broadcast_to(b, (len(some), *np.shape(a))), one, many
    )
    keys = np.array([c.key for c in some], np.uint32)[:, None]
    scores = evaluate_tasks(stacked, LQR, keys, margins=True)
    for i, c in enumerate(some):
        assert c.cost == scores.cost[i, 0]
        x = np.asarray(c.replay(TASK, LQR).x)
        lasted = x[: scores.length[i, 0] + 1, 0]
        assert np.abs(lasted).max() == np.float32(scores.peak_x[i, 0])  # bit for bit
        assert c.failed == bool(scores.failed[i, 0])
        assert (scores.peak[i, 0] >= 1.0) == c.failed


@pytest.mark.slow
def test_start_plant_push_delay_and_noise_are_in_the_counterexample():
    task = hc.tasks.noisy(seconds=2.0)
    machine = hc.reference("machine", task)
    found = hc.falsify(task, machine, delay=(2, 4), budget=64, seed=3)
    small = found.smallest
    assert small is not None and small.delay in (2, 4) and small.push is not None
    assert set(small.plant) == {"m_c", "m_p", "L", "g"}
    again = hc.falsify(task, machine, delay=(2, 4), budget=64, seed=3)
    assert again == found  # the same seed finds the same
    episode = small.episode(task)
    assert (
        episode.loop.actuator is not None and episode.loop.actuator.delay == small.delay
    )
    assert float(episode.plant.m_p) == small.plant["m_p"]
    loaded = Counterexample(
        **json.loads(json.dumps(small.to_dict())) | {"key": small.key}
    )
    a, b = (np.asarray(c.replay(task, machine).x) for c in (small, loaded))
    assert a.tobytes() == b.tobytes()


def test_nothing_found_bounds_the_failing_share():
    up = TASK.plant.upright().x
    calm = hc.tasks.swingup(seconds=8.0, start=Box.around(up, [0, 0.1, 0, 0]))
    found = hc.falsify(calm, LQR, plant=0, push=0, budget=256)
    assert not found and found.smallest is None and found.first is None
    p = found.bound()
    assert (1 - p) ** found.drawn == pytest.approx(0.01)
    assert 32 < found.drawn < found.evaluations == 256
    assert f"less than {p:.2%} of the ranges fail" in str(found)


def test_own_predicate_and_objective():
    """Broken by leaving 0.3 m: the search climbs the peak, and finds where."""
    options = {"start": LEAN, "plant": 0, "push": 0, "budget": 128}
    found = hc.falsify(
        TASK,
        LQR,
        broken=lambda s: s.peak_x > 0.3,
        objective=lambda s: s.peak_x,
        **options,
    )
    x = np.abs(np.asarray(found.smallest.replay(TASK, LQR).x)[:, 0]).max()
    assert 0.3 < x < 0.31
    first = hc.falsify(TASK, LQR, stop=True, **options)
    assert first.evaluations < 128 and first.first <= first.evaluations


class Pocket(hc.Controller):
    """An LQR with a wrong force where an episode starts near a place."""

    inner: hc.Controller
    centre: tuple[float, ...]
    width: float

    def init(self, tick):
        """The wrong force."""
        far = sum(
            ((tick.y[i] - c) / self.width) ** 2 for i, c in enumerate(self.centre)
        )
        return 0.283 / (far + 0.25)

    def step(self, state, tick):
        """Added to the inner input."""
        return state, self.inner.step(None, tick)[1] + state


def test_a_rare_pocket_is_found_in_a_tenth_of_the_even_draws():
    """0.1 % of the box fails: even draws need a thousand episodes."""
    task = hc.tasks.get("balance")
    lqr = hc.reference("lqr", task)
    for seed in range(3):
        off = np.random.default_rng(seed).uniform(-0.035, 0.035, 4)
        faulty = Pocket(lqr, tuple((task.target.x + off).tolist()), 0.0138)
        found = hc.falsify(task, faulty, plant=0, push=0, budget=100, seed=seed)
        assert found.first is not None


def test_defaults_come_from_the_task():
    weak = hc.tasks.get("weak")
    assert isinstance(weak.start, Either)
    np.testing.assert_allclose(box_of(weak.start)[1], [1, UP, 1, UP])
    axes = plant_axes(hc.tasks.get("unknown_plant"), None)
    assert {a.name: (a.low, a.high) for a in axes}["L"] == (0.5, 1.5)
    assert {a.name for a in plant_axes(TASK, 0.1)} == {"m_c", "m_p", "L", "g"}
    (own,) = push_axes(hc.tasks.get("push"), None)
    assert (own.low, own.high, own.nominal) == pytest.approx((-5.0, 5.0, 0.0))
    (limit,) = push_axes(TASK, None)
    assert (limit.low, limit.high) == pytest.approx((-1.0, 1.0))
    (fixed,) = push_axes(hc.tasks.get("noisy"), None)
    assert (fixed.high, fixed.nominal) == pytest.approx((2.0, 1.0))


def test_each_of_several_pushes_gets_the_impulse():
    pushes = hc.Disturbance([1.0, 2.0], at=[1.0, 2.0], duration=[0.1, 0.2])
    loop = dataclasses.replace(TASK.loop, disturbance=pushes)
    task = dataclasses.replace(TASK, loop=loop)
    rest = dict.fromkeys(TASK.plant.states, 0.0)
    assert push_axes(task, None) == []
    many = perturbed(task, rest, {}, np.array([3.0, 4.0, 5.0])).loop.disturbance
    assert (many.force * many.duration).tolist() == [[3, 3], [4, 4], [5, 5]]


def test_starts_beside_each_other_tell_where_they_are():
    low, high = box_of(hc.tasks.Beside(Box([0], [1]), Box([2, 3], [4, 5])))
    assert low.tolist() == [0, 2, 3] and high.tolist() == [1, 4, 5]


def test_distance_is_one_at_the_edge_of_a_guard():
    up = TASK.plant.upright()
    x = np.array([0.05, UP + 0.1, 0.0, 4.0])
    assert float(distance(hc.near(up, x=0.1, theta=0.2), x)) == pytest.approx(0.5)
    assert float(distance(hc.beyond(up, dtheta=8.0), x)) == pytest.approx(2.0)
    asked = abs(float(LQR.demand(x)[0]))
    assert float(distance(hc.demands(LQR, 2 * asked), x)) == pytest.approx(
        2.0, rel=1e-5
    )
    V = float(LQR.V(x))
    both = hc.level(LQR.V < V / 4) | hc.near(up, x=0.01)
    assert float(distance(both, x)) == pytest.approx(2.0, rel=1e-4)


def test_bad_requests(found, tmp_path):
    with pytest.raises(ValueError, match=r"no state 'angle'; there are x, theta"):
        hc.falsify(TASK, LQR, start={"angle": (0, 1)})
    with pytest.raises(ValueError, match=r"theta=\(2, 1\): expected \(low, high\)"):
        hc.falsify(TASK, LQR, start={"theta": (2, 1)})
    with pytest.raises(ValueError, match=r"m_p=-1\.0 must be above 0"):
        hc.falsify(TASK, LQR, plant={"m_p": (-1, 2)}, budget=16)
    with pytest.raises(ValueError, match="nothing to perturb"):
        hc.falsify(TASK, LQR, start={}, plant=0, push=0)
    with pytest.raises(ValueError, match="budget=8 is less than population=16"):
        hc.falsify(TASK, LQR, budget=8)
    with pytest.raises(ValueError, match=r"delay=1.5 must be a whole number"):
        hc.falsify(TASK, LQR, delay=(1.5,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="found on task 'swingup', not on 'balance'"):
        found.smallest.replay(hc.tasks.get("balance"), LQR)
    odd = dataclasses.replace(TASK, start=zoo.Poisoned(TASK.start))
    with pytest.raises(
        ValueError, match=r"Poisoned does not tell where episodes start"
    ):
        hc.falsify(odd, LQR)
    path = found.smallest.to_json(tmp_path / "a.json")
    assert Counterexample.from_json(path) == found.smallest
    whole = json.loads(path.read_text(encoding="utf-8"))
    for told in ({}, [1], None, whole | {"start": 1}, whole | {"key": [1]}):
        path.write_text(json.dumps(told), encoding="utf-8")
        with pytest.raises(ValueError, match="holds no counterexample"):
            Counterexample.from_json(path)
    with pytest.raises(ValueError, match=r"failures were found"):
        found.bound()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"broken": lambda s: True},
            r"gives bool of shape \(\) for 16 episodes",
        ),
        ({"objective": lambda s: s.cost[:2]}, r"objective gives .* for 16 episodes"),
        ({"broken": 1}, "broken=1 is no function of Scores"),
        ({"plant": "a"}, "plant='a' is not a number"),
        ({"push": "a"}, r"push=a: expected \(low, high\)"),
        ({"start": {"theta": [1, [2]]}}, r"theta=.*: expected \(low, high\)"),
        ({"delay": 2}, "what should be several is an int"),
        ({"delay": [True]}, "delay=True must be a whole number of periods"),
        ({"seed": -1}, "seed=-1 must be a whole number from 0"),
        ({"budget": 32.0}, "budget=32.0 must be a whole number"),
    ],
)
def test_what_is_no_search_gets_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        hc.falsify(TASK, LQR, **({"budget": 32} | options))


# ---------------------------------------------------------------- grids


@pytest.fixture(scope="module")
def grid():
    task = zoo.task("balance")
    known = {"lqr": hc.reference("lqr", task), "none": hc.Constant([0.0])}
    return hc.compare_over(task, known, m_p=[0.05, 0.1], L=[0.5, 1.0, 2.0], n=8, seed=3)


def test_a_cell_is_the_comparison_on_that_plant(grid):
    """The same numbers as `evaluate` on a task with that plant."""
    plant = hc.CartPole(m_p=0.05, L=2.0)
    task = dataclasses.replace(grid.task, plant=plant)
    alone = hc.evaluate(task, grid.controllers["lqr"], n=8, seed=3)
    np.testing.assert_array_equal(grid.scores["lqr"].cost[0, 2], alone.cost)
    assert grid.shape == (2, 3) and grid.nominal == {"m_p": 0.1, "L": 1.0}
    assert grid.of("J", "lqr")[0, 2] == pytest.approx(alone.cost.mean())
    assert (grid.of("success", "lqr") == 1.0).all()  # it survives, which is asked for
    assert not grid.scores["none"].settled.any()
    assert np.isinf(grid.of("settle", "none")).all()


def test_a_grid_as_text_and_json(grid, tmp_path):
    rates = np.stack([grid.of("success", name) for name in ("lqr", "none")])
    shown = [f"{100 * v:.3g}" for v in rates.ravel()]
    assert "survived [%] of 8 episodes" in str(grid) and len(set(shown)) > 1
    words = str(grid).split()
    assert all(words.count(text) >= shown.count(text) for text in shown)
    rows = json.loads(grid.to_json(tmp_path / "grid.json").read_text(encoding="utf-8"))[
        "rows"
    ]["lqr"]
    assert len(rows) == 6 and rows[5]["m_p"] == 0.1 and rows[5]["L"] == 2.0
    assert rows[0]["J"]["low"] <= rows[0]["J"]["value"] <= rows[0]["J"]["high"]


def test_a_whole_array_is_scaled():
    task = zoo.task("noisy")
    known = {"none": hc.Constant([0.0])}
    grid = hc.compare_over(task, known, **{"sensor.noise": [0.0, 1.0]}, n=4)
    same = hc.evaluate(task, known["none"], n=4)
    np.testing.assert_array_equal(grid.scores["none"].cost[1], same.cost)
    assert grid.nominal == {"sensor.noise": 1.0}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "one or two parameters to go over, got 0"),
        ({"mass": [1.0]}, "no place mass here; there are"),
        ({"cost.q[4]": [1.0]}, r"cost.q\[4\] is outside of an array of shape \(4,\)"),
        ({"L": [1.0], "plant.L": [2.0]}, r"L and plant.L are both .plant.L; give one"),
        ({"m_p": [0.1, -1.0]}, "m_p=-1.0 must be above 0"),
        ({"m_p": 0.1}, r"m_p=0.1: expected a row of values"),
    ],
)
def test_bad_grids(values, message):
    task = zoo.task("balance")
    with pytest.raises(ValueError, match=message):
        hc.compare_over(task, {"none": hc.Constant([0.0])}, **values)
    varied = hc.tasks.get("unknown_plant")
    with pytest.raises(ValueError, match="m_p is drawn anew for every episode"):
        hc.compare_over(varied, {"none": hc.Constant([0.0])}, m_p=[0.1])


def test_what_a_part_of_a_plant_draws_is_no_axis():
    parts = {
        "source": hc.plants.VoltageSource(input="voltage"),
        "r": hc.plants.Resistor(R=10.0), "c": hc.plants.Capacitor(C=0.1),
    }  # fmt: skip
    nodes = [("source.p", "r.p"), ("r.n", "c.p"), ("c.n", "source.n", "ground")]
    filter_ = hc.plants.Network(parts, connect=nodes)
    vary = hc.plants.Vary(("r.R",), [5.0], [20.0])
    task = hc.tasks.reach(filter_, filter_.equilibrium([0.0], [0.0]), vary=vary)
    with pytest.raises(ValueError, match="R is drawn anew for every episode"):
        hc.compare_over(task, {"none": hc.Constant([0.0])}, R=[10.0])
    assert not _is_drawn(task, "C") and not _is_drawn(task, "failure_cost")


def spring(x, u):
    return x[1] ** 2


def test_a_cost_of_the_users_own_stays_what_it_is():
    task = dataclasses.replace(TASK, cost=spring)
    build, nominal = scaled(task, ["L"])
    assert build({"L": 2.0}).cost is spring and nominal == {"L": 1.0}
    with pytest.raises(ValueError, match="cost holds no numbers to change"):
        scaled(task, ["cost"])


# ---------------------------------------------------------------- pictures


def test_heat_maps(grid):
    figure = hc.show.heat_maps(grid)
    lqr, none, bar = figure.axes
    assert (lqr.get_title(loc="left"), none.get_title(loc="left")) == ("lqr", "none")
    texts = [t.get_text() for t in lqr.texts]
    shown = [f"{100 * v:.3g}" for v in grid.of("success", "lqr").ravel()]
    assert texts[:6] == shown and "framed: nominal" in texts
    assert bar.get_ylabel() == "survived [%]"
    one = lqr.images[0], none.images[0]
    assert one[0].norm.vmax == one[1].norm.vmax == 100.0  # one scale
    never = hc.show.heat_maps(grid, "settle").axes[1]
    assert [t.get_text() for t in never.texts].count("–") == 6
    with pytest.raises(ValueError, match="unknown measure 'cost'"):
        hc.show.heat_maps(grid, "cost")


def test_input_map_shows_input_and_modes():
    task = hc.tasks.get("global")
    machine = hc.reference("machine", task)
    axis, bar = hc.show.input_map(machine, task.plant, mode="balance").axes
    assert {t.get_text() for t in axis.texts} == {"swing", "balance"}
    assert bar.get_ylabel() == "force [N]"
    u = np.asarray(axis.collections[0].get_array()).reshape(401, 401)
    expected = LQR.step(None, hc.Tick(0.0, 0, np.array([0, UP + 0.0, 0, 0])))[1]
    assert u[200, 200] == pytest.approx(float(expected[0]), abs=1e-3)
    with pytest.raises(ValueError, match="unknown mode 'fly'"):
        hc.show.input_map(machine, task.plant, mode="fly")


def test_start_map_is_grey_where_the_controller_fails():
    figure = hc.show.start_map(TASK, LQR, points=5)
    shown = np.ma.getmaskarray(figure.axes[0].images[0].get_array())
    assert not shown[2, 2] and shown[2, 0]  # upright succeeds, hanging does not


def test_a_region_in_a_phase_portrait():
    trace = hc.simulate(TASK.plant, LQR, [0, 3.0, 0, 0], 8.0, loop=TASK.loop)
    guard = hc.near(TASK.target, theta=0.1, dtheta=0.2)
    figure = hc.show.phase_portrait({"lqr": trace}, target=TASK.target, region=guard)
    shaded = [p for c in figure.axes[0].collections for p in c.get_paths() if len(p)]
    box = np.concatenate([path.vertices for path in shaded])
    assert np.ptp(box[:, 0]) <= 0.21 and np.ptp(box[:, 1]) <= 0.41
    with pytest.raises(ValueError, match="a region needs target"):
        hc.show.phase_portrait({"lqr": trace}, region=guard)
