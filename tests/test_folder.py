"""Run folders: what is in them, and what no accident may do to them."""

import contextlib
import dataclasses
import errno
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import types
from pathlib import Path

import equinox as eqx
import numpy as np
import pytest
import zoo
from test_cli import refused
from test_cli import run as cli

import hybridctl as hc
from hybridctl import files
from hybridctl.cli.settings import settings_of
from hybridctl.cli.shared import labels_of
from hybridctl.cli.stop import Stopper
from hybridctl.runs import checkpoint_file, lock
from hybridctl.runs.folder import CHECKPOINT, CONTROLLER, CURVE, FACTS, LAST
from hybridctl.runs.log import NAME as LOG
from hybridctl.runs.seeds import by_seed
from hybridctl.store.container import pack, unpack

FILES = {CHECKPOINT, CONTROLLER, LAST, CURVE, FACTS, LOG}
BALANCE = hc.tasks.get("balance")
TEMPLATE = hc.template("ppo", BALANCE)


@contextlib.contextmanager
def full_disk(room=1000):
    """The system itself refuses to write files of more than that many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training that met a full disk at its second validation, and then Ctrl-C."""
    folder = hc.RunFolder(tmp_path_factory.mktemp("runs") / "deep" / "ppo", "ppo")
    told, seen = [], []

    def listen(run):
        told.append(run)
        with full_disk() if len(told) == 2 else contextlib.nullcontext():
            folder(run)
        seen.append(set(os.listdir(folder.path)))
        if len(told) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    run = hc.train(BALANCE, TEMPLATE, on_validation=listen, progress=False)
    return types.SimpleNamespace(folder=folder, run=run, told=told, seen=seen)


