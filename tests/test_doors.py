"""Bad arguments get a sentence of the toolkit's own, whatever they are."""

import dataclasses
import inspect
import linecache
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import control
import numpy as np
import pytest

import hybridctl as hc
from hybridctl import tasks
from hybridctl.kinds import checked

HOME = str(Path(hc.__file__).parent)
BAD = {
    "nothing": None,
    "a text": "pole",
    "nan": np.nan,
    "a negative number": -1.0,
    "a huge number": 10**400,
    "a complex number": 1 + 2j,
    "an empty list": [],
    "a dict": {"a": 1},
    "an object": object(),
    "a function": lambda *a: 0,
    "a class": hc.CartPole,
    "rows of unequal length": [[1, 2], [3]],
    "texts": np.array(["a", "b"]),
    "a cube": np.zeros((2, 2, 2)),
    "four times nan": np.full(4, np.nan),
}
PLANT, TASK = hc.CartPole(), hc.tasks.get("balance")
UP, X, U = PLANT.upright(), np.zeros(4), np.zeros(1)
LQR, SLOT = hc.lqr(PLANT, UP, 1.0, 1.0, 0.02), hc.Slot(1)
A, B = np.eye(2, k=1), np.eye(2)[:, 1:]
ROW, FEATURES = np.ones((1, 4)), hc.Features.of(PLANT)
NEAR = hc.near(UP, theta=0.1)


def fields(thing: Any) -> dict[str, Any]:
    return {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing) if f.init}


def door(call: Callable, **good: Any) -> tuple[Callable, dict[str, Any]]:
    return call, good


