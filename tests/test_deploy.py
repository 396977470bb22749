import errno
import hashlib
import io
import itertools
import json
import os
import pickle
import subprocess
import sys
import zipfile

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import hybridctl as hc
from hybridctl import files
from hybridctl.controllers import (
    Argmax,
    Constant,
    Controller,
    EnergySwingUp,
    Features,
    Guard,
    Hold,
    Mix,
    Policy,
    Sequence,
    Slot,
    StateFeedback,
    StateMachine,
    Switch,
    after,
    beyond,
    demands,
    fill,
    level,
    machine,
    near,
)
from hybridctl.controllers.trial import sizes
from hybridctl.store import answers, load, register, registry, save
from hybridctl.store.container import HEADER_CAP, pack, unpack
from hybridctl.store.decode import decode
from hybridctl.store.encode import DEPTH, encode
from hybridctl.store.save import from_bytes, to_bytes

PLANT = hc.CartPole(m_p=0.15, pole_friction=0.01)
UP = PLANT.upright()
GAIN = np.array([[-1.0, 40.0, -2.5, 9.0]])
X = np.diag([2.0, 30.0, 2.0, 3.0]) + 0.1
LQR = StateFeedback(GAIN, UP.x, UP.u, X, 10.0, UP.angles, 0.02)
FREE = StateFeedback(GAIN.astype(np.float32), UP.x, UP.u)
PUMP = EnergySwingUp(PLANT, 30.0, track=1.9, limit=10.0)


def policy(features, n_out=1, dt=None, width=8, array=jnp.asarray):
    random = np.random.default_rng(3)
    sizes = (features.size, width, width, n_out)
    layers = [random.normal(size=s) for s in itertools.pairwise(sizes)]
    weights = [array(w.astype(np.float32)) for w in layers]
    biases = [array(np.full(n, 0.1, np.float32)) for n in sizes[1:]]
    ones = np.ones(features.size)
    return Policy(features, weights, biases, 0.1 * ones, 2 * ones, "swish", dt)


def build_machine(swing=PUMP):
    catch = near(UP, theta=1.4, dtheta=6.0) & ~demands(LQR, 17.0) & after(2)
    catch = catch | level(LQR.V < 1.5)
    leave = beyond(UP, theta=1.5) | demands(LQR, 30.0)
    rest = Constant([0.0])
    return machine(
        {"swing": swing, "balance": LQR, "rest": rest},
        {
            ("swing", "balance"): catch,
            ("balance", "swing"): leave,
            ("rest", "swing"): after(0.1, dt=0.02),
        },
        dwell=0.06,
        start="rest",
    )


@register
class Integral(Controller):
    """A user's controller: leaves of every kind, and a memory."""

    gain: float
    parts: dict
    rows: list
    table: np.ndarray
    shift: jax.Array
    label: str = eqx.field(static=True, default="é\n\"'\\")
    nested: tuple = eqx.field(static=True, default=((1, 2.0), (True, None, "x")))
    edge: float = eqx.field(static=True, default=-np.inf)

    def init(self, tick):
        return jnp.zeros(1)

    def step(self, state, tick):
        state = state + self.gain * tick.y[2:3] @ self.table
        return state, state + self.parts["b"] + self.rows[1] + self.shift


@register
class Holder(Controller):
    """Holds anything."""

    value: object = None
    fixed: object = eqx.field(static=True, default=None)

    def init(self, tick):
        return None

    def step(self, state, tick):
        return state, jnp.zeros(1)


@register
def tip(x):
    """Where the pole ends: a user's output equation."""
    return jnp.stack([x[0] + jnp.sin(x[1])])


@register(name="inside")
class Inside(Guard):
    """A user's guard."""

    radius: jax.Array

    def __call__(self, tick, age):
        return jnp.abs(tick.y[0]) < self.radius


