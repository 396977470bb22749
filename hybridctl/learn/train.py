"""`train`: fill the Slots of a template by learning on a task."""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any, overload

import numpy as np

from hybridctl.cache import cores
from hybridctl.checks import fail, require
from hybridctl.controllers import Controller, Features, Slot, StateFeedback
from hybridctl.controllers.controller import walk
from hybridctl.controllers.fill import held
from hybridctl.controllers.value import Value
from hybridctl.learn.config import Config
from hybridctl.learn.devices import alone, asked_for
from hybridctl.learn.lane import Lane
from hybridctl.learn.presets import gently, meant_for, preset, told
from hybridctl.learn.progress import Watched
from hybridctl.learn.run import Run, Runs
from hybridctl.learn.session import Keeper, Listener, Session
from hybridctl.learn.teach.lesson import lesson_of
from hybridctl.progress import Bars
from hybridctl.scale.workers import On, Workers
from hybridctl.strategies.reference import locked
from hybridctl.tasks import Goal, Task


@overload
def train(
    task: Task, template: Controller, *, seeds: None = None, **options: Any
) -> Run: ...
@overload
def train(task: Task, template: Controller, *, seeds: int, **options: Any) -> Runs: ...
def train(
    task: Task,
    template: Controller,
    *,
    algorithm: str | None = None,
    engine: str | None = None,
    steps: int | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    config: Config | str | None = None,
    features: Features | None = None,
    teacher: Value | Controller | None = None,
    resume: Run | None = None,
    on_validation: Listener | Sequence[Listener] = (),
    progress: bool = True,
    on: On = None,
    devices: int | None = None,
    **settings: Any,
) -> Run | Runs:
    """Train a policy for the Slots of a template, where it will be used.

    A template with empty Slots is where training starts, exactly. The best policy
    of all validations is kept, not the last; Ctrl-C keeps the best so far, also of
    several seeds.

    Args:
        task: plant, loop, starts, reward and failure.
        template: a controller with Slots, such as `lqr + 5.0 * Slot(1)`.
        algorithm: "ppo", "sac", or "hjb", which learns the value of a known plant; by
            default the config's, or what the template's Slots are made for.
        engine: "jax", ours, or "brax"; by default the config's, or ours where it has
            the algorithm.
        steps: decisions at most; the preset's by default. 0: only the teacher's clone.
        seed: of networks, episodes and exploration; by default 0, or of `resume` its
            own.
        seeds: train with this many seeds, from `seed` on, side by side.
        config: settings, or a preset's name; by default the preset that is meant
            for the task.
        features: what the policy observes; by default all states, angles as sin
            and cos, and the mode where the template has modes.
        teacher: whom the policy imitates before it learns on by itself. Of a `Value` it
            learns to take inputs that cost little from then on, of a `Controller` of
            the plant's whole input, a `Foreign` too, to give the same input; on the
            states that it meets itself.
        resume: a run to go on from, up to `steps` decisions in all: of our own trainers
            bit for bit, of brax's with networks and normalizer alone. Rates that fall
            do so with the share of `steps` that is done, so with more steps they rise
            again first.
        on_validation: called with the `Run` so far after every validation; one or
            several, such as an `hc.RunFolder`.
        progress: show a progress bar.
        on: who trains the seeds, one each, see `hc.scale.Workers`: None (threads of
            this process), a number of processes, any Executor. The runs are the same;
            `on_validation` is called there, and Ctrl-C leaves what it kept.
        devices: of this process that share the environments of PPO, of
            `jax.local_devices()`, with the same results; in a program of several
            processes (`jax.distributed`) of each of them. None: one, of brax all.
        **settings: any other field of `Config`.

    Returns:
        A `Run` with the filled controller; `Runs` where `seeds` is given.

    Raises:
        ValueError: settings or parts that do not fit, before anything compiles.
    """
    given = {k: v for k, v in locals().items() if k in _OPTIONS} | settings
    known = None if resume is None else _made_with(resume)
    anew = teacher is None and resume is None and config is None
    made_for = _made_for(template) if anew else None
    config = _resolve(
        task,
        known if config is None else config,
        {"algorithm": algorithm or made_for, "engine": engine, "steps": steps},
        settings,
        teacher is not None,
    )
    config = asked_for(config, devices)
    _check_resume(resume, seeds, task, config)
    usual = 0 if resume is None else resume.seed
    seed, seeds = _checked_seeds(usual if seed is None else seed, seeds)
    _check_teacher(teacher, resume, config)
    require(
        features is None or config.algorithm != "hjb",
        'features= are those of a policy; algorithm="hjb" learns a value of the state, '
        "so leave them out",
    )
    if on is not None:
        shared = task, template, given
        return _elsewhere(shared, seed, seeds, on, "train" if progress else "")
    template = held(template, config.action_repeat)
    listeners = _checked_listeners(on_validation)
    numbers = range(seed, seed + (seeds or 1))
    aimed = _with_goal(task, template, config)
    env = Lane(aimed, template, features)
    lesson = None if teacher is None else lesson_of(teacher, env)
    with _prepared(listeners, numbers, resume), Bars(progress) as bars:

        def session(number: int, name: str) -> Session:
            bar = Watched(bars, name, config.steps)
            parts = (task, template, config, number, bar, listeners, resume, lesson)
            return Session(*parts)

        if seeds is None:
            return session(seed, f"train {config.algorithm}").run(env)
        at_once = cores() if alone(config) else 1  # two programs would mix their lanes
        return _side_by_side([session(s, f"seed {s}") for s in numbers], env, at_once)


