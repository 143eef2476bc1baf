"""The door: who may send, what, how much, and what they are told when there is no room."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import cramjam
import pytest
from tests.ingest.prometheus_schema import write_request
from tests.ingest.sender import JSON, NOW, PROTOBUF, Kept, Sender, pieces_of
from tests.ingest.test_cloudevents import event
from tests.ingest.test_otlp import as_json, gauge, request
from tests.store.inbox_disk import QUOTA, Clock, Disk

from mainstay.ingest import SOURCES, IngestDoor
from mainstay.store.inbox import Inbox, read_records

MiB = 1 << 20
METRICS = request("metrics", [gauge(1.0)]).SerializeToString()
SAMPLES = bytes(
    cramjam.snappy.compress_raw(write_request(({"__name__": "up"}, [(NOW // 1_000_000, 1.0)])).SerializeToString())
)
ALERTS = json.dumps([{"labels": {"alertname": "X"}}]).encode()
SIGNED = [(b"authorization", b"Bearer good"), (b"content-type", PROTOBUF.encode())]
LOGS = request("logs", [{"time_unix_nano": NOW}]).SerializeToString()
GOOD = {  # one good request for each way in
    "otlp-metrics": ("/v1/metrics", METRICS, {"content-type": PROTOBUF}),
    "otlp-metrics+json": ("/v1/metrics", as_json(request("metrics", [gauge(1.0)])), {"content-type": JSON}),
    "otlp-logs": ("/v1/logs", LOGS, {"content-type": PROTOBUF}),
    "remote-write": ("/api/v1/write", SAMPLES, {"content-type": PROTOBUF, "content-encoding": "snappy"}),
    "alertmanager-webhook": (
        "/v1/alertmanager", b'{"version": "4", "alerts": [{"labels": {"alertname": "X"}}]}', {"content-type": JSON},
    ),
    "alertmanager-api": ("/api/v2/alerts", ALERTS, {"content-type": JSON}),
    "cloudevents": ("/v1/changes", json.dumps(event()).encode(), {"content-type": "application/cloudevents+json"}),
}  # fmt: skip


def send(sender: Sender, name: str, **headers: str):
    path, body, given = GOOD[name]
    return sender.call("POST", path, body, {**given, **headers})


@pytest.mark.parametrize("name", GOOD)
def test_each_way_in(sender, kept, name):
    assert send(sender, name).status in (200, 204)
    assert [record.source for record in kept.records] == [name]
    assert sender.door.counts[f"items_{name}"] == 1


def test_which_paths_are_ours(sender):
    assert all(sender.door.handles(source.path) for source in SOURCES.values())
    assert sender.door.handles("/api/v2/status")
    assert not any(sender.door.handles(path) for path in ("/", "/v1/other", "/api/v1/query", "/api/incidents"))


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(
    ("token", "says"), [("Bearer nobody", b"unknown ingest token"), ("", b"is needed"), ("Basic x", b"is needed")]
)
def test_an_unknown_sender_is_not_even_read(sender, kept, name, token, says):
    answer = send(sender, name, authorization=token)
    assert answer.status == 401
    assert says in answer.body
    assert answer.headers["www-authenticate"] == "Bearer"
    assert kept.records == []


def test_tenants_come_from_tokens(sender, kept):
    send(sender, "otlp-metrics", authorization="Bearer acme")
    assert kept.records[0].tenant == "acme"


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("otlp-metrics", {"content-type": "text/plain"}),
        ("otlp-metrics", {"content-type": ""}),
        ("otlp-metrics", {"content-encoding": "br"}),
        ("otlp-metrics", {"content-encoding": "snappy"}),
        ("remote-write", {"content-encoding": ""}),
        ("remote-write", {"content-type": JSON}),
        ("remote-write", {"content-type": f"{PROTOBUF}; proto=io.prometheus.write.v2.Request"}),
        ("alertmanager-api", {"content-type": PROTOBUF}),
        ("cloudevents", {"content-type": "text/xml"}),
    ],
)
def test_another_content_type_is_415_with_what_is_taken(sender, kept, name, headers):
    answer = send(sender, name, **headers)
    assert answer.status == 415
    assert b"take" in answer.body
    assert kept.records == []


def test_remote_write_may_name_its_message(sender):
    given = f"{PROTOBUF};proto=prometheus.WriteRequest"
    assert send(sender, "remote-write", **{"content-type": given}).status == 204


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_another_method_is_405(sender, method):
    answer = sender.call(method, "/v1/metrics", b"", {})
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("name", GOOD)
def test_no_room_is_503_with_retry_after_everywhere(sender, kept, name):
    kept.is_full = True
    answer = send(sender, name)
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert b"is full" in answer.body
    kept.is_full, kept.fails = False, True
    answer = send(sender, name)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    kept.fails = False
    assert send(sender, name).status in (200, 204)


def test_a_full_inbox_costs_no_decoding(sender, kept):
    kept.is_full = True
    answer = sender.call("POST", "/v1/metrics", b"\xff not protobuf", {"content-type": PROTOBUF})
    assert answer.status == 503, "a body is not judged while there is no room for it"


def test_an_otlp_error_is_a_status_in_the_senders_encoding(sender):
    answer = sender.post("/v1/traces", b"\x0a\xff", PROTOBUF)
    assert (answer.status, answer.headers["content-type"]) == (400, PROTOBUF)
    assert answer.body[:2] == b"\x08\x03"  # INVALID_ARGUMENT
    answer = sender.post("/v1/traces", b"{", JSON)
    assert (answer.status, json.loads(answer.body)["code"]) == (400, 3)


def test_gzip(sender, kept):
    assert sender.post("/v1/metrics", gzip.compress(METRICS), PROTOBUF, content_encoding="gzip").status == 200
    two = gzip.compress(METRICS[:10]) + gzip.compress(METRICS[10:])
    assert sender.post("/v1/metrics", two, PROTOBUF, content_encoding="GZIP").status == 200
    assert [record.body for record in kept.records] == [METRICS, METRICS]


@pytest.mark.parametrize(
    "body",
    [b"", b"\x1f\x8b", gzip.compress(METRICS)[:-1], gzip.compress(METRICS) + b"rest", METRICS, gzip.compress(b"") * 65],
    ids=["empty", "magic", "cut", "more", "plain", "many"],
)
def test_malformed_gzip(sender, kept, body):
    answer = sender.post("/v1/metrics", body, PROTOBUF, content_encoding="gzip")
    assert answer.status == 400
    assert b"gzip" in answer.body
    assert kept.records == []


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xff\xff\xff\xff\xff", SAMPLES[:-1], b"\x64abc", b"\xe8\x07" + b"\xff" * 30]
)
def test_malformed_snappy(sender, kept, body):
    answer = sender.post("/api/v1/write", body, PROTOBUF, content_encoding="snappy")
    assert answer.status == 400, answer
    assert answer.body
    assert kept.records == []


def test_bombs_do_not_go_off():
    sender = Sender(max_body_bytes=MiB)
    bomb = gzip.compress(b"\0" * (64 * MiB))
    assert len(bomb) < MiB
    answer = sender.post("/v1/logs", bomb, PROTOBUF, content_encoding="gzip")
    assert answer.status == 413
    assert b"decompressed body is larger than 1048576 bytes" in answer.body
    declared = bytes(cramjam.snappy.compress_raw(b"\0" * (2 * MiB)))
    assert sender.post("/api/v1/write", declared, PROTOBUF, content_encoding="snappy").status == 413
    lie = b"\xff\xff\x3f" + b"\x00a"  # says 1 MiB, holds one byte
    answer = sender.post("/api/v1/write", lie, PROTOBUF, content_encoding="snappy")
    assert (answer.status, b"declare" in answer.body) == (400, True)
    assert sender.kept.records == []
    sender.close()


def test_65_mib_are_refused_before_they_are_read(sender, kept):
    answer = sender.call("POST", "/v1/logs", [], {"content-type": PROTOBUF, "content-length": str(65 * MiB)})
    assert answer.status == 413
    read = 0

    def pieces():
        nonlocal read
        while True:
            read += 1
            yield {"type": "http.request", "body": bytes(MiB), "more_body": True}

    stream = pieces()
    scope = {"path": "/v1/logs", "method": "POST", "headers": SIGNED}
    sent = []

    async def receive():
        return next(stream)

    async def send_(message):
        sent.append(message)

    asyncio.run(sender.door(scope, receive, send_))
    assert (sent[0]["status"], read) == (413, 65)
    assert kept.records == []


def test_what_is_in_flight_is_bounded_and_given_back():
    sender = Sender(in_flight_bytes=1000)
    answer = sender.post("/v1/logs", b"x" * 2000, PROTOBUF)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    for _ in range(20):
        assert sender.post("/v1/metrics", METRICS, PROTOBUF).status == 200
        assert sender.post("/v1/metrics", b"\x0a" + b"\xff" * 500, PROTOBUF).status == 400
    sender.close()


def test_a_sender_that_goes_away_leaves_nothing(sender, kept):
    scope = {"path": "/v1/metrics", "method": "POST", "headers": SIGNED}
    messages = iter([{"type": "http.request", "body": METRICS[:9], "more_body": True}, {"type": "http.disconnect"}])

    async def receive():
        return next(messages)

    async def send_(message):
        pass

    asyncio.run(sender.door(scope, receive, send_))
    assert kept.records == []
    assert send(sender, "otlp-metrics").status == 200


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def inbox(tmp_path: Path, disk: Disk):
    one = Inbox(tmp_path / "inbox", clock=Clock(NOW), quota={**QUOTA, "signals": 3000}, sync=disk.sync)
    yield one
    one.close()


def test_the_sender_waits_for_the_disk(inbox, disk):
    door = IngestDoor(inbox=inbox, authenticate=lambda token: "default", current_alerts=lambda: ())
    path, body, headers = GOOD["otlp-metrics"]
    scope = {"path": path, "method": "POST", "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    pieces, sent = pieces_of([body]), []

    async def receive():
        return next(pieces)

    async def send_(message):
        sent.append(message)

    async def story():
        disk.open.clear()
        task = asyncio.create_task(door(scope, receive, send_))
        await asyncio.wait({task}, timeout=0.2)
        assert sent == []
        assert inbox.depth()["all"]["queued_bytes"] > 0
        disk.open.set()
        await task

    asyncio.run(story())
    assert sent[0]["status"] == 200
    door.close()


def test_a_full_inbox_loses_nothing_once_it_drains(inbox, tmp_path):
    sender = Sender(inbox=inbox)
    waiting = [request("metrics", [gauge(float(n))]).SerializeToString() for n in range(60)]
    refused = taken = 0
    while waiting:
        answer = sender.post("/v1/metrics", waiting[0], PROTOBUF)
        if answer.status == 200:
            waiting.pop(0)
            continue
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
        refused += 1
        assert send(sender, "alertmanager-api").status == 200, "alerts have room of their own"
        for record in inbox.take(1000, MiB, 0):
            taken += record.lane == "signals"
            inbox.applied(record.seq)
    taken += sum(record.lane == "signals" for record in inbox.take(1000, MiB, 0))
    assert refused > 0
    assert taken == 60
    sender.close()


def test_a_body_sent_again_is_acknowledged_and_kept_once(inbox, tmp_path):
    sender = Sender(inbox=inbox)
    for _ in range(3):
        assert send(sender, "otlp-metrics").status == 200
        assert send(sender, "remote-write").status == 204
    assert len(list(read_records(tmp_path / "inbox"))) == 2
    sender.close()


def test_what_the_inbox_hands_over_is_what_a_replay_reads(inbox):
    sender = Sender(inbox=inbox)
    send(sender, "otlp-metrics")
    future = request("metrics", [gauge(1.0, at_ns=NOW + 2 * 86_400 * 10**9), gauge(2.0)]).SerializeToString()
    assert sender.post("/v1/metrics", future, PROTOBUF).status == 200
    first, second = inbox.take(10, MiB, 0)
    assert first.decoded is not None
    assert second.decoded is None, "what depends on the time of receipt is read again as of the record's own"
    sender.close()


def test_kept_is_a_fair_stand_in_for_the_inbox():
    assert {"append", "now_ns", "check_room"} <= set(dir(Kept)) & set(dir(Inbox))