INTEGRAL = Integral(
    0.5,
    {"b": jnp.float32(0.25), "a": np.float32(3)},
    [None, np.int32(2)],
    np.ones((1, 1), np.float32),
    jnp.asarray([1e-3]),
)
TEMPLATE = build_machine(PUMP + 20.0 * Hold(Slot(1), every=4))
FULL = Features.of(PLANT, applied=True, n_modes=3)
CONTROLLERS = {
    "constant": Constant([1.5]),
    "constant on the device": Constant(jnp.asarray([0.1, 0.2])),
    "sequence": Sequence(np.linspace(0, 1, 7)[:, None]),
    "nothing in it": Holder(np.zeros((0, 3), np.uint8), ((), {}, [])),
    "slot": Slot(2),
    "scaled": -2.0 * Slot(1),
    "scaled by a vector": jnp.asarray([1.0, 2.0]) * Slot(2),
    "sum": LQR - 5.0 * Slot(1),
    "series": FREE >> Constant([1.0]),
    "hold": Hold(FREE, every=3),
    "mix": Mix([0.25, 0.75], (Constant([1.0]), FREE)),
    "mix by a controller": Mix(Slot(2), [Constant([1.0]), Constant([2.0])]),
    "argmax": Argmax(Slot(3)),
    "switch": Switch(Hold(Argmax(policy(FULL, 2)), 5), {"a": LQR, "b": PUMP}),
    "feedback": FREE,
    "feedback with limit": LQR,
    "swing-up": PUMP,
    "machine": build_machine(),
    "policy": policy(Features(4, (1, 3))),
    "policy on the host": policy(Features(4, (3, 0)), array=np.asarray),
    "filled": fill(TEMPLATE, policy(FULL, dt=0.08)),
    "integral": INTEGRAL,
    "guard": Switch(
        StateMachine([Inside(jnp.float32(0.5))], [0], [1], jnp.int32(2)),
        [Constant([1.0]), Constant([-1.0])],
    ),
    "changed leaf": eqx.tree_at(lambda c: c.limit, LQR, 7.5),
    "float32 leaf": eqx.tree_at(lambda c: c.K, LQR, np.float32(GAIN)),
}


def assert_same(a, b):
    (these, tree), (those, other) = jax.tree.flatten(a), jax.tree.flatten(b)
    assert tree == other
    for this, that in zip(these, those, strict=True):
        assert type(this) is type(that)
        assert np.asarray(this).dtype == np.asarray(that).dtype
        assert np.asarray(this).shape == np.asarray(that).shape
        assert np.asarray(this).tobytes() == np.asarray(that).tobytes()


# ---------------------------------------------------------------- law 4


@pytest.mark.parametrize("name", CONTROLLERS)
def test_what_is_loaded_is_what_was_saved(name, tmp_path):
    controller = CONTROLLERS[name]
    path = save(tmp_path / "c", controller)
    again = load(path)
    assert_same(controller, again)
    assert save(tmp_path / "d", again).read_bytes() == path.read_bytes()
    y = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    known = sizes(controller, controller.ports, 4)
    first, then = (answers.replay(c, known, y, 0.02) for c in (controller, again))
    np.testing.assert_array_equal(first, then)


def test_every_final_class_of_the_toolkit_is_known():
    known = registry.toolkit()
    assert {"CartPole", "Filled", "Demands", "Quadratic", "Features"} <= set(known)
    assert not {"Controller", "Guard", "Plant", "MechanicalPlant"} & set(known)
    assert {"MPC", "EKF", "Cost", "Fenced"} <= set(known)
    assert all(registry.name_of(cls) == name for name, cls in known.items())


SCRIPT = """
import sys
import hybridctl as hc
controller = hc.load(sys.argv[1])
plant = hc.CartPole(m_p=0.15, pole_friction=0.01)
trace = hc.simulate(plant, controller, [0.1, 0.2, 0.0, 0.0], 3.0, 0.02)
print(trace.x.tobytes().hex(), trace.u.tobytes().hex(), trace.mode.tobytes().hex())
"""


