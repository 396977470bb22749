/* Clock, buttons, keys, sliders and the hand. */

const $ = (id) => document.getElementById(id);
const DT = DATA.dt, HAND = "you";
const KICK = 0.1;  // a push lasts that long [s]
const READ = 4500;  // words stay that long, and what has failed [ms]
const BUSY = 40;  // a picture waits that long for the loop at most [ms]
const names = DATA.controllers.map((c) => c.name);
const settings = { p: DATA.p.slice(), noise: DATA.noisy, delay: 0, start: Object.keys(DATA.starts)[0] };
const view = {
    front: names[0], beside: false, between: 1, held: null, theme: theme(),
    colours: {},
};
const clock = { running: true, slow: 1, left: 0, last: 0, frames: 0, over: null, late: 0 };
const falls = Object.fromEntries([...names, HAND].map((n) => [n, 0]));
const keysDown = new Set();
let driving = false, episode, seed = 1, kicks = [], hand = null;
const scene = DATA.scene && new Scene($("scene"), DATA.scene, DATA.limit);
const plots = new Plots($("strips"), $("phase"), DATA);

/** Colours as they are, and lighter on a dark page. */
function dress() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const own = [...DATA.controllers.map((c) => [c.name, c.colour]), [HAND, "#8a63d2"]];
    const shade = (colour) => {
        if (!dark) { return colour; }
        const rgb = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
        return `#${rgb.map((v) => Math.round(v + 0.3 * (255 - v)).toString(16).padStart(2, "0")).join("")}`;
    };
    view.theme = theme();
    view.colours = Object.fromEntries(own.map(([name, colour]) => [name, shade(colour)]));
}

/* ---------------------------------------------------------------- the episode */

function restart(start = settings.start) {
    settings.start = start;
    const choices = DATA.starts[start], x0 = choices[seed % choices.length];
    const pilots = { ...PILOTS, ...(driving ? { [HAND]: null } : {}) };
    episode = new Episode(DATA, WORLD, pilots, settings, x0, seed++);
    Object.assign(clock, { left: 0, over: null });
    kicks = [];
    hand = null;
    scene?.clear();
    plots.clear();
    for (const lane of episode.lanes) { lane.up = null; }
    cards();
    say(driving ? "Yours is the violet one: ← and → drive it, against the clock." : "");
}

function period() {
    const [pull, push] = [pulled(), new Array(DATA.inputs.length).fill(0)];
    kicks = kicks.filter((kick) => kick.left > 0);
    for (const kick of kicks) {
        if (kick.at === null) { push[0] += kick.force; } else { pull[2 * kick.at] += kick.force; }
        kick.left -= 1;
    }
    episode.period(pull, push, driven());
    scene?.note(episode.lanes);
    plots.note(episode);
    for (const lane of episode.lanes) { watch(lane); }
    if (clock.over === null && episode.lanes.every((lane) => lane.failed !== null)) { clock.over = performance.now(); }
}

function watch(lane) {
    if (lane.failed === episode.k) {
        falls[lane.name] += 1;
        say(`${lane.name} failed after ${episode.t.toFixed(1)} s. Save the episode, and hc.replay makes a test of it.`);
    }
    const held = lane.settled !== null && episode.k - lane.settled >= 1 / DT;
    if (held && lane.up === null) {
        lane.up = lane.settled * DT;
        const rival = episode.lanes.find((other) => other.name === view.front);
        if (lane.name === HAND && rival && rival.up !== null && rival.name !== HAND) {
            say(`You brought it up in ${lane.up.toFixed(1)} s; ${rival.name} needed ${rival.up.toFixed(1)} s.`);
        }
    }
}

/* ---------------------------------------------------------------- pushes */

