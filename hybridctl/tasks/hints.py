"""What was found out about a task: tuned gains, and how an agent learns it well."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class MachineGains:
    """What is tuned in the reference machine, all positive.

    The first six are those of `EnergySwingUp`.

    Attributes:
        pump: gain on energy error times power [m²/(J² s³)].
        stiffness: centring [1/s²].
        damping: of the actuated coordinate [1/s].
        kick: power per acceleration that is assumed at rest [J s/m].
        margin: energy aimed at beyond that of the upright equilibrium [J].
        drive: largest acceleration spent on pumping [m/s²].
        track: end of the track for the swing-up, as a share of the plant's limit.
        catch: LQR demand at which the pole is caught, as a share of the limit.
        lean: largest deviation of an angle [rad] at which it is caught.
        leave: LQR demand at which balancing is given up, as a share of the limit.
        centre: weight on the cart's position once the pole is caught, as a multiple
            of the cost's; 1 is the task's own LQR throughout.
    """

    pump: float = 34.08
    stiffness: float = 1.35
    damping: float = 1.904
    kick: float = 0.01423
    margin: float = 0.01434
    drive: float = 10.35
    track: float = 0.8424
    catch: float = 1.676
    lean: float = 1.394
    leave: float = 2.379
    centre: float = 8.0


@dataclasses.dataclass(frozen=True)
class Hints:
    """What the toolkit's strategies and presets know of a task beforehand.

    No part of what counts: nothing is scored by it. A task keeps its hints under
    another name, with another plant, loop or start.

    Attributes:
        gains: of the reference machine, on `CartPole()`; None: those that were
            tuned for the task's plant.
        observed: of that machine behind observers; None: as without.
        every: periods that an agent which swings up holds its action.
        preset: of `train`, where the reward is "cost"; None: "swing".
        steps: decisions that such a training takes, at most; None: the preset's.

    Example:
        >>> from hybridctl import tasks
        >>> tasks.weak().hints.every, tasks.weak(name="mine").hints.every
        (6, 6)
    """

    gains: MachineGains | None = None
    observed: MachineGains | None = None
    every: int = 4  # held inputs explore further than white noise
    preset: str | None = None
    steps: int | None = None
