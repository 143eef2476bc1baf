"""A value comes out of a block as it went in, to the bit, though most are kept as whole numbers."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.telemetry_samples import ENTITY, FIRST_ID, MS, T0, S, series

from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.store.telemetry import Telemetry
from mainstay.store.telemetry.tables import LOGS, POINTS

STRANGE = [
    1.0, -0.0, 0.0, float("nan"), float("inf"), float("-inf"), 1e300, 1 / 3, 5e-324, 0.1 + 0.2, 999_999_999.999, 1e9,
    123_456_789.123456, -7.25, 2.0**53, 0.0000001,
]  # fmt: skip


def sealed(folder: Path, values: list[float]) -> tuple[Telemetry, np.ndarray]:
    telemetry = Telemetry(folder / "telemetry", retention_s=10**6, hot_s=20)
    at_ns = T0 + np.arange(len(values), dtype=np.int64) * S
    batch = MetricBatch(np.zeros(len(values), np.uint32), at_ns, np.array(values))
    telemetry.write(Normal(metrics=batch, new_series=(series(0),)), 1)
    telemetry.commit(1)
    assert telemetry.seal(T0 + (len(values) + 1000) * S) == 1
    return telemetry, telemetry.points(FIRST_ID, 0, T0 // MS + 10**8, 10**6)[1]


def bits(values: np.ndarray | list[float]) -> list[int]:
    return np.asarray(values, np.float64).view(np.uint64).tolist()


def test_strange_values_are_kept_to_the_bit(tmp_path: Path) -> None:
    telemetry, found = sealed(tmp_path, STRANGE)
    assert bits(found) == bits(STRANGE)
    assert telemetry.count_of("m*") == telemetry.count("points") == len(STRANGE)
    assert telemetry.count_of("other") == 0
    telemetry.close()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.floats() | st.decimals(-(10**6), 10**6, places=3).map(float), min_size=1, max_size=50))
def test_any_value_is(values: list[float]) -> None:
    with TemporaryDirectory() as folder:
        telemetry, found = sealed(Path(folder), values)
        telemetry.close()
    kept = np.asarray(values)
    assert bits(found[~np.isnan(kept)]) == bits(kept[~np.isnan(kept)])
    assert np.isnan(found[np.isnan(kept)]).all()


def test_measurements_of_three_decimals_take_a_third(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    level = 100 + np.cumsum(chance.normal(size=20_000)).round(3)
    telemetry, found = sealed(tmp_path, level.round(3).tolist())
    [block] = (tmp_path / "telemetry" / "blocks").iterdir()
    assert bits(found) == bits(level.round(3))
    assert block.stat().st_size < 4 * len(level)
    telemetry.close()


def test_a_block_says_in_what_it_counts(tmp_path: Path) -> None:
    telemetry, _ = sealed(tmp_path, [0.5, 1 / 3])
    [block] = (tmp_path / "telemetry" / "blocks").iterdir()
    rows = duckdb.sql(f"SELECT value, scaled, scale FROM '{block}' ORDER BY at_ns").fetchall()
    assert rows == [(None, 500, 1000.0), (1 / 3, None, None)]
    telemetry.close()


def test_tables_without_measurements_are_sealed_as_they_are() -> None:
    assert LOGS.opened("x") == "x"
    assert "scaled" not in LOGS.sealed
    assert "scaled" in POINTS.sealed


def test_a_series_of_few_points_costs_little_more_than_its_id(tmp_path: Path) -> None:
    count, turns = 12_000, 8
    chance = np.random.default_rng(5)
    slots = np.arange(count, dtype=np.uint32)
    ids = chance.integers(0, 2**64, count, np.uint64)
    known = tuple(Series(slot, int(ids[slot]), ENTITY, "m", (), "s", "up") for slot in slots.tolist())
    telemetry = Telemetry(tmp_path / "telemetry", retention_s=10**6, hot_s=20)
    for turn in range(turns):
        batch = MetricBatch(slots, np.full(count, T0 + turn * S), np.full(count, float(turn)))
        telemetry.write(Normal(metrics=batch, new_series=known if turn == 0 else ()), turn + 1)
    telemetry.commit(turns)
    assert telemetry.seal(T0 + 1000 * S) == 1
    (block,) = (tmp_path / "telemetry" / "blocks").glob("points-*.parquet")
    columns = "path_in_schema, sum(total_compressed_size) / ?, count(stats_min_value), count(*)"
    query = f"SELECT {columns} FROM parquet_metadata(?) GROUP BY 1"
    said = {name: rest for name, *rest in duckdb.execute(query, [count, str(block)]).fetchall()}
    assert said["series"][0] < 9  # 8 bytes of chance, once a series: the dictionary that was there took 12
    assert said["series"][1] == said["series"][2] > 1  # a question for one series still reads one row group
    assert telemetry.points(int(ids[7]), 0, T0 // MS + 10**8)[1].tolist() == [float(turn) for turn in range(turns)]
    telemetry.close()
