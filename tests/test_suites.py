"""Suites: what is kept, what is found again, and what the numbers say."""

import dataclasses
import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from browser import CHROMIUM, browse
from rich.console import Console
from scipy import stats

import hybridctl as hc
import hybridctl.learn
from hybridctl import cli, suites
from hybridctl.cli.suite import suite_of
from hybridctl.contests.ranking import Met, contest, eligible, verdict
from hybridctl.contests.statistics import (
    crossed_mean,
    holm,
    interquartile,
    interquartile_mean,
)
from hybridctl.scale.keys import key_of
from hybridctl.show.report.films import film
from hybridctl.suites.shelf import Shelf
from hybridctl.suites.work import scorings, trainings

SHORT = {"seconds": 1.0}
HALF = suites.Column("reference", "half", fits=lambda task: False)


def tiny(**changes) -> suites.Suite:
    """Two seeds of a residual that hardly trains, beside LQR and machine."""
    task = hc.tasks.get("balance", **SHORT)
    box = hc.tasks.Box.around([0, np.pi, 0, 0], 0.08)
    away = hc.tasks.get("balance", start=box, **SHORT)
    size = {"steps": 4096, "num_evals": 2, "num_eval_envs": 8, "target": float("inf")}
    settings = {"": {"config": "balance", "progress": False, **size}}
    columns = {
        "lqr": suites.Column("reference", "LQR"),
        "machine": suites.Column("reference", "machine", episodes=8),
        "residual": suites.Column("template", "residual", settings),
    }
    entries = {
        "near": suites.Entry("T1", task),
        "far": suites.Entry("T2", away, like="near"),
    }
    known = {"against": "lqr", "n": 32, "seeds": 2}
    return suites.Suite("tiny", entries, columns, **(known | changes))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    return suites.run(tiny(), folder, jobs=1, progress=False)


def test_every_cell_is_there_and_equals_evaluate(found):
    rows = found.to_dict()["tasks"]["near"]["rows"]
    assert list(rows) == ["lqr", "machine", "residual"]
    task = found.suite.entries["near"].task
    alone = hc.evaluate(task, hc.reference("lqr", task), n=32, seed=0)
    assert np.array_equal(found.scores["near", "lqr"].cost[0], alone.cost)
    controller = found.runs("near", "residual")[1].controller
    again = hc.evaluate(task, controller, n=32, seed=0)
    assert np.array_equal(found.scores["near", "residual"].cost[1], again.cost)
    assert rows["residual"]["decisions"] == [4096, 4096]


def test_a_second_run_does_nothing_and_gives_the_same_bytes(
    found, tmp_path, monkeypatch
):
    first = found.to_json(tmp_path / "a.json").read_bytes()
    for kind in (suites.work.Training, suites.work.Scoring):
        monkeypatch.setattr(kind, "run", lambda job, folder: pytest.fail(str(job)))
    again = suites.run(tiny(), found.shelf.folder, jobs=2, progress=False)
    assert again.to_json(tmp_path / "b.json").read_bytes() == first


@pytest.mark.slow
def test_what_is_lost_is_done_again_and_nothing_else(found, tmp_path):
    suite = tiny()
    before = found.to_json(tmp_path / "a.json").read_bytes()
    lost = trainings(suite)[1]
    folder = found.shelf.trained(lost.key).path
    for file in folder.iterdir():
        file.unlink()
    for job in scorings(suite):
        if lost.key in job.trainings:
            (found.shelf.folder / "scores" / f"{job.key}.safetensors").unlink()
    missing = [job for job in trainings(suite) if not job.done(found.shelf)]
    assert missing == [lost]
    again = suites.run(suite, found.shelf.folder, jobs=1, progress=False)
    assert again.to_json(tmp_path / "b.json").read_bytes() == before


def test_a_slow_column_is_compared_on_the_episodes_that_it_met(found):
    row = found.rows["near"]["machine"]
    machine, lqr = (found.scores["near", name].cost[0] for name in ("machine", "lqr"))
    assert row["n"] == len(machine) == 8
    assert row["difference"]["value"] == pytest.approx((machine - lqr[:8]).mean())


