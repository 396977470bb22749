"""Cart-pole tasks with a push, an unknown plant, or noise, delay and pushes."""

from typing import Any

from hybridctl.checks import not_negative, positive
from hybridctl.controllers import near
from hybridctl.kinds import checked, real_number
from hybridctl.loop import Actuator, Disturbance, Loop, Sensor
from hybridctl.plants import CartPole
from hybridctl.plants.vary import Vary
from hybridctl.tasks.cartpole import anywhere, cartpole, cartpole_task, mixed_start
from hybridctl.tasks.gains import tuned_on
from hybridctl.tasks.registry import register
from hybridctl.tasks.start import Box
from hybridctl.tasks.task import Task

NOISE = (0.01, 0.02, 0.1, 0.1)  # m, rad, m/s, rad/s
VARIED = Vary(
    ("m_c", "m_p", "L", "pole_friction", "cart_friction"),
    [0.7, 0.05, 0.5, 0.0, 0.0],
    [1.3, 0.30, 1.5, 0.1, 1.0],
    ("linear", "log", "linear", "square", "linear"),
)


@register("push")
@checked
def push(
    plant: CartPole | None = None,
    loop: Loop | None = None,
    *,
    impulse: float = 5.0,
    **changes: Any,
) -> Task:
    """Recover from a push that may throw the pole over.

    Starts upright at rest; at t = 1 s an impulse from U(-impulse, impulse) is given
    to the cart within 0.1 s. The rest is as in `swingup`.

    Args:
        plant: a cart-pole; the tutorial's by default.
        loop: 20 ms, |u| <= 10 N and the push by default; one that is given is taken
            as it is.
        impulse: largest impulse [N s].
        **changes: any other field of `Task`.

    Returns:
        The task.
    """
    plant = cartpole("push", plant)
    positive("impulse", impulse)
    kick = Disturbance.impulse(impulse, at=1.0, random_size=True)
    loop = _loop(plant, disturbance=kick) if loop is None else loop
    training = mixed_start(plant, hanging=0.15)
    fields = {"train_start": training, "hints": tuned_on("push")} | changes
    start = Box(plant.upright().x, plant.upright().x)
    return cartpole_task("push", plant, loop, start, fields)


@register("unknown_plant")
def unknown_plant(
    plant: CartPole | None = None, loop: Loop | None = None, **changes: Any
) -> Task:
    """Bring the pole up from anywhere, on a plant that nobody has measured.

    Every episode draws m_c ~ U(0.7, 1.3) kg, m_p = 0.05 * 6^U kg, L ~ U(0.5, 1.5) m,
    a friction of the pole of 0.1 U² N m s and of the cart of U(0, 1) N s/m; the
    controller is not told. The rest is as in `global_`.

    Args:
        plant: the nominal cart-pole; the tutorial's by default.
        loop: 20 ms and |u| <= 10 N by default.
        **changes: any other field of `Task`.

    Returns:
        The task.
    """
    plant = cartpole("unknown_plant", plant)
    fields = {
        "train_start": mixed_start(plant, hanging=0.15),
        "vary": VARIED,
        "hints": tuned_on("unknown_plant"),
    }
    return cartpole_task("unknown_plant", plant, loop, anywhere(), fields | changes)


@register("noisy")
@checked
def noisy(
    plant: CartPole | None = None,
    loop: Loop | None = None,
    *,
    noise: float = 1.0,
    delay: int = 2,
    force: float = 10.0,
    **changes: Any,
) -> Task:
    """Bring the pole up from anywhere and hold it, on noisy measurements.

    White noise of 0.01 m, 0.02 rad, 0.1 m/s and 0.1 rad/s, an actuator that is two
    periods late, and a push of 10 N for 0.1 s every 3 s. J counts over the second
    half, in which the pole should stand; success is that it does so at the end.

    Args:
        plant: a cart-pole; the tutorial's by default.
        loop: 20 ms, |u| <= 10 N, noise, delay and pushes by default; one that is given
            is taken as it is.
        noise: factor on the standard deviations; 0: none.
        delay: of the actuator, whole periods.
        force: of the pushes [N]; 0: none.
        **changes: any other field of `Task`.

    Returns:
        The task.
    """
    plant = cartpole("noisy", plant)
    not_negative("noise", noise)
    not_negative("force", force)
    sensor = Sensor([noise * s for s in NOISE]) if noise else None
    pushes = Disturbance(force, at=3.0, every=3.0) if force else None
    parts: dict[str, Any] = {"sensor": sensor, "disturbance": pushes}
    loop = _loop(plant, delay, **parts) if loop is None else loop
    seconds = real_number(changes.get("seconds", 20.0))
    fields = {
        "train_start": mixed_start(plant, hanging=0.15),
        "settled": near(plant.upright(), theta=0.5),
        "cost_after": seconds / 2,
        "hints": tuned_on("noisy" if force else "noise alone"),
    }
    return cartpole_task("noisy", plant, loop, anywhere(), fields | changes)


def _loop(plant: CartPole, delay: int = 0, **parts: Any) -> Loop:
    actuator = Actuator(limit=plant.limits["force"], delay=delay)
    return Loop(0.02, actuator=actuator, **parts)