def assert_same(a, b):
    assert zoo.bits((a.controller, a.policy)) == zoo.bits((b.controller, b.policy))
    assert repr(a.curve) == repr(b.curve)
    arrays = [run.checkpoint.arrays for run in (a, b)]
    arrays = [dict(sorted(known.items())) for known in arrays]
    assert list(arrays[0]) == list(arrays[1])
    for one, other in zip(*(known.values() for known in arrays), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
    assert a.checkpoint.steps == b.checkpoint.steps
    assert zoo.bits(a.last) == zoo.bits(b.last)
    parts = {"controller", "last", "policy", "curve", "checkpoint"}
    for field in dataclasses.fields(a):
        if field.name not in parts:
            assert getattr(a, field.name) == getattr(b, field.name), field.name


def snapshot(run, **changes):
    return dataclasses.replace(run, stopped="running", **changes)


def content(folder):
    """What a folder holds, but for the log of what happened to it."""
    paths = (path for path in Path(folder).iterdir() if path.name != LOG)
    return {path.name: path.read_bytes() for path in paths}


# ---------------------------------------------------------------- what is in it


def test_ctrl_c_keeps_the_best_and_a_full_disk_does_not_end_a_training(trained):
    assert trained.run.stopped == "interrupted" and len(trained.told) == 4
    assert trained.seen == [FILES | {"lock"}] * 2 + [FILES]
    assert set(os.listdir(trained.folder.path)) == FILES
    assert len(trained.folder.load().curve) == len(trained.run.curve)


def test_what_is_loaded_is_what_was_trained_bit_for_bit(trained, tmp_path):
    assert_same(trained.folder.load(BALANCE, TEMPLATE), trained.run)
    controller = hc.load(trained.folder.path / CONTROLLER)
    assert zoo.bits(controller) == zoo.bits(trained.run.controller)
    for i, told in enumerate(trained.told):
        folder = hc.RunFolder(tmp_path / str(i))
        folder(told)
        assert_same(folder.load(BALANCE, TEMPLATE), told)


def test_facts_and_curve_are_for_everybody(trained):
    def refuse(text):
        raise AssertionError(f"{text} is no JSON")

    text = (trained.folder.path / FACTS).read_text(encoding="utf-8")
    facts = json.loads(text, parse_constant=refuse)
    run = trained.run
    assert (facts["task"], facts["template"], facts["seed"]) == ("balance", "ppo", 0)
    assert facts["stopped"] == "interrupted" and facts["steps"] == run.steps
    assert facts["config"]["hidden"] == [32, 32] and facts["timing"] == run.timing
    assert facts["better_than_base"]["low"] == run.better_than_base.low
    assert {"hybridctl", "python", "jax", "brax", "numpy"} == set(facts["versions"])
    lines = (trained.folder.path / CURVE).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("steps,seconds,score") and len(lines) == 1 + len(
        run.curve
    )
    assert [float(v) for v in lines[-1].split(",")] == list(run.curve[-1].values())


def test_odd_runs_come_back(trained, tmp_path):
    odd = snapshot(
        trained.run,
        config=trained.run.config.replace(target=np.inf, value_hidden=(8, 4)),
        curve=[p | {"score": -np.inf, "cost": np.nan} for p in trained.run.curve],
        confirmed=0.1,
        better_than_base=None,
        task="é\n\"'\\",
    )
    folder = hc.RunFolder(tmp_path, template="ü")
    folder(odd)
    assert_same(folder.load(), odd)
    assert folder.read()[1] == "ü"


def test_a_template_is_the_one_that_was_trained_up_to_rounding(trained, tmp_path):
    load = trained.folder.load
    for other, message in {
        "scale": (9.0 * hc.Slot(1), r"another template: controller\.template\.scale"),
        "tree": (hc.template("residual", BALANCE), "another template"),
        "size": (10.0 * hc.Slot(2), "does not fit this template: the Slots take 2"),
        "filled": (hc.Constant([0.0]), "has no Slot to fill"),
        "kind": (BALANCE, "expected a Controller, got Task"),
    }.values():
        with pytest.raises(ValueError, match=message):
            load(BALANCE, other)
    with pytest.raises(ValueError, match="a run on balance, but the task is swingup"):
        load(hc.tasks.get("swingup"))
    template = hc.template("residual", BALANCE)
    known = eqx.tree_at(lambda c: c.template, trained.run.controller, template)
    folder = hc.RunFolder(tmp_path)
    folder(snapshot(trained.run, controller=known))
    gain = eqx.tree_at(lambda t: t.a.K, template, replace_fn=lambda K: K * 1.01)
    with pytest.raises(ValueError, match=r"another template: .*\.K differs"):
        folder.load(template=gain)
    last = eqx.tree_at(lambda t: t.a.K, template, replace_fn=lambda K: K * 1.0000000001)
    folder.load(template=last)


# ---------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def data(trained):
    return (trained.folder.path / CHECKPOINT).read_bytes()


def test_every_cut_and_flipped_bit_is_found(data):
    random = np.random.default_rng(0)
    for size in {*range(0, 40), *random.integers(0, len(data), 200)}:
        with pytest.raises(ValueError, match=r"\w"):
            checkpoint_file.from_bytes(data[:size])
    header = int.from_bytes(data[:8], "little")
    places = [*random.integers(0, 64 + 8 * header, 700), *range(64)]
    for bit in [*places, *random.integers(0, 8 * len(data), 700)]:
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match=r"\w"):
            checkpoint_file.from_bytes(bytes(broken))


