"""Does stable-baselines3 train on our environments, and does its policy come back?

Gymnasium's checker goes over every registered id, with every warning kept. SB3's PPO
then trains on one of them, and the same policy is scored twice on the same episodes:
by SB3's own `predict`, asked from the loop (`hc.Foreign`), and as `hc.from_sb3` reads
it. Run it with a Python that has hybridctl, gymnasium, stable-baselines3 and torch:
`python -m benchmarks.questions.sb3`. Writes benchmarks/results/sb3.json.
"""
# pyright: reportMissingImports=false

import dataclasses
import importlib.metadata
import json
import time
import warnings
from typing import Any

import gymnasium
import numpy as np
import tyro
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.gym import env_id
from hybridctl.names import TASKS

RESULT = results.path("sb3")
PACKAGES = ("stable-baselines3", "torch", "gymnasium")


def checked(name: str) -> list[str]:
    """What Gymnasium's checker warns of, without pictures and with them."""
    said: list[str] = []
    for mode in (None, "rgb_array"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            env = gymnasium.make(env_id(name), render_mode=mode)
            check_env(env.unwrapped)
            env.reset(seed=0)
            env.step(env.action_space.sample())
            env.render()
            env.close()
        said += [str(warning.message) for warning in caught]
    return said


def episode(env: gymnasium.Env, model: Any) -> NDArray:
    """What SB3 sees in an episode under its own predictions."""
    obs, over = env.reset(seed=1)[0], False
    seen = [obs]
    while not over:
        action = model.predict(obs, deterministic=True)[0]
        obs, _, terminated, truncated, _ = env.step(action)
        over = terminated or truncated
        seen.append(obs)
    return np.array(seen)


def difference(model: Any, policy: hc.Policy, seen: NDArray) -> dict[str, float]:
    """Largest |difference| of the two answers to the same observations."""
    size = policy.features.size
    as_it_is = hc.Features(size, tuple(range(size)))
    plain = dataclasses.replace(policy, features=as_it_is)
    pilot = hc.embed(plain, policy.dt or 0.02)
    ours = np.array([pilot(obs) for obs in seen])
    theirs = model.predict(seen, deterministic=True)[0]
    return {
        "observations": len(seen),
        "largest": float(np.abs(ours - theirs).max()),
        "largest_action": float(np.abs(theirs).max()),
    }


def score(task: hc.Task, controller: hc.Controller, n: int) -> dict[str, Any]:
    """On n episodes, and how long that took the second time."""
    hc.evaluate(task, controller, n)
    began = time.perf_counter()
    found = hc.evaluate(task, controller, n)
    seconds = time.perf_counter() - began
    lengths = found.length.tolist()
    return {
        "length": float(np.mean(lengths)),
        "J": float(found.cost.mean()),
        "seconds": seconds,
        "lengths": lengths,
    }


def drawn(env: gymnasium.Env) -> np.ndarray:
    """Random observations, [4096, n]."""
    space = np.minimum(env.observation_space.high, 10.0)  # type: ignore[attr-defined]
    rng = np.random.default_rng(0)
    return rng.uniform(-space, space, (4096, len(space))).astype(np.float32)


def main(name: str = "balance", steps: int = 2000, n: int = 128) -> None:
    """Check, train, compare and write the result.

    Args:
        name: task to train on.
        steps: decisions of SB3's PPO.
        n: episodes of both scores.
    """
    import stable_baselines3 as sb3
    import torch

    torch.set_num_threads(1)
    said = {env_id(task): checked(task) for task in TASKS}
    env = gymnasium.make(env_id(name))
    model = sb3.PPO("MlpPolicy", env, n_steps=500, batch_size=100, seed=0, device="cpu")
    began = time.perf_counter()
    model.learn(steps)
    spent = time.perf_counter() - began
    policy, seen = hc.from_sb3(model), episode(env, model)
    random, task = drawn(env), hc.tasks.get(name)
    foreign = hc.Foreign(
        lambda obs: model.predict(obs, deterministic=True)[0],
        policy.features, batched=True,
    )  # fmt: skip
    ways = {"predict": foreign, "policy": policy}
    template = hc.template("ppo", task)
    scores = {k: score(task, hc.fill(template, c), n) for k, c in ways.items()}
    lengths = [np.array(scores[way].pop("lengths")) for way in ways]
    peers = {package: importlib.metadata.version(package) for package in PACKAGES}
    result = {
        "about": about() | {"peers": peers},
        "check_env": said,
        "warnings": sum(map(len, said.values())),
        "trained": {"id": env_id(name), "steps": model.num_timesteps, "seconds": spent},
        "difference": {
            "episode": difference(model, policy, seen),
            "random": difference(model, policy, random),
        },
        "episodes": n,
        "scores": scores,
        "lengths_differ": int(np.sum(lengths[0] != lengths[1])),
    }
    results.write(RESULT, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
