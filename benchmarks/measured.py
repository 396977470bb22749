"""Write docs/measured.md, the README's table and the index, from benchmarks/results."""

from typing import Any

import numpy as np

from benchmarks.lib import index, results, words_cluster
from benchmarks.lib.results import ROOT, load
from benchmarks.lib.words import section, table, with_interval
from benchmarks.lib.words_blocks import blocks
from benchmarks.lib.words_drive import driving
from benchmarks.lib.words_embed import adapters, files, latency, parity
from benchmarks.lib.words_live import live
from benchmarks.lib.words_peers import peers
from benchmarks.lib.words_scale import scale
from benchmarks.lib.words_suite import share_table, suite
from benchmarks.lib.words_value import optimum, value

README = ROOT / "README.md"
PAGE = ROOT / "docs" / "measured.md"
SCALE = ROOT / "docs" / "scale.md"
BEGIN = "<!-- measured: benchmarks/measured.py writes this -->"
END = "<!-- end of measured -->"


def bounds() -> str:
    """Optimal control, and what it is good for."""
    found = load("bounds")["bounds"]
    times = found["global times"]
    rows = [
        (f"`{name}`", f"{found[name]['J']:.2f}")
        for name in ("swingup", "short_track", "weak hanging")
    ]
    rows.append(("`global`, the first 32 episodes", f"{found['global']['J']:.1f}"))
    return section(
        "Bounds",
        "No controller can be better than the optimal input for the very start, plant "
        "and limits. It is found by direct transcription (CasADi, IPOPT) on the "
        "package's own motion and cost; the least J of a task:",
        table(("task", "least J"), rows),
        f"On `global` the optimal input has settled after {times['settle']:.2f} s in "
        "the median. From rest a pole can be caught from "
        f"{found['balance']['angle']:.3f} rad without a swing-down "
        "(`benchmarks/questions/bounds.py`).",
    )


def longer() -> str:
    """The residual with four times the decisions."""
    result = load("strategies")
    rows = [
        (f"`{task}`", with_interval(found["residual"]["J"], ".3g"))
        for task, found in result["tasks"].items()
        if task != "balance"
    ]
    steps, timing = result["one_core"]["steps"] / 1e6, result["one_core"]["timing"]
    return section(
        "Longer training",
        "The suite gives every learner the same short budget. With the preset that is "
        f"meant for the task (up to {steps:.1f}M decisions; {timing['train']:.0f} s "
        f"on one core) the residual reaches, over {result['seeds']} seeds with a 95 % "
        "interval:",
        table(("task", "J of the residual"), rows),
        "From `benchmarks/questions/strategies.py`.",
    )


def statistics() -> str:
    """A/A tests, and what pairing is worth."""
    result = load("aa")
    rates = [row["student"]["rejects"] for row in result["aa"].values()]
    rows = [(name, f"{row['ratio']:.2f}") for name, row in result["pairs"].items()]
    return section(
        "Statistics",
        "Comparing a controller with itself must find no difference. In "
        f"{result['comparisons']} such comparisons each of {len(rates)} kinds, "
        f"{min(rates):.1%} to {max(rates):.1%} of the 95 % intervals leave out 0. "
        "Meeting the same episodes makes intervals narrower: width of the paired one "
        "as a share of the unpaired one,",
        table(("pair", "share"), rows),
        "From `benchmarks/questions/aa.py`.",
    )


def falsifier() -> str:
    """Planted failures, and a known limit found again."""
    result = load("falsify")
    warned, needle = result["planted"]["p=2"], result["planted"]["p=4"]
    known = result["known"]["angle_rad"]
    return section(
        "Falsifier",
        f"A small pocket of failure ({warned['share']:.2%} of the volume) is planted, "
        f"which even draws need {warned['expected_even_draws']:.0f} evaluations to "
        "find on average.",
        "It is found within a tenth of that on "
        f"{warned['within_a_tenth']} seeds (median {warned['falsifier_median']:.0f}) "
        "where the trouble fades with the distance squared, and on "
        f"{needle['within_a_tenth']} where it fades with its fourth power; a needle "
        "without any warning is found no sooner than by even draws. "
        f"The LQR's largest angle is found as {known['found']:.3f} rad "
        f"({known['known']:g} known). From `benchmarks/questions/falsify.py`.",
    )


