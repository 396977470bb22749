"""Several devices in one program: arrays whose lanes are laid over them."""

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hybridctl.checks import count, require


def laid_out(lanes: Array, devices: int) -> Array:
    """An array with equally many of its rows on each of the first few devices.

    What is computed from it row by row stays where it is.

    Args:
        lanes: shape [n, ...], n a multiple of the devices.
        devices: how many of `jax.devices()`.

    Raises:
        ValueError: there are not as many.
    """
    count("devices", devices)
    if devices == 1:
        return lanes
    there = jax.devices()
    require(
        devices <= len(there),
        f"devices={devices} but JAX has {len(there)} here; give at most as many (on a "
        "CPU, XLA_FLAGS=--xla_force_host_platform_device_count=4 makes four)",
    )
    mesh = Mesh(np.array(there[:devices]), ("lanes",))
    return jax.device_put(lanes, NamedSharding(mesh, PartitionSpec("lanes")))