@contextlib.contextmanager
def _prepared(
    listeners: tuple[Listener, ...], seeds: Iterable[int], resume: Run | None
) -> Iterator[None]:
    """Listeners that are ready, or refuse before anything compiles."""
    curve = [] if resume is None else resume.curve
    keepers = [listener for listener in listeners if isinstance(listener, Keeper)]
    with contextlib.ExitStack() as stack:
        for seed, keeper in itertools.product(seeds, keepers):
            stack.enter_context(keeper.training(seed, curve))
        yield


def _side_by_side(sessions: list[Session], env: Lane, at_once: int) -> Runs:
    """Run sessions in threads, one a core: compiled training lets go of Python."""
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        waiting = [pool.submit(session.run, env) for session in sessions]
        try:
            _watch(waiting)
        except KeyboardInterrupt:  # keep the best so far of those that have begun
            waiting = _cancel(waiting, sessions)
            if not waiting:
                raise
        if any(future.done() and future.exception() for future in waiting):
            _cancel(waiting, sessions)
    runs = tuple(f.result() for f in waiting if not f.cancelled())
    return Runs(runs, time.perf_counter() - began)


_OPTIONS = (
    "algorithm", "engine", "steps", "config", "features", "teacher", "resume",
    "on_validation", "devices",
)  # fmt: skip


def _elsewhere(shared: tuple, seed: int, seeds: int | None, on: On, name: str) -> Runs:
    """Every seed a training of its own, wherever."""
    if seeds is None:
        fail("on= shares the seeds of a training; give seeds, or leave out on")
    began, numbers = time.perf_counter(), range(seed, seed + seeds)
    with Workers.of(on) as team:
        told = "seed {}".format
        runs = tuple(team.map(_train_seed, shared, numbers, name, told=told))
    return Runs(runs, time.perf_counter() - began)


def _train_seed(shared: tuple[Task, Controller, dict[str, Any]], seed: int) -> Run:
    task, template, given = shared
    return train(task, template, seed=seed, progress=False, **given)


