"""Checks on user input: each failure is one sentence with the cure in it."""

import difflib
import operator
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

import jax
import jax.core
import numpy as np

from hybridctl.rounding import jax_has_started


def as_float(value: Any) -> Any:
    """Float array: on the host in float64, or as it is where JAX owns it.

    Parameters stay exact (float64) until they meet JAX at a door; see `cast`.
    """
    if isinstance(value, jax.Array):
        return value
    try:
        array = np.asarray(value)
    except ValueError:
        fail(f"{value!r} has rows of different lengths; give a rectangle of numbers")
    if array.dtype == object and any(is_tracer(v) for v in array.flat):
        return jax.numpy.asarray(value)
    if array.dtype.kind not in "bif":
        fail(f"{value!r} is not a number; give real numbers")
    return array.astype(np.float64)


def optional_float(value: Any) -> Any:
    """`as_float`, but None stays None (a part that is off is absent)."""
    return None if value is None else as_float(value)


def as_int(value: Any) -> Any:
    """Integer array, int32 on the host."""
    if isinstance(value, jax.Array):
        return value
    array = _real("a whole number", value)
    if array.dtype.kind == "f" or np.any(np.abs(array) > np.iinfo(np.int32).max):
        fail(f"{plain(repr(value), 80)} is no whole number of 32 bits; give one")
    return array.astype(np.int32)


def is_number(leaf: Any) -> bool:
    """Whether a leaf of a tree is data: an array of numbers, or a real number.

    All else is structure: a function, a text, a whole number or a bool of Python.
    """
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype.kind in "biufc"
    return isinstance(leaf, (jax.Array, float, complex))


def on_numbers(f: Callable, tree: Any) -> Any:
    """A tree with f of every number in it, and all else as it is."""
    return jax.tree.map(lambda leaf: f(leaf) if is_number(leaf) else leaf, tree)


def cast(tree: Any, name: str = "") -> Any:
    """Every number of a tree as a JAX array: the one cast from host to device.

    What is no number stays (an activation function, a name), for functions compiled
    by `equinox.filter_jit`.

    Raises:
        ValueError: something that cannot be told from another one, with its field.
    """
    not_forked()
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    return jax.tree.unflatten(structure, [_cast(name, *leaf) for leaf in leaves])


def _cast(name: str, path: tuple, leaf: Any) -> Any:
    if is_number(leaf):
        return jax.numpy.asarray(leaf)
    try:
        hash(leaf)
    except TypeError:
        where = (name + jax.tree_util.keystr(path)).lstrip(".")
        fail(
            f"{where or 'this'} is a {type(leaf).__name__}, neither number nor fixed; "
            "make it an array of numbers, a tuple, or eqx.field(static=True)"
        )
    return leaf


_NUMBER = "number"


class Rest(NamedTuple):
    """A tree without its numbers; called with them, the tree. Hashable."""

    structure: Any
    leaves: tuple[tuple[str, Any], ...]

    def __call__(self, numbers: Iterable[Any]) -> Any:
        """The tree with these numbers in it."""
        given = iter(numbers)
        whole = [next(given) if k == _NUMBER else leaf for k, leaf in self.leaves]
        return jax.tree.unflatten(self.structure, whole)


def split(tree: Any) -> tuple[list[Any], Rest]:
    """The numbers of a tree, and the rest.

    Example:
        >>> numbers, rest = split({"gain": 2.0, "name": "fast"})
        >>> numbers, rest([3.0])
        ([2.0], {'gain': 3.0, 'name': 'fast'})
    """
    leaves, structure = jax.tree.flatten(tree)
    rest = [(_NUMBER, None) if is_number(v) else (type(v).__name__, v) for v in leaves]
    return [v for v in leaves if is_number(v)], Rest(structure, tuple(rest))


def is_tracer(value: Any) -> bool:
    """Whether JAX is tracing a value (under jit, vmap or grad)."""
    return isinstance(value, jax.core.Tracer)


def is_concrete(*values: Any) -> bool:
    """Whether values can be looked at now (False under jit, vmap or grad)."""
    return not any(is_tracer(v) for v in jax.tree.leaves(values))


_lost = False  # whether this process was forked off one in which JAX ran


def _note_fork() -> None:
    global _lost
    _lost = _lost or jax_has_started()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_note_fork)


def not_forked() -> None:
    """Refuse to compute where JAX would wait for ever for threads that are gone.

    Raises:
        RuntimeError: this process was forked off one in which JAX had started.
    """
    if _lost:
        raise RuntimeError(
            "this process was forked off one in which JAX had started, where JAX "
            'would hang; start processes with context="spawn", as in '
            'gymnasium.make_vec(id, vectorization_mode="async", '
            'vector_kwargs={"context": "spawn"}) or multiprocessing.get_context('
            '"spawn"), or use hc.gym.make_vec: many environments in one process'
        )


def fail(message: str) -> NoReturn:
    raise ValueError(message)


def require(ok: bool, message: str) -> None:
    """Raise `ValueError(message)` unless ok."""
    if not ok:
        fail(message)


def plain(text: Any, most: int = 500) -> str:
    """A text of anybody as one line for a terminal: no control characters, cut short.

    Example:
        >>> plain(f"a  b{chr(27)}[31m{chr(10)}c", 10)
        'a b [31m c'
    """
    seen = "".join(c if c.isprintable() else " " for c in str(text)[: 2 * most])
    return " ".join(seen.split())[:most]


def first_line(thing: Any) -> str:
    """Of a docstring: what the thing is, in a line.

    Example:
        >>> first_line(first_line)
        'Of a docstring: what the thing is, in a line.'
    """
    return (thing.__doc__ or "").strip().partition("\n")[0]


