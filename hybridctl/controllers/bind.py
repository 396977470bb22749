"""What is measured, by name: what a controller's parts see of it."""

from hybridctl.controllers.controller import Controller, Series
from hybridctl.controllers.fill import Filled
from hybridctl.ports import Signals


def agent_sees(template: Controller, y: Signals, states: Signals) -> Signals:
    """What an agent in a template's Slots sees: `fill.observed` by name.

    Args:
        template: with Slots.
        y: what is measured.
        states: of the plant; what an observer that declares nothing gives.
    """
    while isinstance(template, (Series, Filled)):
        if isinstance(template, Series):
            y = template.observer.ports.u or states
            template = template.inner
        else:
            template = template.template
    return y
