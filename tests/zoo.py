"""One of every controller and template: what the laws are run over."""

import dataclasses
import itertools
from collections.abc import Container, Iterable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core

import hybridctl as hc
from hybridctl.controllers.fill import action_size
from hybridctl.controllers.value_network import Physical
from hybridctl.plants.flow import fixed_step
from hybridctl.rounding import is_exact

DT = 0.02


def task(name: str = "global") -> hc.Task:
    """A registered task, short."""
    return hc.tasks.get(name, seconds=2.0)


def policy(t: hc.Task, size: int = 1, **features: object) -> hc.Policy:
    """An untrained 2x32 policy."""
    rng = np.random.default_rng(3)
    features = hc.Features.of(t.plant, **features)
    widths = (features.size, 32, 32, size)
    pairs = list(itertools.pairwise(widths))
    weights = [rng.normal(size=pair) / np.sqrt(pair[0]) for pair in pairs]
    biases = [0.1 * rng.normal(size=pair[1]) for pair in pairs]
    ones = np.ones(features.size)
    return hc.Policy(features, weights, biases, 0.1 * ones, 2.0 * ones)


def remembering(t: hc.Task) -> hc.Policy:
    """The same behind a GRU."""
    rng, bare = np.random.default_rng(5), policy(t)
    m, k = bare.features.size, 6
    shapes = (m, 3 * k), (k, 3 * k), (3 * k,), (k,)
    memory = hc.GRU(*(rng.uniform(-0.4, 0.4, shape) for shape in shapes))
    first = np.concatenate([bare.weights[0], rng.normal(size=(k, 32))])
    weights = [first, *bare.weights[1:]]
    return dataclasses.replace(bare, weights=weights, memory=memory)


def controllers(t: hc.Task) -> dict[str, hc.Controller]:
    """One of every kind, on a task."""
    lqr, machine = hc.reference("lqr", t), hc.reference("machine", t)
    up, pump = t.target, machine.modes[0]
    rng = np.random.default_rng(0)
    level = hc.machine(
        {"swing": pump, "balance": lqr},
        [
            ("swing", "balance", hc.level(lqr.V < 20.0) | hc.near(up, theta=0.3)),
            ("balance", "swing", hc.beyond(up, theta=0.6, dtheta=6.0) & hc.after(10)),
        ],
        dwell=0.1,
    )
    slot, known = hc.Slot(1), hc.template("residual", t)
    slow = hc.Loop(DT, actuator=hc.Actuator(limit=10.0, delay=2, lag=0.03))
    weights = t.plant, up, [1, 10, 1, 1], 0.1, DT
    along = 0.1 * np.sin(np.outer(np.arange(41), [0, 0.1, 0, 0.2])), np.ones((40, 1))
    return {
        "constant": hc.Constant([0.5]),
        "sequence": hc.Sequence(rng.uniform(-5, 5, (100, 1))),
        "lqr": lqr,
        "unlimited": dataclasses.replace(lqr, limit=None),
        "sum": lqr + hc.Constant([0.1]),
        "probe": lqr + hc.Probe("residual", hc.Constant([0.1])),
        "scaled": 0.5 * lqr,
        "series": differentiated() >> lqr,
        "hold": hc.Hold(lqr, every=1) + hc.Hold(hc.Constant([0.2]), every=3),
        "mix": hc.Mix([0.7, 0.3], [lqr, pump]),
        "pump": pump,
        "machine": machine,
        "level": level,
        "argmax": hc.fill(hc.Switch(hc.Argmax(hc.Slot(2)), [pump, lqr]), policy(t, 2)),
        "policy": hc.fill(10.0 * slot, policy(t)),
        "residual": hc.fill(known, policy(t, action_size(known), n_modes=2, age=True)),
        "compensator": compensator(lqr),
        "history": hc.fill(10.0 * slot, policy(t, applied=True, history=3)),
        "memory": hc.fill(10.0 * slot, remembering(t)),
        "delayed": hc.lqr(*weights, loop=slow),
        "integral": hc.lqi(*weights, outputs=("x",), limit=10.0),
        "follow": hc.follow(t.plant, "x") >> lqr,
        "feedforward": lqr + hc.Feedforward([[0.5]]),
        "scheduled": hc.schedule(t.plant, [lqr, 0.9 * lqr], dtheta=[0.0, 2.0]),
        "trajectory": hc.tvlqr(t.plant, along, *weights[1:]),
        "observed": hc.fill(observer() >> (lqr + 5.0 * slot), policy(t)),
        "pid": hc.PID(60.0, 5.0, 15.0, dt=DT, column=1, setpoint=np.pi, angle=True),
        "lqg": hc.kalman(t.plant, up, DT, [0.01, 0.02, 0.1, 0.1], 0.5) >> lqr,
        "ekf": hc.EKF(t.plant, DT, [0.01, 0.02, 0.1, 0.1], 0.5) >> machine,
        "predictor": hc.Late(hc.Predictor(t.plant, DT, 2, 10.0, lag=0.03), 1) >> lqr,
        "mpc": planner(t, lqr),
        "greedy": greedy(t, lqr),
        "lookahead": greedy(t, lqr, inputs=[[-9.0], [-1.0], [1.0], [9.0]], ahead=0.04),
        "hjb": learned(t),
        "adaptive": adaptive(t),
        "safe": hc.SafetyFilter(pump, lqr, hc.level(lqr.V < 3.0), t.plant, DT, 10.0),
    }


