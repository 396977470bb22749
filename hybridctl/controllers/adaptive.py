"""Controllers whose numbers are functions of a plant's uncertain parameters."""

import itertools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from numpy.typing import NDArray

from hybridctl.checks import as_float, count, fail, require, shape
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.describe import Shown
from hybridctl.kinds import check_fields
from hybridctl.ports import Names, Ports, named, of

SAME = 1e-9  # share of a number's size within which all designs agree on it
Paths = tuple[str, ...]  # where one leaf stands in a tree


class Family(Shown, eqx.Module):
    """A design, such as a controller, for every plant of an `UncertainPlant`.

    With φ(σ) the monomials up to a degree of σ in [-1, 1]^n_p, a number of the design
    is φᵀc, or ± exp φᵀc where it has one sign over the whole range.

    Args:
        nominal: one of the designs, which also has the numbers that do not change.
        coefficients: c of each number that does, shape [n_terms, n].
        signs: 1 or -1 of those that keep their sign, 0 of others, shape [n].
        places: where in the design each leaf stands that has such numbers, in order.
        n_p: number of parameters.
        degree: of the polynomials.
    """

    nominal: Any
    coefficients: Float[Array, "n_terms n"] = eqx.field(converter=as_float)
    signs: Float[Array, " n"] = eqx.field(converter=as_float)
    places: tuple[Paths, ...] = eqx.field(static=True)
    n_p: int = eqx.field(static=True)
    degree: int = eqx.field(static=True)

    def __check_init__(self):
        check_fields(self)
        count("n_p", self.n_p)
        terms = len(_basis([0.0] * self.n_p, self.degree))
        n = np.shape(self.signs)[-1]
        shape("coefficients", self.coefficients, (terms, n))
        require(
            sum(self._sizes) == n and all(self._sizes),
            f"places stand for {sum(self._sizes)} numbers of the design, not for {n}",
        )

    @staticmethod
    def fitted(
        designs: Sequence[Any], sigma: NDArray[np.float64], degree: int = 3
    ) -> "Family":
        """The family that comes nearest to some of its members, by least squares.

        Args:
            designs: trees of one structure, made for the plants at `sigma`.
            sigma: parameters of each, shape [n_designs, n_p].
            degree: of the polynomials.

        Raises:
            ValueError: designs of different structures, or too few.

        Example:
            >>> sigma = np.array([[-1.0], [0.0], [1.0]])
            >>> gains = [{"K": np.array([2.0**s, 1.0])} for s in sigma[:, 0]]
            >>> print(Family.fitted(gains, sigma, degree=1).at(jnp.array([0.5]))["K"])
            [1.4142135 1.       ]
        """
        trees = [jax.tree.structure(design) for design in designs]
        require(
            all(tree == trees[0] for tree in trees),
            "designs for different parameters have different structures",
        )
        basis = np.array([_basis(list(row), degree) for row in sigma])
        require(
            basis.shape[0] >= basis.shape[1],
            f"{basis.shape[0]} designs are too few for polynomials of {basis.shape[1]} "
            "terms",
        )
        numbers, places = _changing(designs)
        first = np.sign(numbers[0])
        signs = np.where((np.sign(numbers) == first).all(0), first, 0.0)
        size = np.abs(np.where(signs, numbers, 1.0))
        told = np.where(signs, np.log(size), numbers)
        coefficients = np.linalg.lstsq(basis, told, rcond=None)[0]
        n_p = np.shape(sigma)[1]
        return Family(designs[0], coefficients, signs, places, n_p, degree)

    def at(self, sigma: Array) -> Any:
        """The design for parameters σ [n_p]; beyond the ends that of the ends."""
        numbers, start, made = self._numbers(sigma), 0, {}
        for paths, size in zip(self.places, self._sizes, strict=True):
            made |= dict.fromkeys(paths, numbers[start : start + size])
            start += size

        def told(path: Any, leaf: Any) -> Any:
            own = made.get(jax.tree_util.keystr(path))
            return leaf if own is None else own.reshape(np.shape(leaf))

        return jax.tree_util.tree_map_with_path(told, self.nominal)

    @property
    def _sizes(self) -> list[int]:
        """Numbers in each leaf that changes."""
        leaves = jax.tree_util.tree_flatten_with_path(self.nominal)[0]
        sizes = {jax.tree_util.keystr(path): np.size(leaf) for path, leaf in leaves}
        return [sizes.get(paths[0], 0) for paths in self.places]

    def _numbers(self, sigma: Array) -> Array:
        """All that change, shape [n]."""
        inside = jnp.clip(sigma, -1.0, 1.0)
        basis = jnp.stack(_basis([inside[i] for i in range(self.n_p)], self.degree))
        found, signs = basis @ jnp.asarray(self.coefficients), jnp.asarray(self.signs)
        size = jnp.exp(jnp.where(signs == 0, 0.0, found))
        return jnp.where(signs == 0, found, signs * size)


