"""Write the measured part of the README from benchmarks/results/*.json."""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN = "<!-- measured: benchmarks/readme.py writes this -->"
END = "<!-- end of measured -->"


def load(name: str) -> dict[str, Any]:
    return json.loads((HERE / "results" / f"{name}.json").read_text())


def strategies() -> str:
    """Cost, success and settling of every column on every task."""
    result = load("strategies")
    lines = [
        f"Every column on {result['n']} episodes of each task (seed {result['seed']}, "
        "never trained on). J is ∫ x² + 20(1 + cos θ) + ẋ² + θ̇² + 0.1 u² dt over 20 s; "
        "a failed episode is charged 600. Learned columns train on the task itself, "
        f"those of `swingup` on `global`, with {result['seeds']} seeds: mean and 95 % "
        "interval over seeds, success of the worst seed. ΔJ is the paired difference "
        "to the tuned machine. From `benchmarks/strategies.py`.",
        "",
        "| task | strategy | decisions | success | settles (median) | J | ΔJ |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for task, rows in result["tasks"].items():
        trained = result["training"].get("global" if task == "swingup" else task, {})
        trained = trained or result["training"].get(task.split()[0], {})
        for name, row in rows.items():
            steps = decisions(trained.get(name))
            lines.append(f"| {task} | {name} | {steps} | {cells(row)} |")
    timing = result["one_core"]
    lines += [
        "",
        f"The residual of `global` trains {timing['timing']['train']:.0f} s on one "
        f"core ({timing['steps']:,} decisions, compiling not counted).",
    ]
    return "\n".join(lines)


def decisions(training: dict[str, Any] | None) -> str:
    if training is None:
        return "–"
    most = max(training["steps"]) / 1e6
    return f"{most:.1f}M" if most >= 1 else f"{1000 * most:.0f}k"


def cells(row: dict[str, Any]) -> str:
    learned = "success_worst" in row
    success = row["success_worst"] if learned else row["success"]["value"]
    settle = row["settle_median"]
    seconds = settle["value"] if isinstance(settle, dict) else settle
    J, apart = row["J"], row.get("difference")
    gap = "–" if apart is None else f"{apart['value']:+.3g}"
    if apart is not None:
        gap += f" [{apart['low']:+.3g}, {apart['high']:+.3g}]"
    return (
        f"{success:.2%} | {'never' if seconds is None else f'{seconds:.2f} s'} | "
        f"{J['value']:.3g} [{J['low']:.3g}, {J['high']:.3g}] | {gap}"
    )


def classical() -> str:
    """The classical columns of every task."""
    result = load("control")
    lines = [
        "**Classical.** All machines are tuned by `hc.tune` with one budget "
        f"({load('tune')['budget']} controllers a task, `benchmarks/tune.py`); on the "
        f"episodes of above (seed {result['seed']}). MPC meets the first "
        f"{result['few']} of them at most, and ΔJ is in pairs on those. On `noisy` MPC "
        "stands behind the EKF and the predictor too. From `benchmarks/control.py`.",
        "",
        "| task | strategy | episodes | success | settles (median) | J | ΔJ | µs a "
        "period |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for task, found in result["tasks"].items():
        rows = [(name, found["n"], row) for name, row in found["rows"].items()]
        for name, n, row in [*rows, ("mpc", found["few"], found["mpc"])]:
            lines.append(
                f"| {task} | {name} | {n} | {cells(row)} | {row['step_us']:.0f} |"
            )
    return "\n".join(lines)


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
        strategies(), classical(), design(), worlds(), learning(), speed(), machine(),
    )  # fmt: skip
    return "\n\n".join((BEGIN, *parts, END))


def main() -> None:
    """Put the part into the README."""
    text = README.read_text()
    start, end = text.index(BEGIN), text.index(END) + len(END)
    README.write_text(text[:start] + measured() + text[end:])


if __name__ == "__main__":
    main()
