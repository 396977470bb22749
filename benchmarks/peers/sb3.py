"""Seconds until stable-baselines3's PPO holds the pole.

`benchmarks/questions/learn.py` runs this with the interpreter that `make bench-peers`
makes, which has no hybridctl. The one argument is a JSON object: {"seed", "began",
"target"} trains, {"K", "starts"} follows a state feedback, so that both tasks can be
compared. Prints one line of JSON.

Tuned for the seconds until solved on seeds that the benchmark does not use.
"""
# pyright: reportMissingImports=false

import importlib.metadata
import json
import sys
import time
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from benchmarks.peers.cartpole import FORCE, PERIODS, UP, draw, failed, period
from benchmarks.peers.vec_env import Balance

IMPORTED = time.time()
LANES, GAMMA, EVERY, MOST = 256, 0.99, 8192, 2_000_000
SETTINGS: dict[str, Any] = {
    "n_steps": 16,
    "batch_size": 1024,
    "n_epochs": 4,
    "learning_rate": 2e-3,
    "clip_range": 0.3,
    "ent_coef": 0.01,
    "policy_kwargs": {"net_arch": [32, 32]},
}
EPISODES, VALIDATION, CONFIRMATION, UNSEEN = 128, 1_000_001, 1_000_002, 11
PACKAGES = ("stable-baselines3", "torch", "gymnasium", "numpy")


def policy_of(model: Any, env: VecNormalize) -> Any:
    """The deterministic policy in NumPy: quicker to validate than `model.predict`."""
    modules = [*model.policy.mlp_extractor.policy_net, model.policy.action_net]
    linear = [m for m in modules if isinstance(m, torch.nn.Linear)]
    numbers = lambda m: (m.weight.detach().numpy().T, m.bias.detach().numpy())  # noqa: E731
    *hidden, (W, b) = map(numbers, linear)

    def policy(x: np.ndarray) -> np.ndarray:
        y = env.normalize_obs((x - UP).T)
        for weight, bias in hidden:
            y = np.tanh(y @ weight + bias)
        return np.clip(y @ W + b, -1.0, 1.0)[:, 0]

    return policy


def score(policy: Any, seed: int, target: float) -> float:
    """Mean length of validation episodes, given up once it cannot reach the target."""
    x, length = draw(np.random.default_rng(seed), EPISODES), 0
    for left in reversed(range(PERIODS)):
        x = period(x, FORCE * policy(x))
        x = x[:, ~failed(x)]
        length += x.shape[1]
        if length + left * x.shape[1] < target * EPISODES:
            break
    return length / EPISODES


def train(seed: int, began: float, target: float) -> dict[str, Any]:
    """Train until validation reaches the target and other episodes confirm it."""
    torch.set_num_threads(1)
    env = VecNormalize(Balance(LANES, seed), gamma=GAMMA)
    model = PPO("MlpPolicy", env, gamma=GAMMA, seed=seed, device="cpu", **SETTINGS)
    built = time.time()  # torch imports half of itself when an optimizer is made
    solved, confirmed = False, None
    while not solved and model.num_timesteps < MOST:
        model.learn(EVERY, reset_num_timesteps=False, log_interval=None)  # goes on
        policy = policy_of(model, env)
        if score(policy, VALIDATION, target) >= target:
            confirmed = score(policy, CONFIRMATION, target)
            solved = confirmed >= target
    now, cpu = time.time(), time.process_time()
    return {
        "seed": seed,
        "solved": solved,
        "seconds": now - began,
        "cpu": cpu,
        "steps": model.num_timesteps,
        "confirmed": confirmed,
        "length": score(policy_of(model, env), UNSEEN, 0.0),
        "import": IMPORTED - began,
        "build": built - IMPORTED,
        "train": now - built,
        "settings": {"lanes": LANES, "gamma": GAMMA, "every": EVERY, **SETTINGS},
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def follow(K: list, starts: list) -> dict[str, Any]:
    """Episodes under u = -K e from given starts, in float64, as SB3 sees them."""
    env = Balance(len(starts), seed=0)
    env.reset()
    env.x, rows = np.array(starts).T, []
    error = (env.x - UP).T
    for _ in range(PERIODS):
        error, reward, done, infos = env.step(np.clip(-error @ np.array(K).T, -1, 1))
        cut = [info.get("TimeLimit.truncated", False) for info in infos]
        last = error.copy()
        for lane in np.flatnonzero(done):
            last[lane] = infos[lane]["terminal_observation"]
        rows.append({"reward": reward, "done": done, "cut": cut, "error": last})
    return {name: np.array([row[name] for row in rows]).tolist() for name in rows[0]}


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    print(json.dumps(train(**job) if "seed" in job else follow(**job)))
