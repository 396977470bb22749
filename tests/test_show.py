import dataclasses
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from browser import CHROMIUM, browse

import hybridctl as hc
from hybridctl.cli.demo import lesson
from hybridctl.contests import Scores, Table
from hybridctl.controllers import Features, Policy
from hybridctl.show import (
    phase_portrait,
    plot_traces,
    settling_curve,
    training_curve,
)
from hybridctl.show.figures.forest import forest
from hybridctl.show.figures.heat import label_of
from hybridctl.show.figures.inputs import spans
from hybridctl.show.film.encode import durations
from hybridctl.show.lines import along, fold, thin, unwind
from hybridctl.show.report import provenance
from hybridctl.show.report.findings import Findings
from hybridctl.show.report.grid import facts, grid
from hybridctl.show.report.parts import counted
from hybridctl.show.report.verdict import verdict
from hybridctl.show.style import looks_of
from hybridctl.show.svg import to_svg
from hybridctl.tasks.statistics import Interval

TASK = hc.tasks.get("global", seconds=6.0)
LQR = hc.reference("lqr", TASK)
POLICY = Policy(Features(4, (0,)), [np.zeros((1, 1))], [[0.0]], [0.0], [1.0])
RUN = SimpleNamespace(
    curve=[{"steps": 1e5 * k, "score": -300.0 / (1 + k)} for k in range(8)],
    timing={"train": 12.3, "total": 20.1},
    config=SimpleNamespace(algorithm="ppo", target=-50.0),
    seed=5,
    stopped="target",
    best=6,
)


@pytest.fixture(scope="module")
def table():
    controllers = {"lqr": LQR, "machine": hc.reference("machine", TASK)}
    return hc.compare(TASK, controllers, n=8, seed=1, against="lqr")


