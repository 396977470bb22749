"""Lines of Python: where they break, and what they are made of."""

import textwrap

from hybridctl.codegen.graph import BOOL, If

INFIX = {  # symbol and how strongly it binds
    "or": ("or", 1), "and": ("and", 2), "eq": ("==", 4), "ne": ("!=", 4),
    "lt": ("<", 4), "le": ("<=", 4), "add": ("+", 10), "sub": ("-", 10),
    "mul": ("*", 11), "div": ("/", 11),
}  # fmt: skip
INDENT = "    "


def broken(text: str, room: int) -> str:
    """A statement on as many lines as it needs.

    Example:
        >>> print(broken("total = first_part + second_part", 24))
        total = (
            first_part +
            second_part
        )
    """
    if len(text) <= room:
        return text
    if text.startswith("return "):
        return f"return {_bracketed(text[7:], room, 7)}"
    left, sign, right = text.partition(" = ")
    if not sign or text.startswith(("if ", "elif ", "for ")):
        return text
    if len(left) > room - 4:
        left = _bracketed(left, room)
    return f"{left} = {_bracketed(right, room, len(left.splitlines()[-1]) + 3)}"


def _bracketed(text: str, room: int, before: int = 0) -> str:
    """In brackets, on lines of its own, unless it fits behind what is before it."""
    if before + len(text) <= room:
        return text
    lines = textwrap.wrap(
        text, room - 4, break_long_words=False, break_on_hyphens=False
    )
    return f"(\n{INDENT}" + f"\n{INDENT}".join(lines) + "\n)"


def listed(names: list[str]) -> str:
    """Names with commas between them, as in a tuple."""
    return ", ".join(names) + ("," if len(names) == 1 else "")


def test_of(found: If, i: int, index: str, n: int) -> str:
    """The line that begins a branch."""
    if found.index.kind == BOOL:
        return "else:" if i else f"if not {index}:"
    if i == n - 1:
        return "else:"
    sign = "<=" if i == 0 else "=="
    return f"{'elif' if i else 'if'} {index} {sign} {i}:"
