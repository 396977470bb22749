"""The 722 imperfect closed loops of RealAIGym's robustness suite."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import on_numbers
from hybridctl.contests.realaigym.performance import HEIGHT, MOTOR, SECONDS
from hybridctl.controllers import near
from hybridctl.loop import Actuator, Disturbance, Loop, Sensor
from hybridctl.plants import CartPole
from hybridctl.tasks import Task
from hybridctl.tasks.cartpole import swingup

LEVELS, REPEATS, PUSHED = 21, 10, 50
MASSES, FRICTIONS = ("m_c", "m_p", "L"), {"cart_friction": 1.0, "pole_friction": 0.1}
PUSHES, APART = 6, 1.0  # pushes in an episode, and the least time [s] between two
LATEST = 0.04  # [s] the longest delay
STILL = 1.0  # largest |ẋ| [m/s] and |θ̇| [rad/s] at the end

Columns = dict[str, NDArray]


class Part(NamedTuple):
    """One of the suite's six parts.

    Attributes:
        levels: number of levels; every one counts once.
        repeats: episodes at a level, of which more than half must succeed.
        columns: what is not nominal, by name: [levels * repeats, ...].
    """

    levels: int
    repeats: int
    columns: Columns

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return self.levels * self.repeats

    @property
    def shape(self) -> tuple[int, int]:
        """Levels and repeats."""
        return self.levels, self.repeats


def parts(plant: CartPole, limit: float, dt: float, seed: int) -> dict[str, Part]:
    """The suite by part; the unit of force is limit / 6 N.

    Args:
        plant: the nominal cart-pole.
        limit: largest |force| [N].
        dt: control period [s].
        seed: of the pushes.

    Returns:
        210 + 210 + 210 + 21 + 21 + 50 = 722 episodes.
    """
    unit = limit / MOTOR
    velocity, force = (np.linspace(0, top, LEVELS) for top in (0.5, 1.1 * unit))
    noise = np.repeat(velocity, REPEATS)[:, None] * np.array([0.0, 0.0, 1.0, 1.0])
    return {
        "model": _model(plant),
        "velocity_noise": Part(LEVELS, REPEATS, {"velocity_noise": noise}),
        "force_noise": Part(
            LEVELS, REPEATS, {"force_noise": np.repeat(force, REPEATS)}
        ),
        "response": Part(LEVELS, 1, {"response": np.linspace(0.1, 2.0, LEVELS)}),
        "delay": Part(LEVELS, 1, {"spread": _delays(dt)}),
        "pushes": Part(PUSHED, 1, _pushes(np.random.default_rng(seed), unit)),
    }


def _model(plant: CartPole) -> Part:
    """Each of five parameters alone: ±25 %, frictions from none to plenty."""
    values = LEVELS * REPEATS // (len(MASSES) + len(FRICTIONS))
    sweeps = {
        name: float(getattr(plant, name)) * np.linspace(0.75, 1.25, values)
        for name in MASSES
    } | {name: np.linspace(0.0, top, values) for name, top in FRICTIONS.items()}
    columns = {}
    for i, (name, sweep) in enumerate(sweeps.items()):
        columns[name] = np.full(LEVELS * REPEATS, float(getattr(plant, name)))
        columns[name][i * values : (i + 1) * values] = sweep
    return Part(LEVELS * REPEATS, 1, columns)


def _delays(dt: float) -> NDArray:
    """Delays from 0 to 40 ms as shares of the inputs now and earlier, [21, n]."""
    periods = np.linspace(0.0, LATEST, LEVELS) / dt
    age = np.arange(int(np.ceil(LATEST / dt - 1e-9)) + 1)
    return np.maximum(0.0, 1.0 - np.abs(periods[:, None] - age))


def _pushes(rng: np.random.Generator, unit: float) -> Columns:
    """Six pushes on the cart at random times, of random size and length.

    The original's are bells of σ from 50 to 100 ms; these are as high, and as long
    as gives the same impulse: √(2π) σ.
    """
    shape = (PUSHED, PUSHES)
    spare = (SECONDS - (PUSHES + 1) * APART) / PUSHES
    middle = np.cumsum(APART + spare * rng.random(shape), axis=1)
    length = np.sqrt(2 * np.pi) * (0.05 + 0.05 * rng.random(shape))
    size = rng.uniform(-4.5, 4.5, shape)
    size += 0.5 * np.sign(size)
    return {"push": unit * size, "at": middle - length / 2, "duration": length}


def nominal(plant: CartPole, limit: float, dt: float) -> Task:
    """The swing-up in a loop that has every imperfection, none of it felt.

    Success is a tip above 0.9 L, slow at the end of 10 s, on the track all along.
    """
    up = plant.upright()
    spread = np.eye(1, _delays(dt).shape[1])[0]
    ones = np.ones(PUSHES)
    loop = Loop(
        dt,
        sensor=Sensor(np.zeros(4)),
        actuator=Actuator(limit=limit, spread=spread, response=1.0),
        disturbance=Disturbance(0 * ones, at=ones, duration=ones, noise=1.0),
    )
    loop = eqx.tree_at(lambda p: p.disturbance.noise, loop, np.float64(0.0))
    settled = near(up, theta=np.arccos(HEIGHT), dx=STILL, dtheta=STILL)
    return swingup(plant, loop, seconds=SECONDS, settled=settled)


def loops(task: Task, wanted: Iterable[Part]) -> Task:
    """A batch of tasks, one for every episode of the parts, in their order."""
    rows = [_rows(task, part) for part in wanted]
    places = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    n = len(places["response"])
    whole = on_numbers(lambda leaf: np.broadcast_to(leaf, (n, *np.shape(leaf))), task)
    return eqx.tree_at(
        lambda t: list(_places(t).values()), whole, list(places.values())
    )


def _rows(task: Task, part: Part) -> Columns:
    """Every column in the episodes of a part; what it does not name is nominal."""
    known = {name: _times(v, part.episodes) for name, v in _places(task).items()}
    return known | part.columns


def _times(value: Any, n: int) -> NDArray:
    return np.broadcast_to(value, (n, *np.shape(value)))


def _places(task: Task) -> dict[str, Any]:
    """What an imperfection changes in a task, by column."""
    plant, loop = task.plant, task.loop
    assert loop.sensor and loop.actuator and loop.disturbance
    return {name: getattr(plant, name) for name in (*MASSES, *FRICTIONS)} | {
        "velocity_noise": loop.sensor.noise,
        "spread": loop.actuator.spread,
        "response": loop.actuator.response,
        "force_noise": loop.disturbance.noise,
        "push": loop.disturbance.force,
        "at": loop.disturbance.at,
        "duration": loop.disturbance.duration,
    }
