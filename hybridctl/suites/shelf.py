"""Where a suite keeps what it has trained and scored: files named by content."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridctl import files
from hybridctl.checks import fail
from hybridctl.deploy import RunFolder
from hybridctl.tasks import Scores

if TYPE_CHECKING:
    from hybridctl.learn import Run


class Shelf:
    """A folder of trainings and scores.

    Each file is written at once, under a name that is a hash of all that it depends
    on. So a suite that is stopped goes on where it was, and one whose tasks,
    templates, settings or versions are others does not take what it finds.

    Args:
        folder: where the files are.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._runs: dict[str, Run] = {}

    def trained(self, key: str) -> RunFolder:
        """The folder of one training; its `begun` says whether it is over."""
        return RunFolder(self.folder / "trained" / key, replace=True)

    def run(self, key: str) -> "Run":
        """A training that is over; read once."""
        if key not in self._runs:
            self._runs[key] = self.trained(key).load()
        return self._runs[key]

    def keep_run(self, key: str, run: "Run") -> None:
        """Keep a training that is over.

        Raises:
            OSError: it cannot be written.
        """
        self.trained(key)(run)

    def has_scores(self, key: str) -> bool:
        """Whether a cell has been scored."""
        return self._scores(key).exists()

    def keep_scores(self, key: str, scores: list[Scores], facts: Mapping) -> None:
        """Keep the scores of a cell, one item a seed, with facts about them."""
        from safetensors.numpy import save

        rows = {
            field: np.ascontiguousarray(np.stack([getattr(s, field) for s in scores]))
            for field, value in scores[0]._asdict().items()
            if value is not None
        }
        path = self._scores(key)
        files.make_folder(path.parent)
        files.write(path, save(rows, {"facts": json.dumps(dict(facts))}))

    def scores(self, key: str) -> tuple[Scores, dict[str, Any]]:
        """The scores of a cell, [S, n] each, and the facts.

        Raises:
            ValueError: the file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        path = self._scores(key)
        try:
            with safe_open(path, "np") as file:
                rows = {name: file.get_tensor(name) for name in file.keys()}
                return Scores(**rows), json.loads(file.metadata()["facts"])
        except (SafetensorError, KeyError, ValueError) as error:
            fail(f"{path} is damaged ({error}); delete it and run the suite again")

    def _scores(self, key: str) -> Path:
        return self.folder / "scores" / f"{key}.safetensors"
