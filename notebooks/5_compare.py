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
# # 5. Who is better?
#
# One good trace proves little. This notebook compares controllers as one should: on
# many episodes, the same for all, with intervals, and with a look at the worst ones.

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import hybridctl as hc
from hybridctl.show.style import STYLE

plt.rcParams.update(STYLE | {"figure.figsize": (7, 2.8), "figure.dpi": 120})

# %% [markdown]
# ## The contestants
#
# On `global` the pole starts anywhere. An LQR alone; the machine that swings up and
# catches; and a residual policy on top of that machine, trained for some seconds.

# %%
task = hc.tasks.get("global")
run = hc.train(
    task,
    hc.template("residual", task),
    config="quick",
    steps=160_000,
    num_evals=6,
    progress=False,
)
controllers = {
    "lqr": hc.reference("lqr", task),
    "machine": hc.reference("machine", task),
    "residual": run.controller,
}

# %% [markdown]
# ## The table
#
# Episode *i* of a seed has the same start, plant, noise and pushes for every
# controller. The seed is one that nothing was tuned or trained on.

# %%
table = hc.compare(task, controllers, n=1024, seed=7, against="machine", timing=True)
print(table)

# %% [markdown]
# - *settled*: the episode never left the track, and ends within 0.05 rad and 0.1 m, at
#   rest. That is what this task asks for, so it stands first.
# - *survived*: it never left the track.
# - *settle*: the time from which it stays so; median, and 95th percentile below.
# - *J*: the cost; a failed episode is charged 600.
# - *ΔJ*: the difference to the machine, taken episode by episode.
#
# An LQR fails where the pole starts low. That is no news, but the share is: it says how
# many starts need a swing-up at all.

# %%
hc.show.settling_curve(table)

# %% [markdown]
# ## In pairs
#
# Why episode by episode? Costs differ a lot from start to start, far more than between
# two good controllers. The difference within an episode does not care how hard the
# start is, so its interval is narrower, on the same number of episodes:

# %%
machine, residual = (table.scores[name].cost for name in ("machine", "residual"))
gain, n = machine - residual, table.n
apart = 1.96 * np.sqrt((machine.var() + residual.var()) / n)
paired = 1.96 * gain.std() / np.sqrt(n)
print(f"gain of the residual: {gain.mean():.2f}")
print(f"  ± {apart:.2f} if the two had met different episodes")
more = (apart / paired) ** 2
print(f"  ± {paired:.2f} in pairs: as good as {more:.0f} times the episodes")

fig, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
bins = np.linspace(0, 150, 41)
left.hist(machine, bins, alpha=0.6, label="machine")
left.hist(residual, bins, alpha=0.6, label="residual")
left.set(xlabel="J", ylabel="episodes")
left.legend()
right.hist(gain, np.linspace(-30, 70, 41), color="C2")
right.axvline(0.0, color="0.3", lw=0.8)
right.set(xlabel="J saved in the same episode")
plt.show()

# %% [markdown]
# And the picture on the right shows what no mean does: whether a little is saved
# everywhere, or a lot in some episodes.
#
# ## The worst
#
# A mean hides what an engineer wants to see. `table.worst` simulates the most expensive
# episodes again.

# %%
worst = table.worst("residual", k=3)
for episode in worst:
    print(f"episode {episode.index}: J {episode.cost:.0f}, from {episode.x0.round(2)}")
traces = {f"episode {episode.index}": episode.trace for episode in worst}
hc.show.plot_traces(
    traces, target=task.target, signals=("x", "theta", "force"), size=(7, 4.2)
)

# %% [markdown]
# Is it the start that is hard, or the controller that is bad there? The same episode
# with the other one:

# %%
index = worst[0].index
pair = {name: table.episode(name, index) for name in ("machine", "residual")}
for name, episode in pair.items():
    print(f"{name}: J {episode.cost:.0f}, success {episode.success}")
hc.show.phase_portrait(
    {name: episode.trace for name, episode in pair.items()}, target=task.target
)

# %% [markdown]
# ## Somewhere else
#
# The residual was trained on `global`. On `push` the pole stands, and is hit by up to
# 5 N s. Nobody trained for that, so what is better there need not be better here.

# %%
elsewhere = hc.tasks.get("push")
other = hc.compare(elsewhere, controllers, n=512, seed=7, against="machine")
print(other)

# %% [markdown]
# ## The report
#
# All of it in one HTML file: a verdict in words, tables, figures, worst episodes, and
# how it was made. It needs no network, so it can be mailed.

# %%
path = hc.report([table, other], "report.html", runs={"residual": run})
print(f"{path}: {Path(path).stat().st_size / 1024:.0f} KiB")
print(hc.show.verdict(table))
