"""The former name of `hybridctl.contests`; `hc.compare` is the verb alone."""

from typing import Any

from hybridctl import contests


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(contests, name)
