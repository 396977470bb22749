/* The plant, drawn flat: every controller's in one picture, or each in a frame. */

const TRAIL = 70;  // periods of the tip that are shown

function sized(canvas) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const { clientWidth: w, clientHeight: h } = canvas;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
        canvas.width = Math.round(w * ratio);
        canvas.height = Math.round(h * ratio);
    }
    const ctx = canvas.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { ctx, w, h };
}

function theme() {
    const style = getComputedStyle(document.documentElement);
    const names = ["page", "card", "ink", "soft", "line", "floor", "rail", "body", "pole", "accent"];
    return Object.fromEntries(names.map((n) => [n, style.getPropertyValue(`--${n}`).trim()]));
}

class Scene {
    constructor(canvas, scene, limit) {
        Object.assign(this, { canvas, scene, limit, cells: [], trails: new Map(), reach: scene.reach });
    }

    /** Forget where the tips have been. */
    clear() { this.trails.clear(); }

    /** Keep where the tips are. */
    note(lanes) {
        for (const { name, at } of lanes) {
            const trail = this.trails.get(name) ?? [];
            trail.push(at.slice(-2));
            if (trail.length > TRAIL) { trail.shift(); }
            this.trails.set(name, trail);
        }
    }

    /** Frames side by side, or one for all; from metres to pixels of each. */
    layout(lanes, beside, w, h) {
        const n = beside ? lanes.length : 1;
        const wide = this.scene.kind === "cart" ? 2.2 : 1;
        const columns = Math.max(1, Math.min(n, Math.round(Math.sqrt((n * w) / (h * wide)))));
        const rows = Math.ceil(n / columns);
        const [cw, ch] = [w / columns, h / rows];
        this.cells = Array.from({ length: n }, (_, i) => {
            const own = beside ? [lanes[i]] : lanes;
            return { lanes: own, ...this.fit(cw, ch, (i % columns) * cw, Math.floor(i / columns) * ch) };
        });
    }

    fit(w, h, left, top) {
        const { kind, track } = this.scene, r = this.reach;
        const half = kind === "cart" ? track + 0.34 * r : kind === "ball" ? 1.2 : 1.25 * r;
        const [low, high] = kind === "ball" ? [-0.25, 2.3] : [-1.2 * r, 1.24 * r];
        const s = Math.min((w - 12) / (2 * half), (h - 10) / (high - low));
        const y0 = top + h / 2 + (s * (high + low)) / 2;
        return { s, x0: left + w / 2, y0, left, top, w, h };
    }

    /** Where a lane stands beside the others: balls in a row, all else on one spot. */
    aside(lane, cell) {
        if (this.scene.kind !== "ball") { return 0; }
        return (cell.lanes.indexOf(lane) - (cell.lanes.length - 1) / 2) * 0.34;
    }

    draw(episode, view) {
        const { ctx, w, h } = sized(this.canvas);
        const colours = view.theme;
        ctx.clearRect(0, 0, w, h);
        this.measure(episode.lanes[0].at);
        this.layout(episode.lanes, view.beside, w, h);
        for (const cell of this.cells) {
            ctx.save();
            ctx.beginPath();
            ctx.rect(cell.left, cell.top, cell.w, cell.h);
            ctx.clip();
            this.ground(ctx, cell, colours);
            const order = [...cell.lanes].sort((a, b) => (a.name === view.front) - (b.name === view.front));
            for (const lane of order) {
                const strong = view.beside || lane.name === view.front || cell.lanes.length === 1;
                this.lane(ctx, cell, lane, view, strong);
            }
            if (view.beside) { this.label(ctx, cell, view); }
            ctx.restore();
        }
        if (view.held) { this.spring(ctx, view); }
    }

    measure(at) {
        let reach = 0;
        for (let i = 2; i < at.length; i += 2) { reach += Math.hypot(at[i] - at[i - 2], at[i + 1] - at[i - 1]); }
        if (reach > 0) { this.reach += 0.15 * (Math.max(reach, 0.6 * this.scene.reach) - this.reach); }
    }

