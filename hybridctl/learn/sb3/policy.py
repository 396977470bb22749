"""A policy of stable-baselines3 as a `Policy`: its numbers alone, without torch."""

import dataclasses
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, require
from hybridctl.controllers import Controller, Features, Policy
from hybridctl.controllers.policy import ACTIVATIONS
from hybridctl.learn.observe import activation_by, check_observed, observation_of
from hybridctl.learn.sb3.layers import (
    INSTEAD,
    Layers,
    action_box,
    layers_of,
    lens_through,
)
from hybridctl.learn.sb3.trial import Trial
from hybridctl.tasks import Task

ACTORS = (  # what has the last layer, the hidden layers, the squashing
    ("action_net", "mlp_extractor.policy_net", "clip"),  # PPO, A2C
    ("actor.mu", "actor.latent_pi", None),  # SAC
    ("", "actor.mu", None),  # TD3, DDPG: the last one is among the others
)
KNOWN = (  # what is read, and what acting does not need
    *("action_net", "mlp_extractor", "actor.mu", "actor.latent_pi"),
    *("log_std", "value_net", "actor.log_std", "actor_target", "critic"),
)


def from_sb3(
    model: Any,
    features: Features | None = None,
    *,
    task: Task | str | None = None,
    template: Controller | str = "ppo",
    vecnormalize: Any = None,
    dt: float | None = None,
) -> Policy:
    """A policy of stable-baselines3 as a controller that compiles, saves and exports.

    u = `model.predict(φ, deterministic=True)[0]`: PPO and A2C cut the mean off at the
    action space, SAC, TD3 and DDPG squash it with tanh. Where the action space is not
    ±1, u is the action in units of it, from -1 (low) to 1 (high): scale it where you
    use it, `10.0 * policy`.

    What stands between the model and its environment is read too: VecNormalize,
    Gymnasium's NormalizeObservation, RescaleObservation and FrameStackObservation,
    ClipAction and RescaleAction (stop the statistics first, as a sentence says); any
    other wrapper of observations or actions is
    refused by its name. Then both are asked the same observations, and, in a copy of
    an environment of `hc.gym`, act side by side.

    Args:
        model: a PPO, A2C, SAC, TD3 or DDPG with an MlpPolicy, or its `policy`.
        features: what it observes; by default that of its environment, if that is
            one of `hc.gym`, or of the task.
        task: what it was trained on, or its name.
        template: what was trained in it, or its name.
        vecnormalize: the VecNormalize that it was trained behind; by default the
            model's own.
        dt: period [s] between two decisions; by default that of the environment.

    Returns:
        A `Policy`.

    Raises:
        ValueError: a file, a network that is no such MLP, a wrapper that is not read,
            or answers that differ; it says what to do.

    Example:
        >>> from_sb3("model.zip")
        Traceback (most recent call last):
        ...
        ValueError: an SB3 file holds pickled code, which runs when it is loaded; ...
    """
    if isinstance(model, (str, os.PathLike)):
        fail(
            "an SB3 file holds pickled code, which runs when it is loaded; if you "
            "trust it, load it there: hc.from_sb3(PPO.load(path))"
        )
    policy = getattr(model, "policy", model)
    if not hasattr(policy, "state_dict") or not hasattr(policy, "action_space"):
        fail(f"expected a model of stable-baselines3, got {type(model).__name__}")
    layers = layers_of(model)
    box = action_box(layers, policy.action_space)
    _check_kind(model, policy, box)
    weights, biases, squash = _network(policy.state_dict())
    if squash == "clip":
        low, half = np.asarray(box.low, np.float64), (box.high - box.low) / 2
        weights[-1] = weights[-1] / half
        biases[-1] = (biases[-1] - (low + half)) / half
    env = _env_of(model, layers)
    found, period = observation_of(features, task, template, dt, env)
    normals = _normalizers(model, layers, vecnormalize)
    lens = lens_through(layers, normals, found.size)
    check_observed(found, len(weights[0]), lens.frames)
    activation = activation_by(policy.activation_fn.__name__)
    as_it_is = Features(len(lens.mean), tuple(range(len(lens.mean))))
    scale = lens.mean, lens.std, activation, period, squash, lens.reach
    read = Policy(as_it_is, weights, biases, *scale)
    trial = Trial(model, layers, normals, box)
    trial.ask_network(read, lens_through(layers, [], found.size))
    read = _observing(found, read, lens.frames)
    trial.ask_loop(read)
    return read


