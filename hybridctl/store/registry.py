"""What a file may name: the toolkit's classes, and what users register."""

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
Named = TypeVar("Named", bound=Callable[..., Any])  # a class or a function

_users: dict[str, Callable[..., Any]] = {}


@overload
def register(cls: Named) -> Named: ...
@overload
def register(*, name: str) -> Callable[[Named], Named]: ...
def register(cls: Any = None, *, name: str | None = None) -> Any:
    """Let `save` and `load` keep a class of your own: a Controller, Guard or Plant.

    Or a function that a part keeps, such as the h of `Sensor(outputs=h)`. Files name
    the class or function, not the module that it lives in, so it may move. A process
    that loads such a file must have registered it before.

    Args:
        cls: a final `eqx.Module` whose constructor takes its fields by name, or a
            function that a module defines.
        name: what files call it; its own name by default.

    Returns:
        The class or function itself.

    Raises:
        ValueError: no such class or function, or the name is taken.

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
    _check_function(cls) if inspect.isfunction(cls) else _check_class(cls)
    full = USER + (name or cls.__name__)
    known: Any = _users.get(full, cls)
    require(
        _origin(known) == _origin(cls),
        f"the name {full[len(USER) :]!r} is taken by {'.'.join(_origin(known))}; "
        'choose another: @register(name="...")',
    )
    _users[full] = cls
    return cls


def name_of(cls: Callable[..., Any]) -> str:
    """What files call a class or a function.

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
    found = known.get(name)
    if isinstance(found, type):
        return found
    cure = "update hybridctl" if known is not _users else _decorate("class")
    fail(f"no class {name!r} is registered here; {cure}")


def function_of(name: str) -> Callable[..., Any]:
    """The function that files call so.

    Raises:
        ValueError: there is none.
    """
    found = _users.get(name)
    if inspect.isfunction(found):
        return found
    fail(f"no function {name!r} is registered here; {_decorate('function')}")


def _decorate(what: str) -> str:
    return f"decorate that {what} with @hybridctl.register before loading"


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


def _check_function(f: Any) -> None:
    require(
        "<" not in f.__qualname__,  # a lambda, or what closes over numbers
        f"the function {f.__qualname__} cannot be registered; expected one that a "
        "module defines by def, not within another function",
    )


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


def _origin(cls: Callable[..., Any]) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__
