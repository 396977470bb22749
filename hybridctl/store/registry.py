"""Which classes a file may rebuild: the toolkit's own, and those users register."""

import dataclasses
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar, overload

import equinox as eqx

from hybridctl import controllers, plants
from hybridctl.checks import fail, require
from hybridctl.loop import Actuator, Disturbance, Loop, Sensor
from hybridctl.tasks import cost

USER = "user:"  # users' names live apart, so the toolkit may grow
Class = TypeVar("Class", bound=type)

_users: dict[str, type] = {}


@overload
def register(cls: Class) -> Class: ...
@overload
def register(*, name: str) -> Callable[[Class], Class]: ...
def register(cls: Any = None, *, name: str | None = None) -> Any:
    """Let `save` and `load` keep a class of your own: a Controller, Guard or Plant.

    Files name the class, not the module that it lives in, so it may move. A
    process that loads such a file must have registered the class before.

    Args:
        cls: a final `eqx.Module` whose constructor takes its fields by name.
        name: what files call it; the class's name by default.

    Returns:
        The class itself.

    Raises:
        ValueError: no such class, or the name is taken.

    Example:
        >>> import equinox as eqx
        >>> from hybridctl.controllers import Guard
        >>> @register
        ... class Always(Guard):
        ...     def __call__(self, tick, age):
        ...         return age >= 0
        >>> name_of(Always)
        'user:Always'
    """
    return _add(cls, name) if cls is not None else lambda c: _add(c, name)


def _add(cls: Any, name: str | None) -> Any:
    _check_class(cls)
    full = USER + (name or cls.__name__)
    known: Any = _users.get(full, cls)
    require(
        _origin(known) == _origin(cls),
        f"the name {full[len(USER) :]!r} is taken by {'.'.join(_origin(known))}; "
        'choose another: @register(name="...")',
    )
    _users[full] = cls
    return cls


def name_of(cls: type) -> str:
    """What files call a class.

    Raises:
        ValueError: it is not registered.
    """
    if toolkit().get(cls.__name__) is cls:
        return cls.__name__
    found = (name for name, known in _users.items() if known is cls)
    return next(found, "") or fail(
        f"{cls.__name__} is not registered; decorate it with @hybridctl.register, "
        "then make the controller"
    )


def class_of(name: str) -> type:
    """The class that files call so.

    Raises:
        ValueError: there is none.
    """
    known = _users if name.startswith(USER) else toolkit()
    cure = (
        "decorate that class with @hybridctl.register before loading"
        if name.startswith(USER)
        else "update hybridctl"
    )
    return known.get(name) or fail(f"no class {name!r} is registered here; {cure}")


@functools.cache
def toolkit() -> dict[str, type]:
    """Every final class that a file may hold, by its name."""
    modules = [*_modules(controllers), *_modules(plants), cost]
    found = {cls.__name__: cls for cls in _classes(modules)}
    return found | {cls.__name__: cls for cls in (Actuator, Disturbance, Loop, Sensor)}


def _modules(room: ModuleType) -> list[ModuleType]:
    found = pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
    return [importlib.import_module(module.name) for module in found]


def _classes(modules: list[ModuleType]) -> list[type]:
    return [
        value
        for module in modules
        for value in vars(module).values()
        if _is_final(value) and value.__module__ == module.__name__
    ]


def _is_final(value: Any) -> bool:
    if not (isinstance(value, type) and issubclass(value, eqx.Module)):
        return False
    return not (inspect.isabstract(value) or getattr(value, "__abstractvars__", ()))


def _check_class(cls: Any) -> None:
    name = getattr(cls, "__name__", repr(cls))
    require(
        _is_final(cls),
        f"{name} cannot be registered; expected a final class made from "
        "hybridctl.Controller, Plant, a Guard or eqx.Module",
    )
    parameters = inspect.signature(cls.__init__).parameters
    given = {f.name for f in dataclasses.fields(cls) if f.init}
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = set() if anything else given - set(parameters)
    require(
        not unknown,
        f"{name} cannot be registered; its constructor must take its fields by name, "
        f"but has no {', '.join(sorted(unknown))}",
    )


def _origin(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__
