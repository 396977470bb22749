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
# # 2. Hold it: LQR
#
# The linear-quadratic regulator is the base that everything else here stands on: it
# catches what a swing-up delivers, it is what a residual policy corrects, and its
# cost-to-go says how far it can be trusted. This notebook designs one, and then takes
# away what the textbook assumes: continuous time, unlimited force, an actuator that
# acts at once, a state that is known.

# %%
# %matplotlib inline
import jax
import matplotlib.pyplot as plt
import numpy as np

import hybridctl as hc
from hybridctl.show.style import STYLE

plt.rcParams.update(STYLE | {"figure.figsize": (7, 2.8), "figure.dpi": 120})
np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## Linearize
#
# Near the upright equilibrium the plant is ė = A e + B v, with e and v the deviations
# of state and input. `hc.linearize` takes the derivatives of the plant's own `ode` by
# automatic differentiation, in 64 bits.

# %%
plant = hc.CartPole()
up = plant.upright()
A, B = hc.linearize(plant, up)
print(f"A =\n{A}\nB = {B.T[0]}")
fastest = np.linalg.eigvals(A).real.max()
print(f"left alone, an error doubles every {np.log(2) / fastest:.2f} s")

# %% [markdown]
# ## Design
#
# K minimizes ∫ eᵀQe + vᵀRv dt, and the input is v = -K e. With `dt` the design is exact
# for an input that is held over the control period; `limit` clips what it asks for.

# %%
dt, Q, R = 0.02, [1, 10, 1, 1], [0.1]
lqr = hc.lqr(plant, up, Q=Q, R=R, dt=dt)
print("K =", lqr.K[0])
print("poles of the closed loop:", hc.closed_loop(plant, lqr).poles)
margins = hc.margins(plant, lqr)
print(
    f"the gain may change by {margins.gain_down:.1f} to {margins.gain_up:+.1f} dB, "
    f"the phase by {margins.phase:.0f}°, the loop may take "
    f"{1000 * margins.delay:.0f} ms more"
)

# %% [markdown]
# A smaller R makes force cheap. From a lean of 0.2 rad:

# %%
start = up.x + np.array([0, 0.2, 0, 0])
traces = {
    f"R = {R:g}": hc.simulate(plant, hc.lqr(plant, up, Q, [R], dt), start, 6.0, dt)
    for R in (0.001, 0.1, 10.0)
}
hc.show.plot_traces(traces, target=up, signals=("x", "theta", "force"), size=(7, 4.2))

# %% [markdown]
# ## The control period
#
# A gain that was designed in continuous time is applied in steps. How slow may they
# be? The largest eigenvalue of the sampled loop answers: below 1 it is stable. The
# design that knows the period is stable at any of them, as far as the linear model
# goes.

# %%
continuous = hc.lqr(plant, up, Q, R)
periods = np.linspace(0.01, 0.4, 79)


def radius(period, K):
    Ad, Bd = hc.discretize(A, B, period)
    return abs(np.linalg.eigvals(Ad - Bd @ K)).max()


slow = [radius(T, continuous.K) for T in periods]
aware = [radius(T, hc.lqr(plant, up, Q, R, T).K) for T in periods]
fig, ax = plt.subplots()
ax.plot(1000 * periods, slow, label="designed in continuous time")
ax.plot(1000 * periods, aware, label="designed for the period")
ax.axhline(1.0, color="0.6", lw=0.8, ls="--")
ax.set(xlabel="control period [ms]", ylabel="largest |eigenvalue|", ylim=(0.6, 1.6))
ax.legend(loc="upper left")
limit = periods[np.argmax(np.array(slow) > 1)]
print(f"the continuous gain is unstable from about {1000 * limit:.0f} ms on")

# %% [markdown]
# ## Saturation
#
# The motor gives ±10 N, and the track ends at 2.4 m. From what lean, at rest, does the
# pole still come back? All starts are simulated at once: `x0` may be a batch.

# %%
loop = hc.Loop(dt, actuator=hc.Actuator(limit=10.0))
leans = np.linspace(0.05, 0.80, 151)
starts = np.tile(up.x, (len(leans), 1))
starts[:, 1] += leans
fan = hc.simulate(plant, lqr, starts, 5.0, loop=loop)
theta = np.asarray(fan["theta"])
on_track = (abs(fan["x"]) <= plant.limits["x"]).all(1)
caught = (abs(theta[:, -1] - np.pi) < 0.05) & np.asarray(on_track)

fig, ax = plt.subplots()
for i in range(0, len(leans), 10):
    ax.plot(fan.t, theta[i] - np.pi, color="C0" if caught[i] else "C1", lw=1.0)
