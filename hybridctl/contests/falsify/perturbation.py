"""Perturbations of a task: of its start, plant, pushes and delay, as plain numbers."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, is_number, number, require
from hybridctl.contests.parameters import ends_of, setter
from hybridctl.controllers.controller import check_again
from hybridctl.loop import Actuator, Disturbance, Loop
from hybridctl.plants.scales import own_second
from hybridctl.tasks import Beside, Box, Curriculum, Either, Start, Task

PUSH_AT, PUSH_LASTS = 1.0, 0.1  # own seconds, where the task has no push of its own
SPREAD = 0.2  # of a parameter, where the task does not say


@dataclasses.dataclass(frozen=True)
class Axis:
    """One number that is perturbed.

    Attributes:
        kind: "start", "plant" or "push".
        name: of the state or parameter; "push" [N s].
        low: end of the range.
        high: the other end.
        nominal: value of no perturbation, in the range.
    """

    kind: str
    name: str
    low: float
    high: float
    nominal: float

    @property
    def unit(self) -> float:
        """A perturbation of size 1: from nominal to the farther end."""
        return max(self.high - self.nominal, self.nominal - self.low)


def axis(kind: str, name: str, given: Any, nominal: float | None = None) -> Axis:
    """An axis from (low, high), (low, high, nominal), or one number for ± that."""
    low, high, *asked = ends_of(name, given, "nominal", both=True)
    middle = (low + high) / 2 if nominal is None else nominal
    at = asked[0] if asked else middle
    require(
        low <= at <= high, f"{name}: nominal {at:g} is not within {low:g} to {high:g}"
    )
    return Axis(kind, name, low, high, at)


def start_axes(task: Task, given: Mapping[str, Any] | None) -> list[Axis]:
    """The states that start elsewhere: by default the task's own box of starts."""
    if given is not None:
        for name in given:
            known = ", ".join(task.plant.states)
            require(name in task.plant.states, f"no state {name!r}; there are {known}")
        return [axis("start", name, row) for name, row in given.items()]
    low, high = box_of(task.start)
    rows = zip(task.plant.states, low, high, strict=True)
    return [axis("start", name, (a, b)) for name, a, b in rows if a < b]


def box_of(start: Start) -> tuple[NDArray, NDArray]:
    """The smallest box around a distribution of starts.

    Raises:
        ValueError: the distribution is of a kind that does not tell.
    """
    if isinstance(start, Curriculum):
        return box_of(start.hard)
    if isinstance(start, Either):
        lows, highs = zip(box_of(start.a), box_of(start.b), strict=True)
        return np.minimum(*lows), np.maximum(*highs)
    if isinstance(start, Beside):
        lows, highs = zip(box_of(start.a), box_of(start.b), strict=True)
        return np.concatenate(lows), np.concatenate(highs)
    if not isinstance(start, Box):
        fail(
            f"{type(start).__name__} does not tell where episodes start; give "
            'start={"theta": (low, high)}'
        )
    return np.asarray(start.low, np.float64), np.asarray(start.high, np.float64)


def nominal_start(task: Task, axes: Sequence[Axis]) -> dict[str, float]:
    """The start of no perturbation: the middle of the box, or what the axes say."""
    if isinstance(task.start, Beside | Box | Either | Curriculum):
        low, high = box_of(task.start)
        middle = (low + high) / 2
    else:
        middle = np.asarray(task.target.x, np.float64)
    own = dict(zip(task.plant.states, middle.tolist(), strict=True))
    return own | {a.name: a.nominal for a in axes if a.kind == "start"}


def plant_axes(task: Task, given: Mapping[str, Any] | float | None) -> list[Axis]:
    """The parameters that differ: by default those that the task itself varies."""
    if isinstance(given, Mapping):
        own = setter(task.plant, given)[1]
        return [axis("plant", name, row, own[name]) for name, row in given.items()]
    if given is None and task.vary is not None:
        vary = task.vary
        own = setter(task.plant, vary.names)[1]
        rows = zip(vary.names, np.asarray(vary.low), np.asarray(vary.high), strict=True)
        return [axis("plant", n, (a, b, np.clip(own[n], a, b))) for n, a, b in rows]
    share = SPREAD if given is None else number("plant", given)
    require(0 <= share < 1, f"plant={share} must be a share from 0 to 1, or a range")
    own = {n: v for n, v in parameters(task.plant).items() if v and share}
    ends = {n: sorted(((1 - share) * v, (1 + share) * v)) for n, v in own.items()}
    return [axis("plant", n, row, own[n]) for n, row in ends.items()]


def check_ends(task: Task, axes: Sequence[Axis]) -> None:
    """Refuse ranges in which no such plant is.

    Raises:
        ValueError: what the plant refuses at an end of its ranges.
    """
    own = [a for a in axes if a.kind == "plant"]
    build = setter(task.plant, [a.name for a in own])[0]
    check_again(build({a.name: a.low for a in own}))
    check_again(build({a.name: a.high for a in own}))


def parameters(plant: Any) -> dict[str, float]:
    """All single numbers of a plant, by their places."""
    leaves = jax.tree_util.tree_flatten_with_path(plant)[0]
    known = [(jax.tree_util.keystr(path), leaf) for path, leaf in leaves]
    return {
        path.lstrip("."): float(leaf)
        for path, leaf in known
        if np.ndim(leaf) == 0 and eqx.is_inexact_array_like(leaf)
    }


