"""Bytes of a file: safetensors, with a hashed JSON manifest as its metadata."""

import hashlib
import json
from typing import Any

import numpy as np
import safetensors.numpy

from hybridctl.checks import fail, plain, require
from hybridctl.files import FILE_CAP
from hybridctl.store.encode import Arrays
from hybridctl.store.migrations import migrate, schema
from hybridctl.version import __version__

HEADER_CAP = 2**20  # bytes
METADATA = "hybridctl"  # where the manifest is in the metadata
KINDS = {  # what a file may hold: the keys of its manifest
    "controller": frozenset(
        "schema hybridctl sha256 arrays controller dt signals".split()
    ),
    "run": frozenset("schema hybridctl sha256 arrays run".split()),
}


def pack(manifest: dict[str, Any], arrays: Arrays) -> bytes:
    """Bytes of a file: the same content always gives the same bytes.

    Args:
        manifest: JSON values; schema, versions, arrays and hash are added.
        arrays: by name, contiguous.

    Example:
        >>> manifest = dict.fromkeys(("controller", "dt", "signals"))
        >>> unpack(pack(manifest, {"y": np.zeros(3)}))[0]["arrays"]
        {'y': {'dtype': 'float64', 'shape': [3]}}
    """
    versions = {"schema": schema(), "hybridctl": __version__}
    manifest = {**versions, **manifest, "arrays": describe(arrays)}
    manifest["sha256"] = digest(manifest, arrays)
    return safetensors.numpy.save(arrays, {METADATA: canonical(manifest)})


def unpack(data: bytes, kind: str = "controller") -> tuple[dict[str, Any], Arrays]:
    """Manifest and arrays of a file, after every check that needs no controller.

    Args:
        data: the bytes of a file, from anywhere.
        kind: what it should hold: "controller" or "run".

    Returns:
        The manifest, and the arrays by name; those of an older schema are brought up
        to the present one, once their hash was found right.

    Raises:
        ValueError: not a file of `pack`, of a newer schema, or damaged.
    """
    header = _header(data)
    manifest = _manifest(_metadata(header))
    _check_schema(manifest)
    _check_names(header, manifest)
    arrays = _arrays(data)
    require(
        manifest.get("arrays") == describe(arrays)
        and manifest.get("sha256") == digest(manifest, arrays),
        "damaged: the content does not match its hash; take a good copy, or save anew",
    )
    manifest, arrays = migrate(manifest, arrays)
    _check_kind(manifest, kind)
    return {**manifest, "arrays": describe(arrays)}, arrays


def canonical(manifest: dict[str, Any]) -> str:
    """The one JSON text of a manifest."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), allow_nan=False)


def describe(arrays: Arrays) -> dict[str, Any]:
    """Dtype and shape of each array."""
    return {
        name: {"dtype": a.dtype.name, "shape": list(a.shape)}
        for name, a in sorted(arrays.items())
    }


def digest(manifest: dict[str, Any], arrays: Arrays) -> str:
    """SHA-256 over the manifest but its hash, then over every array, by name."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    sha = hashlib.sha256(canonical(rest).encode())
    for name in sorted(arrays):
        sha.update(arrays[name].tobytes())
    return sha.hexdigest()


def _header(data: bytes) -> Any:
    """The JSON header of a safetensors file, sizes checked first."""
    require(len(data) <= FILE_CAP, f"larger than {FILE_CAP >> 20} MiB")
    require(len(data) > 8, f"not a safetensors file, {len(data)} bytes are too few")
    size = int.from_bytes(data[:8], "little")
    require(
        size <= len(data) - 8,
        "not a safetensors file, or cut short: "
        f"its header would be {size} of {len(data)} bytes",
    )
    require(
        size <= HEADER_CAP,
        f"a header of {size} bytes, expected at most {HEADER_CAP}; "
        "the controller has too many parts",
    )
    try:
        return json.loads(data[8 : 8 + size].decode())  # bytes may be any UTF
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a safetensors file: its header is no JSON "
                         f"({error})") from error  # fmt: skip


def _metadata(header: Any) -> str:
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    text = metadata.get(METADATA) if isinstance(metadata, dict) else None
    if not isinstance(text, str) or metadata != {METADATA: text}:
        fail("it has no manifest of hybridctl; give a file that hybridctl.save wrote")
    return text


def _manifest(text: str) -> Any:
    try:
        manifest = json.loads(text)
        same = canonical(manifest) == text
    except (ValueError, RecursionError) as error:
        raise ValueError(f"damaged: the manifest is no JSON ({error})") from error
    require(same, "damaged: the manifest is not as written")
    return manifest


def _check_schema(manifest: Any) -> None:
    known = schema()
    given = manifest.get("schema") if isinstance(manifest, dict) else None
    if type(given) is not int or given < 1:
        fail(f"damaged: its schema is {plain(repr(given), 40)}, expected 1 to {known}")
    require(
        given <= known,
        f"schema {plain(given, 40)} of hybridctl "
        f"{plain(manifest.get('hybridctl'), 40)} is newer than this hybridctl "
        f"{__version__} reads ({known}); update hybridctl",
    )


def _check_names(header: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Before any array is made: a header may name very many."""
    told, known = set(header) - {"__metadata__"}, manifest.get("arrays")
    require(
        isinstance(known, dict) and told == set(known),
        "damaged: its arrays are not those of the manifest",
    )


def _check_kind(manifest: dict[str, Any], kind: str) -> None:
    for other, keys in KINDS.items():
        same = other != kind and keys == set(manifest)
        require(
            not same,
            f"it holds a {other}, expected a {kind}; hc.load reads controllers, "
            "hc.RunFolder reads runs",
        )
    keys = ", ".join(sorted(KINDS[kind] ^ set(manifest)))
    require(not keys, f"keys of the manifest lacking or unknown: {plain(keys, 200)}")


def _arrays(data: bytes) -> Arrays:
    try:
        arrays = safetensors.numpy.load(data)
    except Exception as error:  # its own class, KeyError, and numpy's
        raise ValueError(f"damaged: the arrays cannot be read ({error})") from error
    return {name: np.asarray(array) for name, array in arrays.items()}
