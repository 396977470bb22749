"""Write the measured part of the README from benchmarks/results/*.json."""

from pathlib import Path
from typing import Any

from words import load, with_interval
from words_embed import adapters, files, latency, parity
from words_suite import suite

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN = "<!-- measured: benchmarks/readme.py writes this -->"
END = "<!-- end of measured -->"


def longer() -> str:
    """The residual with four times the decisions."""
    result = load("strategies")
    found = ", ".join(
        f"`{task}` {with_interval(rows['residual']['J'], '.3g')}"
        for task, rows in result["tasks"].items()
        if task != "balance"
    )
    steps, timing = result["one_core"]["steps"] / 1e6, result["one_core"]["timing"]
    return (
        "**Longer training.** J of the residual with the preset meant for the task "
        f"(up to {steps:.1f}M decisions; {timing['train']:.0f} s on one core), "
        f"{result['seeds']} seeds, 95 % interval over seeds: {found} "
        "(`benchmarks/strategies.py`)."
    )


def bounds() -> str:
    """Optimal control, and what it is good for."""
    found = load("bounds")["bounds"]
    times = found["global times"]
    costs = ", ".join(
        f"`{name}` {found[name]['J']:.2f}"
        for name in ("swingup", "short_track", "weak hanging")
    )
    return (
        "**Bounds.** By direct transcription (CasADi, IPOPT) on the package's own "
        f"motion and cost: least J {costs}; of the first 32 episodes of `global` "
        f"{found['global']['J']:.1f} in the mean, settled after "
        f"{times['settle']:.2f} s in the median. From rest a pole can be caught from "
        f"{found['balance']['angle']:.3f} rad without a swing-down "
        "(`benchmarks/bounds.py`)."
    )


def statistics() -> str:
    """A/A tests, and what pairing is worth."""
    result = load("aa")
    rates = [row["student"]["rejects"] for row in result["aa"].values()]
    pairs = ", ".join(
        f"{name} {row['ratio']:.2f}" for name, row in result["pairs"].items()
    )
    return (
        f"**Statistics.** In {result['comparisons']} A/A comparisons each of "
        f"{len(rates)} kinds, {min(rates):.1%} to {max(rates):.1%} of the 95 % "
        "intervals of a difference leave out 0. Width of the paired interval over the "
        f"unpaired one on the same episodes: {pairs} (`benchmarks/aa.py`)."
    )


def falsifier() -> str:
    """Planted failures, and a known limit found again."""
    result = load("falsify")
    warned, needle = result["planted"]["p=2"], result["planted"]["p=4"]
    known = result["known"]["angle_rad"]
    return (
        f"**Falsifier.** A planted failure pocket of {warned['share']:.2%} of the "
        f"volume is found within a tenth of the {warned['expected_even_draws']:.0f} "
        "evaluations that even draws need on average on "
        f"{warned['within_a_tenth']} seeds (median {warned['falsifier_median']:.0f}) "
        "where the trouble fades with the distance squared, and on "
        f"{needle['within_a_tenth']} where it fades with its fourth power; a needle "
        "without any warning is found no sooner than by even draws. "
        f"The LQR's largest angle is found as {known['found']:.3f} rad "
        f"({known['known']:g} known) (`benchmarks/falsify.py`)."
    )


def leaderboard() -> str:
    """RealAIGym's scores."""
    result = load("realaigym")["controllers"]
    rows = ", ".join(
        f"{name} {row['scores']['v1']:.3f}, {row['scores']['v2']:.3f}"
        + (f", {row['robustness']['overall']:.3f}" if name != "mpc" else "")
        for name, row in result.items()
    )
    seconds = result["machine"]["seconds"]
    return (
        "**RealAIGym.** Scores v1 and v2, and the mean of the robustness suite, "
        f"transcribed to the cart-pole: {rows}. All "
        f"{result['machine']['robustness']['episodes']} episodes take "
        f"{seconds['first']:.1f} s with compiling, {seconds['again']:.1f} s again "
        "(`benchmarks/realaigym.py`)."
    )


def films() -> str:
    """Frames per second."""
    drawn = ", ".join(
        f"{name} {row['drawing']['frame']['per_core_s']:.0f}"
        for name, row in load("render")["renderers"].items()
    )
    return (
        "**Films.** Frames of 640 x 480 per second of processor time, words included: "
        f"{drawn} (`benchmarks/render.py`)."
    )


