"""How large the controller in a file may be, told before any part of it is built."""

from typing import Any, NamedTuple

from hybridctl.checks import require
from hybridctl.plants import Plant
from hybridctl.plants.hybrid.plant import HybridPlant
from hybridctl.plants.mujoco.plant import MuJoCoPlant
from hybridctl.store.encode import Arrays, check_depth
from hybridctl.store.registry import toolkit

PARTS, ROW = 1000, 256  # of a tree; values in a row of it
STEPS = 10_000  # to trace; a machine of five modes has 500, an MPC 2,000
PLANT, EVENTS, MUJOCO = 60, 300, 3000  # steps of a model
WHOLE = {  # arrays not taken apart
    "Policy", "Sequence", "TrajectoryFeedback", "GridValue", "NetworkValue", "Physical",
    "GRU", "Family",
}  # fmt: skip
LOOPS = ("delay", "history", "size", "n_y", "n_u", "n_modes", "n_r")  # turn by turn
TRIES = {"Series", "Hold", "Filled", "MPC"}  # whose init steps what is inside, too
RESTARTS = {"Switch", "Hold", "SafetyFilter", "MPC"}  # whose step begins it anew
TIMES = {"Filled": 2, "EKF": 5, "MPC": 3}  # that a step takes what is inside


class Traced(NamedTuple):
    """About how many operations JAX writes down, as it traces a part's two verbs."""

    init: int
    step: int


def check_size(tree: Any, path: str, arrays: Arrays) -> None:
    """Refuse a tree that would take minutes to build, trace or compile.

    Laws are written out number by number and parts within parts ask each other
    again, so that a small file could keep JAX busy for ever.

    Args:
        tree: a controller's node, or a dict of such.
        path: where it is, such as "controller".
        arrays: by the paths of their nodes.

    Raises:
        ValueError: more than `PARTS` parts, `ROW` values in a row, or `STEPS` steps.

    Example:
        >>> wait = {"class": "Predictor", "fields": {"delay": 10**6}}
        >>> check_size(wait, "controller", {})
        Traceback (most recent call last):
        ValueError: controller takes some 1000002 steps to trace, at most 10000 fit
    """
    _check_rows(tree)
    inside = tree.get("dict") if isinstance(tree, dict) else None
    named = {f"{path}.{name}": v for name, v in inside.items()} if inside else {}
    for place, node in (named or {path: tree}).items():
        steps = sum(_traced(node, place, arrays))
        require(
            steps <= STEPS,
            f"{place} takes some {steps} steps to trace, at most {STEPS} fit",
        )


def _check_rows(tree: Any) -> None:
    stack, parts = [tree], 0
    while stack:
        top = stack.pop()
        parts += isinstance(top, dict) and "class" in top
        inside = list(top.values()) if isinstance(top, dict) else top
        if isinstance(inside, list):
            small = parts <= PARTS and len(inside) <= ROW
            require(small, f"more than {PARTS} parts, or {ROW} values in a row")
            stack += inside


def _traced(
    node: Any, path: str, arrays: Arrays, whole: bool = True, depth: int = 0
) -> Traced:
    check_depth(path, depth)
    if not isinstance(node, dict):
        return Traced(0, 0)
    if "array" in node:
        return Traced(0, 1 if whole or path not in arrays else arrays[path].size)
    if "class" in node:
        return _module(str(node["class"]), node.get("fields"), path, arrays, depth)
    inside = next(iter(node.values()), None)
    return _sum(inside, path, arrays, whole, depth + 1)


def _module(name: str, fields: Any, path: str, arrays: Arrays, depth: int) -> Traced:
    known = toolkit().get(name)
    whole = known is None or name in WHOLE
    init, step = _sum(fields, path, arrays, whole, depth + 1)
    turns = 0 if known is None else _turns(fields)
    own = 1 + turns
    if known is not None and issubclass(known, Plant):
        own = EVENTS if issubclass(known, HybridPlant) else PLANT
        own = MUJOCO if known is MuJoCoPlant else own
    times = turns if name == "Predictor" else TIMES.get(name, 1)
    return Traced(
        1 + init + (step if name in TRIES else 0),
        own + times * step + (init if name in RESTARTS else 0),
    )


def _turns(fields: Any) -> int:
    given = fields if isinstance(fields, dict) else {}
    found = (given.get(name) for name in LOOPS)
    return sum(abs(n) for n in found if type(n) is int)


def _sum(inside: Any, path: str, arrays: Arrays, whole: bool, depth: int) -> Traced:
    pairs: Any = enumerate(inside) if isinstance(inside, list) else ()
    pairs = inside.items() if isinstance(inside, dict) else pairs
    parts = [_traced(v, f"{path}.{k}", arrays, whole, depth) for k, v in pairs]
    return Traced(sum(p.init for p in parts), sum(p.step for p in parts))
