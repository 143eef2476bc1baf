"""Alerts of the user's own rules: Alertmanager's webhook (version 4), and what any client posts to an Alertmanager.

Sources: prometheus.io/docs/alerting/latest/configuration/#webhook_config, and `postableAlerts` in Alertmanager's
OpenAPI v2.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from mainstay.domain.alerts import Alert, AlertStatus, Severity
from mainstay.domain.entities import Labels, labels_of
from mainstay.domain.errors import BadInput
from mainstay.domain.models import VersionRef
from mainstay.domain.signals import Decoded
from mainstay.ingest.documents import json_of
from mainstay.ingest.limits import LATEST_NS, Gate, labels_refused

OWN_LABEL = "mainstay_incident"
MOST_ALERTS = 20_000  # of one request
RESOLVE_TIMEOUT_MS = 5 * 60 * 1000  # Alertmanager's default `resolve_timeout`
SEVERITY_WORDS: dict[str, Severity] = {
    **dict.fromkeys(("critical", "crit", "page", "fatal", "emergency", "p1", "sev1"), "critical"),
    **dict.fromkeys(("major", "error", "high", "p2", "sev2"), "major"),
    **dict.fromkeys(("info", "informational", "notice", "none", "low", "p4", "p5", "sev4"), "info"),
}
SIGNAL_WORDS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    ("latency", ("latency", "slow", "duration", "responsetime")),
    ("errors", ("error", "fail", "5xx")),
    ("availability", ("down", "absent", "unreachable", "unavailable", "crash")),
    ("saturation", ("cpu", "memory", "disk", "filesystem", "queue", "lag", "saturat", "throttl")),
    ("traffic", ("traffic", "requestrate", "throughput")),
)
Moment = Annotated[datetime, msgspec.Meta(tz=True)] | None


class Posted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One alert as both protocols write it."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    status: Literal["firing", "resolved", ""] = ""
    starts_at: Moment = None
    ends_at: Moment = None
    generator_url: str = msgspec.field(default="", name="generatorURL")


def decode_webhook(body: bytes, received_ns: int = 0) -> Decoded:
    """A notification of an Alertmanager.

    Raises:
        BadInput: it is not one of version 4.
    """
    document = json_of(body)
    if not isinstance(document, dict) or document.get("version") != "4" or not isinstance(document.get("alerts"), list):
        raise BadInput('expected Alertmanager\'s webhook message: an object with "version": "4" and a list of alerts')
    return _decoded(document["alerts"], "alertmanager", Gate(received_ns))


def decode_posted(body: bytes, received_ns: int = 0) -> Decoded:
    """What a client posts to `/api/v2/alerts`. Without an end an alert ends in five minutes, unless it is sent again.

    Raises:
        BadInput: it is not a list of alerts.
    """
    document = json_of(body)
    if not isinstance(document, list):
        raise BadInput("expected a list of alerts, as Alertmanager's API v2 takes it")
    return _decoded(document, "prometheus", Gate(received_ns))


def _decoded(entries: list[Any], source: Literal["alertmanager", "prometheus"], gate: Gate) -> Decoded:
    alerts, own = [], 0
    gate.admit(len(entries), MOST_ALERTS)
    for entry in entries:
        try:
            posted = msgspec.convert(entry, Posted)
        except msgspec.ValidationError as error:
            gate.refuse(f"not an alert: {error}")
            continue
        if OWN_LABEL in posted.labels:
            own += 1
        elif (alert := _alert(posted, source, gate)) is not None:
            alerts.append(alert)
    return gate.sign(Decoded(alerts=tuple(alerts), own_alerts=own))


def _alert(posted: Posted, source: Literal["alertmanager", "prometheus"], gate: Gate) -> Alert | None:
    labels = labels_of({name: value for name, value in posted.labels.items() if value})
    now_ms = gate.now_ns() // 1_000_000
    since_ms, ended_ms = _times(posted, source, now_ms)
    reason = "alert without labels" if not labels else labels_refused(labels)
    if ended_ms is not None and not since_ms <= ended_ms <= LATEST_NS // 1_000_000:
        reason = reason or "alert that ends before it starts, or after 2100"
    if reason:
        gate.refuse(reason)
        return None
    if not gate.is_time(since_ms * 1_000_000):
        return None
    status: AlertStatus = "resolved" if ended_ms is not None and ended_ms <= now_ms else "firing"
    if posted.status == "resolved":
        status, ended_ms = "resolved", ended_ms or now_ms
    return _built(posted, labels, source, status, (since_ms, now_ms, ended_ms))


def _times(posted: Posted, source: str, now_ms: int) -> tuple[int, int | None]:
    """Start and end, with what Alertmanager puts where a client says nothing; nothing began in the future."""
    starts, ends = _ms(posted.starts_at), _ms(posted.ends_at)
    since_ms = starts if starts is not None else now_ms if ends is None else min(ends, now_ms)
    if ends is None and source == "prometheus":
        ends = now_ms + RESOLVE_TIMEOUT_MS
    return since_ms, ends


def _built(
    posted: Posted, labels: Labels, source: str, status: AlertStatus, times: tuple[int, int, int | None]
) -> Alert:
    since_ms, at_ms, ended_ms = times
    by_name = dict(labels)
    name = by_name.get("alertname", "unnamed")
    print_ = fingerprint(labels)
    has_onset = _ms(posted.starts_at) is not None  # without one only detection knows whether it is the same one again
    return Alert(
        id=f"alert-{hashlib.blake2b(f'{print_} {since_ms}'.encode(), digest_size=8).hexdigest()}" if has_onset else "",
        fingerprint=print_,
        entity="",
        name=name,
        severity=SEVERITY_WORDS.get(by_name.get("severity", "").lower(), "minor"),
        status=status,
        since_ms=since_ms,
        at_ms=at_ms,
        decided_by=VersionRef(f"rule/{name}", 0),
        ended_ms=ended_ms,
        source=source,
        subject=f"rule:{name}",
        signal=_signal(name),
        summary=_summary(posted.annotations)[:4096],
        labels=by_name,
        generator_url=posted.generator_url[:4096],
    )


def fingerprint(labels: Labels) -> str:
    """The identity that Prometheus and Alertmanager give to a label set (64-bit FNV-1a), in hexadecimal.

    >>> fingerprint(())
    'cbf29ce484222325'
    """
    value = 0xCBF29CE484222325
    for byte in b"".join(name.encode() + b"\xff" + text.encode() + b"\xff" for name, text in labels):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFF_FFFF_FFFF_FFFF
    return f"{value:016x}"


def _ms(moment: datetime | None) -> int | None:
    """Milliseconds since 1970; None for Go's zero time, which means "not set"."""
    return None if moment is None or moment.year == 1 else int(moment.timestamp() * 1000)


def _signal(name: str) -> Any:
    lowered = name.lower().replace("_", "").replace(" ", "")
    return next((signal for signal, words in SIGNAL_WORDS if any(word in lowered for word in words)), "other")


def _summary(annotations: dict[str, str]) -> str:
    return next((annotations[name] for name in ("summary", "description", "message") if annotations.get(name)), "")
