"""Scores, statistics and tables."""

import dataclasses
import json

import numpy as np
import pytest
import zoo
from scipy.optimize import brentq
from scipy.stats import norm

import hybridctl as hc
from hybridctl.contests.statistics import rate
from hybridctl.tasks.statistics import bootstrap_mean, quantile, wilson

TASK = zoo.task("swingup")
GLOBAL = hc.tasks.get("global")


@pytest.fixture(scope="module")
def table():
    task = zoo.task("global")
    known = {name: hc.reference(name, task) for name in ("lqr", "machine")}
    return hc.compare(task, known, n=64, seed=3, against="lqr")


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (4096, 4096)])
def test_wilson_solves_its_own_equation(k, n):
    """The bounds are where the score test is just significant."""
    z, low, high = norm.ppf(0.975), *wilson(k, n)
    score = lambda p: (k / n - p) ** 2 - z**2 * p * (1 - p) / n  # noqa: E731
    if k > 0:
        assert low == pytest.approx(brentq(score, 1e-12, k / n - 1e-9), abs=1e-9)
    if k < n:
        assert high == pytest.approx(brentq(score, k / n + 1e-9, 1 - 1e-12), abs=1e-9)
    assert 0 <= low <= k / n <= high <= 1


def test_bootstrap_is_the_normal_interval_for_many_values():
    values = np.random.default_rng(0).normal(2.0, 3.0, 2000)
    low, high = bootstrap_mean(values, seed=1)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)
    assert bootstrap_mean(values, seed=1) == (low, high)


def test_quantiles_know_infinity():
    values = np.array([1.0, 2.0, np.inf, np.inf])
    assert quantile(values, 0.5) == 2.0 and quantile(values, 0.95) is None


@pytest.mark.slow
def test_the_machine_swings_up_everywhere():
    """TASKS' baseline settles in 3.22 s in the median; this must be near or better."""
    machine = hc.reference("machine", GLOBAL)
    scores = hc.evaluate(GLOBAL, machine, n=1024)
    assert scores.success.all() and np.median(scores.settle) <= 3.4
    hanging = hc.tasks.get("swingup")
    assert hc.evaluate(hanging, hc.reference("machine", hanging), n=1).success.all()


def test_scores_are_those_of_the_trace():
    """Cost, effort, settling and peak, computed again in NumPy from a simulation."""
    machine = hc.reference("machine", GLOBAL)
    scores = hc.evaluate(GLOBAL, machine, n=4, seed=9)
    for i in range(4):
        trace = hc.contests.replay(GLOBAL, machine, 9, i)
        x, u, dt = np.asarray(trace.x, float), np.asarray(trace.u[:, 0], float), 0.02
        rate = lambda x, u: (  # noqa: E731
            x[:, 0] ** 2 + 20 * (1 + np.cos(x[:, 1])) + x[:, 2] ** 2 + x[:, 3] ** 2
            + 0.1 * u**2
        )  # fmt: skip
        J = 0.5 * dt * (rate(x[:-1], u) + rate(x[1:], u)).sum()
        assert scores.cost[i] == pytest.approx(J, rel=1e-4)
        assert scores.effort[i] == pytest.approx(dt * (u**2).sum(), rel=1e-4)
        assert scores.peak_x[i] == pytest.approx(np.abs(x[:, 0]).max(), rel=1e-6)
        settle = trace.settling_time(GLOBAL.target, x=0.1, theta=0.05, dtheta=0.1)
        assert scores.settle[i] == pytest.approx(settle)


def test_a_row_has_what_the_design_names(table):
    row = table.to_dict()["rows"]["machine"]
    assert set(row) >= {
        "success", "settle_median", "settle_p95", "J_mean", "effort", "peak_x",
        "step_us", "difference",
    }  # fmt: skip
    assert set(row["success"]) == {"value", "low", "high"}
    apart = row["difference"]
    base = table.to_dict()["rows"]["lqr"]
    assert apart["value"] == pytest.approx(row["J_mean"] - base["J_mean"])
    assert apart["low"] <= apart["value"] <= apart["high"]
    assert base["difference"] is None
    assert "machine" in str(table) and "never" in str(table)


def test_json_is_the_same_bytes_twice(table, tmp_path):
    again = hc.compare(table.task, table.controllers, n=64, seed=3, against="lqr")
    paths = [t.to_json(tmp_path / f"{i}.json") for i, t in enumerate((table, again))]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert json.loads(paths[0].read_text(encoding="utf-8"))["seed"] == 3


