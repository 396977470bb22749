"""An engine that keeps the memory as arrays between the calls of a program."""

import abc
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.deploy.period import Whole
from hybridctl.deploy.program import Program
from hybridctl.deploy.runtime import Arrays, Engine, begun, checked


class ArrayEngine(Engine):
    """Memory beside a program that begins it by itself, at period 0.

    Args:
        program: of the controller.
        whole: the shapes of what the program takes.
    """

    def __init__(self, program: Program, whole: Whole):
        self.program, self.tick = program, whole.tick
        self.blank = [np.zeros(m.shape, m.dtype) for m in whole.memory]
        self._real, self._n_y = whole.tick["y"].dtype, program.sizes.n_y
        self._fed, self._mode = program.fed, program.mode
        self.init(None, None)

    @abc.abstractmethod
    def call(
        self, memory: list[NDArray], t: Any, k: Any, y: Any, r: Any
    ) -> tuple[list[NDArray], NDArray]:
        """One period of the program: the memory after it, and the input."""

    def init(self, y: Any, r: Any) -> None:
        """Begin anew; the memory begins with the first period."""
        self.k, self.memory = 0, self.blank
        self.put, self.asked = self.tick["applied"], self.tick["asked"]

    def step(self, t: float, y: Any, r: Any) -> NDArray:
        """One period."""
        y = np.asarray(y[: self._n_y], self._real)
        r = None if self.tick["r"] is None else np.asarray(r, self._real)
        now = np.array(t, self._real), np.array(self.k, np.int32)
        self.memory, u = self.call(self.memory, *now, y, r)
        self.k += 1
        if self._fed:
            self.put = self.asked = u
        return np.array(u, float)

    def applied(self, u: NDArray) -> None:
        """What was applied in the last period."""
        self.put = np.asarray(u, self._real)

    def mode(self) -> int | None:
        """The active mode."""
        if self._mode is None or self.k == self.missed():
            return None
        return int(self.memory[self._mode])

    def missed(self) -> int:
        """Periods without a measurement so far."""
        return int(self.memory[-1]) if self.program.guarded and self.k else 0

    def read(self) -> Arrays:
        """The memory."""
        guarded, missed = self.program.guarded, self.missed()
        out: Arrays = {"missed": np.array(missed)} if guarded and self.k else {}
        if self.k == missed:
            return out
        pairs = [("applied", self.put), ("asked", self.asked)]
        pairs += [("held", self.memory[-2])] * guarded
        out |= {
            f"{n}{i}": np.array(v, float) for n, u in pairs for i, v in enumerate(u)
        }
        for leaf, value in zip(self.program.memory, self.memory, strict=False):
            out["memory." + leaf.name] = np.array(value, leaf.wide)
        return out

    def write(self, arrays: Arrays, k: int) -> None:
        """Go on from a memory."""
        self.k = k
        row = range(self.program.sizes.n_u)
        self.put, self.asked = (
            np.array([arrays.get(f"{name}{i}", 0.0) for i in row], self._real)
            for name in ("applied", "asked")
        )
        self.memory, leaves = list(self.blank), self.program.memory
        if begun(arrays):
            pairs = zip(leaves, self.blank, strict=False)
            self.memory[: len(leaves)] = [
                checked(arrays, leaf).astype(m.dtype) for leaf, m in pairs
            ]
        if self.program.guarded:
            u = range(self.program.sizes.n_out)
            held = [arrays.get(f"held{i}", 0.0) for i in u]
            missed = np.asarray(arrays.get("missed", 0)).astype(np.int32)
            self.memory = [*self.memory[:-2], np.array(held, self._real), missed]
