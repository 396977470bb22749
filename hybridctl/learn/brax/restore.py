"""A policy that brax trained, from its parameters or its checkpoint."""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import fail, one_of, plain, require
from hybridctl.controllers import Controller, Features, Policy, Tick
from hybridctl.controllers.policy import ACTIVATIONS
from hybridctl.learn.brax.checkpoint import INSTEAD, STATE, Trained, checkpoint_in, read
from hybridctl.learn.brax.networks import brax_policy
from hybridctl.learn.observe import observation_of
from hybridctl.tasks import Task


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
        dt: period [s] between two decisions; by default that of the task. Brax's
            own action_repeat is not known here: give the template that holds its
            Slots so long, or dt.

    Returns:
        A `Policy`. Where brax's own is known (from make_policy or a checkpoint), both
        were asked the same and agree.

    Raises:
        ValueError: no checkpoint, a network that is no MLP with a tanh-normal
            distribution, or something that is not known; it says what to give.

    Example:
        >>> from_brax("runs/none")
        Traceback (most recent call last):
        ...
        ValueError: runs/none is no checkpoint of brax: there is no such folder; ...
    """
    found = _trained(trained)
    found = found._replace(
        activation=activation or found.activation,
        normalize=found.normalize if normalize is None else normalize,
    )
    if found.activation is not None:
        one_of("activation", found.activation, ACTIVATIONS)
    seen, period = observation_of(features, task, template, dt)
    _check_params(found)
    keys = _keys(found)
    found = (
        found._replace(key=keys[0])
        if found.make_policy is None
        else _tried(found, keys)
    )
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
        folder = checkpoint_in(Path(trained))
        try:
            return read(folder)
        except Exception as error:  # orbax may raise anything
            reason = plain(error, 300)
            if not isinstance(error, ValueError):
                reason = f"it is damaged ({type(error).__name__}: {reason})"
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


def _check_params(found: Trained) -> None:
    """Refuse what is not (normalizer, policy, ...) as brax's PPO and SAC have it."""
    entries = list(found.params) if isinstance(found.params, (tuple, list)) else []
    normalizer, policy = (*entries, None, None)[:2]
    known = (
        all(_has(normalizer, name) for name in ("mean", "std"))
        and isinstance(policy, Mapping)
        and isinstance(policy.get("params"), Mapping)
    )
    require(
        known,
        "these params are not (normalizer, policy, ...), as brax's PPO and SAC give "
        f"them; {INSTEAD}",
    )


def _keys(found: Trained) -> list[str | None]:
    """Observations that may be the policy's, the most likely one first."""
    mean = _get(found.params[0], "mean")
    if not isinstance(mean, Mapping):
        return [None]
    first = found.params[1]["params"].get("hidden_0", {})
    inputs = np.shape(first.get("kernel", ()))[:1]
    names = [found.key] if found.key else dict.fromkeys([STATE, *sorted(mean)])
    fit = [name for name in names if name in mean and np.shape(mean[name]) == inputs]
    require(
        len(fit) > 0,
        f"its observations are {', '.join(sorted(mean))}, and its network takes none "
        f"of them; {INSTEAD}",
    )
    return fit


def _tried(found: Trained, keys: list[str | None]) -> Trained:
    """The reading with which we answer as brax's own policy does."""
    names = [found.activation] if found.activation else ["swish", *ACTIVATIONS]
    both = (True, False) if found.normalize is None else (found.normalize,)
    for key in keys:
        seen, whole = _asked(found.params[0], key)
        expected = _theirs(found, whole)
        for name, normal in itertools.product(names, both):
            tried = found._replace(activation=name, normalize=normal, key=key)
            size = seen.shape[1]
            as_it_is = Features(size, tuple(range(size)))
            u = np.asarray(_answers(_policy(tried, as_it_is, None), seen))
            if u.shape == expected.shape and np.abs(u - expected).max() < 1e-4:
                return tried
    fail(
        f"no MLP with {' or '.join(sorted(set(names)))} and a tanh answers as brax's "
        f"own policy does; {INSTEAD}"
    )


def _asked(normalizer: Any, key: str | None) -> tuple[np.ndarray, Any]:
    """Observations that are usual, and far ones: ours, and among all of brax's."""
    mean, std = (_get(normalizer, name) for name in ("mean", "std"))
    own = np.asarray(_entry(mean, key))
    noise = np.random.default_rng(0).standard_normal((32, len(own)))
    noise[16:] *= 8.0
    seen = (own + np.asarray(_entry(std, key)) * noise).astype(np.float32)
    if not isinstance(mean, Mapping):
        return seen, seen
    rows = len(seen)
    whole = {k: np.zeros((rows, *np.shape(v)), np.float32) for k, v in mean.items()}
    return seen, whole | {key: seen}


def _theirs(found: Trained, whole: Any) -> np.ndarray:
    """What brax's own policy answers."""
    try:
        policy = found.make_policy(found.params, deterministic=True)
        return np.asarray(policy(whole, jax.random.PRNGKey(0))[0])
    except Exception as error:  # whatever a network of anybody raises
        reason = plain(error, 200) or type(error).__name__
        raise ValueError(
            f"brax's own policy does not answer to flat observations ({reason}); "
            f"{INSTEAD}"
        ) from error


@jax.jit
def _answers(policy: Policy, seen: Array) -> Array:
    t, k = jnp.zeros(()), jnp.int32(0)
    return jax.vmap(lambda y: policy.step(None, Tick(t, k, y))[1])(seen)


def _get(record: Any, name: str) -> Any:
    """A field of brax's record, or of the dict that a checkpoint makes of it."""
    return record[name] if isinstance(record, Mapping) else getattr(record, name)


def _has(record: Any, name: str) -> bool:
    return name in record if isinstance(record, Mapping) else hasattr(record, name)


def _entry(value: Any, key: str | None) -> Any:
    return value[key] if isinstance(value, Mapping) else value
