"""The tasks as Gymnasium environments, by name or as parts.

`import hybridctl` registers an id for every task, whether Gymnasium is imported before
or after it; Gymnasium reads no entry points, so a finder waits for it until then.
Gymnasium itself imports hybridctl for an id that says so:
`gymnasium.make("hybridctl:hybridctl/CartPoleBalance-v0")`.
"""

import dataclasses
import functools
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridctl.controllers import Controller, Features
    from hybridctl.learn.gymnasium.env import GymEnv
    from hybridctl.learn.gymnasium.vector import GymVectorEnv
    from hybridctl.tasks import Task

NEEDED = "hc.gym needs Gymnasium 1.1 or newer: pip install 'gymnasium>=1.1'"
RENDERING = {"render_modes": ["rgb_array"]}  # lets gymnasium.make wrap for "human"


def make(
    task: "Task | str" = "balance",
    template: "Controller | str" = "ppo",
    *,
    features: "Features | None" = None,
    training: bool = False,
    render_mode: str | None = None,
    **options: Any,
) -> "GymEnv":
    """A `gymnasium.Env` in which the agent fills a template's Slots.

    Args:
        task: a task, or the name of a registered one.
        template: a controller with at least one Slot, or the name of a registered
            template; by default the agent alone, its action times the input limit.
        features: what the agent observes; all states by default.
        training: start as in training (wider) rather than as in evaluation.
        render_mode: "rgb_array" for pictures, None for none.
        **options: of a task that is given by name: plant, loop, any field of `Task`.

    Returns:
        The environment.

    Raises:
        ValueError: an unknown name or option, or parts that do not fit together.
        ImportError: Gymnasium is not installed.

    Example:
        >>> import hybridctl as hc
        >>> env = hc.gym.make("balance", "residual", seconds=10.0)
        >>> obs, info = env.reset(seed=0)
        >>> obs, reward, terminated, truncated, info = env.step([0.0])
        >>> reward, terminated, truncated, obs in env.observation_space
        (1.0, False, False, True)
    """
    _require_gymnasium()
    task, template = _parts(task, template, options)
    from hybridctl.learn.gymnasium.env import GymEnv

    return GymEnv(
        task, template, features, training=training, render_mode=render_mode,
        draw=functools.partial(_draw, task),
    )  # fmt: skip


def make_vec(
    task: "Task | str" = "balance",
    template: "Controller | str" = "ppo",
    num_envs: int = 1,
    *,
    features: "Features | None" = None,
    training: bool = False,
    render_mode: str | None = None,
    autoreset_mode: Any = "NextStep",
    max_episode_steps: int | None = None,
    **options: Any,
) -> "GymVectorEnv":
    """A `gymnasium.vector.VectorEnv`: many lanes of `make` in one compiled program.

    Args:
        task: a task, or the name of a registered one.
        template: a controller with at least one Slot, or the name of a registered
            template; by default the agent alone, its action times the input limit.
        num_envs: number of lanes.
        features: what the agent observes; all states by default.
        training: start as in training (wider) rather than as in evaluation.
        render_mode: "rgb_array" for pictures, None for none.
        autoreset_mode: when a lane that is over begins anew, "NextStep" or "SameStep".
        max_episode_steps: decisions until truncation, at most to the task's horizon.
        **options: of a task that is given by name: plant, loop, any field of `Task`.

    Returns:
        The environment.

    Raises:
        ValueError: an unknown name or option, or parts that do not fit together.
        ImportError: Gymnasium is not installed.

    Example:
        >>> import hybridctl as hc
        >>> envs = hc.gym.make_vec("swingup", num_envs=3)
        >>> observations, infos = envs.reset(seed=0)
        >>> observations.shape, infos["x"].shape
        ((3, 5), (3, 4))
    """
    _require_gymnasium()
    task, template = _parts(task, template, options)
    task = _shortened(task, template, max_episode_steps)
    from hybridctl.learn.gymnasium.vector import GymVectorEnv

    return GymVectorEnv(
        task, template, num_envs, features, training=training, render_mode=render_mode,
        draw=functools.partial(_draw, task), autoreset_mode=autoreset_mode,
    )  # fmt: skip


make.metadata = make_vec.metadata = RENDERING  # pyright: ignore[reportFunctionMemberAccess]


def env_id(task: str) -> str:
    """Gymnasium's id of a registered task.

    Args:
        task: its name.

    Example:
        >>> env_id("short_track")
        'hybridctl/CartPoleShortTrack-v0'
    """
    return f"hybridctl/CartPole{task.title().replace('_', '')}-v0"


def register() -> None:
    """Register an id for every task with Gymnasium; those it has already stay."""
    import gymnasium

    from hybridctl.names import TASKS

    for task in TASKS:
        if env_id(task) not in gymnasium.registry:
            gymnasium.register(
                env_id(task),
                entry_point="hybridctl.gym:make",
                vector_entry_point="hybridctl.gym:make_vec",
                kwargs={"task": task},
            )


def announce() -> None:
    """Register with Gymnasium: now, or once it is imported, but never import it."""
    if "gymnasium" in sys.modules:
        register()
    elif _OnImport not in sys.meta_path:
        sys.meta_path.insert(0, _OnImport)


class _OnImport:
    """Finds Gymnasium as Python does, and registers once it has been imported."""

    @classmethod
    def find_spec(
        cls, name: str, path: Any = None, target: Any = None
    ) -> ModuleSpec | None:
        if name != "gymnasium":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_register(module: Any) -> None:
            load(module)
            sys.meta_path[:] = [f for f in sys.meta_path if f is not cls]
            register()

        spec.loader.exec_module = load_and_register
        return spec


def _require_gymnasium() -> None:
    from hybridctl.checks import not_forked

    not_forked()
    try:
        from gymnasium.vector import AutoresetMode  # noqa: F401
    except ImportError:
        raise ImportError(NEEDED) from None


def _parts(
    task: Any, template: Any, options: dict[str, Any]
) -> tuple["Task", "Controller"]:
    """Task and template, from their names where those are given."""
    from hybridctl import strategies, tasks
    from hybridctl.checks import fail

    if isinstance(task, str):
        task = tasks.get(task, **options)
    elif options:
        fail(f"{', '.join(options)}: options are for a task that is given by name")
    if not isinstance(task, tasks.Task):
        fail(f"expected a Task or the name of one, got {type(task).__name__}")
    if isinstance(template, str):
        template = strategies.template(template, task)
    return task, template


def _shortened(task: "Task", template: "Controller", most: int | None) -> "Task":
    """The task with a horizon of at most so many decisions."""
    if most is None:
        return task
    from hybridctl.controllers.fill import decision_every

    seconds = most * decision_every(template) * task.loop.dt
    return dataclasses.replace(task, seconds=min(task.seconds, seconds))


def _draw(task: "Task", x: Any, u: Any) -> Any:
    from hybridctl.show.figures.frame import frame

    return frame(task, x, u)
