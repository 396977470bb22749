/* The last seconds: modes, angle, input and energy; and the phase portrait. */

const SPAN = 8;  // seconds that are shown

function wrapped(angle) { return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI)); }

class Plots {
    constructor(strips, phase, data) {
        Object.assign(this, { strips, phase, data, rows: new Map(), sets: new Map() });
        const i = data.phase.at[0];
        this.angle = data.angles.includes(i);
        const unit = this.angle ? "°" : data.units[data.states[i]] ?? "";
        const input = data.inputs[0];
        this.kinds = [
            { key: "angle", name: `${data.states[i]} from the target [${unit}]`, least: this.angle ? 12 : 0.1 },
            { key: "u", name: `${input} [${data.units[input] ?? ""}]`, least: 0.1 * data.limit },
            { key: "energy", name: "energy [J]", least: 1e-3 },
        ];
    }

    clear() { this.rows.clear(); }

    error(x) {
        const i = this.data.phase.at[0], e = x[i] - this.data.target[i];
        return this.angle ? wrapped(e) : e;
    }

    note(episode) {
        const keep = Math.ceil(SPAN / this.data.dt);
        for (const lane of episode.lanes) {
            if (lane.failed !== null && lane.failed < episode.k) { continue; }
            const e = this.error(lane.x), [, j] = this.data.phase.at;
            const rows = this.rows.get(lane.name) ?? [];
            rows.push({
                t: episode.t, angle: this.angle ? (e * 180) / Math.PI : e, u: lane.u[0],
                energy: lane.energy, mode: episode.mode(lane), e, rate: lane.x[j] - this.data.target[j],
            });
            if (rows.length > keep) { rows.shift(); }
            this.rows.set(lane.name, rows);
        }
    }

    draw(episode, view) {
        this.drawStrips(episode, view);
        this.drawPhase(episode, view);
    }

    drawStrips(episode, view) {
        const { ctx, w, h } = sized(this.strips), colours = view.theme, lanes = episode.lanes;
        ctx.clearRect(0, 0, w, h);
        const left = 46, right = 8, band = 9, ribbons = lanes.filter((lane) => lane.pilot?.MODES);
        const top = ribbons.length ? ribbons.length * (band + 3) + 22 : 4;
        const now = Math.max(episode.t, SPAN), x = (t) => left + ((t - now + SPAN) / SPAN) * (w - left - right);
        ribbons.forEach((lane, i) => this.ribbon(ctx, lane, x, 18 + i * (band + 3), band, view, w));
        if (ribbons.length) { text(ctx, "mode", left, 11, colours.soft); }
        const kinds = this.kinds.filter(({ key }) => key !== "energy" || Number.isFinite(lanes[0].energy));
        const each = (h - top - 18) / kinds.length;
        kinds.forEach((kind, i) => {
            this.strip(ctx, kind, lanes, view, x, { left, right: w - right, top: top + i * each + 15, height: each - 21 });
        });
        for (let t = Math.ceil(now - SPAN); t <= now; t++) {
            text(ctx, `${t} s`, x(t), h - 4, colours.soft, "center");
        }
    }

    ribbon(ctx, lane, x, y, height, view) {
        const rows = this.rows.get(lane.name) ?? [];
        const shade = [0.25, 0.95, 0.6, 0.45, 0.8];
        ctx.fillStyle = view.colours[lane.name];
        for (let from = 0; from < rows.length;) {
            let to = from;
            while (to < rows.length && rows[to].mode === rows[from].mode) { to++; }
            ctx.globalAlpha = shade[(rows[from].mode ?? 0) % shade.length];
            const start = x(rows[from].t), end = x((rows[to] ?? rows[to - 1]).t);
            ctx.fillRect(start, y, Math.max(1, end - start), height);
            from = to;
        }
        ctx.globalAlpha = 1;
    }

    strip(ctx, kind, lanes, view, x, box) {
        const colours = view.theme;
        let [low, high] = [-kind.least, kind.least];
        for (const lane of lanes) {
            for (const row of this.rows.get(lane.name) ?? []) {
                const v = row[kind.key];
                if (v < low) { low = v; }
                if (v > high) { high = v; }
            }
        }
        const y = (v) => box.top + box.height * (1 - (v - low) / (high - low || 1));
        text(ctx, kind.name, box.left, box.top - 4, colours.soft);
        ctx.strokeStyle = colours.line;
        ctx.lineWidth = 1;
        segment(ctx, box.left, y(0), box.right, y(0));
        for (const v of [low, high]) { text(ctx, short(v), box.left - 6, y(v) + 4, colours.soft, "right"); }
        ctx.lineJoin = "round";
        for (const lane of lanes) {
            const rows = this.rows.get(lane.name) ?? [], front = lane.name === view.front;
            ctx.strokeStyle = view.colours[lane.name];
            ctx.globalAlpha = front ? 1 : 0.6;
            ctx.lineWidth = front ? 2 : 1.2;
            ctx.beginPath();
            let before = NaN;
            for (const row of rows) {
                const v = row[kind.key], jump = kind.key === "angle" && this.angle && Math.abs(v - before) > 180;
                if (jump || Number.isNaN(before)) { ctx.moveTo(x(row.t), y(v)); } else { ctx.lineTo(x(row.t), y(v)); }
                before = v;
            }
            ctx.stroke();
        }
        ctx.globalAlpha = 1;
    }

