"""What is said of pilots, exports and files."""

from typing import Any

from benchmarks.lib.results import load
from benchmarks.lib.words import section, table

WAYS = {
    "pilot": "pilot",
    "python file": "`.py`",
    "c double": "C by ctypes",
    "onnxruntime": "onnxruntime",
    "jitted": "jitted JAX",
}


def latency() -> str:
    """Microseconds a call."""
    result = load("latency")
    start = result["start-up of a process [s]"]
    rows = []
    for name, row in result["controllers"].items():
        inside = ", ".join(shown(row[f"inside c {r}"]) for r in ("double", "float"))
        rows.append((name, *(timed(row.get(way)) for way in WAYS), inside))
    return section(
        "Embedding",
        "How long does one call take on the robot? Microseconds on one core, median "
        "(99th percentile in brackets); inside C: a period in a loop of C, in double "
        "and float.",
        table(("controller", *WAYS.values(), "inside C"), rows),
        f"{ratios(result)} A process that loads an exported `.py` of the residual and "
        f"steps 1000 times takes {start['median']:.2f} s (median; at most "
        f"{start['largest']:.2f}), and imports {start['imports']} and the standard "
        "library only (`benchmarks/questions/latency.py`).",
    )


def timed(spent: dict[str, float] | None) -> str:
    return "–" if spent is None else f"{shown(spent['p50'])} ({shown(spent['p99'])})"


def shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def ratios(result: dict[str, Any]) -> str:
    """The pilot beside what a user would otherwise call."""
    rows, peer = result["controllers"], result.get("stable-baselines3", {})
    pilots = {name: row["pilot"]["p50"] for name, row in rows.items()}
    times = {
        "Jitted JAX with NumPy in and out": {n: r["jitted"] for n, r in rows.items()},
        "`predict` of stable-baselines3": {n: peer[n] for n in pilots if n in peer},
    }
    return " ".join(
        f"{title}, over the pilot: {shares(found, pilots)}."
        for title, found in times.items()
        if found
    )


def shares(found: dict[str, dict], pilots: dict[str, float]) -> str:
    """Times the pilot's, of each controller."""
    ratio = {name: spent["p50"] / pilots[name] for name, spent in found.items()}
    return ", ".join(f"{name} {value:.2g}" for name, value in ratio.items())


def parity() -> str:
    """How far exports are from the jitted controller."""
    result = load("parity")
    found = result["controllers"]
    rows = [
        deviation(kind, allowed, {name: row[kind] for name, row in found.items()})
        for kind, allowed in result["allowed"].items()
    ]
    return section(
        "Parity",
        f"Does the file do what the controller does? {len(found)} controllers, three "
        "of them a user's own, beside the jitted controller in float64 over "
        f"{result['closed_loop_periods']:,} closed-loop periods each; the largest "
        "difference, as a share of the largest output:",
        table(("export", "largest", "allowed", "on an edge", "beyond"), rows),
        "Modes are the same in every other period. A period is on an edge where the "
        "jitted controller itself answers otherwise to measurements and memories a "
        "rounding error away (`benchmarks/questions/parity.py`).",
    )


def deviation(kind: str, allowed: float, found: dict[str, dict]) -> tuple[str, ...]:
    """The largest difference of one kind of export, and who is beyond its limit."""
    sound = [row for row in found.values() if "failed" not in row]
    largest, edges = max(r["largest"] for r in sound), sum(r["edges"] for r in sound)
    beyond = ", ".join(
        f"{who} {row['largest']:.1e}" for who, row in found.items() if "failed" in row
    )
    name = {"python": "Python", "javascript": "JavaScript"}.get(kind, f"C {kind}")
    return name, f"{largest:.1e}", f"{allowed:.0e}", f"{edges}", beyond or "–"


def adapters() -> str:
    """Gymnasium's checker, and a policy of stable-baselines3 read back."""
    result = load("sb3")
    trained, differ, scores = (result[k] for k in ("trained", "difference", "scores"))
    faster = scores["predict"]["seconds"] / scores["policy"]["seconds"]
    return section(
        "Adapters",
        f"Gymnasium's `check_env` passes over {len(result['check_env'])} "
        f"ids with {result['warnings']} warnings. stable-baselines3's PPO trains "
        f"{trained['steps']} steps on `{trained['id']}` in {trained['seconds']:.1f} s; "
        f"as a `Policy` it answers as its `predict` does within "
        f"{differ['random']['largest']:.0e} on {differ['random']['observations']} "
        f"observations, and {result['episodes']} episodes take 1/{faster:.0f} of the "
        "time (`benchmarks/questions/sb3.py`).",
    )


def files() -> str:
    """What became of damaged files, and of killed trainings."""
    damage, kills = load("damage")["all"], load("kills")
    outcomes, seconds = damage["outcomes"], damage["seconds"]
    loaded = sum(n for outcome, n in outcomes.items() if outcome != "refused")
    full = kills["full_disk"]
    return section(
        "Files",
        f"Of {damage['files']:,} damaged and hostile files {loaded} load, "
        "bit for bit what they were or say they are; the others are refused in a "
        f"sentence. None crashes, hangs or runs code; {seconds['above 1']} take longer "
        f"than 1 s (at most {seconds['largest']:.1f} s), made for that with a right "
        f"hash. {kills['survived']} of {len(kills['kills'])} trainings killed by "
        "SIGKILL, some while saving, load and go on with `--resume`; a disk of 10 MB "
        f"that is full at {full['kept_at_the_end']:,} decisions keeps them and says so "
        "(`benchmarks/questions/damage.py`, `benchmarks/questions/kills.py`).",
    )