def test_a_damaged_folder_says_so_in_a_sentence(data, tmp_path):
    folder = hc.RunFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no run in .*first validation on"):
        folder.load()
    path = tmp_path / CHECKPOINT
    for broken in (b"", data[:-1], data[:9000], data + b"x", data[:-9] + b"x" * 9):
        path.write_bytes(broken)
        with pytest.raises(
            ValueError, match=r"cannot load .*take a good copy"
        ) as error:
            folder.load()
        assert "\n" not in str(error.value)
    with open(path, "wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="1048576 MiB"):
        folder.load()


def test_a_controller_is_no_run_and_a_run_no_controller(trained, tmp_path):
    with pytest.raises(ValueError, match="it holds a run, expected a controller"):
        hc.load(trained.folder.path / CHECKPOINT)
    saved = hc.save(tmp_path / CHECKPOINT, TEMPLATE)
    with pytest.raises(ValueError, match="it holds a controller, expected a run"):
        hc.RunFolder(saved.parent).load()


def crafted(data, edit, **head):
    """A file with a right hash whose tree was changed."""
    manifest, arrays = unpack(data, "run")
    edit(manifest["run"]["dict"], arrays)
    return pack({"run": manifest["run"], **head}, arrays)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tree, _: tree.update(best=99), "IndexError"),
        (lambda tree, _: tree.update(best=-1), "its best is not as expected"),
        (lambda tree, _: tree.update(seed="0"), "its seed is not"),
        (lambda tree, _: tree.update(config=None), "its config is not"),
        (lambda tree, _: tree.pop("task"), "task"),
        (lambda tree, _: tree.update(new=1), "new"),
        (lambda tree, _: tree["config"]["dict"].update(steps=-1), "steps=-1"),
        (lambda tree, _: tree["config"]["dict"].update(speed=1), "speed"),
        (lambda tree, arrays: arrays.update(x=np.ones(1)), "no part uses: x"),
        (lambda tree, arrays: arrays.pop("run.curve.rows"), "no array"),
    ],
)
def test_crafted_files_are_refused(data, edit, message):
    with pytest.raises(ValueError, match=message):
        checkpoint_file.from_bytes(crafted(data, edit))


def test_a_newer_hybridctl_is_named(data):
    newer = {"schema": 2, "hybridctl": "9.0"}
    with pytest.raises(
        ValueError, match=r"schema 2 of hybridctl 9\.0 is newer.*update"
    ):
        checkpoint_file.from_bytes(crafted(data, lambda *_: None, **newer))


# ---------------------------------------------------------------- accidents


class Killed(BaseException):
    """What `kill -9` leaves: nothing after it runs."""


@pytest.mark.parametrize("n", range(10))
def test_a_kill_at_any_step_of_writing_leaves_a_run(trained, n, tmp_path, monkeypatch):
    first, second = trained.told[0], trained.told[2]
    folder, steps = hc.RunFolder(tmp_path), []
    folder(first)

    def counted(call):
        def wrapped(*arguments):
            if len(steps) == n:
                raise Killed
            steps.append(call)
            return call(*arguments)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", counted(os.fsync))
        patch.setattr(os, "replace", counted(os.replace))
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Killed):
            folder(second)
    assert_same(hc.RunFolder(tmp_path).load(), second if n > 7 else first)
    hc.load(tmp_path / CONTROLLER)
    folder.close()
    with hc.RunFolder(tmp_path) as again:
        again(second)
        assert set(os.listdir(tmp_path)) == FILES | {"lock"}


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_full_disk_leaves_the_last_good_files(trained, call, tmp_path, monkeypatch):
    folder = hc.RunFolder(tmp_path)
    folder(trained.told[0])
    before = content(tmp_path)

    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    where = files if call == "open" else os
    with monkeypatch.context() as patch:
        patch.setattr(where, call, refuse, raising=False)
        with pytest.raises(OSError, match="No space left on device; make room"):
            folder(trained.told[1])
    assert content(tmp_path) == before
    with full_disk(), pytest.raises(OSError, match="File too large"):
        folder(trained.told[1])
    assert content(tmp_path) == before
    folder(trained.told[1])
    assert len(folder.load().curve) == len(trained.told[1].curve)


def test_a_folder_that_cannot_be_written_to(trained, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ValueError, match="is a file; a run needs a folder"):
        hc.RunFolder(file)
    with pytest.raises(OSError, match=r"cannot write to .*Not a directory"):
        hc.RunFolder(file / "deep")(trained.told[0])
    with full_disk(0), pytest.raises(OSError, match="File too large"):
        hc.RunFolder(tmp_path / "full")(trained.told[0])
    assert os.listdir(tmp_path / "full") == []

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(lock.os, "open", refuse)  # root may write anywhere
    with pytest.raises(OSError, match="Read-only file system"):
        hc.RunFolder(tmp_path / "ro")(trained.told[0])