@pytest.fixture(scope="module")
def page(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    runs = {"residual, seed 5": RUN}
    assert hc.report([table], path, runs=runs, command="hybridctl compare <x>") == path
    return path


@pytest.fixture(scope="module")
def traces(table):
    return {name: table.episode(name, 0).trace for name in table.controllers}


def made_up(costs, successes=None, controllers=None, against="a"):
    """A table of given costs: no simulation."""
    scores = {}
    for name, cost in costs.items():
        cost = np.asarray(cost, float)
        ok = np.asarray((successes or {}).get(name, np.ones(len(cost))), bool)
        scores[name] = Scores(
            ok, ~ok, np.where(ok, 2.0, np.inf), np.where(ok, cost, 600.0), cost, cost,
            np.full(len(cost), 9), -cost, np.ones(len(cost), bool),
        )  # fmt: skip
    parts = {name: LQR for name in costs} | (controllers or {})
    return Table(TASK, parts, scores, len(cost), 0, against)


# ---------------------------------------------------------------- the page


def test_page_needs_nothing_but_itself(page):
    html = page.read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|<link|<script|@import|url\((?!#)", html)
    assert "default-src 'none'" in html
    assert len(html) < 400_000


def test_page_tells_the_whole_story_in_order(page, table):
    html = page.read_text(encoding="utf-8")
    parts = [
        "<h1>", "machine settles most often", "8 episodes of 6 s",
        "charged J = 600", "<table>", ">settling<", "never", "One episode, the same",
        "phase portrait", "Settled for good", "The worst episode", "failed after",
        "residual, seed 5", "stopped at its target", "How this was made", "Python ",
        "mujoco", "CPU cores", "n = 8, seed = 1", "algorithm = ppo", "compare &lt;x",
    ]  # fmt: skip
    place = 0
    for part in parts:
        place = html.find(part, place)
        assert place >= 0, part
    assert html.count("<svg") == 3 + 2 + 1
    assert html.count('class="key"') == 2 * len(table.controllers)


def test_page_is_the_same_twice(page, table, tmp_path):
    runs = {"residual, seed 5": RUN}
    options = {"runs": runs, "command": "hybridctl compare <x>"}
    again = hc.report({"global": table}, tmp_path, **options)
    assert again == tmp_path / "report.html"
    assert again.read_bytes() == page.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_ids_are_unique_and_found(page):
    html = page.read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', html))
    for pair in re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', html):
        assert (pair[0] or pair[1]) in ids


def test_odd_names_stay_names(table, tmp_path):
    names = "<b>$x_1$", "_倒立摆"
    parts = dict(zip(names, table.controllers.values(), strict=True))
    scores = dict(zip(names, table.scores.values(), strict=True))
    named = Table(TASK, parts, scores, 8, 1, names[0])
    html = hc.report({"<i>": named}, tmp_path / "a.html", timestamp="noon").read_text(
        encoding="utf-8"
    )
    assert "<b>$x" not in html and "&lt;b&gt;$x_1$" in html
    assert "_倒立摆" in html and "<i>" not in html and "noon" in html


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium to open the page")
def test_browser_asks_for_nothing_and_complains_of_nothing(page, tmp_path):
    # The page's own policy refuses every request, and each refusal is a message.
    assert browse(page, tmp_path / "profile") == []
    worse = tmp_path / "worse.html"
    picture = '<img src="https://example.invalid/x.png"></main>'
    worse.write_text(
        page.read_text(encoding="utf-8").replace("</main>", picture), encoding="utf-8"
    )
    assert "example.invalid" in browse(worse, tmp_path / "profile")[0]


# ---------------------------------------------------------------- the figures


def labels(figure):
    """Labels of the outer axes of a figure: each names a unit."""
    lowest = figure.axes[-1].get_xlabel()
    return [lowest, *(axis.get_ylabel() for axis in figure.axes)]


def test_figures_name_their_units(table, traces):
    figures = [
        plot_traces(traces, target=TASK.target), plot_traces({"lqr": traces["lqr"]}),
        phase_portrait(traces, target=TASK.target), settling_curve(table),
        training_curve({"a": RUN, "b": RUN}),
    ]  # fmt: skip
    for figure in figures:
        assert all(re.search(r"\w \[.+\]$", label) for label in labels(figure))
    states = ["x [m]", "theta [rad]", "dx [m/s]", "dtheta [rad/s]"]
    assert labels(figures[0]) == ["time [s]", *states, "force [N]"]
    assert labels(figures[2]) == ["theta [rad]", "dtheta [rad/s]"]
    assert labels(phase_portrait(traces, states=("x", "dx"))) == ["x [m]", "dx [m/s]"]


def test_modes_are_shaded_only_for_a_single_controller(traces):
    def bands(figure):
        return [p for p in figure.axes[0].patches if p.get_facecolor() != (1, 1, 1, 1)]

    assert bands(plot_traces({"machine": traces["machine"]}))
    assert not bands(plot_traces(traces))


def test_mode_changes_are_marked_on_the_line(traces):
    trace = traces["machine"]
    axis = phase_portrait({"machine": trace}).axes[0]
    marks = [line for line in axis.lines if line.get_marker() == "D"]
    times = [t for t, _, _ in trace.switches()]
    at = np.searchsorted(np.asarray(trace.t), times)
    assert len(times) and np.allclose(marks[0].get_ydata(), trace["dtheta"][at])


def test_colours_are_the_same_everywhere(traces):
    looks = looks_of(["ppo", *traces])
    for draw in (plot_traces, phase_portrait):
        figure = draw(traces, looks=looks)
        colours = [line.get_color() for line in figure.axes[0].lines]
        assert [looks[name]["color"] for name in traces] == list(dict.fromkeys(colours))


def test_best_and_target_are_marked():
    axis = training_curve({"a": RUN}).axes[0]
    ring = next(line for line in axis.lines if line.get_marker() == "o")
    assert ring.get_xdata()[0] == RUN.curve[6]["steps"]
    assert any(set(line.get_ydata()) == {-50.0} for line in axis.lines)


def test_lines_are_small_and_keep_their_peaks():
    t = np.arange(20_001) * 0.01
    y = np.where(t == 77.0, 9.0, np.sin(t))
    few, kept = thin(t, y)
    assert len(few) <= 400 and kept.max() == 9.0
    assert (few[0], few[-1]) == (t[0], t[-1])
    k = along(np.sin(t), np.cos(t))
    assert len(k) <= 800 and (k[0], k[-1]) == (0, len(t) - 1)


@pytest.mark.parametrize("turns", [0.4, 1.2, 9.0, -9.0])
def test_wrapped_lines_do_not_jump(turns):
    angle = unwind(np.linspace(0.3, 0.3 + 2 * np.pi * turns, 500), np.pi)
    wrapped, other = fold(angle, np.linspace(0, 1, 500), np.pi)
    steps = np.diff(wrapped)
    assert np.abs(steps[~np.isnan(steps)]).max() < 0.2
    assert np.nanmax(np.abs(wrapped - np.pi)) <= 3 * np.pi
    assert np.all(np.diff(other) >= 0)
    ends = np.exp(1j * wrapped[[0, -1]])
    assert np.allclose(ends, np.exp(1j * angle[[0, -1]]))


def test_what_is_not_finite_or_has_failed_is_not_drawn(table, traces):
    trace = traces["lqr"]
    x, u = trace.x.at[50:].set(jnp.nan), trace.u.at[50:].set(jnp.inf)
    broken = dataclasses.replace(trace, x=x, u=u)
    for draw in (plot_traces, phase_portrait):
        svg = to_svg(draw({"broken": broken}, failed=["broken"]), "f", "broken")
        assert "nan" not in svg.lower() and "inf" not in svg.lower()
    worst = table.worst("lqr", k=1)[0]
    assert table.scores["lqr"].failed[worst.index]
    end = counted(Findings(table, ""), "lqr", worst).x[-1]
    assert abs(end[0]) > 2.4 > abs(worst.trace.x[-len(worst.trace.x)][0])


# ---------------------------------------------------------------- the verdict


def test_verdict_on_who_is_better():
    rng = np.random.default_rng(0)
    base = 50 + rng.random(100)
    text = verdict(made_up({"a": base, "b": base - 10}))
    assert "Both settle in 100.0% [96.3%, 100.0%]" in text
    assert "b has the lowest mean J, 40.5 [40.5, 40.6]" in text
    assert "b costs 10 [10, 10] (20%) less than a, the reference." in text


def test_verdict_does_not_overclaim():
    rng = np.random.default_rng(1)
    base = 50 + rng.random(60)
    near = base + rng.normal(0, 1, 60)
    text = verdict(made_up({"a": base, "b": near}))
    assert "which may as well be nothing" in text and "less than" not in text
    learned = verdict(made_up({"a": base, "b": near}, controllers={"b": POLICY}))
    assert "The learned controller, b, is not shown to beat" in learned
    assert "the intervals are rough" in verdict(made_up({"a": base[:8], "b": near[:8]}))
    some = {"b": np.arange(60) > 0}
    text = verdict(made_up({"a": base, "b": base - 20}, some))
    assert "(the intervals overlap)" in text and "b has the lowest mean J" in text
    assert "which the data do not tell apart" in text
    some = {"b": np.arange(60) > 9}
    text = verdict(made_up({"a": base + 200, "b": base - 20}, some))
    assert "a settles most often" in text and "b has a lower mean J" in text


def test_verdict_names_who_comes_close():
    rng = np.random.default_rng(2)
    base = 50 + rng.random(60)
    costs = {"a": base + 20, "b": base, "c": base + rng.normal(0.1, 1, 60)}
    assert "c differs from b by 0." in verdict(made_up(costs))
    costs["c"] = base + 1
    assert "c" not in re.findall(r"\b[abc]\b", verdict(made_up(costs)))
    costs["c"] = base - 1
    text = verdict(made_up(costs, {"c": np.arange(60) > 0}))
    assert "c settles less often than b" in text and "(the intervals overlap)" in text


def test_verdict_says_when_learning_loses():
    base = 50 + np.arange(60.0)
    costs = {"a": base, "b": base + 5}
    text = verdict(made_up(costs, controllers={"b": POLICY}))
    assert "The learned controller, b, loses to a classical one: it costs 5 " in text
    some = {"b": np.arange(60) > 30}
    text = verdict(made_up(costs, some, {"b": POLICY}))
    assert "loses to a classical one: it settles less often than a, the ref" in text
    assert "its 31 failed episodes are charged J = 600" in text
    text = verdict(made_up({"a": base, "b": base - 5}, controllers={"b": POLICY}))
    assert "b, beats the classical ones: it costs 5 " in text
    costs = {"a": base, "b": base - 5, "c": base + 9}
    text = verdict(made_up(costs, controllers={"b": POLICY, "c": POLICY}))
    picked = "Picked on one half of the episodes and tested on the other, the best"
    assert f"{picked} learned controller, b, beats the classical ones: it c" in text


def test_equal_episodes_count_as_one():
    table = made_up({"a": np.full(64, 5.0), "b": np.full(64, 7.0)})
    text = verdict(table)
    assert "All 64 episodes are alike" in text and "[" not in text
    cells = grid(Findings(table, ""), looks_of("ab"))["rows"][0][2]
    assert not any(cell["interval"] for cell in cells)
    one = verdict(made_up({"a": [5.0], "b": [5.0]}))
    assert "they cost the same in every one" in one and "One episode" in one


def test_verdict_on_nobody_and_on_one():
    never = np.zeros(60)
    text = verdict(made_up({"a": never, "b": never}, {"a": never, "b": never}))
    assert text.startswith("None settles in any of the 60 episodes")
    assert "nothing to compare it with" in verdict(made_up({"a": np.arange(60.0)}))


def test_table_marks_the_best_of_those_that_succeed():
    base = np.arange(60.0)
    some = {"c": base > 30}
    found = Findings(made_up({"a": base + 9, "b": base, "c": base / 9}, some), "")
    sheet = grid(found, looks_of("abc"))
    rows = {name: cells for name, _, cells in sheet["rows"]}
    J = sheet["headings"].index("J")
    assert [rows[name][J]["best"] for name in "abc"] == [False, True, False]
    assert rows["a"][J + 1]["value"] == "reference"
    assert rows["b"][J + 1]["value"] == "−9"
    assert "µs/step" not in sheet["headings"]
    assert "Beyond |x| = 2.4 m an episode fails" in facts(found)


# ---------------------------------------------------------------- the rest


def test_import_is_light():
    heavy = "matplotlib", "jinja2", "brax", "mujoco"
    check = f"print([m for m in {heavy} if m in sys.modules])"
    code = f"import sys, hybridctl.show; {check}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8"
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ([], {}, "no tables to report; give what hc.compare returned"),
        ([3], {}, "expected a Table, got int; see hc.compare"),
        ({"a": None}, {}, "expected a Table, got NoneType"),
        ("twice", {}, "two tables of global; give tables by title"),
        ("once", {"runs": [RUN]}, "give runs by name"),
        ("once", {"runs": {"r": SimpleNamespace(curve=[])}}, "'r' has no curve"),
        ("once", {"runs": {"r": SimpleNamespace()}}, "'r' has no curve"),
    ],
)
def test_bad_reports(given, options, message, tmp_path):
    table = made_up({"a": np.arange(4.0)})
    tables = {"twice": [table, table], "once": [table]}.get(str(given), given)
    with pytest.raises(ValueError, match=re.escape(message)):
        hc.report(tables, tmp_path / "report.html", **options)
    assert not list(tmp_path.iterdir())


def test_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match=r"cannot write .*; choose another place"):
        hc.report([made_up({"a": np.arange(4.0)})], tmp_path / "file" / "report.html")


