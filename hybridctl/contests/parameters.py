"""Places in a controller or a task by name, such as "modes[0].pump" or "K[0,1]"."""

import itertools
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from hybridctl.checks import fail, on_numbers, plain, require

Build = Callable[[dict[str, Any]], Any]


def setter(template: Any, names: Iterable[str]) -> tuple[Build, dict[str, float]]:
    """How values by name become a controller or task, and those that it has now.

    Args:
        template: a controller or task, or a function of values by name.
        names: places in it; whatever the function takes.

    Returns:
        A function from values to a controller or task; own values, none of a
        function. From values that are [m] each it makes m at once: every array of
        the result then has a leading axis m.

    Raises:
        ValueError: a name that is no place, or more than one.
    """
    if not isinstance(template, eqx.Module):
        if not callable(template):
            fail(f"expected a Controller or a function, got {type(template).__name__}")
        function: Any = template
        return function, {}
    found, leaves = find(template, names)
    _check_scalars(found, leaves)
    own = {n: float(leaves[at][i]) for n, (at, i) in found.items()}
    build = lambda given: _put(template, found, leaves, given, given)  # noqa: E731
    return build, own


def scaled(template: Any, names: Iterable[str]) -> tuple[Build, dict[str, float]]:
    """As `setter`, but of a place that is a whole array a value is a factor.

    Args:
        template: a controller or task.
        names: places in it: numbers, whose value is set, or arrays, which are scaled.

    Returns:
        A function from values to a controller or task; own values, 1 of an array.

    Raises:
        ValueError: a name that is no place of numbers, or more than one.
    """
    found, leaves = find(template, names)
    known = {n: np.asarray(leaves[at])[index] for n, (at, index) in found.items()}
    for name, value in known.items():
        require(eqx.is_inexact_array_like(value), f"{name} holds no numbers to change")
    own = {name: float(v) if np.ndim(v) == 0 else 1.0 for name, v in known.items()}

    def build(given: dict[str, Any]) -> Any:
        new = {
            n: np.multiply.outer(v, known[n]) if np.ndim(known[n]) else v
            for n, v in given.items()
        }
        return _put(template, found, leaves, new, given)

    return build, own


def _put(
    template: Any, found: dict, leaves: list, new: dict[str, Any], given: dict[str, Any]
) -> Any:
    """The template with new values; m at once where those that are given are [m]."""
    lanes = np.shape(next(iter(given.values()), 0.0))
    many = lambda v: np.array(np.broadcast_to(v, (*lanes, *np.shape(v))))  # noqa: E731
    rows = on_numbers(many, leaves)
    for name, value in new.items():
        at, index = found[name]
        rows[at][(..., *index) if index else ...] = value
    return jax.tree.unflatten(jax.tree.structure(template), rows)


def find(template: Any, names: Iterable[str]) -> tuple[dict[str, tuple], list]:
    """Where names are: leaf and entry of each; and all the leaves.

    Raises:
        ValueError: a name that is no place or more than one, or two names of one.
    """
    leaves = jax.tree_util.tree_flatten_with_path(template)[0]
    paths = [jax.tree_util.keystr(path) for path, _ in leaves]
    values = on_numbers(np.asarray, [leaf for _, leaf in leaves])
    found = {name: _find(name, paths) for name in names}
    _check_apart(found, paths)
    for name, (at, index) in found.items():
        size = np.shape(values[at])
        inside = len(index) <= len(size) and all(map(operator.lt, index, size))
        require(inside, f"{name} is outside of an array of shape {size}")
    return found, values


def _check_apart(found: dict[str, tuple[int, tuple]], paths: list[str]) -> None:
    """Refuse names of one place, or of an array and of an entry of it."""
    for (a, one), (b, other) in itertools.combinations(found.items(), 2):
        same = one[0] == other[0] and (one[1] == other[1] or not (one[1] and other[1]))
        require(not same, f"{a} and {b} are both {paths[one[0]]}; give one of them")


def ends_of(name: str, given: Any, third: str, both: bool = False) -> tuple[float, ...]:
    """A range (low, high), or (low, high, third), as numbers.

    Args:
        name: of what it is a range of.
        given: by anybody.
        third: what a third number is called.
        both: whether one number is a range too, ± that.

    Raises:
        ValueError: something else, or an empty or crossed range.
    """
    try:
        row = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        row = np.empty(0)
    row = np.ravel(row) * [-1.0, 1.0] if both and row.size == 1 else row
    ok = row.shape in ((2,), (3,)) and bool(np.isfinite(row).all() and row[0] < row[1])
    require(
        ok,
        f"{name}={plain(given, 80)}: expected (low, high) or (low, high, {third}), "
        "low < high",
    )
    return tuple(row.tolist())


def _check_scalars(found: dict[str, tuple[int, tuple]], values: list) -> None:
    for name, (at, index) in found.items():
        if not eqx.is_inexact_array_like(values[at]) or np.ndim(values[at][index]):
            fail(f"{name} is no single number; name an entry, as in K[0,1]")


def _find(name: str, paths: list[str]) -> tuple[int, tuple]:
    """Number of the leaf that a name ends in, and the entry of it."""
    if not isinstance(name, str):
        fail(f"{plain(repr(name), 80)} is no name of a place; give a text")
    entry = re.fullmatch(r"(.+)\[([\d, ]+)\]", name)
    for path, index in ((name, ()), *([_entry(entry)] if entry else [])):
        hits = [i for i, p in enumerate(paths) if _ends(p, path)]
        if len(hits) == 1:
            return hits[0], index
        if hits:
            places = ", ".join(paths[i] for i in hits[:6])
            fail(f"{name} names {len(hits)} places; be more exact: {places}")
    fail(f"no place {name} here; there are {', '.join(paths[:40])}")


def _entry(match: re.Match) -> tuple[str, tuple[int, ...]]:
    return match[1], tuple(int(i) for i in match[2].split(","))


def _ends(path: str, name: str) -> bool:
    """Whether a path ends in a name, which may be that of an entry of a dict."""
    ends = ("." + name.lstrip("."), f"['{name}']")
    return path == name or path.endswith(ends)
