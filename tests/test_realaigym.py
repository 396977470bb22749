"""RealAIGym's scores and its robustness suite."""

import dataclasses
import math

import jax
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.contests.realaigym.imperfect import loops, nominal, parts
from hybridctl.contests.realaigym.performance import totals, up_from
from hybridctl.contests.realaigym.robustness import keys_of
from hybridctl.tasks.evaluate import episode_keys, evaluate_tasks

TASK = hc.tasks.get("swingup")
MACHINE, LQR = (hc.reference(name, TASK) for name in ("machine", "lqr"))
NAMES = (
    "swingup_time", "energy", "max_force", "integrated_force", "force_cost",
    "force_smoothness", "velocity_cost",
)  # fmt: skip
V1 = {  # rows and scores as the project published them for its acrobot
    0.869: (1.10, 9.81, 2.82, 1.27, 2.27, 0.057, 242.44),
    0.831: (4.15, 10.69, 3.01, 2.35, 2.20, 0.013, 99.16),
    0.728: (4.12, 29.01, 5.00, 7.12, 18.79, 0.251, 280.81),
    0.796: (1.47, 29.62, 6.00, 3.47, 12.16, 0.046, 175.52),
}
V2 = {
    0.655: (1.00, 8.08, 0, 0, 1.80, 0.010, 88.50),
    0.633: (1.39, 8.32, 0, 0, 1.52, 0.008, 117.96),
    0.504: (4.05, 10.43, 0, 0, 1.87, 0.016, 105.83),
    0.316: (1.45, 19.43, 0, 0, 3.22, 0.097, 253.59),
}


@pytest.fixture(scope="module")
def found():
    return hc.contests.robustness(MACHINE)


@pytest.fixture(scope="module")
def rows():
    """Scores of all 722 episodes of the machine, and where each part begins."""
    plant = TASK.plant
    known, task = parts(plant, 10.0, 0.02, seed=0), nominal(plant, 10.0, 0.02)
    sizes = [part.episodes for part in known.values()]
    batch = loops(task, known.values())
    keys = episode_keys(0, sum(sizes))[:, None]
    scores = jax.tree.map(lambda v: v[:, 0], evaluate_tasks(batch, MACHINE, keys))
    first = dict(zip(known, np.cumsum([0, *sizes[:-1]]), strict=True))
    return scores, first, known


# ---------------------------------------------------------------- formulas


@pytest.mark.parametrize("score", V1)
def test_v1_is_the_published_score(score):
    criteria = dict(zip(NAMES, V1[score], strict=True))
    assert totals(criteria, limit=6.0)[0] == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("score", V2)
def test_v2_is_the_published_score(score):
    criteria = dict(zip(NAMES, V2[score], strict=True))
    found = totals(criteria, limit=6.0)[1]
    assert found == pytest.approx(score, abs=3e-3)  # the rows are rounded


def made_up(theta=(0.0, 2.0, 3.0, 3.1), x=(0.0, 0.5, 0.4, 0.4)):
    """Three periods of 0.5 s."""
    states = np.zeros((4, 4))
    states[:, 0], states[:, 1] = x, theta
    states[:, 2], states[:, 3] = [0, 1, 2, 9], [0, 2, 1, 9]
    u = np.array([[6.0], [-2.0], [1.0]])
    t, names = 0.5 * np.arange(4), hc.CartPole.states
    return hc.Trace(t, states, u, u, None, names, ("force",), ())


def test_the_criteria_by_hand():
    """|u Δx| = 3 + 0.2 + 0; changes -8 and 3; ẋ² + θ̇² = 0, 5, 5."""
    scores = hc.contests.scores_of(made_up(), limit=6.0)
    assert scores.success and scores.swingup_time == 1.0
    assert scores.max_force == 6.0
    assert scores.energy == pytest.approx(3.2)
    assert scores.integrated_force == pytest.approx(4.5)
    assert scores.force_cost == pytest.approx(20.5)
    assert scores.force_smoothness == pytest.approx(5.5)
    assert scores.velocity_cost == pytest.approx(5.0)
    loss = 0.02 + 0.1 + 0.0032 + 0.0075 + 20.5 / 3600 + 1.1 / 12 + 0.001
    assert scores.v1 == pytest.approx(1 - loss)
    shares = 1 / 20, 3.2 / 60, 20.5 / 20, 55.0, 5 / 400
    assert scores.v2 == pytest.approx(
        1 - sum(math.tanh(math.pi * share) for share in shares) / 5
    )


