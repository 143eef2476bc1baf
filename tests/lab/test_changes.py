"""Change events: CloudEvents 1.0, delivered until accepted."""

import json
import re

from mainstay.lab.operate.changes import Announcer, Change, cloud_event
from tests.lab.patience import eventually
from tests.lab.sink import Sink

CHANGE = Change("till", "deploy", "v12", "v11", "support gift vouchers", "amara")


def test_the_event_is_a_cloud_event():
    event = cloud_event(CHANGE, 1_700_000_000.5)
    assert event["specversion"] == "1.0"
    assert event["type"] == "dev.cdevents.service.deployed.0.1.1"
    assert event["subject"] == "till"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
    assert event["data"] == {
        "service": "till", "kind": "deploy", "version": "v12", "previous_version": "v11",
        "summary": "support gift vouchers", "author": "amara", "environment": "lab",
    }  # fmt: skip
    assert event["id"] != cloud_event(CHANGE, 1_700_000_000.5)["id"]


def test_it_is_posted_again_until_it_is_accepted(tmp_path):
    sink = Sink(refuse_first=2)
    try:
        event = Announcer(f"{sink.url}/v1/changes", "let-me-in", tmp_path / "changes.jsonl").announce(CHANGE)
        ((path, headers, body),) = eventually(lambda: sink.received)
    finally:
        sink.close()
    assert path == "/v1/changes"
    assert headers["Content-Type"] == headers.get("content-type", "application/cloudevents+json")
    assert headers["Authorization"] == "Bearer let-me-in"
    assert json.loads(body) == event
    assert json.loads((tmp_path / "changes.jsonl").read_text()) == event
