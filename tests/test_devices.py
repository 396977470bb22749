"""Several devices in one program: the same bits as on one."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import jax
import pytest

import hybridctl as hc
from hybridctl.learn import Config
from hybridctl.learn.devices import asked_for, crew

ROOT = Path(__file__).parent.parent
TASK = hc.tasks.get("balance", seconds=0.4)
HEAD = """
import hashlib, sys
import jax, numpy as np
import hybridctl as hc
from hybridctl.learn.devices import crew

def bits(tree):
    leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
    return hashlib.sha256(b"".join(leaves)).hexdigest()

def trained(template, crew_size, **options):
    task = hc.tasks.get("balance", seconds=0.4)
    few = {"progress": False, "num_evals": 2, "num_eval_envs": 8, "target": np.inf}
    run = hc.train(task, template, **few, **options)
    assert crew(run.config).size == crew_size
    return bits((run.checkpoint.arrays, run.controller))
"""
SAME = """
import zoo
task = hc.tasks.get("global", seconds=0.4)
machine = hc.reference("machine", task)
starts = np.random.default_rng(0).uniform(-1.0, 1.0, (8, 4))

def simulated(n):
    trace = hc.simulate(task.plant, machine, starts, 0.4, loop=task.loop, devices=n)
    assert len(trace.x.sharding.device_set) == n
    return bits((trace.x, trace.u, trace.mode))

def scored(n):
    policy = 10.0 * zoo.policy(task)  # whose products of matrices round by their rows
    return bits(hc.evaluate(task, policy, n=3000, devices=n))

def stepped(n):
    env = hc.Env(task, machine + 10.0 * hc.Slot(1))
    keys = hc.scale.laid_out(jax.random.split(jax.random.PRNGKey(0), 8), devices=n)
    state, step = jax.jit(jax.vmap(env.reset))(keys), jax.jit(jax.vmap(env.step))
    for _ in range(5):
        state = step(state, np.full((8, 1), 0.5))
    assert len(state.obs.sharding.device_set) == n
    return bits((state.obs, state.reward, state.pipeline_state))

def learned(n):
    size = {"recurrent": 8, "num_envs": 64, "steps": 8192}
    return trained(1.0 * hc.Slot(1), n, devices=None if n == 1 else n, **size)

for f in (simulated, stepped, scored, learned):
    assert f(1) == f(4), f.__name__
"""
TRAIN = """
port, number = sys.argv[1:]
if number != "alone":
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", 2, int(number))
    assert jax.process_count() == 2
size = {"crew_size": 2, "devices": 1} if number != "alone" else {"crew_size": 1}
print(trained(1.0 * hc.Slot(1), steps=8192, **size))
"""


def python(body: str, *words: object, devices: int = 1) -> subprocess.Popen:
    """A program on so many devices of the host."""
    count = "--xla_force_host_platform_device_count"
    flags = re.sub(rf"{count}=\d+", "", os.environ.get("XLA_FLAGS", ""))
    path = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    known = {"PYTHONPATH": path, "XLA_FLAGS": f"{flags} {count}={devices}"}
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + body, *map(str, words)],
        env=os.environ | known, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def told(run: subprocess.Popen) -> str:
    out, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    return out


@pytest.mark.slow
def test_four_devices_give_the_bits_of_one():
    told(python(SAME, devices=4))


@pytest.mark.slow
def test_two_processes_train_as_one():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    runs = [python(TRAIN, port, number) for number in ("alone", 0, 1)]
    assert len({told(run).splitlines()[-1] for run in runs}) == 1  # gloo tells, too


def test_what_devices_cannot_share_is_refused(monkeypatch):
    lqr, start = hc.reference("lqr", TASK), [0.0, 3.1, 0.0, 0.0]
    few = {"seconds": 0.4, "loop": TASK.loop}
    with pytest.raises(ValueError, match="devices=2 but JAX has 1 here; give"):
        hc.evaluate(TASK, lqr, n=4, devices=2)
    monkeypatch.setattr(jax, "local_device_count", lambda: 4)
    with pytest.raises(ValueError, match="6 rows cannot be shared evenly by 4 dev"):
        hc.simulate(TASK.plant, lqr, [start] * 6, **few, devices=4)
    with pytest.raises(ValueError, match="devices=4 share a batch of starts"):
        hc.simulate(TASK.plant, lqr, start, **few, devices=4)
    with pytest.raises(ValueError, match="learns on one device, not on devices=4"):
        hc.train(TASK, 1.0 * hc.Slot(1), algorithm="hjb", devices=4)
    with pytest.raises(ValueError, match="256 environments cannot be shared evenly"):
        hc.train(TASK, 1.0 * hc.Slot(1), devices=3)
    for wrong in (0, -1, 1.5):
        with pytest.raises(ValueError, match="devices"):
            hc.train(TASK, 1.0 * hc.Slot(1), devices=wrong)


def test_our_engines_use_one_device_unless_asked(monkeypatch):
    monkeypatch.setattr(jax, "local_device_count", lambda: 4)
    assert crew(Config()).size == 1 and crew(asked_for(Config(), 4)).size == 4
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert crew(Config()).size == 1 and crew(asked_for(Config(), 1)).size == 2