def number(name: str, value: Any) -> float:
    """One real number as a float."""
    try:
        single = not isinstance(value, (str, bytes)) and np.ndim(value) == 0
        return float(value) if single else fail("")
    except (TypeError, ValueError, OverflowError) as error:
        given = "a number traced by jit, vmap or grad" if is_tracer(value) else value
        raise ValueError(f"{name}={given!r} is not a number; give one") from error


def as_key(key: Any) -> Any:
    """A key for JAX's draws: a seed (a whole number), a key, or None.

    Raises:
        ValueError: something else.
    """
    if key is None or is_tracer(key):
        return key
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        return jax.random.PRNGKey(int(key) % 2**32)
    dtype = getattr(key, "dtype", None)
    if dtype is not None and jax.numpy.issubdtype(dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    single = getattr(key, "dtype", None) == np.uint32 and np.ndim(key) == 1
    if not single:
        shape = f" of shape {np.shape(key)}" if hasattr(key, "dtype") else ""
        fail(
            f"key is a {type(key).__name__}{shape}; give a seed, as key=0, or one key, "
            "as jax.random.PRNGKey(0); for many keys use jax.vmap"
        )
    return jax.numpy.asarray(key)


def finite(name: str, value: Any) -> None:
    """Refuse NaN and Inf; None (an absent part) passes."""
    if value is not None and is_concrete(value):
        ok = np.all(np.isfinite(_real(name, value)))
        require(bool(ok), f"{name}={value} is not finite; give finite numbers")


def _real(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        fail(f"{name}={plain(repr(value), 80)} is not a number; give real numbers")
    return array


def finite_entries(name: str, array: np.ndarray) -> None:
    """Refuse NaN and Inf, and say where they are."""
    if not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0]
        entry = f"{name}[{', '.join(map(str, at))}]" if array.ndim else name
        fail(f"{name} is not finite: {entry}={array[tuple(at)]}; give finite numbers")


def _some(name: str, value: Any) -> None:
    if is_concrete(value):
        require(_real(name, value).size > 0, f"{name} is empty; give numbers")
    finite(name, value)


def positive(name: str, value: Any) -> None:
    """Refuse anything but finite numbers above zero."""
    _some(name, value)
    if is_concrete(value):
        ok = np.all(np.asarray(value) > 0)
        require(bool(ok), f"{name}={value} must be above 0; give a positive number")


def not_negative(name: str, value: Any) -> None:
    """Refuse anything but finite numbers of at least zero."""
    _some(name, value)
    if is_concrete(value):
        ok = np.all(np.asarray(value) >= 0)
        require(bool(ok), f"{name}={value} must not be negative; give 0 or more")


def share(name: str, value: Any) -> None:
    """Refuse anything but numbers from 0 to 1."""
    not_negative(name, value)
    if is_concrete(value):
        ok = np.all(np.asarray(value) <= 1)
        require(bool(ok), f"{name}={value} must not exceed 1; give 0 to 1")


def shares(name: str, value: Any) -> None:
    """Refuse anything but a list of shares, together 1."""
    not_negative(name, value)
    require(np.ndim(value) == 1, f"{name}={value} must be a list of shares")
    if is_concrete(value):
        ok = abs(np.sum(np.asarray(value)) - 1.0) < 1e-6
        require(bool(ok), f"{name}={value} must add up to 1; scale it")


def shape(name: str, value: Any, expected: tuple[int, ...]) -> None:
    """Refuse an array of another shape."""
    try:
        got = np.shape(value)
    except ValueError:
        fail(f"{name} has rows of different lengths; give a rectangle of numbers")
    require(
        got == expected,
        f"{name} has shape {got}, expected {expected}; reshape or trim it",
    )


def row(name: str, value: Any) -> None:
    """Refuse a single number where there is one for each entry."""
    require(np.ndim(value) > 0, f"{name} is one number; give a list, one for each")


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def seeds(value: Any) -> None:
    """Refuse anything but a seed of episodes: another would be one of these again."""
    require(
        _is_whole(value) and bool(0 <= value < 2**32),
        f"seed={plain(repr(value), 80)} must be a whole number from 0 to 2**32 - 1",
    )


def place(name: str, value: Any, kind: str = "a whole number") -> int:
    """A whole number of at least 0, also one of NumPy's, as Python's own."""
    try:
        found = -1 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:  # an array of several, or of what is no whole number
        found = -1
    require(found >= 0, f"{name}={value!r} must be {kind}, 0 or more")
    return found


def places(name: str, value: Any, n: int, things: str) -> None:
    """Refuse anything but whole numbers that count things from 0 to n - 1."""
    fits = lambda entry: _is_whole(entry) and bool(0 <= entry < n)  # noqa: E731
    require(
        isinstance(value, Iterable) and all(map(fits, value)),
        f"{name}={plain(repr(value), 80)} must be places of {things}, whole numbers "
        f"from 0 to {n - 1}",
    )


def one_of(name: str, value: Any, known: Iterable[str]) -> None:
    """Refuse a name that is not in the list, and say the list."""
    names = sorted(known)
    if not isinstance(value, str) or value not in names:
        text = value if isinstance(value, str) else ""
        near = difflib.get_close_matches(text, names, 1)
        close = f"; did you mean {near[0]!r}?" if near else ""
        given = plain(repr(value), 80)
        fail(f"unknown {name} {given}; choose one of: {', '.join(names)}{close}")


def count(name: str, value: Any) -> None:
    """Refuse anything but a whole number above zero."""
    require(
        _is_whole(value) and bool(value > 0),
        f"{name}={value!r} must be a whole number above 0",
    )
