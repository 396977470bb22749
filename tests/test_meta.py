"""What keeps the toolkit whole: docstrings, keywords, the zoo, no promotions."""

import dataclasses
import functools
import inspect
import re

import equinox as eqx
import griffe
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.controllers import Guard
from hybridctl.loop.loop import begin, step
from hybridctl.store.registry import toolkit

PLANT = hc.CartPole()
UP = PLANT.upright()


def public() -> dict[str, type | object]:
    """Every class and function by the name that a user writes first."""
    rooms = [name for name, home in hc._homes.items() if home == "hybridctl"]
    places = {"": hc} | {f"{room}.": getattr(hc, room) for room in rooms}
    found: dict[object, str] = {}
    for prefix, place in places.items():
        for name in filter(lambda n: n[0] != "_", dir(place)):
            thing = getattr(place, name)
            home = f"hybridctl.{prefix}".strip(".")
            ours = getattr(thing, "__module__", "").startswith(home)
            if ours and (inspect.isclass(thing) or inspect.isfunction(thing)):
                found.setdefault(thing, f"hc.{prefix}{name}")
    return {name: thing for thing, name in found.items()}


PUBLIC = public()


@functools.cache
def explained(thing: object) -> dict[str, str]:
    """What a docstring says of every argument and attribute."""
    sections = griffe.Docstring(inspect.getdoc(thing) or "").parse(
        "google", warnings=False
    )
    wanted = griffe.DocstringSectionParameters, griffe.DocstringSectionAttributes
    entries = [e for s in sections if isinstance(s, wanted) for e in s.value]
    found = {
        name.strip(" *"): entry.description
        for entry in entries
        for name in entry.name.split(",")
    }
    for name, text in found.items():
        base = re.match(r"see `(\w+)`", text)
        if base is not None:
            there = next(c for c in thing.__mro__ if c.__name__ == base[1])
            found[name] = explained(there)[name]
    return found


def arguments(thing: object) -> dict[str, inspect.Parameter]:
    """What a caller gives; who calls no constructor is told of attributes."""
    known = inspect.isclass(thing)
    made = known and re.search("[Mm]ade by `", inspect.getdoc(thing))
    error = known and issubclass(thing, Exception)
    if made or error or inspect.isabstract(thing):
        return {}
    return dict(inspect.signature(thing).parameters)


# --------------------------------------------------------------- docstrings


def test_every_argument_is_explained():
    wrong = {}
    for name, thing in PUBLIC.items():
        told, asked = explained(thing), set(arguments(thing))
        missing = asked - {argument for argument, text in told.items() if text}
        unknown = set(told) - asked if inspect.isfunction(thing) else set()
        if missing or unknown or len(inspect.getdoc(thing) or "") < 20:
            wrong[name] = missing, unknown
    assert not wrong


BRACKETS = re.compile(r"\[.*\]|scalar", re.S)  # a shape or a unit
# In words: a unit, or that there is none.
WORDS = re.compile(
    r"\bunits?\b|factor|share|relative|\bcost\b|\bJ\b|\bω\b|max \|S\||origin|"
    r"slow motion"
)
ARRAY = re.compile(r"<class '.*[aA]rray'>|.*[aA]rray \| None")
SHAPED = re.compile(r"\w+\[[\w.]*[aA]rray, '(.*?)'\]")  # Float[Array, "n_u n_x"]
NUMBER = re.compile(r"<class 'float'>|float( \| None)?")
PHYSICAL = ("plants", "controllers", "loop", "design", "tasks")


def kinds(thing: object) -> dict[str, str]:
    """Type of every argument; of a field as it is kept, whatever is taken for it."""
    fields = getattr(thing, "__dataclass_fields__", {})
    own = {name: field.type for name, field in fields.items()}
    given = {n: own.get(n, p.annotation) for n, p in arguments(thing).items()}
    return {name: str(kind) for name, kind in given.items()}


def test_arrays_have_a_shape_and_quantities_a_unit():
    wrong = {}
    for name, thing in PUBLIC.items():
        measured = thing.__module__.split(".")[1] in PHYSICAL
        for argument, kind in kinds(thing).items():
            text = explained(thing)[argument]
            array = ARRAY.match(kind) and not SHAPED.search(kind)
            quantity = measured and NUMBER.fullmatch(kind)
            told = BRACKETS.search(text) or (quantity and WORDS.search(text))
            if (array or quantity) and not told:
                wrong[f"{name}: {argument}"] = text
    assert not wrong


def test_the_shape_that_words_tell_is_annotated():
    """Of arrays that are kept; what takes lists, too, says so in words alone."""
    wrong = {}
    for name, thing in PUBLIC.items():
        for argument, kind in kinds(thing).items():
            told = re.search(r"shape \[(.*?)\]", explained(thing)[argument])
            noted = SHAPED.search(kind)
            if told and (noted or ARRAY.match(kind)):
                said = told[1].replace(",", "")
                if noted is None or noted[1] != said:
                    wrong[f"{name}: {argument}"] = kind, said
    assert not wrong


# ------------------------------------------------------------------ keywords


def takers() -> dict[str, object]:
    """Every public function and method that takes any keyword, by room."""
    methods = {
        method
        for thing in filter(inspect.isclass, PUBLIC.values())
        for name, method in inspect.getmembers(thing, inspect.isfunction)
        if name[0] != "_" and method.__module__.startswith("hybridctl")
    }
    functions = {*methods, *filter(inspect.isfunction, PUBLIC.values())}
    return {
        f"{function.__module__.split('.')[1]}.{function.__qualname__}": function
        for function in functions
        if any(
            p.kind is inspect.Parameter.VAR_KEYWORD
            for p in inspect.signature(function).parameters.values()
        )
    }