def test_a_part_that_no_file_can_hold_ends_a_training_only_at_once(trained, tmp_path):
    wrong = trained.run.controller * 1.0
    wrong = snapshot(trained.told[0], controller=wrong, policy=trained.run.policy)
    object.__setattr__(wrong.controller, "inner", zoo)
    with pytest.raises(ValueError, match="module"):
        hc.RunFolder(tmp_path)(wrong)
    with hc.RunFolder(tmp_path) as folder:
        folder(trained.told[0])
        with pytest.raises(OSError, match="module"):
            folder(dataclasses.replace(wrong, policy=trained.told[0].policy))


# ---------------------------------------------------------------- one at a time


def test_another_run_is_not_replaced_silently(trained, tmp_path):
    folder = hc.RunFolder(tmp_path, "ppo")
    folder(trained.run)
    other = [point | {"seconds": 0.0} for point in trained.run.curve]
    with pytest.raises(ValueError, match=r"holds another run.*replace=True"):
        hc.RunFolder(tmp_path)(snapshot(trained.run, curve=other[:1]))
    more = [*trained.run.curve, trained.run.curve[-1] | {"steps": 1e6}]
    again = hc.RunFolder(tmp_path)
    again(snapshot(trained.run, curve=more))  # this one goes on from there
    assert again.read()[1] == "ppo"
    again.close()
    hc.RunFolder(tmp_path, replace=True)(snapshot(trained.run, curve=other[:1], best=0))
    assert len(folder.load().curve) == 1


def test_each_seed_needs_its_folder(trained, tmp_path):
    folder = hc.RunFolder(tmp_path / "one")
    folder(trained.told[0])
    with pytest.raises(ValueError, match="one folder for the seeds 0 and 1"):
        folder(snapshot(trained.told[0], seed=1))
    with hc.RunFolders(tmp_path / "many", "ppo") as folders:
        for seed in (0, 1):
            folders(snapshot(trained.told[0], seed=seed))
            assert folders[seed].load().seed == seed
    assert sorted(os.listdir(tmp_path / "many")) == ["seed-0", "seed-1"]
    assert "lock" not in os.listdir(tmp_path / "many" / "seed-1")


def test_one_writer_at_a_time(trained, tmp_path):
    told, pid = trained.told[0], os.getpid()
    with hc.RunFolder(tmp_path) as folder:
        owner = json.loads((tmp_path / "lock").read_text(encoding="utf-8"))
        assert owner == {"pid": pid, "host": socket.gethostname()}
        with pytest.raises(ValueError, match=rf"very process \(process {pid} on "):
            hc.RunFolder(tmp_path)(told)
        folder(told)
        assert hc.RunFolder(tmp_path).load().seed == 0  # reading needs no lock
    assert set(os.listdir(tmp_path)) == FILES
    folder = hc.RunFolder(tmp_path, replace=True)
    folder(told)
    del folder  # gives the lock back
    hc.RunFolder(tmp_path, replace=True)(told)


def gone():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        ("gone", None),
        ("init", None),  # that number belongs to another process by now
        ("cut", None),
        ("empty", None),
        ("elsewhere", r"locked by process 1 on elsewhere.*remove .*lock"),
    ],
)
def test_a_lock_without_its_process_is_taken_over(trained, owner, message, tmp_path):
    here = socket.gethostname()
    owners = {
        "gone": {"pid": gone(), "host": here},
        "init": {"pid": 1, "host": here},
        "elsewhere": {"pid": 1, "host": "elsewhere"},
    }
    text = {"cut": '{"pid": 12', "empty": ""}.get(owner) or json.dumps(
        owners.get(owner)
    )
    (tmp_path / "lock").write_text("" if owner == "empty" else text, encoding="utf-8")
    if message is None:
        hc.RunFolder(tmp_path)(trained.run)
        assert set(os.listdir(tmp_path)) == FILES
    else:
        with pytest.raises(ValueError, match=message):
            hc.RunFolder(tmp_path)(trained.run)
        assert (tmp_path / "lock").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("how", ["none", "unsupported"])
