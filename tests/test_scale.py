"""More than one process: the same bits, whoever works, and whoever is lost."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import hybridctl as hc
from hybridctl import files
from hybridctl.cache import cores
from hybridctl.contests.sums import Sums, sum_up, unit_of
from hybridctl.scale import Workers
from hybridctl.scale.engines import executor_of
from hybridctl.scale.shard import Stamp, packed, work
from hybridctl.tasks.evaluate import episode_keys
from hybridctl.tasks.spans import spans

ROOT = Path(__file__).parent.parent
TASK = hc.tasks.get("balance", seconds=0.4)
KNOWN = {"lqr": hc.reference("lqr", TASK), "none": hc.Constant([0.0])}
N = 2500  # two shards a controller


def double(shared, part):
    return {"value": np.asarray(shared * part)}


def perish(shared, part):
    """As `double`; whoever comes first to a part that is marked dies of it."""
    mark = Path(shared) / str(part)
    if mark.exists():
        mark.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return double(1, part)


def stall(shared, part):
    (Path(shared) / f"{os.getpid()}.pid").touch()
    time.sleep(3600)


def refuse(shared, part):
    raise ValueError("not like this")


def fail_often(shared, part):
    raise MemoryError("no room")


def threads(shared, part):
    return {"value": np.asarray(int(os.environ["NPROC"]))}


def _say_nothing_of_threads(monkeypatch):
    for name in ("OMP_NUM_THREADS", "NPROC"):
        monkeypatch.delenv(name, raising=False)


def doubled(team, parts=range(5)):
    with team:
        return [int(row["value"]) for row in team.map(double, 2, parts)]


def same_scores(a, b):
    return all(map(np.array_equal, a, b))


# ------------------------------------------------------------------------- the shards


def test_spans_cover_every_episode_once_in_one_shape():
    for n in (1, 2047, 2048, 2049, 5000, 100_001):
        found = spans(n)
        numbers = [i for s in found for i in range(s.first, s.first + s.count)]
        assert numbers == list(range(n))
        assert len({s.lanes for s in found}) == 1 and found[0].lanes <= 2048
        assert found[0].lanes * len(found) - n < len(found)


def test_keys_depend_on_the_number_of_an_episode_alone():
    keys = np.asarray(episode_keys(3, 10))
    np.testing.assert_array_equal(keys[4:7], episode_keys(3, 3, 4))
    far = [np.asarray(episode_keys(3, 2, i)).tolist() for i in (0, 2**31, 2**32, 2**33)]
    assert len({str(row) for row in far}) == 4


def test_sums_in_parts_are_sums_of_all():
    """What is kept of many episodes says what the episodes themselves say."""
    whole = hc.compare(TASK, KNOWN, n=N)
    sums = sum_up(TASK, KNOWN, N, 0, "lqr", Workers())
    halves = [
        Sums.of(TASK, *_cut(whole.scores, a, b), a) for a, b in ((0, 99), (99, N))
    ]
    row, told = (halves[0] + halves[1]).row(TASK.loop.dt), whole.row("none")
    known = sums["none"].row(TASK.loop.dt)
    assert {*row} == {*known} == {*told} - {"step_us"}
    for name in row:
        expected = told[name] and pytest.approx(told[name], rel=1e-12)
        assert row[name] == expected and known[name] == expected
    order = np.argsort(-whole.scores["none"].cost, kind="stable")[:16]
    np.testing.assert_array_equal(sums["none"].worst, order)


def _cut(scores, a, b):
    part = lambda s: jax.tree.map(lambda v: v[a:b], s)  # noqa: E731
    return part(scores["none"]), part(scores["lqr"])


def test_a_table_of_many_episodes_keeps_none_of_them(monkeypatch):
    kept = hc.compare(TASK, KNOWN, n=N)
    monkeypatch.setattr(sys.modules["hybridctl.contests.compare"], "LIMIT", 1000)
    table = hc.compare(TASK, KNOWN, n=N)
    assert str(table) == str(kept)
    worst, same = table.worst("lqr", 2), kept.worst("lqr", 2)
    assert [(e.index, e.cost) for e in worst] == [(e.index, e.cost) for e in same]
    free = dataclasses.replace(TASK, failure_cost=0.0)
    sums = Sums.of(free, kept.scores["lqr"], kept.scores["lqr"], 0)
    exact = kept.quantile("lqr", 0.9)
    assert sums.cost_quantile(0.9, unit_of(free)) == pytest.approx(exact, rel=0.005)
    assert table.quantile("lqr", 0.9) == pytest.approx(exact, rel=0.005)
    with pytest.raises(ValueError, match="summed up, not kept"):
        table.scores["lqr"]


# ------------------------------------------------------------------------ who may work


@pytest.mark.parametrize("on", [0, -1, 1.5, True, "cloud", "local:0", object()])
def test_nobody_who_could_work_is_refused(on):
    with pytest.raises(ValueError, match="expected None, a number of processes"):
        hc.evaluate(TASK, KNOWN["lqr"], n=4, on=on)


def test_any_executor_will_do():
    alone = hc.evaluate(TASK, KNOWN["lqr"], n=N)
    with ThreadPoolExecutor(3) as threads:
        assert same_scores(hc.evaluate(TASK, KNOWN["lqr"], n=N, on=threads), alone)
    assert executor_of(threads) == (threads, False)


def test_results_come_in_the_order_of_the_parts():
    class Backwards:
        """Answers the last call first."""

        def __init__(self):
            self.calls = []

        def submit(self, fn, *args):
            future = Future()
            self.calls.append((future, fn, args))
            if len(self.calls) == 5:
                for future_, fn_, args_ in reversed(self.calls):
                    future_.set_result(fn_(*args_))
            return future

    assert doubled(Workers(Backwards())) == [0, 2, 4, 6, 8]


def test_another_version_is_refused():
    head, own = packed(double, 2), Stamp.own()
    assert work(own, False, head, 3)[0]["value"] == 6
    value, failure = work(own._replace(jax="0.1", exact=None), False, head, 3)
    assert value is None and not failure.again
    assert failure.told.startswith(f"a worker has jax {jax.__version__} instead of 0.1")

    class Older(ThreadPoolExecutor):
        def submit(self, fn, stamp, *args):
            return super().submit(fn, stamp._replace(hybridctl="0.0"), *args)

    with Older(1) as older, pytest.raises(ValueError, match=r"hybridctl .* instead"):
        doubled(Workers(older))


def test_what_cannot_travel_is_said_at_once():
    with ThreadPoolExecutor(1) as one, Workers(one) as team:
        with pytest.raises(ValueError, match="cannot be sent to another process"):
            list(team.map(double, threading.Lock(), [1]))


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (refuse, r"^shard 1 of 2: ValueError: not like this"),
        (fail_often, r"^shard 1 of 2 was tried 3 times: MemoryError: no room"),
    ],
)
def test_a_shard_that_fails_is_named(job, told):
    with ThreadPoolExecutor(1) as one, Workers(one) as team:
        with pytest.raises(ValueError, match=told):
            list(team.map(job, None, [1, 2]))


def test_a_cluster_that_loses_workers_counts_every_shard_once():
    from benchmarks.lib.cluster import World, simulated

    found = simulated(World(20, [10.0, 12.0], 1.0, overhead=1e-3, life=1000.0), 2000)
    assert found.whole and found.lost > 0
    assert 0.5 < found.worked / found.seconds / 20 < 1.0


# ----------------------------------------------------------------------- what is kept


def test_what_is_kept_is_not_done_again(tmp_path, monkeypatch):
    first = hc.evaluate(TASK, KNOWN["lqr"], n=N, on=Workers(keep=tmp_path))
    assert len(list(tmp_path.iterdir())) == 2
    with monkeypatch.context() as patch:
        name = "hybridctl.tasks.evaluate"
        patch.setattr(sys.modules[name], "score_span", lambda *a: pytest.fail("again"))
        again = hc.evaluate(TASK, KNOWN["lqr"], n=N, on=Workers(keep=tmp_path))
    assert same_scores(first, again)
    next(tmp_path.iterdir()).write_bytes(b"cut short")
    assert same_scores(
        hc.evaluate(TASK, KNOWN["lqr"], n=N, on=Workers(keep=tmp_path)), first
    )


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot write to .*file: .*another place"):
        doubled(Workers(keep=tmp_path / "file"))
    with pytest.raises(ValueError, match="retries='2' must be a whole number"):
        Workers(retries="2")  # type: ignore[arg-type]


OWN = """
import hybridctl as hc
import pack.inner
from helper import drag