def leaderboard() -> str:
    """RealAIGym's scores."""
    result = load("realaigym")["controllers"]
    rows = [
        (
            name,
            f"{row['scores']['v1']:.3f}",
            f"{row['scores']['v2']:.3f}",
            f"{row['robustness']['overall']:.3f}" if name != "mpc" else "–",
        )
        for name, row in result.items()
    ]
    tuned = result["machine"]
    seconds, episodes = tuned["seconds"], tuned["robustness"]["episodes"]
    return section(
        "RealAIGym",
        "The field's leaderboard scores a swing-up by its time, energy, torque and "
        "smoothness, and how it stands six kinds of trouble; transcribed to the "
        "cart-pole, 1 is best:",
        table(("controller", "score v1", "score v2", "robustness"), rows),
        f"All {episodes} episodes of the robustness suite take "
        f"{seconds['first']:.1f} s with compiling, {seconds['again']:.1f} s again "
        "(`benchmarks/questions/realaigym.py`).",
    )


def films() -> str:
    """Frames per second."""
    rows = [
        (name, f"{row['drawing']['frame']['per_core_s']:.0f}")
        for name, row in load("render")["renderers"].items()
    ]
    return section(
        "Films",
        "How long does a film take to draw? Frames of 640 x 480 per second of "
        "processor time, words included:",
        table(("renderer", "frames/s"), rows),
        "From `benchmarks/questions/render.py`.",
    )


def design() -> str:
    """Regions of attraction, delays, Riccati equations."""
    region = load("attraction")["rows"][0]["invariant"]
    largest = load("delay")["largest"]
    stable, caught = largest["stable"], largest["converges_from_0.1_with_10N"]
    riccati = load("riccati")
    naive, aware = (f"{kind}, dt=0.02" for kind in ("naive", "aware"))
    return section(
        "Design",
        "How far can the LQR at 10 N and 20 ms be trusted, how late may its actuator "
        "be, and are the Riccati equations solved?",
        "\n".join(
            (
                f"- **Region of attraction**: {lower(region['sentence'])} "
                "(`benchmarks/questions/attraction.py`).",
                f"- **Largest delay**: the plain LQR is stable to "
                f"{stable[naive]['holds_at']:g} s, the one designed for the loop to "
                f"{stable[aware]['holds_at']:g} s at least; from 0.1 rad with 10 N it "
                f"holds to {caught[aware]['holds_at']:g} s (eigenvalues and simulation "
                "agree on every row of `benchmarks/questions/delay.py`).",
                "- **Riccati equations** of CAREX and DAREX: "
                f"{riccati_words(riccati)} (`benchmarks/questions/riccati.py`).",
            )
        ),
    )


def riccati_words(riccati: dict[str, Any]) -> str:
    """What became of the published cases."""
    refused = f"; {riccati['refused']} refused by name" if riccati["refused"] else ""
    return (
        f"{riccati['solved']} solved, none worse than scipy, "
        f"{len(riccati['scipy_above_1e-8'])} on which scipy is off by more than 1e-8 "
        f"and none on which hybridctl is{refused}"
    )


def lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")


def worlds() -> str:
    """Events, energy swing-up, the motor-driven cart-pole."""
    hybrid, energy = load("hybrid"), load("energy")["machines"]
    network = load("network")
    bounce, env = hybrid["dopri5"], hybrid["env"]["2048"]
    drift, seeds = bounce["elastic"]["relative_energy_drift"], len(network["runs"])
    rows = [
        (name, f"{row['success']:.1%}", f"{row['seconds']:.0f} s")
        for name, row in energy.items()
        if isinstance(row, dict) and "success" in row
    ]
    return section(
        "Other plants",
        "Plants with jumps are checked against the times that a pencil gives: a "
        f"bouncing ball's first ten impacts are within {bounce['impact_s']:.0e} s "
        "(dopri5), a thermostat's switching times within "
        f"{bounce['switch_s']:.0e} s; 20 elastic bounces of the cart keep the energy "
        f"to {drift:.0e}. With end stops the environment runs at {env['ratio']:.2f} of "
        "the speed without (`benchmarks/questions/hybrid.py`). PPO holds the "
        f"motor-driven cart-pole on {network['solved']} of {seeds} seeds "
        "(`benchmarks/questions/network.py`).",
        "Does the energy swing-up work on other plants? Share of 1024 random starts "
        "that it brings up and the LQR catches:",
        table(("plant", "caught", "within"), rows),
        "From `benchmarks/questions/energy.py`.",
    )


