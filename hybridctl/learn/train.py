"""`train`: fill the Slots of a template by learning on a task."""

import dataclasses
import time
from typing import Any

import numpy as np

from hybridctl.checks import fail, require
from hybridctl.controllers import Controller, Features, Policy, StateFeedback, fill
from hybridctl.controllers.inspect import walk
from hybridctl.learn.brax import IMPORT_SECONDS
from hybridctl.learn.config import Config, preset
from hybridctl.learn.env import Env
from hybridctl.learn.ppo import train_ppo
from hybridctl.learn.progress import Watch
from hybridctl.learn.run import Run
from hybridctl.loop import enable_cache
from hybridctl.tasks import Goal, Task
from hybridctl.tasks.evaluate import Scores, check_pair, evaluate

VALIDATION, CONFIRMATION = 1_000_001, 1_000_002  # seeds that are not for comparing


class _Stop(Exception):
    """Leaves brax's training; carries why."""


def train(
    task: Task,
    template: Controller,
    *,
    algorithm: str = "ppo",
    steps: int | None = None,
    seed: int = 0,
    config: Config | str | None = None,
    features: Features | None = None,
    progress: bool = True,
    **settings: Any,
) -> Run:
    """Train a policy for the Slots of a template, where it will be used.

    The best policy of all validations is kept, not the last. Ctrl-C keeps the best
    so far.

    Args:
        task: plant, loop, starts, reward and failure.
        template: a controller with Slots, such as `lqr + 5.0 * Slot(1)`.
        algorithm: "ppo".
        steps: decisions at most; the preset's by default.
        seed: of networks, episodes and exploration.
        config: settings, or a preset's name; by default the preset that is meant
            for the task's reward.
        features: what the policy observes; by default all states, angles as sin
            and cos, and the mode where the template has modes.
        progress: show a progress bar.
        **settings: any other field of `Config`.

    Returns:
        A `Run` with the filled controller.

    Raises:
        ValueError: settings or parts that do not fit, before anything compiles.
    """
    began = time.perf_counter()
    config = _resolve(task, config, algorithm, steps, settings)
    require(isinstance(seed, int), f"seed={seed!r} must be a whole number")
    env = Env(_with_goal(task, template, config), template, features)
    enable_cache()
    watch = Watch(config, progress)
    session = _Session(task, template, config, watch)
    with watch:
        stopped = session.run(env, seed)
    total = time.perf_counter() - began
    return session.result(stopped, seed, total)


class _Session:
    """Validates every policy that training offers and keeps the best."""

    def __init__(self, task: Task, template: Controller, config: Config, watch: Watch):
        check_pair(task, template)
        self.task, self.template, self.config = task, template, config
        self.watch = watch
        self.curve: list[dict[str, float]] = []
        self.policy: Policy | None = None
        self.best, self.confirmed = 0, None
        self.clock = time.perf_counter()
        self.train_seconds: list[float] = []
        self.eval_seconds: list[float] = []

    def run(self, env: Env, seed: int) -> str:
        """Train until the end, the target, Ctrl-C or divergence; say which."""
        try:
            train_ppo(env, self.config, seed, self.offer)
        except _Stop as stop:
            return str(stop)
        except KeyboardInterrupt:
            if self.policy is None:
                raise
            self.watch.say("interrupted: the best policy so far is kept")
            return "interrupted"
        return "finished"

    def offer(self, steps: int, policy: Policy) -> None:
        """Validate a policy; keep it if it is the best; stop where that is due."""
        now = time.perf_counter()
        self.train_seconds.append(now - self.clock)
        if not _is_finite(policy):
            self.watch.say("diverged: the best policy before that is kept")
            raise _Stop("diverged")
        scores = self.validate(policy, VALIDATION)
        self.clock = time.perf_counter()
        self.eval_seconds.append(self.clock - now)
        point = self.point(steps, scores)
        self.curve.append(point)
        if self.policy is None or point["score"] > self.curve[self.best]["score"]:
            self.policy, self.best = policy, len(self.curve) - 1
        self.watch.show(point)
        self.stop_at_target(policy, point)

    def stop_at_target(self, policy: Policy, point: dict[str, float]) -> None:
        """Stop once the target is reached here and on episodes not seen before."""
        target = self.config.target
        if target is None or point["score"] < target:
            return
        self.confirmed = score_of(self.task, self.validate(policy, CONFIRMATION))
        if self.confirmed >= target:
            raise _Stop("target")

    def validate(self, policy: Policy, seed: int) -> Scores:
        """Scores of the filled template on the validation episodes."""
        filled = fill(self.template, policy)
        return evaluate(self.task, filled, self.config.eval_episodes, seed)

    def point(self, steps: int, scores: Scores) -> dict[str, float]:
        """One row of the learning curve."""
        return {
            "steps": float(steps),
            "seconds": sum(self.train_seconds) + sum(self.eval_seconds),
            "score": score_of(self.task, scores),
            "reward": float(scores.reward.mean()),
            "length": float(scores.length.mean()),
            "cost": float(scores.cost.mean()),
            "success": float(scores.success.mean()),
            "not_finite": float((~scores.finite).sum()),
        }

    def result(self, stopped: str, seed: int, total: float) -> Run:
        """What training gives back."""
        if self.policy is None:
            fail("training diverged before it began; check the task's reward and plant")
        return Run(
            controller=fill(self.template, self.policy),
            policy=self.policy,
            curve=self.curve,
            timing=self.timing(total),
            config=self.config,
            task=self.task.name,
            seed=seed,
            stopped=stopped,
            best=self.best,
            confirmed=self.confirmed,
        )

    def timing(self, total: float) -> dict[str, float]:
        """Seconds: compiling is what the first rounds took longer than the later."""
        later = self.train_seconds[2:] or [0.0]
        usual, check = float(np.median(later)), float(np.median(self.eval_seconds))
        train = usual * (len(self.train_seconds) - 1)
        evaluation = check * len(self.eval_seconds)
        spent = sum(self.train_seconds) + sum(self.eval_seconds)
        return {
            "import": IMPORT_SECONDS,
            "compile": max(spent - train - evaluation, 0.0),
            "train": train,
            "eval": evaluation,
            "total": total + IMPORT_SECONDS,
        }


def score_of(task: Task, scores: Scores) -> float:
    """What validation maximizes: the return, or minus J where the reward is a cost."""
    values = scores.reward if task.reward == "alive" else -scores.cost
    return float(values.mean())


def _resolve(
    task: Task,
    config: Config | str | None,
    algorithm: str,
    steps: int | None,
    changes: dict,
) -> Config:
    if config is None:
        config = "balance" if task.reward == "alive" else "swing"
    base = preset(config) if isinstance(config, str) else config
    if steps is not None:
        changes = {"steps": steps, **changes}
    base = base.replace(algorithm=algorithm, **changes)
    if base.target is None and task.reward == "alive":
        base = base.replace(target=0.995 * task.steps)
    return base


def _with_goal(task: Task, template: Controller, config: Config) -> Task:
    """The task that trains: with the lock of the template's LQR, if it has one."""
    if config.lock is None or task.goal is not None:
        return task
    known = (node for node, _ in walk(template) if isinstance(node, StateFeedback))
    V = next((node.V for node in known if node.X is not None), None)
    goal = None if V is None else Goal(V, config.lock)
    return dataclasses.replace(task, goal=goal)


def _is_finite(policy: Policy) -> bool:
    arrays = (*policy.weights, *policy.biases, policy.mean, policy.std)
    return all(np.isfinite(np.asarray(a)).all() for a in arrays)
