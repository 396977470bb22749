"""Damaged and hostile files: what `damage.py` and the tests let hybridctl read.

`mutant(i, sources)` is always the same for the same i. What accidents do comes first;
then what a stranger does who knows the format, hash included.
"""

import copy
import json
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.lib.crafted import craft
from benchmarks.lib.disguises import disguise
from hybridctl.store.container import METADATA, pack, unpack

Random = np.random.Generator
DTYPES = ["F64", "BF16", "F8_E4M3", "I128", "O", "U8", "BOOL", ""]
SCHEMAS = ["2", "0", "-1", "1.0", "true", "NaN", "[1]", "9" * 4000, "9" * 9000]
HUGE = (2**31, 2**53, 2**63 - 1, 2**64, 10**18, 10**400, -1, -(2**63))


class Source(NamedTuple):
    """A good file.

    Attributes:
        kind: "controller" or "run".
        data: its bytes.
    """

    kind: str
    data: bytes


class Mutant(NamedTuple):
    """A bad file.

    Attributes:
        family: of the mutation.
        name: of the source.
        data: its bytes.
        told: whether its hash was made right again.
    """

    family: str
    name: str
    data: bytes
    told: bool = False


# ---------------------------------------------------------------- accidents


def flip_bits(random: Random, data: bytes, other: bytes) -> bytes:
    """One to eight bits."""
    out = bytearray(data)
    for place in random.integers(0, 8 * len(data), random.integers(1, 9)):
        out[place // 8] ^= 1 << int(place % 8)
    return bytes(out)


def change_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    """Some bytes, apart or in a row, to noise, zeros, ones or white space."""
    out, n = bytearray(data), int(random.integers(1, 200))
    fill = [
        random.bytes(n),
        bytes(n),
        b"\xff" * n,
        bytes(random.choice([9, 10, 32], n).tolist()),
    ]
    new = fill[random.integers(len(fill))]
    if random.random() < 0.5:
        places = random.integers(0, len(data), n)
    else:
        places = (int(random.integers(0, len(data))) + np.arange(n)) % len(data)
    for place, byte in zip(places.tolist(), new, strict=True):
        out[place] = byte
    return bytes(out)


def cut(random: Random, data: bytes, other: bytes) -> bytes:
    """The end, the beginning or a piece is lacking, or there is something behind."""
    i, j = sorted(random.integers(0, len(data), 2).tolist())
    ways = [data[:i], data[i:], data[:i] + data[j:], data + random.bytes(j - i)]
    return ways[random.integers(len(ways))]


def splice(random: Random, data: bytes, other: bytes) -> bytes:
    """Pieces of two files, or pieces of one in another order."""
    i, j, k = sorted(random.integers(0, min(len(data), len(other)), 3).tolist())
    ways = [
        data[:i] + other[i:],
        data[:i] + other[j:],
        data[:i] + other[i:j] + data[j:],
        data[:i] + other[j:k] + data[i:],
        data[:i] + data[j:k] + data[i:j] + data[k:],
        data + other,
        data[:j] + data[i:],
        _head(data) + _body(other),
        _head(other) + _body(data),
    ]
    return ways[random.integers(len(ways))]


def break_header(random: Random, data: bytes, other: bytes) -> bytes:
    """Sizes, shapes and offsets that lie, in a header that is JSON."""
    ways = [_wrong_size, _wrong_entry, _many_entries, _wrong_json]
    return ways[random.integers(len(ways))](random, data)


def break_manifest(random: Random, data: bytes, other: bytes) -> bytes:
    """A manifest that is almost JSON, or not the one that was hashed."""
    text = json.loads(_json(data))["__metadata__"][METADATA]
    i = int(random.integers(1, len(text)))
    n = int(random.integers(1, 100_000))
    ways = [
        text.replace(":", ": ", 1),
        text[:i] + random.choice(["NaN", "1e999", '"', "\\ud800", "\x00"]) + text[i:],
        "[" * n + "]" * n,
        '{"a":' * n + "1" + "}" * n,
        text[:-1] + ',"schema":1}',
        text.replace('"schema":1', f'"schema":{random.choice(SCHEMAS)}'),
        text.replace("controller", "cοntroller").replace("run", "rυn"),  # Greek
        text[:i] + "\u202e\u200b\ufeff" + text[i:],
        text.replace("0.1.0", "\x1b[31m" + "9" * int(random.integers(1, 999))),
        text.upper(),
        json.dumps(json.loads(text), indent=1),
        random.choice(["{}", "[]", "null", "0", '""', "{", '{"schema":1}']),
    ]  # fmt: skip
    text = ways[random.integers(len(ways))]
    header = json.loads(_json(data)) | {"__metadata__": {METADATA: text}}
    return _file(json.dumps(header), _body(data))


# ---------------------------------------------------------------- headers


def _json(data: bytes) -> bytes:
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


def _head(data: bytes) -> bytes:
    return data[: 8 + int.from_bytes(data[:8], "little")]


def _body(data: bytes) -> bytes:
    return data[8 + int.from_bytes(data[:8], "little") :]


def _file(header: str | bytes, body: bytes) -> bytes:
    raw = header.encode("utf-8", "surrogatepass") if isinstance(header, str) else header
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + body


def _wrong_size(random: Random, data: bytes) -> bytes:
    size = len(_json(data))
    sizes = [0, 1, size - 1, size + 8, len(data), 2**20 + 1, 2**32, 2**63, 2**64 - 1]
    padded = data + bytes(int(random.choice([0, 0, 2**20, 2**22])))
    return struct.pack("<Q", sizes[random.integers(len(sizes))]) + padded[8:]


def _wrong_entry(random: Random, data: bytes) -> bytes:
    """One array whose entry lies."""
    header = json.loads(_json(data))
    names = [name for name in header if name != "__metadata__"]
    name, n = names[random.integers(len(names))], int(random.integers(len(HUGE)))
    entry, huge = dict(header[name]), HUGE[n]
    lies: list[dict[str, Any]] = [
        {"shape": [huge]},
        {"shape": [huge, huge]},
        {"shape": [0, huge]},
        {"shape": [1] * 10_000},
        {"shape": [1.5]},
        {"shape": "x"},
        {"dtype": str(random.choice(DTYPES))},
        {"data_offsets": [0, huge]},
        {"data_offsets": [huge, huge]},
        {"data_offsets": [8, 0]},
        {"data_offsets": [0, 0], "shape": [0]},
        {"data_offsets": []},
    ]  # fmt: skip
    header[name] = entry | lies[random.integers(len(lies))]
    if random.random() < 0.2:
        header[str(random.choice(["", "__class__", "../x", "\x00", "a" * 10**5]))] = (
            header.pop(name)
        )
    return _file(json.dumps(header), _body(data))


def _many_entries(random: Random, data: bytes) -> bytes:
    header = json.loads(_json(data))
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header |= {f"a{i}": empty for i in range(int(random.choice([10, 1000, 12_000])))}
    return _file(json.dumps(header), _body(data))


def _wrong_json(random: Random, data: bytes) -> bytes:
    raw, n = _json(data), int(random.choice([100, 10_000, 500_000]))
    ways = [
        b"[" * n,
        b'{"a":' * n,
        b'{"__metadata__":{},' + raw[1:],
        raw.rstrip()[:-1] + b',"__metadata__":{"hybridctl":"{}"}}',
        raw.replace(b"{", b"{\xff", 1),
        b"1" * n,
        b'"' + b"\\u0000" * min(n, 10_000) + b'"',
        b"\xef\xbb\xbf" + raw,
        raw.decode().encode("utf-16"),
    ]
    return _file(ways[random.integers(len(ways))], _body(data))


ACCIDENTS: dict[str, tuple[int, Callable[[Random, bytes, bytes], bytes]]] = {
    "bit flips": (2000, flip_bits),
    "changed bytes": (1600, change_bytes),
    "truncations": (1200, cut),
    "splices": (1500, splice),
    "headers": (1000, break_header),
    "manifests": (800, break_manifest),
    "disguises": (600, disguise),
}
"""How many of 10,000, and how they are made; the rest is crafted with a right hash."""


def mutant(i: int, sources: dict[str, Source]) -> Mutant:
    """The i-th of all mutants.

    Args:
        i: from 0 on; 10,000 of them hold all families in their shares.
        sources: good files by name.
    """
    random = np.random.default_rng([2026, i])
    names = list(sources)
    name, other = random.choice(names), random.choice(names)
    place = (i * 7919) % 10_000  # families mixed
    for family, (count, make) in ACCIDENTS.items():
        if place < count:
            new = data = sources[name].data
            while new == data or new == sources[other].data:
                new = make(random, data, sources[other].data)
            return Mutant(family, name, new)
        place -= count
    return Mutant("crafted", name, crafted(random, *sources[name]), told=True)


def crafted(random: Random, kind: str, data: bytes) -> bytes:
    """Other content under a right hash."""
    manifest, arrays = unpack(data, kind)
    manifest, arrays = copy.deepcopy(manifest), dict(arrays)
    craft(random, kind, manifest, arrays)
    rest = {k: v for k, v in manifest.items() if k not in ("sha256", "arrays")}
    return pack(rest, arrays)
