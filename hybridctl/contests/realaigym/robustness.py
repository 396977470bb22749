"""RealAIGym's robustness suite: how much imperfection a swing-up bears."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax import Array
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable

from hybridctl.checks import one_of, positive, require, seeds
from hybridctl.contests.realaigym.imperfect import Part, loops, nominal, parts
from hybridctl.controllers import Controller
from hybridctl.describe import Shown, plain_data
from hybridctl.plants import CartPole
from hybridctl.scale.workers import On, Workers
from hybridctl.tasks.cartpole import cartpole
from hybridctl.tasks.evaluate import check_pair, episode_keys, evaluate_tasks

PARTS = (
    "model", "velocity_noise", "force_noise", "response", "delay", "pushes",
)  # fmt: skip


@dataclass(frozen=True, repr=False, eq=False)
class Robustness(Shown):
    """What a controller bears.

    Attributes:
        success: of every episode by part, [levels, repeats].
    """

    success: dict[str, NDArray]

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return sum(found.size for found in self.success.values())

    @property
    def scores(self) -> dict[str, float]:
        """Share of the levels at which more than half of the episodes succeeded."""
        return {
            name: float((found.mean(axis=1) > 0.5).mean())
            for name, found in self.success.items()
        }

    @property
    def overall(self) -> float:
        """Mean of the parts' scores."""
        return float(np.mean(list(self.scores.values())))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON."""
        known = {"overall": self.overall, "episodes": self.episodes}
        return plain_data(known | {"scores": self.scores})

    def __rich__(self) -> RichTable:
        """The table for a terminal."""
        table = RichTable(box=SIMPLE_HEAD, pad_edge=False)
        for heading in ("part", "episodes", "success %", "score"):
            table.add_column(heading, justify="left" if heading == "part" else "right")
        for name, score in self.scores.items():
            found = self.success[name]
            share = f"{100 * found.mean():.1f}"
            table.add_row(
                name.replace("_", " "), str(found.size), share, f"{score:.3f}"
            )
        table.add_section()
        table.add_row("overall", str(self.episodes), "", f"{self.overall:.3f}")
        return table

    def __str__(self) -> str:
        """The table as text."""
        console = Console(width=80, color_system=None, force_terminal=False)
        with console.capture() as capture:
            console.print(self)
        return capture.get().rstrip()


def robustness(
    controller: Controller,
    plant: CartPole | None = None,
    *,
    limit: float | None = None,
    dt: float = 0.02,
    seed: int = 0,
    only: Sequence[str] = PARTS,
    on: On = None,
) -> Robustness:
    """Swing up in the 722 imperfect loops of RealAIGym's robustness suite.

    All start hanging at rest; success is a tip above 0.9 L and slower than 1 m/s and
    1 rad/s after 10 s, on the track all along. The unit of force is limit / 6 N.

    ============== ======== ======================================================
    part           episodes what differs from what the controller knows
    ============== ======== ======================================================
    model          5 · 42   m_c, m_p, L ±25 %; cart friction to 1 N s/m, pole
                            friction to 0.1 N m s: one at a time
    velocity_noise 21 · 10  σ of the measured ẋ and θ̇ from 0 to 0.5
    force_noise    21 · 10  σ of the applied force from 0 to 1.1 units
    response       21       u = u₋ + k (u - u₋), k from 0.1 to 2 a control period
    delay          21       from 0 to 40 ms
    pushes         50       six on the cart, 0.5 to 5 units, some 0.2 s each
    ============== ======== ======================================================

    A level of noise counts if more than half of its ten episodes succeed; a score
    is the share of the levels, and the overall score the mean of the six. The
    original varies ten parameters of a double pendulum at 21 values each.

    Args:
        controller: decides the force; it is told of none of this.
        plant: a cart-pole; the tutorial's by default.
        limit: largest |force| [N]; the plant's by default.
        dt: control period [s].
        seed: of noise and pushes.
        only: parts to run.
        on: who works, see `hc.scale.Workers`: None (this process), a number of
            processes, any Executor. The result is the same.

    Returns:
        A `Robustness`: print it, or take `scores`, `overall`, `to_dict()`.

    Raises:
        ValueError: a controller that does not fit, or an unknown part.

    Source: F. Wiebe et al., "Open source dual-purpose acrobot and pendubot platform",
    IEEE Robotics & Automation Magazine, 2024, and the repository's
    `leaderboard/acrobot/robustness_v2`.

    Example:
        >>> import hybridctl as hc
        >>> found = robustness(hc.Constant([0.0]), only=["delay"])
        >>> found.episodes, found.overall
        (21, 0.0)
    """
    require(len(only) > 0, "no parts to run; leave `only` out to run all")
    for name in only:
        one_of("part", name, PARTS)
    seeds(seed)
    positive("dt", dt)
    plant = cartpole("swingup", plant)
    limit = plant.limits["force"] if limit is None else limit
    known, task = parts(plant, limit, dt, seed), nominal(plant, limit, dt)
    check_pair(task, controller)
    wanted = {name: part for name, part in known.items() if name in only}
    batch, keys = loops(task, wanted.values()), keys_of(known, wanted, seed)
    with Workers.of(on) as team:
        found = evaluate_tasks(batch, controller, keys[:, None], team=team)
    success = iter(found.success[:, 0])
    return Robustness(
        {
            name: np.fromiter(success, bool, part.episodes).reshape(part.shape)
            for name, part in wanted.items()
        }
    )


def keys_of(known: dict[str, Part], names: Iterable[str], seed: int) -> Array:
    """Keys of the episodes of some parts, the same whatever else is run, [n, 2]."""
    ends = np.cumsum([part.episodes for part in known.values()])
    whole = np.split(np.arange(ends[-1]), ends[:-1])
    own = dict(zip(known, whole, strict=True))
    index = np.concatenate([own[name] for name in names])
    return episode_keys(seed, int(ends[-1]))[index]
