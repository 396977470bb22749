"""`compare`: controllers on the same episodes of a task."""

import time
from collections.abc import Mapping

import jax

from hybridctl.checks import count, one_of, seeds
from hybridctl.contests.sums import LIMIT, NotKept, sum_up
from hybridctl.contests.table import Table, check_named
from hybridctl.controllers import Controller
from hybridctl.scale.workers import On, Workers
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import check_pair, play_from, score_all, start_of


def compare(
    task: Task,
    controllers: Mapping[str, Controller],
    n: int = 1024,
    seed: int = 0,
    against: str | None = None,
    *,
    timing: bool = False,
    on: On = None,
    devices: int = 1,
) -> Table:
    """Compare controllers on the same starts, plants, noise and pushes.

    The same seed gives the same table, bit for bit (but for measured times), whoever
    works. Of more than `LIMIT` episodes (2²⁰) only sums are kept, in constant memory.

    Args:
        task: what counts.
        controllers: by name.
        n: number of episodes.
        seed: of the episodes; never the one that something was tuned on.
        against: whose J the differences are taken to; the first by default.
        timing: also measure the time of a control period.
        on: who works, see `hc.scale.Workers`: None (this process), a number of
            processes, any Executor, such as `hc.scale.ray()`.
        devices: of each process over which episodes are laid, of `jax.local_devices()`.

    Returns:
        A `Table`: print it, or take `to_dict()`, `to_json(path)`, `worst(name)`.

    Raises:
        ValueError: no controllers, an unknown `against`, or one that does not fit.

    Example:
        >>> import hybridctl as hc
        >>> task = hc.tasks.get("balance", seconds=4.0)
        >>> lqr = hc.reference("lqr", task)
        >>> table = hc.compare(task, {"lqr": lqr, "none": hc.Constant([0.0])}, n=64)
        >>> table.to_dict()["rows"]["none"]["success"]["value"]
        0.0
    """
    check_named(controllers)
    count("n", n)
    seeds(seed)
    against = next(iter(controllers)) if against is None else against
    one_of("controller", against, controllers)
    for controller in controllers.values():
        check_pair(task, controller)
    known = dict(controllers)
    with Workers.of(on) as team:
        if n > LIMIT:
            sums = sum_up(task, known, n, seed, against, team, devices)
            scores = NotKept()
        else:
            scores, sums = score_all(task, known, n, seed, team, devices), None
    times = {name: step_us(task, c) for name, c in known.items() if timing}
    return Table(task, known, scores, n, seed, against, times, sums)


def step_us(task: Task, controller: Controller, repeats: int = 3) -> float:
    """Time [µs] of one control period of the closed loop, simulated alone.

    Args:
        task: what counts.
        controller: that fits it, as `compare` has checked.
        repeats: of which the quickest counts.
    """
    start = start_of(task, 0, 0)

    def once() -> float:
        began = time.perf_counter()
        jax.block_until_ready(play_from(task, controller, start).x)
        return time.perf_counter() - began

    once()
    return 1e6 * min(once() for _ in range(repeats)) / task.steps
