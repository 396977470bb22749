"""What the columns of every table mean, in the same words everywhere."""

from collections.abc import Iterable

from hybridctl.tasks import Task

OTHER = {"survived": "settled", "settled": "survived"}
VERBS = {"survived": ("survives", "survive"), "settled": ("settles", "settle")}
MEANINGS = {
    "survived": "share of the episodes that never fail",
    "settled": "share that never fails and stays at the target in the end",
    "settle": "median time until settled for good",
    "J": "mean cost of an episode, {charged}",
    "difference": "J minus that of {against} in the same episodes; below 0 is better",
    "to_bound": "J over the least that physics allows, where that is known",
    "effort": "mean of ∫u² dt",
    "peak_x": "largest |{first}| of all episodes",
    "step_us": "time that simulating one control period takes",
    "failed": "episodes that fail",
}


def rates(task: Task) -> tuple[str, str]:
    """The two shares of a task: the one that it is about comes first."""
    return task.criterion, OTHER[task.criterion]


def meaning(key: str, task: Task, against: str) -> str:
    """What stands in a column.

    Args:
        key: one of `MEANINGS`.
        task: of the table.
        against: whom differences are taken to.
    """
    charge = float(task.failure_cost)
    own = "; what this task asks for" if key == task.criterion else ""
    text = MEANINGS[key].format(
        charged=f"lower is better; one that fails is charged {charge:g}",
        against=against,
        first=task.plant.states[0],
    )
    return f"{text}{own}"


def legend(
    pairs: Iterable[tuple[str, str]], task: Task, against: str
) -> list[tuple[str, str]]:
    """Every heading with what it says.

    Args:
        pairs: headings, and the keys of what stands below them.
        task: of the table.
        against: whom differences are taken to.
    """
    return [(heading, meaning(key, task, against)) for heading, key in pairs]


def lines(told: Iterable[tuple[str, str]]) -> list[str]:
    """Headings and meanings for a terminal, a line each."""
    return [f"{heading}: {text}." for heading, text in told]
