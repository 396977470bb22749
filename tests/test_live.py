"""Pages in which controllers run: the loop against `simulate`, records, refusals."""

import copy
import dataclasses
import json

import browser
import jax
import numpy as np
import pytest
import zoo
from pages import in_node

import hybridctl as hc
from hybridctl.deploy.node import node
from hybridctl.show.live.knobs import knobs_of
from hybridctl.show.live.replay import rig_text

needs_node = pytest.mark.skipif(node() is None, reason="there is no node")


@pytest.fixture(scope="module")
def ride():
    task = zoo.task("global")
    known = {"lqr": hc.reference("lqr", task)}
    p = knobs_of(task.plant, task.loop).values
    return task, known, p, in_node(task, known)


@needs_node
def test_the_loop_of_a_page_is_that_of_simulate(ride):
    task, known, p, module = ride
    x0 = [0.1, 2.7, 0.0, 0.3]
    _, ((x, cost, u),) = module("run", p, x0, 0, 100, 0)
    with jax.enable_x64(True):
        trace = hc.simulate(task.plant, known["lqr"], x0, 2.0, loop=task.loop)
    np.testing.assert_allclose(x, trace.x[-1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(u, trace.u[-1], rtol=0, atol=1e-9)
    assert cost > 1.0


@needs_node
def test_a_record_runs_again(ride, tmp_path):
    """A hand, a kick, a slider and noise; then another controller under the same."""
    _, known, p, module = ride
    record, ((x, _, _),) = module("run", p, [0.0, 3.0, 0.0, 0.0], 1, 60, 1.0)
    path = tmp_path / "episode.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    trace = hc.replay(path)["lqr"]
    assert len(record["hand"]) == 9 and len(record["noise"]) == 61
    np.testing.assert_allclose(trace.x[-1], x, rtol=0, atol=1e-9)
    other = hc.replay(path, {"half": 0.5 * known["lqr"]})["half"]
    assert np.abs(other.x[-1] - x).max() > 1e-3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "diary"}, "it is no episode of hybridctl"),
        ({"version": 9}, "an episode of version 9, expected 1"),
        ({"periods": 0}, "periods=0"),
        ({"x0": [1, None]}, "x0 must be 4 finite numbers"),
        ({"hand": [[0, 1]]}, "hand must be rows of a period"),
        ({"set": [[0, 99, 1.0]]}, "set moves number 99"),
        ({"rig": {"tree": 3, "arrays": {}}}, "its rig cannot be read"),
        ({"controllers": {"a": "!"}}, "'a' cannot be read"),
        ({"controllers": {"a": None}}, "does not hold 'a'"),
        ({"controllers": ["a"]}, "controllers has no names"),
        ({"driven": {"you": [["left"]]}}, "what 'you' drove is no table of numbers"),
    ],
)
def test_a_broken_record_is_refused_in_a_sentence(change, told):
    task = zoo.task("global")
    n = len(knobs_of(task.plant, task.loop).names)
    whole = {
        "format": "hybridctl episode", "version": 1, "rig": rig_text(task),
        "periods": 3, "x0": [0, 0, 0, 0], "p": [1.0] * n, "set": [], "hand": [],
        "force": [], "noise": [], "controllers": {}, "driven": {}, "ends": {},
    }  # fmt: skip
    assert hc.replay(copy.deepcopy(whole)) == {}
    with pytest.raises(ValueError, match=told):
        hc.replay(whole | change)


def test_what_cannot_be_on_a_page_is_refused_in_a_sentence(tmp_path):
    task, path = zoo.task("global"), tmp_path / "live.html"
    lqr = hc.reference("lqr", task)
    late = dataclasses.replace(task, loop=hc.Loop(0.02, sensor=hc.Sensor(delay=1)))
    for given, told in [
        ((None, {"a": lqr}), "expected a Task, got NoneType"),
        ((task, [lqr]), "give controllers by name"),
        ((task, {}), "0 controllers; a page runs 1 to 8"),
        ((task, {"a": 3}), "'a' is no Controller but a int"),
        ((late, {"a": lqr}), "a page has no jitter"),
        ((task, {"a": zoo.foreign(task)}), "'a' cannot run in a page: .*Python"),
    ]:
        with pytest.raises(ValueError, match=told):
            hc.live(given[0], given[1], path)
    assert not path.exists()


@pytest.fixture(scope="module")
def page_of_two(tmp_path_factory):
    task = hc.tasks.get("global")
    known = {"machine": hc.reference("machine", task), "lqr": hc.reference("lqr", task)}
    return hc.live(task, known, tmp_path_factory.mktemp("live") / "page.html")


TIP = """(() => {
    const { scene, episode } = hybridctl;
    const box = document.getElementById("scene").getBoundingClientRect();
    const [x, y] = scene.pixel(episode.lanes[0], 1, scene.cells[0]);
    return [box.left + x, box.top + y];
})()"""
SLIDE = """(() => {
    const input = document.querySelector("input[data-name=NAME]");
    input.value = VALUE;
    input.oninput();
    return input.getAttribute("aria-valuetext");
})()"""


@pytest.mark.slow
@pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no Chromium")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_is_pushed_in_a_browser(page_of_two, tmp_path, width):
    """Dragged, kicked and changed by script; its record runs again to 1e-9."""
    assert page_of_two.stat().st_size < 900_000
    seen = browser.Page(page_of_two, tmp_path / "chromium", (width, 844), width < 600)
    try:
        assert seen.run("document.documentElement.scrollWidth") <= width
        seen.run("hybridctl.restart('upright')")
        seen.until("hybridctl.episode.t > 0.3 && hybridctl.scene.cells.length")
        x, y = seen.run(TIP)
        seen.mouse("mousePressed", x, y)
        for i in range(10):
            seen.mouse("mouseMoved", x + 3 * i, y + i)
        seen.until("hybridctl.episode.record.hand.length > 5")
        seen.mouse("mouseReleased", x + 30, y)
        seen.key("ArrowLeft")
        seen.key("ArrowLeft", "keyUp")
        assert (
            seen.run(SLIDE.replace("NAME", "m_p").replace("VALUE", "0.12")) == "0.12 kg"
        )
        seen.run(SLIDE.replace("NAME", "noise").replace("VALUE", "0.2"))
        seen.run(SLIDE.replace("NAME", "delay").replace("VALUE", "1"))
        seen.until("hybridctl.episode.t >= 5", 60)
        seen.key(" ")
        assert seen.run("document.getElementById('run').textContent") == "Run"
        record = seen.run("hybridctl.episode.saved()")
        seen.key("t")
        seen.key("b")
        assert seen.run("hybridctl.episode.lanes.map(lane => lane.name)")[-1] == "you"
        assert seen.complaints() == []
    finally:
        seen.close()
    assert len(record["set"]) > 2 and record["noise"]
    traces = hc.replay(record)
    for name, end in record["ends"].items():
        assert len(traces[name].t) == end["periods"] + 1
        np.testing.assert_allclose(traces[name].x[-1], end["x"], rtol=0, atol=1e-9)
