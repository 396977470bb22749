"""`replay`: what was recorded, once more: a rig's log, or a page's episode."""

import os
from collections.abc import Mapping
from typing import Any, overload

from hybridctl.checks import fail, require
from hybridctl.controllers import Controller
from hybridctl.design.identification.replayed import replayed
from hybridctl.loop import Log, Loop, Trace
from hybridctl.plants import Plant
from hybridctl.show.live.replay import rerun


@overload
def replay(
    recorded: Plant, beside: Log, /, *, loop: Loop | None = None, x0: Any = None
) -> Trace: ...
@overload
def replay(
    recorded: str | os.PathLike | Mapping[str, Any],
    beside: Mapping[str, Controller] | None = None,
    /,
) -> dict[str, Trace]: ...
def replay(
    recorded: Any, beside: Any = None, /, *, loop: Loop | None = None, x0: Any = None
) -> Any:
    """Run once more what was recorded: `replay(plant, log)`, `replay("episode.json")`.

    A plant and a `Log`: what the plant does under the inputs of the log, period by
    period, without feedback. `log.plot(trace)` draws one over the other. A model of
    something unstable leaves the log sooner or later, however good it is.

    The file of an episode that was saved in a page of `hc.live`: starts, pushes, the
    hand, noise and moved sliders are those of the record, in float64; where its own
    controllers run, the trajectories are those of the page.

    Args:
        recorded: the plant; or the path of the episode's JSON file, or what is in it.
        beside: the log, whose columns are named as the plant's states and inputs; or
            controllers by name, instead of those of the episode: so a push that broke
            a controller becomes the test of the next.
        loop: with a log: what is known of the actuator, such as `fit.loop`, and the
            period; by default that of the log, and the input as it was asked for.
        x0: with a log: the start [n_x]; by default the one from which the plant
            follows the first rows best.

    Returns:
        Of a log a `Trace` at its times; of an episode a trace by name of every
        controller, as long as it ran in the page.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the log lacks what the plant needs; or it is no record, it is
            broken, or a controller does not fit.

    Example:
        >>> import hybridctl as hc
        >>> plant, push = hc.Pendulum(L=0.7), hc.Sequence([[1.0]] * 100)
        >>> log = hc.Log.from_trace(hc.simulate(plant, push, [0.5, 0.0], 2.0))
        >>> rest = replay(hc.Pendulum(L=0.8), log)["theta"] - log["theta"]
        >>> print(abs(rest).max().round(2))
        0.11
        >>> hc.replay({"format": "diary"})
        Traceback (most recent call last):
        ...
        ValueError: it is no episode of hybridctl; save one in a page of hc.live
    """
    if isinstance(recorded, Plant):
        if not isinstance(beside, Log):
            fail(
                f"beside a plant, replay needs a Log, got {type(beside).__name__}; for "
                "example hc.Log.from_csv(path), or hc.Log.from_trace(trace)"
            )
        return replayed(recorded, beside, loop, x0)
    require(
        loop is None and x0 is None,
        "an episode has its own loop and start; give loop and x0 with a plant and a "
        "log: hc.replay(plant, log, loop=loop)",
    )
    return rerun(recorded, beside)
