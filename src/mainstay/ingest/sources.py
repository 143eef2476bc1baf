"""Every source that Mainstay takes, by name: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mainstay.domain.errors import BadInput
from mainstay.domain.records import Lane
from mainstay.domain.signals import Decoded
from mainstay.ingest import cloudevents, predictions, remote_write, withheld
from mainstay.ingest.alertmanager import webhook
from mainstay.ingest.otlp import logs, metrics, traces
from mainstay.ingest.webhooks import github, gitlab, signature

PROTOBUF, JSON = ("application/x-protobuf",), ("application/json",)
EVENTS = ("application/cloudevents+json", "application/cloudevents-batch+json")
PLAIN, SNAPPY, SIGNED = ("", "identity", "gzip", "zstd"), ("snappy",), ("", "identity")


@dataclass(frozen=True, slots=True)
class Source:
    """One way in: where it is posted, as what, and how its bytes are read.

    Args:
        decode: Body and time of receipt in nanoseconds (0: not known) → what it holds; raises `BadInput`.
        encodings: Values of Content-Encoding that are taken.
    """

    name: str
    lane: Lane
    path: str
    content_types: tuple[str, ...]
    decode: Callable[[bytes, int], Decoded]
    encodings: tuple[str, ...] = PLAIN


SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        Source("otlp-metrics", "signals", "/v1/metrics", PROTOBUF, metrics.decode),
        Source("otlp-metrics+json", "signals", "/v1/metrics", JSON, metrics.decode_json),
        Source("otlp-logs", "signals", "/v1/logs", PROTOBUF, logs.decode),
        Source("otlp-logs+json", "signals", "/v1/logs", JSON, logs.decode_json),
        Source("otlp-traces", "signals", "/v1/traces", PROTOBUF, traces.decode),
        Source("otlp-traces+json", "signals", "/v1/traces", JSON, traces.decode_json),
        Source("remote-write", "signals", "/api/v1/write", PROTOBUF, remote_write.decode, SNAPPY),
        Source("alertmanager-webhook", "alerts", "/v1/alertmanager", JSON, webhook.decode_webhook),
        Source("alertmanager-api", "alerts", "/api/v2/alerts", JSON, webhook.decode_posted),
        Source("cloudevents", "alerts", "/v1/changes", EVENTS, cloudevents.decode),
        Source("github", "alerts", signature.GITHUB, JSON, github.decode, SIGNED),
        Source("gitlab", "alerts", signature.GITLAB, JSON, gitlab.decode, SIGNED),
        Source("predictions", "signals", predictions.PREDICTIONS, JSON, predictions.decode),
        Source("labels", "signals", predictions.LABELS, JSON, predictions.decode_labels),
    )
}


def decode(source: str, body: bytes, received_ns: int = 0) -> Decoded:
    """What a stored body holds. The same bytes and time of receipt always give the same.

    Raises:
        BadInput: no such source, or a body that it cannot read.
    """
    if source == withheld.SOURCE:
        return withheld.decode(body, decode)
    if source not in SOURCES:
        raise BadInput(f"no source is called {source!r}; there are {', '.join(SOURCES)}")
    return SOURCES[source].decode(body, received_ns)
