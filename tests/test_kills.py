"""A short form of benchmarks/questions/kills.py: what is on the disk survives."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import golden
import pytest
from test_cli import refused

import hybridctl as hc
from hybridctl import cli, learn
from hybridctl.learn import session
from hybridctl.runs.folder import CHECKPOINT, CONTROLLER, LAST

BALANCE = hc.tasks.get("balance")
TEMPLATE = hc.template("ppo", BALANCE)


@pytest.fixture(scope="module")
def run():
    """A run as `train` tells of it."""
    from hybridctl.runs import checkpoint_file

    found, _ = checkpoint_file.from_bytes(golden.path(golden.RUN, 1).read_bytes())
    return found


def after(run, n, **changes):
    """The run as it was after n validations."""
    steps = int(run.curve[n - 1]["steps"])
    checkpoint = dataclasses.replace(run.checkpoint, steps=steps)
    known = {"curve": run.curve[:n], "best": n - 1, "checkpoint": checkpoint}
    return dataclasses.replace(run, **{"stopped": "running", **known, **changes})


WRITER = """
import os, random, signal, sys, time
from pathlib import Path
from hybridctl import files
from hybridctl.store.container import unpack

folder, golden = Path(sys.argv[1]), Path(sys.argv[2])
good = {kind: [(golden / f"{kind}.safetensors").read_bytes()] for kind in
        ("controller", "run")}
for kind, versions in good.items():  # another one, with as good a hash
    manifest, arrays = unpack(versions[0], kind)
    from hybridctl.store.container import pack
    rest = {k: v for k, v in manifest.items() if k not in ("sha256", "arrays")}
    versions.append(pack(rest | {"hybridctl": "0.0"}, arrays))

def write(n):
    files.write_all({folder / kind: v[n % 2] for kind, v in good.items()}, False)

write(0)
draw, left = random.Random(1), 0
for i in range(20):
    child = os.fork()
    if child == 0:
        for n in range(10**9):
            write(n)
    time.sleep(draw.uniform(0.001, 0.03))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    for kind, versions in good.items():
        data = (folder / kind).read_bytes()
        unpack(data, kind)
        assert data in versions
    left += len(list(folder.glob(".*.tmp")))
    files.sweep(folder)
    assert sorted(os.listdir(folder)) == ["controller", "run"]
print(left)
"""


def python(code, *arguments, before=()):
    return subprocess.run(
        [*before, sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
    )


def test_twenty_kills_while_writing_leave_whole_files(tmp_path):
    done = python(WRITER, tmp_path, golden.path("run", 1).parent)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 3  # that many were hit in the middle of a file


FULL = """
import dataclasses, json, os, sys
from pathlib import Path
import hybridctl as hc
from hybridctl.runs import checkpoint_file
run, _ = checkpoint_file.from_bytes(Path(sys.argv[2]).read_bytes())
folder = hc.RunFolder(sys.argv[1])
told = [dataclasses.replace(run, stopped="running", curve=run.curve[:n], best=n - 1)
        for n in (4, 5, 6)]
