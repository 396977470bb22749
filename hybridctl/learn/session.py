"""One training under supervision: validate, keep the best, stop where that is due."""

import contextlib
import dataclasses
import math
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np

from hybridctl.cache import kept_programs
from hybridctl.checks import fail
from hybridctl.controllers import Controller, Policy, fill
from hybridctl.controllers.controller import Scaled
from hybridctl.describe import told
from hybridctl.learn.checkpoint import Checkpoint
from hybridctl.learn.config import Config
from hybridctl.learn.devices import shortfall
from hybridctl.learn.engine import Offer, Totals, engine
from hybridctl.learn.lane import Lane
from hybridctl.learn.progress import Watched
from hybridctl.learn.run import Run, Taught
from hybridctl.learn.teach.lesson import Lesson
from hybridctl.learn.teach.student import Student
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import Scores, scored
from hybridctl.tasks.statistics import Interval, student_mean

CANDIDATES, ROUNDS = 3, 3  # of the election at the end, and validations of each
CLONE = 0  # the first row of a curve that begins with a teacher
SURE = 0.999  # that what is the best of several by chance does not replace it
VALIDATION, ELECTION = 1_000_001, 1_000_003
JUDGEMENT = ELECTION + ROUNDS  # episodes that no decision of a training sees
CONFIRMATION = 2_000_000  # and those after it, one a validation
Listener = Callable[[Run], None]


@runtime_checkable
class Keeper(Protocol):
    """A listener with something to prepare, such as a folder on a disk."""

    def training(
        self, seed: int, curve: list[dict[str, float]]
    ) -> contextlib.AbstractContextManager:
        """Entered before anything compiles; may refuse.

        Args:
            seed: of the training.
            curve: of the run that it goes on from, or empty.
        """
        ...


class Stop(Exception):
    """Leaves a trainer; says why."""


