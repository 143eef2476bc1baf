"""Anything at all through the door: an answer with a reason, nothing kept of what is refused, nobody else disturbed.

6,000 inputs here, 1,800 more in `test_remote_write.py`.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import cramjam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ingest.sender import JSON, PROTOBUF, Answered, Sender
from tests.ingest.test_door import GOOD

from mainstay.ingest import SOURCES, decode

RECORDED = {path.stem: path.read_bytes() for path in (Path(__file__).parent / "recorded").iterdir()}
ANSWERS = {200, 204, 400, 413, 415}
SIGNED = {"/v1/github", "/v1/gitlab"}
"""Off until a secret is set: nobody gets in. What they do with a secret: `test_webhooks.py`."""
PATHS = sorted({source.path for source in SOURCES.values()})
TYPES = [PROTOBUF, JSON, "application/cloudevents+json", "application/cloudevents-batch+json", "text/plain", ""]
many = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=False)


@pytest.fixture(scope="module")
def one():
    sender = Sender(max_body_bytes=1 << 20)
    yield sender
    sender.close()


def judge(sender: Sender, answer: Answered, before: int, is_remote_write: bool) -> None:
    """What must hold after every request."""
    assert answer.status in ANSWERS, answer
    kept = sender.kept.records[before:]
    if answer.status >= 400:
        assert answer.body, "a reason"
        assert not kept or (is_remote_write and b"other samples are kept" in answer.body)
    for record in kept:
        again = decode(record.source, record.body, record.received_ns)
        assert again.metrics or again.logs or again.spans or again.alerts or again.changes
    assert sender.door.counts["decoder_failures"] == 0
    sender.kept.records.clear()
    path, body, headers = GOOD["otlp-metrics"]
    assert sender.call("POST", path, body, headers).status == 200
    assert len(sender.kept.records) == 1
    sender.kept.records.clear()


@settings(many, max_examples=1500)
@given(
    path=st.sampled_from(PATHS),
    content_type=st.sampled_from(TYPES),
    encoding=st.sampled_from(["", "identity", "gzip", "snappy", "br"]),
    body=st.binary(max_size=200),
)
def test_any_bytes(one, path, content_type, encoding, body):
    answer = one.post(path, body, content_type, content_encoding=encoding)
    if path in SIGNED:
        assert answer.status in {403, 415}
        assert not one.kept.records
        return
    judge(one, answer, 0, path == "/api/v1/write")


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Something like it: bytes changed, cut out, put in, repeated, or the end missing."""
    body = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(body) - 1, 0)))
        until = at + draw(st.integers(0, 6))
        what = draw(st.sampled_from(["change", "cut", "repeat", "end"]))
        if what == "change":
            body[at:until] = draw(st.binary(max_size=6))
        elif what == "cut":
            del body[at:until]
        elif what == "repeat":
            body[at:at] = body[at : at + 40]
        else:
            del body[at:]
    return bytes(body)


@settings(many, max_examples=1000)
@given(data=st.data())
def test_damaged_protobuf(one, data):
    source = data.draw(st.sampled_from(["otlp-metrics", "otlp-logs", "otlp-traces"]))
    body = data.draw(damaged(RECORDED[source]))
    judge(one, one.post(SOURCES[source].path, body, PROTOBUF), 0, False)


@settings(many, max_examples=1000)
@given(data=st.data())
def test_damaged_remote_write(one, data):
    plain = bytes(cramjam.snappy.decompress_raw(RECORDED["remote-write"]))
    if data.draw(st.booleans()):
        body = data.draw(damaged(RECORDED["remote-write"]))
    else:
        body = bytes(cramjam.snappy.compress_raw(data.draw(damaged(plain))))
    answer = one.post("/api/v1/write", body, PROTOBUF, content_encoding="snappy")
    judge(one, answer, 0, True)


@settings(many, max_examples=500)
@given(data=st.data())
def test_damaged_gzip(one, data):
    body = data.draw(damaged(gzip.compress(RECORDED["otlp-logs"], mtime=0)))
    judge(one, one.post("/v1/logs", body, PROTOBUF, content_encoding="gzip"), 0, False)


SEEDS: dict[str, Any] = {
    "/v1/alertmanager": json.loads(RECORDED["alertmanager-webhook"]),
    "/api/v2/alerts": json.loads(RECORDED["alertmanager-api"]),
    "/v1/changes": json.loads(GOOD["cloudevents"][1]),
    "/v1/metrics": json.loads(GOOD["otlp-metrics+json"][1]),
    "/v1/logs": {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}, "traceId": "00"}]}]}]},
    "/v1/traces": {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "0" * 32, "spanId": "1" * 16}]}]}]},
}
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["NaN", "-1", "1e99"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def places(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    return [at, *(place for key in keys for place in places(document[key], (*at, key)))]


def replaced(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[place[0]] = replaced(document[place[0]], place[1:], value)
    return copy


@settings(many, max_examples=1500)
@given(data=st.data())
def test_json_of_another_shape(one, data):
    path = data.draw(st.sampled_from(sorted(SEEDS)))
    document = SEEDS[path]
    for _ in range(data.draw(st.integers(1, 2))):
        document = replaced(document, data.draw(st.sampled_from(places(document))), data.draw(anything))
    judge(one, one.post(path, json.dumps(document).encode(), JSON), 0, False)


@settings(many, max_examples=500)
@given(data=st.data())
def test_damaged_json(one, data):
    path = data.draw(st.sampled_from(sorted(SEEDS)))
    body = data.draw(damaged(json.dumps(SEEDS[path]).encode()))
    judge(one, one.post(path, body, JSON), 0, False)


DEEP = 100_000


@pytest.mark.parametrize("path", sorted(SEEDS))
@pytest.mark.parametrize(
    "body",
    [b"[" * DEEP, b'{"a":' * DEEP, b'"\\ud800"', b'"\xff"', b"NaN", b"1e999", b"", b"\xef\xbb\xbf[]", b"9" * 5000],
    ids=["lists", "objects", "surrogate", "latin-1", "nan", "infinite", "nothing", "bom", "digits"],
)
def test_odd_json(one, path, body):
    answer = one.post(path, body, JSON)
    assert answer.status == 400, answer
    judge(one, answer, 0, False)


def test_deep_attributes_are_refused_with_their_item_only(one):
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(300):
        value = {"arrayValue": {"values": [value]}}
    records = [{"body": value}, {"body": {"stringValue": "good"}}]
    answer = one.post(
        "/v1/logs", json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode(), JSON
    )
    assert (answer.status, json.loads(answer.body)["partialSuccess"]["rejectedLogRecords"]) == (200, "1")
    judge(one, answer, 0, False)