def learning() -> str:
    """Seconds to a solved task."""
    result = load("learn")
    seconds, solved, seeds = result["seconds"], result["solved"], result["seeds"]
    steps = [run["jax"]["cold"]["steps"] for run in result["runs"]]
    rows = [
        (name, f"{solved[engine]} of {seeds}", *spans(seconds, kinds))
        for name, engine, kinds in (
            ('`engine="jax"`', "jax", ("jax cold", "jax warm")),
            ('`engine="brax"`', "brax", ("brax cold", "brax warm")),
            ('`algorithm="sac"`', "sac", ("sac cold", "sac warm")),
            ("stable-baselines3, tuned for it too", "sb3", ("sb3", "sb3")),
            ("RLtools, tuned too", "rltools", ("rltools cold", "rltools warm")),
        )
        if engine in solved
    ]
    return section(
        "Learning",
        "How long does a user wait for PPO to solve `balance` with at most 1 N? A new "
        "process, imports and compiling included.",
        "Solved is it when 128 episodes last 990 of 1000 periods on average and 128 "
        f"others confirm it; our engine takes {min(steps):,} to {max(steps):,} steps. "
        f"Seconds on {result['about']['cores']} core, cold with an empty compilation "
        "cache and warm with a full one:",
        table(("", "solved", "cold", "warm"), rows),
        f"{ratios(result)}{compiling(result)}From `benchmarks/questions/learn.py`.",
        *engines(),
        *tutorial(),
    )


def spans(seconds: dict[str, Any], kinds: tuple[str, str]) -> list[str]:
    """Least and most seconds of each kind."""
    return [f"{seconds[kind]['min']:.1f}–{seconds[kind]['max']:.1f}" for kind in kinds]


def ratios(result: dict[str, Any]) -> str:
    """Medians of processor time, each beside another's."""
    ratio = result["cpu"]["ratio"]
    words = {
        "jax cold/brax cold": "of brax's cold",
        "jax warm/brax warm": "of brax's warm",
        "jax cold/sb3": "of stable-baselines3's, cold",
        "jax warm/sb3": "of stable-baselines3's, warm",
        "jax cold/rltools cold": "of RLtools's, cold",
        "jax warm/rltools warm": "of RLtools's, warm",
    }
    found = [
        f"{ratio[name]:.2f} {said}" for name, said in words.items() if name in ratio
    ]
    return f"Its median processor time is {', '.join(found)}. "


def compiling(result: dict[str, Any]) -> str:
    """What RLtools's templates take before it trains."""
    runs = [run["rltools"]["cold"] for run in result["runs"] if "rltools" in run]
    if not runs:
        return ""
    seconds = np.median([run["compile"] for run in runs])
    return f"RLtools is C++; cold, g++ takes {seconds:.1f} s of its time. "


def engines() -> tuple[str, ...]:
    """Both engines on other templates and tasks."""
    result = load("engines")
    rows = [
        (
            name.replace(" ", "`, `").join("``"),
            *(f"{row[engine]['J']['mean']:.4g}" for engine in ("jax", "brax")),
            f"{row['difference']['mean']:+.2g} [{row['difference']['low']:+.2g}, "
            f"{row['difference']['high']:+.2g}]",
            *(f"{row[engine]['success']:.1%}" for engine in ("jax", "brax")),
            f"{row['speed']:.2f}",
            f"{row['cold']:.2f}",
        )
        for name, row in result["pairs"].items()
    ]
    return (
        f"Both engines with the same settings (`{result['preset']}`), "
        f"{result['seeds']} seeds, {result['n']} held-out episodes: cost J, its "
        "difference with a 95 % interval over seeds, success; decisions per second as "
        "a multiple of brax's, and the processor's time for the whole process from an "
        "empty cache as a share of brax's:",
        table(
            ("task, template", "J", "J of brax", "ΔJ", "success", "of brax",
             "speed", "cold"),
            rows,
        ),
        "From `benchmarks/questions/engines.py`.",
    )  # fmt: skip


def tutorial() -> tuple[str, ...]:
    """The long run of the tutorial that this package grew out of."""
    names = {
        "preset": "our preset, until the target",
        "long, jax": 'the long run, `engine="jax"`',
        "long, brax": 'the long run, `engine="brax"`',
    }
    found = results.known(results.path("tutorial"))
    rows = []
    for name, told in names.items():
        run = found[name]
        compiled = found[name.replace("long", "first")]["compiled"]
        train = run["compile"] + run["train"] - compiled
        seconds = [f"{part:.1f}" for part in (compiled, train, run["eval"])]
        rows.append((told, f"{run['steps']:,}", *seconds, f"{run['length']:.0f}"))
    heads = "|decisions|compiling|training|validating|mean length"
    return (
        "The tutorial trains with 2048 environments and a value network of 5 x 256 "
        "for 20 million decisions. Seconds on one core of a machine with other work, "
        "from an empty cache, and how long 128 held-out episodes last, of 1000 "
        "periods:",
        table(heads.split("|"), rows),
        "From `benchmarks/questions/tutorial.py`.",
    )


