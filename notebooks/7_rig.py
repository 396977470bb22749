# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7. A rig
#
# A rig stands on the bench, and nobody knows its numbers: the masses are 20 g off, both
# joints rub, encoders count, samples are lost, and the motor does what it was told one
# period and a half ago. From a log to a model, from the model to controllers, and back
# to the rig, in real time.

# %%
# %matplotlib inline
import jax
import matplotlib.pyplot as plt
import numpy as np

import hybridctl as hc
from hybridctl.plants.flow import fixed_step
from hybridctl.show.style import STYLE

plt.rcParams.update(STYLE | {"figure.figsize": (7, 2.8), "figure.dpi": 100})
dt, limit = 0.02, 10.0
counts = {"x": 1e-4, "theta": 2 * np.pi / 2048}

# %% [markdown]
# ## The rig
#
# Whatever is behind `read` and `write` is a rig: a serial line, UDP, a bus. This one is
# simulated, so that everybody has it. Nothing below looks into it.


# %%
class Rig:
    """A cart-pole whose motor does what it was told a period and a half ago."""

    def __init__(self, seed=0):
        self.plant = hc.CartPole(
            m_c=1.02, m_p=0.12, L=0.93, cart_friction=0.4, pole_friction=0.004
        )
        self.half = jax.jit(fixed_step(dt / 2, 2))
        self.rng = np.random.default_rng(seed)
        self.x, self.pipe = np.array([0.0, 0.2, 0.0, 0.0]), [0.0, 0.0, 0.0]
        self.write([0.0])
        self.seen = self.counted()

    def counted(self):
        """Position and angle, in whole counts."""
        noise, size = self.rng.normal(0.0, 3e-4, 2), np.array(list(counts.values()))
        return np.round((self.x[:2] + noise) / size) * size

    def read(self):
        """What the encoders say; one in fifty samples is lost: the last one stays."""
        self.seen = self.counted() if self.rng.random() > 0.02 else self.seen
        return self.seen

    def write(self, u):
        """An input, until the next one comes."""
        self.pipe = [*self.pipe[1:], float(np.clip(u[0], -limit, limit))]
        for force in self.pipe[:2]:
            now = 0.0, self.x, np.array([force])
            self.x = np.asarray(self.half(self.plant, *now))


# %% [markdown]
# ## A log
#
# Tones push the cart, and a weak spring keeps it on its track. `hc.drive` runs that in
# real time, and gives a log of what was measured and what was asked for.

# %%
seconds = 7.0
t = np.arange(round(seconds / dt)) * dt
tones = zip([0.5, 0.8, 1.1, 1.6, 2.3], [4.9, 2.2, 0.4, 5.5, 3.0], strict=True)
push = sum(2.5 * np.sin(2 * np.pi * f * t + phase) for f, phase in tones)
spring = hc.StateFeedback([[2.0, 0.0]], np.zeros(2), np.zeros(1))
pilot = hc.embed(hc.Sequence(push[:, None]) + spring, dt=dt)
rig = Rig()
driven = hc.drive(
    pilot, rig.read, rig.write, dt, seconds, limits={"y0": 2.0}, timeout=5.0
)
print(driven.ended, len(driven), "rows")

# %% [markdown]
# The pilot had no names for what it saw, and a log that is to be compared with a plant
# has the plant's. (The times are those of the simulated rig, which moves on by a period
# for every input; of a real one they are `driven.t`.)

# %%
met = np.isfinite(driven["y0"])  # not the periods that this computer was late for
columns = {"x": "y0", "theta": "y1", "force": "u0"}
rows = {name: driven[column][met] for name, column in columns.items()}
times = dt * np.arange(met.sum())
log = hc.Log({"t": times, **rows}, {"x": "m", "theta": "rad", "force": "N"})

# %% [markdown]
# ## A model
#
# What the data sheet says, beside the log: `hc.replay` gives a plant the log's inputs.

# %%
sheet = hc.CartPole(m_c=1.0, m_p=0.1, L=1.0)
log.plot(hc.replay(sheet, log))

# %% [markdown]
# Not this rig. `hc.identify` looks for masses, length, both frictions and the delay in
# the first three quarters of the log; the last quarter is predicted.

# %%
guess = hc.CartPole(m_c=1.0, m_p=0.1, L=1.0, cart_friction=0.1, pole_friction=0.01)
names = ["m_c", "m_p", "L", "cart_friction", "pole_friction", "actuator.delay"]
known = hc.Loop(dt, actuator=hc.Actuator(limit=limit))
fit = hc.identify(guess, log, names, loop=known)
print(fit)

# %%
log.plot(hc.replay(fit.plant, log, loop=fit.loop))

# %% [markdown]
# ## Controllers
#
# The task is made of what was found: the plant, and a loop with the delay, the outputs
# and their noise. For such a task the machine and the hybrid bring an observer for what
# is not measured, and a predictor for what is late. The value behind the hybrid is one
# of the state, so it is learned as if all of that were seen.

# %%
task = hc.tasks.get("swingup", plant=fit.plant, loop=fit.loop)
bare = hc.tasks.get("swingup", plant=fit.plant)
run = hc.train(bare, hc.template("hybrid", bare), steps=800_000, progress=False)
controllers = {
    "machine": hc.reference("ekf_machine", task),
    "hybrid": hc.fill(hc.template("hybrid", task), run.policy),
}
# %% [markdown]
# ## Back to the rig
#
# Each is embedded and drives the rig, not the model. An observer has to know what was
# applied, and no motor tells; but what it makes of an input is known now, so that is
# what the pilot is told. The safe input, 0, is the last that is written, whatever
# happens; beyond 2.2 m the run ends. The model, started from the first measurement,
# says what to expect.


# %%
def told(rig):
    """Write to a rig, and give back what its motor makes of that."""
    drive = jax.jit(lambda memory, u: fit.loop.actuator(memory, u, dt))
    memory = [fit.loop.actuator.init(1)]
    drive(memory[0], np.zeros(1))  # compiled before it is wanted

    def write(u):
        rig.write(u)
        memory[0], applied = drive(memory[0], np.asarray(u))
        return np.asarray(applied)

    return write


logs, expected = {}, {}
for name, controller in controllers.items():
    pilot, rig = hc.embed(controller, dt=dt), Rig(seed=1)
    found = hc.drive(
        pilot, rig.read, told(rig), dt, 4.0, limits={"x": 2.2}, timeout=5.0
    )
    start = [found["x"][0], found["theta"][0], 0.0, 0.0]
    model = hc.simulate(fit.plant, controller, start, 4.0, loop=fit.loop, key=1)
    logs[name], expected[name] = found, model
    stands = np.nanmax(np.cos(found["theta"][-25:])) < -0.99
    print(f"{name}: {found.ended}; it stands: {bool(stands)}")

# %%
fig, axes = plt.subplots(3, 2, figsize=(7, 4.6), sharex=True, sharey="row")
for column, name in zip(axes.T, controllers, strict=True):
    for axis, signal in zip(column, ("x", "theta", "force"), strict=True):
        model = expected[name]
        row = model.asked[:, 0] if signal == "force" else model[signal]
        axis.plot(model.t[: len(row)], row, color="C1", label="predicted")
        axis.plot(logs[name].t, logs[name][signal], "--", color="C0", label="the rig")
        axis.set_ylabel(signal)
    column[0].set_title(name)
    column[-1].set_xlabel("time [s]")
axes[0, 0].legend()
plt.show()
