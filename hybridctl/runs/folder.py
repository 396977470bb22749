"""`RunFolder`: a training on disk, whole at any moment."""

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridctl import files
from hybridctl.checks import fail, plain, require
from hybridctl.controllers import Controller
from hybridctl.runs import checkpoint_file, lock
from hybridctl.runs.curve_files import curve_csv, run_json
from hybridctl.runs.log import Log
from hybridctl.store.save import to_bytes
from hybridctl.tasks import Task

if TYPE_CHECKING:
    from hybridctl.learn import Run

CHECKPOINT, CONTROLLER = "checkpoint.safetensors", "controller.safetensors"
LAST, CURVE, FACTS = "last.safetensors", "curve.csv", "run.json"
Curve = list[dict[str, float]]


class RunFolder:
    """A folder that keeps a training: give it to `train` as `on_validation`.

    After every validation it holds `controller.safetensors` (the best so far, for
    `hc.load`), `last.safetensors` (the one of this validation),
    `checkpoint.safetensors` (all that `load` needs), `curve.csv`, `run.json` with
    the settings, and `log.txt`. Each file is replaced at once, so that a training
    which is killed leaves a folder that loads. One process writes at a time, which
    the file `lock` sees to: from before a training compiles to its end, or as long
    as `with` lasts. What cannot be written does not end a training, but is said.

    A training that goes on from `load` knows networks and normalizer, but not the
    optimizer's moments, the episodes under way and the random stream: it does not
    take the path that the one without a break would have taken.

    Args:
        path: of the folder; it is made when it is first written to.
        template: a name to write down, such as "residual".
        replace: let a new training replace the one in the folder.

    Example:
        >>> import hybridctl as hc
        >>> task, template = hc.tasks.get("balance"), 1.0 * hc.Slot(1)
        >>> with hc.RunFolder("runs/push") as folder:  # doctest: +SKIP
        ...     run = hc.train(task, template, on_validation=folder)
        >>> run = hc.RunFolder("runs/push").load(task, template)  # doctest: +SKIP
        >>> run = hc.train(task, template, resume=run, steps=10**6)  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | os.PathLike,
        template: str | None = None,
        *,
        replace: bool = False,
    ):
        self.path, self.template, self.replace = Path(path), template, replace
        require(
            not self.path.exists() or self.path.is_dir(),
            f"{self.path} is a file; a run needs a folder",
        )
        self._seed: int | None = None  # of the training under way
        self._lock: lock.Lock | None = None
        self._stays, self._made = False, False
        self._packed: tuple[object, bytes] | None = None
        self._log = Log(self.path)
        self._alone = threading.RLock()

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def __reduce__(self) -> Any:
        """A copy is another hand on the same folder; a lock stays with its owner."""
        again = functools.partial(RunFolder, replace=self.replace)
        return again, (self.path, self.template)

    @property
    def begun(self) -> bool:
        """Whether a run is in it."""
        return (self.path / CHECKPOINT).exists()

    def __call__(self, run: "Run") -> None:
        """Write the run so far.

        Raises:
            ValueError: the folder holds another run, or somebody else writes there.
            OSError: it cannot be written; what was there is as it was.
        """
        with self._alone:
            if self._lock is None:
                self._take()
            self._begin(run.seed, run.curve)
            self._write(run)
            if run.stopped != "running":
                self._seed = None
                if not self._stays:
                    self.close()

    @contextlib.contextmanager
    def training(self, seed: int, curve: Curve) -> Iterator[None]:
        """Around a training: it may not begin where it could not be kept.

        Args:
            seed: of the training.
            curve: of the run that it goes on from, or empty.

        Raises:
            ValueError: the folder holds another run, or somebody else writes there.
            OSError: it cannot be written to.
        """
        with self._alone:
            held = self._lock is not None
            if not held:
                self._take()
            self._log.begin(curve)
        try:
            self._begin(seed, curve)
            yield
        except BaseException as error:
            self._log.note(f"ends: {type(error).__name__}: {error}")
            raise
        finally:
            self._seed = None
            if not held:
                self.close()

    def load(
        self, task: Task | None = None, template: Controller | None = None
    ) -> "Run":
        """The run in the folder, to look at or for `train(..., resume=run)`.

        Everything comes from one file, checked against its hash: a training that
        writes at this moment is no harm.

        Args:
            task: checked, where it is given: the run must be of that name.
            template: checked, where it is given: up to rounding, it must be the one
                that was trained.

        Returns:
            The run as it was last written, bit for bit.

        Raises:
            FileNotFoundError: there is no run in the folder.
            ValueError: it is damaged, foreign, too large, newer than this hybridctl,
                or of another task or template.
        """
        return self.read(task, template)[0]

    def read(
        self, task: Task | None = None, template: Controller | None = None
    ) -> tuple["Run", str | None]:
        """The run as `load` gives it, and the name of its template if it has one."""
        path = self.path / CHECKPOINT
        if not path.exists():
            raise FileNotFoundError(
                f"there is no run in {self.path} (no {CHECKPOINT}); it is there from "
                "the first validation on, so give another folder or train anew"
            )
        data = files.read(path)
        try:
            run, name = checkpoint_file.from_bytes(data)
        except ValueError as error:
            raise ValueError(
                f"cannot load {path}: {plain(error)}; take a good copy of the "
                "folder, or train anew in another one"
            ) from error
        try:
            checkpoint_file.check_fits(run, task, template)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error
        return run, name

    def last_good(self) -> str:
        """What can be gone on from, in words."""
        path = self.path / CHECKPOINT
        try:
            steps = self.load().steps
        except FileNotFoundError:
            return f"there is no checkpoint in {self.path} yet"
        except ValueError as error:
            return str(error)
        return f"the last good checkpoint is {path}, of {steps:,} decisions"

    def close(self) -> None:
        """Give the lock back; a folder that stayed empty goes."""
        with self._alone:
            if self._lock is not None:
                self._lock.release()
            self._lock, self._seed = None, None
            if self._made:
                with contextlib.suppress(OSError):
                    self.path.rmdir()

    def __enter__(self) -> "RunFolder":
        with self._alone:
            if self._lock is None:
                self._take()
            self._stays = True
        return self

    def __exit__(self, *error: object) -> None:
        self._stays = False
        self.close()

    def _take(self) -> None:
        try:
            self._made = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = lock.Lock(self.path / lock.NAME)
        except OSError as error:
            raise files.NotWritten(
                f"cannot write to {self.path}: {error.strerror or error}; make room, "
                "or choose another folder"
            ) from error
        files.sweep(self.path)

    def _begin(self, seed: int, curve: Curve) -> None:
        """One training at a time, which is new or goes on from the one kept here."""
        if self._seed is None:
            self._check_continues(curve)
            self._seed = seed
        require(
            seed == self._seed,
            f"{self.path} is one folder for the seeds {self._seed} and {seed}; each "
            "needs its own: on_validation=hc.RunFolders(path)",
        )

    def _check_continues(self, curve: Curve) -> None:
        """Refuse to replace a run by one that does not go on from it."""
        if self.replace or not self.begun:
            return
        known, name = self.read()
        self.template = self.template or name
        old = [repr(point) for point in known.curve]
        if old != [repr(point) for point in curve[: len(old)]]:
            fail(
                f"{self.path} holds another run; go on with it (resume=folder.load()), "
                "choose another folder, or let it go: RunFolder(path, replace=True)"
            )

    def _write(self, run: "Run") -> None:
        try:
            parts = {self.path / n: data for n, data in self._files(run).items()}
            files.write_all(parts, follow=False)
        except ValueError as error:
            if self._log.told is None and not isinstance(error, OSError):
                raise  # it will never be kept
            self._log.note(f"not written: {error}")
            raise files.NotWritten(f"{error}; {self.last_good()}") from error
        self._log.tell(run, self.template)

    def _files(self, run: "Run") -> dict[str, bytes]:
        if self._packed is None or self._packed[0] is not run.policy:
            self._packed = (run.policy, to_bytes(run.controller))
        best, last = self._packed[1], run.last
        if last is None or last is run.controller:
            latest = best
        else:
            latest = to_bytes(last)
        return {
            CONTROLLER: best,
            LAST: latest,
            CHECKPOINT: checkpoint_file.to_bytes(run, self.template),
            CURVE: curve_csv(run),
            FACTS: run_json(run, self.template),
        }