def test_pairs_meet_the_same_starts(table):
    worst = table.worst("lqr", k=2)
    assert worst[0].cost >= worst[1].cost == sorted(table.scores["lqr"].cost)[-2]
    other = table.episode("machine", worst[0].index)
    np.testing.assert_array_equal(worst[0].x0, other.x0)


def test_episodes_that_are_none_get_a_sentence(table):
    for k in (0, "2", 1.5):
        with pytest.raises(ValueError, match=f"k={k!r} must be a whole number above 0"):
            table.worst("lqr", k)
    machine = table.controllers["machine"]
    with pytest.raises(ValueError, match=r"episode -1 is none: they are counted 0"):
        hc.contests.replay(table.task, machine, 3, -1)
    for index in (-1, 64, 0.5):
        with pytest.raises(ValueError, match=f"no episode {index}; give .* to 63"):
            table.episode("machine", index)


def test_timing_only_where_asked(table):
    assert table.to_dict()["rows"]["lqr"]["step_us"] is None
    timed = hc.compare(TASK, {"lqr": hc.reference("lqr", TASK)}, n=4, timing=True)
    assert timed.to_dict()["rows"]["lqr"]["step_us"] > 0


NONE = {"a": hc.Constant([0.0])}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hc.compare(TASK, {}), "no controllers"),
        (lambda: hc.compare(TASK, hc.Constant([0.0])), "by name"),
        (
            lambda: hc.compare(TASK, {"a": hc.Constant([0.0])}, against="b"),
            "unknown controller 'b'; choose one of: a",
        ),
        (lambda: hc.compare(TASK, {"a": hc.Constant([0.0])}, n=0), "n=0"),
        (lambda: hc.compare(TASK, NONE, n=True), "n=True must be a whole number"),
        (lambda: hc.compare(TASK, NONE, n="2"), "n='2' must be a whole number"),
        (lambda: hc.compare_over(TASK, NONE, L=[1], n=2.5), "n=2.5 must be a whole"),
        *(
            (lambda f=f, seed=seed: f(TASK, NONE, n=2, seed=seed), f"seed={seed} must")
            for f in (
                hc.compare,
                lambda *args, **options: hc.compare_over(*args, L=[1], **options),
                lambda task, one, **options: hc.evaluate(task, one["a"], **options),
            )
            for seed in (None, -1, 2**32)
        ),
        (lambda: hc.contests.replay(TASK, NONE["a"], -1, 0), "seed=-1 must be"),
        (lambda: hc.contests.replay(TASK, NONE["a"], 0, -1), "episode -1 is none"),
        (lambda: hc.evaluate("swingup", hc.Constant([0.0])), "expected a Task"),
        (
            lambda: hc.evaluate(
                TASK, hc.lqr(TASK.plant, TASK.target, [1] * 4, 1, 0.01)
            ),
            "dt=0.02 but this StateFeedback was designed for dt=0.01",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_unwritable_json_is_a_sentence(table, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="cannot write"):
        table.to_json(tmp_path / "file" / "table.json")


def test_what_a_task_asks_for_comes_first():
    """A pole that stands but sways is a success where it must only not fall."""
    short = hc.tasks.get("balance", seconds=0.2)
    swings = dataclasses.replace(short, reward="cost")
    lqr = hc.reference("lqr", short)
    for task, first in ((short, "survived"), (swings, "settled")):
        table = hc.compare(task, {"lqr": lqr}, n=32)
        row = table.row("lqr")
        assert row["survived"]["value"] == 1.0 and 0 < row["settled"]["value"] < 1
        assert row["success"] == row[first] and table.to_dict()["criterion"] == first
        heads = str(table).splitlines()[2].split()
        assert heads[1:3] == [first, "%"], heads
        told = " ".join(str(table).split())
        assert f"{first} %: share " in told and "; what this task asks for." in told


def test_a_rate_of_several_seeds_knows_no_more_than_its_episodes_tell():
    met = np.ones((5, 4096), bool)
    one, five = rate(met[:1]), rate(met)
    assert five == one and 0.999 < one["low"] < 0.9995 and one["high"] == 1.0
    met[:2] = False  # seeds that fail tell of seeds
    assert rate(met)["low"] < 0.1 and rate(met)["high"] == 1.0
