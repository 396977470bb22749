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
# # 4. Train in the loop
#
# A learned policy need not do everything. Here it gets a place in a classical
# controller, a `Slot`, and is trained there, in the very loop in which it will act.
# The rest of the controller stays what it was.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

import hybridctl as hc
from hybridctl.show.style import STYLE

plt.rcParams.update(STYLE | {"figure.figsize": (7, 2.8), "figure.dpi": 120})

# %% [markdown]
# ## The Slot
#
# Controllers add, scale and switch. A `Slot` is one that nobody has filled yet; it
# outputs 0. So a template with an empty Slot *is* its classical part, not nearly but
# bit for bit:

# %%
plant = hc.CartPole()
up = plant.upright()
lqr = hc.lqr(plant, up, Q=[1, 10, 1, 1], R=[0.1], dt=0.02)
template = lqr + 5.0 * hc.Slot(1)

start = [0.3, np.pi + 0.3, 0, 0]
alone, empty = (hc.simulate(plant, c, start, 5.0, 0.02) for c in (lqr, template))
print("the same bits:", bool((alone.x == empty.x).all()))

# %% [markdown]
# An action in ±1 fills it. In training that is the agent's; here it is a constant, and
# the cart is pushed aside by 5 N times 0.2:

# %%
filled = hc.fill(template, hc.Constant([0.2]))
pushed = hc.simulate(plant, filled, start, 5.0, 0.02)
print(f"after 5 s the cart is at {float(pushed['x'][-1]):.2f} m")

# %% [markdown]
# ## Templates
#
# A Slot may stand anywhere: alone (`10.0 * hc.Slot(1)`), on top of a controller, in one
# mode of a machine, in a guard, in place of the supervisor that chooses the mode. The
# toolkit has a name for each of these:

# %%
task = hc.tasks.get("global")
for name in hc.strategies.templates(task):
    env = hc.Env(task, hc.template(name, task))
    print(
        f"{name:17}{env.action_size} action(s), one every {1000 * env.dt:.0f} ms, "
        f"{env.observation_size} observations"
    )

# %% [markdown]
# We take `residual`. It is the tuned machine that swings up by energy and catches by
# LQR; the agent adds to the force in the swing mode, and may put off the catch. The
# LQR has the last word: on the level set on which it never saturates, it is in charge
# alone.
#
# ## Training
#
# The task is `global`: the pole starts anywhere, 10 N, 2.4 m of track, and the cost J
# of 20 s. Three seeds train side by side. This is a short training, a fiftieth of the
# one that was measured.

# %%
template = hc.template("residual", task)
runs = hc.train(
    task, template, config="quick", steps=160_000, num_evals=6, seeds=3, progress=False
)
print(runs)

# %%
hc.show.training_curve({"residual": runs})

# %% [markdown]
# The score is minus the mean cost on episodes of its own. It begins where the machine
# stands, falls while the networks are still guessing, and passes the machine. What is
# kept is the best policy, not the last one.
#
# ## Better than its base?
#
# A curve that rises is not yet an answer. `better_than_base` is: the difference to the
# template with its Slots empty, on episodes that did not choose the policy, in pairs,
# with a 95 % interval. It is true where all of that lies above 0.

# %%
for run in runs:
    print(f"seed {run.seed}: {run.better_than_base}, so {bool(run.better_than_base)}")

# %% [markdown]
# ## What has it learned?
#
# Base and residual from hanging at rest. The states share a picture, and so do the
# forces:

# %%
base, learned = hc.reference("machine", task), runs.best.controller
traces = {
    name: hc.simulate(plant, controller, plant.hanging().x, 8.0, loop=task.loop)
    for name, controller in {"machine": base, "residual": learned}.items()
}
hc.show.plot_traces(traces, target=up, signals=("x", "theta", "force"), size=(7, 4.2))

# %%
hc.show.phase_portrait(traces, target=up)

# %% [markdown]
# Where does it help? The same 512 episodes, each a point: below the diagonal the
# residual is cheaper.

# %%
scores = {
    name: hc.evaluate(task, controller, n=512, seed=7)
    for name, controller in {"machine": base, "residual": learned}.items()
}
before, after = (scores[name].cost for name in ("machine", "residual"))
fig, ax = plt.subplots(figsize=(4.6, 4.2))
ax.scatter(before, after, s=9, alpha=0.5, lw=0)
end = max(before.max(), after.max())
ax.plot([0, end], [0, end], color="0.6", lw=0.8, ls="--")
ax.set(xlabel="J of the machine", ylabel="J of the residual")
print(f"cheaper in {np.mean(after < before):.0%} of the episodes")
print(f"mean J {before.mean():.1f} -> {after.mean():.1f}")
for name, s in scores.items():
    print(f"{name}: {s.success.mean():.1%} settle, median {np.median(s.settle):.2f} s")

# %% [markdown]
# The residual was trained on J, and J is what it lowers. What it does about settling
# is a by-product, and is to be looked at, not assumed.
#
# What was trained is a controller like any other. It can be saved
# (`hc.save("residual.safetensors", learned)`), compared
# ([notebook 5](5_compare.ipynb)), put into a mode of another machine, and embedded
# without JAX.