def test_a_slow_reference_is_compared_with_on_the_episodes_that_it_met(found):
    slow = suites.Result(tiny(against="machine"), found.shelf)
    lqr, machine = (found.scores["near", name].cost for name in ("lqr", "machine"))
    gap = slow.rows["near"]["lqr"]["difference"]
    assert gap["value"] == pytest.approx((lqr[:, :8] - machine).mean())
    assert slow.rows["near"]["lqr"]["n"] == 32 and slow.table("near").n == 32
    console = Console(width=80)
    with console.capture() as shown:
        console.print(slow.sheet("near"))
    assert "on the first 8 episodes, those that machine met" in shown.get()
    assert json.dumps(slow.to_dict(), allow_nan=False)
    assert suites.get("cartpole", against="mpc").against == "mpc"


def test_pictures_and_words(found, tmp_path):
    page = hc.show.suite_report(found, tmp_path, command="hybridctl").read_text(
        encoding="utf-8"
    )
    assert "http" not in page.replace("http-equiv", "")
    assert found.verdict in page.replace("&#39;", "'")
    assert all(f'id="s{i}"' in page for i in (1, 2))
    assert set(found.contests) == {"near", "far"}
    for title, told in found.contests.items():
        words = {"beats": "beats", "loses": "loses to", "open": "is not told from"}
        assert words[told["verdict"]] in found.sentence(title)
        assert title in found.verdict


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium to open the page")
def test_the_page_asks_for_nothing_films_included(found, tmp_path):
    films = {"near": film(found.table("near"), ["lqr", "machine"], seconds=0.2)}
    page = hc.show.suite_report(found, tmp_path / "page.html", films=films)
    assert "data:video/mp4" in page.read_text(
        encoding="utf-8"
    ) or "data:image/gif" in page.read_text(encoding="utf-8")
    assert browse(page, tmp_path / "profile") == []


def test_a_training_that_was_interrupted_is_not_over(tmp_path, monkeypatch):
    job, stopped = trainings(tiny())[0], SimpleNamespace(stopped="interrupted")
    monkeypatch.setattr(hybridctl.learn, "train", lambda *args, **options: stopped)
    with pytest.raises(KeyboardInterrupt):
        job.run(tmp_path)
    assert not job.done(Shelf(tmp_path))


def test_a_damaged_file_is_named(found, tmp_path):
    shelf = Shelf(tmp_path)
    job = scorings(tiny())[0]
    path = tmp_path / "scores" / f"{job.key}.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"no safetensors")
    with pytest.raises(ValueError, match="is damaged"):
        shelf.scores(job.key)


def test_keys_know_what_counts():
    task = hc.tasks.get("balance")
    base = key_of(task, {"steps": 1}, 0)
    assert base == key_of(hc.tasks.get("balance"), {"steps": 1}, 0)
    others = [
        key_of(hc.tasks.get("balance", seconds=5.0), {"steps": 1}, 0),
        key_of(hc.tasks.get("balance", plant=hc.CartPole(m_p=0.2)), {"steps": 1}, 0),
        key_of(task, {"steps": 2}, 0),
        key_of(task, {"steps": 1}, 1),
    ]
    assert len({base, *others}) == 5
    with jax.enable_x64(True):
        assert key_of(task, {"steps": 1}, 0) != base
    with pytest.raises(ValueError, match="give a name to a function"):
        key_of(lambda: 0)


def test_one_episode_is_enough_only_where_all_are_the_same():
    task = hc.tasks.get("swingup")
    anywhere = hc.tasks.Box.around(np.zeros(4), 1.0)
    mostly = hc.tasks.Either(task.start, anywhere, 0.99)
    late = dataclasses.replace(task.loop, jitter=0.1)
    assert suites.Entry("T1", task).one_start
    for change in ({"start": mostly}, {"loop": late}):
        assert not suites.Entry("T1", dataclasses.replace(task, **change)).one_start


