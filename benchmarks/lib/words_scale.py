"""What more processes bring and lose, in words."""

from benchmarks.lib.results import load
from benchmarks.lib.words import section, table

NAMES = {"2": "`on=2`", "ray": "Ray", "dask": "dask"}


def scale() -> str:
    """Same bits, what is lost, and what a shard costs."""
    found = load("scale")
    return section("More than one process", same(found), lost(found), *speed(found),
                   "From `benchmarks/questions/scale.py`.")  # fmt: skip


def same(found: dict) -> str:
    """Whether all crowds gave the same bits."""
    crowds = [f"{n} processes" if n.isdecimal() else NAMES[n] for n in found["same"]]
    equal = sum(found["same"].values())
    return (
        "A comparison and a tuning, bit for bit that of one process alone, by "
        f"{equal} of {len(crowds)} kinds of workers: {', '.join(crowds)}."
    ).replace(" 1 processes", " 1 process")


def lost(found: dict) -> str:
    """What is left after some were killed."""
    told = found["lost"]
    whole = "all" if told["results complete"] else "not all"
    kept = ", ".join(map(str, told["kept at each"]))
    return (
        f"{told['workers killed']} times a worker was killed while shards were done: "
        f"{whole} of the results were there, once each, in their order. "
        f"{told['drivers killed']} drivers were killed in turn, with {kept} shards kept; "
        f"the last one went on, and {told['kept in the end']} of 200 are there."
    )


def speed(found: dict) -> list[str]:
    """What a shard costs, and the share of two bare processes that is left."""
    if "speed" not in found:
        return []
    told = found["speed"]
    rows = [
        (
            NAMES[name], f"{cost['start [s]']:.1f}", f"{cost['shard [ms]']:.2f}",
            f"{told['efficiency'][name]:.2f}" if name in told["efficiency"] else "",
        )
        for name, cost in told["overheads"].items()
    ]  # fmt: skip
    return [
        f"{told['episodes']:,} episodes of `global` by the machine, in shards of "
        "32,768, on a machine that others used, too: speed as a share of two bare "
        f"processes in the same minutes. The driver took {told['driver MB']:.0f} MB.",
        table(("who works", "first answer after [s]", "a shard of nothing [ms]",
               "speed, of two bare processes"), rows),
    ]  # fmt: skip
