"""A controller as a block of a diagram: it steps at its own period."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import fail, require
from hybridctl.controllers.controller import Controller, Tick
from hybridctl.controllers.fill import action_size
from hybridctl.controllers.foreign import refuse_foreign
from hybridctl.controllers.machine import mode_of
from hybridctl.controllers.trial import Sizes, blank_tick, sizes
from hybridctl.kinds import real_number
from hybridctl.plants.diagram.block import Argument, SampledBlock, check_clock
from hybridctl.plants.diagram.values import in_a_row
from hybridctl.ports import Signal, Signals, of, unnamed

BEGUN = "begun"  # whether its memory was made: 0 in a fresh state
KINDS = "biuf"  # of numbers that it may remember


class Sampled(SampledBlock):
    """A controller in a diagram: at every instant of its clock it steps, then holds.

    It takes y (what its controller measures, the block's main input) and r where it
    follows a reference; "applied" may be wired to what an actuator made of its output,
    else it is told its own. Its states are what it remembers, "block.begun" and the
    controller's memory, and what it holds, "block.held.u". A state of zeros is one
    that has not begun: the memory is made at the first instant.

    Whole numbers in the memory are kept as real ones: exact up to 2^24 in float32.

    Args:
        controller: any but one with Python in it.
        dt: period [s].
        offset: its first instant [s].

    Raises:
        ValueError: no controller, one with an empty Slot or for another period, or one
            that does not run.

    Example:
        >>> import hybridctl as hc
        >>> cart = hc.CartPole()
        >>> lqr = hc.lqr(cart, cart.upright(), Q=[1, 10, 1, 1], R=[0.1], dt=0.02)
        >>> wires = {"cart": "lqr", "lqr": "cart"}
        >>> loop = hc.Diagram({"cart": cart, "lqr": hc.Sampled(lqr, 0.02)}, wires, [])
        >>> loop.states[-2:]
        ('lqr.begun', 'lqr.held.force')
    """

    controller: Controller
    dt: float = eqx.field(static=True, converter=real_number)
    offset: float = eqx.field(static=True, converter=real_number, default=0.0)
    shapes: tuple[tuple[str, ...], Sizes] = eqx.field(static=True, init=False)
    stores: ClassVar[bool] = False

    def __init__(self, controller: Controller, dt: float, offset: float = 0.0):
        if not isinstance(controller, Controller):
            fail(f"expected a Controller, got {type(controller).__name__}")
        refuse_foreign(controller)
        require(
            action_size(controller) == 0,
            "a Slot within a diagram would stay empty: training fills those around it; "
            "leave the diagram an input, hc.train(task, 5.0 * hc.Slot(1)), or sample "
            "what was trained: hc.Sampled(run.controller, dt=0.02)",
        )
        self.controller, self.dt, self.offset = controller, dt, offset
        known = of(controller)
        found = sizes(controller, known)
        tick = blank_tick(found.n_y, found.n_u, found.n_r)
        self.shapes = _names(controller, tick), found

    def __check_init__(self):
        check_clock(self.dt, self.offset)
        of(self.controller).check_dt(self.dt)

    @property
    def takes(self) -> tuple[Argument, ...]:
        """Measurements, references, and the applied input where it is wired."""
        known, n = of(self.controller), self.shapes[1]
        y = known.y if known.y is not None else unnamed(n.n_y)
        r = known.r if known.r is not None else unnamed(n.n_r)
        rows = [Argument("y", y), *[Argument("r", r)] * bool(r)]
        return (*rows, Argument("applied", unnamed(n.n_u), needed=False))

    @property
    def gives(self) -> Signals:
        """Inputs, as the controller calls them."""
        n = self.shapes[1].n_out
        known = of(self.controller).u or ()
        if len(known) == n and all(signal.name for signal in known):
            return known
        return (
            (Signal("u"),) if n == 1 else tuple(Signal(f"u{i + 1}") for i in range(n))
        )

    @property
    def memory(self) -> tuple[str, ...]:
        """Whether it has begun, and what the controller remembers."""
        return (BEGUN, *self.shapes[0])

    @property
    def whole(self) -> tuple[int, ...]:
        """Places in its state of whole numbers and flags."""
        n = self.shapes[1]
        tick = blank_tick(n.n_y, n.n_u, n.n_r)
        leaves = jax.tree.leaves(jax.eval_shape(self.controller.init, tick))
        kinds = [leaf.dtype.kind for leaf in leaves for _ in range(leaf.size)]
        return (0, *(i + 1 for i, kind in enumerate(kinds) if kind != "f"))

    @property
    def through(self) -> tuple[bool, ...]:
        """The applied input is that of before."""
        return tuple(argument.needed for argument in self.takes)

    def step(self, t: Array, k: Any, x: Array, *arguments: Array) -> Array:
        """One step of the controller, on what it takes at this instant."""
        n = self.shapes[1].n_out
        own, held = x[1 : len(x) - n], x[len(x) - n :]
        tick = self._tick(t, k, held, *arguments)
        fresh = _flat(self.controller.init(tick), x)
        own = jnp.where(x[0] > 0.5, own, fresh)
        memory = _like(jax.eval_shape(self.controller.init, tick), own)
        tick = tick.but(mode=mode_of(memory))
        memory, u = self.controller.step(memory, tick)
        parts = jnp.ones(1, x.dtype), _flat(memory, x), jnp.asarray(u, x.dtype)
        return in_a_row(parts)

    def store(self, x: Array, *arguments: Array) -> Array:
        """Nothing more."""
        del arguments
        return x

    def _tick(self, t: Array, k: Any, held: Array, *arguments: Any) -> Tick:
        y, *rest, applied = arguments
        n = self.shapes[1].n_u
        own = held if len(held) == n else jnp.zeros(n, held.dtype)
        applied = own if applied is None else applied
        r = rest[0] if rest else None
        return Tick(t, jnp.asarray(k, jnp.int32), y, r, applied, u_asked=own)


def _flat(memory: Any, x: Array) -> Array:
    """A memory as a row of the state's numbers."""
    rows = [jnp.ravel(jnp.asarray(v)).astype(x.dtype) for v in jax.tree.leaves(memory)]
    return jnp.concatenate(rows) if rows else jnp.zeros(0, x.dtype)


def _like(shapes: Any, row: Array) -> Any:
    """A row of numbers as the memory that it is of."""
    leaves, structure = jax.tree.flatten(shapes)
    found, at = [], 0
    for leaf in leaves:
        n = int(np.prod(leaf.shape, dtype=int))
        part = row[at : at + n].reshape(leaf.shape)
        whole = leaf.dtype.kind in "iu"
        part = part > 0.5 if leaf.dtype.kind == "b" else part
        found.append((jnp.round(part) if whole else part).astype(leaf.dtype))
        at += n
    return jax.tree.unflatten(structure, found)


def _names(controller: Controller, tick: Tick) -> tuple[str, ...]:
    """A name for every number that a controller remembers.

    Raises:
        ValueError: it remembers what is no such number.
    """
    shapes = jax.eval_shape(controller.init, tick)
    names = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(shapes)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator=".") or "memory"
        if leaf.dtype.kind not in KINDS or leaf.dtype.itemsize > 8:
            fail(
                f"{type(controller).__name__} remembers {leaf.dtype} in {name}, which "
                "a diagram's state cannot hold; keep real numbers"
            )
        entries = np.ndindex(*leaf.shape)
        names += [f"{name}[{','.join(map(str, i))}]" if i else name for i in entries]
    return tuple(names)
