"""What stands between a model of SB3 and its environment: wrappers, read by name."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, require

SILENT = frozenset(  # neither observations nor actions are other behind these
    "TimeLimit Autoreset PassiveEnvChecker OrderEnforcing RecordEpisodeStatistics "
    "RecordVideo RenderCollection HumanRendering AddWhiteNoise ObstructView Monitor "
    "NormalizeReward TransformReward ClipReward FlattenObservation ReshapeObservation "
    "RescaleAction VecMonitor VecCheckNan VecVideoRecorder".split()
)  # RescaleAction: u is in units of the action space anyway
LIBRARIES = ("gymnasium", "stable_baselines3")
INSTEAD = (
    "call it from Python instead: hc.Foreign(lambda obs: model.predict(obs, "
    "deterministic=True)[0], features, batched=True)"
)


class Lens(NamedTuple):
    """What layers make of an observation: (y - mean) / std of the last few, cut off.

    Attributes:
        mean: shape [n], oldest observation first.
        std: shape [n].
        frames: observations that are stacked.
        reach: cut off at ± this; None: not at all.
    """

    mean: NDArray
    std: NDArray
    frames: int = 1
    reach: float | None = None

    def then(self, name: str, mean: Any, std: Any, reach: float | None) -> "Lens":
        """Normalized once more."""
        require(
            self.reach is None,
            f"{name} normalizes what was cut off at {self.reach} before; {INSTEAD}",
        )
        size = len(self.mean)
        mean, std = (np.asarray(v, np.float64).ravel() for v in (mean, std))
        require(
            size == len(mean) == len(std) and bool((std > 0).all()),
            f"{name} normalizes {len(mean)} numbers, expected {size}; {INSTEAD}",
        )
        return Lens(self.mean + self.std * mean, self.std * std, self.frames, reach)

    def stacked(self, frames: int) -> "Lens":
        """The last few of what there was."""
        mean, std = (np.tile(v, frames) for v in (self.mean, self.std))
        return Lens(mean, std, self.frames * frames, self.reach)


class Layers(NamedTuple):
    """The layers of a model, each list the outermost one first.

    Attributes:
        vec: of SB3 around all environments.
        envs: of Gymnasium around each environment; None where they cannot be seen.
        names: of Gymnasium's around each environment.
        bases: the environments themselves.
    """

    vec: list[Any]
    envs: list[list[Any]] | None
    names: list[list[str]]
    bases: list[Any]

    @property
    def strangers(self) -> list[str]:
        """Wrappers of nobody known, of which only asking can tell what they do."""
        known = [layer for chain in self.envs or [] for layer in chain]
        return sorted({type(v).__name__ for v in known if _is_strange(v)})


def layers_of(model: Any) -> Layers | None:
    """The layers that a model acts through; None without an environment."""
    get_env = getattr(model, "get_env", None)
    vec: Any = get_env() if get_env else None
    outer = []
    while hasattr(vec, "venv"):
        outer.append(vec)
        vec = vec.venv
    if vec is None:
        return None
    if hasattr(vec, "remotes"):  # in other processes
        said = vec.env_method("__str__")
        names = [re.findall(r"<(\w+)(?=[< ])", text)[:-1] for text in said]
        return Layers(outer, None, names, [])
    tops = getattr(vec, "envs", None) or [r.__self__ for r in _resets(vec)]
    chains = [list(_chain(env)) for env in tops]
    envs = [chain[:-1] for chain in chains]
    names = [[type(layer).__name__ for layer in chain] for chain in envs]
    return Layers(outer, envs, names, [chain[-1] for chain in chains])


def _resets(vec: Any) -> list[Any]:
    """The reset method of every environment, which knows whose it is."""
    try:
        return [r for r in vec.get_attr("reset") if hasattr(r, "__self__")]
    except AttributeError:
        return []


def _chain(env: Any) -> Iterator[Any]:
    """An environment's wrappers, the outermost one first, and itself."""
    yield env
    while hasattr(type(env), "class_name") and hasattr(env, "env"):
        env = env.env
        yield env


def lens_through(layers: Layers | None, normals: list[Any], size: int) -> Lens:
    """What a model sees of an observation [size] of its environment.

    Args:
        layers: of the model.
        normals: its VecNormalizes, the innermost one first.
        size: of the environment's observation.

    Raises:
        ValueError: names a layer that is not read.
    """
    lens = Lens(np.zeros(size), np.ones(size))
    if layers is not None:
        lens = _through_envs(layers, lens)
        for layer in layers.vec:
            name = type(layer).__name__
            known = name in SILENT or name == "VecNormalize"
            require(known, f"it acts through {name}, which is not read; {INSTEAD}")
    for normal in normals:
        if normal.norm_obs:
            variance = np.asarray(normal.obs_rms.var, np.float64) + normal.epsilon
            reach, mean = float(normal.clip_obs), normal.obs_rms.mean
            lens = lens.then("VecNormalize", mean, np.sqrt(variance), reach)
    return lens


