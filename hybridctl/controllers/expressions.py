"""Controllers as the expressions that make them: `StateFeedback + 5 * Slot(1)`."""

import numpy as np

from hybridctl.controllers.augmented import AugmentedFeedback
from hybridctl.controllers.basic import Constant, Sequence, Slot
from hybridctl.controllers.combine import Argmax, Hold, Mix
from hybridctl.controllers.controller import Controller, Scaled, Series, Sum
from hybridctl.controllers.feedback import StateFeedback
from hybridctl.controllers.fill import Filled
from hybridctl.controllers.foreign import Foreign
from hybridctl.controllers.integral import IntegralFeedback
from hybridctl.controllers.machine import StateMachine, Switch
from hybridctl.controllers.observers import EKF, KalmanFilter
from hybridctl.controllers.policy import Policy
from hybridctl.controllers.swingup import EnergySwingUp
from hybridctl.describe import Known, label, names, number

FEEDBACKS = StateFeedback | AugmentedFeedback | IntegralFeedback


@names
def _name_sum(c: Sum, known: Known) -> str:
    right = c.b
    if isinstance(right, Scaled) and number(right.scale) == "-1":
        return f"{label(c.a, known)} - {_closed(right.inner, known)}"
    return f"{label(c.a, known)} + {label(right, known)}"


@names
def _name_scaled(c: Scaled, known: Known) -> str:
    inner = _closed(c.inner, known)
    return f"-{inner}" if number(c.scale) == "-1" else f"{number(c.scale)} * {inner}"


@names
def _name_series(c: Series, known: Known) -> str:
    return f"{label(c.observer, known)} >> {_closed(c.inner, known)}"


def _closed(c: Controller, known: Known) -> str:
    """In brackets where it is an expression itself."""
    told = label(c, known)
    return f"({told})" if isinstance(c, Sum | Series) else told


@names
def _name_slot(c: Slot, known: Known) -> str:
    return f"Slot({c.size})"


@names
def _name_hold(c: Hold, known: Known) -> str:
    return f"Hold({label(c.inner, known)}, every={c.every})"


@names
def _name_argmax(c: Argmax, known: Known) -> str:
    return f"Argmax({label(c.inner, known)})"


@names
def _name_mix(c: Mix, known: Known) -> str:
    weights = c.weights
    shares = isinstance(weights, Constant)
    told = number(weights.u) if shares else label(weights, known)
    return f"Mix({told}, [{', '.join(label(part, known) for part in c.controllers)}])"


@names
def _name_switch(c: Switch, known: Known) -> str:
    kind = "machine" if isinstance(c.supervisor, StateMachine) else "Switch"
    modes = zip(c.names, c.modes, strict=True)
    return f"{kind}({', '.join(f'{n}: {_head(mode, known)}' for n, mode in modes)})"


def _head(c: Controller, known: Known) -> str:
    """The expression of what is one, the class of anything else."""
    told = label(c, known)
    return told if len(told) <= 40 else type(c).__name__


@names
def _name_filled(c: Filled, known: Known) -> str:
    return f"fill({label(c.template, known)}, {_head(c.agent, known)})"


@names
def _name_constant(c: Constant, known: Known) -> str:
    return f"Constant({number(c.u)})"


@names
def _name_sequence(c: Sequence, known: Known) -> str:
    return f"Sequence({number(c.u)})"


@names
def _name_foreign(c: Foreign, known: Known) -> str:
    return f"Foreign({getattr(c.f, '__name__', type(c.f).__name__)}(), size={c.size})"


@names
def _name_feedback(c: FEEDBACKS, known: Known) -> str:
    dt = "" if c.dt is None else f", dt={c.dt:g}"
    return f"{type(c).__name__}(K={number(c.K)}{dt})"


@names
def _name_policy(c: Policy, known: Known) -> str:
    sizes = [np.shape(c.weights[0])[-2], *(np.shape(w)[-1] for w in c.weights)]
    kept = "" if c.memory is None else f", GRU of {c.memory.size}"
    return f"Policy({'-'.join(map(str, sizes))} {c.activation}{kept})"


@names
def _name_observer(c: KalmanFilter | EKF, known: Known) -> str:
    return type(c).__name__


@names
def _name_swingup(c: EnergySwingUp, known: Known) -> str:
    limit = "" if c.limit is None else f", limit={number(c.limit)}"
    return f"EnergySwingUp({type(c.plant).__name__}{limit})"
