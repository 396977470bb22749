"""Ten thousand damaged and hostile files: is any of them trusted?

Each is read by `hc.load` or `hc.RunFolder.load` in a worker that a watchdog looks
after. It has to be refused in a sentence, or to load bit for bit as what it was (a
change of the padding, say), or, where its hash was made right again, as what it now
says. Counted apart: any other exception, a crash, a hang, more than a second, memory,
and code that was run (an audit hook, and pickles that would make a file). Writes
benchmarks/results/damage.json.
"""

import collections
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.lib.disguises import CANARY
from benchmarks.lib.mutants import Mutant, Source, mutant
from hybridctl.runs import checkpoint_file
from hybridctl.store.container import unpack
from hybridctl.store.encode import Arrays, encode
from hybridctl.store.save import from_bytes, to_bytes

RESULT = results.path("damage")
GOLDEN = results.ROOT / "tests" / "data" / "schema-1"
LIMIT, PATIENCE = 1.0, 60.0  # [s] that a file may take, and until it counts as a hang
WATCHED = (
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
    "os.startfile", "subprocess.Popen", "pty.spawn", "pickle.find_class", "exec",
    "socket.connect", "socket.bind", "os.remove", "os.rename", "os.mkdir",
    "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod", "ctypes.dlopen",
    "urllib.Request", "webbrowser.open", "code.__new__", "marshal.loads",
)  # fmt: skip


def sources() -> dict[str, Source]:
    """Good files: controllers, and a run."""
    task = hc.tasks.get("balance")
    machine = to_bytes(hc.reference("machine", task))
    return {
        "filled": Source(
            "controller", (GOLDEN / "controller.safetensors").read_bytes()
        ),
        "machine": Source("controller", machine),
        "lqr": Source("controller", to_bytes(hc.reference("lqr", task))),
        "slot": Source("controller", to_bytes(hc.Slot(2))),
        "run": Source("run", (GOLDEN / "run.safetensors").read_bytes()),
    }


class Reader:
    """Reads mutants and says what became of each.

    Args:
        good: files by name.
        folder: where files are put.
    """

    def __init__(self, good: dict[str, Source], folder: Path):
        self.good, self.folder, self.events = good, folder, []
        self.armed = False
        self.same = {name: self._again(s.kind, s.data) for name, s in good.items()}
        self.path = folder / "checkpoint.safetensors"
        _ = hc.load, hc.RunFolder  # imported here, not in a reading
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        if not self.armed:
            return
        writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if event in WATCHED or writes:
            self.events.append(f"{event} {str(arguments)[:80]}")

    def _again(self, kind: str, data: bytes) -> tuple:
        """What a file holds, written once more."""
        if kind == "run":
            data = checkpoint_file.to_bytes(*checkpoint_file.from_bytes(data))
        else:
            data = to_bytes(from_bytes(data))
        return content(kind, data)

    def read(self, bad: Mutant) -> dict[str, Any]:
        """What became of a mutant: outcome, seconds, memory."""
        kind = self.good[bad.name].kind
        self.path.write_bytes(bad.data)
        self.events.clear()
        before, began, cpu = peak(), time.perf_counter(), time.process_time()
        self.armed, found, error = True, None, None
        try:
            found = self._load(kind)
        except Exception as caught:
            error = caught
        self.armed = False
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        outcome = self._refusal(error) if error else self._loaded(bad, kind, found)
        ran = self.events or (self.folder / CANARY).exists()
        return {
            "outcome": "ran code" if ran else outcome,
            "seconds": seconds,
            "cpu": cpu,
            "mib": max(peak(False) - before, 0.0),
            "message": f"{type(error).__name__}: {error}" if error else "",
            "events": list(self.events),
        }

    def _load(self, kind: str) -> Any:
        if kind == "run":
            return hc.RunFolder(self.folder).read()
        return hc.load(self.path)

    def _refusal(self, error: Exception) -> str:
        """A sentence, or a defect."""
        text = str(error)
        clear = 10 < len(text) < 900 and text.isprintable()
        known = isinstance(error, (ValueError, FileNotFoundError))
        return "refused" if clear and known else "other exception"

    def _loaded(self, bad: Mutant, kind: str, found: Any) -> str:
        """Whether what was loaded is what the file holds."""
        if kind == "run":
            now = content(kind, checkpoint_file.to_bytes(*found))
        else:  # without a self-test, which needs a size to guess
            arrays: Arrays = {}
            now = listed(encode(found, kind, arrays), arrays)
        if now == self.same[bad.name]:
            return "same"
        if not bad.told:
            return "silently wrong"
        said = content(kind, bad.data)
        return "as it says" if now == said else "as it says, defaults added"


