"""Several devices in one program: arrays whose lanes are laid over them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Shaped

from hybridctl.checks import count, require

LANES = "lanes"  # name of the axis along which devices lie
CURE = (
    "give at most as many (on a CPU, XLA_FLAGS=--xla_force_host_platform_device_count=4"
    " makes four)"
)


def laid_out(lanes: Shaped[Array, "n ..."], devices: int) -> Array:
    """An array with equally many of its rows on each of the first few devices.

    What is computed from it row by row stays where it is: a simulation of starts, a
    step of environments that began with keys.

    Args:
        lanes: shape [n, ...], n a multiple of the devices.
        devices: how many of `jax.local_devices()`.

    Raises:
        ValueError: there are not as many, or they cannot share the rows.

    Example:
        >>> keys = jax.random.split(jax.random.PRNGKey(0), 8)
        >>> laid_out(keys, devices=1).shape
        (8, 2)
    """
    check_devices(devices)
    check_shared("rows", np.shape(lanes)[0], devices)
    if devices == 1:
        return lanes
    mesh = Mesh(np.array(jax.local_devices()[:devices]), (LANES,))
    return jax.device_put(lanes, NamedSharding(mesh, PartitionSpec(LANES)))


def check_devices(devices: Any, here: bool = True) -> None:
    """Refuse more devices than this process has, where it is the one that works."""
    count("devices", devices)
    there = jax.local_device_count() if here and devices > 1 else devices
    require(devices <= there, f"devices={devices} but JAX has {there} here; {CURE}")


def check_shared(name: str, n: int, devices: int) -> None:
    """Refuse lanes of which some device would have more than another."""
    require(
        n % devices == 0,
        f"{n} {name} cannot be shared evenly by {devices} devices; give a multiple of "
        f"{devices}, or fewer devices",
    )


class Crew(NamedTuple):
    """The devices that run one program, each with lanes of its own.

    What is not done lane by lane, every device does: with equal numbers, so that the
    results are those of one device.

    Attributes:
        each: devices of every process; 0: the usual one of this process alone.
    """

    each: int = 0

    @property
    def size(self) -> int:
        """Devices of all processes."""
        return self.each * jax.process_count() if self.each else 1

    def program(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """A function that all devices run, on equal arguments to equal results."""
        if self.size == 1:
            return f
        everywhere = PartitionSpec()
        return jax.shard_map(
            f, mesh=self._mesh(), in_specs=everywhere, out_specs=everywhere,
            check_vma=False,
        )  # fmt: skip

    def own(self, tree: Any, axis: int = 0) -> Any:
        """Within a program: a device's own lanes, of arrays that have all along axis.

        Args:
            tree: of arrays.
            axis: along which their lanes lie.
        """
        if self.size == 1:
            return tree

        def part(lanes: Array) -> Array:
            n = lanes.shape[axis] // self.size
            return jax.lax.dynamic_slice_in_dim(lanes, self._first(n), n, axis)

        return jax.tree.map(part, tree)

    def amid(self, tree: Any) -> Any:
        """Within a program: a device's own lanes in their places, all others zero.

        A product of matrices may round otherwise where it has fewer rows.
        """
        if self.size == 1:
            return tree

        def placed(own: Array) -> Array:
            n, *rest = own.shape
            empty = jax.numpy.zeros((n * self.size, *rest), own.dtype)
            return jax.lax.dynamic_update_slice_in_dim(empty, own, self._first(n), 0)

        return jax.tree.map(placed, tree)

    def whole(self, tree: Any, axis: int = 0) -> Any:
        """Within a program: the lanes of all devices, where each has its own."""
        if self.size == 1:
            return tree
        gather = lambda own: jax.lax.all_gather(own, LANES, axis=axis, tiled=True)  # noqa: E731
        return jax.tree.map(gather, tree)

    def _first(self, n: int) -> Array:
        """Number of the first of a device's n lanes."""
        return jax.lax.axis_index(LANES) * n

    def _mesh(self) -> Mesh:
        """The first few devices of every process."""
        by_process: dict[int, list[Any]] = {}
        for device in jax.devices():
            by_process.setdefault(device.process_index, []).append(device)
        chosen = [d for there in by_process.values() for d in there[: self.each]]
        return Mesh(np.array(chosen), (LANES,))