def designed(part: Any, y: Array) -> Any:
    """The design for the parameters at the end of y; what is no `Family` as it is."""
    return part.at(y[-part.n_p :]) if isinstance(part, Family) else part


class Adaptive(Controller):
    """A controller that is designed for the plant as an estimator tells it.

    Of a measurement [x, σ], such as an EKF on an `UncertainPlant` gives, x is what the
    controller for the parameters σ sees.

    Args:
        family: of controllers.
        measured: names and units of [x, σ], where known.
        angles: coordinates of x that are angles.

    Example:
        >>> import hybridctl as hc
        >>> pushes = [hc.Constant([2.0**s]) for s in (-1.0, 0.0, 1.0)]
        >>> family = Family.fitted(pushes, np.array([[-1.0], [0.0], [1.0]]), degree=1)
        >>> seen = hc.Tick(t=0.0, k=0, y=jnp.array([0.1, 0.0, 1.0]))
        >>> print(Adaptive(family).step(None, seen)[1])
        [2.]
    """

    family: Family
    measured: Names = eqx.field(static=True, default=())
    angles: tuple[int, ...] = eqx.field(static=True, default=())

    def __check_init__(self):
        inner = self.family.nominal
        if not isinstance(inner, Controller):
            fail(f"Adaptive needs a family of controllers, got {type(inner).__name__}")

    @property
    def ports(self) -> Ports:
        """Those of the controllers, on the state and the parameters."""
        known = of(self.family.nominal)
        if not self.measured:
            return known.but(y=None)
        y = named(self.measured, len(self.measured), self.angles)
        return known.but(y=y, by_name=False)

    def init(self, tick: Tick) -> State:
        """The memory of the controller for the parameters as they seem."""
        return designed(self.family, tick.y).init(self._shown(tick))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The step of the controller for the parameters as they seem."""
        return designed(self.family, tick.y).step(state, self._shown(tick))

    def shows(self, state: State) -> dict[str, Array]:
        """What the controller shows."""
        return self.family.nominal.shows(state)

    def _shown(self, tick: Tick) -> Tick:
        return tick.seeing(tick.y[: -self.family.n_p])


def _basis(sigma: Sequence[Any], degree: int) -> list[Any]:
    """All monomials of σ up to a degree, each made from one that is a degree lower."""
    one = 0.0 * sigma[0] + 1.0
    known: dict[tuple[int, ...], Any] = {(): one}
    for d in range(1, degree + 1):
        for term in itertools.combinations_with_replacement(range(len(sigma)), d):
            known[term] = known[term[:-1]] * sigma[term[-1]]
    return list(known.values())


def _changing(designs: Sequence[Any]) -> tuple[NDArray, tuple[Paths, ...]]:
    """The leaves that change from design to design, each once, and where they stand.

    Returns:
        Their numbers [n_designs, n], and the paths of each.
    """
    flat = [jax.tree_util.tree_flatten_with_path(design)[0] for design in designs]
    found: dict[bytes, tuple[NDArray, Paths]] = {}
    for leaves in zip(*flat, strict=True):
        rows = np.array([np.ravel(leaf).astype(float) for _, leaf in leaves])
        path, size = jax.tree_util.keystr(leaves[0][0]), np.abs(rows).max(axis=0)
        if np.any(np.ptp(rows, axis=0) > SAME * size):
            known = found.get(rows.tobytes(), (rows, ()))[1]
            found[rows.tobytes()] = rows, (*known, path)
    require(bool(found), "nothing changes from design to design")
    numbers, places = zip(*found.values(), strict=True)
    return np.concatenate(numbers, axis=1), places