    label(ctx, cell, view) {
        ctx.fillStyle = view.theme.soft;
        ctx.font = "600 13px system-ui, sans-serif";
        ctx.textAlign = "left";
        ctx.fillText(cell.lanes[0].name, cell.left + 12, cell.top + 20);
        ctx.strokeStyle = view.theme.line;
        ctx.lineWidth = 1;
        ctx.strokeRect(cell.left + 0.5, cell.top - 0.5, cell.w, cell.h);
    }

    ground(ctx, cell, colours) {
        const { kind, track, target } = this.scene, { s, x0, y0 } = cell, r = this.reach;
        ctx.lineCap = "round";
        if (kind === "ball") {
            ctx.fillStyle = colours.floor;
            ctx.fillRect(cell.left, y0, cell.w, cell.h);
            ctx.strokeStyle = colours.rail;
            ctx.lineWidth = 2;
            segment(ctx, cell.left, y0, cell.left + cell.w, y0);
            return;
        }
        const tip = target.slice(-2);
        ctx.strokeStyle = colours.line;
        ctx.lineWidth = 1.5;
        ctx.setLineDash([3, 6]);
        segment(ctx, x0, y0, x0 + tip[0] * s, y0 - tip[1] * s);
        ctx.beginPath();
        ctx.arc(x0 + tip[0] * s, y0 - tip[1] * s, 0.13 * r * s, 0, 2 * Math.PI);
        ctx.stroke();
        ctx.setLineDash([]);
        if (kind === "cart") { this.rail(ctx, x0, y0 + 0.125 * r * s, track * s, s, colours); }
        else { this.stand(ctx, x0, y0, r * s, colours); }
    }

    rail(ctx, x0, y, half, s, colours) {
        ctx.strokeStyle = colours.rail;
        ctx.lineWidth = 4;
        segment(ctx, x0 - half, y, x0 + half, y);
        ctx.lineWidth = 1.5;
        ctx.fillStyle = colours.soft;
        ctx.font = "11px system-ui, sans-serif";
        ctx.textAlign = "center";
        const step = half / s > 5 ? 2 : half / s > 1.2 ? 0.5 : 0.1;
        const n = Math.floor(half / s / step + 1e-9);
        for (let i = -n; i <= n; i++) {
            const x = x0 + i * step * s, whole = Math.abs((i * step) % 1) < 1e-9;
            segment(ctx, x, y + 5, x, y + (whole ? 11 : 8));
            if (whole) { ctx.fillText(`${Math.round(i * step)}${i ? "" : " m"}`, x, y + 24); }
        }
        ctx.fillStyle = colours.rail;
        for (const side of [-1, 1]) {
            ctx.beginPath();
            ctx.roundRect(x0 + side * (half + 3) - 3, y - 26, 6, 32, 3);
            ctx.fill();
        }
    }

    stand(ctx, x0, y0, r, colours) {
        ctx.fillStyle = colours.floor;
        ctx.strokeStyle = colours.rail;
        ctx.lineWidth = 2;
        ctx.beginPath();
        ctx.moveTo(x0, y0);
        ctx.lineTo(x0 - 0.16 * r, y0 + 0.26 * r);
        ctx.lineTo(x0 + 0.16 * r, y0 + 0.26 * r);
        ctx.closePath();
        ctx.fill();
        ctx.stroke();
    }

