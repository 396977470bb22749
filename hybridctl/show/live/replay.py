"""What was done in a page, once more in the loop that `simulate` runs."""

import base64
import binascii
import json
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hybridctl.checks import fail, plain, require
from hybridctl.controllers import Controller, Sequence
from hybridctl.controllers.bind import bind
from hybridctl.loop import Loop, Trace
from hybridctl.loop.fit import check_fit
from hybridctl.loop.known import parted
from hybridctl.loop.loop import begin, step
from hybridctl.plants import Plant
from hybridctl.precision import float64, float64_on_host
from hybridctl.show.live.hand import count_points, held_motion
from hybridctl.show.live.knobs import Knobs, check_loop, knobs_of, noisy, quiet
from hybridctl.store.decode import rebuild
from hybridctl.store.encode import Arrays, encode
from hybridctl.store.save import from_bytes, to_bytes

FORMAT, VERSION = "hybridctl episode", 1
ROWS = ("set", "hand", "force", "noise")
LONGEST = 1_000_000  # periods


def rerun(
    path: str | os.PathLike | Mapping[str, Any],
    controllers: Mapping[str, Controller] | None = None,
) -> dict[str, Trace]:
    """Run an episode of a page once more; see `hc.replay`.

    Args:
        path: of the JSON file, or what is in it.
        controllers: others by name, instead of those of the record.
    """
    told = path if isinstance(path, Mapping) else _read(path)
    record = _Record(told)
    found = record.controllers() if controllers is None else dict(controllers)
    return {name: record.run(name, c) for name, c in found.items()}


def _read(path: str | os.PathLike) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        fail(
            f"{os.fspath(path)} is no JSON ({plain(error, 80)}); save the episode anew"
        )


def rig_text(task: Any) -> dict[str, Any]:
    """Plant and loop of a task as plain JSON data, for a record.

    Raises:
        ValueError: one of them cannot be kept in a file.
    """
    arrays: Arrays = {}
    tree = encode((task.plant, task.loop), "rig", arrays)
    rows = {
        n: [a.dtype.name, list(a.shape), a.ravel().tolist()] for n, a in arrays.items()
    }
    return {"tree": tree, "arrays": rows}


def controller_text(controller: Controller) -> str:
    """A controller as text, for a record."""
    return base64.b64encode(to_bytes(controller)).decode()


