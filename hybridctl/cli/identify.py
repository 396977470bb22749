"""`hybridctl identify`: from a log to the parameters of a plant."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from hybridctl import files, plants
from hybridctl.checks import fail, require
from hybridctl.cli import options
from hybridctl.cli.shared import console, draw, saved
from hybridctl.design import Fit
from hybridctl.design import identify as identified
from hybridctl.loop import Actuator, Log, Loop
from hybridctl.plants import Plant

PLANTS = {
    "cartpole": plants.CartPole,
    "pendulum": plants.Pendulum,
    "acrobot": plants.Acrobot,
    "pendubot": plants.Pendubot,
    "doublecartpole": plants.DoubleCartPole,
}


def identify(command: options.Identify) -> None:
    """Fit a plant to logs; print what was found, and write it with a picture."""
    guess = {n: _number(n, v) for n, v in _pairs("guess", command.guess).items()}
    plant = _plant(command.plant, guess)
    require(bool(command.log), "give at least one log, as hybridctl identify LOG.csv")
    names = _pairs("names", command.names)
    angles = [plant.states[i] for i in plant.angles]
    read = [Log.from_csv(path, names=names) for path in command.log]
    logs = [log.even(plant.inputs, angles) for log in read]
    known = None if command.limit is None else Actuator(limit=command.limit)
    loop = Loop(logs[0].dt, actuator=known)
    parameters = command.parameters or _numbers(plant)
    settings = {"window": command.window, "holdout": command.holdout}
    with console.status("fitting"):
        fit = identified(plant, logs, parameters, loop=loop, **settings)
    console.print(str(fit), markup=False)
    _write(fit, command)


def _write(fit: Fit, command: options.Identify) -> None:
    told, picture = command.out / "fit.json", command.out / "fit.png"
    files.write_text(told, json.dumps(fit.to_dict(), indent=1))
    draw(fit.plot(), picture)
    saved(picture, told)


def _plant(name: str, guess: dict[str, float]) -> Plant:
    known = [field.name for field in dataclasses.fields(PLANTS[name])]
    unknown = [key for key in guess if key not in known]
    require(
        not unknown,
        f"{name} has no {', '.join(unknown)}; its parameters are {', '.join(known)}",
    )
    return PLANTS[name](**guess)


def _numbers(plant: Plant) -> tuple[str, ...]:
    """Parameters that one does not look up: all single numbers but gravity."""
    own: Iterable[Any] = dataclasses.fields(plant)
    return tuple(
        field.name
        for field in own
        if field.name != "g" and np.shape(getattr(plant, field.name)) == ()
    )


def _pairs(option: str, words: Iterable[str]) -> dict[str, str]:
    """Words such as a=b."""
    parts = [word.partition("=") for word in words]
    wrong = ["".join(part) for part in parts if not (part[0] and part[1] and part[2])]
    require(not wrong, f"--{option} takes name=value, not {' '.join(wrong)}")
    return {name: value for name, _, value in parts}


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        fail(f"--guess {name}={value}: {value!r} is no number")
