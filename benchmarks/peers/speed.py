"""A round of somebody else's cart-pole, for `benchmarks/questions/peers.py`.

Runs with the interpreter that `make bench-peers` makes, which has no hybridctl.
"""
# pyright: reportMissingImports=false

import functools
import importlib.metadata
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.peers.rounds import serve

Round = Callable[[], Any]


def scanned(reset: Any, step: Any, action: Any, steps: int) -> Round:
    """A compiled scan over steps of an environment in the manner of brax."""
    import jax

    state = jax.jit(reset)()

    @jax.jit
    def run(state: Any) -> Any:
        once = lambda state, _: (step(state, action), None)  # noqa: E731
        return jax.lax.scan(once, state, None, steps)[0]

    return lambda: jax.block_until_ready(run(state))


def gymnasium(lanes: int, steps: int) -> Round:
    """CartPole-v1, its own vectorized form in NumPy."""
    import gymnasium as gym
    import numpy as np

    envs = gym.make_vec("CartPole-v1", lanes, vectorization_mode="vector_entry_point")
    envs.reset(seed=0)
    actions = np.arange(lanes) % 2

    def play() -> None:
        for _ in range(steps):
            envs.step(actions)

    return play


def gymnax(lanes: int, steps: int) -> Round:
    """CartPole-v1 of gymnax, which resets by itself."""
    import gymnax as library
    import jax
    import jax.numpy as jnp

    env, params = library.make("CartPole-v1")
    action = jnp.arange(lanes) % 2
    keys = lambda seed: jax.random.split(jax.random.PRNGKey(seed), lanes)  # noqa: E731
    begin = jax.vmap(env.reset, (0, None))
    advance = jax.vmap(env.step, (0, 0, 0, None))
    drawn = jax.random.split(jax.random.PRNGKey(1), steps)

    @jax.jit
    def run(state: Any, drawn: jax.Array) -> Any:
        def once(state: Any, key: jax.Array) -> tuple:
            obs, state, reward, *_ = advance(
                jax.random.split(key, lanes), state, action, params
            )
            return state, reward.sum() + obs.sum()

        return jax.lax.scan(once, state, drawn)

    state = jax.jit(begin)(keys(0), params)[1]
    return lambda: jax.block_until_ready(run(state, drawn))


def brax(lanes: int, steps: int) -> Round:
    """inverted_pendulum in brax's training wrappers, generalized coordinates."""
    import jax
    import jax.numpy as jnp
    from brax import envs
    from brax.envs.wrappers.training import wrap

    env = wrap(envs.get_environment("inverted_pendulum"), episode_length=1000)
    keys = jax.random.split(jax.random.PRNGKey(0), lanes)
    return scanned(lambda: env.reset(keys), env.step, jnp.zeros((lanes, 1)), steps)


def playground(lanes: int, steps: int) -> Round:
    """CartpoleBalance of MuJoCo Playground under MJX, in its training wrappers."""
    import jax
    import jax.numpy as jnp
    from mujoco_playground import registry, wrapper

    env = registry.load("CartpoleBalance", config_overrides={"impl": "jax"})
    env = wrapper.wrap_for_brax_training(env, episode_length=1000)
    keys = jax.random.split(jax.random.PRNGKey(0), lanes)
    return scanned(lambda: env.reset(keys), env.step, jnp.zeros((lanes, 1)), steps)


def jaxonomy(lanes: int, steps: int, **machine: Any) -> Round:
    """RLEnv around jaxonomy's own cart-pole, with or without a state machine."""
    import jax
    import jax.numpy as jnp
    from jaxonomy.models import CartPole
    from jaxonomy.optimization import RLEnv

    plant = CartPole(
        m_c=1.0, m_p=0.1, L=1.0, x0=jnp.array([0.0, 3.1, 0.0, 0.0]),
        full_state_output=True,
    )  # fmt: skip

    class Balance(RLEnv):
        def get_reward(self, pipeline_state: Any, obs: Any, act: Any) -> Any:
            return jnp.ones(())

        def get_done(self, pipeline_state: Any, obs: Any) -> Any:
            return (jnp.abs(obs[1] - jnp.pi) > 0.2).astype(float)

    env = Balance(pumped(plant, **machine) if machine else plant, act_size=1, dt=0.02)
    keys = jax.random.split(jax.random.PRNGKey(0), lanes)
    reset, step = (lambda: jax.vmap(env.reset)(keys)), jax.vmap(env.step)
    return scanned(reset, step, jnp.zeros((lanes, 1)), steps)


def pumped(plant: Any, **timing: Any) -> Any:
    """The plant with a force that a state machine adds to its input."""
    from jaxonomy import DiagramBuilder
    from jaxonomy.framework.state_machine_builder import StateMachineBuilder
    from jaxonomy.library import Adder, Demultiplexer, Multiplexer

    modes = StateMachineBuilder()
    left, right = modes.add_state("left"), modes.add_state("right")
    modes.set_initial_state(left)
    left.on_entry.append("bias = -0.1")
    right.on_entry.append("bias = 0.1")
    modes.add_transition(left, right, guard="theta > 3.2")
    modes.add_transition(right, left, guard="theta < 3.1")
    builder = DiagramBuilder()
    cart, add = builder.add(plant), builder.add(Adder(2))
    split, join = builder.add(Demultiplexer(4)), builder.add(Multiplexer(1))
    switch = builder.add(modes.build(**timing))
    builder.connect(cart.output_ports[0], split.input_ports[0])
    builder.connect(split.output_ports[1], switch.input_ports[0])
    builder.connect(switch.output_ports[0], join.input_ports[0])
    builder.connect(join.output_ports[0], add.input_ports[1])
    builder.connect(add.output_ports[0], cart.input_ports[0])
    builder.export_input(add.input_ports[0])
    builder.export_output(cart.output_ports[0])
    return builder.build()


ABOUT = {
    "gymnasium": {"integrator": "Euler", "dt": 0.02},
    "gymnax": {"integrator": "Euler", "dt": 0.02},
    "brax": {"integrator": "semi-implicit Euler, 2 substeps", "dt": 0.04},
    "playground": {"integrator": "MuJoCo's Euler", "dt": 0.01},
    "jaxonomy": {"integrator": "Dormand-Prince, adaptive, float64", "dt": 0.02},
}
PACKAGES = {"playground": ("playground", "mujoco-mjx")}
MAKERS = {
    "gymnasium": gymnasium, "gymnax": gymnax, "brax": brax, "playground": playground,
    "jaxonomy": jaxonomy,
    "jaxonomy machine": functools.partial(jaxonomy, time_mode="agnostic"),
    "jaxonomy sampled": functools.partial(jaxonomy, time_mode="discrete", dt=0.02),
}  # fmt: skip


def main() -> None:
    name = sys.argv[1].split()[0]
    packages = (*PACKAGES.get(name, (name,)), "jax")
    versions = {package: importlib.metadata.version(package) for package in packages}
    serve(MAKERS[sys.argv[1]], ABOUT[name] | {"versions": versions})


if __name__ == "__main__":
    main()