class _Record:
    """What a page saved, checked as what comes from a file."""

    def __init__(self, told: Any):
        good = isinstance(told, Mapping) and told.get("format") == FORMAT
        require(good, "it is no episode of hybridctl; save one in a page of hc.live")
        version = told.get("version")
        require(
            version == VERSION,
            f"an episode of version {plain(repr(version), 20)}, expected {VERSION}; "
            "update hybridctl",
        )
        self.told = told
        plant, self.loop = self._rig()
        check_loop(self.loop)
        self.known: Knobs = knobs_of(plant, self.loop)
        self.plant = self.known.rig.plant
        self.periods = self._periods()
        self.x0 = self._row("x0", plant.n_x)
        self.p = self._row("p", len(self.known.names))
        n_y = len(quiet(self.loop, self.known.rig.actuator).measured(plant))
        sizes = {"hand": 2 * count_points(self.plant), "force": plant.n_u, "noise": n_y}
        self.rows = {name: self._dense(name, n) for name, n in sizes.items()}
        self.moved = self._moved()

    def _rig(self) -> Any:
        told = self.told.get("rig")
        if told is None:
            fail(
                "the episode does not hold its plant, which no file can; write it as "
                "a Plant of your own with @hybridctl.register, and save an episode anew"
            )
        try:
            assert isinstance(told, Mapping)
            arrays = {
                str(n): np.array(v, dtype).reshape(shape)
                for n, (dtype, shape, v) in told["arrays"].items()
            }
            plant, loop = rebuild(told["tree"], "rig", arrays)
            assert isinstance(plant, Plant) and isinstance(loop, Loop)
            return plant, loop
        except Exception as error:  # a stranger's file makes code raise anything
            why = plain(error, 200) or "no plant and loop"
            fail(f"broken episode: its rig cannot be read ({why})")

    def _periods(self) -> int:
        n = self.told.get("periods")
        good = type(n) is int and 0 < n <= LONGEST
        require(
            good,
            f"broken episode: periods={plain(repr(n), 40)}; expected a count above 0",
        )
        return n  # type: ignore[return-value]

    def _row(self, name: str, n: int) -> np.ndarray:
        value = self.told.get(name)
        good = (
            isinstance(value, list) and len(value) == n and all(map(_is_number, value))
        )
        require(
            good, f"broken episode: {name} must be {n} finite numbers; save it anew"
        )
        return np.array(value, float)

    def _sparse(self, name: str, n: int) -> list[list[Any]]:
        rows = self.told.get(name)
        good = isinstance(rows, list) and all(
            isinstance(r, list) and len(r) == n + 1 and all(map(_is_number, r))
            and type(r[0]) is int and 0 <= r[0] <= self.periods for r in rows
        )  # fmt: skip
        require(
            good,
            f"broken episode: {name} must be rows of a period up to {self.periods} and "
            f"{n} finite numbers; save it anew",
        )
        return rows  # type: ignore[return-value]

    def _dense(self, name: str, n: int) -> np.ndarray:
        out = np.zeros((self.periods + 1, n))
        for k, *row in self._sparse(name, n):
            out[k] += row
        return out

    def _moved(self) -> np.ndarray:
        """The numbers of the rig in every period."""
        out = np.repeat(self.p[None], self.periods + 1, 0)
        for k, i, value in self._sparse("set", 2):
            good = type(i) is int and 0 <= i < len(self.p)
            require(good, f"broken episode: set moves number {i} of {len(self.p)}")
            out[k:, i] = value
        return out

    def controllers(self) -> dict[str, Controller]:
        """Those of the record, and the hand that drove."""
        found: dict[str, Controller] = {}
        for name, text in self._named("controllers").items():
            found[name] = self._controller(name, text)
        for name, rows in self._named("driven").items():
            try:
                found[name] = Sequence(
                    np.array(rows, float).reshape(-1, self.plant.n_u)
                )
            except (ValueError, TypeError):
                fail(f"broken episode: what {name!r} drove is no table of numbers")
        return found

    def _named(self, key: str) -> Mapping[str, Any]:
        told = self.told.get(key, {})
        require(isinstance(told, Mapping), f"broken episode: {key} has no names")
        return told

    def _controller(self, name: str, text: Any) -> Controller:
        if not text:
            fail(
                f"the episode does not hold {name!r}, which no file can; give it: "
                f"hc.replay(path, {{{name!r}: controller}})"
            )
        try:
            return from_bytes(base64.b64decode(text, validate=True))
        except (ValueError, TypeError, binascii.Error) as error:
            fail(f"broken episode: {name!r} cannot be read ({plain(error, 200)})")

    def run(self, name: str, controller: Controller) -> Trace:
        """One controller through all of it, or as far as it came in the page."""
        end = self._named("ends").get(name)
        n = end.get("periods") if isinstance(end, Mapping) else None
        n = n if type(n) is int and 0 < n <= self.periods else self.periods
        loop = quiet(self.loop, self.known.rig.actuator)
        known = check_fit(self.plant, controller, loop, 0).ports
        with float64_on_host():
            x, sample = _run(
                self, float64(bind(controller, loop.measured(self.plant))), n
            )
        plant = self.plant
        t = np.arange(n + 1) * loop.dt
        u, asked, mode = jax.tree.map(np.asarray, sample[:3])
        return Trace(
            t, x, u, asked, mode, plant.states,
            plant.inputs, known.mode, tuple(plant.units.items()), plant.angles,
        )  # fmt: skip


def _run(record: _Record, controller: Controller, n: int) -> tuple[Any, Any]:
    loop = record.loop
    move = held_motion(loop.dt, loop.substeps)

    def rig(p: Any) -> tuple[Any, Loop]:
        now = record.known.at(p)
        return now.plant, quiet(loop, now.actuator)

    def heard(state: Any, now: Loop, noise: Any) -> Any:
        return replace(state, measured=noisy(now, state.plant, state.x, noise))

    @jax.jit
    def whole(x0: Any, p: Any, hand: Any, force: Any, noise: Any) -> Any:
        plant, first = rig(p[0])
        state = heard(begin(first, controller, plant, x0), first, noise[0])
        memory = controller.init(replace(state, controller=None).tick(loop.dt))
        state = replace(state, controller=memory)

        def body(state: Any, row: Any) -> Any:
            p, hand, force, noise = row
            plant, now = rig(p)
            own, _ = parted(plant)
            motion = move(force, hand.reshape(-1, 2))
            state, sample = step(now, controller, replace(state, own=own), motion)
            return heard(state, now, noise), (
                state.x,
                sample._replace(hits=None, shown=None),
            )

        rows = p[:-1], hand[:-1], force[:-1], noise[1:]
        _, (xs, sample) = jax.lax.scan(body, state, rows)
        return jnp.concatenate([x0[None], xs]), sample

    r = record.rows
    given = record.moved, r["hand"], r["force"], r["noise"]
    x, sample = whole(record.x0, *(row[: n + 1] for row in given))
    return np.asarray(x), sample


def _is_number(value: Any) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and math.isfinite(value)
