"""Other formats under the name of a safetensors file, some with code that would run."""

import gzip
import io
import pickle
import tarfile
import zipfile
from typing import Any

import numpy as np
import safetensors.numpy

from hybridctl.store.container import METADATA

CANARY = "canary"  # the file that a pickle which is run makes


class Trap:
    """A pickle that makes a file where it is loaded."""

    def __reduce__(self) -> Any:
        """Code to run."""
        return open, (CANARY, "w")


def disguise(random: np.random.Generator, data: bytes, other: bytes) -> bytes:
    """Another format under our name; half of them behind one of our headers."""
    trap = pickle.dumps(Trap(), int(random.integers(0, 6)))
    objects = io.BytesIO()
    np.save(objects, np.array([Trap()], dtype=object), allow_pickle=True)
    kinds = [
        b"",
        trap,
        b"\x80\x02ctypes\nFunctionType\n.",
        b"cos\nsystem\n(S'touch " + CANARY.encode() + b"'\ntR.",
        objects.getvalue(),
        _zipped({"archive/data.pkl": trap, "archive/version": b"3"}),
        _zipped({"w.npy": objects.getvalue()}),
        _zipped({"model.safetensors": data}),
        gzip.compress(bytes(10**6)),
        gzip.compress(data),
        _tarred({"x": trap}),
        b"\x89HDF\r\n\x1a\n" + random.bytes(500),
        b"\x7fELF\x02\x01\x01" + random.bytes(500),
        b"MZ" + random.bytes(500),
        b"#!/bin/sh\ntouch " + CANARY.encode() + b"\n",
        f"import os\nopen('{CANARY}', 'w')\n".encode(),
        f"!!python/object/apply:os.system ['touch {CANARY}']\n".encode(),
        b"\x93NUMPY\x01\x00" + random.bytes(200),
        b"\x89PNG\r\n\x1a\n" + random.bytes(200),
        b"GGUF" + random.bytes(200),
        random.bytes(int(random.integers(1, 5000))),
        safetensors.numpy.save({"w": np.ones(3)}, {"a": "b"}),
        safetensors.numpy.save({}, {METADATA: "hello"}),
    ]
    found = kinds[random.integers(len(kinds))]
    return (
        data[: 8 + int.from_bytes(data[:8], "little")] + found
        if random.random() < 0.3
        else found
    )


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