def test_the_cartpole_suite_has_the_tasks_b1_to_b8_with_those_names():
    suite = suites.get("cartpole")
    numbers = {t: e.number for t, e in suite.entries.items() if t in hc.tasks.names()}
    assert list(numbers.values()) == [f"B{i}" for i in range(1, 9)]
    assert tuple(numbers) == hc.tasks.names()
    columns = {name for title, name in suite.cells() if title == "noisy"}
    assert columns == set(suite.columns)
    assert {"ekf_machine", "mpc"} <= columns and suite.seeds >= 5
    assert (
        suite.episodes("swingup", "mpc") == 1
        and suite.episodes("global", "lqr") == 4096
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"against": "nobody"}, "column"),
        ({"n": 0}, "n=0"),
        ({"n": 1.5}, "n=1.5 must be a whole number"),
        ({"seed": -1}, "seed=-1 must be a whole number"),
        (
            {"against": "half", "columns": {"half": HALF}},
            "does not stand on near",
        ),
        ({"entries": {"a": suites.Entry("1", None, like="b")}}, "like"),  # type: ignore
        ({"columns": {"lqr": dataclasses.replace(HALF, teacher="no")}}, "teacher of"),
        ({"columns": {"lqr": dataclasses.replace(HALF, teacher="lqr")}}, "not trained"),
    ],
)
def test_a_wrong_suite_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(tiny(), **change)


def test_a_fit_comes_with_its_teacher_of_the_same_seed():
    suite = suites.get("cartpole", seeds=2).only(("swingup",), ("fit",))
    assert set(suite.columns) == {"fit", "hybrid", "machine"}
    hybrid, fit = (
        {job.seed: job for job in trainings(suite) if job.name == name}
        for name in ("hybrid", "fit")
    )
    assert [fit[seed].teacher for seed in (0, 1)] == [hybrid[0].key, hybrid[1].key]
    assert not suites.get("cartpole").fits("unknown_plant", "fit")


@pytest.mark.slow
def test_a_fit_follows_the_value_that_its_teacher_learned(tmp_path):
    short = {"progress": False, "steps": 40_960, "num_evals": 2, "num_eval_envs": 8}
    columns = {
        "lqr": suites.Column("reference", "LQR"),
        "hybrid": suites.Column("template", "value", {"": {"config": "hjb", **short}}),
        "fit": suites.Column(
            "template", "fit", {"": {"progress": False, "steps": 0, "hidden": (8, 8)}},
            template="hybrid", teacher="hybrid",
        ),
    }  # fmt: skip
    entries = {"global": suites.Entry("T1", hc.tasks.get("global", **SHORT))}
    suite = suites.Suite("taught", entries, columns, against="lqr", n=8, seeds=1)
    found = suites.run(suite, tmp_path, jobs=1, progress=False)
    (run,) = found.runs("global", "fit")
    assert run.taught is not None and np.isfinite(run.taught.error)
    assert found.rows["global"]["fit"]["decisions"] == [0]
    columns["fit"] = dataclasses.replace(columns["fit"], teacher="ppo")
    columns["ppo"] = suites.Column("template", "PPO", {"": {**short, "steps": 4096}})
    with pytest.raises(Exception, match="has learned no value"):
        suites.run(
            dataclasses.replace(suite, columns=columns), tmp_path, 1, progress=False
        )


def test_the_command_line_makes_parts_of_a_suite(tmp_path):
    command = cli.Compare(
        suite="cartpole", tasks=("swingup",), controllers=("ppo",), n=64
    )
    suite = suite_of(command, frozenset({"tasks", "controllers", "n"}))
    assert set(suite.entries) == {"swingup", "global"} and suite.n == 64
    assert set(suite.columns) == {"ppo", "machine"}
    path = hc.save(tmp_path / "mine", hc.Constant([1.0]))
    command = cli.Compare(suite="cartpole", controllers=(str(path),))
    assert "mine" in suite_of(command, frozenset({"controllers"})).columns


