"""Films within a report: one episode of several controllers, beside each other."""

from collections.abc import Sequence

from hybridctl.contests import Table
from hybridctl.describe.numbers import listed
from hybridctl.show.film import animation
from hybridctl.show.report.parts import start_text
from hybridctl.suites import Result

SECONDS, WIDTH, HEIGHT = 8.0, 360, 270  # length [s] and size of a picture [pixels]
TITLES = ("swingup", "short_track", "push")


def film(
    table: Table, names: Sequence[str], index: int = 0, seconds: float = SECONDS
) -> dict[str, str]:
    """An episode of a comparison as a film, with the words below it.

    Args:
        table: of `hc.compare`.
        names: of the controllers, from left to right.
        index: of the episode.
        seconds: length [s].

    Returns:
        `html` of a video that is within the page, and `text`.
    """
    episodes = {name: table.episode(name, index) for name in names}
    traces = {name: episode.trace for name, episode in episodes.items()}
    size = (WIDTH * len(names), HEIGHT)
    seconds = min(seconds, table.task.seconds)
    made = animation(traces, plant=table.task, seconds=seconds, size=size)
    start = start_text(next(iter(episodes.values())))
    text = f"{listed(list(names))}, episode {index}. Start: {start}."
    return {"html": made._repr_html_(), "text": text}


def suite_films(
    result: Result, titles: Sequence[str] = TITLES
) -> dict[str, dict[str, str]]:
    """Films of a suite: the reference, the best classical and the best learned column.

    Args:
        result: of `hc.suites.run`.
        titles: of the tasks; those that the suite has not are left out.

    Returns:
        Films by title, for `suite_report`.
    """
    films = {}
    for title in titles:
        if title not in result.suite.entries:
            continue
        told = result.contests.get(title)
        best = [told["classical"], told["learned"]] if told else []
        names = list(dict.fromkeys([result.suite.against, *best]))
        films[title] = film(result.table(title), names)
    return films
