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
# # 8. A rig of blocks
#
# A force does not come from nowhere. Here it comes from a motor: a current loop at
# 5 kHz, a position loop at 200 Hz around it, and outside, at 50 Hz, what the notebooks
# before have made: a machine that swings up, an LQR that holds, and a learned residual.
# All of that is wired from blocks, and the whole is a plant like any other.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import control
import matplotlib.pyplot as plt
import numpy as np

import hybridctl as hc
from hybridctl.show.style import STYLE

plt.rcParams.update(STYLE | {"figure.figsize": (7, 2.8), "figure.dpi": 120})

# %% [markdown]
# ## The current loop
#
# The motor is linear: voltage in, current out, and the cart's speed induces a voltage
# against it. A belt turns one ampere into 2.5 N. The controller is a PI every 0.2 ms;
# what the amplifier can give is limited, and the PI is told what it gave (`applied`),
# so that it does not wind up.

# %%
R, L, k, volts = 0.6, 0.6e-3, 2.5, 24.0  # Ω, H, N/A (and V s/m), V
motor = hc.state_space(
    [[-R / L]],
    [[1 / L, -k / L]],
    [[1.0], [k]],
    inputs=["voltage", "speed"],
    outputs=["current", "force"],
)
speed = 2 * np.pi * 300.0  # of the loop [rad/s]
pi = hc.PID("current", kp=speed * L, ki=speed * R, dt=2e-4, follow=True)
current_loop = hc.Diagram(
    blocks={"pi": hc.Sampled(pi, 2e-4), "amp": hc.Saturation(volts), "motor": motor},
    wires={
        "pi": "motor.current",
        "pi.r": "set",
        "amp": "pi",
        "pi.applied": "amp",
        "motor.voltage": "amp",
        "motor.speed": "speed",
    },
    inputs=["set", "speed"],
    outputs={"current": "motor.current", "force": "motor.force"},
)
current_loop

# %% [markdown]
# Nothing is silent: a wire that is missing, doubled, or leads nowhere is refused by
# name.

# %%
try:
    hc.Diagram({"motor": motor}, {"motor.voltage": "set"}, ["set"])
except ValueError as error:
    print(error)

# %% [markdown]
# ## The position loop
#
# Every 5 ms the drive is told an acceleration. It integrates that to a path, and holds
# the cart on it with a current: the acceleration itself, and a spring and a damper to
# the path. So the friction of the cart, 3 N s/m, is the drive's concern and nobody
# else's.

# %%
h, mass, stiff = 5e-3, 1.1, 2 * np.pi * 6.0  # s, kg, rad/s
path = hc.state_space(
    [[1, h], [0, 1]], [[h * h / 2], [h]], np.eye(2), outputs=["x", "dx"], dt=h
)
K = -mass / k * np.array([[1.0, stiff**2, 1.4 * stiff, -(stiff**2), -1.4 * stiff]])
hold = hc.StateFeedback(K, np.zeros(5), [0.0])
drive = hc.Diagram(
    blocks={"path": path, "hold": hc.Sampled(hold, h), "current": current_loop},
    wires={
        "path": "acceleration",
        "hold": ("acceleration", "path.x", "path.dx", "x", "dx"),
        "current.set": "hold",
        "current.speed": "dx",
    },
    inputs=["acceleration", "x", "dx"],
    outputs={"force": "current.force"},
)
drive

# %% [markdown]
# ## The rig
#
# The cart-pole on top, with that friction. Machine and LQR think in forces on a cart
# without friction, so a block translates: which acceleration would the cart of the
# notebooks before have under this force? That is a function, written down as it is; its
# last argument are parameters, which can be varied and differentiated like all others.


# %%
def as_acceleration(force, x, ideal):
    return ideal.ode(0.0, x, force[None])[2]


rig = hc.Diagram(
    blocks={
        "cart": hc.CartPole(cart_friction=3.0),
        "drive": drive,
        "model": hc.plants.Function(as_acceleration, hc.CartPole()),
    },
    wires={
        "model.force": "force",
        "model.x": "cart",
        "drive.acceleration": "model",
        "drive.x": "cart.x",
        "drive.dx": "cart.dx",
        "cart": "drive.force",
    },
    inputs=["force"],
    outputs={name: f"cart.{name}" for name in hc.CartPole.states},
    limits={"force": 10.0},
)
rig

# %% [markdown]
# ## Is the drive any good?
#
# Linearized, blocks that are sampled at several rates are one discrete model over the
# period that they have in common, and python-control knows what to do with it. Here the
# pole is taken off, and the position loop is cut open at the current that it asks for:

