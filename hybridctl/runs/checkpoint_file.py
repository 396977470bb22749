"""A training as the bytes of one file: all that going on with it needs."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridctl.checks import fail, plain, require
from hybridctl.controllers import Controller, fill
from hybridctl.controllers.fill import held, is_held
from hybridctl.runs.curve_files import columns
from hybridctl.store.container import pack, unpack
from hybridctl.store.decode import rebuild
from hybridctl.store.encode import Arrays, encode
from hybridctl.tasks import Task
from hybridctl.tasks.statistics import Interval
from hybridctl.version import __version__

if TYPE_CHECKING:
    from hybridctl.learn import Run

ROOT = "run"
RTOL, ATOL = 1e-6, 1e-9  # designs of another machine differ in their last digits


def to_bytes(run: "Run", template: str | None = None) -> bytes:
    """The bytes of a file: policy, controller, curve, settings and checkpoint.

    Args:
        run: finished or under way.
        template: a name to keep with it.

    Raises:
        ValueError: its controller has parts that a file cannot hold; see `save`.
    """
    arrays: Arrays = {}
    tree = encode({**_fields(run), "template": template}, ROOT, arrays)
    data = pack({ROOT: tree}, arrays)
    unpack(data, ROOT)  # what is written can be read
    return data


def from_bytes(data: bytes) -> tuple["Run", str | None]:
    """The run in the bytes of a file, and the name that was kept with it.

    Raises:
        ValueError: damaged, foreign, too large, or of a newer hybridctl.
    """
    manifest, arrays = unpack(data, ROOT)
    try:
        return _run(rebuild(manifest[ROOT], ROOT, arrays))
    except Exception as error:  # whatever is missing, or of another type
        raise ValueError(
            f"no run that hybridctl {__version__} knows ({type(error).__name__}: "
            f"{plain(error, 300)}); read it with the hybridctl that saved it, "
            f"{plain(manifest['hybridctl'], 40)}"
        ) from error


def _fields(run: "Run") -> dict[str, Any]:
    """A run's fields as plain data, arrays and controllers."""
    fields = {f.name: getattr(run, f.name) for f in dataclasses.fields(run)}
    names = columns(run)
    rows = [[float(row.get(name, np.nan)) for name in names] for row in run.curve]
    fields["curve"] = {"names": names, "rows": np.array(rows, np.float64)}
    for name in ("config", "better_than_base", "checkpoint", "taught"):
        part = fields[name]
        fields[name] = None if part is None else dict(vars(part))
    return fields


def _run(tree: dict[str, Any]) -> tuple["Run", str | None]:
    from hybridctl.learn import Checkpoint, Config, Run, Taught

    fields = dict(tree)
    template, curve = fields.pop("template"), fields["curve"]
    rows = curve["rows"].tolist()
    fields["curve"] = [dict(zip(curve["names"], r, strict=True)) for r in rows]
    parts = {
        "config": Config, "better_than_base": Interval, "checkpoint": Checkpoint,
        "taught": Taught,
    }  # fmt: skip
    for name, part in parts.items():
        told = fields.get(name)  # an older file has no teacher
        fields[name] = None if told is None else part(**told)
    run = Run(**fields)
    _check(run, template)
    return run, template


def _check(run: "Run", template: Any) -> None:
    """Refuse a run whose parts do not fit together."""
    kept = run.curve[run.best]
    for name, ok in {
        "policy": isinstance(run.policy, Controller),
        "controller": isinstance(run.controller, Controller),
        "last": run.last is None or isinstance(run.last, Controller),
        "config": run.config is not None,
        "task": isinstance(run.task, str) and isinstance(run.stopped, str),
        "template": template is None or isinstance(template, str),
        "seed": type(run.seed) is int,
        "best": type(run.best) is int and run.best >= 0,
        "curve": {"steps", "score"} <= set(kept),
        "timing": all(isinstance(v, (int, float)) for v in run.timing.values()),
    }.items():
        require(ok, f"its {name} is not as expected")
    repeat = run.config.action_repeat
    require(
        is_held(run.controller, repeat),
        f"it was trained with action_repeat={repeat}, which its controller does not "
        "hold: it would decide too often; train it anew",
    )


def check_fits(run: "Run", task: Task | None, template: Controller | None) -> None:
    """Refuse a task of another name, and a template that is not the one trained.

    Raises:
        ValueError: says what differs.
    """
    if task is not None:
        name = getattr(task, "name", task)
        require(
            name == run.task,
            f"it is a run on {run.task}, but the task is {name}; give that task, or "
            "another folder",
        )
    if template is not None:
        _check_template(run, template)


def _check_template(run: "Run", template: Controller) -> None:
    """Numbers may differ by rounding: another machine designs them so."""
    if not isinstance(template, Controller):
        fail(f"expected a Controller, got {type(template).__name__}")
    cure = "give the template that it was trained with"
    try:
        given = fill(held(template, run.config.action_repeat), run.policy)
    except ValueError as error:
        raise ValueError(
            f"its policy does not fit this template: {error}; {cure}"
        ) from error
    theirs, ours = _leaves(run.controller), _leaves(given)
    places = [*ours, *(place for place in theirs if place not in ours)]
    other = next((p for p in places if not _alike(theirs.get(p), ours.get(p))), None)
    same = other is None
    require(same, f"it was trained with another template: {other} differs; {cure}")


def _leaves(controller: Controller) -> dict[str, Any]:
    """Every class, number and array of a controller by its place."""
    arrays: Arrays = {}
    found: dict[str, Any] = {}
    todo = [("controller", encode(controller, "controller", arrays))]
    while todo:
        place, node = todo.pop()
        found[place] = node
        if not isinstance(node, dict):
            continue
        found[place] = arrays.get(place, node.get("class", node.get("float")))
        for inside in node.values():
            if isinstance(inside, dict):
                todo += [(f"{place}.{name}", part) for name, part in inside.items()]
            elif isinstance(inside, list):
                todo += [(f"{place}.{i}", part) for i, part in enumerate(inside)]
    return found


def _alike(a: Any, b: Any) -> bool:
    """Whether two leaves are the same, numbers up to rounding."""
    kinds = np.asarray(a).dtype.kind, np.asarray(b).dtype.kind
    if not set("".join(kinds)) <= set("biuf"):
        return a == b
    same = np.shape(a) == np.shape(b)
    return same and np.allclose(a, b, RTOL, ATOL, equal_nan=True)
