"""`hybridctl …`: the command line."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.cli.main import main as main
    from hybridctl.cli.options import Compare as Compare
    from hybridctl.cli.options import Controllers as Controllers
    from hybridctl.cli.options import Demo as Demo
    from hybridctl.cli.options import Design as Design
    from hybridctl.cli.options import Export as Export
    from hybridctl.cli.options import Identify as Identify
    from hybridctl.cli.options import Presets as Presets
    from hybridctl.cli.options import Render as Render
    from hybridctl.cli.options import Report as Report
    from hybridctl.cli.options import Simulate as Simulate
    from hybridctl.cli.options import Tasks as Tasks
    from hybridctl.cli.options import Train as Train
    from hybridctl.cli.train import write_run as write_run
    from hybridctl.names import TaskName as TaskName
    from hybridctl.names import TemplateName as TemplateName

open_room(__name__)
