"""Names in an export: of its signals, and short ones for the arrays of a tree."""

import re
from typing import Any

import jax

from hybridctl.controllers.machine import Switch
from hybridctl.controllers.trial import Sizes
from hybridctl.plants import Plant
from hybridctl.ports import Ports, Signals


def words(tree: Any, path: Any) -> list[str]:
    """The path to a leaf in words; modes by their names, not their numbers.

    Example:
        >>> from hybridctl.controllers import Constant, Switch
        >>> machine = Switch(Constant([0.0]), {"rest": Constant([0.0])})
        >>> leaves, _ = jax.tree_util.tree_flatten_with_path(machine)
        >>> [words(machine, path) for path, _ in leaves]
        [['supervisor', 'u'], ['rest', 'u']]
    """
    out: list[str] = []
    node: Any = tree
    names: tuple[str, ...] = ()
    for entry in path:
        key = getattr(entry, "name", getattr(entry, "idx", getattr(entry, "key", None)))
        if names and isinstance(key, int):
            out[-1] = names[key]
        else:
            out += re.findall(r"\w+", str(key))
        names = _modes(node) if key == "modes" else ()
        named = isinstance(entry, jax.tree_util.GetAttrKey)
        node = getattr(node, entry.name) if named else node[key]
    return out


def _modes(node: Any) -> tuple[str, ...]:
    return node.names if isinstance(node, Switch) else ()


def shortest(paths: list[list[str]]) -> list[str]:
    """As few words from the end of each path as tell them apart.

    Example:
        >>> shortest([["modes", "1", "K"], ["guard", "K"], ["dwell"]])
        ['modes_1_K', 'guard_K', 'dwell']
    """
    return [_ending(path, paths) for path in paths]


def _ending(path: list[str], paths: list[list[str]]) -> str:
    for n in range(1, len(path) + 1):
        same = [other for other in paths if other[-n:] == path[-n:]]
        if len(same) == 1 and not path[-n].isdigit():
            return "_".join(path[-n:])
    return "_".join(["memory"] * (not path or path[0].isdigit()) + path)


Rows = list[tuple[str, str]]


def names_of(known: Ports, plant: Plant | None, sizes: Sizes) -> tuple[Rows, Rows]:
    """Names and units of measurements and inputs; plain ones where none are known."""
    told = (None, None) if plant is None else (plant.ports.y, plant.ports.u)
    y = _rows("y", sizes.n_y, known.y, (told[0] or ())[: sizes.n_y])
    return y, _rows("u", sizes.n_out, known.u, told[1])


def _rows(letter: str, n: int, *told: Signals | None) -> Rows:
    """The first names that are as many and complete."""
    for row in told:
        if row and len(row) == n and all(s.name for s in row):
            return [(s.name, s.unit) for s in row]
    return [(f"{letter}{i}", "") for i in range(n)]
