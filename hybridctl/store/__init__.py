"""Controllers as files that can be trusted."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.store.registry import register as register
    from hybridctl.store.save import load as load
    from hybridctl.store.save import save as save

open_room(__name__)
