"""A short form of benchmarks/questions/damage.py, and what it has found."""

import collections
import json
import os
import tempfile
import time
from pathlib import Path

import golden
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
import zoo

import hybridctl as hc
from hybridctl import ports
from hybridctl.checks import cast, on_numbers, split
from hybridctl.controllers.fill import Filled
from hybridctl.controllers.trial import sizes
from hybridctl.runs import lock
from hybridctl.store import answers
from hybridctl.store.container import pack, unpack
from hybridctl.store.encode import encode
from hybridctl.store.limits import STEPS, _traced, check_size
from hybridctl.store.save import from_bytes, to_bytes

N = 300


@pytest.fixture(scope="module")
def reader():
    from benchmarks.questions.damage import Reader, sources

    good = {k: v for k, v in sources().items() if k in ("filled", "slot", "run")}
    with tempfile.TemporaryDirectory() as folder:
        yield Reader(good, Path(folder))


def test_no_mutated_file_is_trusted(reader, monkeypatch):
    from benchmarks.lib.mutants import mutant

    monkeypatch.chdir(reader.folder)
    rows = [(i, reader.read(mutant(i, reader.good))) for i in range(N)]
    outcomes = collections.Counter(row["outcome"] for _, row in rows)
    fine = {"refused", "same", "as it says", "as it says, defaults added"}
    assert set(outcomes) <= fine, [r for r in rows if r[1]["outcome"] not in fine]
    assert outcomes["refused"] > 0.9 * N
    slow = [(i, row["seconds"]) for i, row in rows if row["seconds"] > 1.0]
    assert len(slow) <= 2, slow  # of a machine that does other things, too


def test_the_harness_sees_what_goes_wrong(reader, monkeypatch):
    from benchmarks.lib.disguises import CANARY
    from benchmarks.lib.mutants import Mutant

    monkeypatch.chdir(reader.folder)
    other = to_bytes(hc.Slot(3))
    assert reader.read(Mutant("", "slot", other))["outcome"] == "silently wrong"
    assert reader.read(Mutant("", "slot", other, True))["outcome"] == "as it says"

    def run(path):
        open(CANARY, "w", encoding="utf-8").close()
        raise ValueError("a sentence of some length")

    with monkeypatch.context() as patch:
        patch.setattr(hc, "load", run)
        row = reader.read(Mutant("", "slot", other))
    assert row["outcome"] == "ran code" and row["events"][0].startswith("open")
    (reader.folder / CANARY).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(hc, "load", lambda path: 1 / 0)
        assert reader.read(Mutant("", "slot", b""))["outcome"] == "other exception"


# ---------------------------------------------------------------- what it has found


def crafted(controller, arrays=None, **fields):
    """A file with a right hash and other fields."""
    manifest, kept = unpack(to_bytes(controller))
    manifest["controller"]["fields"].update(fields)
    rest = {k: v for k, v in manifest.items() if k not in ("sha256", "arrays")}
    return pack(rest, kept | (arrays or {}))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-be", "utf-8-sig"])
def test_the_header_is_utf_8(encoding):
    data = to_bytes(hc.Slot(1))
    end = 8 + int.from_bytes(data[:8], "little")
    header = data[8:end].decode().encode(encoding)
    with pytest.raises(ValueError, match="its header is no JSON"):
        from_bytes(len(header).to_bytes(8, "little") + header + data[end:])


def test_messages_are_one_line_without_control_characters(tmp_path):
    text = json.dumps({"schema": 9, "hybridctl": "\x1b[31m\n9" * 999}, sort_keys=True)
    text = text.replace(": ", ":").replace(", ", ",")
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors.numpy.save({}, {"hybridctl": text}))
    with pytest.raises(ValueError, match="schema 9 of hybridctl") as caught:
        hc.load(path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("/etc/passwd", "as XML alone, not as a path"),
        ('<mujoco><include file="/etc/passwd"/></mujoco>', "not <include>"),
        ("<mujoco>< include file='x'/></mujoco>", "not <include>"),
        ("<!DOCTYPE a><mujoco/>", "not <!DOCTYPE>"),
        ("<mujoco><asset><mesh/></asset></mujoco>", "not <asset>"),
        (f"<mujoco>{'<body/>' * 999}</mujoco>", "at most 400 tags, got 1001"),
        (7, "as XML alone"),
    ],
)
def test_a_model_of_a_stranger_reads_no_files(xml, message):
    known = to_bytes(hc.Hold(hc.Slot(1), 2))
    manifest, arrays = unpack(known)
    plant = {"class": "MuJoCoPlant", "fields": {"mjcf": xml}}
    manifest["controller"]["fields"]["controller"] = plant
    rest = {k: v for k, v in manifest.items() if k not in ("sha256", "arrays")}
    with pytest.raises(ValueError, match=message):
        from_bytes(pack(rest, arrays))


