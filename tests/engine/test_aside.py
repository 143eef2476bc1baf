"""Records on which a stage fails: kept whole, replaced in the line, bounded in number."""

import json
from base64 import b64decode

import pytest

from mainstay.domain.errors import Corrupt, Refused
from mainstay.domain.records import SET_ASIDE, Record
from mainstay.engine import aside
from mainstay.engine.aside import Aside


def record(seq, body=b"body \xff"):
    return Record(seq, "signals", "otlp-logs", 1_800_000_000_000_000_000 + seq, body, "tenant")


def test_it_is_replaced_and_stays_so_over_a_restart(tmp_path):
    kept = Aside(tmp_path / "aside")
    assert kept.instead(record(3)) == record(3)
    kept.put(record(3), "ValueError: no")
    for known in (kept, Aside(tmp_path / "aside")):
        assert len(known) == 1
        assert known.instead(record(4)) == record(4)
        instead = known.instead(record(3))
        assert (instead.seq, instead.lane, instead.received_ns, instead.tenant) == (
            3, "signals", record(3).received_ns, "tenant",
        )  # fmt: skip
        assert (instead.source, instead.body, instead.decoded) == (SET_ASIDE, b"ValueError: no", None)


def test_the_whole_record_can_be_read_from_its_file(tmp_path):
    Aside(tmp_path).put(record(3), "ValueError: no")
    [path] = tmp_path.iterdir()
    found = json.loads(path.read_text())
    assert b64decode(found["body"]) == b"body \xff"
    assert (found["seq"], found["source"], found["why"]) == (3, "otlp-logs", "ValueError: no")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_deleted_file_is_a_record_to_try_again(tmp_path):
    Aside(tmp_path).put(record(3), "no")
    next(tmp_path.iterdir()).unlink()
    assert Aside(tmp_path).instead(record(3)) == record(3)


def test_too_many_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(aside, "MOST", 2)
    kept = Aside(tmp_path)
    for seq in (1, 2):
        kept.put(record(seq), "no")
    with pytest.raises(Refused, match="look at them"):
        kept.put(record(3), "no")
    assert kept.instead(record(3)) == record(3)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "00000000000000000003.json").write_text("{")
    with pytest.raises(Corrupt, match="00000000000000000003"):
        Aside(tmp_path)
