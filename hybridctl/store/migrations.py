"""Files of older schemas, brought up to the present one, a schema at a time.

To change the format: append a function to `MIGRATIONS`, which raises the schema by
one, and keep a file of the older schema in `tests/data`. A field that is new and has
a default needs none of this, as older files may lack it.
"""

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

from hybridctl.checks import fail, plain
from hybridctl.store.encode import Arrays

Content = tuple[dict[str, Any], Arrays]
MIGRATIONS: tuple[Callable[[dict[str, Any], Arrays], Content], ...] = ()
"""The n-th turns manifest and arrays of schema n into those of schema n + 1."""


BEFORE = MappingProxyType({"EnergySwingUp": {"wall": 100.0}})
"""What a field was before it had a name, where its default has become another."""


def schema() -> int:
    """The schema that files are written in."""
    return 1 + len(MIGRATIONS)


def migrate(manifest: dict[str, Any], arrays: Arrays) -> Content:
    """Content of schema 1 to `schema()` as content of `schema()`.

    Args:
        manifest: of a file whose hash was right; it may be changed in place.
        arrays: by name; they may be changed in place.

    Raises:
        ValueError: a step does not know what to make of it.
    """
    for n in range(manifest["schema"], schema()):
        try:
            manifest, arrays = MIGRATIONS[n - 1](manifest, arrays)
        except Exception as error:  # anything, as the file may hold anything
            fail(f"it does not go from schema {n} to {n + 1}: {plain(error, 200)}")
        manifest = {**manifest, "schema": n + 1}
    return manifest, arrays


def parts(node: Any, path: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a class with its path, the inner ones first.

    Args:
        node: a tree, as `encode` makes it.
        path: of the tree.
        name: what files call the class.

    Example:
        >>> tree = {"tuple": [None, {"class": "Old", "fields": {}}]}
        >>> [(path, node)] = parts(tree, "controller", "Old")
        >>> node["class"] = "New"
        >>> path, tree
        ('controller.1', {'tuple': [None, {'class': 'New', 'fields': {}}]})
    """
    if not isinstance(node, dict):
        return
    for inside in list(node.values()):
        pairs: Any = enumerate(inside) if isinstance(inside, list) else ()
        for key, child in inside.items() if isinstance(inside, dict) else pairs:
            yield from parts(child, f"{path}.{key}", name)
    if node.get("class") == name:
        yield path, node


def move(arrays: Arrays, old: str, new: str) -> None:
    """Rename the arrays of a node that has another path now.

    Example:
        >>> arrays = {"c.gain": 1, "c.gain.0": 2, "c.gains": 3}
        >>> move(arrays, "c.gain", "c.K")
        >>> arrays
        {'c.gains': 3, 'c.K': 1, 'c.K.0': 2}
    """
    for name in [n for n in arrays if n == old or n.startswith(f"{old}.")]:
        arrays[new + name.removeprefix(old)] = arrays.pop(name)
