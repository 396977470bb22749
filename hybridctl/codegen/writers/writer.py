"""What the writers of both languages share: order, names and what is inlined."""

import abc
import keyword
import re
from collections.abc import Iterable
from typing import Any

from hybridctl.codegen.graph import Block, If, Loop, Value

LONGEST = 120  # characters of an expression without a name of its own
ATOM = 99  # precedence of a name or a call
PREFIX = {"float": "a", "int": "n", "bool": "is"}
REPEATED = ("max", "min", "clip")  # their text has an argument more than once
ATOMS = ("const", "table", "input", "item", "carry", "left", "cell", "row", "fill")
Text = tuple[str, int]


class Names:
    """Identifiers, each given once."""

    def __init__(self, taken: Iterable[str] = ()):
        self._taken = {*keyword.kwlist, *taken}

    def new(self, wanted: str) -> str:
        """An identifier like the one that is wanted."""
        plain = re.sub(r"\W+", "_", wanted).strip("_") or "value"
        plain = f"v{plain}" if plain[0].isdigit() else plain
        name, i = plain, 1
        while name in self._taken:
            i += 1
            name = f"{plain}_{i}"
        self._taken.add(name)
        return name


class Writer(abc.ABC):
    """Writes the values of a block as statements.

    Args:
        names: identifiers that are taken.
    """

    def __init__(self, names: Names):
        self.names = names
        self.lines: list[str] = []
        self._items: dict[Value, dict[int, Value]] = {}
        self.constants: dict[Any, tuple[str, Value]] = {}
        self.tables: dict[Any, tuple[str, Value]] = {}
        self.depth = 1
        self._texts: dict[Value, Text] = {}
        self._users: dict[Value, list[Any]] = {}
        self._count = 0

    def write(self, block: Block, roots: list[Value]) -> list[str]:
        """Statements for everything that the roots need; the texts of the roots."""
        self._users = _users(roots)
        self._items = {}
        for value in self._users:
            if value.op == "item":
                self._items.setdefault(value.args[0], {})[value.info] = value
        for value in [v for v in self._users if v.op == "input"]:
            self.after(value)
        self.block(block)
        return [self.text(v) for v in roots]

    def block(self, block: Block) -> None:
        """The statements of a block."""
        for found in block.items:
            if isinstance(found, Value):
                if found in self._users and found.op not in ATOMS:
                    self._value(found)
            elif isinstance(found, If):
                if any(self.used(out) for out in found.outs):
                    self.branch(found)
            elif any(map(self.used, [*found.carry, *(m for m, _ in found.made)])):
                self.loop(found)

    def used(self, value: Value) -> bool:
        """Whether some root needs it."""
        return value in self._users

    def items(self, array: Value) -> dict[int, Value]:
        """The numbers of an array that are used one by one."""
        return self._items.get(array, {})

    def _value(self, value: Value) -> None:
        text, strength = self.expression(value)
        users = self._users[value]
        if len(users) == 1 and len(text) <= LONGEST and self._fits(value, users[0]):
            self._texts[value] = text, strength
            return
        self.assign(value, text)
        self.after(value)

    def _fits(self, value: Value, user: Any) -> bool:
        if value.is_array and not self.inlines_arrays:
            return False
        if isinstance(user, If):
            return value.block.turn is user.blocks[0].turn
        if user is None:
            return value.block.turn.parent is None and not value.is_array
        if user.op in REPEATED and user.shape == ():
            return False
        if user.op in ("item", "left", "cell", "row", "rows", "window"):
            return False
        return value.block.turn is user.block.turn

    def text(self, value: Value, least: int = 0) -> str:
        """A value where it is used, in brackets where it binds less than `least`."""
        text, strength = self._text(value)
        return text if strength >= least else f"({text})"

    def _text(self, value: Value) -> Text:
        if value.op == "const":
            return self.constant(value)
        if value.op == "table":
            return self.table(value), ATOM
        if value.op == "left":
            return self._texts[value.args[0]]
        if value.op == "item" and value not in self._texts:
            return self.item(value), ATOM
        return self._texts[value]

    def name(self, value: Value, wanted: str = "") -> str:
        """Give a value a name."""
        self._count += not (wanted or value.name)
        plain = f"{'v' if value.is_array else PREFIX[value.kind]}{self._count}"
        name = self.names.new(wanted or value.name or plain)
        self._texts[value] = name, ATOM
        return name

    def known(self, value: Value, text: str, strength: int = ATOM) -> None:
        """How a value is written where it is used."""
        self._texts[value] = text, strength

    def table(self, value: Value) -> str:
        """Name of an array that is known."""
        key = (value.kind, value.shape, value.info.tobytes())
        if key not in self.tables:
            name = self.names.new((value.name or "table").upper())
            self.tables[key] = name, value
        return self.tables[key][0]

    def named(self, value: Value) -> str:
        """Name of a number that is known; two numbers never share one."""
        key = value.name, value.kind, repr(value.info)
        if key not in self.constants:
            self.constants[key] = self.names.new(value.name), value
        return self.constants[key][0]

    def line(self, text: str) -> None:
        """A line of code."""
        self.lines.append("    " * self.depth + text)

    inlines_arrays: bool

    @abc.abstractmethod
    def constant(self, value: Value) -> Text:
        """A number that is known."""

    @abc.abstractmethod
    def item(self, value: Value) -> str:
        """One number of an array."""

    @abc.abstractmethod
    def expression(self, value: Value) -> Text:
        """How a value is computed."""

    @abc.abstractmethod
    def assign(self, value: Value, text: str) -> None:
        """Write a value under a name."""

    @abc.abstractmethod
    def after(self, value: Value) -> None:
        """What follows the statement of a value."""

    @abc.abstractmethod
    def branch(self, found: If) -> None:
        """Write a branch."""

    @abc.abstractmethod
    def loop(self, found: Loop) -> None:
        """Write a loop."""


def _users(roots: list[Value]) -> dict[Value, list[Any]]:
    """Every value that is needed, with who uses it; a root is used by None."""
    users: dict[Value, list[Any]] = {}
    todo: list[tuple[Value, Any]] = [(v, None) for v in reversed(roots)]
    while todo:
        value, user = todo.pop()
        seen = value in users
        if not (isinstance(user, If) and any(u is user for u in users.get(value, ()))):
            users.setdefault(value, []).append(user)
        if not seen:
            todo += [(a, _user(value, i)) for i, a in enumerate(value.args)]
    return users


def _user(value: Value, position: int) -> Any:
    return value.info if value.op == "out" and position == 0 else value