def _watch(waiting: list[Future]) -> None:
    """Until all have ended or one has failed; wakes up for Ctrl-C."""
    undone = set(waiting)
    while undone:
        done, undone = wait(undone, 0.2, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            return


def _cancel(waiting: list[Future], sessions: list[Session]) -> list[Future]:
    """Stop sessions at their next validation; those that had begun are left."""
    for session in sessions:
        session.cancelled.set()
    return [future for future in waiting if not future.cancel()]


def _checked_listeners(given: Any) -> tuple[Listener, ...]:
    """One or several, in a tuple or list."""
    listeners = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    for listener in listeners:
        if not callable(listener):
            fail(
                f"on_validation has {listener!r}, expected functions of a Run, such as "
                "hc.RunFolder(folder)"
            )
    return listeners


def _checked_seeds(seed: Any, seeds: Any) -> tuple[int, int | None]:
    """Both as Python's whole numbers."""
    whole = isinstance(seed, (int, np.integer)) and seed >= 0
    require(bool(whole), f"seed={seed!r} must be a whole number of at least 0")
    many = seeds is None or (isinstance(seeds, (int, np.integer)) and seeds > 0)
    require(bool(many), f"seeds={seeds!r} must be a whole number above 0")
    return int(seed), None if seeds is None else int(seeds)


def _check_resume(
    resume: Run | None, seeds: int | None, task: Task, config: Config
) -> None:
    if resume is None:
        return
    if not isinstance(resume, Run) or resume.checkpoint is None:
        fail("resume takes a Run with a checkpoint, as hc.train returns it")
    require(seeds is None, "resume goes on with one run; leave out seeds")
    require(
        task.name == resume.task,
        f"the run to resume was trained on {resume.task!r}, whose scores are no scores "
        f"on {task.name!r}; train anew, with teacher=run.controller",
    )
    before: Any = _made_with(resume)
    before = before.replace(engine=before.trained_by)
    for name in (*_NETWORKS, *(_UPDATES if config.trained_by == "jax" else ())):
        now, then = getattr(config, name), getattr(before, name)
        require(
            now == then,
            f"{name}={now!r} but the run to resume was trained with {name}={then!r}; "
            "leave it out, or train anew",
        )
    done = resume.checkpoint.steps
    require(
        config.steps > done,
        f"steps={config.steps} decisions are already done ({done}); give more steps",
    )


_NETWORKS = (  # what a checkpoint's are
    "algorithm", "engine", "action_repeat", "hidden", "value_hidden", "activation",
    "normalize_observations", "critic_features", "recurrent",
)  # fmt: skip
# by which our own trainers count
_UPDATES = "num_envs", "unroll_length", "batch_size", "num_minibatches"


def _made_with(resume: Any) -> Config | None:
    """Settings of a run; the first ones did not say that brax had trained."""
    config = resume.config if isinstance(resume, Run) else None
    if config is None or config.engine or config.algorithm == "hjb":
        return config
    return config.replace(engine="brax")


def _check_teacher(teacher: Any, resume: Run | None, config: Config) -> None:
    require(
        config.steps > 0 or teacher is not None,
        f"steps={config.steps} must be a finite number above 0; 0 is for the clone of "
        "a teacher alone",
    )
    if teacher is None:
        return
    require(
        resume is None,
        "resume goes on with networks that have learned already; leave out teacher",
    )
    for name in ("critic_features", "recurrent"):
        value = getattr(config, name)
        require(
            value is None,
            f"{name}={value!r} is for a training from the start; leave out teacher",
        )
    require(
        (config.trained_by, config.algorithm) == ("jax", "ppo"),
        "a teacher's student learns on by PPO of our own, and these settings say "
        f"algorithm={config.algorithm!r}, engine={config.trained_by!r}; leave both out",
    )


def _resolve(
    task: Task,
    config: Config | str | None,
    given: dict,
    changes: dict,
    cloned: bool,
) -> Config:
    if not isinstance(task, Task):
        fail(f"expected a Task, got {type(task).__name__}; see hc.tasks.get")
    base = preset(config) if isinstance(config, str) else config
    if config is None:
        base = meant_for(task, given["algorithm"] or "ppo")
    if not isinstance(base, Config):
        kind = type(base).__name__
        fail(f"config takes a Config or the name of a preset, got {kind}")
    if not isinstance(config, Config):
        base = told(gently(base) if cloned else base, task)
    changes = {k: v for k, v in given.items() if v is not None} | changes
    base = base.replace(**changes)
    if base.target is None and task.reward == "alive":
        base = base.replace(target=0.995 * task.steps)
    return base.replace(engine=base.trained_by)


def _made_for(template: Controller) -> str | None:
    """The algorithm that the Slots of a template ask for."""
    slots = (node for node in walk(template) if isinstance(node, Slot))
    return next((slot.algorithm for slot in slots if slot.algorithm), None)


def _with_goal(task: Task, template: Controller, config: Config) -> Task:
    """The task that trains: with its lock, where the template has an LQR."""
    if config.lock is None or task.goal is not None or task.reward != "cost":
        return task
    known = (node for node in walk(template) if isinstance(node, StateFeedback))
    if all(node.X is None for node in known):
        return task
    try:
        lock = locked(task, config.lock)  # the template's V may have other weights
    except ValueError:  # it has no LQR of its own
        return task
    return dataclasses.replace(task, goal=Goal(lock.V, lock.rho))