def test_what_would_compile_for_hours_is_refused_soon():
    gain = hc.StateFeedback(np.zeros((1, 300)), np.zeros(300), np.zeros(1))
    with pytest.raises(ValueError, match="300 measurements, at most 256"):
        to_bytes(gain)
    with pytest.raises(ValueError, match="300 outputs, at most 256"):
        to_bytes(hc.Constant(np.zeros(300)))
    plant = hc.CartPole()
    slow = hc.Predictor(plant, 0.02, 1, 10.0, substeps=10**7) >> hc.Slot(1)
    with pytest.raises(ValueError, match=r"makes \d+ numbers in all; at most"):
        to_bytes(slow)
    with pytest.raises(ValueError, match="a program of 10001 steps; at most 10000 "):
        answers._check_size(answers.Size(1, answers.EQUATIONS + 1, 1))


def nested(levels):
    """Holds within Holds, each of which asks the one inside twice."""
    node = {"class": "Slot", "fields": {}}
    for _ in range(levels):
        node = {"class": "Hold", "fields": {"inner": node}}
    return node


CARTPOLE = {"class": "CartPole", "fields": {}}


@pytest.mark.parametrize(
    "node",
    [
        {"class": "Predictor", "fields": {"plant": CARTPOLE, "delay": 10**6}},
        {"class": "Features", "fields": {"n_y": 4, "n_modes": 10**9}},
        {"class": "KalmanFilter", "fields": {"A": {"array": "numpy"}}},
        nested(20),
    ],
    ids=["delay", "modes", "wide", "nested"],
)
def test_what_would_be_traced_for_hours_is_refused_before_it_is_built(node):
    arrays = {"controller.A": np.zeros((3000, 3000), bool)}
    with pytest.raises(ValueError, match="steps to trace, at most 10000 fit"):
        check_size(node, "controller", arrays)
    at = time.process_time()
    with pytest.raises(ValueError, match="steps to trace, at most 10000 fit"):
        from_bytes(pack({"controller": node, "dt": None, "signals": None}, arrays))
    assert time.process_time() - at < 1.0


def test_parts_within_parts_are_asked_once():
    deep = hc.Constant([1.0])
    for _ in range(12):
        deep = hc.Constant([1.0, 2.0]) >> hc.Mix([1.0], [deep])
        deep = hc.Switch(hc.StateMachine([], [], []), {"a": Filled(hc.Slot(1), deep)})
    assert len(ports.of(deep).u) == 1


@pytest.mark.slow
def test_what_is_told_from_a_file_is_about_what_is_traced():
    for name, controller in zoo.controllers(zoo.task()).items():
        arrays, known = {}, sizes(controller, ports.of(controller))
        told = sum(_traced(encode(controller, "c", arrays), "c", arrays))
        numbers, rest = split(on_numbers(np.asarray, controller))
        y = jnp.zeros((2, known.n_y))
        program = answers._replay.trace(cast(numbers), rest, known, y, 0.02)
        found = answers._size(program.jaxpr).equations
        assert found < 10 * told + 100 and told < STEPS / 3, (name, told, found)


# ---------------------------------------------------------------- run folders


GARBAGE = {
    "empty": b"",
    "noise": bytes(range(256)) * 20,
    "infinite": b'{"pid": 1e999, "host": "x"}',
    "huge": b'{"pid": ' + b"9" * 4000 + b', "host": "x"}',
    "list": b"[1]",
    "deep": b"[" * 4000,
    "nothing": b'{"pid": null, "host": null}',
    "escape": b'{"pid": 1, "host": "\\u001b[31m\\n' + b"x" * 2000 + b'"}',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_a_run_folder(name, tmp_path):
    for file in ("lock", "run.json", "curve.csv", "log.txt"):
        (tmp_path / file).write_bytes(GARBAGE[name])
    (tmp_path / "checkpoint.safetensors").write_bytes(
        golden.path(golden.RUN, 1).read_bytes()
    )
    folder = hc.RunFolder(tmp_path)
    run = folder.load()
    try:
        with folder:
            folder(run)
    except ValueError as error:  # the lock of another machine
        assert name in ("escape", "huge") and str(error).isprintable()
        assert "is locked by process" in str(error)
    else:
        assert (tmp_path / "curve.csv").read_text(encoding="utf-8").startswith("steps,")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs links and named pipes")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_run_folder_of_a_stranger_writes_nowhere_else(kind, tmp_path):
    mine, folder = tmp_path / "mine", tmp_path / "run"
    mine.write_text("precious", encoding="utf-8")
    folder.mkdir()
    names = (lock.NAME, "log.txt", "controller.safetensors", "curve.csv")
    for name in names:
        if kind == "link":
            (folder / name).symlink_to(mine)
        elif kind == "pipe":
            os.mkfifo(folder / name)
        else:
            (folder / name).mkdir()
    data = golden.path(golden.RUN, 1).read_bytes()
    (folder / "checkpoint.safetensors").write_bytes(data)
    run = hc.RunFolder(folder).load()
    with pytest.raises(OSError, match="cannot write to"), hc.RunFolder(folder):
        raise AssertionError
    if kind == "folder":
        (folder / lock.NAME).rmdir()
    else:
        (folder / lock.NAME).unlink(missing_ok=True)
    with hc.RunFolder(folder) as own:
        if kind == "folder":
            with pytest.raises(OSError, match=r"cannot write .*the last good checkp"):
                own(run)
        else:
            own(run)
    assert mine.read_text(encoding="utf-8") == "precious"
    assert own.load().steps == run.steps
