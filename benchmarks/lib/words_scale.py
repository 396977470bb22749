"""What more processes bring and lose, in words."""

from typing import Any

from benchmarks.lib.results import load
from benchmarks.lib.words import section, table

NAMES = {"1": "1 process", "2": "2 processes", "ray": "Ray", "dask": "dask"}
ASKED = {
    "compared": "a comparison", "tuned": "a tuning", "trained": "a training",
    "suite": "a suite",
}  # fmt: skip
WORK = {"evaluated": "16,384 episodes", "learned": "PPO of 1024 environments"}


def scale() -> str:
    """Same bits, what is lost, and what a shard costs."""
    found = load("scale")
    parts = [same(found), lost(found)]
    for name, told in (
        ("overheads", overheads), ("speed", speed), ("seeds", seeds),
        ("devices", devices),
    ):  # fmt: skip
        if name in found:
            parts += told(found[name])
    return section("More than one process", *parts,
                   "From `benchmarks/questions/scale.py`; what follows for a cluster "
                   "is on [a page of its own](scale.md).")  # fmt: skip


def same(found: dict[str, Any]) -> str:
    """Whether all crowds gave the same bits."""
    crowds = [NAMES.get(name, f"{name} processes") for name in found["same"]]
    equal = sum(all(row.values()) for row in found["same"].values())
    asked = dict.fromkeys(name for row in found["same"].values() for name in row)
    return (
        f"By {equal} of {len(crowds)} kinds of workers ({', '.join(crowds)}) "
        f"{listed([ASKED[name] for name in asked])} are, bit for bit, those of one "
        "process alone."
    )


def listed(words: list[str]) -> str:
    """Several words in a sentence."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if words[1:] else words[0]


def lost(found: dict[str, Any]) -> str:
    """What is left after some were killed."""
    told = found["lost"]
    whole = "all" if told["results complete"] else "not all"
    kept = ", ".join(map(str, told["kept at each"]))
    return (
        f"{told['workers killed']} times a worker was killed while shards were done: "
        f"{whole} of the results were there, once each, in their order. "
        f"{told['drivers killed']} drivers were killed in turn, with {kept} shards "
        f"kept; the last one went on, and {told['kept in the end']} of 200 are there."
    )


def overheads(told: dict[str, Any]) -> list[str]:
    """What starting costs, and a shard."""
    rows = [
        (NAMES[name], f"{cost['start [s]']:.1f}", f"{cost['shard [ms]']:.2f}")
        for name, cost in told.items()
    ]
    return [
        "Until the first answer has come back, and what each of many shards of "
        "nothing costs after that:",
        table(("who works", "start [s]", "a shard [ms]"), rows),
    ]


def speed(told: dict[str, Any]) -> list[str]:
    """The share of two bare processes that is left."""
    rows = [
        (NAMES[name], f"{share:.2f}", f"{told['episodes per second'][name]:,.0f}")
        for name, share in told["efficiency"].items()
        if name in NAMES
    ]
    return [
        f"{told['episodes']:,} episodes of `global` by the machine, in shards of "
        "32,768: speed as a share of two bare processes in the same minutes. The "
        f"driver took {told['driver MB']:.0f} MB.",
        table(("who works", "speed, of two bare processes", "episodes/s"), rows),
    ]


def seeds(told: dict[str, Any]) -> list[str]:
    """Trainings side by side."""
    ratio, seconds = told["ratio"], told["seconds"]
    return [
        f"{told['seeds']} seeds of the residual on `global`, {told['steps']:,} "
        f"decisions each, take two workers {seconds['2']:.0f} s: they are "
        f"{ratio['1 core']:.2f} times as fast as one worker that has a core, one seed "
        f"after the other, and {ratio['1']:.2f} times as fast as one that has both."
    ]


def devices(told: dict[str, Any]) -> list[str]:
    """Four devices of the host beside one."""
    same = "the same bits" if all(row["same"] for row in told.values()) else "others"
    rows = [
        (WORK[name], f"{row['seconds']['1']:.2f}", f"{row['seconds']['4']:.2f}")
        for name, row in told.items()
    ]
    return [
        f"Four devices of the host, which share its cores, give {same} as one. "
        "Seconds:",
        table(("", "one device", "four"), rows),
    ]
