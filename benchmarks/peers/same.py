"""Is the task of the peers ours? Episodes in float64, compared period by period."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

import hybridctl as hc

Peer = Callable[[dict[str, Any]], dict[str, Any]]


def difference(peer: Peer) -> float:
    """The largest difference of a state; refuses a peer whose episodes end elsewhere.

    An LQR that may push with 1 N starts so far out that some episodes fail.

    Args:
        peer: from {"K", "starts"} to what every period shows, [periods, lanes].
    """
    jax.config.update("jax_enable_x64", True)
    task = hc.tasks.get("balance")
    up, dt = task.target, task.loop.dt
    lqr = hc.lqr(task.plant, up, Q=[1, 10, 1, 1], R=[0.1], dt=dt)
    starts = up.x + np.random.default_rng(0).uniform(-0.2, 0.2, (16, 4))
    seen = peer({"K": np.asarray(lqr.K).tolist(), "starts": starts.tolist()})
    theirs = {name: np.array(values) for name, values in seen.items()}
    loop = hc.Loop(dt, actuator=hc.Actuator(limit=1.0))
    trace = hc.simulate(task.plant, lqr, starts, task.seconds, loop=loop)
    error = np.swapaxes(np.asarray(trace.x)[:, 1:] - up.x, 0, 1)
    failed = _failed(task, error)
    over = failed.copy()
    over[-1] = True  # the time limit
    first = over.argmax(0)
    lived = np.arange(task.steps)[:, None] <= first
    expected = {"done": over, "cut": over & ~failed, "reward": ~failed}
    for name, value in expected.items():
        if (theirs[name] != value)[lived].any():
            raise SystemExit(f"the peers' task is not hybridctl's: {name} differs")
    if not failed[lived].any() or failed[lived].sum() == len(starts):
        raise SystemExit("the comparison needs episodes that fail and that do not")
    return float(np.abs(theirs["error"] - error)[lived].max())


def save(path: Path, learned: dict[str, Any]) -> None:
    """What RLtools learned, which observes the error, as a file of ours."""
    up = hc.tasks.get("balance").target.x
    layers, scale = learned["layers"], np.array(learned["precision"])
    policy = hc.Policy(
        hc.Features(len(up), tuple(range(len(up)))),
        [np.array(layer["weights"]) for layer in layers],
        [np.array(layer["biases"]) for layer in layers],
        up + np.array(learned["mean"]),
        1 / scale,
        squash="clip",
    )
    hc.save(path, policy)


def _failed(task: Any, error: np.ndarray) -> Any:
    """Where a state is beyond the task's limits."""
    limits = [task.limits.get(name, np.inf) for name in task.plant.states]
    return np.any(np.abs(error) > limits, axis=-1)
