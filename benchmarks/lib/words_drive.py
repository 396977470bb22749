"""What is said of rigs that are driven."""

from typing import Any

from benchmarks.lib.results import load as load_of
from benchmarks.lib.words import section, table

HEADS = ("wire", "rate", "jitter", "response", "late", "missed", "drift")


def driving() -> str:
    """Time that is kept, and faults that were put in."""
    result = load_of("drive")
    side, busy, total = result["side"], result["busy"], result["faults"]["total"]
    cores = result["about"]["cores"]
    return section(
        "Driving a rig",
        "A simulated cart-pole in a process of its own is held upright by an LQR, "
        f"{result['seconds']:.0f} s each: how late periods begin (jitter), and how "
        "long it takes until the input is written, the rig's answer included "
        "(response). Median, 99th percentile and largest; late is the share of periods "
        "whose input came after their end, missed of those that the rig's answer came "
        "too late for (0.8 of a period); drift: by how much the punctual periods of "
        "the last tenth are later than those of the first. With a real-time priority "
        f"(SCHED_FIFO), on {cores} cores that others used{crowd('real-time')}:",
        table(HEADS, rows(result["real-time"])),
        "With the priority that every process has, at the mercy of those others"
        f"{crowd('usual')}:",
        table(HEADS, rows(result["usual"])),
        "A pty hands its bytes over in the kernel's own threads, which have no such "
        "priority. At 200 Hz over 10 s a loop with `sleep(dt)` drifts by "
        f"{time(side['sleep(dt)']['drift'])}, `drive` by "
        f"{time(side['drive']['drift'])}. One that sleeps until the next period is "
        f"late by {time(side['sleep until']['jitter']['p50'])} in the median, `drive` "
        f"by {time(side['drive']['jitter']['p50'])}. Beside a busy thread of Python, "
        f"with the usual priority, it is {time(busy['soon']['jitter']['p50'])}, where "
        f"it would be {time(busy['5 ms']['jitter']['p50'])} without the sooner "
        "hand-over. A file of the log at 1000 Hz leaves the median jitter at "
        f"{time(side['1000 Hz, file']['jitter']['p50'])} "
        f"({time(side['1000 Hz']['jitter']['p50'])} without).",
        f"{total['n']} faults of {len(result['faults']['kinds'])} kinds were put in, "
        f"one a run: {kinds(result['faults']['kinds'])}. The safe input was the last "
        f"that the rig saw in {total['safe last']}, the log was complete in "
        f"{total['complete']} (`benchmarks/questions/drive.py`). After a SIGKILL of "
        "the driving process it is the rig's own watchdog that takes the safe input.",
    )


def crowd(part: str) -> str:
    """How many others wanted to run, in the mean of five minutes."""
    load = load_of("drive").get("load", {})
    return f" (a load of {load[part]:.0f})" if part in load else ""


def rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """One for every wire and rate."""
    return [
        (
            *name.split(" ", 1),
            three(row["jitter"]),
            three(row["response"]),
            f"{row['late'] / row['periods']:.2%}",
            f"{row['missed'] / row['periods']:.2%}",
            time(row["drift"]),
        )
        for name, row in found.items()
    ]


def three(row: dict[str, float]) -> str:
    """Median, 99th percentile and largest."""
    return ", ".join(time(row[name]) for name in ("p50", "p99", "max"))


def time(micro: float) -> str:
    """A time that is told in microseconds."""
    if abs(micro) < 0.05:
        return "0 µs"
    if abs(micro) < 1000:
        return f"{micro:.2g} µs" if abs(micro) < 100 else f"{micro:.0f} µs"
    return f"{micro / 1e3:.3g} ms" if abs(micro) < 1e6 else f"{micro / 1e6:.3g} s"


def kinds(found: dict[str, dict[str, int]]) -> str:
    """Their names."""
    return ", ".join(f"{name} ({row['n']})" for name, row in found.items())
