"""What the blocks of a diagram give at a moment."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.plants.diagram.block import SampledBlock, Static
from hybridctl.plants.diagram.plan import INPUT, Plan, Run
from hybridctl.plants.measured import Measured

NEWTON = {"float64": 1e-12, "float32": 1e-6}  # relative, of an algebraic loop
STEPS = 64  # of Newton's method


class Values:
    """What the blocks of a diagram give at a moment, each asked once.

    Args:
        plan: of the diagram.
        parts: its blocks that are no diagrams.
        t: time [s].
        x: state [n_x].
        u: input [n_u].
        torn: outputs of the blocks that cut its algebraic loops; None: they are solved
            for here.
    """

    def __init__(
        self,
        plan: Plan,
        parts: Sequence[Any],
        t: Any,
        x: Array,
        u: Array,
        torn: Array | None = None,
    ):
        self.plan, self.parts = plan, parts
        self.x = jnp.asarray(x)
        self.dtype = self.x.dtype
        self.t, self.u = jnp.asarray(t, self.dtype), jnp.asarray(u, self.dtype)
        self._given: dict[int, Array] = {}
        if plan.torn:
            torn = self._solved() if torn is None else torn
            self._given = self._split(torn)

    def state(self, i: int) -> Array:
        """State of a leaf."""
        leaf = self.plan.leaves[i]
        return self.x[leaf.begin : leaf.begin + leaf.n]

    def put(self, i: int, own: Array) -> Array:
        """State of the diagram with another one of a leaf."""
        leaf = self.plan.leaves[i]
        begin, end = leaf.begin, leaf.begin + leaf.n
        own = jnp.asarray(own, self.dtype)
        return in_a_row([self.x[:begin], own, self.x[end:]])

    def given(self, i: int) -> Array:
        """Outputs of a leaf [n]."""
        if i not in self._given:
            self._given[i] = jnp.asarray(self.ask(i), self.dtype)
        return self._given[i]

    def _split(self, torn: Array) -> dict[int, Array]:
        """Outputs in a row by their leaves."""
        found, at = {}, 0
        for i in self.plan.torn:
            size = self.plan.leaves[i].size
            found[i] = torn[at : at + size]
            at += size
        return found

    def _solved(self) -> Array:
        """What cuts the algebraic loops, where it gives itself; NaN: not found.

        Newton's method; the derivative is that of the solution, by its Jacobian.
        """
        import optimistix

        structure = self.plan, jax.tree.structure(list(self.parts))
        start = jnp.zeros(sum(self.plan.leaves[i].size for i in self.plan.torn))
        numbers = jax.tree.leaves(list(self.parts)), self.t, self.x, self.u

        def left(torn: Array, numbers: Any) -> Array:
            leaves, *moment = numbers
            parts = jax.tree.unflatten(structure[1], leaves)
            t, x, u = moment
            given = Values(self.plan, parts, t, x, u, torn)
            again = [jnp.asarray(given.ask(i), self.dtype) for i in self.plan.torn]
            return jnp.concatenate(again) - torn

        near = NEWTON[str(self.dtype)]
        found = optimistix.root_find(
            left, optimistix.Newton(rtol=near, atol=near), start.astype(self.dtype),
            args=numbers, max_steps=STEPS, throw=False,
        )  # fmt: skip
        ok = found.result == optimistix.RESULTS.successful
        return jnp.where(ok, found.value, jnp.nan)

    def ask(self, i: int) -> Any:
        """Outputs of a leaf, asked anew."""
        block: Any = self.parts[i]
        leaf = self.plan.leaves[i]
        if isinstance(block, Static):
            return jnp.atleast_1d(block(*(_plain(a) for a in self.arguments(i))))
        if isinstance(block, SampledBlock):
            return self.state(i)[leaf.n - leaf.size :]
        if not isinstance(block, Measured):
            return self.state(i)
        n = len(leaf.takes[0] or ()) if leaf.takes else 0
        u = self.input(i) if any(leaf.through) else jnp.zeros(n, self.dtype)
        return block.output(self.t, self.state(i), u)

    def input(self, i: int) -> Array:
        """The input of a leaf that is a plant [n_u]."""
        rows = self.arguments(i)
        return rows[0] if rows else jnp.zeros(0, self.dtype)

    def arguments(self, i: int) -> list[Any]:
        """What a leaf takes; None for what is not wired."""
        return [None if row is None else self.gather(row) for row in self.plan.runs[i]]

    def gather(self, row: Sequence[Run]) -> Array:
        """Numbers from where they come [n]."""
        parts = []
        for leaf, first, last in row:
            source = self.u if leaf == INPUT else self.given(leaf)
            parts.append(source if last - first == len(source) else source[first:last])
        return parts[0] if len(parts) == 1 else in_a_row(parts)


def in_a_row(parts: Sequence[Array]) -> Array:
    """Vectors behind one another [n].

    Number by number: so a batch of them lies lane by lane while it is computed, and
    not in strides, which is twice as fast.
    """
    return jnp.stack([part[i] for part in parts for i in range(len(part))])


def _plain(value: Array) -> Array:
    """One number as a scalar."""
    return value[0] if len(value) == 1 else value