def test_bad_traces(traces):
    trace = traces["lqr"]
    batch = dataclasses.replace(trace, x=trace.x[None])
    for draw in (plot_traces, phase_portrait):
        for given, message in (
            (trace, "give traces by name"),
            ({}, "no traces to draw"),
            ({"a": 1}, "'a' is a int; give what simulate returned"),
            ({"a": batch}, "'a' is a batch"),
            ({"a": trace, "b": dataclasses.replace(trace, inputs=("u",))}, "'b' has"),
        ):
            with pytest.raises(ValueError, match=message):
                draw(given)
    with pytest.raises(ValueError, match="no signal 'phi'; the signals are x, theta"):
        plot_traces(traces, signals=["phi"])
    with pytest.raises(ValueError, match="no state 'phi'; the states are x, theta"):
        phase_portrait(traces, states=("phi", "x"))
    with pytest.raises(ValueError, match="no runs to draw"):
        training_curve({})


# ---------------------------------------------------------------- the demo's last lines


def trained(best, gain=None):
    curve = [{"steps": 1000.0 * k, "score": -9.0 + k} for k in range(3)]
    return SimpleNamespace(
        curve=curve, best=best, steps=2000, stopped="finished", seed=0,
        better_than_base=gain,
    )  # fmt: skip


def test_the_demo_says_what_was_learned():
    costs = np.linspace(40.0, 60.0, 64)

    def told(best=2, **known):
        return lesson(made_up(known, against=next(iter(known))), trained(best))

    assert told(machine=costs, residual=0.9 * costs) == (
        "global: after 2,000 decisions residual settles in 100.0% of 64 episodes, as "
        "machine does; it costs 10% less than machine."
    )
    dear = told(lqr=costs, ppo=11.0 * costs)
    assert dear.endswith("its cost J is 11 times that of lqr.")
    kept = told(0, a=costs, b=costs)
    assert kept.endswith("nothing better than a was found, so it is kept as it was.")
    some = {"b": np.arange(64) > 15}
    worse = lesson(made_up({"a": costs, "b": costs}, some), trained(2))
    assert "b settles in 75.0% of 64 episodes, a in 100.0%" in worse