def memory() -> str:
    """What a policy needs to see of a plant that it does not know."""
    result = load("memory")
    ways = {
        "now": "what it measures now",
        "critic": 'the same; `critic_features="state"`',
        "history": "and four decisions before; `history=4`",
        "GRU": "and what it remembers; `recurrent=32`",
    }
    percent = lambda found: (  # noqa: E731
        f"{found['mean']:.1%} [{found['low']:.1%}, {found['high']:.1%}]"
    )
    rows = []
    for name, words in ways.items():
        row = result["ways"][name]
        J = f"{row['J']['mean']:.4g} [{row['J']['low']:.4g}, {row['J']['high']:.4g}]"
        rows.append((words, percent(row["success"]), J, f"{row['seconds']:.0f}"))
    machine = result["runs"]["now"][0]["machine"]
    return section(
        "A plant that is not known",
        "What should a policy see where the plant's parameters are drawn for every "
        "episode?",
        f"The residual on `unknown_plant`, {result['seeds']} seeds of the preset "
        f"`{result['preset']}`, {result['n']} held-out episodes; the tuned machine "
        f"settles {machine:.1%} of them. With 95 % intervals over seeds, and seconds "
        "of training with all it compiles:",
        table(("the policy sees", "settles", "J", "s"), rows),
        f"{estimated()}From `benchmarks/questions/memory.py` and `unknown.py`.",
    )


def estimated() -> str:
    """What comes of estimating the parameters in the loop."""
    result = load("unknown")
    rows, n = result["rows"], result["n"]
    hybrids = [row for name, row in rows.items() if name.startswith("hybrid")]
    share = [row["successes"] / n for row in hybrids]
    J = [row["J_mean"] for row in hybrids]
    seconds = np.median([run["seconds"] for run in result["trainings"]])
    return (
        "Where an EKF estimates the parameters in the loop, the `hybrid`, whose value "
        f"is one of state and parameters, settles {min(share):.1%} to "
        f"{max(share):.1%} of {n} with J {min(J):.4g} to {max(J):.4g} "
        f"({len(hybrids)} seeds, {seconds:.0f} s), the machine for the estimated "
        f"parameters (`adaptive`) {rows['adaptive']['successes'] / n:.1%} with J "
        f"{rows['adaptive']['J_mean']:.4g}. "
    )


def clones() -> str:
    """What a student of a controller is worth."""
    result = load("teach")
    rows, beside = [], {}
    for lesson in [name for name in result if " " in name]:
        found = result[lesson]
        runs, (value, low, high) = found["runs"], found["J_of_teacher"]
        least = min(run["success"] for run in runs)
        seconds = [run["seconds"] for run in runs]
        worse = sum(run["on_minus_clone"][1] > 0 for run in runs)
        beside |= found.get("beside", {})
        rows.append(
            (
                "`, `".join(lesson.split()).join("``"),
                f"{value:.3f} [{low:.3f}, {high:.3f}]",
                f"{least:.1%} ({found['teacher']['success']:.1%})",
                f"{min(seconds):.0f}–{max(seconds):.0f}",
                period_us(found),
                f"{worse} of {len(runs)}",
            )
        )
    heads = ("task, teacher", "J", "success", "s", "µs a period", "worse later")
    return section(
        "Clones",
        "How good is the clone of a controller, a network of 2x64, and is it worse "
        "after PPO has gone on from it?",
        "On the teacher's held-out episodes, in pairs: cost J as a multiple of the "
        "teacher's; success of the worst seed (of the teacher); seconds from an empty "
        "cache; a period of the closed loop (of the teacher's); how many of the seeds "
        f"were worse, 95 % sure, after {result['steps']:,} decisions more:",
        table(heads, rows),
        "The planner is an MPC of a short horizon that ends in the hybrid's value. "
        + "; ".join(
            f"{name}: J {row['J']:.4g} in {row['n']} episodes, {row['period_us']:.0f} "
            "µs a period"
            for name, row in beside.items()
        )
        + ". What the reference MPC does depends on its plan, not on the state alone, "
        "so no network without a memory is its clone.",
        "From `benchmarks/questions/teach.py`.",
    )


def period_us(found: dict[str, Any]) -> str:
    """Time of a period, the clone's and the teacher's."""
    us = [run.get("period_us") for run in found["runs"]]
    if None in us:
        return "–"
    return f"{np.median(us):.1f} ({found['teacher']['period_us']:.0f})"


