"""What trainings say of themselves."""

from typing import Any

import numpy as np

from hybridctl.describe import Card, Known, card, draws, known_of, label, names, tells
from hybridctl.describe.fields import fields_card
from hybridctl.learn.config import Config
from hybridctl.learn.lane import Lane
from hybridctl.learn.run import Run, Runs


@names
def _name_config(config: Config, known: Known) -> str:
    return f"Config({config.short})"


@tells
def _config(config: Config, known: Known) -> Card:
    """All of it."""
    return fields_card(config, known, f"Config: {config.short}")


@names
def _name_run(run: Run, known: Known) -> str:
    score = f"{run.score:.4g}" if run.curve else "none yet"
    return f"Run({run.task}, {run.config.algorithm}, {run.stopped}, score {score})"


@names
def _name_runs(runs: Runs, known: Known) -> str:
    return f"Runs({len(runs)} seeds of {runs.runs[0].task})"


@draws
def _draw_run(run: Run, known: Known) -> str | None:
    return _curve([run])


@draws
def _draw_runs(runs: Runs, known: Known) -> str | None:
    return _curve(list(runs))


def _curve(runs: list[Run]) -> str | None:
    """Validation scores over decisions."""
    if not any(len(run.curve) > 1 for run in runs):
        return None
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from hybridctl.describe.figure import svg_of
    from hybridctl.describe.style import COLOURS, STYLE

    with rc_context(STYLE):
        figure = Figure(figsize=(5.0, 2.4), layout="constrained")
        axis: Any = figure.subplots()
        for i, run in enumerate(runs):
            steps, score = (np.array([row[key] for row in run.curve], float)
                            for key in ("steps", "score"))  # fmt: skip
            axis.plot(steps, score, color=COLOURS[i % len(COLOURS)])
            axis.plot(steps[run.best], score[run.best], "o", ms=5,
                      color=COLOURS[i % len(COLOURS)])  # fmt: skip
        axis.set(xlabel="decisions", ylabel="score")
    return svg_of(figure, "curve", "Score over decisions", STYLE)


@names
def _name_env(env: Lane, known: Known) -> str:
    return f"Env({env.task.name}, {label(env.template, known_of(env.task))})"


@tells
def _env(env: Lane, known: Known) -> Card:
    every = f"{env.every} periods of {env.task.loop.dt:g} s"
    seen = tuple(s.name or f"y[{i}]" for i, s in enumerate(env.sees))
    rows = (
        ("actions", f"{env.action_size}, one decision every {every}"),
        ("observes", ", ".join(env.features.names(seen))),
    )
    parts = (
        ("task", card(env.task)),
        ("template", card(env.template, known_of(env.task))),
    )
    return Card(f"Env of {env.task.name}", rows, parts)
