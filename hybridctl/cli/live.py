"""`hybridctl live`: controllers in a page that can be pushed."""

from hybridctl import show, tasks
from hybridctl.cli.options import Live
from hybridctl.cli.shared import console, controller_of, labels_of, saved


def live(command: Live) -> None:
    """Write the page."""
    task = tasks.get(command.task)
    known = {
        label: controller_of(name, task)
        for label, name in labels_of(command.controllers).items()
    }
    with console.status("writing the page"):
        path = show.live(
            task, known, command.out, title=command.title, seed=command.seed
        )
    saved(path)
    console.print("open it in a browser, and push")
