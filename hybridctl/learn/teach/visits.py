"""What a student meets in the closed loop: it is taught on the states of its own."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.controllers import Tick
from hybridctl.learn.lane import EpisodeState, Lane, blank, put_where

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
    """Episodes under way.

    Attributes:
        episode: of every lane.
        obs: what was observed last [lanes, m].
        over: whether it begins anew before the next decision [lanes].
    """

    episode: EpisodeState
    obs: Array
    over: Array


def nowhere(lane: Lane, n: int) -> Lanes:
    """So many lanes of which each is about to begin."""
    shapes = jax.eval_shape(lambda: _starts(lane, jax.random.PRNGKey(0), n))
    episode, obs = blank(shapes)
    return Lanes(episode, obs, jnp.ones(n, bool))


def _starts(lane: Lane, key: Array, n: int) -> tuple[EpisodeState, Array]:
    return jax.vmap(lane.begin)(jax.random.split(key, n))[:2]


def visit(
    lane: Lane, act: Callable[[Array], Array], lanes: Lanes, key: Array, decisions: int
) -> tuple[Lanes, Visits]:
    """Advance all lanes; those that are over begin anew.

    Args:
        lane: one of them.
        act: observations [lanes, m] to actions [lanes, n_a].
        lanes: before.
        key: of the new starts, one a lane, and of the lanes that leave early.
        decisions: of each lane.
    """
    n = len(lanes.over)
    quit, draw = jax.random.split(key)
    fresh, last = _starts(lane, draw, n), lane.episode_length * lane.every
    leave = lanes.over | (jax.random.uniform(quit, (n,)) < RESTART)

    def decide(lanes: Lanes, _: None) -> tuple[Lanes, Visits]:
        began = lanes.over
        episode, obs = put_where(began, fresh, (lanes.episode, lanes.obs))
        action = act(obs)
        base, gain = jax.vmap(lambda e, a: _follows(lane, e, a))(episode, action)
        after, ticks = jax.vmap(lane.decide_seen, out_axes=(0, 1))(episode, action)
        over = (after.done > 0) | (after.episode.loop.k >= last)
        seen = Visits(obs, episode.loop.x, action, base, gain, began, ticks)
        return Lanes(after.episode, after.obs, over), seen

    return jax.lax.scan(decide, lanes._replace(over=leave), None, decisions)


def _follows(lane: Lane, episode: EpisodeState, action: Array) -> tuple[Array, Array]:
    """B and G of the input b + G a that the template asks for near an action."""

    def asked(action: Array) -> tuple[Array, Array]:
        u = lane.asked(episode, action)
        return u, u

    gain, u = jax.jacfwd(asked, has_aux=True)(action)
    return u - gain @ action, gain