/** The hand's spring: forces at the points, the same for every controller. */
function pulled() {
    const forces = new Array(DATA.scene ? DATA.scene.target.length : 0).fill(0);
    if (hand && hand.lane.failed === null) {
        const { lane, point, to } = hand, m = DATA.scene.weights[point], rate = DATA.scene.rate;
        const most = 12 * m * rate * rate * DATA.scene.reach / 9;
        const pull = [0, 1].map((i) => {
            const now = lane.at[2 * point + i], speed = (now - lane.was[2 * point + i]) / DT;
            return m * rate * rate * (to[i] - now) - 0.8 * m * rate * speed;
        });
        const share = Math.min(1, most / (Math.hypot(...pull) || 1));
        pull.forEach((v, i) => { forces[2 * point + i] = v * share; });
    }
    return forces;
}

/** An impulse at the tip, or on the input of what cannot be grabbed. */
function push(side) {
    const s = DATA.scene, periods = Math.max(1, Math.round(KICK / DT));
    const tip = s && s.grab.length ? s.grab.at(-1) : null;
    const upward = s?.kind === "ball";
    const impulse = tip === null || upward ? 0.5 * DATA.limit * KICK : s.weights[tip] * 0.42 * s.rate * s.reach;
    kicks.push({ at: upward ? null : tip, force: (side * impulse) / (periods * DT), left: periods });
}

function driven() {
    const side = (keysDown.has("ArrowRight") || keysDown.has("right") ? 1 : 0)
        - (keysDown.has("ArrowLeft") || keysDown.has("left") ? 1 : 0);
    return DATA.inputs.map((_, i) => (i ? 0 : side * DATA.limit));
}

/* ---------------------------------------------------------------- sliders */

function lateness(delay) {
    const { row, at } = DATA.late, n = DATA.line / DATA.inputs.length + 1;
    for (let i = 0; i < n; i++) { move(at + i, row[i - delay] ?? 0); }
    settings.delay = delay;
}

function move(i, value) {
    settings.p[i] = value;
    episode?.set(i, value);
}

function slider({ name, told, unit, low, high, value, step, change, digits }) {
    const label = document.createElement("label"), out = document.createElement("output");
    const input = Object.assign(document.createElement("input"), { type: "range", min: low, max: high, step, value });
    input.dataset.name = name;
    const show = () => {
        const v = Number(input.value);
        out.textContent = `${digits === undefined ? Number(v.toPrecision(3)) : v.toFixed(digits)} ${unit}`;
        label.classList.toggle("moved", Math.abs(v - value) > 1e-9 * (high - low));
        input.setAttribute("aria-valuetext", out.textContent);
    };
    input.oninput = () => { change(Number(input.value)); show(); };
    input.reset = () => { input.value = value; change(value); show(); };
    label.append(told, out, input);
    $("sliders").append(label);
    show();
}

function sliders() {
    for (const knob of DATA.sliders) {
        const step = (knob.high - knob.low) / 200;
        const change = (v) => move(knob.at, Math.abs(v - knob.value) < step / 2 ? knob.value : v);
        const told = knob.told === knob.name ? knob.name : `${knob.told[0].toUpperCase()}${knob.told.slice(1)}`;
        slider({ ...knob, told, step: "any", change });
    }
    const noise = (v) => { settings.noise = v; if (episode) { episode.noise = v; } };
    slider({ name: "noise", told: "Noise of the sensor", unit: DATA.noisy ? "times" : "% of range", low: 0, high: DATA.noisy ? 3 : 2, value: DATA.noisy, step: 0.05, change: noise, digits: 2 });
    slider({ name: "delay", told: "Delay of the input", unit: "more periods", low: 0, high: DATA.late.most, value: 0, step: 1, change: lateness, digits: 0 });
}

/* ---------------------------------------------------------------- words */

function cards() {
    $("lanes").replaceChildren(...episode.lanes.map((lane, i) => {
        const button = document.createElement("button"), dot = document.createElement("span");
        dot.className = "dot";
        dot.style.background = view.colours[lane.name];
        const name = document.createElement("b"), told = document.createElement("small");
        name.textContent = lane.name;
        button.append(dot, name, told);
        button.title = `Bring to the front (${i + 1})`;
        button.onclick = () => { view.front = lane.name; tell(); };
        const item = document.createElement("li");
        item.append(button);
        Object.assign(lane, { button, told });
        return item;
    }));
    tell();
}

