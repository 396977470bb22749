"""What the commands of the command line do."""

from hybridctl.commands.main import run as run
from hybridctl.commands.train import write_run as write_run