def _through_envs(layers: Layers, lens: Lens) -> Lens:
    if layers.envs is None:
        for name in {n for names in layers.names for n in names} - SILENT:
            fail(
                f"it acts through {name} in another process, where it cannot be read; "
                f"make the environment in this one (DummyVecEnv), or {INSTEAD}"
            )
        return lens
    seen = [_through(chain, lens) for chain in layers.envs]
    for other in seen[1:]:
        same = len(other.mean) == len(seen[0].mean) and all(
            np.allclose(a, b, 1e-6, 1e-9)
            for a, b in zip(other[:2], seen[0][:2])  # noqa: B905
        )
        require(
            same and other[2:] == seen[0][2:],
            "its environments each normalize by themselves, so the model saw several "
            "scales; train behind one VecNormalize instead of NormalizeObservation",
        )
    return seen[0] if seen else lens


def _through(chain: list[Any], lens: Lens) -> Lens:
    for layer in reversed(chain):
        name = type(layer).__name__
        if type(layer).__module__.split(".")[0] in LIBRARIES:
            if name in SILENT:
                continue
            read = READ.get(name) or fail(
                f"it acts through {name}, which is not read; {INSTEAD}"
            )
            lens = read(layer, lens)
        else:
            _check_stranger(layer)
    return lens


def _is_strange(layer: Any) -> bool:
    """Whether a wrapper of somebody may change more than the reward."""
    import gymnasium

    kind, silent = type(layer), gymnasium.RewardWrapper
    rewards = isinstance(layer, silent) and kind.step is silent.step
    own = kind.__module__.split(".")[0] not in LIBRARIES
    return own and not (rewards and kind.reset is silent.reset)


def _check_stranger(layer: Any) -> None:
    """A wrapper of somebody that changes what is seen or done is not read."""
    import gymnasium

    kinds = (gymnasium.ObservationWrapper, gymnasium.ActionWrapper)
    require(
        not isinstance(layer, kinds),
        f"it acts through {type(layer).__name__}, which is not read; {INSTEAD}",
    )


def _normalized(layer: Any, lens: Lens) -> Lens:
    require(
        not layer.update_running_mean,
        "its NormalizeObservation still moves with every observation, away from what "
        "would be read; stop it first: model.get_env().env_method("
        '"set_wrapper_attr", "update_running_mean", False)',
    )
    variance = np.asarray(layer.obs_rms.var, np.float64) + layer.epsilon
    return lens.then(
        "NormalizeObservation", layer.obs_rms.mean, np.sqrt(variance), None
    )


def _rescaled(layer: Any, lens: Lens) -> Lens:
    """New = (old - mean) / std, where lowest goes to lowest and highest to highest."""
    (low, high), (new_low, new_high) = (
        (np.asarray(box.low, np.float64), np.asarray(box.high, np.float64))
        for box in (layer.env.observation_space, layer.observation_space)
    )
    std = (high - low) / (new_high - new_low)
    require(
        bool(np.isfinite(std).all()),
        f"RescaleObservation scales what is not bounded; {INSTEAD}",
    )
    return lens.then("RescaleObservation", low - new_low * std, std, None)


def _stacked(layer: Any, lens: Lens) -> Lens:
    padding = layer.padding_type
    require(
        isinstance(padding, str) and padding == "reset",
        "FrameStackObservation begins with other frames than the first observation, "
        f'which is not read; use padding_type="reset", or {INSTEAD}',
    )
    return lens.stacked(int(layer.stack_size))


def _as_it_is(layer: Any, lens: Lens) -> Lens:
    kind = layer.observation_space.dtype
    require(
        kind in (np.float32, np.float64),
        f"DtypeObservation rounds to {kind}, which is not read; {INSTEAD}",
    )
    return lens


READ = {
    "NormalizeObservation": _normalized,
    "RescaleObservation": _rescaled,
    "FrameStackObservation": _stacked,
    "DtypeObservation": _as_it_is,
    "ClipAction": lambda layer, lens: lens,  # see `action_box`
}


def action_box(layers: Layers | None, space: Any) -> Any:
    """The action space, or the one that ClipAction cuts actions off at."""
    chains = (layers.envs if layers is not None else None) or []
    for layer in chains[0] if chains else []:
        if type(layer).__name__ == "ClipAction":
            space = layer.env.action_space
    return space