DOORS = {
    **{
        f"{type(thing).__name__}": door(type(thing), **fields(thing))
        for thing in (
            PLANT, hc.Pendulum(), hc.Acrobot(), hc.DoubleCartPole(), hc.Thermostat(),
            hc.BouncingBall(), TASK, TASK.start, TASK.cost, LQR, FEATURES,
            hc.Loop(0.02), UP,
        )
    },
    "from_function": door(
        hc.Plant.from_function, f=lambda t, x, u: [x[1], u[0]], states=["x", "dx"],
        inputs=["u"], units=None, angles=(), limits=None,
    ),
    "equilibrium": door(PLANT.equilibrium, x=X, u=U),
    "linearize": door(hc.linearize, plant=PLANT, equilibrium=UP),
    "discretize": door(hc.discretize, A=A, B=B, dt=0.1),
    "care": door(hc.design.care, A=A, B=B, Q=1, R=1, N=None),
    "dare": door(hc.design.dare, A=A, B=B, Q=1, R=1, N=None),
    "lqrd": door(hc.design.lqrd, A=A, B=B, Q=1, R=1, dt=0.1, N=None),
    "place": door(hc.place, A=A, B=B, poles=[-1, -2]),
    "lqr": door(
        hc.lqr, plant=PLANT, equilibrium=UP, Q=1.0, R=1.0, dt=0.02, N=None,
        limit=None, loop=None,
    ),
    "kalman": door(
        hc.kalman, plant=PLANT, equilibrium=UP, dt=0.02, noise=0.1, disturbance=0.1,
        process=1e-3, outputs=("x", "theta"),
    ),
    "lqi": door(
        hc.lqi, plant=PLANT, equilibrium=UP, Q=1.0, R=1.0, dt=0.02, outputs=("x",),
        Qi=1.0,
    ),
    "tracking": door(
        hc.tracking, controller=LQR, plant=PLANT, equilibrium=UP, outputs=("x",)
    ),
    "tvlqr": door(
        hc.tvlqr, plant=PLANT, trace=(np.tile(UP.x, (3, 1)), np.zeros((2, 1))),
        equilibrium=UP, Q=1.0, R=1.0, dt=0.02,
    ),
    "from_control": door(
        hc.from_control, system=control.ss(-1.0, 1.0, 1.0, 0.0), dt=0.02,
        equilibrium=None, method="zoh",
    ),
    "get": door(hc.tasks.get, name="balance", plant=PLANT, loop=None, seconds=3.0),
    **{
        name: door(
            lambda name=name, **options: hc.tasks.get(name, **options), plant=PLANT,
            loop=TASK.loop, seconds=3.0, target=UP, start=TASK.start,
        )
        for name in tasks.names()
    },
    "short track": door(tasks.short_track, track=0.5),
    "push": door(tasks.push, impulse=5.0),
    "noisy": door(tasks.noisy, noise=1.0, delay=2, force=10.0),
    "reach": door(tasks.reach, plant=PLANT, target=UP, start=None, Q=None, R=None),
    "around": door(tasks.Box.around, centre=X, half=np.ones(4)),
    "Either": door(tasks.Either, a=TASK.start, b=TASK.start, share=0.5),
    "Vary": door(tasks.Vary, names=("m_c",), low=[0.1], high=[1.0]),
    "reference": door(hc.reference, name="lqr", task=TASK),
    "template": door(hc.template, name="ppo", task=TASK),
    "Constant": door(hc.Constant, u=U),
    "Sequence": door(hc.Sequence, u=np.zeros((3, 1))),
    "Slot": door(hc.Slot, size=1),
    "PID": door(hc.PID, kp=1.0, ki=1.0, kd=0.0, dt=0.02, column=1, setpoint=0.0),
    "Hold": door(hc.Hold, inner=LQR, every=2),
    "Argmax": door(hc.Argmax, inner=hc.Slot(2)),
    "Mix": door(hc.Mix, weights=[0.5, 0.5], controllers=[LQR, LQR]),
    "fill": door(hc.fill, template=5.0 * SLOT, agent=hc.Constant([0.0])),
    "near": door(hc.near, centre=UP, theta=0.1),
    "after": door(hc.after, time=3, dt=None),
    "level": door(hc.level, V=LQR.V, rho=1.0),
    "machine": door(
        hc.machine, modes={"a": hc.Constant([0.0]), "b": LQR}, edges={("a", "b"): NEAR},
        dwell=3,
    ),
    "Switch": door(hc.Switch, supervisor=hc.Argmax(hc.Slot(2)), modes=[LQR, LQR]),
    "EKF": door(hc.EKF, plant=PLANT, dt=0.02, noise=np.full(4, 0.1), columns=None),
    "Predictor": door(hc.Predictor, plant=PLANT, dt=0.02, delay=2, limit=None),
    "EnergySwingUp": door(hc.EnergySwingUp, plant=PLANT, pump=10.0, limit=None),
    "SafetyFilter": door(
        hc.SafetyFilter, controller=LQR, backup=LQR, inside=NEAR, plant=PLANT, dt=0.02
    ),
    "LinearController": door(
        hc.LinearController, A=np.eye(1), B=ROW, C=np.eye(1), D=ROW, x0=X, u0=U
    ),
    "Policy": door(
        hc.Policy, features=FEATURES, weights=[np.ones((FEATURES.size, 1))],
        biases=[np.zeros(1)], mean=np.zeros(FEATURES.size),
        std=np.ones(FEATURES.size), activation="tanh", dt=None, squash=None,
    ),
    "KalmanFilter": door(
        hc.KalmanFilter, A=np.eye(4), B=ROW.T, L=ROW.T, x0=X, u0=U, columns=(0,)
    ),
    "IntegralFeedback": door(
        hc.IntegralFeedback, K=ROW, K_i=np.eye(1), C=ROW, x0=X, u0=U, dt=0.02
    ),
    "AugmentedFeedback": door(
        hc.AugmentedFeedback, K=np.ones((1, 5)), x0=X, u0=U, X=np.eye(5), delay=1,
        lag=False,
    ),
    "TrajectoryFeedback": door(
        hc.TrajectoryFeedback, K=ROW, x=np.zeros((3, 4)), u=np.zeros((3, 1))
    ),
    "Shift": door(hc.Shift, gain=ROW.T),
    "follow": door(lambda names, output: hc.follow(names, output), names=PLANT,
                   output="x"),
    "schedule": door(
        lambda names, controllers, points: hc.schedule(names, controllers, x=points),
        names=PLANT, controllers=[LQR, LQR], points=[0.0, 1.0],
    ),
    "embed": door(hc.embed, controller=LQR, dt=0.02, language="python", real="double"),
    "drive": door(
        lambda pilot, **options: hc.drive(pilot, write=lambda u: None, **options),
        pilot=hc.embed(LQR, 0.02), read=lambda: X, dt=0.02, seconds=0.02, safe=[0.0],
        r=None, limits=None, on_late="skip", most_missing=10, timeout=None,
    ),
}  # fmt: skip