TAKERS = takers()
X = np.zeros((2, 4))
TRACE = hc.Trace(
    np.arange(2.0), X, X[:1, :1], X[:1, :1], None, PLANT.states, PLANT.inputs, ()
)
HELD = hc.Constant([0.0])
GRID = hc.GridValue(X, [0, 0], [1, 1])
GIVEN = {  # what they are called with
    "loop.Disturbance.impulse": (1.0,),
    "plants.MuJoCoPlant.rest": (hc.MuJoCoPlant.cartpole(),),
    "plants.Plant.rest": (PLANT,),
    "ports.Ports.but": (hc.ports.Ports(),),
    "controllers.Tick.but": (hc.Tick(0.0, 0, X[0]),),
    "loop.Trace.plot": (TRACE,),
    "controllers.Greedy.plot": (
        hc.Greedy(hc.Pendulum(), hc.tasks.Cost([0, 0], [1, 1], [1]), GRID),
    ),
    "controllers.Value.plot": (GRID,),
    "loop.Trace.settling_time": (TRACE, UP),
    "learn.Config.replace": (hc.learn.Config(),),
    "controllers.beyond": (UP,),
    "contests.compare_over": (hc.tasks.get("balance"), {"held": HELD}),
    "suites.get": ("cartpole",),
    "tasks.get": ("balance",),
    "controllers.near": (UP,),
    "tasks.reach": (PLANT,),
    "controllers.schedule": (PLANT, [HELD, HELD]),
    "contests.search": (hc.tasks.get("balance"), hc.Slot(1), {"target": (1.0, 2.0)}),
    "learn.train": (hc.tasks.get("balance"), hc.Slot(1)),
}


@pytest.mark.parametrize("name", sorted(TAKERS))
def test_no_keyword_is_swallowed(name):
    with pytest.raises((TypeError, ValueError), match="nonsense"):
        TAKERS[name](*GIVEN.get(name, ()), nonsense=1.0)


# ----------------------------------------------------------------------- zoo


def classes(tree: object) -> set[type]:
    """Of every node of a tree."""
    if isinstance(tree, eqx.Module):
        inner = [vars(tree).get(field.name) for field in dataclasses.fields(tree)]
        return {type(tree)}.union(*map(classes, inner))
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    inside = tree if isinstance(tree, (tuple, list)) else ()
    return set().union(*map(classes, inside))


TASK = zoo.task()
ZOO = classes((zoo.controllers(TASK), zoo.templates(TASK), zoo.plants()))
ZOO |= classes((zoo.foreign(TASK), zoo.discrete()))


NOT_WRITTEN = {
    "Answer": "what the loop puts in the place of a Foreign while it runs",
    "ControlSystem": "what a nonlinear system of python-control is in a diagram",
    "Seeing": "what a door puts before a controller whose measurements stand elsewhere",
}
KEPT = (hc.Controller, Guard, hc.Plant, hc.Value)


def test_the_zoo_has_every_class():
    kept = {n for n, kind in toolkit().items() if issubclass(kind, KEPT)}
    missing = {name for name in kept if toolkit()[name] not in ZOO}
    assert missing == set(NOT_WRITTEN), "list one in tests/zoo.py"


def test_the_zoo_has_every_template():
    known = set(zoo.templates(TASK))
    for name in hc.tasks.names():
        assert set(hc.strategies.templates(hc.tasks.get(name))) <= known


@pytest.mark.slow
@pytest.mark.parametrize("task", hc.tasks.names())
def test_the_zoo_has_what_every_reference_is_made_of(task, monkeypatch):
    zoo.coarse_grids(monkeypatch)
    names, task = hc.strategies.references(), zoo.task(task)
    parts = classes([hc.reference(name, task) for name in names]) - ZOO
    assert not [part for part in parts if issubclass(part, KEPT)]


# ---------------------------------------------------------------- promotions


def period(loop: hc.Loop, controller: hc.Controller, plant: hc.Plant) -> None:
    """One closed-loop period, traced where neither dtype nor rank may be promoted."""

    def one(x0: jax.Array, key: jax.Array) -> object:
        return step(loop, controller, begin(loop, controller, plant, x0, key))

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        jax.eval_shape(one, jnp.zeros(plant.n_x), jax.random.PRNGKey(0))


@pytest.mark.slow
def test_nothing_is_promoted_in_silence():
    everything = hc.Loop(
        0.02,
        sensor=hc.Sensor(noise=0.1, bias=0.1),
        actuator=hc.Actuator(limit=10.0, delay=2, lag=0.03),
        disturbance=hc.Disturbance([1.0, 2.0], [0.1, 0.2], 0.1, 1.0, True, 0.1),
    )
    for controller in zoo.controllers(TASK).values():
        period(TASK.loop, controller, PLANT)
    period(everything, HELD, PLANT)
    for plant in zoo.plants().values():
        if not isinstance(plant, hc.MuJoCoPlant):  # MuJoCo's own engine promotes
            period(hc.Loop(), hc.Constant(np.zeros(plant.n_u)), plant)


def test_nothing_is_promoted_in_silence_in_an_environment():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        env = hc.Env(TASK, hc.template("residual", TASK))
        state = jax.eval_shape(env.reset, jax.random.PRNGKey(0))
        jax.eval_shape(env.step, state, jnp.zeros(env.action_size))
