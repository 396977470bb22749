"""A Python function as a controller: what others wrote, asked on the host."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from hybridctl.checks import as_float, count, fail, is_concrete, require
from hybridctl.controllers.controller import Controller, State, Tick, walk
from hybridctl.controllers.features import Features
from hybridctl.ports import Ports, unnamed


class Foreign(Controller):
    """u = f(φ(tick)) with any Python function f, such as another library's policy.

    It adds, scales, becomes a mode and fills a Slot like a `Policy`. Python cannot be
    compiled: `simulate`, `evaluate` and `compare` run the closed loop period by period
    and ask f in between; jit, vmap and grad, training, `save`, `embed` and `export`
    refuse it. As an agent does, f sees the root tick, whatever the mode. Observations
    are float32, with 0 for what is not finite; the answer is taken as it stands.

    Args:
        f: from an observation [features.size] to an action [size], in NumPy.
        features: φ, what is observed.
        size: number of outputs.
        batched: f also takes many observations [n, features.size] at once and gives
            as many actions [n, size]; it is then asked once a period for all episodes.
        dt: period [s] between two decisions that it was made for; None: any.
        learned: it counts as learned where learned and classical are compared; False:
            a law that somebody wrote.

    Raises:
        ValueError: f cannot be called, or answers with another shape.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> f = lambda obs: -obs[:1] - obs[3:4]
        >>> push = Foreign(f, hc.Features.of(plant))
        >>> hc.simulate(plant, push, [0.5, 0, 0, 0], seconds=0.04).u.round(2).tolist()
        [[-0.5], [-0.4899999797344208]]
    """

    f: Callable[[NDArray], Any] = eqx.field(static=True)
    features: Features
    size: int = eqx.field(static=True, default=1)
    batched: bool = eqx.field(static=True, default=False)
    dt: float | None = eqx.field(static=True, default=None)
    learned: bool = eqx.field(static=True, default=True)

    def __check_init__(self):
        if not callable(self.f):
            fail(f"Foreign takes a function, got {type(self.f).__name__}")
        if not isinstance(self.features, Features):
            given = type(self.features).__name__
            fail(f"features is a {given}; give hc.Features.of(plant), for example")
        count("size", self.size)

    @property
    def ports(self) -> Ports:
        """What its features look at, and its actions."""
        designed = self.features.ports.but(dt=self.dt)
        return designed.but(u=unnamed(self.size))

    @property
    def refusal(self) -> str:
        """Why it cannot be taken, and what to do."""
        return (
            f"this Foreign calls the Python function {_name(self.f)}, which jit, vmap, "
            "grad, training, save, embed and export cannot take; run it with "
            "hc.simulate, hc.evaluate or hc.compare outside of them, or make its "
            "network a Policy: hc.from_sb3, hc.from_brax"
        )

    def init(self, tick: Tick) -> State:
        """The memory of its features."""
        return self.features.init(tick)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Ask f now; refused under jit, vmap and grad."""
        state, obs = self.features.step(state, tick)
        require(is_concrete(obs, state), self.refusal)
        return state, jnp.asarray(self.answers(np.asarray(obs)[None])[0], obs.dtype)

    def answers(self, observations: NDArray) -> NDArray:
        """What f says to observations [n, features.size]: actions [n, size]."""
        rows = np.nan_to_num(observations, nan=0.0, posinf=0.0, neginf=0.0)
        rows = rows.astype(np.float32)
        if self.batched:
            return self._checked(self.f(rows), (len(rows), self.size))
        return np.stack([self._checked(self.f(row), (self.size,)) for row in rows])

    def _checked(self, answer: Any, expected: tuple[int, ...]) -> NDArray:
        if isinstance(answer, tuple):
            fail(
                f"{_name(self.f)} gives {len(answer)} things, expected an action; take "
                "the first: lambda obs: model.predict(obs, deterministic=True)[0]"
            )
        got = np.asarray(as_float(np.asarray(answer)))
        require(
            got.shape == expected,
            f"{_name(self.f)} gives shape {got.shape}, expected {expected}; give "
            "size=..., or batched=True if it takes many observations at once",
        )
        return got


class Answer(Controller):
    """Stands where a `Foreign` does, with what that has answered: u, shape [size]."""

    u: Array = eqx.field(converter=as_float)

    @property
    def ports(self) -> Ports:
        """It looks at nothing."""
        return Ports(r=(), u=unnamed(np.shape(self.u)[-1]), applied=())

    def init(self, tick: Tick) -> State:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The answer."""
        del tick
        return state, jnp.asarray(self.u)


def answered(controller: Controller, answers: Sequence[Any] | None = None) -> Any:
    """A controller with an `Answer` for each `Foreign`, or for each `Answer` in it.

    Args:
        controller: with some of them.
        answers: in the order of their places; zeros by default.
    """
    rows = iter(answers or ())

    def replace(node: Any) -> Any:
        if isinstance(node, Foreign):
            return Answer(next(rows, np.zeros(node.size)))
        return Answer(next(rows)) if isinstance(node, Answer) else node

    stays = lambda node: isinstance(node, (Foreign, Answer))  # noqa: E731
    return jax.tree.map(replace, controller, is_leaf=stays)


def asks(controller: Any) -> bool:
    """Whether some part of a controller is `Foreign`."""
    return any(isinstance(part, Foreign) for part in walk(controller))


def refuse_foreign(controller: Any) -> None:
    """Refuse a controller with a `Foreign` in it, before anything compiles."""
    for part in walk(controller):
        if isinstance(part, Foreign):
            fail(part.refusal)


def _name(f: Any) -> str:
    return getattr(f, "__name__", type(f).__name__)