def differentiated() -> hc.Controller:
    """A state from positions alone."""
    positions = hc.StateFeedback(-np.eye(2, 4), np.zeros(4), np.zeros(2))
    return positions >> hc.Differentiate(DT, cutoff=60.0, angles=(1,))


def foreign(t: hc.Task) -> hc.Controller:
    """A Python function, which no program can hold."""
    return hc.fill(10.0 * hc.Slot(1), hc.Foreign(pushed, hc.Features.of(t.plant)))


def pushed(seen: np.ndarray) -> np.ndarray:
    """What somebody else's function answers."""
    return 0.1 * seen[:1]


def planner(t: hc.Task, lqr: hc.StateFeedback) -> hc.MPC:
    """A short-sighted MPC, quick to compile."""
    return hc.MPC(t.plant, t.cost, lqr, DT, 10.0, horizon=8, iterations=1)


def greedy(t: hc.Task, lqr: hc.StateFeedback, **options: object) -> hc.Greedy:
    """Greedy in a coarse grid of an LQR's cost-to-go."""
    high = np.array([2.4, 2 * np.pi, 4.0, 8.0])
    low, sizes = -high * [1, 0, 1, 1], (5, 9, 5, 7)
    axes = [np.linspace(*ends) for ends in zip(low, high, sizes, strict=True)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = np.minimum(jax.vmap(lqr.V)(x.reshape(-1, 4)), 500.0).reshape(sizes)
    value = hc.GridValue(values, low, high, periodic=(1,))
    return hc.Greedy(t.plant, t.cost, value, limit=10.0, dt=DT, **options)


def learned(t: hc.Task) -> hc.Greedy:
    """Greedy in a small random network, with the LQR's cost-to-go for a lock."""
    rng, lqr = np.random.default_rng(3), hc.reference("lqr", t)
    features = Physical(t.plant, t.target.x, np.full(13, 2.0))
    weights = [0.5 * rng.normal(size=s) for s in ((13, 8), (8, 8), (8, 1))]
    biases = [np.zeros(8), np.zeros(8), np.zeros(1)]
    lock = hc.level(lqr.V, lqr.unsaturated(10.0))
    value = hc.NetworkValue(features, weights, biases, 2.0, lock)
    return hc.Greedy(t.plant, t.cost, value, limit=10.0, dt=DT)


def uncertain() -> hc.plants.UncertainPlant:
    """A cart-pole of which two numbers are unknown."""
    vary = hc.tasks.Vary(("m_p", "L"), [0.08, 0.8], [0.12, 1.2], ("log", "linear"))
    return hc.plants.UncertainPlant(hc.CartPole(), vary)


def adaptive(t: hc.Task) -> hc.Controller:
    """An LQR that is designed for parameters which an observer tells."""
    plant = uncertain()
    sigma = np.array([[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
    known = [plant.vary.at(0.5 + 0.5 * row, plant.plant) for row in sigma]
    lqrs = [hc.lqr(p, t.target, [1, 10, 1, 1], 0.1, DT, limit=10.0) for p in known]
    family = hc.controllers.Family.fitted(lqrs, sigma, degree=1)
    told = [0.0, 0.0, 0.0, 0.0, 0.3, -0.5]
    observer = hc.StateFeedback(-np.eye(6, 4), np.zeros(4), told)
    states = tuple((s.name, s.unit) for s in plant.ports.y)
    return observer >> hc.controllers.Adaptive(family, states, plant.angles)


def compensator(lqr: hc.StateFeedback) -> hc.Controller:
    """A linear controller with memory beside the gain of a feedback."""
    A, B, C = [[0.6, 0.1], [0.0, 0.5]], 0.1 * np.eye(2, 4), [[0.5, -0.8]]
    return hc.LinearController(A, B, C, -lqr.K, lqr.x0, lqr.u0, lqr.angles, DT)


def plants() -> dict[str, hc.Plant]:
    """One of every plant."""
    return {
        "cart-pole": hc.CartPole(),
        "with friction": hc.CartPole(cart_friction=0.3, pole_friction=0.05),
        "pendulum": hc.Pendulum(friction=0.1),
        "acrobot": hc.Acrobot(),
        "pendubot": hc.Pendubot(friction1=0.1, friction2=0.2),
        "double cart-pole": hc.DoubleCartPole(),
        "lagrangian": lagrangian(),
        "function": function(),
        "motor-driven": hc.plants.motor_cartpole(),
        "by mujoco": hc.MuJoCoPlant.cartpole(),
        "ball": hc.BouncingBall(),
        "thermostat": hc.Thermostat(),
        "uncertain": uncertain(),
        "end stops": hc.EndStops(hc.CartPole(), ends=1.0, e=0.5),
        "diagram": diagram(),
        "sampled diagram": sampled_diagram(),
    }


def less(r: jax.Array, y: jax.Array) -> jax.Array:
    """What is left of a signal."""
    return r - y


def diagram() -> hc.Diagram:
    """A position loop around a cart-pole, without anything sampled."""
    return hc.Diagram(
        blocks={
            "amp": hc.state_space([[-3.0, 1.0], [0.0, -2.0]], [[0], [1]], [[4, 1]]),
            "lead": hc.transfer([2.0, 1.0], [0.5, 1.0]),
            "e": less,
            "k": hc.Gain(0.5),
            "cart": hc.CartPole(),
        },
        wires={"e.r": "set", "e.y": "cart.x", "lead": "e", "amp": "lead", "k": "amp",
               "cart": "k"},
        inputs=["set"],
        outputs=["cart.x", "cart.theta"],
    )  # fmt: skip


def sampled_diagram() -> hc.Diagram:
    """A cart-pole whose LQR is within, beside somebody else's force."""
    return hc.Diagram(
        blocks={
            "cart": hc.CartPole(),
            "lqr": hc.Sampled(hc.reference("lqr", task()), DT),
            "push": lambda u, v: u + v,
        },
        wires={"lqr": "cart", "push.u": "lqr", "push.v": "force", "cart": "push"},
        inputs=["force"],
        limits={"force": 10.0},
    )


def cart_kinetic(q: jax.Array, dq: jax.Array, p: dict) -> jax.Array:
    """Kinetic energy of a cart-pole, from the velocities of its masses."""
    across = dq[0] + p["L"] * dq[1] * jnp.cos(q[1])
    up = p["L"] * dq[1] * jnp.sin(q[1])
    return 0.5 * p["m_c"] * dq[0] ** 2 + 0.5 * p["m_p"] * (across**2 + up**2)


def cart_potential(q: jax.Array, p: dict) -> jax.Array:
    """Potential energy of a cart-pole."""
    return -p["m_p"] * p["g"] * p["L"] * jnp.cos(q[1])


def lagrangian(**options: object) -> hc.LagrangianPlant:
    """The cart-pole from its energies."""
    fields = {
        "parameters": {"m_c": 1.0, "m_p": 0.1, "L": 1.0, "g": 9.81},
        "units": {"x": "m", "theta": "rad", "force": "N"},
        "angles": ["theta"],
        "limits": {"x": 2.4, "force": 10.0},
        "top": [0.0, np.pi],
    }
    names = (["x", "theta"], ["force"])
    energies = (cart_kinetic, cart_potential)
    return hc.LagrangianPlant(*energies, [[1.0], [0.0]], *names, **(fields | options))


def two_tanks(t: jax.Array, x: jax.Array, u: jax.Array, p: dict) -> jax.Array:
    """Levels of two tanks in a row, a pump into the first."""
    del t
    flow = p["valve"] * jnp.sqrt(1.0 + x)  # about a level of 1 m
    return jnp.stack([u[0] + p["valve"] - flow[0], flow[0] - flow[1]])


def function() -> hc.Plant:
    """A first-order plant from a function."""
    return hc.Plant.from_function(
        two_tanks,
        states=["h1", "h2"],
        inputs=["flow"],
        units={"h1": "m", "h2": "m", "flow": "m/s"},
        limits={"h1": 0.9, "h2": 0.9, "flow": 0.5},
        parameters={"valve": 0.3},
    )


@hc.register(name=f"{__name__}.swung")  # benchmarks have this module as tests.zoo
def swung(x: jax.Array, u: jax.Array, p: dict) -> jax.Array:
    """A pendulum 50 ms later."""
    plant = hc.Pendulum(m=p["m"], friction=0.1)
    return fixed_step(0.05, 2)(plant, jnp.zeros(()), x, u)


def discrete(m: float = 1.0) -> hc.Plant:
    """The pendulum as a difference equation."""
    like = hc.Pendulum()
    return hc.Plant.discrete(
        swung, 0.05, like.states, like.inputs, like.units, ["theta"], {"torque": 3.0},
        parameters={"m": m},
    )  # fmt: skip


class Poisoned(hc.tasks.Start):
    """One start in so many is not a number."""

    inner: hc.tasks.Start
    one_in: float = 32.0

    def __call__(self, key: jax.Array) -> jax.Array:
        """A start."""
        draw = jax.random.uniform(jax.random.fold_in(key, 99))
        return jnp.where(draw < 1 / self.one_in, jnp.nan, self.inner(key))


def observer() -> hc.Controller:
    """Stands for an observer: its estimate is nine tenths of the measurement."""
    return hc.StateFeedback(-0.9 * np.eye(4), np.zeros(4), np.zeros(4))


def templates(t: hc.Task) -> dict[str, hc.Controller]:
    """One template of every kind, on a task."""
    lqr, machine = hc.reference("lqr", t), hc.reference("machine", t)
    slot, pump = hc.Slot(1), machine.modes[0]
    modes = {"pump": pump, "lqr": lqr, "brake": hc.Constant([0.0])}
    own = {name: hc.template(name, t) for name in hc.strategies.templates(t)}
    return own | {
        "plain": lqr + 5.0 * slot,
        "machine": machine + 10.0 * slot,
        "slow modes": hc.Switch(hc.Hold(hc.Argmax(hc.Slot(3)), every=5), modes),
        "two slots": hc.Mix(hc.Slot(2), [lqr, pump]) + 3.0 * slot,
        "observed": observer() >> (machine + 10.0 * slot),
    }


def coarse_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference "dp" on so few nodes that it is made at once."""
    monkeypatch.setattr("hybridctl.strategies.dynamic.NODES", {4: 3e3})


def sweep(values: Iterable, slow: Container, long: Container = ()) -> list:
    """Parameters of a test; slow and long ones repeat what a quicker one shows."""

    def one(value: object) -> object:
        values = value if isinstance(value, tuple) else (value,)
        mark = "long" if value in long else "slow"
        marks = [getattr(pytest.mark, mark)] * (value in slow or value in long)
        return pytest.param(*values, marks=marks)

    return [one(value) for value in values]


def sample(values: Iterable, quick: Container, slow: Container | None = None) -> list:
    """All parameters of a law: the quick run takes some, the slow one more or all."""
    values = list(values)
    rest = [value for value in values if value not in quick]
    long = [] if slow is None else [value for value in rest if value not in slow]
    return sweep(values, rest, long)


def covering(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """As few pairs as have every first and every second at least once."""
    firsts, seconds, found = set[str](), set[str](), []
    for first, second in pairs:
        if first not in firsts or second not in seconds:
            found.append((first, second))
            firsts.add(first)
            seconds.add(second)
    return found


def multiplies(program: core.Jaxpr) -> bool:
    """Whether matrices are multiplied, which XLA blocks by the batch's size."""
    products = [eqn for eqn in program.eqns if eqn.primitive.name == "dot_general"]
    sizes = [operand.aval.size for eqn in products for operand in eqn.invars]
    inner = (core.jaxprs_in_params(eqn.params) for eqn in program.eqns)
    return max(sizes, default=0) > 1 or any(map(multiplies, itertools.chain(*inner)))


def same_bits(a: object, b: object, told: str = "") -> None:
    """Asserts equality bit for bit, to rounding where programs may round apart.

    Then a guard may send a lane another way, so a tenth may differ by more.
    """
    if is_exact():
        np.testing.assert_array_equal(a, b, err_msg=told)
    else:
        assert np.shape(a) == np.shape(b), told
        close = np.isclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True)
        assert np.mean(close) >= 0.9, told


def bits(tree: object) -> list[bytes]:
    """Every array of a tree, byte for byte."""
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
