"""What a block of a diagram is, and what goes into it and comes out."""

import abc
import inspect
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
from jax import Array

from hybridctl.checks import fail, not_negative, positive, require
from hybridctl.describe import Shown
from hybridctl.plants.plant import Joined
from hybridctl.ports import Signals


class Argument(NamedTuple):
    """One thing that a block takes.

    Attributes:
        name: of the argument, such as "u".
        signals: its numbers by name; None: as many as are wired to it.
        needed: whether it has to be wired.
    """

    name: str
    signals: Signals | None = None
    needed: bool = True


class Static(Joined, Shown, eqx.Module):
    """A block without a state: y = f(a, b, …) of its arguments.

    A signal that is one number comes as a scalar, a wider one as [n].
    """

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of what it takes."""
        return ("u",)

    @abc.abstractmethod
    def __call__(self, *arguments: Array) -> Any:
        """What it gives: a scalar, or [n_y]."""


class SampledBlock(Joined, Shown, eqx.Module):
    """A block that steps at the instants of its clock and holds what it gives.

    Its state is what it remembers, then its outputs.

    Attributes:
        dt: period [s].
        offset: first instant [s].
        stores: whether it remembers what others give at the same instant.
        whole: places in its state of whole numbers and flags.
    """

    dt: eqx.AbstractVar[float]
    offset: eqx.AbstractVar[float]
    stores: eqx.AbstractClassVar[bool]
    whole: ClassVar[Any] = ()

    @property
    @abc.abstractmethod
    def takes(self) -> tuple[Argument, ...]:
        """What it takes."""

    @property
    @abc.abstractmethod
    def gives(self) -> Signals:
        """What it gives."""

    @property
    @abc.abstractmethod
    def memory(self) -> tuple[str, ...]:
        """Names of what it remembers."""

    @property
    @abc.abstractmethod
    def through(self) -> tuple[bool, ...]:
        """For each argument whether it acts on the output at the same instant."""

    @abc.abstractmethod
    def step(self, t: Array, k: Any, x: Array, *arguments: Array) -> Array:
        """State at its k-th instant, the new outputs in it [n]."""

    @abc.abstractmethod
    def store(self, x: Array, *arguments: Array) -> Array:
        """State after all blocks of an instant have stepped [n], where it `stores`."""


class Function(Static):
    """A function of Python as a block; a diagram makes one of every function in it.

    Args:
        f: in `jax.numpy`; its arguments are the block's. Define it once and not anew
            for every diagram: compiled programs are kept by its identity.
        parameters: its last argument: numbers in a dict, tuple or module, which can be
            varied and differentiated; None: f takes none.

    Raises:
        ValueError: no function, or one whose arguments have no names.

    Example:
        >>> from hybridctl.plants import Function
        >>> Function(lambda r, y: r - y).arguments
        ('r', 'y')
    """

    f: Any = eqx.field(static=True)
    parameters: Any = None

    def __check_init__(self):
        name = getattr(self.f, "__name__", type(self.f).__name__)
        if not callable(self.f):
            fail(f"Function takes a function, got {name}; give one in jax.numpy")
        kinds = [p.kind for p in inspect.signature(self.f).parameters.values()]
        plain = {inspect.Parameter.POSITIONAL_ONLY,
                 inspect.Parameter.POSITIONAL_OR_KEYWORD}  # fmt: skip
        require(
            set(kinds) <= plain,
            f"the function {name} takes {inspect.signature(self.f)}; a block's "
            "arguments are wired by their names: write each of them out",
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the function's arguments."""
        names = tuple(inspect.signature(self.f).parameters)
        return names if self.parameters is None else names[:-1]

    def __call__(self, *arguments: Array) -> Any:
        """F of the arguments."""
        rest = () if self.parameters is None else (self.parameters,)
        return self.f(*arguments, *rest)


def check_clock(dt: Any, offset: Any) -> None:
    """Refuse a period that is not positive, and an offset beyond it.

    Raises:
        ValueError: with the cure.
    """
    positive("dt", dt)
    not_negative("offset", offset)
    require(
        offset < dt,
        f"offset={offset:g} is no less than dt={dt:g}; give the first instant, from 0 "
        "to less than dt",
    )
