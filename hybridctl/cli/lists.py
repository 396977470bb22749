"""`hybridctl tasks`, `controllers` and `presets`: what there is, a line on each."""

import json
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from hybridctl import strategies, tasks
from hybridctl.cli import options
from hybridctl.cli.shared import console
from hybridctl.learn import PRESETS, presets

HOW = (
    "Wherever a controller is asked for, the folder of a run or a file that was saved "
    "does, too."
)
NONE = 'A "-" is none, or what follows from the task; 2x32 is two layers of 32.'


def list_tasks(command: options.Tasks) -> None:
    """Print the tasks."""
    if command.json:
        return _as_json(tasks.about())
    _print("task", tasks.about())


def list_controllers(command: options.Controllers) -> None:
    """Print controllers and templates."""
    known = {
        "controllers": strategies.about_references(),
        "templates": strategies.about_templates(),
    }
    if command.json:
        return _as_json(known)
    _print("controller", known["controllers"])
    _print("template", known["templates"])
    console.print(HOW)


def list_presets(command: options.Presets) -> None:
    """Print the presets and in what they differ."""
    if command.json:
        return _as_json({name: vars(config) for name, config in PRESETS.items()})
    _print("preset", presets.ABOUT)
    console.print(_differences({k: vars(config) for k, config in PRESETS.items()}))
    console.print(NONE)


def _as_json(known: Any) -> None:
    print(json.dumps(known, indent=1, default=str))


def _print(heading: str, about: Mapping[str, str]) -> None:
    table = Table(heading, "", box=None, pad_edge=False)
    for name, line in about.items():
        table.add_row(name, line)
    console.print(table, "")


def _differences(known: Mapping[str, Mapping[str, Any]]) -> Table:
    """One column a preset, one row a setting that is not the same in all."""
    table = Table("", box=None, pad_edge=False)
    for name in known:
        table.add_column(name, justify="right", no_wrap=True)
    for setting in next(iter(known.values())):
        values = [_short(config[setting]) for config in known.values()]
        if len(set(values)) > 1:
            table.add_row(setting, *values)
    return table


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        alike = len(set(value)) == 1
        return f"{len(value)}x{value[0]}" if alike else ",".join(map(str, value))
    if isinstance(value, int) and value >= 10_000:
        return f"{value // 10**6}M" if value % 10**6 == 0 else f"{value // 10**3}k"
    return f"{value:g}" if isinstance(value, float) else str(value)
