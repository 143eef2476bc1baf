"""Calls: both halves joined across requests in any order, own time, peers without spans, stopped services."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.normalize.senders import (
    CLIENT,
    CONSUMER,
    PAYMENTS,
    PRODUCER,
    SERVER,
    SHOP,
    T0,
    S,
    Span,
    decoded,
    resource,
    spans,
)

from mainstay.domain.signals import EdgeWindow
from mainstay.normalize import Normalizer
from mainstay.normalize.spans.reservoir import SIZE, Reservoir

WEB, PAY = "service:lab/shop", "service:lab/payments"
CALL = {"server.address": "10.0.0.9", "server.port": "8080"}


def call(number: int, *, is_error: bool = False) -> tuple[Span, Span, Span, Span]:
    """A request to shop, its call of payments, payments' answer, and payments' own query."""
    base = number * 10
    common = {"trace": number + 1, "is_error": is_error}
    return (
        Span(SHOP, SERVER, base + 1, ms=100, **common),
        Span(SHOP, CLIENT, base + 2, base + 1, start_ms=10, ms=80, attributes=CALL, **common),
        Span(PAYMENTS, SERVER, base + 3, base + 2, start_ms=15, ms=70, **common),
        Span(PAYMENTS, CLIENT, base + 4, base + 3, start_ms=20, ms=30, attributes={"db.system.name": "sqlite",
             "db.namespace": "/var/lib/orders.db"}, **common),
    )  # fmt: skip


def told(normalizer: Normalizer, at_s: float) -> dict[tuple[str, str], EdgeWindow]:
    return {(e.caller, e.callee): e for e in normalizer.tick(T0 + int(at_s * S)).edges}


def send(normalizer: Normalizer, at_s: float, *them: Span) -> None:
    at = T0 + int(at_s * S)
    normalizer.apply(decoded(s=spans(*them, base_ns=T0)), at)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_trace_gives_the_same_edges_in_any_order(order: tuple[int, ...]) -> None:
    normalizer, them = Normalizer(), call(0)
    for which in order:
        send(normalizer, 0, them[which])
    edges = told(normalizer, 5)
    assert set(edges) == {("", WEB), (WEB, PAY), (PAY, "database:lab/orders.db")}
    assert [(e.count, e.errors, e.latency_ms.tolist(), e.own_ms.tolist()) for _, e in sorted(edges.items())] == [
        (1, 0, [100.0], [20.0]), (1, 0, [30.0], []), (1, 0, [80.0], [40.0]),
    ]  # fmt: skip
    assert told(normalizer, 10) == {}


def test_the_other_half_may_come_a_tick_later() -> None:
    for late in (1, 2):
        normalizer, them = Normalizer(), call(0)
        send(normalizer, 3.5, *(s for at, s in enumerate(them) if at != late))
        assert (WEB, PAY) not in told(normalizer, 5)
        send(normalizer, 5.5, them[late])
        edge = told(normalizer, 10)[WEB, PAY]
        assert (edge.count, edge.latency_ms.tolist(), edge.own_ms.tolist()) == (1, [80.0], [40.0])


def test_internal_spans_between_are_looked_through_and_parallel_calls_count_once() -> None:
    normalizer = Normalizer()
    send(
        normalizer, 0,
        Span(SHOP, SERVER, 1, ms=100), Span(SHOP, 1, 2, 1, start_ms=0, ms=100),
        Span(SHOP, CLIENT, 3, 2, start_ms=10, ms=40, attributes=CALL),
        Span(SHOP, CLIENT, 4, 2, start_ms=30, ms=40, attributes=CALL),
        Span(SHOP, CLIENT, 5, 2, start_ms=90, ms=400, attributes=CALL),
    )  # fmt: skip
    assert told(normalizer, 5)["", WEB].own_ms.tolist() == [30.0]


def test_a_parent_that_never_comes_is_the_outside_world() -> None:
    normalizer = Normalizer()
    send(normalizer, 1, Span(SHOP, SERVER, 1, parent=99))
    assert set(told(normalizer, 5)) == {("", WEB)}


def test_calls_to_a_stopped_service_are_seen_by_its_learned_address() -> None:
    normalizer = Normalizer()
    send(normalizer, 0, *call(0))
    told(normalizer, 5)
    send(normalizer, 6, Span(SHOP, CLIENT, 21, trace=9, ms=2000, is_error=True, attributes=CALL))
    edge = told(normalizer, 10)[WEB, PAY]
    assert (edge.count, edge.errors, edge.latency_ms.tolist(), edge.own_ms.tolist()) == (1, 1, [2000.0], [])


def test_a_named_host_is_known_at_any_port() -> None:
    normalizer = Normalizer()
    for number, port in ((0, "8080"), (1, "9")):
        web, client, server, _ = call(number)
        client = Span(
            SHOP,
            CLIENT,
            client.span,
            client.parent,
            client.trace,
            attributes={"server.address": "payments", "server.port": port},
        )
        send(normalizer, 5 * number, web, client, *((server,) if number == 0 else ()))
        assert (WEB, PAY) in told(normalizer, 5 * number + 4)


@pytest.mark.parametrize(
    ("attributes", "callee"),
    [
        ({"peer.service": "payments"}, PAY), ({"server.address": "payments.default.svc.cluster.local"}, PAY),
        ({"url.full": "https://api.stripe.com/v1"}, "service:lab/api.stripe.com"),
        ({"server.address": "10.1.1.1"}, None),
        ({"server.address": "localhost", "server.port": "80"}, None), ({"db.system": "redis"}, "database:lab/redis"),
        ({"db.system": "postgresql", "server.address": "pg-1"}, "database:lab/postgresql@pg-1"),
        ({"messaging.system": "kafka", "messaging.destination.name": "mail"}, "queue:lab/mail"),
    ],
)  # fmt: skip
def test_peers_without_spans(attributes: dict[str, str], callee: str | None) -> None:
    normalizer = Normalizer()
    send(normalizer, 0, Span(SHOP, CLIENT, 1, attributes=attributes))
    found = {**told(normalizer, 5), **told(normalizer, 10), **told(normalizer, 15)}
    assert [c for _, c in found] == ([callee] if callee else [])
    assert normalizer.counts.get("calls_to_unknown", 0) == (0 if callee else 1)


def test_a_queue_stands_between_producer_and_consumer() -> None:
    normalizer = Normalizer()
    mail = {"messaging.system": "mq", "messaging.destination.name": "mail"}
    send(
        normalizer,
        0,
        Span(SHOP, PRODUCER, 1, attributes=mail),
        Span(resource("mailer"), CONSUMER, 2, 1, ms=50, attributes=mail),
    )
    edges = told(normalizer, 5)
    assert set(edges) == {(WEB, "queue:lab/mail"), ("queue:lab/mail", "service:lab/mailer")}
    assert edges["queue:lab/mail", "service:lab/mailer"].latency_ms.tolist() == [50.0]
    assert told(normalizer, 10) == {}


def test_a_queue_depends_on_the_service_that_keeps_it() -> None:
    normalizer = Normalizer()
    mail = {"messaging.system": "mq", "messaging.destination.name": "mail"}
    send(
        normalizer, 0, Span(SHOP, PRODUCER, 1, attributes=mail), Span(SHOP, CLIENT, 2, 1, attributes=CALL),
        Span(resource("broker"), SERVER, 3, 2),
    )  # fmt: skip
    told(normalizer, 5)
    assert normalizer.topology.callees("queue:lab/mail") == ("service:lab/broker",)


def test_a_repeated_span_counts_once() -> None:
    normalizer = Normalizer()
    send(normalizer, 0, *call(0))
    send(normalizer, 1, *call(0))
    assert all(edge.count == 1 for edge in told(normalizer, 5).values())
    assert normalizer.counts["repeated"] == 4


def test_a_client_counted_by_address_is_not_counted_again_when_its_server_comes_late() -> None:
    normalizer = Normalizer()
    send(normalizer, 0, *call(0))
    told(normalizer, 5)
    them = call(1)
    send(normalizer, 6, *them[:2])
    assert told(normalizer, 10)[WEB, PAY].count == 1
    send(normalizer, 11, *them[2:])
    assert (WEB, PAY) not in told(normalizer, 15)


def test_topology_remembers_edges_and_attributes() -> None:
    normalizer = Normalizer()
    send(normalizer, 0, *call(0))
    told(normalizer, 5)
    assert [(e.caller, e.callee, e.seen_ms) for e in normalizer.topology.edges] == [
        (PAY, "database:lab/orders.db", T0 // 10**6 + 5000), (WEB, PAY, T0 // 10**6 + 5000),
    ]  # fmt: skip
    assert normalizer.topology is normalizer.topology
    assert normalizer.topology.callers(PAY) == (WEB,)
    told(normalizer, 25 * 3600)
    assert normalizer.topology.edges == ()


@given(st.permutations(list(range(24))), st.lists(st.integers(0, 24), max_size=3))
@settings(max_examples=60, deadline=None)
def test_any_order_and_any_cut_gives_the_same_window(order: list[int], cuts: list[int]) -> None:
    them = [s for number in range(6) for s in call(number, is_error=number == 3)]
    normalizer = Normalizer()
    edges = [0, *sorted(cuts), len(order)]
    for a, b in itertools.pairwise(edges):
        if a < b:
            send(normalizer, 0, *(them[at] for at in order[a:b]))
    found = told(normalizer, 5)
    assert (found[WEB, PAY].count, found[WEB, PAY].errors) == (6, 1)
    assert sorted(found[WEB, PAY].own_ms.tolist()) == [40.0] * 6
    assert found["", WEB].count == found[PAY, "database:lab/orders.db"].count == 6


def test_a_reservoir_keeps_the_same_few_in_any_order() -> None:
    values = [(n.to_bytes(8, "big"), float(n)) for n in range(5000)]
    forward, backward = Reservoir(), Reservoir()
    for identity, value in values:
        forward.add(identity, value)
    for identity, value in reversed(values):
        backward.add(identity, value)
    assert forward.values().tolist() == backward.values().tolist()
    assert len(forward.values()) == SIZE
    assert abs(float(np.mean(forward.values())) - 2500) < 300


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainstay.normalize.spans.calls.MAX_SPANS", 100)
    normalizer = Normalizer()
    for number in range(100):
        send(normalizer, 0, *call(number))
    calls = normalizer._spans.calls
    assert len(calls._spans) <= 100
    assert len(calls._children) <= 100
    told(normalizer, 5)
    told(normalizer, 60)
    assert (len(calls._spans), len(calls._children), len(calls._waiting)) == (0, 0, 0)