# %%
cart = hc.state_space(
    [[0, 1], [0, -3.0 / mass]], [[0], [1 / mass]], np.eye(2), outputs=["x", "dx"]
)
bench = hc.Diagram(
    blocks={
        "current": current_loop,
        "cart": cart,
        "hold": hc.Sampled(hold, h),
        "nothing": hc.Gain(0.0),
    },
    wires={
        "current.set": "asked",
        "current.speed": "cart.dx",
        "cart": "current.force",
        "nothing": "asked",
        "hold": ("nothing", "nothing", "nothing", "cart.x", "cart.dx"),
    },
    inputs=["asked"],
    outputs={"back": "hold"},
)
opened = -bench.to_control(bench.rest())
gain, phase, _, crossover = control.margin(opened)
print(f"common period {1000 * opened.dt:g} ms, {opened.nstates} states")
print(f"gain margin {20 * np.log10(gain):.1f} dB, phase margin {phase:.0f}°, ", end="")
print(f"crossover at {crossover / (2 * np.pi):.1f} Hz")

# %%
f = np.geomspace(0.2, 99.0, 400)
response = opened(np.exp(2j * np.pi * f * opened.dt))
fig, (above, below) = plt.subplots(2, sharex=True, figsize=(7, 3.6))
above.semilogx(f, 20 * np.log10(abs(response)))
above.axhline(0.0, color="0.6", lw=0.8, ls="--")
above.set(ylabel="gain [dB]")
below.semilogx(f, np.degrees(np.unwrap(np.angle(response))))
below.axhline(-180.0, color="0.6", lw=0.8, ls="--")
below.set(xlabel="frequency [Hz]", ylabel="phase [°]")
below.xaxis.set_major_formatter("{x:g}")
plt.show()

# %% [markdown]
# The LQR of the ideal cart-pole, wired in at 50 Hz: does it still hold the pole, with a
# drive between it and the cart? Three rates, one model of 20 ms, and its eigenvalues.

# %%
task = hc.tasks.get("global")
lqr = hc.reference("lqr", task)
closed = hc.Diagram(
    blocks={"lqr": hc.Sampled(lqr, 0.02), "rig": rig},
    wires={"lqr": "rig", "rig": "lqr"},
    inputs=[],
)
A, _ = hc.linearize(closed, closed.rest({"rig.cart.theta": np.pi}))
print(f"largest |eigenvalue| {abs(np.linalg.eigvals(A)).max():.3f}")

# %% [markdown]
# ## Swing up
#
# The task: from about hanging to upright, with the cost of the notebooks before. What
# is inside of the drive has states too, and they cost nothing. A control period of
# 20 ms is 100 steps of 0.2 ms here, so that every instant of every clock is met.

# %%
up = rig.rest({"cart.theta": np.pi})
wide = np.array([0.0, 1.0, 0.0, 1.0] + [0.0] * (rig.n_x - 4))
weights = [1.0, 10.0, 1.0, 1.0] + [0.0] * (rig.n_x - 4)
loop = hc.Loop(
    dt=0.02,
    substeps=100,
    sensor=hc.Sensor(outputs=rig.states[:4]),
    actuator=hc.Actuator(limit=10.0),
)
swingup = hc.tasks.reach(
    rig,
    up,
    start=hc.tasks.Box(-wide, wide),
    Q=weights,
    R=[0.1],
    loop=loop,
    settled=hc.near(up, **{"cart.theta": 0.05, "cart.x": 0.1}),
    seconds=6.0,
)
machine = hc.reference("machine", task)
trace = hc.simulate(rig, machine, np.zeros(rig.n_x), seconds=6.0, loop=loop)

fig, axes = plt.subplots(3, sharex=True, figsize=(7, 4.6))
axes[0].plot(trace.t, trace["cart.theta"])
axes[0].set(ylabel="θ [rad]")
axes[1].plot(trace.t, trace["cart.x"], label="cart")
axes[1].plot(trace.t, trace["drive.path.held.x"], "--", label="path")
axes[1].set(ylabel="x [m]")
axes[1].legend(loc="upper right")
axes[2].plot(trace.t, trace["drive.current.motor.z1"])
axes[2].set(xlabel="time [s]", ylabel="current [A]")
plt.show()

# %% [markdown]
# ## A residual, trained on the rig
#
# A diagram is a plant, so training does not know that it is one. The template is that
# of notebook 4: the machine, and an agent that adds to its swing-up.

# %%
template = hc.template("residual", task)
run = hc.train(
    swingup, template, config="quick", steps=110_000, num_evals=3, progress=False
)
print(run)

# %%
controllers = {"machine": machine, "residual": run.controller}
table = hc.compare(swingup, controllers, n=64, seed=7, against="machine")
print(table)

# %%
learned = hc.simulate(rig, run.controller, np.zeros(rig.n_x), 6.0, loop=loop)
hc.show.plot_traces(
    {"machine": trace, "residual": learned},
    target=up,
    signals=("cart.x", "cart.theta", "force"),
    size=(7, 4.2),
)

# %% [markdown]
# ## Out
#
# Each controller leaves on its own, for the processor that it runs on: the PI in C,
# what was trained in Python. The check runs the code beside the block that was
# simulated.

# %%
folder = Path(tempfile.mkdtemp())
source = hc.export(pi, folder / "current.c", dt=2e-4)
print(len(source.read_text(encoding="utf-8").splitlines()), "lines of C")
pilot = hc.export(run.controller, folder / "pilot.py", dt=0.02)
text = pilot.read_text(encoding="utf-8")
print(text[: text.index("from math")])