def test_force_is_measured_in_sixths_of_its_limit():
    """Twice the force at twice the limit scores the same."""
    trace = made_up()
    double = dataclasses.replace(trace, u=2 * trace.u)
    one, two = (
        hc.contests.scores_of(t, limit=limit) for t, limit in ((trace, 6), (double, 12))
    )
    assert (one.v1, one.v2) == pytest.approx((two.v1, two.v2))
    assert two.energy == pytest.approx(2 * one.energy)


def test_the_tip_must_stay_up():
    up, edge = math.pi, math.acos(-0.9)
    assert up_from(np.array([0.0, up, up])) == 1
    assert up_from(np.array([up, up])) == 0
    assert up_from(np.array([0.0, up, edge - 1e-9, up])) == 3
    assert up_from(np.array([0.0, edge, -edge, 3 * up])) == 1
    assert up_from(np.array([up, math.nan, up, 0.0])) == 4


@pytest.mark.parametrize(
    "trace",
    [
        made_up(theta=(0.0, 3.0, 3.0, 2.0)),
        made_up(x=(0.0, -2.5, 0.0, 0.0)),
        made_up(x=(0.0, math.nan, 0.0, 0.0)),
    ],
)
def test_a_failure_scores_nothing(trace):
    scores = hc.contests.scores_of(trace)
    assert not scores.success and scores.v1 == scores.v2 == 0.0
    assert scores.to_dict()["swingup_time"] is None and "not up" in str(scores)


def test_doing_nothing_upright_is_perfect():
    still = made_up(theta=(math.pi,) * 4, x=(0.0,) * 4)
    states = np.asarray(still.x).copy()
    states[:, 2:] = 0.0
    still = dataclasses.replace(still, x=states, u=np.zeros((3, 1)))
    scores = hc.contests.scores_of(still)
    assert scores.swingup_time == 0.0 and scores.v1 == scores.v2 == 1.0


def test_the_machine_scores_more_than_the_lqr():
    machine, lqr = (hc.contests.realaigym(c) for c in (MACHINE, LQR))
    assert 0 < machine.v2 < machine.v1 < 1 and machine.swingup_time < 4.0
    assert lqr.v1 == lqr.v2 == 0.0
    assert hc.contests.realaigym(MACHINE) == machine


# ---------------------------------------------------------------- robustness


@pytest.mark.slow
def test_the_suite_has_722_episodes(found):
    sizes = {name: rows.shape for name, rows in found.success.items()}
    assert sizes == {
        "model": (210, 1), "velocity_noise": (21, 10), "force_noise": (21, 10),
        "response": (21, 1), "delay": (21, 1), "pushes": (50, 1),
    }  # fmt: skip
    assert found.episodes == 722


def test_a_level_counts_where_most_of_its_episodes_succeed():
    five, six = (np.arange(10)[None] < n for n in (5, 6))
    known = hc.contests.Robustness(
        {"a": np.concatenate([five, six]), "b": np.array([[True], [False], [True]])}
    )
    assert known.scores == {"a": 0.5, "b": pytest.approx(2 / 3)}
    assert known.overall == pytest.approx(7 / 12)
    assert known.to_dict()["episodes"] == 23 and "0.583" in str(known)


@pytest.mark.slow
def test_the_machine_bears_more_than_the_lqr(found):
    lqr = hc.contests.robustness(LQR)
    assert 0.8 < found.overall <= 1.0 and lqr.overall < 0.1
    assert all(0 <= found.scores[n] <= 1 for n in lqr.scores)


def test_the_same_seed_gives_the_same_successes(found, rows):
    scores, first, _ = rows
    begin = first["velocity_noise"]
    again = scores.success[begin : begin + 210].reshape(21, 10)
    np.testing.assert_array_equal(again, found.success["velocity_noise"])