GAIN = {"a": 1.0}

class Slow:
    def __init__(self, c):
        self.c = c

    def __call__(self, x):
        return self.c * x

SLOW = Slow(0.3)

class Rig(hc.Pendulum):
    factor = 2.0

    def ode(self, t, x, u):
        inner = lambda v: 3.0 * v
        return inner(super().ode(t, x, u)) * self.factor * GAIN["a"] + drag(
            pack.inner.lean(x)
        ) + SLOW(x)

def falls(t, x, u):
    return x[::-1] + {1.0, 2.0, 3.0}.pop() * 0
"""
HELPER = "def drag(x):\n    return 0.1 * x\n"
INNER = "def lean(x):\n    return 0.5 * x\n"
TELL = """
import own
import hybridctl as hc
from hybridctl.scale.keys import key_of
made = hc.Plant.from_function(own.falls, states=["a", "b"], inputs=["u"])
print(key_of(own.Rig()), key_of(made))
"""


def keys_of_own(folder, monkeypatch, own=OWN, helper=HELPER, inner=INNER):
    """Keys of a plant of the user's, and of one made of a function."""
    (folder / "pack").mkdir(parents=True)
    (folder / "own.py").write_text(own, encoding="utf-8")
    (folder / "helper.py").write_text(helper, encoding="utf-8")
    (folder / "pack" / "inner.py").write_text(inner, encoding="utf-8")
    for name in ("own", "helper", "pack", "pack.inner"):
        sys.modules.pop(name, None)
    told = []
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder)
        exec(TELL, {"print": lambda *keys: told.extend(keys)})
    return told