@pytest.mark.slow
def test_another_process_simulates_the_same_bits(tmp_path):
    path = save(tmp_path / "filled", CONTROLLERS["filled"])
    assert_same(load(path), CONTROLLERS["filled"])
    run = (PLANT, CONTROLLERS["filled"], [0.1, 0.2, 0.0, 0.0], 3.0, 0.02)
    trace = hc.simulate(*run)
    loaded = hc.simulate(run[0], load(path), *run[2:])
    np.testing.assert_array_equal(trace.x, loaded.x)
    assert len(set(np.asarray(trace.mode))) > 1
    there = subprocess.run(
        [sys.executable, "-c", SCRIPT, path],
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout.split()
    here = [np.asarray(a).tobytes().hex() for a in (trace.x, trace.u, trace.mode)]
    assert there == here


def test_the_file_opens_anywhere_and_says_what_it_is(tmp_path):
    path = save(tmp_path / "machine", CONTROLLERS["machine"])
    with safetensors.safe_open(path, "np") as file:
        manifest = json.loads(file.metadata()["hybridctl"])
        K = file.get_tensor("controller.modes.1.K")
    np.testing.assert_array_equal(K, GAIN)
    assert manifest["schema"] == 1
    assert manifest["hybridctl"] == hc.__version__
    assert manifest["controller"]["class"] == "Switch"
    assert manifest["dt"] == 0.02
    assert manifest["signals"]["u"] == [["force", "N"]]
    assert manifest["signals"]["y"][1] == ["theta", "rad"]
    entry = {"dtype": "float64", "shape": [1, 4]}
    assert manifest["arrays"]["controller.modes.1.K"] == entry


def test_the_period_is_the_one_of_the_loop():
    learned = fill(10.0 * Hold(Slot(1), 4), policy(FULL, dt=0.08))
    assert unpack(to_bytes(learned))[0]["dt"] == pytest.approx(0.02)
    assert unpack(to_bytes(Slot(1)))[0]["dt"] is None


def test_double_precision_comes_and_goes():
    data = to_bytes(CONTROLLERS["filled"])
    with jax.enable_x64(True):
        assert_same(from_bytes(data), CONTROLLERS["filled"])
        fine = Constant(jnp.asarray([1 / 3]))
        data = to_bytes(fine)
        assert_same(from_bytes(data), fine)
    assert from_bytes(data).u.tobytes() == np.float64(1 / 3).tobytes()


# ---------------------------------------------------------------- damage


SMALL = to_bytes(Mix([0.5], [StateFeedback([[1.0, -2.0]], [0.0, 1.0], [0.5])]))


def refused(data, match=None):
    with pytest.raises(ValueError, match=match) as caught:
        from_bytes(data)
    message = str(caught.value)
    assert message and len(message) < 600


def test_every_flipped_bit_is_found():
    data = bytearray(SMALL)
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError):
            unpack(bytes(data))
        data[bit // 8] ^= 1 << bit % 8
    from_bytes(bytes(data))


def mutate(random, data):
    i, j, k = sorted(random.integers(0, len(data), 3))
    noise = random.bytes(j - i + 1)
    other = to_bytes(Slot(1))
    return random.choice(
        np.array(
            [
                data[:i],
                data[:i] + data[j + 1 :],
                data[:i] + noise + data[j + 1 :],
                data[:i] + noise + data[i:],
                data[:i] + data[j:k] + data[i:],
                data[:k] + other[i:],
                data + noise,
                data[:i] + bytes(j - i + 1) + data[j + 1 :],
            ],
            dtype=object,
        )
    )


def test_no_mutated_file_loads():
    random = np.random.default_rng(0)
    for _ in range(300):
        data = mutate(random, SMALL)
        if data != SMALL:
            refused(data)


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("controller", SMALL)
    return buffer.getvalue()


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trap",)


def with_length(size):
    return size.to_bytes(8, "little") + SMALL[8:]


FOREIGN = {
    "empty": b"",
    "text": b"K = [1, 2, 3, 4]\n" * 100,
    "pickle": pickle.dumps(Trap()),
    "zip": zipped(),
    "zeros": bytes(1000),
    "huge header": with_length(2**63),
    "header of the whole file": with_length(len(SMALL) - 8),
    "no header": with_length(0),
    "numbers": (4).to_bytes(8, "little") + b"1234",
    "deep": (99_999).to_bytes(8, "little") + b"[" * 99_999,
    "other tensors": safetensors.numpy.save({"w": np.ones(3)}),
    "other metadata": safetensors.numpy.save({"w": np.ones(3)}, {"a": "b"}),
    "manifest of text": safetensors.numpy.save({}, {"hybridctl": "hello"}),
    "manifest of NaN": safetensors.numpy.save({}, {"hybridctl": '{"schema":NaN}'}),
    "deep manifest": safetensors.numpy.save({}, {"hybridctl": "[" * 99_999}),
    "big number": safetensors.numpy.save({}, {"hybridctl": "1" * 99_999}),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_are_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(FOREIGN[name])
    (tmp_path / "x.safetensors").write_bytes(FOREIGN[name])
    with pytest.raises(ValueError, match=r"cannot load x\.safetensors: "):
        load("x.safetensors")
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nothing"):
        load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="is a folder"):
        load(tmp_path)
    with open(tmp_path / "large", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="1048576 MiB"):
        load(tmp_path / "large")
    with open(tmp_path / "header", "wb") as file:
        file.write((2 * HEADER_CAP).to_bytes(8, "little"))
        file.truncate(3 * HEADER_CAP)
    with pytest.raises(ValueError, match="header of 2097152 bytes"):
        load(tmp_path / "header")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe"):
        load(tmp_path / "pipe")


# ---------------------------------------------------------------- strangers


def crafted(edit, controller=LQR, arrays=None):
    """A file with a right hash, but a manifest and arrays that were tampered with."""
    manifest, stored = unpack(to_bytes(controller))
    fields = manifest["controller"]["fields"]
    stored = {**stored, **(arrays or {})}
    edit(manifest, fields, stored)
    return pack({k: v for k, v in manifest.items() if k != "sha256"}, stored)


def put(**values):
    return lambda manifest, fields, arrays: fields.update(values)


def head(**values):
    return lambda manifest, fields, arrays: manifest.update(values)


def array(**values):
    def edit(manifest, fields, arrays):
        named = {f"controller.{k.replace('__', '.')}": v for k, v in values.items()}
        arrays.update({k: np.asarray(v) for k, v in named.items()})

    return edit


def lack(name):
    return lambda manifest, fields, arrays: arrays.pop(name)


def nest(levels):
    node = None
    for _ in range(levels):
        node = {"tuple": [node]}
    return node


def nest_many(parts):
    slot = {"class": "Slot", "fields": {}}
    return {"tuple": [{"tuple": [slot] * (parts // 7)} for _ in range(8)]}


def of_class(name):
    return head(controller={"class": name, "fields": {}})


def of_fields(fields):
    return head(controller={"class": "Slot", "fields": fields})


CRAFTED = {
    "newer schema": (head(schema=2), "update hybridctl"),
    "no schema": (head(schema="1"), "schema is '1'"),
    "key too many": (head(extra=1), "unknown: extra"),
    "unknown class": (of_class("Evil"), "no class 'Evil' is registered"),
    "user's class": (of_class("user:Evil"), "decorate that class with @hybridctl"),
    "builtin": (of_class("os.system"), "no class 'os.system'"),
    "abstract": (of_class("Controller"), "no class 'Controller'"),
    "plant": (of_class("CartPole"), "no part uses"),
    "no name": (of_class(3), "a class needs a name"),
    "no tree": (head(controller=7), "no part uses"),
    "list": (head(controller=[]), "bare list"),
    "unknown node": (put(dt={"code": "1"}), r"no node of this format.*code"),
    "unknown field": (put(speed=1.0), "unexpected keyword argument 'speed'"),
    "bad float": (put(dt={"float": "os"}), "no float"),
    "bad dict": (put(dt={"dict": [["a", 1]]}), "needs an object"),
    "bad fields": (of_fields([]), "needs an object"),
    "bad tuple": (put(angles={"tuple": 5}), "needs a list"),
    "bad kind": (put(K={"array": ["numpy"]}), "unknown array"),
    "no field": (lambda m, f, a: f.pop("K"), "missing.*'K'"),
    "deep": (put(angles=nest(DEPTH + 1)), "levels of parts"),
    "deeper": (put(angles=nest(400)), "levels of parts"),
    "wide": (put(angles={"tuple": [0] * 1001}), "more than 1000 parts"),
    "many": (put(dt=nest_many(1001)), "more than 1000 parts"),
    "deepest": (put(angles=nest(460)), "levels of parts|no JSON"),
    "shape": (array(K=np.ones((1, 3))), r"K has shape \(1, 3\), expected \(1, 4\)"),
    "nan": (array(K=np.full((1, 4), np.nan)), "not finite"),
    "lacking array": (lack("controller.K"), "no array 'controller.K'"),
    "array too many": (array(extra=np.ones(2)), "no part uses: controller.extra"),
    "other gain": (array(K=-GAIN), "self-test failed"),
    "no test": (lack("test.u"), "no self-test"),
    "empty test": (lambda m, f, a: a.update({"test.y": a["test.y"][:0]}), r"\(0, 4\)"),
    "short test": (lambda m, f, a: a.update({"test.u": a["test.u"][:9]}), r"\(9, 1\)"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files_are_refused(name):
    edit, message = CRAFTED[name]
    refused(crafted(edit), message)


def test_constructors_check_what_a_file_gives():
    refused(crafted(array(plant__m_p=-1.0), PUMP), "CartPole.*m_p=-1.0 must be above 0")
    refused(crafted(put(every=0), Hold(FREE, 2)), "every=0")


def test_a_file_cannot_ask_for_all_memory():
    node = encode(Argmax(Hold(Slot(10**9), 2)), "controller", {})
    refused(
        crafted(head(controller=node), Argmax(Slot(2))), "2000000008 steps to trace"
    )
    refused(crafted(put(size=10**12), Slot(1)), "00002 steps to trace")


# ---------------------------------------------------------------- what is not saved


class Stranger(Controller):
    """Not registered."""

    def init(self, tick):
        return None

    def step(self, state, tick):
        return state, jnp.zeros(1)


def deep(levels):
    controller = Slot(1)
    for _ in range(levels):
        controller = -controller
    return controller


def endless():
    holder = Holder(fixed=[])
    holder.fixed.append(holder.fixed)  # after construction, where equinox looks
    return holder


UNSAVED = {
    "no controller": (UP, "save takes a Controller, a Value or a Plant, got Equili"),
    "not registered": (5.0 * Stranger(), "Stranger is not registered"),
    "function": (Holder(fixed=jnp.tanh), r"controller\.fixed is a .*its name"),
    "bytes": (Holder(fixed=(1, b"x")), r"controller\.fixed\.1 is a bytes"),
    "key": (Holder(jax.random.key(0)), "dtype key"),
    "bfloat16": (Holder(jnp.ones(2, jnp.bfloat16)), "dtype bfloat16"),
    "words": (Holder(np.array(["a"])), "dtype <U1"),
    "big endian": (Holder(np.ones(2, ">f8")), "dtype >f8"),
    "masked": (Holder(np.ma.ones(2)), "MaskedArray"),
    "keys": (Holder({1: 2.0}), r"controller\.value has keys \[1\]"),
    "keys of arrays": (
        Holder({"a.b": jnp.ones(1), "a": {"b": jnp.ones(1)}}),
        r"two arrays are called controller\.value\.a\.b",
    ),
    "endless": (endless(), "levels of parts"),
    "deep": (deep(DEPTH + 1), "levels of parts"),
    "nan": (Constant(jnp.array([jnp.nan])), "not finite"),
    "does not run": (Hold(Constant([1.0]), 10**30), "does not run: OverflowError"),
    "too many parts": (Holder(fixed=("x" * 2**20,)), "too many parts"),
}


@pytest.mark.parametrize("name", UNSAVED)
def test_what_no_file_can_hold_is_refused(name, tmp_path):
    controller, message = UNSAVED[name]
    with pytest.raises(ValueError, match=message):
        save(tmp_path / "c", controller)
    assert os.listdir(tmp_path) == []


def test_save_is_no_part_of_a_compiled_function(tmp_path):
    with pytest.raises(ValueError, match="outside jit"):
        jax.jit(lambda u: save(tmp_path / "c", Constant(u)))(jnp.ones(1))


def test_deep_controllers_are_kept():
    assert_same(from_bytes(to_bytes(deep(60))), deep(60))


def test_a_class_is_registered_before_it_is_loaded(monkeypatch):
    data = to_bytes(INTEGRAL)
    monkeypatch.delitem(registry._users, "user:Integral")
    refused(data, "'user:Integral'.*@hybridctl.register")


def test_only_classes_that_can_be_rebuilt_are_registered():
    class Twisted(Stranger):
        def __init__(self, other):
            del other

    class Own(eqx.Module):
        size: int

        def __init__(self, width):
            self.size = width

    for wrong in (Controller, int, "Slot", Slot(1)):
        with pytest.raises(ValueError, match="cannot be registered"):
            register(wrong)
    with pytest.raises(ValueError, match="has no size"):
        register(Own)
    with pytest.raises(ValueError, match=r"'inside' is taken by .*\.Inside"):
        register(name="inside")(Stranger)
    assert register(Integral) is Integral


def test_a_function_is_kept_by_the_name_it_is_registered_by():
    def local(x):
        return x[:1]

    kept = hc.EKF(hc.CartPole(), 0.02, 0.01, outputs=tip, names=("tip",))
    arrays = {}
    node = encode(kept, "c", arrays)
    assert node["fields"]["outputs"] == {"function": "user:tip"}
    assert eqx.tree_equal(decode(node, "c", arrays), kept, typematch=True)
    with pytest.raises(ValueError, match="no function 'user:Inside' is registered"):
        decode({"function": "user:Inside"}, "c", {})
    with pytest.raises(ValueError, match="no class 'user:tip' is registered"):
        decode({"class": "user:tip", "fields": {}}, "c", {})
    with pytest.raises(ValueError, match=r"c\.outputs: local is not registered"):
        encode(hc.EKF(hc.CartPole(), 0.02, 0.01, outputs=local), "c", {})
    with pytest.raises(ValueError, match="expected one that a module defines"):
        register(local)
    plant = hc.Plant.from_function(lambda t, x, u: [u[0]], ["a"], ["f"])
    with pytest.raises(ValueError, match="is a plant made of functions"):
        encode(hc.EKF(plant, 0.02, 0.01), "c", {})


# ---------------------------------------------------------------- the disk


def test_paths(tmp_path):
    assert save(tmp_path / "a", Slot(1)).name == "a.safetensors"
    assert save(str(tmp_path / "a.safetensors"), Slot(2)).name == "a.safetensors"
    assert load(tmp_path / "a").size == load(f"{tmp_path}/a.safetensors").size == 2
    with pytest.raises(ValueError, match=r"'\.pkl', expected '\.safetensors'"):
        save(tmp_path / "a.pkl", Slot(1))
    with pytest.raises(ValueError, match="is a folder"):
        save(tmp_path, Slot(1))
    (tmp_path / "b.safetensors").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        save(tmp_path / "b", Slot(1))
    with pytest.raises(ValueError, match="cannot write"):
        save(tmp_path / "lacking" / "a", Slot(1))
    with pytest.raises(ValueError, match="cannot write"):
        save(tmp_path / "a.safetensors" / "c", Slot(1))
    assert sorted(os.listdir(tmp_path)) == ["a.safetensors", "b.safetensors"]


def test_an_unwritable_folder(tmp_path, monkeypatch):
    def refuse(*args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files, "open", refuse, raising=False)  # root may write anywhere
    with pytest.raises(ValueError, match=r"cannot write .*Permission denied"):
        save(tmp_path / "a", Slot(1))
    (tmp_path / "b").touch()
    with pytest.raises(ValueError, match=r"cannot read .*Permission denied"):
        load(tmp_path / "b")


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_the_old_file_survives(call, error, tmp_path, monkeypatch):
    path = save(tmp_path / "best", Slot(1))
    before = hashlib.sha256(path.read_bytes()).digest()

    def stop(*args):
        raise error

    monkeypatch.setattr(os, call, stop)
    with pytest.raises((KeyboardInterrupt, ValueError)) as caught:
        save(path, Slot(2))
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["best.safetensors"]
    assert hashlib.sha256(path.read_bytes()).digest() == before
    assert load(path).size == 1
    assert isinstance(caught.value, KeyboardInterrupt) or "No space" in str(
        caught.value
    )
