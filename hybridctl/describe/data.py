"""Objects as plain data that is valid JSON, whatever numbers are in them."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np


def plain_data(value: Any) -> Any:
    """Dicts, lists, texts and numbers only: what `json.dumps(allow_nan=False)` takes.

    Numbers that are not finite become None, for JSON knows none; complex ones become
    [real, imaginary]; arrays become lists, and what has fields a dict of them.

    Example:
        >>> plain_data({"J": np.float32(0.5), "poles": np.array([1 + 2j]), "t": np.inf})
        {'J': 0.5, 'poles': [[1.0, 2.0]], 't': None}
    """
    if value is None or (isinstance(value, bool | int | str) and type(value) in PLAIN):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain_data(part) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain_data(value._asdict())  # type: ignore[attr-defined]
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_data(part) for part in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: plain_data(getattr(value, name)) for name in names}
    return _scalar(value)


PLAIN = (bool, int, str)


def _scalar(value: Any) -> Any:
    """A number or an array of any library; the text of anything else."""
    if isinstance(value, str | PurePath):
        return str(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biufcSU":
        return str(value)
    if array.ndim:
        return [plain_data(part) for part in array.tolist()]
    if array.dtype.kind == "c":
        number = complex(array.item())
        return [plain_data(number.real), plain_data(number.imag)]
    plain = array.item()
    whole = not isinstance(plain, float)
    return plain if whole or math.isfinite(plain) else None
