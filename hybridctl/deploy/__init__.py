"""Out of the toolkit: files that can be trusted."""

from hybridctl.deploy.exports import export as export
from hybridctl.deploy.folder import RunFolder as RunFolder
from hybridctl.deploy.pilot import Pilot as Pilot
from hybridctl.deploy.pilot import embed as embed
from hybridctl.deploy.registry import register as register
from hybridctl.deploy.seeds import RunFolders as RunFolders
from hybridctl.deploy.store import load as load
from hybridctl.deploy.store import save as save