class Session:
    """Validates every policy that a trainer offers and keeps the best.

    Args:
        task: without the goal that only training has.
        template: what is filled.
        config: settings.
        seed: of the run.
        bar: shows progress.
        listeners: called with the run so far after every validation.
        resume: a run to go on from.
        lesson: what a teacher has to say first.
    """

    def __init__(
        self,
        task: Task,
        template: Controller,
        config: Config,
        seed: int,
        bar: Watched,
        listeners: tuple[Listener, ...] = (),
        resume: Run | None = None,
        lesson: Lesson | None = None,
    ):
        self.task, self.template, self.config = task, template, config
        self.seed, self.bar, self.listeners = seed, bar, listeners
        self.curve = [] if resume is None else list(resume.curve)
        self.policies: dict[int, Controller] = {}
        self.best = 0 if resume is None else resume.best
        if resume is not None:
            self.policies[resume.best] = resume.policy
        self.checkpoint = None if resume is None else resume.checkpoint
        self.known = resume is not None  # what our trainers offer first
        self.last = None if resume is None else resume.last
        self.confirmed: float | None = None
        self.spent = self.curve[-1]["seconds"] if self.curve else 0.0
        self.totals: Totals | None = None
        self.lesson, self.taught = lesson, None if resume is None else resume.taught
        self.stopped, self.cancelled = "running", threading.Event()
        self.began = self.clock = time.perf_counter()
        self.import_seconds = 0.0
        self.train_seconds: list[float] = []
        self.eval_seconds: list[float] = []

    @kept_programs()
    def run(self, env: Lane) -> Run:
        """Train until the end, the target, Ctrl-C or divergence."""
        self.began = self.clock = time.perf_counter()
        idle = shortfall(self.config)
        if idle:
            self.bar.say(idle)
        try:
            if self.lesson is not None:
                self.teach(self.lesson)
            if self.config.steps:
                train = engine(self.config)
                self.import_seconds = time.perf_counter() - self.clock
                self.clock = time.perf_counter()
                train(env, self.config, self._seed(), self.take, self.checkpoint)
            self.stopped = "finished"
        except Stop as stop:
            self.stopped = str(stop)
        except KeyboardInterrupt:
            if not self.policies:
                raise
            self.stopped = "interrupted"
            self.bar.say("interrupted: the best policy so far is kept")
        if not self.policies:
            fail("training diverged before it began; check the task's reward and plant")
        if self.stopped != "target":
            self.elect()
        found = dataclasses.replace(
            self.snapshot(), better_than_base=self.against_base()
        )
        self.tell(found)
        return found

    def teach(self, lesson: Lesson) -> None:
        """Learn from a teacher; what comes of it is where the training begins."""
        student = Student(lesson, self.config, self.seed)
        try:
            for done in student.rounds_taught():
                self.bar.teach(done)
                if self.cancelled.is_set():
                    break
        except KeyboardInterrupt:
            if not student.begun:
                raise
            self.bar.say("interrupted: the clone so far is kept")
            self.cancelled.set()
        scores = scored(
            self.task, lesson.teacher, self.config.num_eval_envs, VALIDATION
        )
        teacher = float(values_of(self.task, scores).mean())
        self.spent = time.perf_counter() - self.began
        self.taught = Taught(teacher, student.error(), self.spent)
        self.clock = time.perf_counter()
        self.take(student.offer())
        self.train_seconds.clear()

    def _seed(self) -> int:
        """A resumed training draws other episodes than the one that it goes on from."""
        done = 0 if self.checkpoint is None else self.checkpoint.steps
        mixed = np.random.SeedSequence([self.seed, done]).generate_state(1)[0]
        return int(mixed >> 1) if done else self.seed

    def take(self, offer: Offer) -> None:
        """Validate what the trainer offers."""
        now = time.perf_counter()
        self.train_seconds.append(now - self.clock)
        if not _is_finite(offer.policy):
            self.bar.say("diverged: the best policy before that is kept")
            raise Stop("diverged")
        first = self.known and self.config.trained_by == "jax"
        again = first or (bool(self.curve) and offer.steps <= self.curve[-1]["steps"])
        self.known = False
        if again:  # the first offer of a resumed training is known
            self.totals = offer.totals
        else:
            self.add(offer)
        self.clock = time.perf_counter()
        self.eval_seconds.append(self.clock - now)
        if again:
            return
        self.bar.show(self.curve[-1])
        self.tell(self.snapshot())
        self.clock = time.perf_counter()
        self.stop_at_target(offer.policy)
        if self.cancelled.is_set():
            raise Stop("interrupted")

    def add(self, offer: Offer) -> None:
        """A new row of the curve, and the policy to keep if it is among the best."""
        scores = self.validate(offer.policy, VALIDATION)
        point = self.point(offer, scores)
        self.curve.append(point)
        self.policies[len(self.curve) - 1] = offer.policy
        self.last = fill(self.template, offer.policy)
        arrays, name = offer.arrays, self.config.algorithm
        self.checkpoint = Checkpoint(name, offer.steps, arrays)
        ranked = sorted(self.policies, key=self._rank, reverse=True)
        self.best = ranked[0]
        kept = {*ranked[:CANDIDATES], *([] if self.taught is None else [CLONE])}
        self.policies = {i: self.policies[i] for i in ranked if i in kept}

    def _rank(self, i: int) -> tuple[float, float]:
        """By score; of equal ones, as all that survive have, the lower cost."""
        return self.curve[i]["score"], -self.curve[i]["cost"]

    def stop_at_target(self, policy: Controller) -> None:
        """Stop once the target is reached here and on episodes met for the first time.

        The same ones at every validation would let those that happen to be easy for
        one of many policies confirm it.
        """
        target = self.config.target
        if target is None or self.curve[-1]["score"] < target:
            return
        scores = self.validate(policy, CONFIRMATION + len(self.curve))
        self.confirmed = float(values_of(self.task, scores).mean())
        if self.confirmed >= target:
            self.best = len(self.curve) - 1
            self.policies[self.best] = policy
            self.stopped = "target"
            if self.curve[-1]["steps"] == 0 and self.taught is None:
                self.bar.say(
                    "the base reaches the target already, so nothing was learned; to "
                    'lower its cost, train on the task with reward="cost"'
                )
            raise Stop("target")

    def elect(self) -> None:
        """Choose among the best few on more episodes, so that luck decides less.

        A clone stays unless the best is better than it for sure.
        """
        if len(self.policies) < 2:
            return
        values = {i: self._values(policy) for i, policy in self.policies.items()}

        def votes(i: int) -> float:
            return self.curve[i]["score"] + ROUNDS * float(values[i].mean())

        self.best = max(self.policies, key=lambda i: (votes(i), *self._rank(i)))
        if self.taught is not None and CLONE in values:
            gain = student_mean(values[self.best] - values[CLONE], SURE)
            self.best = self.best if gain.low > 0 else CLONE

    def _values(self, policy: Controller) -> np.ndarray:
        """What a policy reaches on each episode of the election."""
        rounds = range(ELECTION, ELECTION + ROUNDS)
        found = [self.validate(policy, seed) for seed in rounds]
        return np.concatenate([values_of(self.task, scores) for scores in found])

    def against_base(self) -> Interval:
        """By how much the best policy beats empty Slots, in pairs."""
        policy = self.policies[self.best]
        both = [self.validate(p, JUDGEMENT) for p in (policy, _silent(policy))]
        ours, base = (values_of(self.task, scores) for scores in both)
        gain = ours - base
        found = student_mean(gain)
        if found.high < 0:
            self.bar.say(f"worse than its base: score {found}; train longer")
        return found

    def validate(self, policy: Controller, seed: Any) -> Scores:
        """Scores of the filled template on the episodes of a seed or key."""
        filled = fill(self.template, policy)
        return scored(self.task, filled, self.config.num_eval_envs, seed)

    def point(self, offer: Offer, scores: Scores) -> dict[str, float]:
        """One row of the learning curve."""
        return {
            "steps": float(offer.steps),
            "seconds": self.spent + sum(self.train_seconds) + sum(self.eval_seconds),
            "score": float(values_of(self.task, scores).mean()),
            "reward": float(scores.reward.mean()),
            "length": float(scores.length.mean()),
            "cost": float(scores.cost.mean()),
            "success": float(scores.success.mean()),
            **self._trained(offer),
        }

    def _trained(self, offer: Offer) -> dict[str, float]:
        """What happened in training since the last validation."""
        names = ("train_reward", "train_failed", "not_finite")
        if offer.totals is None:
            return dict.fromkeys(names, math.nan)
        before = self.totals or Totals(*(0.0 for _ in offer.totals))
        self.totals = offer.totals
        reward, ended, failed, _ = np.subtract(offer.totals, before)
        made = offer.steps - (self.curve[-1]["steps"] if self.curve else 0.0)
        per_decision = reward / made if made > 0 else math.nan
        share = failed / round(ended) if round(ended) > 0 else math.nan
        broken = float(round(offer.totals.not_finite))
        return dict(
            zip(names, (float(per_decision), float(share), broken), strict=True)
        )

    def tell(self, run: Run) -> None:
        """Show the run to all who listen; a full disk does not end a training."""
        for listener in self.listeners:
            try:
                listener(run)
            except OSError as error:
                self.bar.say(f"not written, training goes on: {error}")

    def snapshot(self) -> Run:
        """The run so far."""
        policy = self.policies[self.best]
        newest = self.last if self.best == len(self.curve) - 1 else None
        controller = fill(self.template, policy) if newest is None else newest
        return Run(
            controller=told(controller, self.task.plant),
            policy=policy,
            curve=list(self.curve),
            timing=self.timing(),
            config=self.config,
            task=self.task.name,
            seed=self.seed,
            stopped=self.stopped,
            best=self.best,
            confirmed=self.confirmed,
            checkpoint=self.checkpoint,
            last=self.last,
            taught=self.taught,
        )

    def timing(self) -> dict[str, float]:
        """Seconds: compiling is what the first rounds took longer than the later."""
        before, rounds = self.train_seconds[:1], self.train_seconds[1:]
        (more, train), (first, check) = map(_parted, (rounds, self.eval_seconds))
        return {
            "import": self.import_seconds,
            "compile": sum(before) + more + first,
            "train": train,
            "eval": check,
            "total": time.perf_counter() - self.began,
        }


def _parted(seconds: list[float]) -> tuple[float, float]:
    """What the first of equal rounds took longer than usual, and all the rest."""
    usual = float(np.median(seconds[1:] or [0.0]))
    more = max(seconds[0] - usual, 0.0) if seconds else 0.0
    return more, sum(seconds) - more


def values_of(task: Task, scores: Scores) -> np.ndarray:
    """What validation maximizes: the return, or minus J where the reward is a cost."""
    return scores.reward if task.reward == "alive" else -scores.cost


def _silent(policy: Controller) -> Controller:
    """The same with outputs of zero: empty Slots, without compiling anew."""
    if isinstance(policy, Policy):
        weights, biases = list(policy.weights), list(policy.biases)
        weights[-1], biases[-1] = 0.0 * weights[-1], 0.0 * biases[-1]
        return dataclasses.replace(policy, weights=weights, biases=biases)
    scale = policy.scale if isinstance(policy, Scaled) else 1.0
    inner = policy.inner if isinstance(policy, Scaled) else policy
    return (0.0 * scale) * inner


def _is_finite(policy: Controller) -> bool:
    arrays = jax.tree.leaves(eqx.filter(policy, eqx.is_array))
    return all(np.isfinite(np.asarray(a)).all() for a in arrays)
