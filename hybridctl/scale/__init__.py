"""More than one process: who works, what they are given, and what comes back."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.scale.devices import laid_out as laid_out
    from hybridctl.scale.engines import dask as dask
    from hybridctl.scale.engines import ray as ray
    from hybridctl.scale.workers import Workers as Workers

open_room(__name__)
