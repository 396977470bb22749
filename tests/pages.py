"""The loop of a page without the page: in node."""

import json

import hybridctl as hc
from hybridctl.deploy.node import NodeModule
from hybridctl.show.live import page
from hybridctl.show.live.facts import facts
from hybridctl.show.live.knobs import knobs_of
from hybridctl.show.live.replay import controller_text
from hybridctl.show.live.world import World

DRIVE = """
export const bench = (index, n) => {  // microseconds of a period of one controller
    const pilot = Object.values(PILOTS)[index];
    let state = pilot.init(), y = [0.1, 3.0, 0.2, -0.1], u;
    const began = performance.now();
    for (let k = 0; k < n; k++) {
        [state, u] = pilot.step(state, k * DATA.dt, y);
        y = [0.1, 3.0, 0.2, -0.1 + 1e-9 * u[0]];
    }
    return 1e3 * (performance.now() - began) / n;
};
export const run = (p, x0, kind, periods, noise) => {
    const settings = { p, noise };
    const episode = new Episode(DATA, WORLD, PILOTS, settings, x0, 7);
    const rest = new Array(2 * POINTS).fill(0);
    for (let k = 0; k < periods; k++) {
        const hand = rest.slice();
        if (kind && k > 5 && k < 15) { hand[2 * POINTS - 2] = 0.4; }
        if (kind && k === 20) { episode.set(0, 1.1 * p[0]); }
        const kick = [kind && k === 3 ? 0.7 : 0];
        episode.period(hand, kick, kick);
    }
    return [episode.saved(), episode.lanes.map((lane) => [lane.x, lane.J, lane.u])];
};
"""


def in_node(task: hc.Task, controllers: dict[str, hc.Controller]) -> NodeModule:
    """The loop of a page, without the page."""
    known = knobs_of(task.plant, task.loop)
    world = World(task, known)
    data = facts(task, known) | {"rig": page._rig(task)}
    data["files"] = {n: controller_text(c) for n, c in controllers.items()}
    pilots = ",\n".join(page.pilot_text(task, n, c) for n, c in controllers.items())
    text = (
        f"const DATA = {json.dumps(data)};\nconst POINTS = {world.points};\n"
        f"const WORLD = (() => {{\n{world.text()}\n"
        "return { measure, points, push, period };\n})();\n"
        f"const PILOTS = {{\n{pilots}\n}};\n{page._part('loop.js')}\n{DRIVE}"
    )
    return NodeModule(text)
