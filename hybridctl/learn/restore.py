"""A policy that brax trained, from its parameters or its checkpoint."""

import itertools
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import fail, one_of, require
from hybridctl.controllers import Controller, Features, Policy, Tick
from hybridctl.controllers.policy import ACTIVATIONS
from hybridctl.learn.networks import brax_policy
from hybridctl.learn.observe import activation_by, observation_of
from hybridctl.tasks import Task

CONFIG = "_network_config.json"  # behind "ppo", "sac"
STATE = "state"  # what brax calls the observation among several


class Trained(NamedTuple):
    """What brax says of a policy; None where it does not."""

    params: Any  # (normalizer, policy, ...)
    make_policy: Any = None
    activation: str | None = None
    normalize: bool | None = None
    key: str = STATE


def from_brax(
    trained: Any,
    features: Features | None = None,
    *,
    task: Task | str | None = None,
    template: Controller | str = "ppo",
    activation: str | None = None,
    normalize: bool | None = None,
    dt: float | None = None,
) -> Policy:
    """A policy that brax's PPO or SAC trained, as a controller: u = tanh(mean).

    Args:
        trained: what `ppo.train` returned (make_policy, params, metrics); its params
            (normalizer, policy, value); or the folder of a checkpoint, or of several,
            of which the last is read: numbers and JSON, nothing is unpickled.
        features: what it observes; by default that of the task.
        task: what it was trained on, or its name.
        template: what was trained in it, or its name.
        activation: tanh, relu, swish (brax's default) or elu, where it is not known
            from a checkpoint or make_policy.
        normalize: whether observations were normalized (not by default in brax),
            where it is not known from a checkpoint or make_policy.
        dt: period [s] between two decisions; by default that of the task.

    Returns:
        A `Policy`. Where there is a make_policy, both were asked the same and agree.

    Raises:
        ValueError: a network that is no MLP with a tanh-normal distribution, or
            something that is not known; it says what to give.

    Example:
        >>> from_brax("runs/none")
        Traceback (most recent call last):
        ...
        ValueError: runs/none is no checkpoint of brax: it has no ...
    """
    found = _trained(trained)
    found = found._replace(
        activation=activation or found.activation,
        normalize=found.normalize if normalize is None else normalize,
    )
    if found.activation is not None:
        one_of("activation", found.activation, ACTIVATIONS)
    seen, period = observation_of(features, task, template, dt)
    if found.make_policy is not None:
        found = _tried(found)
    for name, cure in (("activation", '"swish"'), ("normalize", "True or False")):
        require(
            getattr(found, name) is not None,
            f"brax's params do not tell the {name}; give {name}={cure}",
        )
    return _policy(found, seen, period)


def _policy(found: Trained, features: Features, dt: float | None) -> Policy:
    normalizer, parameters = found.params[:2]
    scale = [_entry(_get(normalizer, name), found.key) for name in ("mean", "std")]
    return brax_policy(
        features, parameters, tuple(scale) if found.normalize else None,  # type: ignore[arg-type]
        found.activation, dt,  # type: ignore[arg-type]
    )  # fmt: skip


def _trained(trained: Any) -> Trained:
    if isinstance(trained, (str, os.PathLike)):
        folder = _checkpoint(Path(trained))
        try:
            return _read(folder)
        except Exception as error:  # orbax may raise anything
            reason = str(error)[:300]
            raise ValueError(
                f"cannot read the checkpoint {folder}: {reason}"
            ) from error
    if not isinstance(trained, (tuple, list)) or len(trained) < 2:
        fail(
            "expected brax's (make_policy, params, metrics), its params or a folder, "
            f"got {type(trained).__name__}"
        )
    if callable(trained[0]):
        return Trained(trained[1], trained[0])
    return Trained(tuple(trained))


def _tried(found: Trained) -> Trained:
    """The activation and normalization with which we answer as make_policy does."""
    normalizer, _ = found.params[:2]
    mean = np.asarray(_entry(_get(normalizer, "mean"), found.key))
    std = np.asarray(_entry(_get(normalizer, "std"), found.key))
    noise = np.random.default_rng(0).standard_normal((16, len(mean)))
    seen = (mean + std * noise).astype(np.float32)
    theirs = found.make_policy(found.params, deterministic=True)
    whole = seen
    if isinstance(_get(normalizer, "mean"), dict):
        others = _get(normalizer, "mean").items()
        whole = {k: np.zeros((16, *np.shape(v)), np.float32) for k, v in others}
        whole[found.key] = seen
    expected = np.asarray(theirs(whole, jax.random.PRNGKey(0))[0])
    plain = Features(len(mean), tuple(range(len(mean))))
    names = [found.activation] if found.activation else ["swish", *ACTIVATIONS]
    both = (True, False) if found.normalize is None else (found.normalize,)
    for name, normal in itertools.product(names, both):
        tried = found._replace(activation=name, normalize=normal)
        u = np.asarray(_answers(_policy(tried, plain, None), seen))
        if u.shape == expected.shape and np.abs(u - expected).max() < 1e-4:
            return tried
    fail(
        f"no MLP with {' or '.join(sorted(set(names)))} and a tanh answers as this "
        "make_policy does; call it from Python instead: hc.Foreign(f, features)"
    )


@jax.jit
def _answers(policy: Policy, seen: Array) -> Array:
    t, k = jnp.zeros(()), jnp.int32(0)
    return jax.vmap(lambda y: policy.step(None, Tick(t, k, y))[1])(seen)


def _checkpoint(folder: Path) -> Path:
    """The folder itself, or its last numbered one."""
    inner = sorted(p for p in folder.glob("*") if p.name.isdigit())
    for path in (folder, *reversed(inner)):
        if any(path.glob(f"*{CONFIG}")):
            return path
    fail(f"{folder} is no checkpoint of brax: it has no ...{CONFIG}")


def _read(folder: Path) -> Trained:
    """Arrays by orbax, settings from JSON."""
    from orbax import checkpoint as ocp

    config = json.loads(next(folder.glob(f"*{CONFIG}")).read_text(encoding="utf-8"))
    options = config.get("network_factory_kwargs", {})
    kind = options.get("distribution_type", "tanh_normal")
    require(
        kind == "tanh_normal",
        f"its actions are {kind!r}, expected 'tanh_normal'; call it from Python "
        "instead: hc.Foreign(f, features)",
    )
    reader, place = ocp.PyTreeCheckpointer(), folder.absolute()
    tree = reader.metadata(place).item_metadata
    numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
    params = reader.restore(place, ocp.args.PyTreeRestore(restore_args=numpy))
    activation = options.get("activation")
    return Trained(
        params,
        activation=activation and activation_by(activation),
        normalize=config.get("normalize_observations"),
        key=options.get("policy_obs_key", STATE),
    )


def _get(record: Any, name: str) -> Any:
    """A field of brax's record, or of the dict that a checkpoint makes of it."""
    return record[name] if isinstance(record, dict) else getattr(record, name)


def _entry(value: Any, key: str) -> Any:
    return value[key] if isinstance(value, dict) else value
