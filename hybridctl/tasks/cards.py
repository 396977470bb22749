"""What tasks say of themselves: start, horizon, cost, failure, success, goal."""

from typing import Any

import numpy as np

from hybridctl.checks import is_tracer
from hybridctl.describe import (
    Card,
    Known,
    angle,
    apart,
    fields_card,
    label,
    names,
    number,
    quantity,
    tells,
)
from hybridctl.loop.cards import loop_rows
from hybridctl.plants.vary import Vary
from hybridctl.tasks.cost import Cost
from hybridctl.tasks.evaluate import Scores
from hybridctl.tasks.start import Box, Curriculum, Either, Start
from hybridctl.tasks.task import Goal, Task


@tells
def _task(task: Task, known: Known) -> Card:
    horizon = f"{task.seconds:g} s, {task.steps} periods of {task.loop.dt:g} s"
    rows = [("plant", label(task.plant, known)), *loop_rows(task.loop, known)]
    rows.append(("start", label(task.start, known)))
    if task.train_start is not None:
        rows.append(("start in training", label(task.train_start, known)))
    if task.vary is not None:
        rows.append(("plant varies", label(task.vary, known)))
    rows += [("target", label(task.target, known)), ("cost J", _cost_row(task, known))]
    rows.append(("failure", _failure(task, known)))
    rows.append(("success", _success(task, known)))
    rows.append(("reward", _reward(task)))
    if task.goal is not None:
        rows.append(("goal", f"{label(task.goal, known)}, where training ends well"))
    return Card(f"Task {task.name}: {horizon}", tuple(rows))


def _cost_row(task: Task, known: Known) -> str:
    since = f", from {task.cost_after:g} s on" * (task.cost_after > 0)
    return f"integral of {label(task.cost, known)}{since}"


def _failure(task: Task, known: Known) -> str:
    told = label(task.failure, known)
    return f"{told}; J is then {number(task.failure_cost)}"


def _success(task: Task, known: Known) -> str:
    """What an episode must do; settled is told where it is not what counts too."""
    ends = f"ends with {label(task.settled, known)}"
    if task.criterion == "survived":
        return f"never fails; settled where it also {ends}"
    return f"never fails and {ends}"


def _reward(task: Task) -> str:
    kinds = {"alive": "1 a period", "cost": "minus the cost of a period"}
    return f"{kinds[task.reward]}, {number(task.failure_reward)} for failing"


@names
def _name_task(task: Task, known: Known) -> str:
    return f"Task({task.name}, {type(task.plant).__name__}, {task.seconds:g} s)"


@tells
def _start(start: Start, known: Known) -> Card:
    own = type(start).__module__.startswith("hybridctl.")
    return Card(label(start, known)) if own else fields_card(start, known)


@names
def _box(start: Box, known: Known) -> str:
    if is_tracer(start.low) or is_tracer(start.high) or np.ndim(start.low) != 1:
        return f"uniform in {number(start.low)} ... {number(start.high)}"
    states = known.y(len(start.low))
    rows = zip(states, np.asarray(start.low), np.asarray(start.high), strict=True)
    return ", ".join(
        _span(name, low, high, i in known.angles, known.unit(name))
        for i, (name, low, high) in enumerate(rows)
    )


def _span(name: str, low: Any, high: Any, turns: bool, unit: str) -> str:
    """From where to where a coordinate is drawn."""
    tell = angle if turns else number
    if low == high:
        return f"{name} = {tell(low)} {unit}".strip()
    middle, half = tell((low + high) / 2), (high - low) / 2
    wide = tell(half) if middle == "0" else number(half)
    return f"{name} = {middle} +- {wide} {unit}".strip()


@names
def _either(start: Either, known: Known) -> str:
    share = number(start.share)
    a, b = label(start.a, known), label(start.b, known)
    return f"with probability {share}: {a};\notherwise: {b}"


@names
def _curriculum(start: Curriculum, known: Known) -> str:
    easy, hard = label(start.easy, known), label(start.hard, known)
    return f"first: {easy};\nafter {number(start.episodes)} episodes: {hard}"


@tells
def _vary(vary: Vary, known: Known) -> Card:
    return Card(f"Vary: {label(vary, known)}")


@names
def _name_vary(vary: Vary, known: Known) -> str:
    if is_tracer(vary.low) or is_tracer(vary.high):
        return ", ".join(vary.names)
    warps = vary.warps or ("linear",) * len(vary.names)
    rows = zip(vary.names, np.asarray(vary.low), np.asarray(vary.high), warps,
               strict=True)  # fmt: skip
    told = (f"{n} in {number(a)} ... {number(b)}{f' ({w})' * (w != 'linear')}"
            for n, a, b, w in rows)  # fmt: skip
    return ", ".join(told)


@names
def _name_cost(cost: Cost, known: Known) -> str:
    if any(is_tracer(v) or np.ndim(v) != 1 for v in (cost.q, cost.r, cost.x0)):
        return f"Cost(q={number(cost.q)}, r={number(cost.r)})"
    states, inputs = known.y(len(cost.q)), known.u(len(cost.r))
    parts = []
    for i, (name, q, x0) in enumerate(zip(states, cost.q, cost.x0, strict=True)):
        turns = i in cost.angles
        e = apart(name, angle(x0) if turns else number(x0))
        what = f"(1 - cos({e}))" if turns else f"({e})^2" if " " in e else f"{e}^2"
        parts += [_times(q, what)] if q else []
    parts += [_times(r, f"{u}^2") for u, r in zip(inputs, cost.r, strict=True) if r]
    return " + ".join(parts) or "0"


def _times(weight: Any, what: str) -> str:
    told = number(weight)
    return what if told == "1" else f"{told} {what}"


@tells
def _cost(cost: Cost, known: Known) -> Card:
    return Card(f"Cost rate: {label(cost, known)}")


@names
def _goal(goal: Goal, known: Known) -> str:
    return f"V < {number(goal.rho)}, charged V"


@tells
def _name_goal(goal: Goal, known: Known) -> Card:
    return Card(f"Goal: {label(goal, known)}")


@tells
def _scores(scores: Scores, known: Known) -> Card:
    """Of any number of episodes, in one line each."""
    n = int(np.size(scores.success))
    if not n:
        return Card("Scores of no episodes")
    settled = np.asarray(scores.settle)[np.isfinite(scores.settle)]
    median = quantity(np.median(settled), "s") if settled.size else "never"
    rows = (
        ("success", f"{np.mean(scores.success):.1%}"),
        ("failed", f"{np.mean(scores.failed):.1%}"),
        ("settled after", f"{median} (median of those that did)"),
        ("J", f"{number(np.mean(scores.cost))} in the mean, at most "
         f"{number(np.max(scores.cost))}"),
        ("largest |x|", number(np.max(scores.peak_x))),
    )  # fmt: skip
    bad = int(np.sum(~np.asarray(scores.finite)))
    rows += (("not finite", str(bad)),) * bool(bad)
    return Card(f"Scores of {n} episodes", rows)
