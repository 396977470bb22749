"""How many of a machine's devices a training uses."""

import jax

from hybridctl.checks import require
from hybridctl.learn.config import Config
from hybridctl.scale.devices import Crew, check_devices, check_shared


def alone(config: Config) -> bool:
    """Whether it keeps to one device: our PPO does unless it is asked, hjb always."""
    ours, most = config.trained_by == "jax", config.max_devices_per_host
    return ours and (most is None or config.algorithm == "hjb")


def available(config: Config) -> int:
    """Devices of this process that a training may use."""
    if alone(config):
        return 1
    there = jax.local_device_count()
    return min(there, config.max_devices_per_host or there)


def devices(config: Config) -> int:
    """As many of those as share environments and batches evenly.

    Raises:
        ValueError: not even the processes can share them.
    """
    if alone(config):
        return 1
    processes, parts = jax.process_count(), [config.num_envs]
    if config.trained_by == "brax":
        parts.append(config.batch_size)
    even = [
        n
        for n in range(1, available(config) + 1)
        if not any(part % (n * processes) for part in parts)
    ]
    require(
        len(even) > 0,
        f"num_envs={config.num_envs} and batch_size={config.batch_size} must be "
        f"multiples of the {processes} processes that train",
    )
    return even[-1]


def asked_for(config: Config, devices: int | None) -> Config:
    """Settings with as many devices as were asked for, of every process.

    Raises:
        ValueError: there are not as many, or they cannot share the environments.
    """
    if devices is None:
        return config
    require(
        devices == 1 or config.algorithm != "hjb",
        f'algorithm="hjb" learns on one device, not on devices={devices}; leave it out',
    )
    check_devices(devices)
    check_shared("environments", config.num_envs, devices * jax.process_count())
    return config.replace(max_devices_per_host=devices)


def crew(config: Config) -> Crew:
    """Those that share the lanes of a training by an engine of ours."""
    return Crew(0 if alone(config) else devices(config))


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
