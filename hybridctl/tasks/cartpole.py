"""The registered cart-pole tasks, one factory a name."""

from typing import Any, TypeVar

import numpy as np

from hybridctl.checks import positive, require
from hybridctl.controllers import beyond, near
from hybridctl.kinds import check_kind
from hybridctl.loop import Actuator, Loop
from hybridctl.plants import CartPole, Network, Plant
from hybridctl.plants.plant import Upright
from hybridctl.tasks.cost import Cost
from hybridctl.tasks.gains import tuned_on
from hybridctl.tasks.reach import changed
from hybridctl.tasks.registry import register
from hybridctl.tasks.start import Box, Either, Start
from hybridctl.tasks.task import Task

LEAN = np.deg2rad(12.0)  # the tutorial's limit on the pole's angle
Pole = TypeVar("Pole", CartPole, Network, CartPole | Network)
WEIGHTS = {"x": 1.0, "theta": 20.0, "dx": 1.0, "dtheta": 1.0}  # of the cost


@register("balance")
def balance(
    plant: CartPole | Network | None = None, loop: Loop | None = None, **changes: Any
) -> Task:
    """Keep the pole up: the tutorial's own task.

    Starts within ±0.05 of upright in every state; fails beyond |x| = 2.4 m or 12°;
    reward 1 a period for 20 s.

    Args:
        plant: a cart-pole, or a network with one in a port; the tutorial's by default.
            Other states of a network, such as a current, start at rest.
        loop: 20 ms and the plant's input limit, |u| <= 10 N, by default.
        **changes: any other field of `Task`.

    Returns:
        The task.

    Example:
        >>> balance(seconds=10.0).steps
        500
    """
    plant = cartpole("balance", plant)
    up = plant.upright()
    start = Box.around(up.x, [0.05 * (name in WEIGHTS) for name in plant.states])
    failure = beyond(up, x=plant.limits["x"], theta=LEAN)
    fields = {"reward": "alive", "failure_reward": 0.0, "failure": failure}
    return cartpole_task("balance", plant, loop, start, fields | changes)


@register("swingup")
def swingup(
    plant: CartPole | None = None, loop: Loop | None = None, **changes: Any
) -> Task:
    """Swing the pole up from rest and hold it.

    Starts hanging at rest; training starts half of the time from a random box,
    because no learner was seen to succeed from hanging alone. Fails beyond
    |x| = 2.4 m. The reward is minus the cost J.

    Args:
        plant: a cart-pole; the tutorial's by default.
        loop: 20 ms and |u| <= 10 N by default.
        **changes: any other field of `Task`.

    Returns:
        The task.
    """
    plant = cartpole("swingup", plant)
    hints = tuned_on("swingup")
    fields = {"train_start": mixed_start(plant), "hints": hints} | changes
    return cartpole_task("swingup", plant, loop, hanging_start(plant, 0.0), fields)


@register("global")
def global_(
    plant: CartPole | None = None, loop: Loop | None = None, **changes: Any
) -> Task:
    """Bring the pole up from anywhere.

    Starts in the random box x, ẋ ~ U(-1, 1), θ, θ̇ ~ U(-π, π), in training sometimes
    hanging; the rest is as in `swingup`. Registered as "global".

    Args:
        plant: a cart-pole; the tutorial's by default.
        loop: 20 ms and |u| <= 10 N by default.
        **changes: any other field of `Task`.

    Returns:
        The task.
    """
    plant = cartpole("global", plant)
    start = mixed_start(plant, hanging=0.15)
    fields = {"train_start": start, "hints": tuned_on("global")} | changes
    return cartpole_task("global", plant, loop, anywhere(), fields)


