"""What an exported file says about itself."""

import textwrap

from hybridctl.deploy.parity import Parity
from hybridctl.deploy.program import Program
from hybridctl.version import __version__

MISSING = {
    "hold": "is counted, and the last good input is held",
    "nan": "goes through, and may stay in the memory",
    "error": "is refused",
}


def facts(made: Program, found: Parity) -> dict[str, str]:
    """By name, for a program to read: where a file is from and how far it is off."""
    rows = {
        name: ", ".join(f"{n} [{unit}]" if unit else n for n, unit in row)
        for name, row in (("y", made.y), ("u", made.u))
    }
    return {
        "hybridctl": __version__,
        "controller": type(made.controller).__name__,
        "dt": f"{made.dt:g}",
        **rows,
        **({"modes": ", ".join(made.modes)} if made.modes else {}),
        "on_missing": made.on_missing,
        "sha256": made.traced.hash,
        "largest_difference": f"{found.largest:.1e}",
        "checked": str(found),
    }


def about(made: Program, name: str, found: Parity, use: str) -> str:
    """In sentences, for the first lines of a file.

    Args:
        made: the controller's graphs.
        name: of the file.
        found: by the check.
        use: how it is called.
    """
    told = facts(made, found)
    lines = [
        f"{name}: a {told['controller']} exported by hybridctl {told['hybridctl']}.",
        f"Control period: dt = {told['dt']} s.",
        f"Measurements y: {told['y']}.",
        f"Input u: {told['u']}.",
        *([f"Modes: {told['modes']}."] if made.modes else []),
        f"A measurement that is not finite {MISSING[made.on_missing]}.",
        f"Content: sha256 {told['sha256']}",
        f"Checked against the jitted controller in float64: {told['checked']}.",
    ]
    first, *rest = [textwrap.fill(line, 84, subsequent_indent="  ") for line in lines]
    return "\n".join([first, "", *rest]) + f"\n{use}"
