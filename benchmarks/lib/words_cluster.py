"""docs/scale.md: what limits ten billion episodes, in words."""

import statistics
from typing import Any

from benchmarks.lib.cluster import HOUR
from benchmarks.lib.results import load
from benchmarks.lib.words import section, table
from hybridctl.contests.sums import SHARD

TITLE = """# What limits ten billion episodes?

Nothing on this page was typed: `benchmarks/measured.py` writes it from what
`benchmarks/questions/cluster.py` found. How to hand work to more processes is said in
[More than one process](howto/scale.md)."""


def page() -> str:
    """The whole of docs/scale.md."""
    found = load("cluster")
    parts = TITLE, core(found), cluster(found), limits(found), choices(found)
    return "\n\n".join(parts) + "\n"


def core(found: dict[str, Any]) -> str:
    """What one core does, and so what all of it costs."""
    told, n = found["measured"], found["episodes"]
    rate, seconds = told["episodes per core and second"], told["seconds"]
    return section(
        "One core",
        f"A core of {found['about']['processor']} plays {rate:,.0f} episodes of "
        "`global` by the machine in a second of its time, so ten billion of them are "
        f"{n / rate / HOUR:,.0f} core-hours of work, whoever does it. A shard of "
        f"{SHARD:,} takes {statistics.median(seconds):.1f} s ({min(seconds):.1f} to "
        f"{max(seconds):.1f} for {len(seconds)} of them), and costs the driver "
        f"{1e3 * told['overhead']:.2f} ms with Ray. (The core's time is counted, which "
        "neighbours on a shared machine lengthen.)",
    )


def cluster(found: dict[str, Any]) -> str:
    """Rows of simulated clusters."""
    told = found["assumed"]
    rows = [
        (
            f"{row['workers']:,}",
            f"{row['episodes a shard']:,}",
            f"{row['hours']:,.2f}",
            f"{row['core-hours']:,.0f}",
            f"{row['efficiency']:.2f}",
            f"{row['driver busy']:.1%}",
            f"{row['lost']:,}",
        )
        for row in found["rows"]
    ]
    whole = "every" if all(row["whole"] for row in found["rows"]) else "not every"
    return section(
        "A cluster",
        "The scheduler is the one of every `on=`; workers and clock are simulated. A "
        "shard takes as long as one of those that were measured, and the driver has "
        f"one core. Assumed are {told['start']:.0f} s (half to three halves of that) "
        f"until a worker has started and compiled, {told['slow']:.0%} of the workers "
        f"{told['slowness']:g} times as slow as the others, and a worker that is lost "
        f"after {told['life'] / HOUR:.0f} h on average:",
        table(
            ("workers", "episodes a shard", "hours", "core-hours", "efficiency",
             "driver busy", "shards lost"),
            rows,
        ),
        "Efficiency is the share of the cores' time that went into shards which "
        f"arrived. In all of these runs {whole} shard was counted once, in order.",
    )  # fmt: skip


def limits(found: dict[str, Any]) -> str:
    """What would have to change for more."""
    told, window = found["measured"], found["window"]
    busy = told["overhead"] / statistics.median(told["seconds"])
    return section(
        "What limits it",
        "\n".join(
            (
                "- **The driver**: a worker keeps "
                f"{busy:.3%} of its core busy, so it has time for about "
                f"{1 / busy:,.0f} of them.",
                f"- **The window**: at most {window:,} shards are out, or wait for an "
                "earlier one, so that memory does not grow. More workers than that "
                "find nothing to do, and a slow one holds up all others as soon as "
                "the rest of a window is done.",
                "- **The end**: the last shards are waited for, also of slow workers; "
                "none is given to two.",
                "- **Keys** do not: episodes are numbered beyond 2³².",
            )
        ),
    )


def choices(found: dict[str, Any]) -> str:
    """What follows for a cluster."""
    row = next(r for r in found["rows"] if r["workers"] == 200)
    return section(
        "So",
        f"200 workers need {row['hours']:.2f} h for ten billion episodes, "
        f"{row['core-hours']:,.0f} core-hours, with the shards that every `on=` has. "
        "Where machines come and go, `keep=` leaves a stopped driver nothing to do "
        "twice.",
    )
