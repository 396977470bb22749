"""What a student meets in the closed loop: it is taught on the states of its own."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.controllers import Tick
from hybridctl.learn.env import Env

RESTART = 0.1  # share of the lanes that begin anew whenever lanes are advanced


class Visits(NamedTuple):
    """Decisions of a student; all shapes begin with [decisions, lanes].

    An action a makes the template ask for u = b + G a.

    Attributes:
        obs: what the student observed [m].
        x: state of the plant [n_x].
        action: what it decided [n_a].
        base: b [n_u].
        gain: G [n_u, n_a]; zeros where no Slot acts.
        began: whether an episode began with the decision.
        ticks: what a controller in the template's place saw in each of its periods;
            shapes begin with [decisions, periods, lanes].
    """

    obs: Array
    x: Array
    action: Array
    base: Array
    gain: Array
    began: Array
    ticks: Tick


class Lanes(NamedTuple):
    """Episodes under way: their states, and whether they have just begun [lanes]."""

    state: Any
    began: Array


def nowhere(env: Env, n: int) -> Lanes:
    """So many lanes of which each is about to begin."""
    shapes = jax.eval_shape(lambda: _starts(env, jax.random.PRNGKey(0), n))
    return Lanes(blank(shapes), jnp.ones(n, bool))


def blank(shapes: Any) -> Any:
    """Zeros of these shapes."""
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


def _starts(env: Env, key: Array, n: int) -> Any:
    return jax.vmap(env.reset)(jax.random.split(key, n))


def visit(
    env: Env, act: Callable[[Array], Array], lanes: Lanes, key: Array, decisions: int
) -> tuple[Lanes, Visits]:
    """Advance all lanes; those that are over begin anew.

    Args:
        env: one lane.
        act: observations [lanes, m] to actions [lanes, n_a].
        lanes: before.
        key: of the new starts, one a lane, and of the lanes that leave early.
        decisions: of each lane.
    """
    n = len(lanes.began)
    quit, draw = jax.random.split(key)
    fresh, last = _starts(env, draw, n), env.episode_length * env.every
    leave = lanes.began | (jax.random.uniform(quit, (n,)) < RESTART)

    def decide(lanes: Lanes, _: None) -> tuple[Lanes, Visits]:
        state = lanes.state
        action = act(state.obs)
        base, gain = jax.vmap(lambda s, a: _follows(env, s, a))(state, action)
        after, ticks = jax.vmap(env.step_seen)(state, action)
        episode: Any = after.pipeline_state
        over = (after.done > 0) | (episode.loop.k >= last)
        ticks = jax.tree.map(lambda *rows: jnp.stack(rows), *ticks)
        x = state.pipeline_state.x
        seen = Visits(state.obs, x, action, base, gain, lanes.began, ticks)
        return _renewed(Lanes(after, jnp.zeros_like(over)), over, fresh), seen

    return jax.lax.scan(decide, _renewed(lanes, leave, fresh), None, decisions)


def _renewed(lanes: Lanes, over: Array, fresh: Any) -> Lanes:
    """Fresh episodes where they are over."""
    return Lanes(put(over, fresh, lanes.state), lanes.began | over)


def put(where: Array, new: Any, old: Any) -> Any:
    """A tree with the new values in those lanes."""

    def leaf(new: Array, old: Array) -> Array:
        return jnp.where(where.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(leaf, new, old)


def _follows(env: Env, state: Any, action: Array) -> tuple[Array, Array]:
    """B and G of the input b + G a that the template asks for near an action."""

    def asked(action: Array) -> tuple[Array, Array]:
        u = env.asked(state, action)
        return u, u

    gain, u = jax.jacfwd(asked, has_aux=True)(action)
    return u - gain @ action, gain
