"""A detector of metrics whose score comes from outside: windows of a series in, a chance out."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np

from mainstay.domain.alerts import Band
from mainstay.domain.protocols import Scored, Transition
from mainstay.domain.signals import F64, Normal, Series
from mainstay.domain.state import pack, unpack
from mainstay.mlops.own.onnx import LONGEST, SHORTEST, Scoring

FORMAT = 1
LARGEST = 1e150
"""Beyond, a value is not judged: its distance to another one may not be a number any more."""
MAD = 1.4826  # of normal noise the median absolute deviation, times this, is the standard deviation
FLAT, FARTHEST = 0.01, 1e6


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the model's words are read.

    Attributes:
        file: sha256 of the ONNX file among the artefacts.
        window: How many values it looks at. reads: `score` is 1 − p, `p` the chance itself.
        p_fire: It fires below this chance, `lasts` samples in a row; `calms` samples in a row end it.
        metrics: Which metrics it looks at, as shell patterns.
    """

    file: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    window: Annotated[int, msgspec.Meta(ge=SHORTEST, le=LONGEST)]
    reads: Literal["score", "p"] = "score"
    p_fire: Annotated[float, msgspec.Meta(gt=0, lt=0.01)] = 0.001
    lasts: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    calms: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    metrics: tuple[str, ...] = ("*",)


class Row(msgspec.Struct):
    """What is kept of a series. `run`: samples in a row that speak for a change; `onset_ns`: the first of them."""

    id: int
    entity: str
    metric: str
    unit: str
    window: list[float] = []
    at_ns: int = 0
    is_firing: bool = False
    run: int = 0
    onset_ns: int = 0


class WindowScores:
    """Asks a model of the user's own about the last values of every series, sample by sample.

    Each window is brought to the same scale first (`scaled`). It costs a call of the model per sample: deploy it for
    the metrics that it is made for (`metrics`). It knows nothing that its window does not show.
    """

    ALGORITHM: ClassVar[str] = "onnx-window"
    STATE: ClassVar[str] = f"onnx-window/{FORMAT}"
    KIND: ClassVar[str] = "metrics"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        "reads": "score", "p_fire": 0.001, "lasts": 3, "calms": 5, "metrics": ["*"],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any], scoring: Scoring) -> None:
        self._reading = msgspec.convert({**self.DEFAULTS, **parameters}, Reading)
        if scoring.window not in (0, self._reading.window):
            raise ValueError(f"the model looks at {scoring.window} values, not at window={self._reading.window}")
        self._score, self._rows = scoring.score, dict[int, Row]()

    def score(self, normal: Normal) -> Scored:
        """One batch; before a window is full, and of what is no finite value or not later, the score is NaN."""
        for one in normal.new_series:
            self._hear(one)
        batch = normal.metrics
        if batch is None:
            return Scored()
        scores, told = np.full(len(batch), np.nan), []
        samples = zip(batch.series.tolist(), batch.at_ns.tolist(), batch.value.tolist(), strict=True)
        for i, (slot, at_ns, value) in enumerate(samples):
            row = self._rows.get(slot)
            if row is None or at_ns <= row.at_ns or not abs(value) <= LARGEST:
                continue
            before = msgspec.structs.replace(row, window=row.window)
            row.window = [*row.window[1 - self._reading.window :], value]
            row.at_ns = at_ns
            if len(row.window) == self._reading.window:
                output = self._judged(before, row.window, at_ns)
                scores[i] = np.nan if output["p_value"] is None else output["p_value"]
                row.is_firing, row.run, row.onset_ns = output["firing"], output["run"], output["onset_ns"]
                if row.is_firing != before.is_firing:
                    told.append(_transition(_inputs(before, at_ns, value), output))
        return Scored(tuple(told), scores)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """One sample after a frozen window."""
        before = msgspec.convert(inputs["row"], Row)
        return self._judged(before, [*before.window, float(inputs["value"])], int(inputs["at_ns"]))

    def firing(self) -> tuple[tuple[str, str], ...]:
        """(subject, channel) of what is anomalous now."""
        return tuple((f"metric:{row.id}", "window") for row in self._rows.values() if row.is_firing)

    def snapshot(self) -> bytes:
        """Every series with its window."""
        return pack(self.ALGORITHM, FORMAT, self._rows)

    def restore(self, state: bytes) -> None:
        """Take up a state; of a longer window the last values, with a shorter one it waits until it is full."""
        self._rows = unpack(self.ALGORITHM, FORMAT, state, dict[int, Row])
        for row in self._rows.values():
            row.window = row.window[-self._reading.window :]

    def _hear(self, one: Series) -> None:
        if any(fnmatchcase(one.metric, pattern) for pattern in self._reading.metrics):
            self._rows.setdefault(one.slot, Row(one.id, one.entity, one.metric, one.unit))

    def _judged(self, before: Row, window: list[float], at_ns: int) -> dict[str, Any]:
        values = np.array(window[-self._reading.window :])
        level, scale = level_of(values)
        said = self._score(scaled(values, level, scale).astype(np.float32))
        p = 1.0 - said if self._reading.reads == "score" else said
        is_said = bool(0.0 <= p <= 1.0)  # anything else is no word about this sample
        is_strange = is_said and p < self._reading.p_fire
        run, onset_ns = before.run, before.onset_ns
        if is_said:
            run = before.run + 1 if is_strange != before.is_firing else 0
            onset_ns = at_ns if run == 1 and is_strange else before.onset_ns
        turns = run >= (self._reading.calms if before.is_firing else self._reading.lasts)
        return {
            "firing": before.is_firing != turns,
            "run": 0 if turns else run,
            "onset_ns": onset_ns,
            "p_value": p if is_said else None,
            "effect": self._reading.p_fire / max(p, 1e-9) if is_said else 0.0,
            "expected": level,
            "low": level - 3 * scale,
            "high": level + 3 * scale,
        }


def level_of(values: F64) -> tuple[float, float]:
    """Median and robust deviation of a window, the latter no less than a hundredth of the level.

    >>> level_of(np.array([10.0, 11.0, 9.0, 10.0, 500.0]))
    (10.0, 1.4826)
    """
    level = float(np.median(values))
    return level, max(MAD * float(np.median(np.abs(values - level))), FLAT * abs(level), 1e-12)


def scaled(values: F64, level: float, scale: float) -> F64:
    """A window as the model sees it: (value − median) / deviation, at most a million from zero.

    >>> scaled(np.array([10.0, 12.0]), 10.0, 2.0).tolist()
    [0.0, 1.0]
    """
    return np.clip((values - level) / scale, -FARTHEST, FARTHEST)


def _inputs(before: Row, at_ns: int, value: float) -> dict[str, Any]:
    return {"row": msgspec.to_builtins(before), "at_ns": at_ns, "value": value}


def _transition(inputs: dict[str, Any], output: dict[str, Any]) -> Transition:
    row, value, is_firing = inputs["row"], inputs["value"], output["firing"]
    says = "is unlike itself" if is_firing else "is as it was"
    return Transition(
        subject=f"metric:{row['id']}",
        entity=row["entity"],
        firing=is_firing,
        since_ns=output["onset_ns"],
        at_ns=inputs["at_ns"],
        name=f"{row['metric']} unusual",
        signal="other",
        severity="major",
        summary=f"{row['metric']} {says}: {value:.4g}, the usual is {output['expected']:.4g}",
        channel="window",
        inputs=inputs,
        output=output,
        band=Band(low=output["low"], high=output["high"], value=value, unit=row["unit"]),
        p_value=output["p_value"],
        labels={"metric": row["metric"]},
    )
