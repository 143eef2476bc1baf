"""Log lines that nobody writes on purpose, from the door to a template: bounded, and no neighbour is disturbed."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from tests.ingest.sender import JSON, NOW, PROTOBUF, Sender
from tests.ingest.test_otlp import as_json, request

from mainstay.domain.signals import Normal
from mainstay.ingest import decode
from mainstay.ingest.columnar.ready import READY
from mainstay.normalize import Normalizer
from mainstay.normalize.logs.lines import MAX_BODY

MiB = 1 << 20
CHANCE = Random(20261122)
USUAL = "payment 17 of customer 4242 took 35 ms"
RANDOM = CHANCE.randbytes(256 * 1024)
LINES: dict[str, dict[str, Any]] = {
    "one word of 1 MiB": {"string_value": "x" * MiB},
    "1 MiB of one letter that is not ASCII": {"string_value": "ü" * (MiB // 2)},
    "words of 1 MiB": {"string_value": ("error in shard 7 of 9: " * 50_000)[:MiB]},
    "random text": {"string_value": "".join(chr(CHANCE.choice((32, 10, *range(1, 0x2000)))) for _ in range(200_000))},
    "random bytes": {"bytes_value": RANDOM},
    "random bytes as text": {"string_value": RANDOM.decode("latin-1")},
    "a hundred thousand words": {"string_value": " ".join(f"word{n}" for n in range(100_000))},
    "a hundred thousand signs": {"string_value": "a=1;" * 100_000},
    "only spaces": {"string_value": " " * MiB},
    "only brackets": {"string_value": "[{(<" * (MiB // 4)},
    "null characters": {"string_value": "\0" * 5000},
    "a deep document": {"string_value": '{"a":' * 5000 + "1" + "}" * 5000},
    "nothing": {"string_value": ""},
}


def records(*bodies: dict[str, Any]) -> Any:
    return request("logs", [{"time_unix_nano": NOW, "severity_number": 9, "body": body} for body in bodies])


def through(sender: Sender, normalizer: Normalizer, message: Any, *, is_json: bool) -> Normal:
    """The message as a request through the door, its record as a replay reads it, normalised."""
    body, kind = (as_json(message), JSON) if is_json else (message.SerializeToString(), PROTOBUF)
    answer = sender.post("/v1/logs", body, kind)
    assert answer.status == 200, answer
    record = sender.kept.records[-1]
    return normalizer.apply(decode(record.source, record.body, record.received_ns), NOW)


@pytest.mark.parametrize("is_json", [False, True], ids=["protobuf", "json"])
@pytest.mark.parametrize("name", LINES)
def test_from_the_door_to_a_template(sender: Sender, name: str, is_json: bool) -> None:
    READY.wait()
    normalizer, usual = Normalizer(), {"string_value": USUAL}
    before = through(sender, normalizer, records(usual, usual), is_json=is_json)
    found = through(sender, normalizer, records(usual, LINES[name], usual), is_json=is_json)
    assert found.logs is not None
    assert len(found.logs) == 3, "kept, and its neighbours too"
    assert found.logs.template[0] == found.logs.template[2] == before.logs.template[0]
    assert found.logs.template[1] != found.logs.template[0]
    assert len(found.logs.body[1]) <= MAX_BODY
    assert found.logs.body[2] == USUAL
    text = {template.id: template.text for template in normalizer.templates}[int(found.logs.template[1])]
    assert len(text) <= 2 * MAX_BODY
    again = through(sender, normalizer, records(LINES[name]), is_json=is_json)
    assert again.logs.template.tolist() == [found.logs.template[1]], "the same line is of the same template"
    assert len(normalizer.templates) == 2
    restored = Normalizer()
    restored.restore(normalizer.snapshot())
    assert restored.templates == normalizer.templates


@pytest.mark.parametrize("is_json", [False, True], ids=["protobuf", "json"])
def test_a_line_over_a_mebibyte_is_refused_alone(sender: Sender, is_json: bool) -> None:
    message = records({"string_value": USUAL}, {"string_value": "x" * (MiB + 1)}, {"string_value": USUAL})
    body, kind = (as_json(message), JSON) if is_json else (message.SerializeToString(), PROTOBUF)
    answer = sender.post("/v1/logs", body, kind)
    assert answer.status == 200
    if not is_json:
        partial = ExportLogsServiceResponse.FromString(answer.body).partial_success
        assert (partial.rejected_log_records, "longer than 1048576" in partial.error_message) == (1, True)
    [record] = sender.kept.records
    assert decode(record.source, record.body, NOW).logs.body == (USUAL, USUAL)


def test_bytes_that_are_no_text_cost_only_their_own_line(sender: Sender) -> None:
    body = records({"string_value": USUAL}, {"string_value": "y" * 1000}, {"string_value": USUAL}).SerializeToString()
    answer = sender.post("/v1/logs", body.replace(b"y" * 1000, RANDOM[:999] + b"\xff"), PROTOBUF)
    assert ExportLogsServiceResponse.FromString(answer.body).partial_success.rejected_log_records == 1
    [record] = sender.kept.records
    assert decode(record.source, record.body, NOW).logs.body == (USUAL, USUAL)


def test_an_endless_vocabulary_is_bounded(sender: Sender) -> None:
    """Lines of which no two share a word."""
    normalizer = Normalizer()
    for turn in range(4):
        bodies = [{"string_value": " ".join(f"{CHANCE.randbytes(6).hex()}q" for _ in range(9))} for _ in range(3000)]
        found = through(sender, normalizer, records(*bodies), is_json=False)
        assert len(found.logs) == 3000, turn
    assert len(normalizer.templates) <= 8000
