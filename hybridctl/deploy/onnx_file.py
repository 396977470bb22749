"""A controller as an ONNX model, and what runs it here."""

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.extend
from numpy.typing import NDArray

from hybridctl.cache import kept_programs
from hybridctl.checks import fail, require
from hybridctl.codegen.simplify import plain
from hybridctl.deploy.array_runtime import ArrayEngine
from hybridctl.deploy.period import Whole, precision, whole
from hybridctl.deploy.program import Program

NEEDED = ("jax2onnx", "onnxruntime")
MISSING = (
    "a .onnx file is written by jax2onnx and checked by onnxruntime, and {name} is not "
    "installed: pip install 'hybridctl[export]'"
)
OPSET = 18  # of 2023, which runtimes of today's devices know
QUIET = 3  # onnxruntime speaks of errors alone


class OnnxEngine(ArrayEngine):
    """Runs the ONNX model by onnxruntime, on one core.

    Args:
        program: of the controller.
        real: numbers in the model, "float" or "double".

    Attributes:
        model: an `onnx.ModelProto`.

    Raises:
        ValueError: jax2onnx or onnxruntime is not installed, or one of them has no
            counterpart for an operation.
    """

    def __init__(self, program: Program, real: str = "float"):
        for name in NEEDED:
            found = importlib.util.find_spec(name) is not None
            require(found, MISSING.format(name=name))
        made = whole(program, real)
        super().__init__(program, made)
        self.names = [f"memory.{name}" for name in made.names]
        self._used = made.used
        with _refusals(program):
            self.model = _model(made, self.names, real)
            self._run = _session(self.model).run

    def describe(self, text: str, facts: dict[str, str]) -> None:
        """Say in the model what it is: `text` for people, `facts` for programs."""
        self.model.producer_name = "hybridctl"
        self.model.producer_version = facts["hybridctl"]
        self.model.doc_string = text
        for key, value in facts.items():
            self.model.metadata_props.add(key=key, value=value)

    def call(
        self, memory: list[NDArray], t: Any, k: Any, y: Any, r: Any
    ) -> tuple[list[NDArray], NDArray]:
        """One period of the model."""
        tick = dict(t=t, k=k, y=y, r=r, applied=self.put, asked=self.asked)
        feeds = dict(zip(self.names, memory, strict=True))
        u, *after = self._run(None, feeds | {name: tick[name] for name in self._used})
        return after, u


def _model(made: Whole, memory: list[str], real: str) -> Any:
    """Inputs: memory, then what of the tick matters. Outputs: u, then the memory."""
    tick = made.used
    shapes = [*made.memory, *(made.tick[name] for name in tick)]

    def flat(*args: Any) -> list[Any]:
        given = made.tick | dict(zip(tick, args[len(memory) :], strict=True))
        after, u = made.period(list(args[: len(memory)]), *given.values())
        return [u, *after]

    after = [name.replace("memory.", "after.", 1) for name in memory]
    with kept_programs(), precision(real):  # jax2onnx compiles when it begins
        closed = jax.make_jaxpr(flat)(*shapes)
        closed = jax.make_jaxpr(lambda *args: _apart(plain(closed, *args)))(*shapes)
        return _convert(closed, shapes, [*memory, *tick], ["u", *after], real)


def _apart(outs: list[Any]) -> list[Any]:
    """Outputs that are one value made into several: each has a name of its own."""
    seen = {id(out): i for i, out in reversed(list(enumerate(outs)))}
    return [
        out if seen[id(out)] == i else jax.lax.optimization_barrier(out)
        for i, out in enumerate(outs)
    ]


def _convert(
    closed: Any, shapes: list[Any], inputs: list[str], outputs: list[str], real: str
) -> Any:
    from jax2onnx import to_onnx

    log = logging.getLogger("onnx_ir")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns of what it leaves out
    try:
        return to_onnx(
            jax.extend.core.jaxpr_as_fun(closed),
            [jax.ShapeDtypeStruct(s.shape, s.dtype) for s in shapes],
            model_name="period",
            opset=OPSET,
            enable_double_precision=real == "double",
            input_names=inputs,
            output_names=outputs,
        )
    finally:
        log.setLevel(level)


def _session(model: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    provider = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(model.SerializeToString(), options, provider)


@contextmanager
def _refusals(program: Program) -> Iterator[None]:
    """Whatever a converter or a runtime raises becomes a sentence."""
    try:
        yield
    except Exception as error:
        told = (str(error) or type(error).__name__).splitlines()[0]
        fail(
            f"{type(program.controller).__name__} has no counterpart in ONNX: {told}; "
            "export to a .py or .c file"
        )