def test_where_the_system_has_no_locks_the_number_counts(
    trained, how, tmp_path, monkeypatch
):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    if how == "none":
        monkeypatch.setattr(lock, "fcntl", None)
    else:
        monkeypatch.setattr(lock.fcntl, "flock", refuse)
    here = socket.gethostname()
    (tmp_path / "lock").write_text(
        json.dumps({"pid": gone(), "host": here}), encoding="utf-8"
    )
    hc.RunFolder(tmp_path)(trained.run)
    (tmp_path / "lock").write_text(
        json.dumps({"pid": os.getppid(), "host": here}), encoding="utf-8"
    )
    with pytest.raises(
        ValueError, match=rf"locked by process {os.getppid()} on {here}"
    ):
        hc.RunFolder(tmp_path, replace=True)(trained.run)


# ---------------------------------------------------------------- the command line


KILLED = """
import os, signal, sys
import hybridctl.cli
replace, n = os.replace, []
def killed(*paths):
    if ".tmp" in str(paths[0]) and sys.argv[1] in str(paths[1]):
        n.append(paths)
        if len(n) == 13:  # after the second file of the third validation
            os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)
os.replace = killed
hybridctl.cli.main(["train", "--out", sys.argv[1], "--tensorboard"])
"""


@pytest.mark.slow
def test_after_kill_9_it_goes_on_to_the_target(tmp_path, capsys):
    out = tmp_path / "killed"
    done = subprocess.run([sys.executable, "-c", KILLED, out], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    left = set(os.listdir(out))
    assert "lock" in left and sum(name.endswith(".tmp") for name in left) == 3
    run = hc.RunFolder(out).load(BALANCE, TEMPLATE)
    assert run.stopped == "running" and run.checkpoint.steps == run.steps > 0
    hc.load(out / CONTROLLER)
    again = ("train", "--resume", "--out", out)
    for wrong, message in {
        ("--task", "swingup"): "--task swingup contradicts the run in",
        ("--template", "residual"): "which has ppo; leave it out",
        ("--seed", 3): "--seed 3 contradicts",
        ("--preset", "swing"): "--preset swing contradicts --resume",
        ("--algorithm", "sac"): "--algorithm sac contradicts",
        ("--set", "learning_rate=1"): "learning_rate=1.0 contradicts .* has 0.003",
        ("--steps", 1000): "more steps",
        ("--seeds", 2): "leave out --seeds",
    }.items():
        text = " ".join(refused(capsys, *again, *wrong).split())
        assert re.search(message, text), text
    cli(*again, "--tensorboard", "--task", "balance")
    assert "going on from" in capsys.readouterr().out
    if hc.RunFolder(out).load().stopped != "target":  # another machine's luck
        cli(*again, "--steps", 1_500_000)
    found = hc.RunFolder(out).load(BALANCE, TEMPLATE)
    assert found.stopped == "target" and found.steps > run.steps
    assert repr(found.curve[: len(run.curve)]) == repr(run.curve)
    events = {name for name in os.listdir(out) if name.startswith("events.out")}
    assert len(events) == 2 and set(os.listdir(out)) == FILES | events | {"curve.png"}


def wait_for(path, process, seconds=300):
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.05)