def content(kind: str, data: bytes) -> tuple:
    """Tree and arrays of a file, but for the self-test."""
    manifest, arrays = unpack(data, kind)
    return listed(manifest[kind], arrays)


def listed(tree: Any, arrays: Arrays) -> tuple:
    """A tree and its arrays, to compare."""
    kept = sorted(name for name in arrays if not name.startswith("test."))
    described = [(n, arrays[n].dtype.str, arrays[n].shape) for n in kept]
    bits = [arrays[n].tobytes() for n in kept]
    return json.dumps(tree, sort_keys=True), described, bits


def peak(reset: bool = True) -> float:
    """Largest resident memory since the last reset [MiB]; Linux alone tells."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    row = next(line for line in lines if line.startswith("VmHWM"))
    return float(row.split()[1]) / 1024


def work(start: int, stop: int, step: int) -> None:
    """Of a worker: read mutants, a line of JSON each."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        good = sources()
        reader = Reader(good, Path(folder))
        for i in range(start, stop, step):
            print(json.dumps({"i": i}), flush=True)  # begins
            bad = mutant(i, good)
            row = {"i": i, "family": bad.family, "size": len(bad.data)}
            print(json.dumps(row | reader.read(bad)), flush=True)


def watch(start: int, stop: int, step: int) -> list[dict[str, Any]]:
    """Results of a worker, which is started again where it dies or hangs."""
    rows: list[dict[str, Any]] = []
    while start < stop:
        code = "from benchmarks.questions.damage import work; "
        code += f"work({start}, {stop}, {step})"
        environment = os.environ | {"HYBRIDCTL_CACHE": "off"}
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            env=environment,
            cwd=results.ROOT,
            bufsize=0,
        )
        begun = _follow(process, rows)
        if begun is None:
            break
        start = begun + step
    return rows


def _follow(process: subprocess.Popen, rows: list[dict[str, Any]]) -> int | None:
    """Read lines until the end; the number of the file that a worker died of."""
    begun, out = None, process.stdout
    assert out is not None
    while select.select([out], [], [], PATIENCE)[0]:
        line = out.readline()
        if not line:
            break
        row = json.loads(line)
        begun = row["i"] if len(row) == 1 else None
        rows += [row] if begun is None else []
        if rows and begun is None and len(rows) % 500 == 0:
            print(f"{len(rows)} files", flush=True)
    else:
        process.kill()
    code = process.wait()
    if begun is not None or code != 0:
        outcome = "hang" if code == -9 else "crash"
        missing = {
            "seconds": PATIENCE,
            "cpu": PATIENCE,
            "mib": 0.0,
            "message": str(code),
            "events": [],
        }
        rows.append({"i": begun, "family": "?", "outcome": outcome} | missing)
    return begun


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and extremes, per family and in all."""
    families = sorted({row["family"] for row in rows})
    groups = {name: [r for r in rows if r["family"] == name] for name in families}
    return {name: _summary(group) for name, group in (groups | {"all": rows}).items()}


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "files": len(rows),
        "outcomes": dict(collections.Counter(row["outcome"] for row in rows)),
        "seconds": _times(rows, "seconds"),
        "of_this_process": _times(rows, "cpu"),
        "largest_mib": round(max(row["mib"] for row in rows), 1),
    }


def _times(rows: list[dict[str, Any]], name: str) -> dict[str, float]:
    seconds = np.array([row[name] for row in rows])
    return {
        "median": round(float(np.median(seconds)), 5),
        "p99": round(float(np.quantile(seconds, 0.99)), 4),
        "largest": round(float(seconds.max()), 3),
        f"above {LIMIT:g}": int((seconds > LIMIT).sum()),
    }


def main(n: int = 10_000, out: Path = RESULT) -> None:
    """Read all of them.

    Args:
        n: files.
        out: where the result goes.
    """
    rows = watch(0, n, 1)
    for row in rows:
        fine = row["outcome"] in ("refused", "same") or "as it says" in row["outcome"]
        if not fine or row["seconds"] > LIMIT:
            print(row)
    found = summary(rows)
    print(json.dumps(found, indent=1))
    results.write(out, {"about": about(), **found})


if __name__ == "__main__":
    tyro.cli(main)