    lane(ctx, cell, lane, view, strong) {
        const { s, x0, y0 } = cell, r = this.reach * s, colour = view.colours[lane.name];
        const shift = this.aside(lane, cell), a = view.between;
        const at = lane.failed === null ? lane.at.map((v, i) => lane.was[i] + (v - lane.was[i]) * a) : lane.at;
        const points = [];
        for (let i = 0; i < at.length; i += 2) { points.push([x0 + (at[i] + shift) * s, y0 - at[i + 1] * s]); }
        ctx.globalAlpha = (strong ? 1 : 0.36) * (lane.failed === null ? 1 : 0.35);
        this.trail(ctx, cell, lane, colour, shift, strong);
        ctx.lineCap = ctx.lineJoin = "round";
        if (this.scene.kind === "cart") {
            this.force(ctx, points[0], lane.u[0], r, colour);
            this.cart(ctx, points[0], r, view.theme, colour, strong);
        } else if (this.scene.kind === "stand") {
            this.torque(ctx, points[0], lane.u[0], r, colour);
        }
        if (points.length > 1) { this.links(ctx, points, r, colour, view.theme); }
        else { this.ball(ctx, points[0], s, colour); }
        ctx.globalAlpha = 1;
    }

    trail(ctx, cell, lane, colour, shift, strong) {
        const trail = this.trails.get(lane.name) ?? [], { s, x0, y0 } = cell, alpha = ctx.globalAlpha;
        if (!strong || trail.length < 3) { return; }
        ctx.strokeStyle = colour;
        ctx.lineWidth = Math.max(1.5, 0.018 * this.reach * s);
        const parts = 8;
        for (let part = 0; part < parts; part++) {
            const from = Math.floor((part * (trail.length - 1)) / parts);
            const to = Math.floor(((part + 1) * (trail.length - 1)) / parts);
            ctx.globalAlpha = alpha * 0.3 * ((part + 1) / parts) ** 2;
            ctx.beginPath();
            for (let i = from; i <= to; i++) {
                const [x, y] = trail[i];
                ctx.lineTo(x0 + (x + shift) * s, y0 - y * s);
            }
            ctx.stroke();
        }
        ctx.globalAlpha = alpha;
    }

    cart(ctx, [x, y], r, colours, colour, strong) {
        const [w, h] = [0.4 * r, 0.16 * r];
        ctx.fillStyle = colours.body;
        for (const side of [-1, 1]) {
            ctx.beginPath();
            ctx.arc(x + side * 0.12 * r, y + 0.085 * r, 0.042 * r, 0, 2 * Math.PI);
            ctx.fill();
        }
        ctx.beginPath();
        ctx.roundRect(x - w / 2, y - h / 2, w, h, 0.035 * r);
        ctx.fill();
        ctx.fillStyle = colour;
        ctx.beginPath();
        ctx.roundRect(x - w / 2, y + h * 0.22, w, h * 0.12, 2);
        ctx.fill();
        if (strong) {
            ctx.strokeStyle = colours.card;
            ctx.lineWidth = 1;
            ctx.beginPath();
            ctx.roundRect(x - w / 2, y - h / 2, w, h, 0.035 * r);
            ctx.stroke();
        }
    }

    links(ctx, points, r, colour, colours) {
        const thick = Math.max(4, 0.05 * r);
        points.slice(1).forEach((end, i) => {
            const start = points[i];
            ctx.strokeStyle = colour;
            ctx.lineWidth = thick * (1 - 0.18 * i);
            segment(ctx, ...start, ...end);
            ctx.strokeStyle = "rgb(255 255 255 / 0.28)";
            ctx.lineWidth = thick * 0.22;
            segment(ctx, ...start, ...end);
        });
        for (const [x, y] of points.slice(0, -1)) {
            disc(ctx, x, y, 0.036 * r + 1.5, colours.card);
            disc(ctx, x, y, 0.036 * r, colours.pole);
        }
        const [x, y] = points.at(-1), size = Math.max(7, 0.075 * r);
        disc(ctx, x, y, size, colour);
        disc(ctx, x - size * 0.3, y - size * 0.32, size * 0.28, "rgb(255 255 255 / 0.45)");
    }