def push_axes(task: Task, given: Any) -> list[Axis]:
    """The impulse of a push: by default ± the task's own, or the limit while it lasts.

    A task that always pushes alike is given up to twice its impulse, either way.
    """
    own = impulse_of(task.loop.disturbance)
    known: Any = task.loop.disturbance
    fixed = own is not None and not known.random_size
    if given is None:
        if own is None and (task.loop.disturbance or not task.limited):
            return []
        lasts = PUSH_LASTS * own_second(task.plant)
        given = lasts * task.input_limit if own is None else abs(own)
        given = 2 * given if fixed else given
    if np.ndim(given) == 0 and not given:
        return []
    return [axis("push", "push", given, own if fixed else 0.0)]


def impulse_of(push: Disturbance | None) -> float | None:
    """Impulse [N s] of a task's own push; None where there is none, or several."""
    if push is None or push.force is None:
        return None
    impulse = np.ravel(np.asarray(push.force) * np.asarray(push.duration))
    return float(impulse[0]) if len(impulse) == 1 else None


def perturbed(
    task: Task,
    start: Mapping[str, Any],
    plant: Mapping[str, Any],
    push: Any = None,
    delay: int | None = None,
) -> Task:
    """The task of one perturbed episode, or of m at once where values are [m].

    Args:
        task: that is perturbed.
        start: value of every state.
        plant: parameters by name; the others are nominal.
        push: impulse [N s] of the task's push, or of one of 0.1 s at t = 1 s in the
            plant's own seconds; None: the task's own pushes.
        delay: of the actuator, whole periods; None: the task's own.

    Returns:
        The task.
    """
    x0 = np.stack(np.broadcast_arrays(*(start[n] for n in task.plant.states)), axis=-1)
    changed = setter(task.plant, plant)[0](dict(plant))
    loop = _loop(task, push, delay)
    return dataclasses.replace(
        task, start=Box(x0, x0), plant=changed, loop=loop, vary=None
    )


def _loop(task: Task, push: Any, delay: int | None) -> Loop:
    """The task's loop with this push and delay."""
    loop = task.loop
    if push is not None:
        second = own_second(task.plant)
        usual = Disturbance(0.0, PUSH_AT * second, PUSH_LASTS * second)
        own = loop.disturbance or usual
        force = np.divide.outer(np.asarray(push, np.float64), own.duration)
        pushes = dataclasses.replace(own, force=force, random_size=False)
        loop = dataclasses.replace(loop, disturbance=pushes)
    if delay is not None and delay != delay_of(loop):
        actuator = dataclasses.replace(loop.actuator or Actuator(), delay=delay)
        loop = dataclasses.replace(loop, actuator=actuator)
    return loop


def delay_of(loop: Loop) -> int:
    """Periods between asking for an input and its being applied."""
    return 0 if loop.actuator is None else loop.actuator.delay


@dataclasses.dataclass(frozen=True)
class Space:
    """All perturbations that are searched.

    A perturbation is a vector z: z_i is how far axis i is from nominal, in units of
    the distance to the farther end of its range. Its size is |z|.

    Attributes:
        task: that is perturbed.
        axes: what is perturbed.
        delays: of the actuator, in periods; the task's own where there is no choice.
    """

    task: Task
    axes: tuple[Axis, ...]
    delays: tuple[int, ...]

    @property
    def bounds(self) -> NDArray:
        """Smallest and largest z, [2, d]."""
        ends = [((a.low - a.nominal), (a.high - a.nominal)) for a in self.axes]
        units = np.array([a.unit for a in self.axes])
        return (np.array(ends) / units[:, None]).T

    def values(self, z: NDArray) -> NDArray:
        """Values of the axes at z [..., d], within their ranges."""
        low, high, nominal, unit = (
            np.array([getattr(a, name) for a in self.axes])
            for name in ("low", "high", "nominal", "unit")
        )
        return np.clip(nominal + unit * z, low, high)

    def late(self, delay: int) -> float:
        """How much of a perturbation a delay is; 1 the one farthest from the own."""
        own = delay_of(self.task.loop)
        farthest = max(abs(d - own) for d in self.delays)
        return abs(delay - own) / farthest if farthest else 0.0

    def size(self, z: NDArray, delay: int) -> NDArray:
        """|z|, and the delay's part in it."""
        return np.hypot(np.linalg.norm(z, axis=-1), self.late(delay))

    def parts(self, values: NDArray) -> dict[str, Any]:
        """Start, plant and push for values [d], or of m at once [m, d]."""
        rows = np.moveaxis(np.asarray(values), -1, 0)
        by_kind: dict[str, dict[str, Any]] = {"start": {}, "plant": {}, "push": {}}
        for a, row in zip(self.axes, rows, strict=True):
            by_kind[a.kind][a.name] = row
        start = nominal_start(self.task, self.axes) | by_kind["start"]
        push = by_kind["push"].get("push")
        return {"start": start, "plant": by_kind["plant"], "push": push}

    def tasks(self, z: NDArray, delay: int) -> Task:
        """The m tasks that z [m, d] stands for: every array has a leading axis m."""
        values = self.values(z)
        one = perturbed(self.task, **self.parts(values[0]), delay=delay)
        many = perturbed(self.task, **self.parts(values), delay=delay)

        def spread(a: Any, b: Any) -> Any:
            return np.broadcast_to(b, (len(z), *np.shape(a))) if is_number(a) else a

        return jax.tree.map(spread, one, many)
