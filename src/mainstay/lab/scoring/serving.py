"""The model server: runs the ONNX file that lies in its place, and reports what it was asked and what it said."""

from __future__ import annotations

import importlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from mainstay.lab.operate.changes import utc_text
from mainstay.lab.scoring.applicants import FEATURES
from mainstay.lab.scoring.onnx import INPUT
from mainstay.lab.scoring.reporter import Reporter

LOOK_AGAIN_S = 0.5


class Serving:
    """Scores with the newest model file.

    Args:
        released: What was released; fetched into `served` when the process starts, as a model server does.
        served: The file it runs, loaded again when it changes.
        reporter: Takes one row for each prediction.
    """

    def __init__(self, released: Path, served: Path, reporter: Reporter) -> None:
        served.parent.mkdir(parents=True, exist_ok=True)
        draft = served.with_name(f".{served.name}")
        shutil.copyfile(released, draft)
        draft.replace(served)
        self._file, self._reporter = served, reporter
        self._looked_at, self._stamp = 0.0, 0
        self._session: Any = None

    def score(self, body: bytes) -> float:
        """The probability for one request (`{"id": …, "features": {…}}`), 0–1."""
        asked = json.loads(body)
        started = time.perf_counter()
        row = [[float(asked["features"][name]) for name in FEATURES]]
        score = float(self._current().run(None, {INPUT: _f32(row)})[0][0][0])
        self._reporter.note(
            {
                "id": asked["id"],
                "at": utc_text(time.time()),
                "score": round(score, 6),
                "latency_ms": round((time.perf_counter() - started) * 1000, 3),
                "features": asked["features"],
            }
        )
        return score

    def _current(self) -> Any:
        now = time.monotonic()
        if self._session is None or now - self._looked_at > LOOK_AGAIN_S:
            stamp = self._file.stat().st_mtime_ns
            if stamp != self._stamp:
                self._session, self._stamp = _load(self._file), stamp
            self._looked_at = now
        return self._session


def _load(file: Path) -> Any:
    onnxruntime: Any = importlib.import_module("onnxruntime")  # heavy; only a shop with a model needs it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])


def _f32(rows: list[list[float]]) -> Any:
    import numpy as np

    return np.array(rows, np.float32)
