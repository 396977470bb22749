"""The list of all questions, from their docstrings and results."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.lib import results
from benchmarks.lib.words import section, table

FOLDER = results.ROOT / "benchmarks"
PAGE = FOLDER / "README.md"
TITLE = """# Benchmarks

One script a question, and one file of numbers an answer. Ask again from the root of the
repository, in the `.venv` that `make` installs:

```sh
.venv/bin/python -m benchmarks.questions.speed
.venv/bin/python -m benchmarks.questions.speed --help
.venv/bin/python -m benchmarks.measured     # writes what follows from the numbers
```

The last one writes [docs/measured.md](../docs/measured.md), the README's table and this
page."""


def page() -> str:
    """The whole of benchmarks/README.md."""
    parts = (
        section("Questions", table(("asked", "script", "answer", "on"), rows())),
        section("Shared", "\n".join(modules("lib"))),
        section("Peers", "\n".join(modules("peers"))),
    )
    return "\n\n".join((TITLE, *parts)) + "\n"


def rows() -> Iterator[tuple[str, ...]]:
    """A question, its script, its results and the day of the newest."""
    for script in scripts("questions"):
        text = script.read_text(encoding="utf-8")
        names = re.findall(r'results\.path\("(\w+)"\)', text)
        found = {n: results.known(results.path(n)) for n in names}
        files = ", ".join(f"[{n}.json](results/{n}.json)" for n in names if found[n])
        days = [told.get("about", {}).get("date", "") for told in found.values()]
        place = f"[{script.name}](questions/{script.name})"
        answer = files or ("not yet" if names else "printed")
        yield first_line(text), place, answer, max(days, default="")


def modules(folder: str) -> list[str]:
    """What the files of a folder are."""
    found = ((p, p.read_text(encoding="utf-8")) for p in scripts(folder))
    return [f"- [{p.name}]({folder}/{p.name}): {first_line(t)}" for p, t in found]


def scripts(folder: str) -> list[Path]:
    return sorted(p for p in (FOLDER / folder).glob("*.py") if p.stem != "__init__")


def first_line(text: str) -> str:
    return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
