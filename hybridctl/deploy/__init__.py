"""Out of the toolkit: files that can be trusted."""

from hybridctl.deploy.registry import register as register
from hybridctl.deploy.store import load as load
from hybridctl.deploy.store import save as save
