"""Twenty SIGKILLs, signals, a full and a read-only disk: does a run survive?

`hybridctl train` runs in a process of its own that is killed at random times, every
third time within a save (as soon as a file that is being written is seen). After each
the folder has to load, with at least the decisions that it had before, and `--resume`
goes on from there; in the end the run has to be, bit for bit, the one that was never
killed. Then Ctrl-C and SIGTERM, and a tmpfs of 10 MB that is filled up
while a training runs. Writes benchmarks/results/kills.json.
"""

import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.runs.folder import CHECKPOINT, CONTROLLER, LAST

RESULT = results.path("kills")
TRAIN = (sys.executable, "-m", "hybridctl.cli", "train", "--out")
LONG = tuple(  # a training that nobody waits for, with many validations
    "--task balance --template ppo --steps 40_000_000 --set num_evals=9001 "
    "--set target=inf --set num_eval_envs=16 --set hidden=8,8".split()
)
MOST = 12.0  # [s] from its start until a process is killed, at most
ROOM = "size=10m"
TEMPORARY = re.escape(tempfile.gettempdir()) + r"/tmp\w+"


class Training:
    """`hybridctl train` in a process of its own.

    Args:
        folder: of the run.
        resume: go on with what is there.
    """

    def __init__(self, folder: Path, resume: bool):
        self.folder = folder
        self.at_start = stamp(folder)
        options = ("--resume",) if resume else LONG
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([*TRAIN, folder, *options], **pipes)

    def wait_validation(self, n: int = 1) -> None:
        """Until n validations of this process are in the folder."""
        for _ in range(n):
            before = stamp(self.folder)
            for _ in self._turns():
                if stamp(self.folder) not in (before, None):
                    break

    def wait_save(self) -> None:
        """Until a file is being written."""
        for _ in self._turns(0.0):
            if writing(self.folder):
                time.sleep(0.01 * random.random())
                return

    def _turns(self, pause: float = 0.01) -> Iterator[None]:
        end = time.monotonic() + 300
        while self.process.poll() is None and time.monotonic() < end:
            yield
            time.sleep(pause)
        raise RuntimeError(f"the training ended: {self.process.communicate()[1]}")

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; exit code and what was said."""
        self.process.send_signal(number)
        text = self.process.communicate(timeout=300)[1]
        return self.process.returncode, text.strip()


def stamp(folder: Path) -> int | None:
    """When the checkpoint was written [ns]."""
    try:
        return (folder / CHECKPOINT).stat().st_mtime_ns
    except OSError:
        return None


def writing(folder: Path) -> list[str]:
    """Files that are not whole yet."""
    try:
        return [name for name in os.listdir(folder) if name.endswith(".tmp")]
    except OSError:
        return []


def loaded(folder: Path) -> hc.learn.Run | None:
    """The run in a folder, all of which loads; None where none was begun."""
    if not (folder / CHECKPOINT).exists():
        return None
    hc.load(folder / CONTROLLER)
    hc.load(folder / LAST)
    return hc.RunFolder(folder).load()


def kill(folder: Path, within_save: bool, draw: random.Random) -> dict[str, Any]:
    """Start or go on, kill, look."""
    before, left = loaded(folder), writing(folder)
    training = Training(folder, resume=before is not None)
    began = time.monotonic()
    if within_save:
        training.wait_validation(draw.randint(1, 3))
        training.wait_save()
    else:
        time.sleep(draw.uniform(0.0, MOST))
    seconds = time.monotonic() - began
    code, _ = training.end(signal.SIGKILL)
    after = loaded(folder)
    old, new = (0 if run is None else len(run.curve) for run in (before, after))
    kept = before is None or (
        after is not None and repr(after.curve[:old]) == repr(before.curve)
    )
    return {
        "seconds": round(seconds, 2),
        "killed": code == -signal.SIGKILL,
        "phase": _phase(set(writing(folder)) - set(left), new > old),
        "validations": new,
        "loads_and_goes_on": kept and new >= old,
    }


def same_as_unbroken(folder: Path) -> dict[str, Any]:
    """What a training that nobody kills has after as many decisions."""
    run = loaded(folder)
    assert run is not None and run.checkpoint is not None

    def stop(now: hc.learn.Run) -> None:
        if now.stopped == "running" and now.steps >= run.steps:
            raise KeyboardInterrupt

    task = hc.tasks.get(run.task)
    options = {"config": run.config, "seed": run.seed, "on_validation": stop}
    whole = hc.train(task, hc.template("ppo", task), progress=False, **options)
    assert whole.checkpoint is not None
    ours, theirs = run.checkpoint.arrays, whole.checkpoint.arrays
    equal = [np.array_equal(array, theirs[name]) for name, array in ours.items()]
    costs = [[row["cost"] for row in found.curve] for found in (run, whole)]
    return {
        "decisions": run.steps,
        "checkpoint": run.checkpoint.steps == whole.checkpoint.steps and all(equal),
        "curve": costs[0] == costs[1],
    }


def _phase(cut: set[str], written: bool) -> str:
    if cut:
        return "saving"
    return "training" if written else "before its first validation"


def end_by(folder: Path, number: int) -> dict[str, Any]:
    """Ctrl-C or SIGTERM in the middle of a training."""
    training = Training(folder, resume=loaded(folder) is not None)
    training.wait_validation(2)
    code, text = training.end(number)
    steps = (loaded(folder) or hc.learn.Run).steps
    said = f"{folder / CHECKPOINT}, of {steps:,} decisions" in text
    way = f"hybridctl train --resume --out {shlex.quote(str(folder))}" in text
    return {"exit": code, "names_checkpoint_and_command": said and way, "said": text}


def early(folder: Path) -> dict[str, Any]:
    """Ctrl-C before there is anything to keep, and what `--resume` says of it."""
    training = Training(folder, resume=False)
    while not (folder / "lock").exists():  # it compiles from then on
        time.sleep(0.01)
    code, text = training.end(signal.SIGINT)
    done = subprocess.run(
        [*TRAIN, folder, "--resume"], capture_output=True, encoding="utf-8", check=False
    )
    return {"exit": code, "said": text, "resume_says": done.stderr.strip()}


def full_disk(folder: Path) -> dict[str, Any]:
    """On a disk that fills up while a training runs, and gets room again."""
    run, filler = folder / "run", folder / "filler"
    training = Training(run, resume=False)
    training.wait_validation(3)
    fill(filler)
    time.sleep(3.0)
    before = loaded(run)
    assert before is not None and training.process.poll() is None
    filler.unlink()
    training.wait_validation(1)  # it writes again
    goes_on = loaded(run)
    assert goes_on is not None
    fill(filler)
    time.sleep(2.0)
    code, text = training.end(signal.SIGTERM)
    kept = loaded(run)
    assert kept is not None
    filler.unlink()
    again = Training(run, resume=True)
    again.wait_validation(2)
    again.end(signal.SIGTERM)
    later = loaded(run)
    assert later is not None
    return {
        "kept_when_full": before.steps,
        "written_again_with_room": goes_on.steps,
        "kept_at_the_end": kept.steps,
        "names_it": f"{run / CHECKPOINT}, of {kept.steps:,} decisions" in text,
        "resumed_to": later.steps,
        "exit": code,
        "said": text[-600:],
    }


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def read_only(folder: Path) -> dict[str, Any]:
    """Where nothing can be written."""
    began = time.monotonic()
    done = subprocess.run(
        [*TRAIN, folder / "run", *LONG],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    seconds = round(time.monotonic() - began, 1)
    return {"exit": done.returncode, "seconds": seconds, "said": done.stderr.strip()}


def on_tmpfs(function: str, options: str) -> dict[str, Any]:
    """What a function of this file finds in a small file system of its own."""
    with tempfile.TemporaryDirectory() as folder:
        python = f"import json, pathlib; p = pathlib.Path({folder!r}); "
        python += f"from benchmarks.questions.kills import {function} as f; "
        python += "print(json.dumps(f(p)))"
        inside = f"mount -t tmpfs -o {options} tmpfs {folder} && exec "
        inside += f"{sys.executable} -c {shlex.quote(python)}"
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", inside],
            capture_output=True, encoding="utf-8", check=False,
            cwd=results.ROOT,
        )  # fmt: skip
    if done.returncode != 0:
        return {"failed": done.stderr.strip()[-800:]}
    return json.loads(done.stdout.splitlines()[-1])


def main(kills: int = 20, seed: int = 0, out: Path = RESULT) -> None:
    """Kill, and look what is left.

    Args:
        kills: how often.
        seed: of the times.
        out: where the result goes.
    """
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        folder, rows = Path(place) / "run", []
        for i in range(kills):
            rows.append(kill(folder, i % 3 == 2, draw))
            print(rows[-1], flush=True)
        found: dict[str, Any] = {"kills": rows, "same": same_as_unbroken(folder)}
        print(found["same"], flush=True)
        found["sigint"] = end_by(folder, signal.SIGINT)
        found["sigterm"] = end_by(folder, signal.SIGTERM)
        found["early"] = early(Path(place) / "early")
    found["full_disk"] = on_tmpfs("full_disk", ROOM)
    found["read_only"] = on_tmpfs("read_only", f"{ROOM},ro")
    for name in ("sigint", "sigterm", "early", "full_disk", "read_only"):
        print(name, found[name])
    found["survived"] = sum(row["loads_and_goes_on"] for row in rows)
    text = json.dumps({"about": about(), **found}, indent=1) + "\n"
    out.write_text(re.sub(TEMPORARY, "FOLDER", text), encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