function state(lane) {
    if (lane.failed !== null) { return `failed at ${(lane.failed * DT).toFixed(1)} s`; }
    const mode = episode.mode(lane);
    const doing = mode === null ? "" : `${lane.pilot.MODES[mode]} · `;
    const up = lane.settled !== null ? "settled · " : lane.up !== null ? `was up at ${lane.up.toFixed(1)} s · ` : "";
    return doing + up + (lane.up !== null && lane.settled !== null ? `up in ${lane.up.toFixed(1)} s` : `${episode.t.toFixed(0)} s`);
}

function tell() {
    for (const lane of episode.lanes) {
        const fell = falls[lane.name], times = fell ? ` · ${fell} ${fell === 1 ? "fall" : "falls"}` : "";
        const words = `${state(lane)} · J ${lane.J.toFixed(lane.J < 1000 ? 1 : 0)}${times}`;
        if (lane.told.textContent !== words) { lane.told.textContent = words; }
        lane.told.className = lane.failed !== null ? "fell" : "";
        lane.button.setAttribute("aria-pressed", String(lane.name === view.front));
    }
    $("clock").textContent = `${episode.t.toFixed(1)} s${clock.slow === 1 ? "" : " · slow"}${clock.late && clock.running ? " · slower than real time" : ""}${clock.running ? "" : " · paused"}`;
    const front = episode.lanes.find((lane) => lane.name === view.front) ?? episode.lanes[0];
    $("scene").setAttribute("aria-label", `${front.name} at ${episode.t.toFixed(0)} s: ${state(front)}`);
}

let silence = 0;
function say(words) {
    $("toast").textContent = words;
    $("toast").classList.toggle("shown", words !== "");
    clearTimeout(silence);
    silence = setTimeout(() => $("toast").classList.remove("shown"), READ);
}