def test_what_is_kept_is_of_the_code_that_users_have_now(tmp_path, monkeypatch):
    changes = (
        {},
        {"own": f"# moved\n{OWN}"},
        {"own": OWN.replace("3.0 * v", "30.0 * v").replace("[::-1]", "[::1]")},
        {"own": OWN.replace("factor = 2.0", "factor = 4.0")},
        {"own": OWN.replace('"a": 1.0', '"a": 5.0')},
        {"helper": HELPER.replace("0.1", "0.7")},
        {"inner": INNER.replace("0.5", "0.8")},
        {"own": OWN.replace("Slow(0.3)", "Slow(0.4)")},
        {"own": OWN.replace("self.c * x", "self.c + x")},
    )
    told = [
        keys_of_own(tmp_path / str(i), monkeypatch, **change)
        for i, change in enumerate(changes)
    ]
    rigs, functions = zip(*told, strict=True)
    assert rigs[0] == rigs[1] and len(set(rigs)) == 8
    assert len(set(functions)) == 2 and functions[2] != functions[0]
    paths = os.pathsep.join((str(tmp_path / "0"), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", TELL], capture_output=True, check=True,
        env=os.environ | {"PYTHONPATH": paths}, encoding="utf-8",
    )  # fmt: skip
    assert done.stdout.split() == told[0]


def test_a_full_disk_is_told_and_costs_nothing_that_was_kept(tmp_path, monkeypatch):
    write, room = files.write, [True, False]

    def full(path, data):
        if not room.pop(0):
            raise files.NotWritten(f"cannot write {path}: No space left on device")
        write(path, data)

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(OSError, match="No space left"):
        doubled(Workers(keep=tmp_path))
    room[:] = [True] * 4
    assert doubled(Workers(keep=tmp_path)) == [0, 2, 4, 6, 8] and not room


def test_xla_in_a_worker_takes_the_threads_that_openmp_has(monkeypatch):
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": "3"})
    value, failure = work(Stamp.own(), False, packed(threads, None), 0)
    assert failure is None and value["value"] == 3


# ---------------------------------------------------------------- processes, for real


@pytest.mark.slow
def test_processes_share_the_cores(monkeypatch):
    _say_nothing_of_threads(monkeypatch)
    share = max(cores() // 2, 1)
    with Workers(2) as team:
        rows = list(team.map(threads, None, range(2)))
    assert [int(row["value"]) for row in rows] == [share, share]


@pytest.mark.slow
def test_tables_are_the_same_in_other_processes():
    template = 1.0 * hc.Slot(1)
    few = {"num_evals": 2, "num_eval_envs": 8, "target": np.inf}

    def found(on):
        table = hc.compare(TASK, KNOWN, n=N, on=on)
        rows = [
            np.asarray(part).tobytes() for s in table.scores.values() for part in s[:9]
        ]
        runs = hc.train(
            TASK, template, seeds=2, steps=8192, progress=False, on=on, **few
        )
        numbers = [r.checkpoint.arrays for r in runs]
        return table.to_dict(), rows, [v.tobytes() for n in numbers for v in n.values()]

    assert found("local:3") == found(None)


@pytest.mark.slow
def test_a_lost_worker_costs_one_shard(tmp_path):
    for part in (1, 4):
        (tmp_path / str(part)).touch()
    with Workers(2) as team:
        found = [int(row["value"]) for row in team.map(perish, tmp_path, range(6))]
    assert found == list(range(6)) and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_worker_that_is_always_lost_is_told(tmp_path):
    with Workers(1, retries=0) as team:
        (tmp_path / "0").touch()
        with pytest.raises(ValueError, match=r"shard 1 of 1 .*: Lost: .* exit code -9"):
            list(team.map(perish, tmp_path, [0]))


SCRIPT = """
import sys
import hybridctl as hc
from hybridctl.scale import Workers
sys.path.insert(0, {tests!r})
from test_scale import KNOWN, TASK, stall
{body}
"""


@pytest.mark.slow
def test_workers_end_with_ctrl_c_and_with_their_driver(tmp_path):
    body = 'if __name__ == "__main__":\n    with Workers(2) as team:\n' + (
        f"        list(team.map(stall, {str(tmp_path)!r}, range(4)))"
    )
    for sign in (signal.SIGINT, signal.SIGKILL):
        driver = _script(tmp_path, body)
        pids = _until(lambda: [int(p.stem) for p in tmp_path.glob("*.pid")], 2)
        driver.send_signal(sign)
        driver.communicate(timeout=20)
        _until(lambda pids=pids: [p for p in pids if not _alive(p)], 2)
        for path in tmp_path.glob("*.pid"):
            path.unlink()


@pytest.mark.slow
def test_a_script_without_a_guard_gets_the_cure(tmp_path):
    driver = _script(tmp_path, "hc.compare(TASK, KNOWN, n=8, on=1)")
    assert 'if __name__ == "__main__"' in driver.communicate(timeout=60)[1]


def _script(folder, body):
    path = folder / "script.py"
    path.write_text(SCRIPT.format(tests=str(ROOT / "tests"), body=body), "utf-8")
    known = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, str(path)], env=known, encoding="utf-8", **pipes
    )


