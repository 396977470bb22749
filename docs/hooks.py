"""Pages that mkdocs is given beside those in docs/: tutorials and reference."""

import base64
import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import hybridctl as hc
from benchmarks.lib import quote

ROOT = Path(__file__).resolve().parent.parent

ELSEWHERE = re.compile(
    r"""<(?:script|link|img|iframe|video|source)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//"""
)
ROOMS = {
    "ports": "Ports: what goes in and comes out",
    "scale": "Scale: more than one process",
    "plants": "Plants: what the world is",
    "controllers": "Controllers: what decides an input",
    "loop": "Loop: where both meet",
    "design": "Design: from a model to a controller",
    "tasks": "Tasks: what counts as good",
    "strategies": "Strategies: named starting points",
    "learn": "Learn: filling the Slot",
    "contests": "Contests: who is better",
    "store": "Store: controllers as files",
    "runs": "Runs: trainings on disk",
    "deploy": "Deploy: out of the toolkit",
    "suites": "Suites: every strategy on every task",
    "show": "Show: for the eye",
    "gym": "Gym: environments of Gymnasium",
}


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put the measured numbers into a page of docs/."""
    own = page.file.abs_src_path is not None  # and not one of those made here
    return quote.quoted(markdown) if own else markdown


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every notebook and every room."""
    for path in sorted((ROOT / "notebooks").glob("[0-9]_*.ipynb")):
        page, pictures = tutorial(path)
        files.append(File.generated(config, f"tutorials/{path.stem}.md", content=page))
        for name, data in pictures.items():
            files.append(File.generated(config, f"tutorials/{name}", content=data))
    for room, title in ROOMS.items():
        page = reference(room, title)
        files.append(File.generated(config, f"reference/{room}.md", content=page))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that would ask another one for anything."""
    for page in Path(config.site_dir).rglob("*.html"):
        asked = ELSEWHERE.search(page.read_text(encoding="utf-8"))
        if asked is not None:
            raise PluginError(f"{page} asks for {asked[0]}")


# ---------------------------------------------------------------- tutorials


def tutorial(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, and its pictures by file name."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for i, cell in enumerate(nbformat.read(path, 4).cells):
        if cell.cell_type == "markdown":
            parts.append(cell.source.replace(".ipynb)", ".md)"))
            continue
        parts.append(_fence("python", cell.source))
        for j, output in enumerate(cell.outputs):
            name = f"{path.stem}_{i}_{j}.png"
            text, picture = _output(output, name)
            parts.append(text)
            pictures |= {name: picture} if picture else {}
    return "\n\n".join(parts), pictures


def _output(output: Any, name: str) -> tuple[str, bytes | None]:
    if output.output_type == "stream":
        return _fence("text", output.text), None
    data = output.data
    if "image/png" in data:
        return f"![]({name})", base64.b64decode(data["image/png"])
    if "text/html" in data:
        return f'<div markdown="0">{data["text/html"]}</div>', None
    return _fence("text", data["text/plain"]), None


def _fence(language: str, text: str) -> str:
    kind = " .output" if language == "text" else ""
    return f"``` {{ .{language}{kind} }}\n{text.rstrip()}\n```"


# ---------------------------------------------------------------- reference


def reference(room: str, title: str) -> str:
    """A room's page: everything that is public in it."""
    module = importlib.import_module(f"hybridctl.{room}")
    names = sorted(public(room, module).items(), key=lambda pair: pair[0].lower())
    return "\n\n".join([f"# {title}", *(_entry(*pair) for pair in names)]) + "\n"


def public(room: str, module: ModuleType) -> dict[str, Any]:
    """Everything public of a room by the name that a user writes."""
    top = (name for name, home in hc._homes.items() if home.split(".")[1:2] == [room])
    found = {f"hc.{name}": getattr(hc, name) for name in top}
    if callable(module):
        found[f"hc.{room}"] = module.__call__
    for name in dir(module):  # a room loads its names late
        thing = getattr(module, name)
        ours = not name.startswith("_") and _ours(thing, room)
        if ours and thing not in found.values():
            found[f"hc.{room}.{name}"] = thing
    return found


def _entry(name: str, thing: Any) -> str:
    lines = [
        f"::: {thing.__module__}.{thing.__qualname__}",
        f"    options: {{heading: {name}, toc_label: {name}{_without(thing)}}}",
    ]
    return "\n".join(lines)


def _without(thing: Any) -> str:
    """The two verbs are explained once, at the Controller."""
    kind = isinstance(thing, type) and issubclass(thing, hc.Controller)
    told = kind and thing is not hc.Controller
    return ', filters: ["!^_", "!^(init|step)$"]' if told else ""


def _ours(thing: Any, room: str) -> bool:
    known = inspect.isclass(thing) or inspect.isfunction(thing)
    return known and thing.__module__.startswith(f"hybridctl.{room}")
