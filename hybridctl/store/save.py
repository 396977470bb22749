"""`save` and `load`: a controller as a file that can be trusted."""

import os
from pathlib import Path
from typing import Any, TypeVar, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl import files, ports
from hybridctl.checks import fail, plain, require
from hybridctl.controllers import Controller, Tick, Value
from hybridctl.controllers.controller import State
from hybridctl.plants import Plant
from hybridctl.plants.sampled import SampledPlant
from hybridctl.ports import Ports
from hybridctl.store import answers
from hybridctl.store.container import digest, pack, unpack
from hybridctl.store.decode import rebuild
from hybridctl.store.encode import Arrays, encode
from hybridctl.version import __version__

ROOT = "controller"
T = TypeVar("T", bound=Controller | Value | Plant)
Saved = Controller | Value | Plant


class _Asked(Controller):
    """What a value says of a state, as the output of a controller: V and ∇V."""

    value: Value

    @property
    def ports(self) -> Ports:
        """Those of the value."""
        return self.value.ports

    def init(self, tick: Tick) -> None:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Ask."""
        V, slope = self.value(tick.y), self.value.gradient(tick.y)
        return state, jnp.concatenate([V[None], slope])


class _Moved(Controller):
    """What a plant says of a state and an input: ẋ, and x after it was sampled."""

    plant: Plant

    @property
    def ports(self) -> Ports:
        """States and inputs for measurements."""
        known = self.plant.ports
        return Ports(y=(*(known.y or ()), *(known.u or ())), r=(), applied=())

    def init(self, tick: Tick) -> None:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Ask."""
        plant, (x, u) = self.plant, jnp.split(tick.y, [self.plant.n_x])
        rate = plant.ode(tick.t, x, u)
        if not isinstance(plant, SampledPlant):
            return state, rate
        n = len(plant.clocks)
        after = plant.sample(tick.t, x, u, [True] * n, [tick.k] * n)
        return state, jnp.concatenate([rate, after])


def save(path: str | os.PathLike, controller: Controller | Value | Plant) -> Path:
    """Save a controller, or a cost-to-go or a plant alone, as one safetensors file.

    The file holds the tree, its arrays, a hash of both and a self-test; no code. It
    is read back before it is written, and it replaces an older one at once or not
    at all.

    Args:
        path: of the file; ".safetensors" is added where there is no suffix.
        controller: made of the toolkit's classes and registered ones; or a `Value`, or
            a `Plant` such as a diagram, whose functions are registered.

    Returns:
        The path that was written.

    Raises:
        ValueError: a class that is not registered, a value that a file cannot hold,
            an output that is not finite, or a path that cannot be written.

    Example:
        >>> import tempfile
        >>> from hybridctl.controllers import Constant
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save(f"{folder}/push", Constant([1.5]))
        ...     path.name, load(path).u
        ('push.safetensors', array([1.5]))
    """
    target = files.target(path)
    if not isinstance(controller, Controller | Value | Plant):
        fail(
            "save takes a Controller, a Value or a Plant, got "
            f"{type(controller).__name__}; "
            "of a training run, save run.controller"
        )
    data = to_bytes(controller)
    files.write(target, data)
    return target


@overload
def load(path: str | os.PathLike) -> Controller: ...
@overload
def load(path: str | os.PathLike, kind: type[T]) -> T: ...
def load(path: str | os.PathLike, kind: Any = Controller) -> Any:
    """Load a controller, a value or a plant that `save` wrote.

    Only registered classes are rebuilt, through their constructors; nothing in a
    file is run. Sizes, schema, hash and self-test are checked.

    Args:
        path: of the file; ".safetensors" may be left out.
        kind: what it has to hold; `hc.Value` for a cost-to-go, `hc.Plant` for a plant.

    Returns:
        The controller, value or plant: same tree, same leaves, same outputs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, foreign, too large, newer than this hybridctl, or
            made of classes that are not registered here.

    Example:
        >>> import tempfile
        >>> from hybridctl.controllers import Slot
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load(save(f"{folder}/template", Slot(2)))
        Slot(2)
    """
    data = files.read(path)
    try:
        return from_bytes(data, kind)
    except ValueError as error:
        raise ValueError(f"cannot load {os.fspath(path)}: {plain(error)}") from error


def to_bytes(controller: Saved) -> bytes:
    """The bytes of a file, proven to give the controller back.

    Example:
        >>> from hybridctl.controllers import Slot
        >>> from_bytes(to_bytes(3.0 * Slot(2)))
        3 * Slot(2)
    """
    arrays: Arrays = {}
    known, tree = ports.of(controller), encode(controller, ROOT, arrays)
    seed = int(digest({ROOT: tree}, arrays)[:16], 16)  # the same for the same content
    asked = _asked(controller)
    arrays |= answers.record(asked, ports.of(asked), seed)
    manifest = {ROOT: tree, "dt": known.dt, "signals": signals(known)}
    data = pack(manifest, arrays)
    manifest, arrays = unpack(data)
    require(
        _same(controller, _rebuilt(manifest, arrays)),
        f"{type(controller).__name__} would not come back as it is; constructors must "
        "keep the fields that they are given",
    )
    return data


def from_bytes(data: bytes, kind: type[T] = Controller) -> T:
    """The controller, value or plant in the bytes of a file, after all checks.

    Args:
        data: of the file.
        kind: what it has to hold.

    Raises:
        ValueError: see `load`.
    """
    manifest, arrays = unpack(data)
    try:
        controller = _rebuilt(manifest, arrays)
        if not isinstance(controller, kind):
            found, also = type(controller).__name__, (Value, Plant)
            names = [c.__name__ for c in also if isinstance(controller, c)]
            cure = "".join(f"; load it with hc.load(path, hc.{n})" for n in names)
            fail(f"it holds a {found}, expected a {kind.__name__}{cure}")
        asked = _asked(controller)
        answers.verify(asked, ports.of(asked), arrays)
    except Exception as error:  # a stranger's file makes code raise anything
        raised = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        saved = plain(manifest["hybridctl"], 40)
        note = "" if saved == __version__ else f" (saved by hybridctl {saved})"
        raise ValueError(f"{raised}{plain(error, 400)}{note}") from error
    return controller


def signals(known: Ports) -> dict[str, list] | None:
    """Names and units of measurements and inputs, where all of them have names."""
    rows = {"y": known.y, "u": known.u}
    if not all(row and all(s.name for s in row) for row in rows.values()):
        return None
    return {k: [[s.name, s.unit] for s in row or ()] for k, row in rows.items()}


def _rebuilt(manifest: dict[str, Any], arrays: Arrays) -> Any:
    parts = {k: v for k, v in arrays.items() if k not in (answers.Y, answers.U)}
    return rebuild(manifest[ROOT], ROOT, parts)


def _asked(thing: Saved) -> Controller:
    """What answers the self-test."""
    if isinstance(thing, Plant):
        return _Moved(thing)
    return _Asked(thing) if isinstance(thing, Value) else thing


def _same(a: Any, b: Any) -> bool:
    """Same tree, and the same bits in every leaf."""
    (these, tree), (those, other) = jax.tree.flatten(a), jax.tree.flatten(b)
    return tree == other and all(map(_equal, these, those))


def _equal(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    same = a.dtype == b.dtype and a.shape == b.shape
    return same and a.tobytes() == b.tobytes()