function save() {
    if (episode.k === 0) { return say("Nothing has happened yet."); }
    const blob = new Blob([JSON.stringify(episode.saved())], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${DATA.task}-episode.json` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    say(`Saved ${episode.t.toFixed(1)} s. In Python: hc.replay("${link.download}")`);
}

/* ---------------------------------------------------------------- wiring */

function toggle(id, on) { $(id).setAttribute("aria-pressed", String(on)); }

const acts = {
    run() { clock.running = !clock.running; toggle("run", clock.running); $("run").textContent = clock.running ? "Pause" : "Run"; tell(); },
    once() { if (clock.running) { acts.run(); } period(); tell(); },
    slow() { clock.slow = clock.slow === 1 ? 0.25 : 1; toggle("slow", clock.slow !== 1); },
    left() { push(-1); },
    right() { push(1); },
    drive() { driving = !driving; toggle("drive", driving); if (!driving && view.front === HAND) { view.front = names[0]; } restart(); },
    beside() { view.beside = !view.beside; toggle("beside", view.beside); },
    save,
    reset() { for (const input of $("sliders").querySelectorAll("input")) { input.reset(); } },
};
for (const [id, act] of Object.entries(acts)) {
    $(id).addEventListener("click", () => { if (!(driving && (id === "left" || id === "right"))) { act(); } });
}
for (const id of ["left", "right"]) {
    $(id).addEventListener("pointerdown", () => keysDown.add(id));
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) { $(id).addEventListener(end, () => keysDown.delete(id)); }
}
for (const start of Object.keys(DATA.starts)) {
    const button = document.createElement("button");
    button.textContent = start === "random" ? "Anywhere" : `${start[0].toUpperCase()}${start.slice(1)}`;
    button.title = `Start again: ${start}`;
    button.onclick = () => restart(start);
    $("starts").append(button);
}

const shortcuts = {
    " ": acts.run, ".": acts.once, s: acts.slow, t: acts.drive, b: acts.beside, e: save, r: () => restart(),
    h: () => DATA.starts.hanging && restart("hanging"), n: () => restart("random"),
    u: () => restart(Object.keys(DATA.starts).find((name) => name !== "hanging" && name !== "random")),
    "?": () => $("keys").showModal(),
};
addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) { return; }
    const slides = event.target.matches?.("input"), arrow = event.key === "ArrowLeft" || event.key === "ArrowRight";
    if (arrow && !slides) {
        event.preventDefault();
        if (!event.repeat && !driving) { push(event.key === "ArrowLeft" ? -1 : 1); }
        keysDown.add(event.key);
        return;
    }
    if (event.key === " " && event.target.matches?.("button")) { return; }
    const number = Number(event.key), act = shortcuts[event.key.toLowerCase()];
    if (number >= 1 && number <= episode.lanes.length) { view.front = episode.lanes[number - 1].name; tell(); }
    else if (act && !(slides && event.key === ".")) { event.preventDefault(); act(); }
});
addEventListener("keyup", (event) => keysDown.delete(event.key));
addEventListener("blur", () => keysDown.clear());

const canvas = $("scene");
function spot(event) {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
}
canvas.addEventListener("pointerdown", (event) => {
    const grip = scene?.grip(...spot(event), event.pointerType === "touch" ? 90 : 70);
    if (!grip) { return; }
    canvas.setPointerCapture(event.pointerId);
    hand = { ...grip, at: spot(event), to: scene.metres(...spot(event), grip.lane, grip.cell) };
    if (!view.beside) { view.front = grip.lane.name; }
    canvas.classList.add("held");
    event.preventDefault();
});
canvas.addEventListener("pointermove", (event) => {
    if (!hand) { return; }
    hand.at = spot(event);
    hand.to = scene.metres(...hand.at, hand.lane, hand.cell);
});
for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, () => { hand = null; canvas.classList.remove("held"); });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { dress(); cards(); });

/* ---------------------------------------------------------------- the clock */

function frame(now) {
    const passed = Math.min((now - clock.last) / 1000, 0.1);
    clock.last = now;
    clock.frames += 1;
    if (clock.running) {
        if (clock.over !== null && now - clock.over > READ) { restart(); }
        clock.left += passed * clock.slow;
        while (clock.left >= DT && performance.now() - now < BUSY) {
            period();
            clock.left -= DT;
        }
        clock.late = clock.left >= DT ? 30 : Math.max(0, clock.late - 1);
        clock.left = Math.min(clock.left, DT);  // what was not done in time runs slower
    }
    picture();
    if (clock.frames % 6 === 0) { tell(); }
    requestAnimationFrame(frame);
}

function picture() {
    view.between = clock.running ? clock.left / DT : 1;
    view.held = hand && { from: scene.pixel(hand.lane, hand.point, hand.cell), to: hand.at };
    scene?.draw(episode, view);
    if (clock.frames % 2 === 0) { plots.draw(episode, view); }  // half as often will do
}

/* For scripts: so many periods at once; the tip of the first held at a place [m]. */

function film(periods) {
    for (let i = 0; i < periods; i++) { period(); }
    picture();
    tell();
}

function hold(to) {
    const lane = episode.lanes[0], point = DATA.scene.grab.at(-1), cell = scene.cells[0];
    hand = to && { lane, point, cell, to, at: [cell.x0 + to[0] * cell.s, cell.y0 - to[1] * cell.s] };
}

document.querySelector("main").hidden = false;
if (!scene) {
    canvas.hidden = $("beside").hidden = true;
    document.querySelector("main").classList.add("plain");
    say("This plant has no picture: its signals are below.");
}
dress();
sliders();
restart();
requestAnimationFrame((now) => { clock.last = now; frame(now); });
window.hybridctl = { get episode() { return episode; }, clock, view, scene, acts, restart, film, hold, settings, Episode, DATA, WORLD, PILOTS };