def design() -> str:
    """Regions of attraction, delays, Riccati equations."""
    region = load("attraction")["rows"][0]["invariant"]
    largest = load("delay")["largest"]
    stable, caught = largest["stable"], largest["converges_from_0.1_with_10N"]
    riccati = load("riccati")
    naive, aware = (f"{kind}, dt=0.02" for kind in ("naive", "aware"))
    return (
        f"**Design.** Region of attraction of the LQR at 10 N and 20 ms: "
        f"{lower(region['sentence'])} (`benchmarks/attraction.py`). Largest delay: "
        f"the plain LQR is stable to {stable[naive]['holds_at']:g} s, the one designed "
        f"for the loop to {stable[aware]['holds_at']:g} s at least; from 0.1 rad with "
        f"10 N it holds to {caught[aware]['holds_at']:g} s (eigenvalues and simulation "
        "agree on every row of `benchmarks/delay.py`). Riccati equations of CAREX and "
        f"DAREX: {riccati['solved']} solved, none worse than scipy, "
        f"{len(riccati['scipy_above_1e-8'])} on which scipy is off by more than 1e-8 "
        f"and none on which hybridctl is; {riccati['refused']} refused by name "
        "(`benchmarks/riccati.py`)."
    )


def lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")


def worlds() -> str:
    """Events, energy swing-up, the motor-driven cart-pole."""
    hybrid, energy = load("hybrid"), load("energy")["machines"]
    network = load("network")
    bounce, env = hybrid["dopri5"], hybrid["env"]["2048"]
    drift, seeds = bounce["elastic"]["relative_energy_drift"], len(network["runs"])
    rates = ", ".join(
        f"{name} {row['success']:.1%} ({row['seconds']:.0f} s)"
        for name, row in energy.items()
        if isinstance(row, dict) and "success" in row
    )
    return (
        f"**Other plants.** A bouncing ball's first ten impacts are within "
        f"{bounce['impact_s']:.0e} s of the analytic ones (dopri5), a thermostat's "
        f"switching times within {bounce['switch_s']:.0e} s; 20 elastic bounces of "
        f"the cart keep the energy to {drift:.0e}. With "
        f"end stops the environment runs at {env['ratio']:.2f} of the speed without "
        "(`benchmarks/hybrid.py`). Energy swing-up and catch from 1024 random starts, "
        f"within so many seconds: {rates} (`benchmarks/energy.py`). PPO holds "
        f"the motor-driven cart-pole on {network['solved']} of {seeds} seeds "
        "(`benchmarks/network.py`)."
    )


def learning() -> str:
    """Seconds to a solved task."""
    result = load("learn")
    cold, warm = (result["seconds"][kind] for kind in ("cold", "warm"))
    steps = [run["cold"]["steps"] for run in result["runs"]]
    return (
        "**Learning.** PPO on `balance` with at most 1 N, solved when 128 episodes "
        "last 990 of 1000 periods on average and 128 others confirm it: "
        f"{result['solved']} of {result['seeds']} seeds, after {min(steps):,} to "
        f"{max(steps):,} steps. A new process, imports and compiling included, on "
        f"{result['about']['cores']} core: {cold['min']:.1f}–{cold['max']:.1f} s with "
        f"an empty compilation cache, {warm['min']:.1f}–{warm['max']:.1f} s with a "
        f"warm one. {peers(result)}From `benchmarks/learn.py`."
    )


def peers(result: dict[str, Any]) -> str:
    """What stable-baselines3 needed in the same run, if it took part."""
    if "sb3" not in result["seconds"]:
        return ""
    seconds, ratio = result["seconds"]["sb3"], result["cpu"]["ratio"]
    return (
        f"stable-baselines3's PPO, tuned for it too, solves {result['sb3_solved']} of "
        f"{result['seeds']} seeds in {seconds['min']:.1f}–{seconds['max']:.1f} s, "
        f"imports included. Its median processor time is {ratio['sb3/cold']:.2f} times "
        f"hybridctl's cold one and {ratio['sb3/warm']:.2f} times its warm one. "
    )


def speed() -> str:
    """Ratios of the composed environment."""
    result = load("speed")
    lines = [
        f"**Speed.** The environment in brax's wrappers at {result['lanes']} lanes on "
        f"{result['about']['cores']} core, with rewards, observations and fresh random "
        "resets; medians over rounds. From `benchmarks/speed.py`.",
        "",
        "| task | plain, of a bare RK4 scan | residual, of plain | machine, of plain |",
        "| --- | --- | --- | --- |",
    ]
    for name, task in result["tasks"].items():
        plain = task["ratio_to_plain"]
        ratios = (task["ratio_to_bare"]["plain"], plain["residual"], plain["machine"])
        lines.append(f"| {name} | {' | '.join(f'{r:.2f}' for r in ratios)} |")
    return "\n".join(lines)


def machine() -> str:
    about = load("speed")["about"]
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    return (
        f"Measured on {about['processor']}, {about['machine']}, Python "
        f"{about['python']}; {versions}. The machine was shared: trust ratios."
    )


def measured() -> str:
    """The whole part, between its marks."""
    parts = (
        suite(), bounds(), statistics(), longer(), falsifier(), leaderboard(), films(),
        design(), worlds(), latency(), parity(), files(), adapters(), learning(),
        speed(), machine(),
    )  # fmt: skip
    return "\n\n".join((BEGIN, *parts, END))


def main() -> None:
    """Put the part into the README."""
    text = README.read_text(encoding="utf-8")
    start, end = text.index(BEGIN), text.index(END) + len(END)
    README.write_text(text[:start] + measured() + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