def _until(look, count):
    end = time.monotonic() + 60
    while len(found := look()) < count:
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def _alive(pid):
    try:
        told = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
def test_searches_are_the_same_whoever_works():
    lqr, up = KNOWN["lqr"], TASK.target.x

    def pd(v):
        return hc.StateFeedback([[0.0, v["p"], 0.0, v["d"]]], up, [0.0], limit=10.0)

    ranges = {"p": (5.0, 100.0), "d": (1.0, 50.0)}
    plant, loop = hc.CartPole(), hc.Loop(0.02, actuator=hc.Actuator(limit=10.0))
    size = {"episodes": 512, "population": 10, "progress": False}
    for search in (
        lambda on: hc.tune(TASK, pd, ranges, 20, **size, on=on),
        lambda on: hc.compare_over(TASK, {"lqr": lqr}, L=[0.5, 1.0, 8.0], n=16, on=on),
        lambda on: hc.falsify(TASK, lqr, budget=64, on=on),
        lambda on: hc.region_of_attraction(
            plant, lqr, loop, samples=3000, seconds=6, on=on
        ),
    ):
        with ThreadPoolExecutor(2) as two:
            assert search(None).to_dict() == search(two).to_dict()


@pytest.mark.slow
def test_trainings_are_the_same_whoever_works(tmp_path):
    task, template = hc.tasks.get("balance", seconds=2.0), 1.0 * hc.Slot(1)
    known = {"seeds": 2, "steps": 20_000, "progress": False}
    alone = hc.train(task, template, **known)
    with hc.RunFolders(tmp_path) as folders, ThreadPoolExecutor(2) as two:
        shared = hc.train(task, template, **known, on=two, on_validation=folders)
    for a, b in zip(alone, shared, strict=True):
        for one in (b, hc.RunFolder(tmp_path / f"seed-{b.seed}").load()):
            leaves = map(jax.tree.leaves, (a.controller, one.controller))
            assert all(map(np.array_equal, *leaves))
        assert [row["score"] for row in a.curve] == [row["score"] for row in b.curve]


