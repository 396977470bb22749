"""Out of the toolkit: code that runs without it, and the files that it is read from."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.deploy.drive import drive as drive
    from hybridctl.deploy.embed import Pilot as Pilot
    from hybridctl.deploy.embed import embed as embed
    from hybridctl.deploy.export import export as export
    from hybridctl.deploy.line import Line as Line
    from hybridctl.deploy.realtime.rows import DriveLog as DriveLog
    from hybridctl.deploy.swap import Swap as Swap
    from hybridctl.runs.folder import RunFolder as RunFolder
    from hybridctl.runs.seeds import RunFolders as RunFolders
    from hybridctl.store.registry import register as register
    from hybridctl.store.save import load as load
    from hybridctl.store.save import save as save

open_room(__name__)
