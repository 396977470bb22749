"""Run the notebooks, each in a kernel and an empty folder of its own.

    python notebooks/run.py              # all of them; what they print is not kept
    python notebooks/run.py 2_lqr        # this one
    python notebooks/run.py --write      # and write the .ipynb beside the .py

The .py files are the source (percent format); jupytext keeps both in step where
one of them is opened in Jupyter.
"""

import argparse
import math
import re
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat.v4 import new_code_cell
from traitlets.config import Config

HERE = Path(__file__).resolve().parent
LIMIT = 120.0  # processor time of a notebook [s], whatever else the machine does
HANGS = 900.0  # [s]
TOGETHER = 2
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
METADATA = {
    "jupytext": {"formats": "ipynb,py:percent"},
    "kernelspec": {
        "display_name": "Python 3", "language": "python", "name": "python3",
    },
    "language_info": {"name": "python"},
}  # fmt: skip


def sources() -> list[Path]:
    """The notebooks' sources, in the order in which they are read."""
    return sorted(HERE.glob("[0-9]_*.py"))


def blank(source: Path) -> Any:
    """A notebook of a source: no outputs, and ids that stay the same."""
    book = jupytext.read(source)
    book.metadata = nbformat.from_dict(METADATA)
    book.nbformat, book.nbformat_minor = 4, 5
    for i, cell in enumerate(book.cells, 1):
        cell.id, cell.metadata = f"cell-{i}", nbformat.from_dict({})
    return book


def executed(source: Path) -> tuple[Any, float]:
    """The notebook with its outputs, and the processor time [s] that it took.

    Raises:
        RuntimeError: a cell failed or warned, or all took longer than they may.
    """
    book, until = blank(source), time.monotonic() + HANGS
    book.cells.append(new_code_cell("import time; print(time.process_time())"))
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            book, resources={"metadata": {"path": folder}}, record_timing=False,
            timeout_func=lambda _: max(1.0, until - time.monotonic()),
            config=Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"}),
        )  # fmt: skip
        try:
            client.execute()
        except CellTimeoutError:
            raise RuntimeError(f"{source.name}: hangs") from None
        except CellExecutionError as error:
            text = COLOURS.sub("", str(error))
            raise RuntimeError(f"{source.name}: a cell failed\n\n{text}") from None
    book.metadata = nbformat.from_dict(METADATA)  # not the Python of this machine
    for cell in book.cells:
        if cell.cell_type == "code":
            shown = (o for o in cell.outputs if _shown(source, cell, o))
            cell.outputs = _joined(shown)
    used = float(book.cells.pop().outputs[0].text)
    if used > LIMIT:
        raise RuntimeError(f"{source.name}: {used:.0f} s, of {LIMIT:g} s at most")
    return book, used


def _shown(source: Path, cell: Any, output: Any) -> bool:
    """A notebook shows no warnings, and not what XLA says of a slow machine."""
    if output.get("name") != "stderr":
        return True
    if "Warning" in output.text:
        text = f"{cell.source}\n\n{output.text}"
        raise RuntimeError(f"{source.name}: a cell warned\n\n{text}")
    return False


def _joined(outputs: Iterable[Any]) -> list[Any]:
    """What was printed in pieces, in one piece."""
    found: list[Any] = []
    for output in outputs:
        if found and output.get("name") == found[-1].get("name") == "stdout":
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def timed(source: Path, write: bool) -> tuple[str, str]:
    """A line of the table, and what went wrong."""
    began, used, wrong = time.monotonic(), math.nan, ""
    try:
        book, used = executed(source)
        if write:
            nbformat.write(book, source.with_suffix(".ipynb"))
    except RuntimeError as error:
        wrong = str(error)
    seconds = f"{time.monotonic() - began:>8.1f} s {used:>8.1f} s"
    return f"{source.stem:<22}{seconds}  {'failed' if wrong else 'ok'}", wrong


def main() -> int:
    """Run those that are named, two at a time, and say how long each took."""
    parser = argparse.ArgumentParser(description="Run the notebooks.")
    parser.add_argument("names", nargs="*", help="such as 2_lqr; all by default")
    parser.add_argument("--write", action="store_true", help="write the .ipynb too")
    parser.add_argument("--together", type=int, default=TOGETHER, help="at a time")
    options = parser.parse_args()
    known = {source.stem: source for source in sources()}
    for name in set(options.names) - set(known):
        parser.error(f"no notebook {name!r}; there are {', '.join(known)}")
    chosen = [known[name] for name in options.names or known]
    with ThreadPoolExecutor(options.together) as pool:
        rows = list(pool.map(lambda s: timed(s, options.write), chosen))
    print(f"{'notebook':<22}{'time':>10}{'processor':>11}")
    for line, _ in rows:
        print(line)
    for _, wrong in rows:
        if wrong:
            print(f"\n{wrong}", file=sys.stderr)
    return int(any(wrong for _, wrong in rows))


if __name__ == "__main__":
    sys.exit(main())