def test_seeds_are_what_a_training_shares():
    with pytest.raises(ValueError, match="give seeds"):
        hc.train(TASK, 1.0 * hc.Slot(1), on=2)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ray", "dask"])
def test_a_cluster_gives_the_same_table(engine, monkeypatch):
    _say_nothing_of_threads(monkeypatch)
    pytest.importorskip("ray" if engine == "ray" else "distributed")
    alone = hc.compare(TASK, KNOWN, n=N)
    options = {"num_cpus": 1} if engine == "ray" else {"workers": 1}
    cluster = getattr(hc.scale, engine)(**options)

    def threads(shared, part):  # by value: a cluster does not know this module
        return {"value": np.asarray(int(os.environ["NPROC"]))}

    try:
        table = hc.compare(TASK, KNOWN, n=N, on=cluster)
        with Workers(cluster) as team:
            assert [int(row["value"]) for row in team.map(threads, None, [0])] == [1]
    finally:
        cluster.shutdown()
    assert table.to_dict() == alone.to_dict()


# ------------------------------------------------------------------ search of settings


def scored_at(best):
    """A training that would score best with some learning rate and few seeds."""

    def score(shared, part):
        own, seed = part
        gap = np.log10(own["learning_rate"] / best)
        return {"score": np.asarray(-(gap**2) - 0.01 * seed)}

    return score


def test_a_search_finds_settings_and_gives_up_the_worse(monkeypatch):
    name = "hybridctl.contests.search"
    hc.search  # noqa: B018
    monkeypatch.setattr(sys.modules[name], "_score_of", scored_at(1e-3))
    space = {"learning_rate": (1e-6, 1.0), "hidden": [(8,), (64,)]}
    found = [
        hc.search(TASK, 1.0 * hc.Slot(1), space, 30, progress=False, on=on)
        for on in (None, ThreadPoolExecutor(3))
    ]
    assert found[0].to_dict() == found[1].to_dict()
    assert abs(np.log10(found[0].settings["learning_rate"]) + 3) < 0.5
    given_up = [trial for trial in found[0].trials if trial.pruned]
    assert given_up and all(len(trial.scores) < 3 for trial in given_up)
    assert str(found[0]).startswith(f"30 settings, {len(given_up)} given up")


def test_a_training_that_was_interrupted_has_no_score(monkeypatch, tmp_path):
    hc.search  # noqa: B018
    stopped, space = SimpleNamespace(stopped="interrupted"), {"steps": (1000, 2000)}
    module = sys.modules["hybridctl.contests.search"]
    monkeypatch.setattr(module, "train", lambda *args, **options: stopped)
    known = {"progress": False, "keep": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        hc.search(TASK, 1.0 * hc.Slot(1), space, 2, **known)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="those that on= names theirs: Workers"):
        hc.search(TASK, 1.0 * hc.Slot(1), space, 2, on=Workers(), **known)
    with pytest.raises(ValueError, match="steps: given, and searched for; leave out"):
        hc.search(TASK, 1.0 * hc.Slot(1), space, 2, steps=1000, **known)


@pytest.mark.parametrize(
    "space",
    [
        {}, {"entropy_cost": (2.0, 1.0)}, {"entropy_cost": (1, "b")}, {"hidden": []},
        ["hidden"],
    ],
)  # fmt: skip
def test_a_space_without_a_range_is_refused(space):
    with pytest.raises(ValueError, match=r"range|expected"):
        hc.search(TASK, 1.0 * hc.Slot(1), space, 4)


@pytest.mark.slow
def test_a_search_that_was_stopped_goes_on(tmp_path, monkeypatch):
    task, space = hc.tasks.get("balance", seconds=1.0), {"learning_rate": (1e-4, 1e-2)}
    known = {"seeds": 1, "steps": 4000, "progress": False, "keep": tmp_path}
    first = hc.search(task, 1.0 * hc.Slot(1), space, 2, **known)
    fresh = sys.modules["hybridctl.contests.search"]
    monkeypatch.setattr(fresh, "train", lambda *a, **k: pytest.fail("again"))
    again = hc.search(task, 1.0 * hc.Slot(1), space, 2, **known)
    assert again.to_dict() == first.to_dict() and len(list(tmp_path.iterdir())) == 2
