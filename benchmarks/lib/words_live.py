"""What is said of pages in which controllers run."""

from typing import Any

from benchmarks.lib.results import load
from benchmarks.lib.words import section, table
from benchmarks.lib.words_embed import shown


def live() -> str:
    """How near a page is to `simulate`, and what it costs."""
    result = load("live")
    page = result["page"]
    rows = [
        (name, shown(row["V8"]), shown(row["pilot"]))
        for name, row in page["microseconds"].items()
    ]
    speeds = " and ".join(f"{v:.0f} ({k})" for k, v in page["pictures"].items())
    return section(
        "In a page",
        f"{loops(result)} A page of these four on `global` has {page['bytes']:,} "
        "bytes; Chromium without a GPU, on a machine that was shared, draws "
        f"{speeds} pictures a second. Microseconds a period, the learned ones "
        "untrained:",
        table(("controller", "in the page (V8)", "pilot in Python"), rows),
        "(`benchmarks/questions/live.py`)",
    )


def loops(result: dict[str, Any]) -> str:
    """Plants and templates beside `simulate`."""
    told = []
    for kind in [k for k in ("plants", "templates") if k in result]:
        found = result[kind].items()
        off = {name: row["largest"] for name, row in found if "largest" in row}
        refused = [name for name, row in found if "refused" in row]
        worst = max(off, key=off.__getitem__)
        also = f"; refused: {', '.join(refused)}" if refused else ""
        told.append(f"{len(off)} {kind} {off[worst]:.0e} ({worst}){also}")
    return (
        "Is what moves in a page of `hc.live` what `simulate` gives in float64? After "
        f"{result['seconds']:g} s the largest difference of a state is: "
        f"{'; '.join(told)}."
    )