    drawPhase(episode, view) {
        const { ctx, w, h } = sized(this.phase), { at } = this.data.phase, colours = view.theme;
        const span = this.angle ? this.data.phase.span : this.spans();
        ctx.clearRect(0, 0, w, h);
        const box = { left: 34, top: 18, width: w - 42, height: h - 40 };
        const x = (v) => box.left + box.width * (0.5 + (0.5 * v) / span[0]);
        const y = (v) => box.top + box.height * (0.5 - (0.5 * v) / span[1]);
        ctx.save();
        ctx.beginPath();
        ctx.rect(box.left, box.top, box.width, box.height);
        ctx.clip();
        const front = this.data.controllers.find((c) => c.name === view.front);
        if (front) { front.shown = view.colours[front.name]; }
        const [a, b] = this.data.phase.span;  // of the set
        if (front?.set) { ctx.drawImage(this.shade(front), x(-a), y(b), x(a) - x(-a), y(-b) - y(b)); }
        ctx.strokeStyle = colours.line;
        ctx.lineWidth = 1;
        segment(ctx, x(0), box.top, x(0), box.top + box.height);
        segment(ctx, box.left, y(0), box.left + box.width, y(0));
        for (const lane of episode.lanes) {
            const rows = this.rows.get(lane.name) ?? [], strong = lane.name === view.front;
            ctx.strokeStyle = view.colours[lane.name];
            ctx.globalAlpha = strong ? 1 : 0.4;
            ctx.lineWidth = strong ? 2 : 1.2;
            ctx.beginPath();
            rows.forEach(({ e, rate }, i) => {
                const jump = i === 0 || (this.angle && Math.abs(e - rows[i - 1].e) > Math.PI);
                if (jump) { ctx.moveTo(x(e), y(rate)); } else { ctx.lineTo(x(e), y(rate)); }
            });
            ctx.stroke();
            const last = rows.at(-1);
            if (last) { disc(ctx, x(last.e), y(last.rate), strong ? 5 : 3.5, view.colours[lane.name]); }
        }
        ctx.restore();
        ctx.globalAlpha = 1;
        ctx.strokeStyle = colours.line;
        ctx.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);
        const [i, j] = at, names = this.data.states, units = this.data.units;
        text(ctx, `${names[j]} [${units[names[j]] ?? ""}]`, box.left, 12, colours.soft);
        text(ctx, `${names[i]} from the target`, box.left + box.width, h - 6, colours.soft, "right");
        for (const v of [-1, 1]) { text(ctx, short(v * span[1]), box.left - 4, y(v * span[1] * 0.94) + 4, colours.soft, "right"); }
        const end = this.angle ? ["−π", "π"] : [short(-span[0]), short(span[0])];
        text(ctx, end[0], box.left, h - 6, colours.soft, "left");
        if (front?.set) { text(ctx, "▒ hands over here", box.left + 8, box.top + 15, view.colours[view.front]); }
    }

    /** How far the two states of the portrait went. */
    spans() {
        const [a, b] = this.data.phase.span, every = [...this.rows.values()].flat();
        const far = (key, least) => every.reduce((most, row) => Math.max(most, 1.05 * Math.abs(row[key])), least);
        return [far("e", 0.1 * a), far("rate", 0.1 * b)];
    }

    /** The set in which a machine hands over, as a picture. */
    shade({ name, set, shown }) {
        if (!this.sets.has(name + shown)) {
            const [m, n] = this.data.phase.grid, picture = document.createElement("canvas");
            picture.width = m;
            picture.height = n;
            const ctx = picture.getContext("2d"), image = ctx.createImageData(m, n);
            const rgb = [1, 3, 5].map((i) => parseInt(shown.slice(i, i + 2), 16));
            for (let k = 0; k < m * n; k++) {
                const row = n - 1 - Math.floor(k / m);
                image.data.set([...rgb, set[row * m + (k % m)] === "1" ? 46 : 0], 4 * k);
            }
            ctx.putImageData(image, 0, 0);
            this.sets.set(name + shown, picture);
        }
        return this.sets.get(name + shown);
    }
}

function text(ctx, words, x, y, colour, align = "left") {
    ctx.fillStyle = colour;
    ctx.font = "11px system-ui, sans-serif";
    ctx.textAlign = align;
    ctx.fillText(words, x, y);
}

function short(v) {
    const size = Math.abs(v);
    return size >= 10 ? v.toFixed(0) : size >= 1 ? v.toFixed(1) : `${Number(v.toPrecision(2))}`;
}