def test_a_run_that_keeps_its_base_says_so():
    told = provenance.story(trained(0, Interval(0.0, 0.0, 0.0)))
    assert "kept what it began with, score −9, as no later policy scored higher" in told
    assert "Not shown to be better than its template with empty Slots" in told
    told = provenance.story(trained(2, Interval(3.0, 1.0, 5.0)))
    assert "kept the policy of 2,000" in told and "Better than its template" in told


def test_what_lies_beyond_the_axis_of_a_suite_is_marked_at_its_edge():
    sure = {"value": 1.0, "low": 1.0, "high": 1.0}
    shares = {"machine": 1.0, "good": 0.25, "fair": 0.7, "bad": 193.6}
    rows = {
        name: {"share": dict.fromkeys(sure, share), "success": sure, "to_bound": None}
        for name, share in shares.items()
    }
    suite = SimpleNamespace(entries={"a": None}, columns=shares, against="machine")
    result: Any = SimpleNamespace(suite=suite, rows={"a": rows})
    axis = forest(result, looks_of(shares)).axes[0]
    marks = {m for line in axis.lines if (m := line.get_marker()) not in ("None", "")}
    assert {"<", ">"} < marks
    axis.figure.canvas.draw()
    ticks = [t.get_text() for t in axis.get_xticklabels()]
    assert (ticks[0], ticks[-1]) == ("≤ 0.3", "≥ 4")


def test_units_of_parameters_are_those_that_their_own_plant_tells():
    moved = dataclasses.replace(TASK, loop=hc.Loop(0.02, actuator=hc.Actuator()))
    names = ["L", "m_p", "g", "actuator.lag", "nothing"]
    told = [label_of(name, moved) for name in names]
    assert told == ["L [m]", "m_p [kg]", "g [m/s²]", "actuator.lag [s]", "nothing"]


def test_a_plane_ends_where_it_is_told():
    states = ("theta", "dtheta")
    low, high = spans(TASK.target, states, [2.0, -1.0], None)
    assert (low, high) == ((2.0, -1.0), (2 * np.pi, 3.0))
    for wrong in ([3.0], 3.0, [2.0, 4.0], [np.nan, 0.0]):
        with pytest.raises(ValueError, match="must be two numbers each, low below"):
            spans(TASK.target, states, wrong, None)


def test_frames_of_an_animated_png_last_as_long_as_the_trace():
    assert sum(durations(600, 60.0, step=1)) == 10_000
