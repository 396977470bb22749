"""`evaluate`: one controller on many episodes of a task."""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from hybridctl import ports
from hybridctl.cache import kept_programs
from hybridctl.checks import (
    as_key,
    cast,
    fail,
    on_numbers,
    require,
    seeds,
    split,
)
from hybridctl.checks import count as whole
from hybridctl.controllers import Controller, Slot
from hybridctl.controllers.bind import bind
from hybridctl.controllers.foreign import answered, asks
from hybridctl.describe import html, plain_data, text
from hybridctl.loop import LoopState, Trace, step
from hybridctl.loop.fit import check_fit
from hybridctl.loop.host import periods
from hybridctl.loop.simulate import run_checked
from hybridctl.scale.devices import check_devices, laid_out
from hybridctl.scale.workers import On, Workers
from hybridctl.tasks.spans import BLOCK, Span, spans
from hybridctl.tasks.tally import Tally, count, nothing_yet
from hybridctl.tasks.task import Task, start_episode

EVALUATION = 0xE7A1  # stream that keeps evaluation starts apart from training


class Scores(NamedTuple):
    """What N episodes scored, in the order of their starts; NumPy, [N] each.

    Attributes:
        success: by the task's own criterion: `survived` or `settled`, bool [N].
        failed: ended early, bool [N].
        settle: time [s] from which the state stayed settled, inf where it never did.
        cost: integral J of the running cost [N]; a failed episode is charged.
        effort: ∫ u² dt [N² s].
        peak_x: largest |x|, the first state, in its unit, [N].
        length: control periods until the episode failed or ended [N].
        reward: sum of the rewards [N].
        finite: no state or cost that was not finite, bool [N].
        peak: how near an episode came to failing [N], 1 where it failed; None where
            margins were not asked for.
        rest: how far from settled it ended [N], at most 1 where it was; or None.
    """

    success: Bool[np.ndarray, " N"]
    failed: Bool[np.ndarray, " N"]
    settle: Float[np.ndarray, " N"]
    cost: Float[np.ndarray, " N"]
    effort: Float[np.ndarray, " N"]
    peak_x: Float[np.ndarray, " N"]
    length: Int[np.ndarray, " N"]
    reward: Float[np.ndarray, " N"]
    finite: Bool[np.ndarray, " N"]
    peak: Float[np.ndarray, " N"] | None = None
    rest: Float[np.ndarray, " N"] | None = None

    @property
    def survived(self) -> np.ndarray:
        """Which did not fail before their end."""
        return ~self.failed

    @property
    def settled(self) -> np.ndarray:
        """Which never failed and ended settled."""
        return np.isfinite(self.settle)

    def __str__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        return html(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, ready for JSON; what is not finite is None."""
        return plain_data(self)


def episode_keys(seed: int, n: int, first: int = 0) -> Array:
    """Keys of n evaluation episodes: the same for every controller. [n, 2].

    Raises:
        ValueError: the first one has no number that is whole and at least 0.
    """
    require(
        isinstance(first, (int, np.integer)) and bool(first >= 0),
        f"episode {first!r} is none: they are counted 0, 1, 2, …; give one of these",
    )
    rounds, start = divmod(first, 2**32)
    return _keys(as_key(seed), np.uint32(start), np.uint32(rounds), n)


@functools.partial(jax.jit, static_argnums=3)
def _keys(root: Array, first: Array, rounds: Array, n: int) -> Array:
    root = jax.random.fold_in(root, EVALUATION)
    # fold_in takes no more than 32 bits; twice, for once would be an episode's own key
    later = jax.random.fold_in(jax.random.fold_in(root, rounds), EVALUATION)
    root = jnp.where(rounds > 0, later, root)
    index = first + jnp.arange(n, dtype=jnp.uint32)
    return jax.vmap(jax.random.fold_in, (None, 0))(root, index)


def evaluate(
    task: Task,
    controller: Controller,
    n: int = 128,
    seed: int = 0,
    *,
    on: On = None,
    devices: int = 1,
) -> Scores:
    """Score a controller on n episodes of a task.

    Episode i of a seed has the same start, plant, noise and pushes whatever the
    controller, so scores of two controllers can be compared in pairs.

    Args:
        task: what counts.
        controller: without open questions: an empty Slot outputs 0.
        n: number of episodes.
        seed: of the episodes.
        on: who works, see `hc.scale.Workers`: None (this process), a number of
            processes, any Executor, such as `hc.scale.ray()`. The scores are the same.
        devices: of each process over which episodes are laid, of `jax.local_devices()`.

    Returns:
        Scores of all episodes.

    Raises:
        ValueError: the controller does not fit the task.

    Example:
        >>> import hybridctl as hc
        >>> task = hc.tasks.get("balance", seconds=4.0)
        >>> bool(evaluate(task, hc.reference("lqr", task), n=8).success.all())
        True
    """
    check_pair(task, controller)
    seeds(seed)
    with Workers.of(on) as team:
        return score_all(task, {"": controller}, n, seed, team, devices)[""]


def scored(task: Task, controller: Controller, n: int, seed: Any) -> Scores:
    """`evaluate` in this process, for those who have checked the pair."""
    return score_all(task, {"": controller}, n, seed, Workers())[""]


def score_all(
    task: Task,
    controllers: Mapping[str, Controller],
    n: int,
    seed: Any,
    team: Workers,
    devices: int = 1,
) -> dict[str, Scores]:
    """Scores of several that were checked, by whoever works."""
    whole("n", n)
    check_devices(devices, team.here)
    parts = list(itertools.product(controllers, spans(n, devices=devices)))
    shared = task, dict(controllers), seed
    found = team.map(_score_part, shared, parts, "evaluate")
    rows: dict[str, list] = {name: [] for name in controllers}
    for (name, _), row in zip(parts, found, strict=True):
        rows[name].append(row)
    return {name: joined(found) for name, found in rows.items()}


def joined(parts: Sequence[dict[str, np.ndarray]], axis: int = 0) -> Scores:
    """Scores of all episodes, from the rows of shards."""
    found = {k: np.concatenate([p[k] for p in parts], axis) for k in parts[0]}
    return Scores(**found)


def _score_part(shared: tuple, part: tuple[str, Span]) -> dict[str, np.ndarray]:
    """Rows of `Scores` of one controller in one span."""
    (task, controllers, seed), (name, span) = shared, part
    return arrays_of(score_span(task, controllers[name], seed, span))


def arrays_of(scores: Scores) -> dict[str, np.ndarray]:
    """What there is of scores, by name."""
    return {k: v for k, v in scores._asdict().items() if v is not None}


@kept_programs()
def score_span(task: Task, controller: Controller, seed: Any, span: Span) -> Scores:
    """Scores of neighbouring episodes."""
    keys = laid_out(episode_keys(seed, span.lanes, span.first), span.devices)
    if asks(controller):
        sums = _hosted(cast(task), cast(controller), keys[: span.count])
    else:
        sums = _episodes(cast(task, "task"), cast(controller, "controller"), keys)
    return _scores(task, jax.tree.map(lambda v: np.asarray(v)[: span.count], sums))


def evaluate_all(
    task: Task,
    controllers: Sequence[Controller],
    n: int = 128,
    seed: int = 0,
    team: Workers | None = None,
) -> list[Scores]:
    """Score several controllers on the same n episodes, those of one kind at once.

    Args:
        task: what counts.
        controllers: fast where they differ in numbers only.
        n: number of episodes.
        seed: of the episodes.
        team: who works; None: this process.

    Returns:
        The scores of each.
    """
    require(n > 0 and len(controllers) > 0, f"n={n} episodes of {len(controllers)}")
    team = team or Workers()
    alike = _alike(controllers)
    for controller in controllers[:1] if alike else controllers:
        check_pair(task, controller)
    if not alike:
        numbered = {str(i): controller for i, controller in enumerate(controllers)}
        return list(score_all(task, numbered, n, seed, team).values())
    few = len(controllers) if team.here else max(1, BLOCK // n)
    parts = []
    for first, some, lanes, _ in spans(len(controllers), few):
        filled = [*controllers[first : first + some], *[controllers[-1]] * lanes]
        parts.append((some, filled[:lanes]))
    found = joined(list(team.map(_score_alike, (task, n, seed), parts)))
    rows = arrays_of(found)
    return [
        Scores(**{name: row[i] for name, row in rows.items()})
        for i in range(len(controllers))
    ]


@kept_programs()
def _score_alike(shared: tuple, part: tuple[int, list]) -> dict[str, np.ndarray]:
    """Rows of `Scores` of the first few controllers of one kind, [count, n] each."""
    (task, n, seed), (some, controllers) = shared, part
    parts = [split(controller) for controller in controllers]
    stacked = parts[0][1](map(np.stack, zip(*(p[0] for p in parts), strict=True)))
    system: tuple[Task, Controller] = cast((task, stacked))
    sums = _all_episodes(*system, episode_keys(seed, n))
    scores = _scores(task, jax.tree.map(np.asarray, sums))
    return {name: row[:some] for name, row in arrays_of(scores).items()}


def evaluate_tasks(
    tasks: Task,
    controller: Controller,
    keys: Any,
    margins: bool = False,
    team: Workers | None = None,
) -> Scores:
    """Score a controller on m tasks that differ in numbers only, all at once.

    Args:
        tasks: one whose every array has a leading axis [m].
        controller: that meets them.
        keys: of the episodes of each task, [m, n, 2].
        margins: also measure `peak` and `rest`.
        team: who works; None: this process.

    Returns:
        Scores, [m, n] each.
    """
    keys, shared = np.asarray(keys), (controller, margins)
    if team is None or team.here:
        return Scores(**_score_tasks(shared, (len(keys), tasks, keys)))
    m, n, _ = keys.shape
    parts = []
    for first, some, lanes, _ in spans(m, max(1, BLOCK // n)):
        rows = np.minimum(first + np.arange(lanes), m - 1)  # filled up by the last
        own = on_numbers(lambda v, rows=rows: np.asarray(v)[rows], tasks)
        parts.append((some, own, keys[rows]))
    return joined(list(team.map(_score_tasks, shared, parts)))


@kept_programs()
def _score_tasks(shared: tuple, part: tuple[int, Task, Any]) -> dict[str, np.ndarray]:
    """Rows of `Scores` of the first few tasks, [count, n] each."""
    (controller, margins), (some, tasks, keys) = shared, part
    sums = _of_all_tasks(*cast((tasks, controller, keys)), margins=margins)
    scores = _scores(tasks, jax.tree.map(np.asarray, sums))
    return {name: row[:some] for name, row in arrays_of(scores).items()}


def per_episode(
    name: str, function: Callable[[Scores], Any], scores: Scores, rows: bool = False
) -> np.ndarray:
    """What a function of anybody's says of every episode.

    Args:
        name: of the function, for the sentence.
        function: of scores.
        scores: of N episodes.
        rows: whether it may also give some numbers for each, [N, k].

    Returns:
        Numbers [N], or [N, k].

    Raises:
        ValueError: another shape, or no real numbers.
    """
    found, n = np.asarray(function(scores)), len(scores.cost)
    fits = found.shape == (n,) or (rows and found.ndim == 2 and len(found) == n)
    require(
        fits and found.dtype.kind in "biuf",
        f"{name} gives {found.dtype} of shape {found.shape} for {n} episodes, expected "
        f"one number each, [{n}]; leave out a mean, as in lambda scores: scores.cost",
    )
    return found


def _alike(controllers: Sequence[Controller]) -> bool:
    """Whether controllers differ in nothing but the numbers in them."""
    parts = map(split, controllers)
    kinds = {(rest, tuple(map(np.shape, numbers))) for numbers, rest in parts}
    return len(kinds) == 1 and not any(map(asks, controllers))


def _scores(task: Task, tally: Tally) -> Scores:
    """From the sums of the episodes to what they count."""
    settled = tally.live & (tally.unsettled < task.steps)
    settle = (tally.unsettled + 1) * task.loop.dt
    cost = tally.cost.astype(np.float64)
    return Scores(
        success=tally.live if task.criterion == "survived" else settled,
        failed=~tally.live,
        settle=np.where(settled, settle, np.inf),
        cost=np.where(tally.live, cost, np.asarray(task.failure_cost)[..., None]),
        effort=tally.effort.astype(np.float64),
        peak_x=tally.peak_x.astype(np.float64),
        length=tally.length.astype(np.int64),
        reward=tally.reward.astype(np.float64),
        finite=tally.finite,
        peak=tally.peak,
        rest=tally.rest,
    )


def start_of(task: Task, seed: int, index: int) -> LoopState:
    """The closed loop at the start of an evaluation episode, with an empty Slot."""
    return begin_episode(task, episode_keys(seed, 1, index)[0])


def begin_episode(task: Task, key: Array) -> LoopState:
    """The closed loop at the start of the episode of a key, with an empty Slot."""
    return start_episode(task, Slot(task.plant.n_u), key)


def replay(task: Task, controller: Controller, seed: int, index: int) -> Trace:
    """An evaluation episode simulated again, to look at it.

    Args:
        task: what counted.
        controller: which took part.
        seed: of the comparison.
        index: of the episode.

    Returns:
        Its trace over the whole horizon, beyond a failure too.

    Raises:
        ValueError: the controller does not fit the task, or an index below 0.
    """
    check_pair(task, controller)
    seeds(seed)
    return play(task, controller, episode_keys(seed, 1, index)[0])


def play(task: Task, controller: Controller, key: Array) -> Trace:
    """The episode of a key over the whole horizon, of a pair that was checked."""
    return play_from(task, controller, begin_episode(task, key))


def play_from(task: Task, controller: Controller, start: LoopState) -> Trace:
    """The same from its start."""
    system = cast((start.plant, controller, task.loop))
    known = ports.of(controller)
    return run_checked(system, start.x, task.steps, known, start.key)


def check_pair(task: Any, controller: Any) -> None:
    """Refuse what cannot run together, before anything compiles."""
    if not isinstance(task, Task):
        fail(f"expected a Task, got {type(task).__name__}; see hc.tasks.get")
    check_fit(task.plant, controller, task.loop)
    cast(controller, "controller")


@eqx.filter_jit
def _episodes(
    task: Task, controller: Controller, keys: Array, margins: bool = False
) -> Tally:
    controller = bind(controller, task.loop.measured(task.plant))
    one = functools.partial(_episode, task, controller, margins=margins)
    return jax.vmap(one)(keys)


@eqx.filter_jit
def _all_episodes(task: Task, controllers: Controller, keys: Array) -> Tally:
    each = lambda controller: _episodes(task, controller, keys)  # noqa: E731
    return eqx.filter_vmap(each)(controllers)


@eqx.filter_jit
def _of_all_tasks(
    tasks: Task, controller: Controller, keys: Array, margins: bool
) -> Tally:
    of_one = lambda task, keys: _episodes(task, controller, keys, margins)  # noqa: E731
    return eqx.filter_vmap(of_one)(tasks, keys)


def _episode(task: Task, controller: Controller, key: Array, margins: bool) -> Tally:
    def body(carry: tuple[LoopState, Tally], _: None) -> tuple:
        return _period(task, controller, *carry), None

    start = _begin(task, controller, key, margins)
    return jax.lax.scan(body, start, None, task.steps)[0][1]


def _begin(
    task: Task, controller: Controller, key: Array, margins: bool = False
) -> tuple[LoopState, Tally]:
    start = start_episode(task, controller, key)
    return start, nothing_yet(task, start.x, margins)


def _hosted(task: Task, controller: Controller, keys: Array) -> Tally:
    """`_episodes` where Python is asked in between."""
    controller = bind(controller, task.loop.measured(task.plant))
    states, tally = _begin_all(task, answered(controller), keys)
    for period in periods(task.loop, controller, states, task.steps):
        tally = _count_all(task, tally, *period)
    return tally


@eqx.filter_jit
def _begin_all(task: Task, controller: Controller, keys: Array) -> tuple:
    return jax.vmap(functools.partial(_begin, task, controller))(keys)


@eqx.filter_jit
def _count_all(task: Task, tally: Tally, *period: Any) -> Tally:
    return jax.vmap(functools.partial(count, task))(tally, *period)


def _period(
    task: Task, controller: Controller, state: LoopState, tally: Tally
) -> tuple[LoopState, Tally]:
    """One control period, and the sums after it."""
    after, sample = step(task.loop, controller, state)
    return after, count(task, tally, state, sample, after)
