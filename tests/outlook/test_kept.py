"""What a predictor is trained on is what it was asked with: the same rows online, in the store, and made again."""

import pytest
from tests.scenarios.recording import Recording

from mainstay.app.wiring import Line, wire
from mainstay.domain.outlook import LEADING, OutlookPolicy
from mainstay.mlops.training.foretelling.judging import seen_of
from mainstay.replay import RecordedClock
from mainstay.settings import Settings

HORIZON_S = 20.0
SETTINGS = Settings(outlook=OutlookPolicy(risk_every_s=2.0, horizon_s=HORIZON_S))
END_MS = 1_900_000_000_000


class Noted:
    """The deployed models, and every row that the predictor was asked with."""

    def __init__(self, models) -> None:
        self._models, self.asked = models, []

    def decide(self, kind, inputs):
        if kind == "predictor":
            self.asked += zip(inputs["services"], inputs["rows"], strict=True)
        return self._models.decide(kind, inputs)

    def __getattr__(self, name):
        return getattr(self._models, name)


@pytest.fixture(scope="module")
def records():
    return Recording(100, slow="orders", from_s=70, to_s=95).deploy("orders", 68).records


def listening(folder) -> tuple[Line, Noted]:
    line = wire(folder, SETTINGS, RecordedClock())
    line.outlook.risks._models = noted = Noted(line.outlook.risks._models)
    return line, noted


def test_rows_online_are_rows_offline_byte_for_byte(tmp_path, records):
    line, noted = listening(tmp_path)
    for first in range(0, len(records), 50):
        line.pipeline.run(records[first : first + 50])
    rows, _ = line.telemetry.history("looks", 0, END_MS)
    found = sorted(zip(rows["service"].to_pylist(), rows["features"].to_pylist(), strict=True))
    assert found == sorted(noted.asked)
    assert len(found) > 100
    assert sum(map(any, (row for _, row in found))) > 30, "there is something in them"
    offline = seen_of(rows, (), END_MS)
    assert offline.features == LEADING.columns
    online = [row for (_, row), held in zip(_in_order(rows), rows["in_trouble"].to_pylist(), strict=True) if not held]
    assert offline.looks.rows.tolist() == online
    line.close()


def test_they_are_the_same_when_records_are_cut_otherwise_and_the_state_is_restored_in_between(tmp_path, records):
    whole, _ = listening(tmp_path / "whole")
    whole.pipeline.run(records)
    parts, _ = listening(tmp_path / "parts")
    half = len(records) // 2
    for first in range(0, half, 7):
        parts.pipeline.run(records[first : min(first + 7, half)])
    parts.pipeline.restore(parts.pipeline.snapshot())
    parts.pipeline.run(records[half:])
    one, other = (line.telemetry.history("looks", 0, END_MS)[0] for line in (whole, parts))
    assert one.equals(other)
    whole.close()
    parts.close()


def _in_order(rows):
    return zip(rows["service"].to_pylist(), rows["features"].to_pylist(), strict=True)
