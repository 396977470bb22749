"""What a page is told of a task: signals, starts, sliders, sets, and how it looks."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from hybridctl.controllers import Controller
from hybridctl.controllers.machine import StateMachine, Switch
from hybridctl.controllers.plane import plane
from hybridctl.describe.style import COLOURS
from hybridctl.plants import BouncingBall, Plant
from hybridctl.plants.plant import Hanging, Upright
from hybridctl.show.figures.region import within
from hybridctl.show.film.chain import TRACK
from hybridctl.show.live.hand import Model, can_grab, model_of
from hybridctl.show.live.knobs import MORE, Knobs
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import episode_keys
from hybridctl.tasks.task import START

RANDOM = 24  # starts to draw from
GRID = (90, 60)  # points across and up of the set in which a machine hands over
QUICK = 3.0  # the hand's spring beside the plant's own quickest motion
NOISE = 0.01  # of each signal's span, where a task has no noise of its own


def facts(task: Task, known: Knobs, seed: int = 0) -> dict[str, Any]:
    """The task as JSON data."""
    plant, loop = known.rig.plant, task.loop
    model = model_of(task.plant, task.target.x, task.target.u)
    x = np.asarray(task.target.x, float)
    return {
        "task": task.name,
        "dt": loop.dt,
        "seconds": task.seconds,
        "cost_after": task.cost_after,
        "failure_cost": float(task.failure_cost),
        "criterion": task.criterion,
        "states": list(plant.states),
        "inputs": list(plant.inputs),
        "units": dict(plant.units),
        "angles": list(plant.angles),
        "target": x.tolist(),
        "line": (known.names.count("spread") - 1) * plant.n_u,
        "p": known.values.tolist(),
        "starts": starts(task, seed),
        "sliders": sliders(task, known, model),
        "late": {"row": known.late, "most": MORE, "at": known.names.index("spread")},
        "limit": task.input_limit if task.limited else 10.0,
        **_random(task, model.rate),
        "scene": scene(task, model),
        "phase": phase(task, model.rate),
    }


def starts(task: Task, seed: int) -> dict[str, list[list[float]]]:
    """States to start from, by name."""
    plant, found = task.plant, {}
    if isinstance(plant, Hanging):
        found["hanging"] = [np.asarray(plant.hanging().x, float).tolist()]
    name = "upright" if isinstance(plant, Upright) else "at rest"
    found[name] = [np.asarray(task.target.x, float).tolist()]
    one = jax.jit(jax.vmap(lambda key: task.start(jax.random.fold_in(key, START))))
    drawn = np.asarray(one(episode_keys(seed, RANDOM)), float)
    return found | {"random": drawn.tolist()}


def sliders(task: Task, known: Knobs, model: Model) -> list[dict[str, Any]]:
    """The plant's numbers and the limit: where they are, and how far they go."""
    varied = {}
    if task.vary is not None:
        low, high = np.asarray(task.vary.low), np.asarray(task.vary.high)
        varied = dict(zip(task.vary.names, zip(low, high, strict=True), strict=True))
    found = []
    for i, (name, value) in enumerate(zip(known.names, known.values, strict=True)):
        if name == "spread":
            continue
        ends = varied.get(name) or _ends(model, name, float(value))
        if ends is None:
            continue
        told, unit = (
            "limit of the input",
            task.plant.units.get(task.plant.inputs[0], ""),
        )
        if name != "limit":
            told, unit = described(task.plant, name)
        low, high = float(ends[0]), float(ends[1])
        low, high = min(low, float(value)), max(high, float(value))
        row = {"at": i, "name": name, "told": told, "unit": unit, "value": float(value)}
        found.append(row | {"low": low, "high": high})
    return found


def _ends(model: Model, name: str, value: float) -> tuple[float, float] | None:
    """From half of a number to twice; a friction of 0 to what is felt."""
    if value > 0:
        return value / 2, value * 2
    own = {field.name for field in dataclasses.fields(model.brake)}
    brake = getattr(model.brake, name) if name in own and "friction" in name else None
    if value < 0 or brake is None or not np.any(brake):
        return None
    return 0.0, 0.3 * float(np.min(np.diag(model.mass))) * model.rate


