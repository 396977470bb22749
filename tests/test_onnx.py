"""ONNX models do what the jitted controller does, and say what they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pilots
import pytest
import zoo
from pilots import CONTROLLERS, OWN

import hybridctl as hc
from hybridctl.codegen import simplify
from hybridctl.deploy.onnx_file import OnnxEngine
from hybridctl.deploy.parity import check

pytest.importorskip("jax2onnx")
onnxruntime = pytest.importorskip("onnxruntime")
KINDS = {"float": "onnx", "double": "double"}  # of number: how exact they are
QUICK = [("residual", "double"), ("lqg", "float"), ("newton", "float")]
LONG = QUICK[:1]  # a memory that goes over from Python shows the same
Y = np.array([0.1, 3.0, 0.2, -0.1])


def ride(name: str, real: str, loops: int, random: int, periods: int):
    made = pilots.graphs(name)
    kept = pilots.recorded(name, loops, random, periods)
    pilot = hc.Pilot(made, OnnxEngine(made, real))
    return check(made, pilot, KINDS[real], recording=kept, loops=loops)


@pytest.mark.parametrize(("name", "real"), zoo.sweep(QUICK, LONG))
def test_a_model_is_the_jitted_controller(name, real):
    found = ride(name, real, 6, 2, 80)
    assert found.periods == 640 and found.edges <= 6


@pytest.mark.long
@pytest.mark.parametrize("real", KINDS)
@pytest.mark.parametrize("name", [*CONTROLLERS, *OWN])
def test_every_controller_has_a_model(name, real, monkeypatch):
    if (name, real) == ("mpc", "float"):
        pytest.skip("an MPC does not keep within 1e-4 in float")
    monkeypatch.setattr("hybridctl.deploy.parity.PATIENCE", 100.0)
    found = ride(name, real, 16, 4, 100)
    assert name == "mpc" or (found.periods == 2000 and found.edges <= 20)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """The model of a policy."""
    with pytest.MonkeyPatch.context() as patch:
        pilots.shorten(patch)
        path = tmp_path_factory.mktemp("onnx") / "policy.onnx"
        rest = {"plant": pilots.TASK.plant, "on_missing": "nan"}
        return hc.export(CONTROLLERS["policy"], path, zoo.DT, **rest)


def test_a_policy_runs_in_a_closed_loop(policy):
    session = onnxruntime.InferenceSession(policy)
    assert [i.name for i in session.get_inputs()] == ["y"]
    pilot, x, worst = hc.embed(CONTROLLERS["policy"], zoo.DT), Y.copy(), 0.0
    for _ in range(100):
        (u,) = session.run(None, {"y": x.astype(np.float32)})
        worst = max(worst, abs(u[0] - pilot(x)[0]))
        x = 0.95 * x + 0.05 * np.sin([u[0], x[3], x[0], u[0] - x[1]])
    assert u.dtype == np.float32 and worst < 1e-4 and abs(x).max() > 0.01


def test_a_model_says_what_it_is(policy):
    meta = onnxruntime.InferenceSession(policy).get_modelmeta()
    facts = meta.custom_metadata_map
    assert facts["hybridctl"] == hc.__version__ and facts["dt"] == "0.02"
    assert "theta [rad]" in facts["y"] and facts["u"] == "force [N]"
    assert facts["sha256"] == pilots.graphs("policy").traced.hash
    assert 0 < float(facts["largest_difference"]) < 1e-4
    assert f"largest difference {facts['largest_difference']}" in facts["checked"]
    assert "random inputs and 4 closed loops" in facts["checked"]
    assert "exported by hybridctl" in meta.description
    assert meta.producer_name == "hybridctl"


def test_memory_goes_in_and_comes_out():
    """As in docs/howto/embed.md; what goes in at first does not count."""
    made = pilots.graphs("residual")
    engine = OnnxEngine(made)
    session = onnxruntime.InferenceSession(engine.model.SerializeToString())
    shapes = {i.name: i for i in session.get_inputs()}
    outs = [o.name for o in session.get_outputs()]
    assert outs[0] == "u" and "y" in shapes and "k" in shapes
    rows = {
        name: np.full(i.shape, 7, engine.memory[n].dtype)
        for n, (name, i) in enumerate(shapes.items())
        if name.startswith("memory.")
    }
    assert [name.replace("after", "memory") for name in outs[1:]] == list(rows)
    pilot = hc.Pilot(made, pilots.engine("residual", "python"))
    for k in range(30):
        y = Y + 0.1 * k
        feeds = {"k": np.array(k, np.int32), "y": y.astype(np.float32)}
        u, *after = session.run(None, feeds | rows)
        rows = dict(zip(rows, after, strict=True))
        np.testing.assert_allclose(u, pilot(y), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_memory_goes_over_from_python_to_a_model():
    made = pilots.graphs("residual")
    here = hc.Pilot(made, pilots.engine("residual", "python"))
    there = hc.Pilot(made, OnnxEngine(made, "double"))
    assert there.mode is None and set(there.state_dict()) == {"controller", "tick"}
    for i in range(7):
        here(Y + 0.1 * i)
    there.load_state_dict(here.state_dict())
    for i in range(5):
        np.testing.assert_allclose(there(Y - 0.1 * i), here(Y - 0.1 * i), rtol=1e-9)
    here.load_state_dict(there.state_dict())
    np.testing.assert_allclose(there(Y), here(Y), rtol=1e-9)
    assert here.mode == there.mode


def test_a_missing_measurement_is_held():
    pilots.check_holding("lqg", OnnxEngine(pilots.guarded("lqg"), "double"))


def test_what_has_no_counterpart_is_named(tmp_path, monkeypatch):
    monkeypatch.delitem(simplify.RULES, "lt_to")
    path = tmp_path / "newton.onnx"
    with pytest.raises(ValueError, match=r"Newton has no counterpart .*'lt_to'; "):
        hc.export(OWN["newton"], path, zoo.DT, plant=pilots.TASK.plant)
    assert not path.exists()


def test_a_missing_package_and_a_kind_of_number_get_a_sentence(tmp_path, monkeypatch):
    lqr = CONTROLLERS["lqr"]
    with pytest.raises(ValueError, match=r"numbers in a \.py file are double"):
        hc.export(lqr, tmp_path / "a.py", zoo.DT, real="float")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"jax2onnx is not .* 'hybridctl\[export\]'"):
        hc.export(lqr, tmp_path / "a.onnx", zoo.DT)


def test_plain_operations_give_the_same():
    """A switch of four, a backward scan, truth values, a loop and a batch of loops."""

    def odd(n, x):
        def turn(c, row):
            return 0.5 * c + row, c * row

        last, rows = jax.lax.scan(turn, x[0], x, reverse=True)
        cases = [lambda v, i=i: v * (i + 1) - i for i in range(4)]
        v = jax.lax.switch(n, cases, rows + last)
        flag = jnp.where(v > 0.1, x > 0, v < -0.3)
        grown = lambda c: jax.lax.while_loop(lambda c: c < 5, lambda c: c + 1.1, c)  # noqa: E731
        late = grown(last), jax.vmap(grown)(x)
        return v, flag, jnp.searchsorted(jnp.linspace(-1.0, 1.0, 5), v), *late

    x = np.random.default_rng(0).normal(size=6)
    closed = jax.make_jaxpr(odd)(1, x)
    both = jax.jit(lambda n: (simplify.plain(closed, n, x), odd(n, x)))
    flags = set()
    for n in (-2, 0, 1, 2, 3, 9):
        for a, b in zip(*both(n), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
        flags |= set(np.asarray(both(n)[0][1]).tolist())
    assert flags == {True, False}
