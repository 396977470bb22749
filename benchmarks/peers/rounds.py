"""One environment in a process of its own that runs a round when it is told to."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def serve(make: Callable[[int, int], Callable[[], Any]], about: dict[str, Any]) -> None:
    """Compile, then run a round for every line that comes in.

    Prints a line of JSON when it is ready, with the seconds of the first round, and
    the seconds of every other.

    Args:
        make: lanes and steps to a round, which ends when all is computed.
        about: what is said of it: integrator, time of a step, versions.
    """
    lanes, steps = map(int, sys.argv[2:4])
    began = time.perf_counter()
    play = make(lanes, steps)
    play()
    first = time.perf_counter() - began
    print(json.dumps(about | {"first": first}), flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        play()
        print(time.perf_counter() - began, flush=True)
