"""For the eye: figures, videos, and a report in one HTML file that works offline."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.show.figures.heat import heat_maps as heat_maps
    from hybridctl.show.figures.inputs import input_map as input_map
    from hybridctl.show.figures.live_curve import LiveCurve as LiveCurve
    from hybridctl.show.figures.phase import phase_portrait as phase_portrait
    from hybridctl.show.figures.starts import start_map as start_map
    from hybridctl.show.figures.time import plot_traces as plot_traces
    from hybridctl.show.figures.time import settling_curve as settling_curve
    from hybridctl.show.figures.training import training_curve as training_curve
    from hybridctl.show.film import Animation as Animation
    from hybridctl.show.film import animation as animation
    from hybridctl.show.film import frames as frames
    from hybridctl.show.film import render as render
    from hybridctl.show.film import scene as scene
    from hybridctl.show.live.page import live as live
    from hybridctl.show.replay import replay as replay
    from hybridctl.show.report.films import suite_films as suite_films
    from hybridctl.show.report.page import report as report
    from hybridctl.show.report.suite_page import suite_report as suite_report
    from hybridctl.show.report.verdict import verdict as verdict
    from hybridctl.show.tensorboard import TensorBoard as TensorBoard

open_room(__name__)
