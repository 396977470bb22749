"""Results of shards on a disk, by content, so that a run that was stopped goes on."""

from pathlib import Path
from typing import Any

import numpy as np

from hybridctl import files

Rows = dict[str, np.ndarray]


class Kept:
    """A folder of results, which several runs may share.

    Args:
        folder: made when the first result is kept.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def get(self, key: str) -> Rows | None:
        """The result of a key, None where there is none that is whole."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            return load(self._path(key).read_bytes())
        except (OSError, SafetensorError):
            return None

    def put(self, key: str, rows: Rows) -> None:
        """Keep a result, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        from safetensors.numpy import save

        path = self._path(key)
        files.make_folder(path.parent)
        files.write(path, save(rows))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{files.SUFFIX}"


def keepable(result: Any) -> bool:
    """Whether a result is arrays by name."""
    arrays = isinstance(result, dict) and all(
        isinstance(v, np.ndarray) for v in result.values()
    )
    return bool(arrays)