with folder:
    folder(told[0])
    with open(os.path.join(sys.argv[1], "filler"), "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
    try:
        folder(told[1])
        said = ""
    except OSError as error:
        said = str(error)
    kept = folder.load()
    hc.load(folder.path / "controller.safetensors")
    os.remove(filler.name)
    folder(told[2])
print(json.dumps([said, len(kept.curve), len(folder.load().curve)]))
"""
MOUNT = 'mount -t tmpfs -o {} tmpfs "$1" && shift && exec "$@"'


def mounted(options, folder):
    """A prefix of a command that runs it with a tmpfs mounted."""
    start = ("unshare", "-rm", "sh", "-c", MOUNT.format(options), "sh", str(folder))
    try:
        subprocess.run([*start, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    return start


@pytest.mark.slow
def test_a_full_disk_of_ten_megabytes_leaves_the_last_good_checkpoint(tmp_path):
    before = mounted("size=10m", tmp_path)
    done = python(FULL, tmp_path, golden.path("run", 1), before=before)
    assert done.returncode == 0, done.stderr
    said, kept, later = json.loads(done.stdout)
    assert "No space left on device; make room" in said
    assert f"the last good checkpoint is {tmp_path / CHECKPOINT}, of " in said
    assert (kept, later) == (4, 6)


# ---------------------------------------------------------------- before it compiles


@pytest.fixture
def nothing_compiles(monkeypatch):
    """A training that begins is a failure."""

    def begins(*_):
        raise AssertionError("it began")

    monkeypatch.setattr(session, "engine", lambda name: begins)


def test_a_second_run_is_refused_before_anything_compiles(
    run, tmp_path, nothing_compiles
):
    def train(**options):
        return hc.train(BALANCE, TEMPLATE, progress=False, **options)

    hc.RunFolder(tmp_path)(run)
    with pytest.raises(ValueError, match=r"holds another run; go on with it"):
        train(on_validation=hc.RunFolder(tmp_path))
    with pytest.raises(ValueError, match=r"locked by another RunFolder of this very"):
        with hc.RunFolder(tmp_path):
            train(on_validation=(hc.RunFolder(tmp_path),))
    with pytest.raises(ValueError, match="one folder for the seeds 0 and 1"):
        train(on_validation=hc.RunFolder(tmp_path / "new"), seeds=2)
    with pytest.raises(ValueError, match="holds another run"):
        hc.RunFolder(tmp_path / "many" / "seed-1")(run)
        train(on_validation=hc.RunFolders(tmp_path / "many"), seeds=2)
    assert os.listdir(tmp_path / "many") == ["seed-1"]
    with pytest.raises(AssertionError, match="it began"):
        resume = hc.RunFolder(tmp_path).load()
        train(on_validation=hc.RunFolder(tmp_path), resume=resume, steps=10**6)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match=r"cannot write to .*Not a directory"):
        train(on_validation=hc.RunFolder(file / "deep"))
    assert "lock" not in os.listdir(tmp_path) and not (tmp_path / "new").exists()


READ_ONLY = """
import sys
from hybridctl import cli
from hybridctl.learn import session
session.engine = None  # it would be called where a training begins
cli.main(["train", "--out", sys.argv[1] + "/run"])
"""


@pytest.mark.slow
def test_a_read_only_disk_is_a_sentence_before_anything_compiles(tmp_path):
    done = python(READ_ONLY, tmp_path, before=mounted("size=1m,ro", tmp_path))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"cannot write to {tmp_path}/run: Read-only file system" in done.stderr


# ---------------------------------------------------------------- the command line


def acted(monkeypatch, *acts):
    """`hybridctl train` where a training does as it is told."""

    def train(task, template, on_validation, **options):
        with on_validation[0].training(0, []):
            for act in acts:
                found = act(on_validation)
        return found

    monkeypatch.setattr(learn, "train", train)


def interrupted(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", *map(str, arguments)])
    assert stop.value.code == 130
    return " ".join(capsys.readouterr().err.split())


def stop(_):
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)


def test_an_interruption_says_what_is_kept(run, tmp_path, capsys, monkeypatch):
    def tell(told):
        return lambda listeners: [listener(told) for listener in listeners]

    out = tmp_path / "a run"
    acted(monkeypatch, stop)
    text = interrupted(capsys, "--out", out)
    assert f"there is no checkpoint in {out}, as the first one is written" in text
    assert not out.exists()
    assert "no run in" in refused(capsys, "train", "--resume", "--out", out)
    acted(monkeypatch, tell(after(run, 3)), stop)
    text = interrupted(capsys, "--out", out)
    steps = f"{run.curve[2]['steps']:,.0f}"
    assert f"last good checkpoint is {out / CHECKPOINT}, of {steps} decisions" in text
    assert text.endswith(f"go on with: hybridctl train --resume --out '{out}'")
    assert f"{steps} decisions: score" in (
        log := (out / "log.txt").read_text(encoding="utf-8")
    )
    assert log.splitlines()[-1].endswith("ends: KeyboardInterrupt:")
    assert "holds a run already; go on with it" in refused(
        capsys, "train", "--out", out
    )


def test_a_disk_that_stays_full_ends_with_the_way_on(
    run, tmp_path, capsys, monkeypatch
):
    def finish(listeners):
        listeners[0](after(run, 3))
        monkeypatch.setattr(os, "fsync", no_room)
        return after(run, 4, stopped="finished")

    def no_room(_):
        raise OSError(28, "No space left on device")

    acted(monkeypatch, finish)
    text = refused(capsys, "train", "--out", tmp_path / "run")
    steps = f"{run.curve[2]['steps']:,.0f}"
    assert "No space left on device" in text
    assert f"{tmp_path / 'run' / CHECKPOINT}, of {steps} decisions; go on" in text
    assert len(hc.RunFolder(tmp_path / "run").load().curve) == 3


# ---------------------------------------------------------------- best, last and log


def test_best_and_last_and_what_happened(run, tmp_path):
    from hybridctl.controllers import fill

    last = fill(TEMPLATE, dataclasses.replace(run.policy, std=2 * run.policy.std))
    with hc.RunFolder(tmp_path, "ppo") as folder:
        for n in (1, 2):
            folder(after(run, n, last=None))
        folder(after(run, 3, best=1, last=last))
        folder(after(run, 3, best=1, last=last, stopped="target"))
        folder(after(run, 3, best=1, last=last, stopped="target"))
    assert hc.load(tmp_path / CONTROLLER).agent.std[0] == run.policy.std[0]
    assert hc.load(tmp_path / LAST).agent.std[0] == 2 * run.policy.std[0]
    assert folder.load().last.agent.std[0] == 2 * run.policy.std[0]
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    said = [line.split(" ", 1)[1] for line in lines]
    assert said[0].startswith("begins: task balance, template ppo, seed 0, ppo, up to")
    assert [" the best so far" in line for line in said] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert said[-1].startswith(
        "ends: target after 24,576 decisions; the best, of 12,288"
    )
    assert len(said) == 5


@pytest.mark.slow
def test_a_stranger_s_class_needs_the_decorator_here_too(tmp_path):
    """Saved by a process that had registered it."""
    code = """
import sys
import jax.numpy as jnp, hybridctl as hc
@hc.register
class Elsewhere(hc.Controller):
    def init(self, tick):
        return None
    def step(self, state, tick):
        return state, jnp.zeros(1)
hc.save(sys.argv[1], Elsewhere())
"""
    path = tmp_path / "own.safetensors"
    assert python(code, path).returncode == 0
    with pytest.raises(
        ValueError, match="no class 'user:Elsewhere' is registered here; decorate"
    ):
        hc.load(path)
