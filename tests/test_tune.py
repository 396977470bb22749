"""Tuning: finds what is better, says what it found, keeps the start otherwise."""

import dataclasses

import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.contests.parameters import setter
from hybridctl.tasks.evaluate import evaluate_all

TASK = hc.tasks.get("balance", seconds=2.0)
RANGES = {"p": (5.0, 100.0, 20.0), "d": (0.1, 50.0, 0.2)}


def pd(values):
    gains = [[0.0, values["p"], 0.0, values["d"]]]
    return hc.StateFeedback(gains, TASK.target.x, [0.0], limit=10.0)


def search(seed=1, **options):
    return hc.tune(
        TASK, pd, RANGES, 40, episodes=16, population=10, seed=seed, progress=False,
        **options,
    )  # fmt: skip


def test_a_bad_start_gets_better_and_the_gain_is_measured():
    found = search()
    assert found.gain and found.score < 0.9 * found.start
    again = hc.evaluate(TASK, found.controller, 64, 1 + 0xF1)
    np.testing.assert_allclose(again.cost.mean(), found.score, rtol=1e-5)
    np.testing.assert_array_equal(found.controller.K, pd(found.values).K)
    assert found.tried == 40 and len(found.history) == 4
    assert list(found.history) == sorted(found.history, reverse=True)
    assert "40 controllers tried" in str(found) and "gain" in found.to_dict()


def test_the_same_seed_finds_the_same():
    one, two = search(seed=3), search(seed=3)
    assert one.to_dict() == two.to_dict()


def test_a_start_that_nothing_beats_is_kept():
    """An objective that punishes every change."""
    best = {"p": (5.0, 100.0, 40.0), "d": (0.1, 50.0, 12.0)}
    found = hc.tune(
        TASK, pd, best, 20, episodes=8, population=10, progress=False,
        objective=lambda scores: np.zeros(len(scores.cost)),
    )  # fmt: skip
    assert found.values == {"p": 40.0, "d": pytest.approx(12.0)} and not found.gain


def test_places_of_a_composed_controller():
    machine = hc.reference("machine", zoo.task("global"))
    build, own = setter(machine, ("modes[0].pump", "modes[0].plant.m_p"))
    assert own["modes[0].pump"] == float(machine.modes[0].pump)
    changed = build({"modes[0].pump": 7.0, "modes[0].plant.m_p": 0.2})
    assert float(changed.modes[0].pump) == 7.0
    assert float(changed.modes[0].plant.m_p) == 0.2
    assert changed.names == machine.names and float(machine.modes[0].pump) != 7.0
    lqr = hc.reference("lqr", TASK)
    assert setter(lqr, ("K[0,1]",))[1] == {"K[0,1]": float(lqr.K[0, 1])}
    with pytest.raises(ValueError, match=r"no place k here; there are"):
        setter(lqr, ("k",))
    for name in ("K[0,4]", "K[0,1,2]"):
        with pytest.raises(ValueError, match=r"outside of an array of shape \(1, 4\)"):
            setter(lqr, (name,))
    with pytest.raises(ValueError, match=r"K is no single number; name an entry"):
        setter(lqr, ("K",))
    with pytest.raises(ValueError, match="1 is no name of a place; give a text"):
        setter(lqr, (1,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"limit names \d+ places; be more exact"):
        setter(machine, ("limit",))


def test_all_at_once_is_one_by_one():
    """Controllers that differ in numbers are batched; others take turns."""
    few = [pd({"p": p, "d": 10.0}) for p in (20.0, 40.0, 80.0)]
    for group in (few, [*few, hc.Constant([0.0])]):
        together = evaluate_all(TASK, group, 8, 5)
        alone = [hc.evaluate(TASK, c, 8, 5) for c in group]
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a.cost, b.cost, rtol=1e-5)


def test_cost_counts_from_a_time_on():
    late = dataclasses.replace(TASK, cost_after=1.0)
    lqr = hc.reference("lqr", TASK)
    whole, half = (hc.evaluate(t, lqr, 8).cost for t in (TASK, late))
    assert (half < 0.5 * whole).all() and (half > 0).all()
    with pytest.raises(ValueError, match=r"cost_after=2.0 leaves nothing of 2.0 s"):
        dataclasses.replace(TASK, cost_after=2.0)


def test_bad_requests():
    with pytest.raises(ValueError, match=r"p=\(2.0, 1.0\): expected \(low, high\)"):
        hc.tune(TASK, pd, {"p": (2.0, 1.0)}, 20, population=10)
    with pytest.raises(ValueError, match="budget=10 gives less than two rounds"):
        hc.tune(TASK, pd, RANGES, 10, population=10)
    with pytest.raises(ValueError, match="p starts at 9, outside of 1 to 2"):
        hc.tune(TASK, pd, {"p": (1.0, 2.0, 9.0)}, 20, population=10)
    with pytest.raises(ValueError, match="no parameters to tune; name at least one"):
        hc.tune(TASK, pd, {}, 20, population=10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": None}, "seed=None must be a whole number from 0"),
        ({"seed": -1}, "seed=-1 must be a whole number from 0"),
        ({"seed": 2**32}, "seed=4294967296 must be a whole number from 0"),
        ({"episodes": 2.5}, "episodes=2.5 must be a whole number"),
        ({"budget": "10"}, "budget='10' must be a whole number"),
        ({"population": 5.0}, "population=5.0 must be a whole number"),
        ({"objective": None}, "objective=None is no function of Scores"),
        (
            {"objective": lambda s: s.cost.mean()},
            r"shape \(\) for 2 episodes, .* \[2\]",
        ),
        ({"objective": lambda s: s.cost[:1]}, r"shape \(1,\) for 2 episodes"),
        ({"parameters": ["p"]}, "parameters is a list; expected a dict"),
        ({"parameters": {"p": "ab"}}, r"p=ab: expected \(low, high\)"),
        ({"parameters": {"p": {}}}, r"p={}: expected \(low, high\)"),
    ],
)
def test_what_is_no_request_gets_a_sentence(options, message):
    usual = {"parameters": RANGES, "budget": 10, "episodes": 2, "population": 5}
    with pytest.raises(ValueError, match=message):
        hc.tune(TASK, pd, **(usual | options), progress=False)
