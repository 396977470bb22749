"""How many of a machine's devices a training can use."""

import jax

from hybridctl.checks import require
from hybridctl.learn.config import Config


def available(config: Config) -> int:
    """Devices of this process that a training may use."""
    there = jax.local_device_count()
    if config.trained_by == "jax":
        return 1
    return min(there, config.max_devices_per_host or there)


def devices(config: Config) -> int:
    """As many of those as share environments and batches evenly.

    Raises:
        ValueError: not even the processes can share them.
    """
    processes, parts = jax.process_count(), (config.num_envs, config.batch_size)
    even = [
        n
        for n in range(1, available(config) + 1)
        if not any(part % (n * processes) for part in parts)
    ]
    require(
        len(even) > 0,
        f"num_envs={parts[0]} and batch_size={parts[1]} must be multiples of the "
        f"{processes} processes that train",
    )
    return even[-1]


def shortfall(config: Config) -> str | None:
    """What to say where some devices stay idle."""
    used, there = devices(config), available(config)
    if used == there:
        return None
    return (
        f"uses {used} of {there} devices, which share num_envs={config.num_envs} and "
        f"batch_size={config.batch_size} evenly; make both multiples of {there} to "
        "use all"
    )
