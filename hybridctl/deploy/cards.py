"""What is run outside of simulations says of itself."""

from hybridctl.deploy.realtime.rows import DriveLog
from hybridctl.describe import Card, Known, card, names, tells
from hybridctl.loop.log import Log


@names
def _name_drive(log: DriveLog, known: Known) -> str:
    return f"DriveLog({log.summary})"


@tells
def _drive(log: DriveLog, known: Known) -> Card:
    """The log without the two columns on time, and what they come to."""
    kept = {name: row for name, row in log.to_dict().items() if name not in log.own}
    units = {name: unit for name, unit in log.units.items() if name in kept}
    plain = card(Log(kept, units), known)
    times = {name: str(value) for name, value in log.timing.items()}
    rows = {"ended": log.ended, **times, "late": _counts(log)}
    return Card("Drive" + plain.title, (*plain.rows, *rows.items()))


def _counts(log: DriveLog) -> str:
    return f"{log.late} of {len(log) - 1} periods; {log.missed} measurements missed"