    ball(ctx, [x, y], s, colour) {
        const size = Math.max(9, 0.09 * s);
        disc(ctx, x, y - size, size, colour);
        disc(ctx, x - size * 0.3, y - size * 1.32, size * 0.25, "rgb(255 255 255 / 0.5)");
    }

    force(ctx, [x, y], u, r, colour) {
        const length = (0.62 * r * u) / this.limit;
        if (Math.abs(length) < 2) { return; }
        const from = x + Math.sign(length) * 0.2 * r, to = from + length, head = Math.min(Math.abs(length), 0.1 * r);
        ctx.strokeStyle = ctx.fillStyle = colour;
        ctx.lineWidth = Math.max(3, 0.035 * r);
        ctx.lineCap = "butt";
        segment(ctx, from, y, to - Math.sign(length) * head * 0.8, y);
        ctx.beginPath();
        ctx.moveTo(to, y);
        ctx.lineTo(to - Math.sign(length) * head, y - head * 0.62);
        ctx.lineTo(to - Math.sign(length) * head, y + head * 0.62);
        ctx.fill();
    }

    torque(ctx, [x, y], u, r, colour) {
        const turn = (2.2 * u) / this.limit;
        if (Math.abs(turn) < 0.03) { return; }
        ctx.strokeStyle = colour;
        ctx.lineWidth = Math.max(3, 0.03 * r);
        ctx.beginPath();
        ctx.arc(x, y, 0.17 * r, Math.PI / 2, Math.PI / 2 - turn, turn > 0);
        ctx.stroke();
    }

    spring(ctx, view) {
        const { from, to } = view.held, n = 13;
        const [dx, dy] = [to[0] - from[0], to[1] - from[1]], length = Math.hypot(dx, dy);
        ctx.strokeStyle = view.theme.ink;
        ctx.lineWidth = 1.6;
        ctx.lineJoin = "round";
        ctx.beginPath();
        ctx.moveTo(...from);
        for (let i = 1; i < n; i++) {
            const side = length > 6 ? (i % 2 ? 1 : -1) * 5 : 0;
            ctx.lineTo(from[0] + (dx * i) / n - (dy / length) * side || from[0],
                from[1] + (dy * i) / n + (dx / length) * side || from[1]);
        }
        ctx.lineTo(...to);
        ctx.stroke();
        ctx.beginPath();
        ctx.arc(...to, 9, 0, 2 * Math.PI);
        ctx.stroke();
    }

    /** The cell under a place of the canvas. */
    cellAt(px, py) {
        return this.cells.find((c) => px >= c.left && px < c.left + c.w && py >= c.top && py < c.top + c.h);
    }

    /** The nearest point that a hand can take: lane, point and cell. */
    grip(px, py, reach) {
        const cell = this.cellAt(px, py);
        let best = null;
        for (const lane of cell?.lanes ?? []) {
            if (lane.failed !== null) { continue; }
            for (const point of this.scene.grab) {
                const [x, y] = this.pixel(lane, point, cell), far = Math.hypot(x - px, y - py);
                if (far < (best?.far ?? reach)) { best = { lane, point, cell, far }; }
            }
        }
        return best;
    }

    pixel(lane, point, cell) {
        const x = lane.at[2 * point] + this.aside(lane, cell), y = lane.at[2 * point + 1];
        return [cell.x0 + x * cell.s, cell.y0 - y * cell.s];
    }

    metres(px, py, lane, cell) {
        return [(px - cell.x0) / cell.s - this.aside(lane, cell), (cell.y0 - py) / cell.s];
    }
}

function segment(ctx, ax, ay, bx, by) {
    ctx.beginPath();
    ctx.moveTo(ax, ay);
    ctx.lineTo(bx, by);
    ctx.stroke();
}

function disc(ctx, x, y, r, colour) {
    ctx.fillStyle = colour;
    ctx.beginPath();
    ctx.arc(x, y, r, 0, 2 * Math.PI);
    ctx.fill();
}