def escaped(error: Exception) -> bool:
    """Whether it was raised by Python or a library, and not as a sentence of ours."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(last.filename, last.lineno or 0).strip()
    own = last.filename.startswith(HOME) and line.startswith(("raise", "fail("))
    return not (own and isinstance(error, ValueError))


@pytest.mark.filterwarnings("ignore:A JAX array is being set as static")
@pytest.mark.parametrize("name", DOORS)
def test_a_bad_argument_gets_a_sentence(name):
    call, good = DOORS[name]
    call(**good)
    for argument in good:
        for label, bad in BAD.items():
            try:
                call(**(good | {argument: bad}))
            except Exception as error:
                told = f"{argument} given {label}: {type(error).__name__}: {error}"
                assert not escaped(error), told
                assert 10 < len(str(error)) < 600, told


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: hc.lqr("cartpole", UP, 1, 1), "'cartpole'; expected a Plant; for ex"),
        (lambda: hc.lqr(PLANT, X, 1, 1), r"ndarray of shape \(4,\); .*upright\(\), or"),
        (
            lambda: hc.lqr(hc.CartPole, UP, 1, 1),
            "the class CartPole; call it: CartPole",
        ),
        (lambda: hc.reference("machien", TASK), "machien.*did you mean 'machine'"),
        (lambda: hc.template("residul", TASK), "residul.*did you mean 'residual'"),
        (
            lambda: hc.reference("lqr", "swingup"),
            "task is a str, 'swingup'; expected a",
        ),
        (lambda: hc.tasks.get("swing-up"), "choose one of.*did you mean 'swingup'"),
        (
            lambda: hc.tasks.get("balance", plant=hc.Pendulum()),
            "about a cart-pole, and Pendulum has no x, dx .* hc.tasks.reach",
        ),
        (lambda: hc.Hold("lqr", 3), "inner of Hold is a str, 'lqr'; expected a Contr"),
    ],
)
def test_the_sentence_says_what_was_given_and_the_cure(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_plain_annotations_are_what_counts():
    @checked
    def call(a: float, b: tuple[int, ...] = (), *rest: Any, c: str | None = None):
        return a

    assert call(np.float32(2), [1, np.int32(2)]) == 2 == call(2, c="x")
    assert inspect.signature(call).parameters["a"].annotation is float
    for bad in ((True,), ("2",), (1, 3), (1, (1.5,)), (1j,)):
        with pytest.raises(ValueError, match="expected a"):
            call(*bad)
    with pytest.raises(ValueError, match="c is an int, 3; expected a text or None"):
        call(1, c=3)  # type: ignore[arg-type]


def test_a_user_s_annotations_are_the_user_s():
    class Own(hc.Controller):
        gain: float
        inner: hc.Constant

        def init(self, tick):
            return None

        def step(self, state, tick):
            return state, self.gain

    assert Own(np.ones(1), LQR).inner is LQR  # type: ignore[arg-type]


def test_transfer_functions_with_several_inputs_and_outputs():
    s = control.tf("s")
    rows = [[1 / s, 1 / s], [(s + 1) / (s + 10), 5 / (s**2 + s + 1)]]
    made = hc.from_control(control.combine_tf(rows), 0.02, method="zoh")
    assert made.A.shape == (4, 4) and made.D.shape == (2, 2)
    z = np.exp(0.02j)
    got = made.C @ np.linalg.solve(z * np.eye(4) - made.A, made.B) + made.D
    for i, row in enumerate(rows):
        for j, entry in enumerate(row):
            held = control.sample_system(entry, 0.02, method="zoh")
            np.testing.assert_allclose(got[i, j], held(z), rtol=1e-7)
    with pytest.raises(ValueError, match="more zeros than poles"):
        hc.from_control(control.combine_tf([[s, 1 / s]]), 0.02)