ax.plot([], [], color="C0", label="comes back")
ax.plot([], [], color="C1", label="falls, or leaves the track")
ax.set(xlabel="time [s]", ylabel="lean [rad]", xlim=(0, 3), ylim=(-1, 3.3))
ax.legend(loc="upper right")
print(f"largest lean that comes back: {leans[caught].max():.3f} rad")

# %% [markdown]
# ## Region of attraction
#
# A line of starts is not a region. The design leaves a cost-to-go
# V(x) = eᵀ X e, whose level sets are ellipsoids in all four states.
# `hc.region_of_attraction` looks for the largest one from which the loop, as it is,
# always comes back, and says how sure that is. `hc.level(region)` is a guard for a
# state machine.

# %%
region = hc.region_of_attraction(plant, lqr, loop, samples=20_000)
print(region)

# %% [markdown]
# A cut through it, the cart at rest in the middle. The ellipse is what is promised;
# blue is what works besides, beyond any ellipse.

# %%
angles, rates = np.linspace(-1.2, 1.2, 97), np.linspace(-5, 5, 97)
grid = np.stack(np.meshgrid(angles, rates), -1).reshape(-1, 2)
starts = np.zeros((len(grid), 4))
starts[:, [1, 3]] = grid + np.array([np.pi, 0.0])
ends = hc.simulate(plant, lqr, starts, 5.0, loop=loop)
back = (abs(ends["theta"][:, -1] - np.pi) < 0.05).reshape(97, 97)
V = jax.vmap(lqr.V)(starts).reshape(97, 97)

fig, ax = plt.subplots(figsize=(5.4, 4.2))
ax.contourf(angles, rates, back, levels=[0.5, 1.5], colors=["#cfe3f1"])
ax.contour(angles, rates, V, levels=[region.rho], colors=["#0072B2"])
ax.set(xlabel="lean [rad]", ylabel="rate of the lean [rad/s]")
ax.set_title(f"comes back (blue), and V < {region.rho:.2f} (line)", loc="left")
ax.grid(False)

# %% [markdown]
# ## Delay
#
# Now the force comes six periods late. The plain LQR answers to what was, and so it
# swings from limit to limit and never comes to rest. Designed for the loop it also
# feeds back what is still on its way, and `hc.Predictor` does the same before any other
# controller.

# %%
late = hc.Loop(dt, actuator=hc.Actuator(limit=10.0, delay=6))
controllers = {
    "plain": lqr,
    "designed for the loop": hc.lqr(plant, up, Q, R, loop=late),
    "predictor >> plain": hc.Predictor(plant, dt, delay=6, limit=10.0) >> lqr,
}
traces = {
    name: hc.simulate(plant, controller, [0, np.pi + 0.06, 0, 0], 4.0, loop=late)
    for name, controller in controllers.items()
}
hc.show.plot_traces(traces, target=up, signals=("theta", "force"), size=(7, 3.4))

# %% [markdown]
# The two that know of the delay are the same law: their lines coincide as long as the
# plant is nearly linear.
#
# ## Noise: LQG
#
# Cart and angle are measured with noise of 1 cm and 0.02 rad, the rates not at all. A
# Kalman filter estimates the state; `filter >> lqr` is the LQG controller. For
# comparison: an LQR that is given all four states, with that noise on each.

# %%
noise = [0.01, 0.02, 0.1, 0.1]
noisy = hc.Loop(dt, sensor=hc.Sensor(noise=noise), actuator=hc.Actuator(limit=10.0))
kalman = hc.kalman(plant, up, dt, noise[:2], disturbance=0.05, outputs=("x", "theta"))
lqg = kalman >> lqr
key = jax.random.PRNGKey(3)
traces = {
    "LQR on the measurement": hc.simulate(plant, lqr, start, 8.0, loop=noisy, key=key),
    "Kalman >> LQR": hc.simulate(plant, lqg, start, 8.0, loop=noisy, key=key),
}
hc.show.plot_traces(traces, target=up, signals=("x", "theta", "force"), size=(7, 4.2))

# %%
for name, trace in traces.items():
    last = slice(len(trace.u) // 2, None)
    lean = np.std(trace.error("theta", up)[last])
    force = np.sqrt(np.mean(np.asarray(trace.u)[last] ** 2))
    print(f"{name:24} lean {lean:.4f} rad, force {force:.2f} N (root mean square)")

# %% [markdown]
# The filter has a price that the picture does not show: the margins of an LQR are not
# those of an LQG controller. They have to be looked at for every design.

# %%
ideal, filtered = hc.margins(plant, lqr), hc.margins(plant, lqg)
for name, m in (("LQR", ideal), ("LQG", filtered)):
    print(f"{name}: phase {m.phase:.0f}°, delay {1000 * m.delay:.0f} ms, "
          f"distance from -1: {m.modulus:.2f}")  # fmt: skip
hc.design.nyquist(hc.closed_loop(plant, lqg))