def _observing(features: Features, read: Policy, frames: int) -> Policy:
    """The policy on these features; of several frames theirs have the newest first."""
    if frames == 1:
        return dataclasses.replace(read, features=features)
    require(
        features.history == 0,
        "it observes a stack of frames that have a history already; train on one of "
        f"both, or {INSTEAD}",
    )
    order = np.arange(len(read.mean)).reshape(frames, -1)[::-1].ravel()
    return dataclasses.replace(
        read,
        features=dataclasses.replace(features, history=frames - 1),
        weights=(read.weights[0][order], *read.weights[1:]),
        mean=read.mean[order],
        std=read.std[order],
    )


def _check_kind(model: Any, policy: Any, space: Any) -> None:
    """Refuse what is no plain MLP from a flat observation to bounded actions."""
    kind = type(space).__name__
    require(kind == "Box", f"its actions are {kind}, expected a Box; {INSTEAD}")
    bounded = np.isfinite(space.low).all() and np.isfinite(space.high).all()
    require(
        bounded and len(space.shape) == 1,
        f"its action space is {space}, expected a bounded Box of one axis; {INSTEAD}",
    )
    sde = getattr(model, "use_sde", False) or getattr(policy, "use_sde", False)
    require(not sde, f"it explores with gSDE, which is not read; {INSTEAD}")
    extractor = policy.features_extractor_class.__name__
    require(
        extractor == "FlattenExtractor",
        f"it sees through a {extractor}, expected an MlpPolicy; {INSTEAD}",
    )
    name = policy.activation_fn.__name__
    require(
        activation_by(name) in ACTIVATIONS,
        f"its activation is {name}, expected Tanh, ReLU, ELU or SiLU; {INSTEAD}",
    )


def _network(state: dict[str, Any]) -> tuple[list[NDArray], list[NDArray], str | None]:
    """Weights, biases and squashing of the actor in a state_dict."""
    arrays = {name: np.asarray(v.cpu().numpy()) for name, v in state.items()}
    others = [name for name in arrays if not name.startswith(KNOWN)]
    require(not others, f"it has the weights {', '.join(others[:3])}; {INSTEAD}")
    found = [a for a in ACTORS if f"{a[0] or a[1] + '.0'}.weight" in arrays]
    require(len(found) > 0, f"it has the weights {', '.join(arrays)}; {INSTEAD}")
    last, hidden, squash = found[0]
    inside = [n for n in arrays if n.startswith(f"{hidden}.") and n.endswith(".weight")]
    names = [f"{hidden}.{2 * i}" for i in range(len(inside))] + [last] * bool(last)
    plain = all(f"{n}.weight" in arrays and f"{n}.bias" in arrays for n in names)
    flat = plain and all(arrays[f"{n}.weight"].ndim == 2 for n in names)
    require(flat, f"its hidden layers {inside} are no plain MLP; {INSTEAD}")
    weights = [arrays[f"{name}.weight"].T for name in names]
    return weights, [arrays[f"{name}.bias"] for name in names], squash


def _normalizers(model: Any, layers: Layers | None, given: Any) -> list[Any]:
    """The VecNormalizes that a model sees through, the innermost one first."""
    if given is not None:
        return [given]
    inside = reversed(layers.vec if layers is not None else [])
    found = [layer for layer in inside if type(layer).__name__ == "VecNormalize"]
    own = getattr(model, "get_vec_normalize_env", lambda: None)()
    return found or ([] if own is None else [own])


def _env_of(model: Any, layers: Layers | None) -> Any:
    """The `Env` inside the environment that a model was made with, if it is one."""
    if layers is None:
        return None
    if layers.envs is not None:
        return getattr(layers.bases[0], "inner", None) if layers.bases else None
    vec = model.get_env()
    return vec.get_attr("inner")[0] if vec.has_attr("inner") else None
