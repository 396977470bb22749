"""What a rig recorded, made ready to be compared with a model."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.loop import Log, Loop, Sensor
from hybridctl.plants import Plant
from hybridctl.ports import Signals

ALIASED = 0.1  # share of the rows in which an angle may move by half a turn
LEAST = 4  # rows from which something can be learned


class Recorded(NamedTuple):
    """Logs of one rig, and how they were measured.

    Attributes:
        plant: with first guesses.
        loop: with the period of the logs and a sensor of what they have.
        logs: at even times, angles without jumps.
        outputs: names of what is measured.
        turns: which of them are angles, shape [n_y].
    """

    plant: Plant
    loop: Loop
    logs: tuple[Log, ...]
    outputs: tuple[str, ...]
    turns: NDArray[np.bool_]

    @staticmethod
    def by(plant: Plant, logs: Sequence[Log], loop: Loop | None) -> "Recorded":
        """Logs of a plant in a loop.

        Raises:
            ValueError: what a log lacks, with the cure.
        """
        turning = _turning(plant, loop)
        logs = [log.even(plant.inputs, turning) for log in logs]
        loop = loop or Loop(plant.steps_every or logs[0].dt)
        for log in logs:
            require(
                abs(log.dt / loop.dt - 1.0) < 1e-3,
                f"this log has a row every {log.dt:g} s, but dt={loop.dt:g} s; give "
                f"log.resampled({loop.dt:g}{_told(turning, log)}), or the loop of the "
                "rig",
            )
            least = LEAST + (loop.sensor.delay if loop.sensor else 0)
            require(
                len(log) >= least,
                f"a log of {len(log)} rows is too short to learn from; give {least}",
            )
        if loop.sensor is None:
            loop = dataclasses.replace(loop, sensor=_sensor(plant, logs))
        signals = loop.measured(plant)
        outputs = tuple(signal.name for signal in signals)
        for log in logs:
            _check(log, plant, signals)
        turns = np.array([signal.angle for signal in signals])
        angles = [signal.name for signal in signals if signal.angle]
        late = loop.sensor.delay if loop.sensor else 0
        logs = [_on_time(log, outputs, late) for log in logs]
        steady = tuple(log.unwound(angles) for log in logs)
        return Recorded(plant, loop, steady, outputs, turns)


def _on_time(log: Log, outputs: Sequence[str], late: int) -> Log:
    """A log whose measurements stand at the times that they are of."""
    if not late:
        return log
    rows = {
        n: r[late:] if n in outputs else r[:-late] for n, r in log.to_dict().items()
    }
    return Log(rows, log.units)


def _turning(plant: Plant, loop: Loop | None) -> list[str]:
    """Names of what may jump by a turn: angles of the plant and of the sensor."""
    own = [plant.states[i] for i in plant.angles]
    if loop is None or loop.sensor is None:
        return own
    return own + [s.name for s in loop.measured(plant) if s.angle and s.name not in own]


def _told(turning: Sequence[str], log: Log) -> str:
    """How `resampled` is told of the angles that a log has."""
    names = [name for name in turning if name in log.names]
    return f", angles={names}" if names else ""


def _sensor(plant: Plant, logs: Sequence[Log]) -> Sensor:
    """Of the states that all logs have."""
    seen = [n for n in plant.states if all(n in log.names for log in logs)]
    require(
        bool(seen),
        f"the log has none of the states {', '.join(plant.states)}, only "
        f"{', '.join(logs[0].names)}; rename its columns, as in "
        'hc.Log.from_csv(path, names={"angle": "theta"})',
    )
    return Sensor(outputs=seen)


def _check(log: Log, plant: Plant, signals: Signals) -> None:
    """Refuse a log without a signal, or in other units."""
    log.rows((*plant.inputs, *(signal.name for signal in signals)))
    expected = {s.name: s.unit for s in signals} | dict(plant.units)
    for name in (*plant.inputs, *(signal.name for signal in signals)):
        known, own = log.units.get(name, ""), expected.get(name, "")
        require(
            not (known and own) or known == own,
            f"{name} is in {known} in the log, the plant's is in {own}; tell what one "
            f'is: units={{"{name}": (size, "{own}")}}',
        )
        lost = float(np.mean(~np.isfinite(log[name])))
        most = 0.0 if name in plant.inputs else 0.5
        require(
            lost <= most,
            f"{name} is missing in {lost:.1%} of the rows; "
            + (
                "the input must be known throughout"
                if most == 0
                else "half must be there"
            )
            + ": cut the log with log.between(start, end)",
        )
    for signal in filter(lambda signal: signal.angle, signals):
        _check_angle(log, signal.name)


def _check_angle(log: Log, name: str) -> None:
    """Refuse degrees that nobody told of: they turn too far from row to row."""
    steps = np.diff(log[name][np.isfinite(log[name])])
    rest = np.abs(steps - 2 * np.pi * np.round(steps / (2 * np.pi)))
    fast = np.mean((np.abs(steps) > np.pi) & (rest > 0.5))
    require(
        bool(fast <= ALIASED),
        f"{name} moves by more than half a turn from row to row in {fast:.0%} of the "
        f'log; if it is in degrees, say so: units={{"{name}": "deg"}}',
    )
