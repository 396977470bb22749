"""A model of SB3 and what was read of it, asked the same."""

import copy
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, plain
from hybridctl.controllers import Policy, Tick
from hybridctl.learn.sb3.layers import INSTEAD, LIBRARIES, Layers, Lens

EPISODES, DECISIONS = 8, 8
RECORDERS = ("Monitor", "RecordVideo", "RenderCollection", "HumanRendering")


class Trial(NamedTuple):
    """A model with all that it acts through.

    Attributes:
        model: of SB3.
        layers: of the model; None where its environment is not known.
        normals: its VecNormalizes, the innermost one first.
        box: the action space.
    """

    model: Any
    layers: Layers | None
    normals: list[Any]
    box: Any

    def ask_network(self, read: Policy, inner: Lens) -> None:
        """Compare the answers to usual observations, and to far ones.

        Args:
            read: what was read, in the order of SB3's observations.
            inner: what the environment's own wrappers make of an observation.

        Raises:
            ValueError: they differ.
        """
        if not hasattr(self.model, "predict"):
            return
        noise = np.random.default_rng(0).standard_normal((32, len(read.mean)))
        noise[16:] *= 4.0
        seen = (np.asarray(read.mean) + np.asarray(read.std) * noise).astype(np.float32)
        obs = ((seen - inner.mean) / inner.std).astype(np.float32)
        space = getattr(self.model, "observation_space", None)
        shape = obs.shape[1:] if space is None else space.shape
        theirs = self._predicted(obs.reshape(len(obs), *shape))
        tick = Tick(jnp.zeros(()), jnp.int32(0), jnp.asarray(seen))
        _, ours = _decide_all(read, tick)
        self._compare(self._in_units(theirs), np.asarray(ours))

    def ask_loop(self, read: Policy) -> None:
        """Let both act side by side in a copy of the environment, if it is ours.

        Raises:
            ValueError: they differ, or nobody can tell what a wrapper does.
        """
        env, strangers = self._copied(read), self._strangers()
        if env is None or not hasattr(self.model, "predict"):
            if strangers:
                fail(f"it acts through {strangers}, which is not read; {INSTEAD}")
            return
        top, witness = env
        try:
            made = self._act(top)
        except Exception as error:  # whatever a wrapper of anybody raises
            if not witness.ours:
                reason = plain(error, 200)
                fail(f"its environment does not run in a copy: {reason}; {INSTEAD}")
            made = len(witness.ours)
        self._compare(np.array(witness.theirs), np.array(witness.ours))
        if made != len(witness.ours):
            fail(f"{strangers} makes several decisions of one; {INSTEAD}")

    def _act(self, top: Any) -> int:
        """Some episodes under the model; tells its number of decisions."""
        made = 0
        for episode in range(EPISODES):
            obs = top.reset(seed=episode)[0]
            for _ in range(DECISIONS):
                obs, _, *ends, _ = top.step(self._predicted(obs))
                made += 1
                if any(ends):
                    break
        return made

    def _copied(self, read: Policy) -> tuple[Any, Any] | None:
        """The first environment anew, with all that stands around it."""
        from hybridctl.learn.gymnasium.env import GymEnv
        from hybridctl.learn.witness import Witness

        chains = self.layers.envs if self.layers is not None else None
        if not chains or not isinstance(self.layers.bases[0], GymEnv):  # type: ignore[union-attr]
            return None
        top = witness = Witness(self.layers.bases[0], read)  # type: ignore[union-attr]
        for layer in reversed(chains[0]):
            home = type(layer).__module__.split(".")[0]
            if home in LIBRARIES and type(layer).__name__ in RECORDERS:
                continue
            top = copy.deepcopy(layer, {id(layer.env): top})
        return top, witness

    def _strangers(self) -> str:
        return ", ".join(self.layers.strangers) if self.layers is not None else ""

    def _predicted(self, obs: NDArray) -> NDArray:
        for normal in self.normals:
            obs = normal.normalize_obs(obs)
        return self.model.predict(obs, deterministic=True)[0]

    def _in_units(self, actions: NDArray) -> NDArray:
        """Of the action space, from -1 to 1."""
        low, high = (np.asarray(v, np.float64) for v in (self.box.low, self.box.high))
        return np.clip((actions - low) / (high - low) * 2.0 - 1.0, -1.0, 1.0)

    def _compare(self, theirs: NDArray, ours: NDArray) -> None:
        """Rounding is amplified where an observation hardly varies."""
        apart = np.abs(theirs - ours)
        if apart.max() <= 1e-5 + 5e-3 * np.abs(theirs).max():  # and not NaN
            return
        i = np.unravel_index(apart.argmax(), apart.shape)
        through = self._strangers()
        fail(
            f"the model decides {theirs[i]:.5g} where what was read of it decides "
            f"{ours[i]:.5g}"
            + (f", so {through} changes more than is known" if through else "")
            + f"; {INSTEAD}"
        )


@jax.jit
def _decide_all(read: Policy, tick: Tick) -> Any:
    axes = Tick(None, None, 0)  # type: ignore[arg-type]
    return jax.vmap(lambda t: read.step(None, t), (axes,))(tick)