def rig() -> str:
    """What logs tell of rigs, and what encoders leave of a score."""
    result = load("rig")
    found, seen = result["identify"], result["encoders"]
    rows = [
        (
            name,
            f"{share:.0%}",
            f"{found['off'][name]:.2%}",
            f"{found['off_most'][name]:.1%}",
        )
        for name, share in found["cover"].items()
    ]
    return section(
        "Rigs",
        f"{found['rigs']} rigs from the ranges of `unknown_plant`, each with a delay, "
        "noise and counts of its own: 10 s at 50 Hz, positions alone. How often does "
        "the 95 % interval cover the truth, and how far off is the estimate?",
        table(("parameter", "covers", "off (median)", "off (most)"), rows),
        f"A fit takes {found['seconds']:.1f} s (median), the first, with compiling, "
        f"{found['seconds_first']:.0f} s.",
        "With encoders of 0.1 mm and 2048 counts, one period of delay and 2 % lost "
        f"samples the machine settles from {seen['encoders']['success']:.1%} of "
        f"{seen['n']} starts of `global`, at J {seen['encoders']['J']:.1f}; with the "
        f"whole state from {seen['state']['success']:.1%} at {seen['state']['J']:.1f}.",
        _published(result["published"]),
        "From `benchmarks/questions/rig.py`.",
    )


def _published(found: dict[str, Any]) -> str:
    """What the logs of somebody else's pendulum say of it."""
    light, heavy = found["pendulum_500g"], found["pendulum_1kg"]
    lengths, rms, held = (
        [f"{1e3 * value:{digits}}" for value in row]
        for digits, row in (
            (".0f", [log["values"]["L"] for log in (light, heavy)]),
            (".1f", [log["rms"] for log in (light, heavy)]),
            (".1f", [log["held"] for log in (light, heavy)]),
        )
    )
    ratio = heavy["values"]["m"] / light["values"]["m"]
    return (
        "Two logs that others published (`benchmarks/logs`): a pendulum of 500 mm with "
        f"a weight of 0.5 kg, then of 1 kg. Found: {' and '.join(lengths)} mm, and "
        f"{ratio:.2f} times the mass, up to the scale of the torque, which is what the "
        f"motor's driver says. The model follows within {' and '.join(rms)} mrad (rms) "
        f"and predicts the last quarter within {' and '.join(held)}; a count of the "
        "encoder is 2.9. What is left is not white: the counts, and dry friction, "
        "which a torque of one size does not tell from mass."
    )


def speed() -> str:
    """Ratios of the composed environment."""
    result = load("speed")
    rows = []
    for name, task in result["tasks"].items():
        plain = task["ratio_to_plain"]
        ratios = (task["ratio_to_bare"]["plain"], plain["residual"], plain["machine"])
        rows.append((name, *(f"{r:.2f}" for r in ratios)))
    return section(
        "Speed",
        "What does composing cost in training? Steps per second of the environment in "
        f"brax's wrappers at {result['lanes']} lanes on {result['about']['cores']} "
        "core, with rewards, observations and fresh random resets, as shares (medians "
        "over rounds):",
        table(
            ("task", "plain, of a bare RK4 scan", "residual, of plain",
             "machine, of plain"),
            rows,
        ),
        "From `benchmarks/questions/speed.py`.",
    )  # fmt: skip


def machine() -> str:
    about = load("speed")["about"]
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    return (
        f"Speeds were measured on {about['processor']}, {about['machine']}, Python "
        f"{about['python']}; {versions}. Machines were shared: trust ratios. Each "
        "result in `benchmarks/results` names its own machine, versions and seeds."
    )


def page() -> str:
    """The whole of docs/measured.md."""
    parts = (
        suite(), value(), optimum(), bounds(), longer(), statistics(), falsifier(),
        leaderboard(), design(), worlds(), latency(), parity(), live(), driving(),
        files(), adapters(), learning(), memory(), clones(), rig(), speed(), *peers(),
        blocks(), scale(), films(),
    )  # fmt: skip
    return "\n\n".join((TITLE, machine(), *parts)) + "\n"


TITLE = """# Measured

Nothing on this page was typed: `benchmarks/measured.py` writes it from what the scripts
in `benchmarks/` found and kept in `benchmarks/results`."""


def measured() -> str:
    """The README's table, between its marks."""
    return "\n\n".join((BEGIN, share_table(), END))


def main() -> None:
    """Write the pages, and put the table into the README."""
    index.PAGE.write_text(index.page(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    SCALE.write_text(words_cluster.page(), encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    start, end = text.index(BEGIN), text.index(END) + len(END)
    README.write_text(text[:start] + measured() + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
