"""Numbers of a plant and of its loop that are to be found, by name."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from hybridctl.checks import fail, number, require
from hybridctl.loop import Actuator, Loop, Sensor
from hybridctl.plants import Plant
from hybridctl.plants.vary import Vary

ACTUATOR = {"gain": 1.0, "delay": 0.5, "lag": None, "dead_zone": 0.0}  # first guesses
LATEST = 8.0  # periods of delay, unless a bound says otherwise
QUICK, SLOW = 0.02, 20.0  # periods of a lag, unless a bound says otherwise
SMALL = 1e-3  # share of the first guess below which no positive number is looked for
BIAS = re.compile(r"sensor\.bias\[(\w+)\]")


class Unknowns(eqx.Module):
    """Which numbers are to be found, and where they belong.

    Args:
        names: of parameters of the plant, as `Vary` takes them; "actuator.gain",
            "actuator.delay" (periods), "actuator.lag" (s), "actuator.dead_zone"; and
            "sensor.bias[theta]".
        measured: names of what the sensor measures.
        latest: the longest delay that is looked for, in periods.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    measured: tuple[str, ...] = eqx.field(static=True)
    latest: float = eqx.field(static=True, default=LATEST)

    def __check_init__(self):
        twice = {name for name in self.names if self.names.count(name) > 1}
        require(not twice, f"parameters are named twice: {sorted(twice)}")
        for name in self.names:
            kind, _, field = name.partition(".")
            if kind == "actuator" and field not in ACTUATOR:
                fail(f"no parameter {name!r}; of the actuator {', '.join(ACTUATOR)}")
            bias = BIAS.fullmatch(name)
            if kind == "sensor" and (bias is None or bias[1] not in self.measured):
                known = ", ".join(f"sensor.bias[{one}]" for one in self.measured)
                fail(f"no parameter {name!r}; of the sensor there are {known}")

    @property
    def of_plant(self) -> tuple[str, ...]:
        """Those that are the plant's."""
        return tuple(
            n for n in self.names if n.split(".")[0] not in ("actuator", "sensor")
        )

    def guess(self, plant: Plant, loop: Loop) -> NDArray[np.float64]:
        """What plant and loop say of them, shape [n]."""
        n = len(self.of_plant)
        own = Vary(self.of_plant, np.zeros(n), np.zeros(n)).of(plant) if n else ()
        values = dict(zip(self.of_plant, np.asarray(own, np.float64), strict=True))
        return np.array(
            [values[n] if n in values else _guess(n, loop) for n in self.names],
            np.float64,
        )

    def told(self, values: Array, plant: Plant, loop: Loop) -> tuple[Plant, Loop]:
        """Plant and loop with these values [n]."""
        at = dict(
            zip(self.names, [values[i] for i in range(len(self.names))], strict=True)
        )
        n = len(self.of_plant)
        if n:
            vary = Vary(self.of_plant, np.zeros(n), np.ones(n))
            plant = vary.at(jnp.stack([at[name] for name in self.of_plant]), plant)
        return plant, self._loop(at, loop)

    def _loop(self, at: Mapping[str, Any], loop: Loop) -> Loop:
        """The loop with what is found of its actuator and its sensor."""
        drive = {n.split(".")[1]: v for n, v in at.items() if n.startswith("actuator.")}
        if "delay" in drive:
            delay = drive.pop("delay")
            place = np.arange(int(np.ceil(self.latest)) + 2)
            drive["spread"] = jnp.clip(1.0 - jnp.abs(place - delay), 0.0)
            drive["delay"] = 0
        if drive:
            actuator = dataclasses.replace(loop.actuator or Actuator(), **drive)
            loop = dataclasses.replace(loop, actuator=actuator)
        biases = {m[1]: v for n, v in at.items() if (m := BIAS.fullmatch(n))}
        if biases:
            bias = jnp.stack([biases.get(n, jnp.zeros(())) for n in self.measured])
            sensor = dataclasses.replace(loop.sensor or Sensor(), bias=bias)
            loop = dataclasses.replace(loop, sensor=sensor)
        return loop

    def found(self, values: Any, plant: Plant, loop: Loop) -> tuple[Plant, Loop]:
        """`told` as one keeps it: a delay as whole periods and a share of one."""
        plant, loop = self.told(values, plant, loop)
        if "actuator.delay" in self.names:
            delay = float(values[self.names.index("actuator.delay")])
            whole, part = int(delay), delay - int(delay)
            own: Any = {"delay": whole, "spread": [1.0 - part, part] if part else None}
            drive = dataclasses.replace(loop.actuator or Actuator(), **own)
            loop = dataclasses.replace(loop, actuator=drive)
        return plant, loop

    def bounds(
        self, plant: Plant, loop: Loop, given: Mapping[str, Sequence[float]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Smallest and largest values, shape [n] each.

        Raises:
            ValueError: bounds of what is not looked for, or around no guess.
        """
        unknown = [name for name in given if name not in self.names]
        require(not unknown, f"bounds of {unknown}, which are not among {self.names}")
        guess = self.guess(plant, loop)
        pairs = [
            tuple(given.get(name) or self._usual(name, value, plant, loop))
            for name, value in zip(self.names, guess, strict=True)
        ]
        for name, pair, value in zip(self.names, pairs, guess, strict=True):
            require(
                len(pair) == 2 and pair[0] < pair[1] and pair[0] <= value <= pair[1],
                f"{name} is {value:g} in the plant or loop, not within its "
                f"bounds {pair}; give a plant with a better guess, or other bounds",
            )
        low, high = np.array(pairs, np.float64).T
        return low, high

    def _usual(
        self, name: str, value: float, plant: Plant, loop: Loop
    ) -> tuple[float, float]:
        """Bounds that follow from what a number is."""
        kind, _, field = name.partition(".")
        if kind == "sensor":
            return -np.inf, np.inf
        if kind == "actuator":
            usual = {
                "gain": (SMALL, np.inf),
                "delay": (0.0, self.latest),
                "lag": (QUICK * loop.dt, SLOW * loop.dt),
                "dead_zone": (0.0, np.inf),
            }
            return usual[field]
        if not _refuses(plant, name, -abs(value) or -1.0):
            return -np.inf, np.inf
        return (SMALL * value if _refuses(plant, name, 0.0) else 0.0), np.inf


def _guess(name: str, loop: Loop) -> float:
    """A first guess of what is the loop's."""
    if name.startswith("sensor."):
        return 0.0
    field = name.split(".")[1]
    own = None if loop.actuator is None else getattr(loop.actuator, field)
    usual = loop.dt if field == "lag" else ACTUATOR[field]
    if field == "delay":
        return usual + float(own or 0)
    return number(name, usual if own is None else own)


def _refuses(plant: Plant, name: str, value: float) -> bool:
    """Whether the plant's own class forbids a value of a parameter."""
    if name not in (field.name for field in dataclasses.fields(plant)):
        return False
    try:
        dataclasses.replace(plant, **{name: value})
    except ValueError:
        return True
    return False
