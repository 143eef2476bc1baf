"""Data sets: the same rows have the same name, other rows another; what is frozen can be proved to be the same."""

from __future__ import annotations

import dataclasses
import hashlib

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from tests.mlops.training import rows as data

from mainstay.domain.entities import Entity
from mainstay.domain.errors import BadInput, Corrupt, NotFound, Refused
from mainstay.domain.training import Span
from mainstay.mlops.training import dataset
from mainstay.mlops.training.features import Minutes, features_of
from mainstay.mlops.training.material import material_of

KINDS = ["metrics", "edges", "logs"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_have_the_same_digest_whether_hot_or_sealed(tmp_path, kind):
    names = []
    for seal in (False, True):
        telemetry = data.stored(tmp_path / str(seal), data.STREAMS[kind](), seal=seal)
        snapshot, rows = dataset.snapshot(telemetry, data.query(kind))
        again, _ = dataset.snapshot(telemetry, data.query(kind))
        assert again == snapshot, "asked twice"
        assert snapshot.row_count == rows.num_rows > 1000
        assert bool(snapshot.blocks) == seal
        names.append(snapshot)
        telemetry.close()
    assert names[0].rows == names[1].rows, "the rows are the same"
    assert names[0].digest != names[1].digest, "where they were read from is part of the name"


def test_a_query_a_row_or_an_exclusion_more_is_another_data_set(tmp_path):
    telemetry = data.stored(tmp_path, data.metrics())
    asked = data.query("metrics")
    first, _ = dataset.snapshot(telemetry, asked)
    shorter, _ = dataset.snapshot(telemetry, msgspec.structs.replace(asked, until_ms=data.START_MS + 600_000))
    span = Span(entity="service:lab/s1", since_ms=data.START_MS, until_ms=data.START_MS + 60_000)
    without, rows = dataset.snapshot(telemetry, msgspec.structs.replace(asked, excluded=(span,)))
    assert len({first.digest, shorter.digest, without.digest}) == 3
    assert without.row_count < first.row_count
    kept = rows.to_pylist()[:5000]
    until_ns = span.until_ms * 1_000_000
    assert not [r for r in kept if r["entity"] == span.entity and r["at_ns"] <= until_ns]
    telemetry.close()


def test_entities_of_a_scope_are_read_and_no_others(tmp_path):
    telemetry = data.stored(tmp_path, data.metrics())
    asked = msgspec.structs.replace(data.query("metrics"), scope="service=s1", entities=("service:lab/s1",))
    snapshot, rows = dataset.snapshot(telemetry, asked)
    assert set(rows["entity"].to_pylist()) == {"service:lab/s1"}
    assert snapshot.row_count == rows.num_rows
    nothing = msgspec.structs.replace(asked, entities=("service:lab/nobody",))
    with pytest.raises(Refused, match="no metrics data"):
        dataset.snapshot(telemetry, nothing)
    telemetry.close()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_the_same_after_parquet(tmp_path, kind):
    snapshot, rows = data.taken(tmp_path / "t", kind)
    dataset.write_rows(rows, tmp_path / "d.parquet")
    assert dataset.digest_of(dataset.read_rows(tmp_path / "d.parquet", snapshot)) == snapshot.rows


@pytest.mark.parametrize("count", [0, 1, 15, 16, 5000, 65_535, 65_536])
def test_rows_named_piece_by_piece_have_the_name_that_they_had_as_one(count):
    names = pa.array([None if at % 7 == 3 else f"n{at % 50}" for at in range(count)], pa.string())
    lists = pa.array([[0.5] * (at % 3) for at in range(count)], pa.list_(pa.float64()))
    rows = pa.table({"name": pa.chunked_array([names[: count // 3], names[count // 3 :]]), "some": lists})
    expected = hashlib.sha256()
    for column, kind in (("name", "string"), ("some", "[double]")):
        expected.update(f"{column}:{kind}:{count}\n".encode() + msgspec.msgpack.encode(rows[column].to_pylist()))
    assert dataset.digest_of(rows) == expected.hexdigest()


def test_what_is_frozen_comes_back_and_is_proved(tmp_path):
    snapshot, rows = data.taken(tmp_path / "t", "metrics")
    (tmp_path / "d").mkdir()
    frozen = dataset.freeze(rows, snapshot, tmp_path / "d")
    file = tmp_path / "d" / f"{frozen.frozen}.parquet"
    assert dataset.read_rows(file, frozen).equals(rows)
    other = rows.set_column(2, "value", pa.array(rows["value"].to_numpy() + 1e-9))
    dataset.write_rows(other, file)
    with pytest.raises(Corrupt, match="not the rows"):
        dataset.read_rows(file, frozen)
    file.write_bytes(b"PAR1 nothing")
    with pytest.raises(Corrupt, match="not a data set"):
        dataset.read_rows(file, frozen)
    file.unlink()
    with pytest.raises(NotFound, match="not kept"):
        dataset.read_rows(file, frozen)


def test_more_rows_than_may_be_are_cut_to_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "MOST_ROWS", 5_000)
    telemetry = data.stored(tmp_path, data.metrics())
    snapshot, _ = dataset.snapshot(telemetry, data.query("metrics"))
    assert 4_000 < snapshot.row_count <= 5_100
    assert snapshot.until_ms > data.START_MS + 1_100_000, "the newest"
    telemetry.close()


def test_scopes():
    known = [
        Entity(id="service:prod/a", kind="service", name="a", environment="prod", tier=1),
        Entity(id="service:test/b", kind="service", name="b", environment="test", tier=2),
    ]
    assert dataset.entities_in("*", known) == ()
    assert dataset.entities_in("service=b", known) == ("service:test/b",)
    assert dataset.entities_in("tier=1", known) == ("service:prod/a",)
    assert dataset.entities_in("environment=prod", known) == ("service:prod/a",)
    with pytest.raises(Refused, match="no entity"):
        dataset.entities_in("tier=9", known)
    with pytest.raises(BadInput, match="a scope is"):
        dataset.entities_in("colour=red", known)


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_the_same_online_and_offline(tmp_path, kind):
    """The stream as the pipeline sees it, and the data set that the store gives back: one code, equal bytes."""
    telemetry = data.stored(tmp_path, data.STREAMS[kind](), seal=True)
    online = features_of(kind, data.STREAMS[kind]())
    _, rows = dataset.snapshot(telemetry, data.query(kind))
    offline = features_of(kind, material_of(kind, rows).normals())
    assert len(online) > 50
    assert online.subject == offline.subject
    assert online.at_ns.tobytes() == offline.at_ns.tobytes()
    assert online.rows.tobytes() == offline.rows.tobytes()
    telemetry.close()


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_features_do_not_depend_on_how_the_stream_is_cut_nor_on_order_within_two_minutes(cut):
    whole = features_of("metrics", data.metrics())
    stream = list(data.metrics())
    series = stream[0].new_series
    parts = [m for one in stream if (m := one.metrics) is not None]
    slots, at, value = (np.concatenate([getattr(p, n) for p in parts]) for n in ("series", "at_ns", "value"))
    order = np.argsort(at + np.random.default_rng(3).integers(0, 60_000_000_000, len(at)), kind="stable")
    minutes, found = Minutes("metrics"), []
    found.append(minutes.take(dataclasses.replace(stream[0], metrics=None)))
    for part in _cut(order, cut):
        batch = dataclasses.replace(parts[0], series=slots[part], at_ns=at[part], value=value[part])
        found.append(minutes.take(dataclasses.replace(stream[1], metrics=batch)))
    found.append(minutes.rest())
    assert [name for part in found for name in part.subject] == list(whole.subject)
    assert np.concatenate([part.rows for part in found]).tobytes() == whole.rows.tobytes()
    assert len(series) == 24


def _cut(order, size):
    return [order[first : first + size] for first in range(0, len(order), size)]
