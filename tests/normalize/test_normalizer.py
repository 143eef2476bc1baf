"""The stage as a whole: a function of the records, however they are cut, and across a restart."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.normalize.senders import (
    CLIENT,
    PAYMENTS,
    SERVER,
    SHOP,
    T0,
    S,
    Span,
    counter,
    decoded,
    logs,
    metrics,
    prometheus,
    resource,
    spans,
)

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.errors import Corrupt
from mainstay.domain.models import VersionRef
from mainstay.domain.signals import Decoded, HistogramPoint, Normal, Stream
from mainstay.normalize import Normalizer

LINES = ("order 1 paid", "order failed for user 7", "order failed for user ada", "ERROR timeout of payments after 30 s")


def second(at: int) -> list[Decoded]:
    """What a small shop sends in one second, one item per request."""
    now = T0 + at * S
    histogram = Stream("http.server.request.duration", (), PAYMENTS, "s", "histogram", "cumulative")
    point = HistogramPoint(0, T0 - 60 * S, now, (0.1, 0.2), (at * 3, at, at // 2), at * 0.5)
    scraped = [
        (prometheus("rpc_bucket", job="api", le=le), now, float(at * n)) for n, le in enumerate(("1", "2", "+Inf"), 1)
    ]
    out = [decoded(m=metrics([sample])) for sample in scraped]
    out.append(
        decoded(m=metrics([(counter(), now - (at % 3) * S, float(at % 7)), (Stream("m", (), SHOP), now, at * 1.0)]))
    )
    out.append(decoded(m=metrics([], histograms=[(histogram, point)])))
    out.append(decoded(l=logs([LINES[at % 4]], now, who=resource("cart", version=str(at % 2)))))
    base = at * 10 + 1
    out.append(
        decoded(s=spans(Span(SHOP, CLIENT, base, trace=at + 1, attributes={"server.address": "pay"}), base_ns=now))
    )
    out.append(decoded(s=spans(Span(PAYMENTS, SERVER, base + 1, base, trace=at + 1, ms=8), base_ns=now)))
    return out


def merged(parts: list[Decoded]) -> list[Decoded]:
    """The same items in fewer requests: the metrics of neighbours together."""
    out: list[Decoded] = []
    for part in parts:
        before = out[-1] if out else None
        both = (
            before and before.metrics and part.metrics and not before.metrics.histograms and not part.metrics.histograms
        )
        if both and before and before.metrics and part.metrics:
            samples = [
                (raw.streams[s], int(t), float(v))
                for raw in (before.metrics, part.metrics)
                for s, t, v in zip(raw.stream, raw.at_ns, raw.value, strict=True)
            ]
            out[-1] = decoded(m=metrics(samples))
        else:
            out.append(part)
    return out


def plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=lambda x: x.tolist() if isinstance(x, np.ndarray) else repr(x))


class Story:
    """Everything that a normaliser said, in an order that does not depend on the cut."""

    def __init__(self) -> None:
        self.samples: list[tuple[int, int, float]] = []
        self.rest: list[Any] = []

    def hear(self, normalizer: Normalizer, normal: Normal) -> None:
        if normal.metrics is not None:
            ids = [normalizer.series[slot].id for slot in normal.metrics.series]
            self.samples += zip(ids, normal.metrics.at_ns.tolist(), normal.metrics.value.tolist(), strict=True)
        for part in (normal.logs, normal.spans, normal.edges, normal.templates, normal.changes, normal.alerts):
            if part:
                self.rest.append(plain(part))


def run(seconds: int, *, is_merged: bool = False, restart_at: int = -1) -> Story:
    normalizer, story = Normalizer(), Story()
    for at in range(seconds):
        if at == restart_at:
            state = normalizer.snapshot()
            normalizer = Normalizer()
            normalizer.restore(state)
            assert normalizer.snapshot() == state
        parts = second(at)
        for part in merged(parts) if is_merged else parts:
            story.hear(normalizer, normalizer.apply(part, T0 + at * S))
        if at % 5 == 4:
            story.hear(normalizer, normalizer.tick(T0 + at * S + 1))
    return story


STRAIGHT = run(21)


def test_the_cut_into_requests_changes_nothing() -> None:
    other = run(21, is_merged=True)
    assert other.samples == STRAIGHT.samples
    assert other.rest == STRAIGHT.rest
    assert len(STRAIGHT.samples) > 150


@given(st.integers(0, 20))
@settings(max_examples=21, deadline=None)
def test_a_restart_anywhere_changes_nothing(restart_at: int) -> None:
    other = run(21, restart_at=restart_at)
    assert other.samples == STRAIGHT.samples
    assert other.rest == STRAIGHT.rest


def test_after_a_restore_all_series_are_told_again() -> None:
    before, after = Normalizer(), Normalizer()
    for part in second(1):
        before.apply(part, T0 + S)
    after.restore(before.snapshot())
    told = after.tick(T0 + 5 * S).new_series
    assert told[: len(before.series)] == tuple(before.series)
    assert [s.slot for s in told] == list(range(len(told)))


@pytest.mark.parametrize(
    "state", [b"", b"nonsense", msgspec.msgpack.encode({"format": 99}), msgspec.msgpack.encode([1])]
)
def test_a_state_of_another_kind_is_refused(state: bytes) -> None:
    with pytest.raises(Corrupt):
        Normalizer().restore(state)


def test_too_many_series_are_refused_and_counted() -> None:
    normalizer = Normalizer(max_series=10)
    raw = metrics([(prometheus("x", job="api", n=str(n)), T0, 1.0) for n in range(30)])
    normal = normalizer.apply(decoded(m=raw), T0)
    assert normal.metrics is not None
    assert (len(normal.metrics), len(normalizer.series)) == (10, 10)
    assert normalizer.counts["series_refused"] == normalizer.counts["no_room"] == 20


def test_a_deploy_does_not_begin_new_series() -> None:
    normalizer = Normalizer()
    for instance in ("payments-3f2a1", "payments-9c1d2", "0b9e7c1a-77d2-4c1e-9f54-2d5f1c6a7b8e"):
        who = resource("payments", **{"service.instance.id": instance, "host.name": "web-1"})
        normalizer.apply(decoded(m=metrics([(Stream("m", (), who), T0, 1.0)])), T0)
    assert [s.labels for s in normalizer.series] == [(("host.name", "web-1"),)]


def test_identity_is_durable() -> None:
    ids = set()
    for tenant in ("default", "default", "other"):
        normalizer = Normalizer(tenant=tenant)
        normalizer.apply(decoded(m=metrics([(Stream("m", (), PAYMENTS), T0, 1.0)])), T0)
        ids.add(normalizer.series[0].id)
    assert len(ids) == 2


def change(**more: Any) -> Change:
    return Change(id="c1", at_ms=1, kind="deploy", subject="payments", summary="password=hunter2x", **more)


def test_a_change_finds_its_entity_or_waits_for_it() -> None:
    normalizer = Normalizer()
    (found,) = normalizer.apply(Decoded(changes=(change(),)), T0).changes
    assert (found.entity, found.summary) == ("", "password=<secret>")
    assert normalizer.tick(T0 + S).changes == ()
    normalizer.apply(decoded(l=logs(["hello"], T0)), T0)
    assert [c.entity for c in normalizer.tick(T0 + 2 * S).changes] == ["service:lab/payments"]
    assert normalizer.tick(T0 + 3 * S).changes == ()
    (found,) = normalizer.apply(Decoded(changes=(change(environment="lab"),)), T0).changes
    assert found.entity == "service:lab/payments"


def test_an_alert_gets_its_entity() -> None:
    normalizer = Normalizer()
    normalizer.apply(decoded(l=logs(["hello"], T0)), T0)
    alert = Alert(
        id="a", fingerprint="f", entity="", name="Slow", severity="major", status="firing", since_ms=1, at_ms=1,
        decided_by=VersionRef("rule/Slow", 0), labels={"service": "payments"},
    )  # fmt: skip
    (found,) = normalizer.apply(Decoded(alerts=(alert,)), T0).alerts
    assert found.entity == "service:lab/payments"
