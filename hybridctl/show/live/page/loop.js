/* The closed loop, as hc.simulate runs it, and a record of everything that was done. */

function generator(seed) {  // mulberry32: a small stream of uniform numbers
    let a = seed >>> 0;
    return () => {
        a = (a + 0x6D2B79F5) | 0;
        let t = Math.imul(a ^ (a >>> 15), 1 | a);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

class Episode {
    /**
     * @param data what hc.live wrote of the task.
     * @param world its functions: measure, points, push, period.
     * @param pilots controllers by name; null is driven by hand.
     * @param settings {p, noise}: the numbers of the rig, and the factor on the noise.
     * @param x0 start.
     */
    constructor(data, world, pilots, settings, x0, seed = 1) {
        Object.assign(this, { data, world, k: 0, noise: settings.noise });
        this.p = settings.p.slice();
        this.random = generator(seed);
        this.pushes = [1, 0];  // size of the task's own push, and whether one lasts
        this.record = { x0: x0.slice(), p: this.p.slice(), set: [], hand: [], force: [], noise: [] };
        const y = world.measure(this.p, x0, this.noises())[0];
        const rest = new Array(data.inputs.length).fill(0);
        this.lanes = Object.entries(pilots).map(([name, pilot]) => ({
            name, pilot, x: x0.slice(), y, line: new Array(data.line).fill(0), lagged: rest,
            u: rest, asked: rest, state: pilot ? pilot.init() : null, J: 0, energy: NaN,
            failed: null, settled: null, at: world.points(this.p, x0)[0], was: null,
            driven: pilot ? null : [],
        }));
        for (const lane of this.lanes) { lane.was = lane.at; }
    }

    get t() { return this.k * this.data.dt; }

    normal() {
        return Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random());
    }

    /** Move a number of the rig from this period on. */
    set(i, value) {
        if (this.p[i] !== value) {
            this.p[i] = value;
            this.record.set.push([this.k, i, value]);
        }
    }

    /** The noise of a measurement: the same for every controller. */
    noises() {
        if (!this.noise) { return this.data.noise.map(() => 0); }
        const row = this.data.noise.map((size) => size * this.noise * this.normal());
        this.record.noise.push([this.k, ...row]);
        return row;
    }

    /** The task's own pushes and noise on the input, and a kick. */
    force(kick) {
        const unit = this.world.push(this.k)[0][0];
        if (unit !== 0 && !this.pushes[1] && this.data.random_size) {
            this.pushes[0] = 2 * this.random() - 1;
        }
        this.pushes[1] = unit !== 0;
        const own = unit * this.pushes[0] + this.data.input_noise * (this.data.input_noise && this.normal());
        const force = kick.map((v) => v + own);
        if (force.some((v) => v !== 0)) { this.record.force.push([this.k, ...force]); }
        return force;
    }

    /**
     * One control period of all lanes.
     * @param hand forces at the points of the plant, [x, y] each.
     * @param kick on the inputs.
     * @param drive what the hand asks for, of a lane that is driven.
     */
    period(hand, kick, drive) {
        if (hand.some((v) => v !== 0)) { this.record.hand.push([this.k, ...hand]); }
        const force = this.force(kick), t = this.t;
        this.k += 1;
        const noise = this.noises();
        for (const lane of this.lanes) {
            if (lane.failed === null) { this.advance(lane, t, hand, force, drive, noise); }
        }
    }

    advance(lane, t, hand, force, drive, noise) {
        if (lane.pilot) {
            [lane.state, lane.asked] = lane.pilot.step(lane.state, t, lane.y);
        } else {
            lane.asked = drive;
            lane.driven.push(drive);
        }
        const [x, line, lagged, u, y, [cost, failed, settled, energy]] = this.world.period(
            this.p, lane.x, lane.line, lane.lagged, lane.asked, force, hand, noise, t);
        if (lane.pilot) { lane.state = lane.pilot.applied(lane.state, u); }
        Object.assign(lane, { x, y, line, lagged, u, energy, was: lane.at });
        lane.at = this.world.points(this.p, x)[0];
        if (t >= this.data.cost_after - 1e-9) { lane.J += cost; }
        if (failed) {
            lane.failed = this.k;
            lane.J = this.data.failure_cost;
        }
        lane.settled = settled ? lane.settled ?? this.k : null;
    }

    mode(lane) {
        const { pilot, state } = lane;
        return pilot && pilot.MODES && Array.isArray(state) ? state[pilot.MODE] : null;
    }

    /** What was done, for hc.replay. */
    saved() {
        const { task, dt, files, rig, states, inputs } = this.data;
        const ends = this.lanes.map((lane) => [
            lane.name, { periods: lane.failed ?? this.k, x: lane.x, failed: lane.failed !== null }]);
        const known = this.lanes.filter((lane) => lane.pilot).map((lane) => [lane.name, files[lane.name]]);
        const driven = this.lanes.filter((lane) => !lane.pilot).map((lane) => [lane.name, lane.driven]);
        return {
            format: "hybridctl episode", version: 1, task, dt, states, inputs, rig,
            periods: this.k, ...this.record, controllers: Object.fromEntries(known),
            driven: Object.fromEntries(driven), ends: Object.fromEntries(ends),
        };
    }
}
