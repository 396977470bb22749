"""What the reference makes of the docstrings: sections, laws, signatures."""

import importlib
import inspect
import re
from typing import Any

import griffe


class House(griffe.Extension):
    """Docstrings of this house: `Example:` is a section, `::` opens a law."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Make Markdown of a docstring."""
        if obj.docstring is not None:
            text = re.sub(r"^Example:", "Examples:", obj.docstring.value, flags=re.M)
            obj.docstring.value = re.sub(r"::$", ":", text, flags=re.M)

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Give a module of equinox the signature that it has at run time."""
        made = _class(cls.path)
        if made is None or "__init__" in cls.members:
            return
        own = inspect.signature(made).parameters.values()
        known = griffe.Parameters(_parameter("self"), *map(_from, own))
        cls.set_member("__init__", griffe.Function("__init__", parameters=known))


def _class(path: str) -> type | None:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    fields = isinstance(found, type) and hasattr(found, "__dataclass_fields__")
    return found if fields and not inspect.isabstract(found) else None


def _parameter(name: str, kind: str = "positional or keyword", **given: Any) -> Any:
    return griffe.Parameter(name, kind=griffe.ParameterKind(kind), **given)


def _from(parameter: inspect.Parameter) -> griffe.Parameter:
    kind = parameter.kind.description
    given = parameter.default is not inspect.Parameter.empty
    return _parameter(
        parameter.name, kind, default=repr(parameter.default) if given else None
    )
