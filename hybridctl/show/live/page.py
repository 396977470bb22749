"""`live`: one HTML file in which controllers run and can be pushed."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridctl import files
from hybridctl.checks import fail, plain, require
from hybridctl.controllers import Controller
from hybridctl.controllers.bind import bind
from hybridctl.deploy.javascript_file import javascript_text
from hybridctl.deploy.program import program
from hybridctl.loop.fit import check_fit
from hybridctl.show.live.facts import facts, hand_over, looks
from hybridctl.show.live.knobs import check_loop, knobs_of
from hybridctl.show.live.replay import controller_text, rig_text
from hybridctl.show.live.world import World
from hybridctl.tasks import Task

PARTS = Path(__file__).parent / "page"
SCRIPTS = ("loop.js", "scene.js", "plots.js", "controls.js")
MOST = 8  # controllers on a page


def live(
    task: Task,
    controllers: Mapping[str, Controller],
    path: str | Path,
    *,
    title: str | None = None,
    seed: int = 0,
) -> Path:
    """Write a page in which controllers run beside each other and can be pushed.

    One HTML file that needs nothing but itself: plant, loop, controllers and the
    task's cost are code in it, made as `hc.export` makes it, and run as `hc.simulate`
    runs them. Drag the plant with mouse or finger, push it by keys, move its mass,
    friction, noise and delay, drive it yourself; what was done can be saved, and
    `hc.replay` runs it again.

    Args:
        task: plant, loop, starts and what counts.
        controllers: by name, eight at most.
        path: of the file; in a folder it becomes live.html.
        title: of the page.
        seed: of the starts that "anywhere" goes through.

    Returns:
        Where the file is.

    Raises:
        ValueError: no controllers or too many, one that does not fit the task, or
            what cannot be written as JavaScript, by its name.

    Example:
        >>> import tempfile
        >>> import hybridctl as hc
        >>> task = hc.tasks.get("balance")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     hc.live(task, {"lqr": hc.reference("lqr", task)}, folder).name
        'live.html'
    """
    _check(task, controllers)
    target = Path(path)
    target = target / "live.html" if target.is_dir() else target
    text = page_text(task, controllers, title, seed)
    return files.write_text(target, text)


def page_text(
    task: Task,
    controllers: Mapping[str, Controller],
    title: str | None = None,
    seed: int = 0,
) -> str:
    """The page as text; see `live`."""
    pilots = [pilot_text(task, name, c) for name, c in controllers.items()]
    known = knobs_of(task.plant, task.loop)
    world = World(task, known)
    data = facts(task, known, seed)
    data["controllers"] = [
        {
            "name": name,
            "colour": colour,
            "set": hand_over(task, controllers[name], data["phase"]),
        }
        for name, colour in looks(controllers).items()
    ]
    data["files"] = {name: _file(c) for name, c in controllers.items()}
    data["rig"] = _rig(task)
    try:
        functions = world.text()
    except ValueError as error:
        fail(f"{type(task.plant).__name__} cannot run in a page: {error}")
    parts = {
        "TITLE": _escaped(title or f"Push it: {task.name}"),
        "STYLE": _part("style.css"),
        "DATA": _script(json.dumps(data, ensure_ascii=False, separators=(",", ":"))),
        "WORLD": _script(f"{functions}\nreturn {{ measure, points, push, period }};"),
        "PILOTS": ",\n".join(pilots),
        "CODE": "\n".join(_part(name) for name in SCRIPTS),
    }
    html = _part("page.html")
    return re.sub(r"<!--(\w+)-->|/\*(\w+)\*/", lambda m: parts[m[1] or m[2]], html)


def pilot_text(task: Task, name: str, controller: Controller) -> str:
    """A controller as an entry of an object of JavaScript."""
    try:
        loop, plant = task.loop, task.plant
        check_fit(plant, controller, loop, 0)
        bound = bind(controller, loop.measured(plant))
        text = javascript_text(program(bound, loop.dt, plant))
    except ValueError as error:
        fail(f"{name!r} cannot run in a page: {error}")
    modes = ", MODES, MODE" * ("export const MODES" in text)
    body = text.replace("export ", "")
    given = f"return {{ init, step, applied{modes} }};"
    return f"{json.dumps(name)}: (() => {{\n{_script(body)}{given}\n}})()"


def _check(task: Any, controllers: Any) -> None:
    if not isinstance(task, Task):
        fail(f"expected a Task, got {type(task).__name__}{Task.CURE}")
    if not isinstance(controllers, Mapping):
        fail('give controllers by name: {"machine": controller}')
    check_loop(task.loop)
    n = len(controllers)
    require(0 < n <= MOST, f"{n} controllers; a page runs 1 to {MOST}")
    for name, controller in controllers.items():
        if not isinstance(controller, Controller):
            kind = type(controller).__name__
            fail(f"{plain(name, 40)!r} is no Controller but a {kind}")


def _file(controller: Controller) -> str | None:
    """The controller in a record; None of one that no file can hold."""
    try:
        return controller_text(controller)
    except ValueError:
        return None


def _rig(task: Task) -> Any:
    try:
        return rig_text(task)
    except ValueError:
        return None


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _script(text: str) -> str:
    """Text that cannot end the script that it stands in."""
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
