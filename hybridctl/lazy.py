"""Rooms whose names are loaded when they are first used.

Importing the LQR should not build thirty classes of plants. What a room hands out is
written as ordinary imports below `if TYPE_CHECKING:`, which type checkers follow; here
the same lines are read as a list of where each name lives.
"""

import ast
import contextlib
import gc
import importlib
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any


class Room(ModuleType):
    """A package that imports a name of its list when it is asked for it."""

    _homes: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        home = self._homes.get(name)
        if home is None:
            told = f"module {self.__name__!r} has no attribute {name!r}"
            public = ", ".join(self.__dict__["__all__"])
            raise AttributeError(
                told if name[:1] == "_" else f"{told}; it has {public}"
            )
        if home == self.__name__:  # a room in this room
            return load(f"{home}.{name}")
        value = getattr(load(home), name)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep a name for what the room hands out, not for the file it is in."""
        file = isinstance(value, ModuleType)
        if not (file and self._homes.get(name, self.__name__) != self.__name__):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *self._homes})


def load(module: str) -> ModuleType:
    """Import a module by its name.

    Nothing becomes garbage while modules are made, so nobody looks for it: that takes
    a tenth of the time of importing JAX.
    """
    with _not_collecting():
        return importlib.import_module(module)


@contextlib.contextmanager
def _not_collecting() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def open_room(name: str) -> None:
    """Make a package load its names late.

    Args:
        name: of the package, `__name__`; its imports stand below `if TYPE_CHECKING:`.
    """
    room = sys.modules[name]
    room.__dict__["_homes"] = homes = _homes(inspect.getsource(room))
    room.__dict__["__all__"] = sorted(homes)
    room.__class__ = Room


def _homes(source: str) -> dict[str, str]:
    """The module of every name that is imported below `if TYPE_CHECKING:`."""
    blocks = (node for node in ast.parse(source).body if isinstance(node, ast.If))
    lines = (line for block in blocks for line in block.body)
    return {
        alias.name: line.module
        for line in lines
        if isinstance(line, ast.ImportFrom) and line.module
        for alias in line.names
    }
