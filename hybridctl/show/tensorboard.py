"""`TensorBoard`: the learning curve as event files."""

import importlib
import itertools
import math
import os
import time
import weakref
from pathlib import Path
from typing import Any

from hybridctl.checks import fail

_numbers = itertools.count()


class TensorBoard:
    """Writes every validation of a training as scalars for TensorBoard.

    Give it to `train` as `on_validation`, then look with `tensorboard --logdir runs`.
    A folder that has event files already gets one more, from the step on at which
    the training goes on; what the older ones say beyond that step is hidden.

    Args:
        folder: of the event files; it is made when it is first written to.

    Raises:
        ValueError: tensorboardX is missing.

    Example:
        >>> import hybridctl as hc
        >>> task, template = hc.tasks.get("balance"), 1.0 * hc.Slot(1)
        >>> board = hc.TensorBoard("runs/push")
        >>> run = hc.train(task, template, on_validation=board)  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self._proto = _import("proto.event_pb2")
        self._scalar = _import("summary").scalar
        self._writers = _import("event_file_writer").EventsWriter
        self._file: Any = None
        self._known, self._seed = 0, None

    def __call__(self, run: Any) -> None:
        """Write the validations that are new.

        Raises:
            OSError: they cannot be written.
        """
        self._check_seed(run)
        file = self._file or self._open(run)
        now = time.time()
        for point in run.curve[self._known :]:
            for name, value in point.items():
                if name != "steps" and math.isfinite(value):
                    self._write(point, now, summary=self._scalar(name, value))
            self._known += 1
        file.flush()
        if run.stopped != "running":
            self.close()

    def close(self) -> None:
        """Close the file; another training gets one of its own."""
        if self._file is not None:
            self._finish()
        self._file, self._known, self._seed = None, 0, None

    def _check_seed(self, run: Any) -> None:
        """One folder shows one training."""
        seed = run.seed if self._seed is None else self._seed
        if seed != run.seed:
            fail(
                f"{self.folder} is one folder for the seeds {seed} and {run.seed}; "
                "give each its own TensorBoard"
            )
        self._seed = seed

    def _open(self, run: Any) -> Any:
        self.folder.mkdir(parents=True, exist_ok=True)
        goes_on = any(self.folder.glob("events.out.tfevents.*"))
        name = f".{os.getpid()}.{next(_numbers)}"  # never the name of an older one
        self._file = self._writers(str(self.folder / "events"), name)
        self._finish = weakref.finalize(self, self._file.close)
        if goes_on:
            self._known = len(run.curve) - 1
            start = self._proto.SessionLog(status=self._proto.SessionLog.START)
            self._write(run.curve[-1], time.time(), session_log=start)
        return self._file

    def _write(self, point: dict[str, float], now: float, **content: Any) -> None:
        event = self._proto.Event(step=int(point["steps"]), wall_time=now, **content)
        self._file.write_event(event)


def _import(name: str) -> Any:
    try:
        return importlib.import_module(f"tensorboardX.{name}")
    except ImportError as error:
        fail(
            f"TensorBoard files need tensorboardX ({error}); install it: "
            "pip install tensorboardX"
        )
