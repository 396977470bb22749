"""`RunFolders`: one folder a seed, where several train side by side."""

import functools
import os
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from hybridctl.runs.folder import Curve, RunFolder

if TYPE_CHECKING:
    from hybridctl.learn import Run


def by_seed(folder: Path, name: str) -> list[Path]:
    """Files of that name in the folders of seeds, by number: 9 before 10."""
    files = folder.glob(f"seed-*/{name}")
    seed = lambda path: path.parent.name.removeprefix("seed-")  # noqa: E731
    return sorted(
        files, key=lambda path: (not seed(path).isdecimal(), seed(path).zfill(20))
    )


class RunFolders:
    """The folders `seed-0`, `seed-1`, … of a training with several seeds.

    Args:
        path: of the folder that they are in.
        template: a name to write down, such as "residual".
        replace: let a new training replace those in the folders.

    Example:
        >>> import hybridctl as hc
        >>> task, template = hc.tasks.get("balance"), 1.0 * hc.Slot(1)
        >>> with hc.RunFolders("runs/push") as folders:  # doctest: +SKIP
        ...     runs = hc.train(task, template, seeds=4, on_validation=folders)
        >>> run = hc.RunFolder("runs/push/seed-2").load()  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | os.PathLike,
        template: str | None = None,
        *,
        replace: bool = False,
    ):
        self.path, self.template, self.replace = Path(path), template, replace
        self._folders: dict[int, RunFolder] = {}
        self._alone = threading.Lock()

    def __reduce__(self) -> tuple:
        """In another process it opens the folders itself."""
        return functools.partial(RunFolders, replace=self.replace), (
            self.path,
            self.template,
        )

    def __getitem__(self, seed: int) -> RunFolder:
        """The folder of a seed."""
        with self._alone:
            if seed not in self._folders:
                path = self.path / f"seed-{seed}"
                self._folders[seed] = RunFolder(
                    path, self.template, replace=self.replace
                )
            return self._folders[seed]

    def __call__(self, run: "Run") -> None:
        """Write the run so far into the folder of its seed; see `RunFolder`."""
        self[run.seed](run)

    def training(self, seed: int, curve: Curve) -> AbstractContextManager:
        """Around the training of a seed; see `RunFolder`."""
        return self[seed].training(seed, curve)

    def close(self) -> None:
        """Give all locks back."""
        for folder in self._folders.values():
            folder.close()

    def __enter__(self) -> "RunFolders":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
