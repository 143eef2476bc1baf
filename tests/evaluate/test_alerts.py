"""The suite of alerts: what it counts, what it needs, and that it runs what a user would run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mainstay.domain.errors import BadInput
from mainstay.evaluate import alerts
from mainstay.evaluate.alerts import Recording, pairwise, plain

BEGIN = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def scenario(file: Path, *, labelled: bool = True) -> None:
    """Noise every ten minutes on `mail`; on `web` two floods, nine seconds apart, each a phase of its own."""
    rows: list[tuple[float, str, str, str]] = [(n * 600.0, "update", "mail", "false_positive") for n in range(12)]
    rows += [(3000 + n / 40, f"kind {n % 3}", "web", "scan") for n in range(800)]
    rows += [(3029 + n / 40, f"kind {n % 4}", "web", "crack") for n in range(800)]
    rows.append((3010.0, "denied", "db", "scan"))
    columns: dict[str, Any] = {
        "scenario": ["lab"] * len(rows),
        "ts": pa.array([BEGIN + timedelta(seconds=int(row[0])) for row in rows], pa.timestamp("us")),
        "name": [row[1] for row in rows],
        "host": [row[2] for row in rows],
    }
    if labelled:
        columns["time_label"] = [row[3] for row in rows]
    pq.write_table(pa.table(columns), file)


def test_two_floods_on_one_host_are_told_apart_where_the_plain_rule_cannot(tmp_path: Path) -> None:
    scenario(tmp_path / "lab.parquet")
    found = alerts.run(tmp_path, tmp_path)
    assert found["lab_pairwise_f1"] == 1.0
    assert found["lab_plain_f1"] < 0.7
    assert found["lab_suppressed_true"] == 0.0
    assert found["lab_compression"] > 0.98
    assert (found["lab_alerts"], found["lab_attack_alerts"]) == (1613, 1601)
    table = pq.read_table(tmp_path / "alerts.parquet").to_pydict()
    assert table["row"] == list(range(1613))
    assert set(table["scenario"]) == {"lab"}
    floods = [set(table["incident"][first:last]) for first, last in ((12, 812), (812, 1612))]
    assert [len(flood) for flood in floods] == [1, 1]
    assert floods[0] != floods[1]


def test_without_labels_only_predictions_are_written(tmp_path: Path) -> None:
    scenario(tmp_path / "lab.parquet", labelled=False)
    found = alerts.run(tmp_path, tmp_path)
    assert not [name for name in found if "f1" in name or "suppressed" in name]
    assert pq.read_table(tmp_path / "alerts.parquet").num_rows == 1613


def test_what_cannot_be_judged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no scenario"):
        alerts.run(tmp_path, None)
    scenario(tmp_path / "lab.parquet", labelled=False)
    with pytest.raises(BadInput, match="give --predictions"):
        alerts.run(tmp_path, None)
    pq.write_table(pa.table({"scenario": ["x"], "ts": [1]}), tmp_path / "lab.parquet")
    with pytest.raises(BadInput, match="host, name"):
        alerts.run(tmp_path, tmp_path)


def test_the_plain_rule_goes_by_time_not_by_the_order_of_the_file() -> None:
    recording = Recording("x", [0, 900_000, 299_000, 600_001], ["a"] * 4, ["h", "h", "h", "i"], None)
    assert plain(recording) == [0, 1, 0, 3]


@pytest.mark.parametrize(
    ("truth", "groups", "expected"),
    [
        ("aabb", "1122", (1.0, 1.0, 1.0)),
        ("aabb", "1111", (0.33333, 1.0, 0.5)),
        ("aaaa", "1122", (1.0, 0.33333, 0.5)),
        ("ab", "12", (0.0, 0.0, 0.0)),
    ],
)
def test_pairs(truth: str, groups: str, expected: tuple[float, float, float]) -> None:
    assert tuple(pairwise(truth, groups).values()) == expected
