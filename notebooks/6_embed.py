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
# # 6. Out of the toolkit
#
# A controller that was designed and compared here has to run somewhere else: in a
# process without JAX, or on a small computer. `hc.embed` makes a *pilot* of it, which
# needs NumPy only. `hc.export` writes it as Python, C, ONNX or a JAX program, and
# checks what it wrote.

# %%
# %matplotlib inline
import subprocess
import sys
import tempfile
import timeit
from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import hybridctl as hc
from hybridctl.deploy.c_library import compiler
from hybridctl.show.style import STYLE

plt.rcParams.update(STYLE | {"figure.figsize": (7, 2.6), "figure.dpi": 120})
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## A pilot
#
# The machine swings the pole up and catches it. In the simulation it is compiled by
# JAX together with the plant; the pilot is called once every control period.

# %%
task = hc.tasks.get("swingup")
machine = hc.reference("machine", task)
trace = hc.simulate(task.plant, machine, np.zeros(4), 5.0, loop=task.loop)

pilot = hc.embed(machine, dt=0.02)
u, mode = [], []
for y in np.asarray(trace.x[:-1], float):
    u.append(pilot(y))
    mode.append(pilot.mode)

print("modes:", pilot.modes)
print("the same modes:", np.array_equal(mode, trace.mode))
off = np.abs(np.array(u) - np.asarray(trace.u)).max()
print("largest difference below 1e-3 N:", bool(off < 1e-3))

# %%
fig, ax = plt.subplots()
ax.plot(trace.t[:-1], trace.u[:, 0], label="simulation")
ax.plot(trace.t[:-1], np.array(u)[:, 0], "--", label="pilot")
ax.set(xlabel="t [s]", ylabel="force [N]")
ax.legend()
plt.show()

# %% [markdown]
# The simulation runs in single precision and the pilot in double precision, hence the
# small difference. What the actuator really applied can be told to the pilot with
# `pilot.applied(u)`; observers need that. The memory can be kept and given back:

# %%
memory = pilot.state_dict()
print([name for name in memory if name.startswith("memory")])
again = hc.embed(machine, dt=0.02)
again.load_state_dict(memory)
print(again(y) == pilot(y))

# %% [markdown]
# ## A Python file
#
# The check runs the code beside the jitted controller, on random inputs and in closed
# loops. Its result is printed and stands in the file.

# %%
path = hc.export(machine, folder / "pilot.py", dt=0.02)
text = path.read_text(encoding="utf-8")
print(text[: text.index("from math")])

# %% [markdown]
# The file needs NumPy and nothing else:

# %%
program = """
import sys
import pilot

state = pilot.init()
for k in range(1000):
    state, u = pilot.step(state, k * pilot.DT, [0.0, 3.0, 0.0, 0.0])
print(u.round(3), pilot.MODES[state[pilot.MODE]], "jax" in sys.modules)
"""
done = subprocess.run(
    [sys.executable, "-c", program], cwd=folder, capture_output=True, encoding="utf-8"
)
print(done.stdout or done.stderr)

# %% [markdown]
# ## C
#
# One C99 file and its header, without allocation; all memory is in one struct.

# %%
if compiler():
    path = hc.export(machine, folder / "machine.c", dt=0.02)
    header = path.with_suffix(".h").read_text(encoding="utf-8")
    print(header[header.index("/* The memory between") : header.rindex("#ifdef")])

# %% [markdown]
# ## How long does a call take?

# %%
pilots = {"Python": pilot}
if compiler():
    pilots["C"] = hc.embed(machine, dt=0.02, language="c")
for name, one in pilots.items():
    seconds = min(timeit.repeat(lambda one=one: one(y), number=2000, repeat=5)) / 2000
    print(f"{name}: {1e6 * seconds:.1f} µs")

# %% [markdown]
# ## A controller of your own
#
# Nothing has to be told about a controller of your own: the code is made from what it
# computes. What has no counterpart is refused by its name.


# %%
class Cautious(hc.Controller):
    """The machine, less sure of itself the farther out the cart is."""

    inner: hc.Controller

    def init(self, tick):
        """Begin as the machine does."""
        return self.inner.init(tick)

    def step(self, state, tick):
        """Divide by 1 + x²."""
        state, u = self.inner.step(state, tick)
        return state, u / (1 + tick.y[0] ** 2)


print(hc.embed(Cautious(machine), dt=0.02)([1.0, 3.0, 0.0, 0.0]).round(3))


class Sorting(hc.Controller):
    """Answers with the smallest measurement."""

    def init(self, tick):
        """No memory."""

    def step(self, state, tick):
        """Sort, and take the first."""
        return state, jnp.sort(tick.y)[:1]


try:
    hc.embed(Sorting(), dt=0.02)
except ValueError as error:
    print(error)
