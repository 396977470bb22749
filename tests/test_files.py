"""Older files: what was saved once is read for ever."""

import dataclasses
import hashlib
import json

import golden
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from jax import Array
from safetensors import safe_open

import hybridctl as hc
from hybridctl.controllers import Controller
from hybridctl.runs import checkpoint_file
from hybridctl.store import answers, migrations
from hybridctl.store.container import METADATA, pack, unpack
from hybridctl.store.decode import decode
from hybridctl.store.migrations import move, parts, schema
from hybridctl.store.save import from_bytes, to_bytes

VERSIONS = range(1, schema() + 1)


def read(name: str, version: int = 1) -> bytes:
    return golden.path(name, version).read_bytes()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_controller_of_every_schema_loads(version):
    controller = hc.load(golden.path(golden.CONTROLLER, version))
    assert type(controller).__name__ == "Filled"
    again = from_bytes(to_bytes(controller))
    assert zoo.bits(again) == zoo.bits(controller)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_class_of_every_schema_is_rebuilt(version):
    manifest, arrays = unpack(read(golden.PARTS, version))
    found = decode(manifest["controller"], "controller", arrays)
    assert not arrays and len(found) > 25


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_of_every_schema_loads_and_goes_on(version, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(read(golden.RUN, version))
    task = hc.tasks.get("balance")
    template = hc.template("ppo", task)
    run = hc.RunFolder(tmp_path).load(task, template)
    assert run.steps == 86_016 and run.config.hidden == (4, 4)
    assert run.checkpoint.steps == run.steps and run.stopped == "finished"
    more = {**run.curve[-1], "steps": run.steps + 1.0, "a new column": 1.0}
    with hc.RunFolder(tmp_path) as folder, folder.training(0, run.curve):
        curve = [*run.curve, more]
        folder(dataclasses.replace(run, stopped="running", curve=curve))
        assert np.isnan(folder.load().curve[0]["a new column"])
        assert folder.load().curve[-1]["a new column"] == 1.0
    lines = (tmp_path / "curve.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1].endswith(",nan") and lines[-1].endswith(",1.0")
    assert "goes on after 86,016 decisions" in (tmp_path / "log.txt").read_text(
        encoding="utf-8"
    )


def test_the_format_can_be_read_without_hybridctl():
    """As docs/howto/files.md says."""
    with safe_open(golden.path(golden.CONTROLLER, 1), "np") as file:
        manifest = json.loads(file.metadata()[METADATA])
        arrays = {name: file.get_tensor(name) for name in file.keys()}
    said = manifest.pop("sha256")
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    sha = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        sha.update(arrays[name].tobytes())
    assert sha.hexdigest() == said


def test_a_field_that_is_new_takes_its_default():
    manifest, arrays = unpack(to_bytes(hc.reference("lqr", zoo.task())))
    del manifest["controller"]["fields"]["angles"]
    del manifest["controller"]["fields"]["dt"]
    data = pack({k: v for k, v in manifest.items() if k != "sha256"}, arrays)
    with pytest.raises(ValueError, match="self-test failed"):  # angles were not empty
        from_bytes(data)
    manifest, arrays = unpack(to_bytes(hc.Slot(1)))
    del manifest["controller"]["fields"]["size"]
    data = pack({k: v for k, v in manifest.items() if k != "sha256"}, arrays)
    assert from_bytes(data).size == 1


# ---------------------------------------------------------------- a schema 2


@hc.register(name="Times")
class Times(Controller):
    """What `Scaled` is called in a schema 2 of this test."""

    factor: Array
    inner: Controller

    def init(self, tick):
        return self.inner.init(tick)

    def step(self, state, tick):
        state, u = self.inner.step(state, tick)
        return state, jnp.asarray(self.factor) * u


def to_times(manifest, arrays):
    for path, node in parts(manifest["controller"], "controller", "Scaled"):
        node["class"] = "user:Times"
        node["fields"]["factor"] = node["fields"].pop("scale")
        move(arrays, f"{path}.scale", f"{path}.factor")
    return manifest | {"note": "new in schema 2"}, arrays


def without_note(manifest, arrays):
    return {k: v for k, v in manifest.items() if k != "note"}, arrays


def test_an_older_file_goes_through_every_migration(monkeypatch):
    old = from_bytes(read(golden.CONTROLLER))
    monkeypatch.setattr(migrations, "MIGRATIONS", (to_times, without_note))
    manifest, _ = unpack(read(golden.CONTROLLER))
    assert manifest["schema"] == 3 and "user:Times" in json.dumps(manifest)
    assert "Scaled" not in json.dumps(manifest["arrays"])
    new = from_bytes(read(golden.CONTROLLER))  # its self-test says the same
    assert type(new.template.b) is Times and type(old.template.b).__name__ == "Scaled"
    saved = to_bytes(new)
    assert b'\\"schema\\":3' in saved
    monkeypatch.setattr(migrations, "MIGRATIONS", (to_times, fail))
    with pytest.raises(ValueError, match="go from schema 2 to 3: 'no such key'"):
        from_bytes(read(golden.CONTROLLER))
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"schema 3 of hybridctl .* is newer .*\(1\)"):
        from_bytes(saved)


def fail(manifest, arrays):
    raise KeyError("no such key")


def test_the_hash_is_that_of_what_was_written(monkeypatch):
    """A migration never sees a damaged file."""
    monkeypatch.setattr(migrations, "MIGRATIONS", (fail,))
    data = bytearray(read(golden.CONTROLLER))
    data[-1] ^= 1
    with pytest.raises(ValueError, match="damaged: the content"):
        from_bytes(bytes(data))
    with pytest.raises(ValueError, match="from schema 1 to 2"):
        checkpoint_file.from_bytes(read(golden.RUN))


def test_of_draws_that_all_lie_on_edges_the_firmest_is_kept(monkeypatch):
    apart, push = iter([3.0, 1.0, *[2.0] * 6]), hc.Constant([1.5])
    monkeypatch.setattr(answers, "_distance", lambda u, nudged: next(apart))
    y = answers.record(push, hc.ports.of(push), seed=0)[answers.Y]
    random = np.random.default_rng(0)
    draws = [random.standard_normal(y.shape, np.float32) for _ in range(2)]
    np.testing.assert_array_equal(y, draws[1])