@register("weak")
def weak(
    plant: CartPole | None = None, loop: Loop | None = None, **changes: Any
) -> Task:
    """Bring the pole up with a weak motor: |u| <= 3 N.

    Starts half of the time hanging at rest, otherwise in the random box of
    `global_`; the rest is as there.

    Args:
        plant: a cart-pole; the tutorial's by default.
        loop: 20 ms and |u| <= 3 N by default.
        **changes: any other field of `Task`.

    Returns:
        The task.
    """
    plant = cartpole("weak", plant)
    loop = Loop(0.02, actuator=Actuator(limit=3.0)) if loop is None else loop
    start = Either(hanging_start(plant, 0.0), anywhere())
    fields = {
        "train_start": mixed_start(plant),
        "failure_reward": -400.0,
        "hints": tuned_on("weak", every=6, preset="weak"),  # longer pushes
    } | changes
    return cartpole_task("weak", plant, loop, start, fields)


@register("short_track")
def short_track(
    plant: CartPole | None = None,
    loop: Loop | None = None,
    *,
    track: float = 0.6,
    **changes: Any,
) -> Task:
    """Swing the pole up on a short track.

    Starts within ±0.05 of hanging at rest in every state and fails beyond
    |x| = track; training starts half of the time from anywhere on the track.

    Args:
        plant: a cart-pole; the tutorial's by default.
        loop: 20 ms and |u| <= 10 N by default.
        track: largest |x| [m].
        **changes: any other field of `Task`.

    Returns:
        The task.
    """
    plant = cartpole("short_track", plant)
    positive("track", track)
    fields = {
        "failure": beyond(plant.upright(), x=track),
        "train_start": mixed_start(plant, track / 2),
        "hints": tuned_on("short_track", preset="quick", steps=4_000_000),
    }
    return cartpole_task(
        "short_track", plant, loop, hanging_start(plant), fields | changes
    )


def cartpole(name: str, plant: Pole | None) -> Pole | CartPole:
    """The plant of a cart-pole task, the tutorial's where none is given.

    Raises:
        ValueError: it is none, or has not the states of a cart-pole.
    """
    if plant is None:
        return CartPole()
    check_kind("plant", plant, Plant)
    missing = [state for state in WEIGHTS if state not in plant.states]
    require(
        not missing and isinstance(plant, Upright),
        f"task {name!r} is about a cart-pole, and {type(plant).__name__} has no "
        f"{', '.join(missing) or 'upright()'} among {', '.join(plant.states)}; for "
        "this plant make a task by hc.tasks.reach(plant)",
    )
    for signal in ("x", plant.inputs[0]):
        require(
            signal in plant.limits,
            f"task {name!r} needs a limit of {signal!r}, which this "
            f"{type(plant).__name__} does not have; give it limits",
        )
    return plant


def hanging_start(plant: CartPole, half: float = 0.05) -> Box:
    """Within ±half of hanging at rest, in every state."""
    return Box.around(plant.hanging().x, np.full(4, half))


def anywhere(x: float = 1.0) -> Box:
    """The random box, or one that is narrower in x."""
    return Box.around(np.zeros(4), [x, np.pi, 1.0, np.pi])


def mixed_start(plant: CartPole, x: float = 1.0, hanging: float = 0.5) -> Start:
    """Hanging with that probability, anywhere otherwise."""
    return Either(hanging_start(plant), anywhere(x), hanging)


def cartpole_task(
    name: str,
    plant: CartPole | Network,
    loop: Loop | None,
    start: Start,
    changes: dict[str, Any],
) -> Task:
    """A cart-pole task with the benchmark's cost and settling box."""
    check_kind("loop", loop, Loop | None)
    up = plant.upright()
    weights = [WEIGHTS.get(state, 0.0) for state in plant.states]
    limit = plant.limits[plant.inputs[0]]
    task = Task(
        name=name,
        plant=plant,
        loop=Loop(0.02, actuator=Actuator(limit=limit)) if loop is None else loop,
        target=up,
        start=start,
        cost=Cost(up.x, weights, [0.1], up.angles),
        failure=beyond(up, x=plant.limits["x"]),
        settled=near(up, x=0.1, theta=0.05, dtheta=0.1),
    )
    return changed(task, changes)