def test_a_job_that_fails_is_named(tmp_path):
    class Broken(hc.Controller):
        def init(self, tick):
            return None

        def step(self, state, tick):
            raise RuntimeError("no way")

    suite = tiny(seeds=1).plus({"broken": Broken()})
    with pytest.raises(ValueError, match=r"^score broken on near: .*no way"):
        suites.run(suite, tmp_path, jobs=1, progress=False)
    assert not list(tmp_path.iterdir())  # nothing was trained


# ------------------------------------------------------------------------ statistics


def test_one_seed_is_students_t():
    values = np.random.default_rng(0).normal(0.3, 1.0, (1, 20))
    known = stats.ttest_1samp(values[0], 0.0)
    mean = crossed_mean(values)
    assert mean.p == pytest.approx(known.pvalue)
    interval = known.confidence_interval(0.95)
    assert (mean.low, mean.high) == pytest.approx((interval.low, interval.high))


def test_the_crossed_interval_covers_at_its_level():
    """Seeds and episodes both vary; looking at episodes alone misses most often."""
    rng = np.random.default_rng(1)
    hits, naive, trials = 0, 0, 1000
    for _ in range(trials):
        seeds, episodes = rng.normal(0, 1.0, (5, 1)), rng.normal(0, 3.0, (1, 40))
        values = seeds + episodes + rng.normal(0, 1.0, (5, 40))
        mean = crossed_mean(values)
        hits += mean.low <= 0 <= mean.high
        error = values.mean(0).std(ddof=1) / np.sqrt(40)
        naive += abs(values.mean()) <= 1.96 * error
    assert 0.93 <= hits / trials <= 0.985
    assert naive / trials < 0.9


@pytest.mark.slow
def test_the_luckiest_of_many_does_not_beat_its_equals():
    """Picked and tested on the same episodes, the best of eight beats one too often."""
    rng = np.random.default_rng(4)
    fair, naive, trials = 0, 0, 150
    for _ in range(trials):
        costs = {name: rng.normal(50, 5, (1, 64)) for name in "abcdefghi"}
        met = {name: Met(cost > 0, cost) for name, cost in costs.items()}
        told = contest(met, "abcdefgh", against="i")
        assert told
        fair += verdict(told, told["p"]) == "beats"
        gaps = [crossed_mean(costs[name] - costs["i"]) for name in "abcdefgh"]
        naive += min(gaps, key=lambda gap: gap.value).high < 0
    assert fair / trials < 0.06 and naive / trials > 0.1


def test_holm_is_the_published_method():
    rng = np.random.default_rng(2)
    for _ in range(20):
        p = rng.uniform(size=6)
        order = np.argsort(p)
        steps = np.minimum(1, (6 - np.arange(6)) * p[order])
        known = np.empty(6)
        known[order] = np.maximum.accumulate(steps)
        found = holm({str(i): float(v) for i, v in enumerate(p)})
        assert list(found.values()) == pytest.approx(known.tolist())


def test_the_interquartile_mean_is_scipys_trimmed_mean_and_forgets_outliers():
    values = np.random.default_rng(3).normal(size=40)
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25))
    seeds = np.array([[1.0], [1.1], [0.9], [1.05], [50.0]])
    mean = interquartile(seeds, seed=0)
    assert mean.value < 1.1 and mean.low <= mean.value <= mean.high


def test_a_contest_is_decided_by_success_before_cost(found):
    rows = {
        "a": {"success": {"value": 1.0, "low": 0.98, "high": 1.0}},
        "b": {"success": {"value": 0.5, "low": 0.4, "high": 0.6}},
        "c": {"success": {"value": 0.97, "low": 0.95, "high": 0.99}},
    }
    assert eligible(rows) == ["a", "c"]
    told = found.contests["near"]
    assert told["learned"] == "residual" and told["halved"]
    assert "picked on one half of the episodes and tested" in found.verdict
    both = (found.scores["near", told[side]].cost for side in ("learned", "classical"))
    mine, theirs = (cost[:, 1::2][:, : told["episodes"]] for cost in both)
    assert told["value"] == pytest.approx((mine - theirs).mean())
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert jax.tree.all(jax.tree.map(np.isfinite, told["value"]))
