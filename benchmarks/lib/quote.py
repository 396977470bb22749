"""Numbers for the pages of docs/: what `{{ global/machine/J }}` stands for there.

The parts are task, strategy and figure: success, settle, J, difference, step_us or
episodes. Learned columns are those of the question strategies, and of suite where that
has not trained them; classical ones those of classical.
"""

import re
from typing import Any

from benchmarks.lib.results import load

MARK = re.compile(r"\{\{ ([^{}]+?) \}\}")


def quoted(text: str) -> str:
    """The text with its marks replaced.

    Raises:
        KeyError: a mark that no result answers.
    """
    return MARK.sub(lambda found: quote(found[1]), text)


def quote(mark: str) -> str:
    """One number as text."""
    task, strategy, figure = mark.split("/")
    return _TEXTS[figure](row(task, strategy))


def row(task: str, strategy: str) -> dict[str, Any]:
    """What was measured of a strategy on a task."""
    known = load("control")["tasks"].get(task, {"rows": {}})
    if strategy == "mpc":
        return known["mpc"] | {"episodes": known["few"]}
    if strategy in known["rows"]:
        return known["rows"][strategy] | {"episodes": known["n"]}
    result = load("strategies")
    if strategy in result["tasks"].get(task, {}):
        return result["tasks"][task][strategy] | {"episodes": result["n"]}
    found = load("suite")["tasks"][task]["rows"][strategy]
    return found | {"episodes": found["n"]}


def _success(found: dict[str, Any]) -> str:
    learned = "success_worst" in found
    share = found["success_worst"] if learned else found["success"]["value"]
    return f"{100 * share:.3g} %"


def _settle(found: dict[str, Any]) -> str:
    given = found["settle_median"]
    seconds = given["value"] if isinstance(given, dict) else given
    return "never" if seconds is None else f"{seconds:.2f} s"


def _difference(found: dict[str, Any]) -> str:
    apart = found["difference"]
    return f"{apart['value']:+.3g} [{apart['low']:+.3g}, {apart['high']:+.3g}]"


_TEXTS = {
    "success": _success,
    "settle": _settle,
    "J": lambda found: f"{found['J']['value']:.3g}",
    "difference": _difference,
    "episodes": lambda found: f"{found['episodes']}",
    "step_us": lambda found: f"{found['step_us']:.0f} µs",
}
