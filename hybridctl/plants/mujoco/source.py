"""Ways to tell a MuJoCo model, and what stands for it: its content, never a path."""

import codecs
import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from hybridctl.checks import fail, plain
from hybridctl.plants.mujoco.mjcf import Model, import_mujoco

Assets = Mapping[str, bytes]
REFERS = re.compile(r"\bfile\w*\s*=|<\s*include")  # XML that may read other files
DECLARED = re.compile(rb"""<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)["']""")
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
DEPTH = 20  # includes within includes


class Compiled(bytes):
    """A model in MuJoCo's own binary format, for what XML alone does not tell."""

    def __repr__(self) -> str:
        return f"<compiled MuJoCo model of {len(self)} bytes>"


Source = str | Compiled


def source(mjcf: Any, assets: Assets | None = None) -> Source:
    """What stands for a model: XML that is whole, or the compiled model.

    Files are read now, so that a later change of them is seen by who loads them
    again, and by nobody else.

    Args:
        mjcf: XML as text or bytes, the path of a file (.xml, .urdf, .mjb), a
            `mujoco.MjSpec` or a `mujoco.MjModel`.
        assets: files that the XML includes or refers to, by name.

    Raises:
        ValueError: no such file, or nothing that MuJoCo can read.
    """
    mujoco = import_mujoco()
    if isinstance(mjcf, Compiled):
        return mjcf
    if isinstance(mjcf, mujoco.MjModel):
        return compiled(mjcf)
    if isinstance(mjcf, mujoco.MjSpec):
        return compiled(_read(mjcf.copy().compile))
    if isinstance(mjcf, bytes | bytearray):
        return _of_bytes(bytes(mjcf), assets or {}, None)
    if not isinstance(mjcf, str | os.PathLike):
        raise TypeError(
            f"a {type(mjcf).__name__} is no MuJoCo model; give XML, the path of an "
            "XML file, a mujoco.MjSpec or a mujoco.MjModel"
        )
    text = os.fsdecode(mjcf).lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return _of_text(text, assets or {}, None)
    path = Path(text).expanduser()
    return _of_bytes(_content(path), assets or {}, path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        reason = "there is no MJCF file"
    except (OSError, ValueError) as error:  # a folder, no access, a null byte
        reason = f"{getattr(error, 'strerror', None) or error}: the MJCF file"
    fail(f"{reason} {plain(path, 200)}; give its path, or XML")


def read(source: Source) -> Model:
    """The model of XML or of a compiled one.

    Raises:
        ValueError: MuJoCo cannot read it; with MuJoCo's own reason.
    """
    load = import_mujoco().MjModel
    if isinstance(source, Compiled):
        name = "model.mjb"
        return _read(lambda: load.from_binary_path(name, {name: bytes(source)}))
    return _read(lambda: load.from_xml_string(source))


def compiled(model: Model) -> Compiled:
    """The content of a model."""
    mujoco = import_mujoco()
    buffer = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return Compiled(buffer.tobytes())


def _read(load: Any) -> Any:
    try:
        return load()
    except (ValueError, import_mujoco().FatalError) as error:
        reason = plain(error, 300)
        fail(f"MuJoCo cannot read this MJCF: {reason}; correct the XML")


def _of_bytes(content: bytes, assets: Assets, path: Path | None) -> Source:
    """Of what stands in a file: XML in any encoding that it declares, or binary."""
    if content.strip()[:1] in (b"", b"<") or content.startswith(tuple(MARKS)):
        return _of_text(_decoded(content).lstrip(), assets, path)
    return compiled(read(Compiled(content)))


def _decoded(content: bytes) -> str:
    """XML as text: by its byte order mark, by what it declares, or as UTF-8.

    MuJoCo itself takes bytes as they come, so no byte is a reason to refuse.
    """
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    declared = DECLARED.match(content.lstrip())
    for encoding in (declared[1].decode() if declared else "utf-8", "utf-8"):
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            return content.decode(encoding)
    return content.decode("latin-1")


def _of_text(text: str, assets: Assets, path: Path | None) -> Source:
    """XML that reads no other file stands for itself; others are put together."""
    if not REFERS.search(text):
        return text
    mujoco = import_mujoco()
    mujoco.mj_clearCache(mujoco.mj_getCache())  # of meshes, by path and whole seconds
    load, files = mujoco.MjModel, {k: _bytes(v) for k, v in assets.items()}
    if path is None:
        model = _read(lambda: load.from_xml_string(text, files))
    else:
        model = _read(lambda: load.from_xml_path(str(path), files))
    whole = compiled(model)
    merged = _merged(text, files, path.parent if path else Path())
    return merged if merged and _same(merged, whole) else whole


def _same(text: str, whole: Compiled) -> bool:
    try:
        return compiled(read(text)) == whole
    except ValueError:
        return False


def _bytes(content: Any) -> bytes:
    return content.encode() if isinstance(content, str) else bytes(content)


def _merged(text: str, assets: Assets, folder: Path) -> str | None:
    """XML with what it includes in its place; None where it needs more than XML."""
    try:
        root = ET.fromstring(text)
        for _ in range(DEPTH):
            if not any(_include(parent, assets, folder) for parent in root.iter()):
                break
    except (ET.ParseError, OSError, ValueError):
        return None
    merged = ET.tostring(root, encoding="unicode")
    return None if REFERS.search(merged) else merged


def _include(parent: ET.Element, assets: Assets, folder: Path) -> bool:
    """Put what the includes of one element read in their place."""
    found = [child for child in parent if child.tag == "include"]
    for child in found:
        name, at = child.get("file", ""), list(parent).index(child)
        content = assets[name] if name in assets else (folder / name).read_bytes()
        parent[at : at + 1] = list(ET.fromstring(_decoded(content)))
    return bool(found)
