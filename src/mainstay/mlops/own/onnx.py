"""An ONNX model as a function from windows to scores, run by onnxruntime on one thread; imported on use only."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mainstay.domain.errors import BadInput, Corrupt, Refused
from mainstay.mlops.own.wire import check_wire

F32 = npt.NDArray[np.float32]
EXTRA = "an ONNX model needs onnxruntime: pip install 'mainstay[onnx]'"
SHORTEST, LONGEST = 4, 4096
EXPECTED = (
    "expected one input f32[n, k], the last k values of a series, and one output f32[n] or f32[n, 1], a score in 0..1"
)


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a model does. `window` is its k; 0 when it takes any. `score` gives one number for one row f32[k]."""

    window: int
    score: Callable[[F32], float]


def scoring_of(body: bytes) -> Scoring:
    """The model in these bytes.

    Raises:
        Corrupt: No ONNX model, or one that reaches for files, or that onnxruntime cannot load.
        BadInput: A model with other inputs or outputs than a detector has.
        Refused: onnxruntime is not installed.
    """
    check_wire(body)
    session = _session(body)
    window, name = _shape(session)
    return Scoring(window, _Call(session, name))


def tried(scoring: Scoring, window: int, reads: str) -> None:
    """Run it on a flat, a rising and a noisy window.

    Raises:
        BadInput: It fails, or gives what is no score.
    """
    rng = np.random.default_rng(7)
    rows = np.zeros(window), np.linspace(-2, 2, window), rng.normal(size=window), np.full(window, 1e6)
    for row in rows:
        found = scoring.score(row.astype(np.float32))
        if not 0 <= found <= 1:
            says = "failed on" if math.isnan(found) else f"gave {found} as {reads} of"
            raise BadInput(f"the model {says} a window of {window}; {EXPECTED} (or a p-value with --set reads=p)")


class _Call:
    """One row at a time: the last bit of a score must not depend on who else was in the batch.

    A model that fails on a window says nothing about it: NaN, so that its fault is not the pipeline's.
    """

    def __init__(self, session: Any, name: str) -> None:
        self._session, self._name = session, name

    def __call__(self, row: F32) -> float:
        try:
            found = np.asarray(self._session.run(None, {self._name: row[None, :]})[0])
        except errors():
            return float("nan")
        return float(found.reshape(-1)[0]) if found.size == 1 else float("nan")


def errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: classes of its own, without one in common."""
    state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    own = [one for one in vars(state).values() if isinstance(one, type) and issubclass(one, Exception)]
    return (*own, RuntimeError, ValueError, TypeError)


def _session(body: bytes) -> Any:
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError:
        raise Refused(EXTRA) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(body, options, providers=["CPUExecutionProvider"])
    except errors() as error:
        raise Corrupt(f"onnxruntime cannot load the model: {str(error)[:300]}") from None


def _shape(session: Any) -> tuple[int, str]:
    takes, gives = session.get_inputs(), session.get_outputs()
    said = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in (*takes, *gives))
    if len(takes) != 1 or len(gives) != 1:
        raise BadInput(f"{len(takes)} inputs and {len(gives)} outputs ({said[:200]}); {EXPECTED}")
    one, out = takes[0], gives[0]
    is_right = one.type == out.type == "tensor(float)" and len(one.shape) == 2 and len(out.shape) in (1, 2)
    rows, k = (*one.shape, 0, 0)[:2]
    if not is_right or (isinstance(rows, int) and rows != 1) or (isinstance(out.shape[-1], int) and out.shape[-1] != 1):
        raise BadInput(f"the model has {said[:200]}; {EXPECTED}")
    if isinstance(k, int) and not SHORTEST <= k <= LONGEST:
        raise BadInput(f"the model looks at {k} values; {SHORTEST} to {LONGEST} are taken")
    return (k if isinstance(k, int) else 0), str(one.name)
