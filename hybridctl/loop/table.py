"""Text files with a heading and a row a time."""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, plain, require

Columns = dict[str, NDArray[np.float64]]
HEAD = re.compile(r"\s*(.*?)\s*(?:[\[(]([^\])]*)[\])])?\s*")  # name [unit]
LOST = ("", "nan", "na", "none", "null")


def read(path: Path, names: Mapping[str, str]) -> tuple[Columns, dict[str, str]]:
    """The columns of a file by name, and the units that its heading tells.

    Args:
        path: of the file.
        names: the name to use by that of the heading.

    Raises:
        ValueError: a row of another length, or what is no number, with its line.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    head, body = _table(text, str(path))
    parts = [match.groups() for match in map(HEAD.fullmatch, head) if match]
    units = {names.get(name, name): unit for name, unit in parts if unit}
    columns = {names.get(n, n): body[:, i] for i, (n, _) in enumerate(parts)}
    require(
        len(columns) == len(head),
        f"{path}: two columns have the same name: {', '.join(head)}",
    )
    return columns, units


def write(path: Path, columns: Columns, units: Mapping[str, str]) -> Path:
    """Write a file that `read` reads to the last digit."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    known = {"t": "s", **units}
    writer.writerow([f"{n} [{known[n]}]" if known.get(n) else n for n in columns])
    writer.writerows(zip(*(row.tolist() for row in columns.values()), strict=True))
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def _table(text: str, where: str) -> tuple[list[str], NDArray[np.float64]]:
    """Headings, and numbers [rows, columns]."""
    lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"]
    require(len(lines) > 1, f"{where} has no heading and rows")
    head = lines[0]
    mark = next((mark for mark in (";", "\t", ",") if mark in head), " ")
    read = csv.reader(lines, delimiter=mark, skipinitialspace=True)
    head, *body = [[cell.strip() for cell in row] for row in read]
    numbers = []
    for i, row in enumerate(body, 2):
        require(
            len(row) == len(head),
            f"{where}: row {i} has {len(row)} columns, the heading has {len(head)}",
        )
        numbers.append([_number(cell, where, i) for cell in row])
    return head, np.array(numbers)


def _number(cell: str, where: str, line: int) -> float:
    """A cell; an empty one was lost."""
    if cell.lower() in LOST:
        return np.nan
    try:
        return float(cell)
    except ValueError:
        fail(
            f"{where}: row {line} has {plain(repr(cell), 40)} where a number should be"
        )
