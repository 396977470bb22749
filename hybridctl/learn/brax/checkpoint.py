"""A checkpoint of brax's own: numbers by orbax, settings as JSON, nothing unpickled."""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from brax.training.acme import running_statistics

from hybridctl.checks import fail, require
from hybridctl.learn.brax.compat import ppo_networks
from hybridctl.learn.observe import activation_by

ALGORITHMS = ("ppo", "sac")
CONFIG = "_network_config.json"  # behind the name of the algorithm
STATE = "state"  # what brax calls the observation among several
INSTEAD = "call it from Python instead: hc.Foreign(f, features)"


class Trained(NamedTuple):
    """What brax says of a policy; None where it does not."""

    params: Any  # (normalizer, policy, ...)
    make_policy: Any = None
    activation: str | None = None
    normalize: bool | None = None
    key: str | None = None  # which observation the policy sees, among several


def checkpoint_in(path: Path) -> Path:
    """A checkpoint's folder: the one given, or the last numbered one in it.

    Raises:
        ValueError: says what is there instead.
    """
    if not path.is_dir():
        what = "it is a file" if path.exists() else "there is no such folder"
        fail(f"{path} is no checkpoint of brax: {what}; give the folder")
    numbered = sorted(
        (p for p in path.iterdir() if p.is_dir() and p.name.isdecimal()),
        key=lambda p: int(p.name),
    )
    for folder in (path, *reversed(numbered)):
        if _config_file(folder):
            return folder
    others = [file.name for p in (path, *numbered) for file in p.glob(f"*{CONFIG}")]
    held = f"it has {others[0]}" if others else f"it has no ppo{CONFIG}"
    fail(
        f"{path} is no checkpoint of brax's PPO or SAC: {held}; give the folder that "
        "was save_checkpoint_path or checkpoint_logdir"
    )


def _config_file(folder: Path) -> Path | None:
    files = (folder / f"{name}{CONFIG}" for name in ALGORITHMS)
    return next((path for path in files if path.is_file()), None)


def read(folder: Path) -> Trained:
    """What a checkpoint holds: arrays by orbax, settings from JSON."""
    from orbax import checkpoint as ocp

    file: Any = _config_file(folder)
    config = json.loads(file.read_text(encoding="utf-8"))
    options = config.get("network_factory_kwargs", {})
    kind = options.get("distribution_type", "tanh_normal")
    require(
        kind == "tanh_normal",
        f"its actions are {kind!r}, expected 'tanh_normal'; {INSTEAD}",
    )
    reader, place = ocp.PyTreeCheckpointer(), folder.absolute()
    tree = reader.metadata(place).item_metadata
    numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
    params = reader.restore(place, ocp.args.PyTreeRestore(restore_args=numpy))
    activation, normalize = options.get("activation"), config["normalize_observations"]
    several = isinstance(params[0]["mean"], Mapping)
    make = None if activation is None else _make_policy(file, config, params)
    return Trained(
        (_statistics(params[0]), *params[1:]),
        make,
        activation and activation_by(activation),
        bool(normalize),
        options.get("policy_obs_key", STATE) if several else None,
    )


def _make_policy(file: Path, config: dict[str, Any], params: Any) -> Any:
    """Brax's own policy, from the settings of its network."""
    from brax.training.agents.sac import networks as sac_networks
    from brax.training.networks import ACTIVATION
    from brax.training.types import identity_observation_preprocessor

    home, factory = {
        "ppo": (ppo_networks, ppo_networks.make_ppo_networks),
        "sac": (sac_networks, sac_networks.make_sac_networks),
    }[file.name.removesuffix(CONFIG)]
    options = dict(config["network_factory_kwargs"])
    known = inspect.signature(factory).parameters
    strange = [name for name in options if name not in known]
    require(not strange, f"its network has {', '.join(strange)}; {INSTEAD}")
    options = {k: v for k, v in options.items() if "kernel_init" not in k}
    options["activation"] = ACTIVATION[options["activation"]]
    as_it_is, normal = identity_observation_preprocessor, running_statistics.normalize
    sizes = jax.tree.map(np.shape, params[0]["mean"])
    networks: Any = factory(
        sizes if isinstance(sizes, Mapping) else sizes[0],
        config["action_size"],
        preprocess_observations_fn=(
            normal if config["normalize_observations"] else as_it_is
        ),
        **options,
    )
    return home.make_inference_fn(networks)


def _statistics(saved: dict[str, Any]) -> Any:
    """Brax's record of a normalizer from what orbax makes of it."""
    fields = running_statistics.RunningStatisticsState.__dataclass_fields__
    known = {k: v for k, v in saved.items() if k in fields}
    return running_statistics.RunningStatisticsState(**known)
