"""Writes tests/data/schema-N: files that every later hybridctl has to read.

Run it once for a new schema, and never change what it has written:

    python tests/golden.py
"""

import itertools
from pathlib import Path

import numpy as np
import zoo

import hybridctl as hc
from hybridctl.store.container import pack
from hybridctl.store.encode import Arrays, encode
from hybridctl.store.migrations import schema

DATA = Path(__file__).parent / "data"
CONTROLLER, RUN, PARTS = "controller", "run", "parts"  # names of the files
LARGE = ("policy", "residual", "argmax", "history", "observed")  # have networks


def path(name: str, version: int) -> Path:
    """Of a golden file."""
    return DATA / f"schema-{version}" / f"{name}.safetensors"


def policy(plant: hc.Plant, size: int = 1, **features: object) -> hc.Policy:
    """As small as it may be."""
    random = np.random.default_rng(0)
    seen = hc.Features.of(plant, **features)
    pairs = list(itertools.pairwise((seen.size, 3, size)))
    weights = [random.normal(size=pair).astype(np.float32) for pair in pairs]
    biases = [np.zeros(pair[1], np.float32) for pair in pairs]
    zeros = np.zeros(seen.size)
    return hc.Policy(seen, weights, biases, zeros, zeros + 2, dt=0.02)


def controller() -> hc.Controller:
    """A machine with a residual policy."""
    task = zoo.task()
    template = hc.reference("machine", task) + 5.0 * hc.Slot(1)
    return hc.fill(template, policy(task.plant, n_modes=2, applied=True))


def every_part() -> dict[str, object]:
    """One of every controller and plant that a file can hold, each class but once."""
    task = zoo.task()
    agents = {"policy": policy(task.plant), "slot": hc.Hold(hc.Argmax(hc.Slot(2)), 2)}
    plants = zoo.plants()
    del plants["lagrangian"], plants["function"]  # made of functions
    found: dict[str, object] = {}
    known: set[str] = set()
    for name, part in (zoo.controllers(task) | agents | plants).items():
        if name in LARGE:
            continue
        classes = set(_classes(encode(part, "", {})))
        if not classes <= known:
            found[name], known = part, known | classes
    return found


def _classes(node: object) -> list[str]:
    if isinstance(node, list):
        return [name for inside in node for name in _classes(inside)]
    if not isinstance(node, dict):
        return []
    own = [node["class"]] if "class" in node else []
    return own + [name for inside in node.values() for name in _classes(inside)]


def main() -> None:
    """Write them."""
    path(RUN, schema()).parent.mkdir(parents=True)
    hc.save(path(CONTROLLER, schema()), controller())
    arrays: Arrays = {}
    tree = encode(every_part(), "controller", arrays)
    manifest = {"controller": tree, "dt": None, "signals": None}
    path(PARTS, schema()).write_bytes(pack(manifest, arrays))
    small = {"hidden": (4, 4), "value_hidden": (4, 4), "num_evals": 8}
    folder = hc.RunFolder(DATA / "folder", "ppo")
    hc.train(*_balance(), steps=60_000, on_validation=folder, progress=False, **small)
    (folder.path / "checkpoint.safetensors").rename(path(RUN, schema()))
    for left in folder.path.iterdir():
        left.unlink()
    folder.path.rmdir()


def _balance() -> tuple[hc.Task, hc.Controller]:
    task = hc.tasks.get("balance")
    return task, hc.template("ppo", task)


if __name__ == "__main__":
    main()