@pytest.mark.slow
def test_sigterm_keeps_the_best_and_a_second_run_is_refused(tmp_path, capsys):
    out, host = tmp_path / "term", socket.gethostname()
    command = (
        *(sys.executable, "-m", "hybridctl.cli", "train", "--out", out),
        *("--steps", "10_000_000", "--set", "num_evals=501", "--set", "target=inf"),
    )
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    wait_for(out / CHECKPOINT, process)
    text = refused(capsys, "train", "--resume", "--out", out)
    assert f"is locked by process {process.pid} on {host}" in text
    process.send_signal(signal.SIGTERM)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 130 and "Traceback" not in errors
    assert "stopping at the next validation" in errors
    run = hc.RunFolder(out).load(BALANCE, TEMPLATE)
    assert "time to jit" in printed
    assert f"checkpoint is {out / CHECKPOINT}, of {run.steps:,} decisions" in errors
    assert f"go on with: hybridctl train --resume --out {out}" in errors
    assert run.stopped == "interrupted" and run.better_than_base is not None
    assert set(os.listdir(out)) == FILES | {"curve.png"}
    assert "holds a run already" in refused(capsys, "train", "--out", out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_training_where_it_can_be_stopped(number):
    running, over = (types.SimpleNamespace(stopped=s) for s in ("running", "target"))
    before = signal.getsignal(number)
    with Stopper() as stopper:
        with pytest.raises(KeyboardInterrupt):  # there is nothing to keep
            os.kill(os.getpid(), number)
        stopper(running)
        os.kill(os.getpid(), number)
        stopper(over)
        with pytest.raises(KeyboardInterrupt):
            stopper(running)
        with pytest.raises(KeyboardInterrupt):  # the second time, at once
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@pytest.mark.slow
def test_seeds_side_by_side_in_a_folder_that_is_new(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "balance-ppo-0").mkdir(parents=True)
    options = ("--steps", 40960, "--set", "num_evals=3", "--seeds", 2, "--seed", 5)
    cli("train", *options, "--tensorboard")
    out = Path("runs/balance-ppo-1")
    printed = capsys.readouterr().out
    assert "balance: 2 seeds in" in printed and f"wrote {out}/seed-5" in printed
    assert sorted(os.listdir(out)) == ["curve.png", "seed-5", "seed-6"]
    runs = [hc.RunFolder(out / f"seed-{seed}").load() for seed in (5, 6)]
    assert [run.seed for run in runs] == [5, 6]
    assert any(name.startswith("events") for name in os.listdir(out / "seed-6"))
    assert "holds several seeds" in refused(capsys, "simulate", "--controller", out)
    assert "holds a run already" in refused(capsys, "train", "--out", out)
    simulate = ("simulate", "--task", "balance", "--controller", out / "seed-6")
    cli(*simulate, "--out", tmp_path / "trace")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume needs the folder of a run: --out runs/"),
        (["--resume", "--out", "nosuch"], "no run in nosuch"),
        (["--set", "lerning_rate=1"], "unknown setting 'lerning_rate'"),
        (["--set", "learning_rate"], "expected NAME=VALUE"),
        (["--set", "learning_rate=fast"], "expected a number"),
        (["--set", "hidden=a"], "expected whole numbers, as in 64,64"),
        (["--set", "num_envs=1.5"], "expected a whole number"),
        (["--set", "normalize_advantage=maybe"], "expected true or false"),
        (["--set", "steps=5"], "write --steps 5"),
        (["--set", "tau=1", "--set", "tau=2"], "tau is given twice"),
        (["--set", "num_envs=100"], "must be a multiple of num_envs = 100"),
        (["--seeds", "0"], "seeds=0 must be"),
        (["--template", "swing"], "choose one of"),
        (["--out", "file"], "file is a file; a run needs a folder"),
    ],
)
def test_wrong_options_are_one_sentence(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    text = refused(capsys, "train", *arguments)
    assert message in text and len(text.strip().splitlines()) == 1
    assert list(tmp_path.glob("runs/*")) == []


def test_settings_are_read_as_what_they_are():
    texts = "num-envs=2e3 horizon=4 lock=none activation=relu normalize_advantage=False"
    assert settings_of([*texts.split(), "hidden=64, 32", "value_hidden=8"]) == {
        "num_envs": 2000,
        "horizon": 4.0,
        "lock": None,
        "activation": "relu",
        "normalize_advantage": False,
        "hidden": (64, 32),
        "value_hidden": (8,),
    }


def test_labels_are_never_the_same():
    names = ("lqr", "runs/a", "other/a/controller.safetensors", "x/best.safetensors")
    assert set(labels_of(names)) == {"lqr", "runs/a", "other/a", "x/best"}
    assert labels_of(("a/b/c/d", "x/b/c/d", "y/b/c/d"))["x/b/c/d"] == "x/b/c/d"


def test_seeds_are_in_the_order_of_their_numbers(tmp_path):
    for seed in ("10", "9", "100", "x"):
        (tmp_path / f"seed-{seed}").mkdir()
        (tmp_path / f"seed-{seed}" / "file").touch()
    found = [path.parent.name for path in by_seed(tmp_path, "file")]
    assert found == ["seed-9", "seed-10", "seed-100", "seed-x"]
