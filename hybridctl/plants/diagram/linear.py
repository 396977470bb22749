"""Linear blocks: transfer functions and state spaces."""

from collections.abc import Iterable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import (
    as_float,
    finite,
    is_concrete,
    optional_float,
    require,
    row,
    shape,
)
from hybridctl.plants.diagram.discrete import DiscreteStateSpace
from hybridctl.plants.diagram.matrices import check_matrices, measured, weighted
from hybridctl.plants.diagram.named import Named
from hybridctl.plants.diagram.static import Gain
from hybridctl.plants.plant import Plant
from hybridctl.plants.signals import names


class StateSpace(Named):
    """ẋ = A x + B u, y = C x + D u; made by `hc.state_space`.

    Attributes:
        A: shape [n_x, n_x].
        B: shape [n_x, n_u].
        C: shape [n_y, n_x].
        D: shape [n_y, n_u], or None: u does not act on y at once.
        states: names of the states.
        inputs: names of the inputs.
        measures: names of the outputs.
    """

    A: Float[Array, "n_x n_x"] = eqx.field(converter=as_float)
    B: Float[Array, "n_x n_u"] = eqx.field(converter=as_float)
    C: Float[Array, "n_y n_x"] = eqx.field(converter=as_float)
    D: Float[Array, "n_y n_u"] | None = eqx.field(converter=optional_float)
    states: tuple[str, ...] = eqx.field(static=True)
    inputs: tuple[str, ...] = eqx.field(static=True)
    measures: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        A: Array,
        B: Array,
        C: Array,
        D: Array | None,
        states: tuple[str, ...],
        inputs: tuple[str, ...],
        measures: tuple[str, ...],
    ):
        self.A, self.B, self.C, self.D = A, B, C, D
        self.states, self.inputs, self.measures = states, inputs, measures

    def __check_init__(self):
        check_matrices(self)

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """A x + B u [n_x]."""
        del t
        return weighted(self.A, x) + weighted(self.B, u)

    def output(self, t: Array, x: Array, u: Array) -> Array:
        """C x + D u [n_y]."""
        del t
        return measured(self.C, self.D, x, u)


class TransferFunction(Named):
    """y = num(s) / den(s) u in controllable form; made by `hc.transfer`.

    With a and b over a₀: ż₁ = u - Σ aᵢ zᵢ, żᵢ₊₁ = zᵢ, y = Σ (bᵢ - aᵢ b₀) zᵢ + b₀ u.

    Attributes:
        num: coefficients, highest power of s first, shape [m].
        den: coefficients, highest power of s first, shape [n].
    """

    num: Float[Array, " m"] = eqx.field(converter=as_float)
    den: Float[Array, " n"] = eqx.field(converter=as_float)
    inputs: ClassVar[tuple[str, ...]] = ("u",)
    measures: ClassVar[tuple[str, ...]] = ("y",)

    def __init__(self, num: Array, den: Array):
        self.num, self.den = num, den

    @property
    def states(self) -> tuple[str, ...]:  # pyright: ignore
        """z1, z2, …, one less than coefficients of den."""
        return tuple(f"z{i + 1}" for i in range(np.shape(self.den)[-1] - 1))

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """ż [n]."""
        del t
        first = u[0]
        for i in range(len(x)):
            first = first - self.den[i + 1] / self.den[0] * x[i]
        return jnp.stack([first, *(x[i] for i in range(len(x) - 1))])

    def output(self, t: Array, x: Array, u: Array) -> Array:
        """Y [1]."""
        del t
        b, a, n = self.num, self.den, len(x)
        skipped = n + 1 - len(b)
        y, whole = jnp.zeros((), x.dtype), b[0] / a[0] if skipped == 0 else None
        for i in range(n):
            j = i + 1 - skipped
            c = b[j] / a[0] if j >= 0 else None
            if whole is not None:
                c = (0.0 if c is None else c) - a[i + 1] / a[0] * whole
            y = y if c is None else y + c * x[i]
        return (y if whole is None else y + whole * u[0])[None]


