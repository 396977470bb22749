"""Trainings on disk, whole at any moment."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.runs.folder import RunFolder as RunFolder
    from hybridctl.runs.seeds import RunFolders as RunFolders

open_room(__name__)