def test_a_part_draws_the_same_noise_whatever_else_is_run(rows):
    _, first, known = rows
    begin, whole = first["force_noise"], episode_keys(5, 722)
    np.testing.assert_array_equal(
        keys_of(known, ["force_noise"], 5), whole[begin : begin + 210]
    )
    other = parts(TASK.plant, 10.0, 0.02, seed=1)["pushes"].columns["push"]
    assert (other != known["pushes"].columns["push"]).all()


def test_each_imperfection_is_that_of_a_loop_made_by_hand(rows):
    """J of an episode of every part without chance, simulated on its own."""
    scores, first, known = rows
    limit = hc.Actuator(limit=10.0)
    push = {n: known["pushes"].columns[n][7] for n in ("push", "at", "duration")}
    cases = {
        first["velocity_noise"]: (hc.CartPole(), hc.Loop(0.02, actuator=limit)),
        first["model"] + 42: (hc.CartPole(m_p=0.075), hc.Loop(0.02, actuator=limit)),
        first["delay"] + 10: (
            hc.CartPole(), hc.Loop(0.02, actuator=hc.Actuator(limit=10.0, delay=1)),
        ),
        first["pushes"] + 7: (
            hc.CartPole(),
            hc.Loop(
                0.02,
                actuator=limit,
                disturbance=hc.Disturbance(push["push"], push["at"], push["duration"]),
            ),
        ),
    }  # fmt: skip
    for index, (plant, loop) in cases.items():
        trace = hc.simulate(plant, MACHINE, plant.hanging().x, 10.0, loop=loop)
        rate = jax.vmap(TASK.cost)
        J = 0.01 * (rate(trace.x[:-1], trace.u) + rate(trace.x[1:], trace.u)).sum()
        assert scores.cost[index] == pytest.approx(float(J), rel=2e-3), index


def test_the_ranges_are_those_of_the_original(rows):
    known, unit = rows[2], 10.0 / 6.0
    noise = known["velocity_noise"].columns["velocity_noise"]
    np.testing.assert_allclose(noise[[0, -1]], [[0] * 4, [0, 0, 0.5, 0.5]])
    assert known["force_noise"].columns["force_noise"][-1] == pytest.approx(1.1 * unit)
    assert known["response"].columns["response"][[0, -1]] == pytest.approx([0.1, 2.0])
    spread = known["delay"].columns["spread"]
    np.testing.assert_allclose(spread @ [0, 20, 40], np.linspace(0, 40, 21), atol=1e-9)
    np.testing.assert_allclose(spread.sum(axis=1), 1)
    push, length, at = (known["pushes"].columns[n] for n in ("push", "duration", "at"))
    size, middle = np.abs(push) / unit, at + length / 2
    assert size.min() > 0.5 and 4.0 < size.max() < 5.0
    assert 1 < middle.min() and middle.max() < 10 and np.diff(middle).min() > 1
    assert np.sqrt(2 * np.pi) * 0.05 < length.min() < length.max() < 0.2507
    masses = [known["model"].columns[n] for n in ("m_c", "m_p", "L")]
    assert [row.min() for row in masses] == pytest.approx([0.75, 0.075, 0.75])
    assert [row.max() for row in masses] == pytest.approx([1.25, 0.125, 1.25])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hc.contests.robustness(MACHINE, only=[]), "no parts"),
        (lambda: hc.contests.robustness(MACHINE, only=["wind"]), "unknown part 'wind'"),
        (lambda: hc.contests.robustness(MACHINE, dt=0.01), "designed for dt=0.02"),
        (lambda: hc.contests.robustness("machine"), "expected a Controller"),
        (lambda: hc.contests.robustness(MACHINE, dt=0), "dt=0 must be above 0"),
        *(
            (lambda f=f: f(MACHINE, hc.Pendulum()), "about a cart-pole, and Pendulum")
            for f in (hc.contests.realaigym, hc.contests.robustness)
        ),
        (lambda: hc.contests.scores_of(made_up(), track=0.0), "track=0.0"),
        (
            lambda: hc.contests.scores_of(
                dataclasses.replace(made_up(), states=("a", "b", "c", "d"))
            ),
            "trace of a CartPole",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
