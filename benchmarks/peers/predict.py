"""Microseconds of stable-baselines3's `predict`, one observation a call."""

import importlib.metadata
import json
import sys
import time

import gymnasium
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from stable_baselines3 import PPO  # pyright: ignore[reportMissingImports]


class Still(gymnasium.Env):
    """Five numbers to see and one to give."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (5,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        """Zeros."""
        return np.zeros(5, np.float32), {}

    def step(self, action):
        """Nothing happens."""
        return np.zeros(5, np.float32), 0.0, False, False, {}


def timed(width: int, seconds: float) -> dict[str, float]:
    sizes = {"net_arch": [width, width]}
    model = PPO("MlpPolicy", Still(), policy_kwargs=sizes, device="cpu", n_steps=8)
    rows = list(np.random.default_rng(0).normal(size=(100, 5)).astype(np.float32))
    clock, spent = time.perf_counter_ns, []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for row in rows:
            began = clock()
            model.predict(row, deterministic=True)
            spent.append(clock() - began)
    p50, p99 = np.percentile(spent, [50, 99]) / 1e3
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    found: dict[str, object] = {
        f"policy 2x{n}": timed(n, float(sys.argv[1])) for n in (32, 64)
    }
    found["version"] = importlib.metadata.version("stable-baselines3")
    print(json.dumps(found))