def transfer(
    num: Any, den: Any, dt: float | None = None
) -> Plant | Gain | DiscreteStateSpace:
    """A transfer function num(s) / den(s) as a block, or as a plant of its own.

    Args:
        num: coefficients, highest power of s first, [m] (no unit of its own).
        den: coefficients, highest power of s first, [n].
        dt: period [s] of one in z, which is sampled; None: continuous, in s.

    Returns:
        A `Plant` with the input "u" and the output "y"; a `Gain` of a constant, a
        `DiscreteStateSpace` with dt.

    Raises:
        ValueError: more zeros than poles, no coefficients, or not finite ones.

    Example:
        >>> lag = transfer([2, 1], [0.05, 1])
        >>> lag.states, lag.inputs
        (('z1',), ('u',))
    """
    num, den = (_coefficients(*pair) for pair in (("num", num), ("den", den)))
    require(
        len(num) <= len(den),
        f"num has degree {len(num) - 1} and den {len(den) - 1}; a transfer function "
        "needs as many poles as zeros: add poles (a filter)",
    )
    if len(den) == 1:
        return Gain(num[0] / den[0])
    if dt is not None:
        A, B, C, D = _companion(num, den)
        return DiscreteStateSpace(A=A, B=B, C=C, D=D, dt=dt)
    return TransferFunction(num=num, den=den)  # pyright: ignore  # units are none


def _companion(num: Any, den: Any) -> tuple[Any, Any, Any, Any]:
    """A, B, C and D of a transfer function in controllable form."""
    n, a = len(den) - 1, den[1:] / den[0]
    b = np.concatenate([np.zeros(n + 1 - len(num)), num]) / den[0]
    A = np.concatenate([-a[None], np.eye(n - 1, n)])
    D = b[:1, None] if len(num) == len(den) else None
    return A, np.eye(n, 1), (b[1:] - a * b[0])[None], D


def _coefficients(name: str, given: Any) -> Any:
    """Coefficients without leading zeros."""
    given = as_float(given)
    given = given[None] if np.ndim(given) == 0 else given
    row(name, given)
    require(
        np.ndim(given) == 1 and np.size(given) > 0,
        f"{name} has shape {np.shape(given)}, expected [n] coefficients",
    )
    finite(name, given)
    if not is_concrete(given):
        return given
    trimmed = np.trim_zeros(np.asarray(given), "f")
    require(
        name == "num" or len(trimmed) > 0, "den is 0; give a coefficient that is not"
    )
    return given[len(given) - len(trimmed) :] if len(trimmed) else given[-1:]


def state_space(
    A: Any,
    B: Any,
    C: Any,
    D: Any = None,
    *,
    states: Iterable[str] | None = None,
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    dt: float | None = None,
) -> StateSpace | Gain | DiscreteStateSpace:
    """A linear system ẋ = A x + B u, y = C x + D u as a block, or a plant of its own.

    Args:
        A: [n_x, n_x].
        B: [n_x, n_u].
        C: [n_y, n_x].
        D: [n_y, n_u]; None or zeros: u does not act on y at once.
        states: names; z1, z2, … by default.
        inputs: names; u, or u1, u2, … by default.
        outputs: names; y, or y1, y2, … by default.
        dt: period [s] of x⁺ = A x + B u, which is sampled; None: continuous.

    Returns:
        A `Plant`; a `Gain` where there are no states, a `DiscreteStateSpace` with dt.

    Raises:
        ValueError: shapes or names that do not fit, or a number that is not finite.

    Example:
        >>> oscillator = state_space([[0, 1], [-4, 0]], [[0], [1]], [[1, 0]])
        >>> oscillator.states, oscillator.gives[0].name
        (('z1', 'z2'), 'y')
    """
    A, B, C, D = (optional_float(m) for m in (A, B, C, D))
    for name, matrix in (("A", A), ("B", B), ("C", C)):
        require(np.ndim(matrix) == 2, f"{name} has shape {np.shape(matrix)}, expected "
                "a matrix; write [[1.0]] for one number")  # fmt: skip
    n, m, p = np.shape(A)[0], np.shape(B)[1], np.shape(C)[0]
    if D is not None:
        shape("D", D, (p, m))
        if n == 0:
            return Gain(D)
        D = None if is_concrete(D) and not np.any(np.asarray(D)) else D
    require(n > 0, "a state space without states is its D; give D")
    told = (
        _names("states", states, "z", n, many=True),
        _names("inputs", inputs, "u", m), _names("outputs", outputs, "y", p),
    )  # fmt: skip
    if dt is not None:
        names = dict(zip(("states", "inputs", "measures"), told, strict=True))
        return DiscreteStateSpace(A=A, B=B, C=C, D=D, dt=dt, **names)
    return StateSpace(A, B, C, D, *told)  # pyright: ignore  # units are none


def _names(
    what: str, given: Iterable[str] | None, letter: str, n: int, many: bool = False
) -> tuple[str, ...]:
    """Names that are given, or a letter with numbers."""
    if given is None:
        one = n == 1 and not many
        return (letter,) if one else tuple(f"{letter}{i + 1}" for i in range(n))
    row = names(what, given)
    require(len(row) == n, f"{what}={row} are {len(row)} names, expected {n}")
    return row