def described(plant: Plant, name: str) -> tuple[str, str]:
    """What a parameter is and its unit, as the docstrings of its class say."""
    for cls in type(plant).__mro__:
        found = re.search(
            rf"^\s*{re.escape(name)}: (.+?) \[(.+?)\]", cls.__doc__ or "", re.M
        )
        if found:
            return re.sub(r" [a-z]_\w\b", "", found[1]).strip(), found[2]
    return name, ""


def _random(task: Task, rate: float) -> dict[str, Any]:
    """How much noise there is, and how much a slider may bring."""
    sensor, push, plant = task.loop.sensor, task.loop.disturbance, task.plant
    names = [s.name for s in task.loop.measured(plant)]
    noise = None if sensor is None else sensor.noise
    if noise is not None:
        sizes = np.broadcast_to(np.asarray(noise, float), len(names)).tolist()
    else:
        sizes = [NOISE * span(task, name, rate) for name in names]
    return {
        "noise": sizes,
        "noisy": float(noise is not None),
        "input_noise": 0.0
        if push is None or push.noise is None
        else float(np.max(push.noise)),
        "random_size": bool(push is not None and push.random_size),
    }


def span(task: Task, name: str, rate: float) -> float:
    """How far a signal goes: its limit, π of an angle, or what that makes of a rate."""
    plant = task.plant
    if name in plant.limits:
        return float(plant.limits[name])
    states = list(plant.states)
    if name not in states:
        return 1.0
    i, n = states.index(name), len(states) // 2
    if i in plant.angles:
        return float(np.pi)
    if i >= n and len(states) == 2 * n:
        return span(task, states[i - n], rate) * rate
    return 1.0


def scene(task: Task, model: Model) -> dict[str, Any] | None:
    """How the plant is drawn and how heavy it is to a hand; None: as signals alone."""
    plant, points = task.plant, np.asarray(model.points)
    if not len(points):
        return None
    reach = float(np.sum(np.hypot(*np.diff(points, axis=0).T))) or 1.0
    ball, on_cart = isinstance(plant, BouncingBall), plant.states[0] == "x"
    track = task.limits.get("x", plant.limits.get("x", TRACK)) if on_cart else 0.0
    return {
        "kind": "ball" if ball else "cart" if on_cart else "stand",
        "reach": reach,
        "track": float(track),
        "target": points.ravel().tolist(),
        "weights": model.weights,
        "grab": list(range(0 if on_cart or ball else 1, len(points)))
        if can_grab(plant)
        else [0],
        "rate": min(QUICK * model.rate, 0.35 / task.loop.dt),
        "drive": bool(on_cart or ball),
    }


def phase(task: Task, rate: float) -> dict[str, Any]:
    """Two states and their spans: the first angle and its rate, or the first two."""
    plant, n = task.plant, task.plant.n_x
    i = next((i for i in plant.angles if i + n // 2 < n), 0)
    j = i + n // 2 if n > 1 else 0
    width = span(task, plant.states[i], rate)
    return {"at": [i, j], "span": [width, 3.0 * rate * width / np.pi], "grid": GRID}


def hand_over(task: Task, controller: Controller, seen: dict[str, Any]) -> str | None:
    """Where the first edge of a machine's guard holds in the phase plane, as bits."""
    supervisor = controller.supervisor if isinstance(controller, Switch) else None
    if not isinstance(supervisor, StateMachine) or not supervisor.guards:
        return None
    (i, j), (a, b), (m, n) = seen["at"], seen["span"], seen["grid"]
    x, names = np.asarray(task.target.x, float), task.plant.states
    if i == j:
        return None
    rows = np.linspace(-a, a, m) + x[i], np.linspace(-b, b, n) + x[j]
    try:
        inside = within(
            supervisor.guards[0], plane(task.target, (names[i], names[j]), *rows)
        )
    except Exception:  # a guard of the user's that asks for more than the state
        return None
    return "".join("01"[bool(v <= 1.0)] for v in inside.ravel())


def looks(controllers: Mapping[str, Controller]) -> dict[str, str]:
    """A colour for each."""
    return {n: COLOURS[i % (len(COLOURS) - 1)] for i, n in enumerate(controllers)}
