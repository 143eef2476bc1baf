"""Operations: requests counted by name, what each calls in turn, calls to look at, and a bound on names."""

from __future__ import annotations

import itertools

import pytest
from tests.normalize.senders import CLIENT, PAYMENTS, SERVER, SHOP, T0, S, Span, decoded, spans

from mainstay.domain.signals import EdgeWindow
from mainstay.normalize import Normalizer
from mainstay.normalize.spans.operations import MOST_PER_ENTITY
from mainstay.normalize.spans.tally import Exemplars

WEB, PAY, DB = "service:lab/shop", "service:lab/payments", "database:lab/orders.db"
CALL = {"server.address": "10.0.0.9", "server.port": "8080"}
QUERY = {"db.system.name": "sqlite", "db.namespace": "/var/lib/orders.db"}


def request(number: int, name: str, *, ms: float = 40.0, queries: int = 1, is_error: bool = False) -> list[Span]:
    """A request of shop that calls one operation of payments, which asks its database."""
    base, trace = number * 50, number + 1
    return [
        Span(SHOP, SERVER, base + 1, trace=trace, ms=ms + 20, name="GET /"),
        Span(SHOP, CLIENT, base + 2, base + 1, trace, start_ms=5, ms=ms + 10, attributes=CALL),
        Span(PAYMENTS, SERVER, base + 3, base + 2, trace, start_ms=10, ms=ms, name=name, is_error=is_error),
        *(
            Span(PAYMENTS, CLIENT, base + 4 + q, base + 3, trace, start_ms=12, ms=5, attributes=QUERY)
            for q in range(queries)
        ),
    ]


def told(normalizer: Normalizer, at_s: float) -> dict[tuple[str, str], EdgeWindow]:
    return {(o.callee, o.operation): o for o in normalizer.tick(T0 + int(at_s * S)).operations}


def send(normalizer: Normalizer, at_s: float, *them: Span) -> None:
    normalizer.apply(decoded(s=spans(*them, base_ns=T0)), T0 + int(at_s * S))


def two_operations(normalizer: Normalizer, at_s: float = 1) -> None:
    send(
        normalizer,
        at_s,
        *request(0, "POST /pay", queries=3),
        *request(1, "GET /price"),
        *request(2, "GET /price", ms=90),
    )


def test_each_operation_is_counted_as_its_callers_felt_it() -> None:
    normalizer = Normalizer()
    two_operations(normalizer)
    found = told(normalizer, 5)
    assert set(found) == {(PAY, "POST /pay"), (PAY, "GET /price")}, "a service with one operation has no more to say"
    price = found[PAY, "GET /price"]
    assert (price.caller, price.count, price.errors, sorted(price.latency_ms.tolist())) == ("", 2, 0, [50.0, 100.0])
    assert sorted(price.own_ms.tolist()) == [35.0, 85.0]
    assert told(normalizer, 10) == {}


def test_what_an_operation_calls_in_turn() -> None:
    normalizer = Normalizer()
    two_operations(normalizer)
    told(normalizer, 5)
    send(normalizer, 6, *request(7, "POST /pay", queries=4), *request(8, "GET /price", queries=0))
    found = told(normalizer, 10)
    assert found[PAY, "POST /pay"].calls == ((DB, 4),)
    assert found[PAY, "GET /price"].calls == ()


def test_the_calls_that_a_person_can_look_at() -> None:
    normalizer = Normalizer()
    send(normalizer, 1, *request(0, "POST /pay"), *request(1, "GET /x", ms=300), *request(2, "GET /x", is_error=True),
         *(s for n in range(3, 9) for s in request(n, "GET /x")))  # fmt: skip
    normal = normalizer.tick(T0 + 5 * S)
    [edge] = [e for e in normal.edges if (e.caller, e.callee) == (WEB, PAY)]
    [one] = [o for o in normal.operations if o.operation == "GET /x"]
    for window in (edge, one):
        slow, failing, usual = window.exemplars
        assert (int.from_bytes(slow.trace, "big"), slow.ms, slow.is_error) == (2, 310.0, False)
        assert (int.from_bytes(failing.trace, "big"), failing.is_error) == (3, True)
        assert (usual.ms, usual.is_error) == (50.0, False)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_same_calls_are_kept_in_any_order(order: tuple[int, ...]) -> None:
    calls = [(bytes([n]) * 16, float(10 * n), n == 2) for n in range(1, 5)]
    kept, other = Exemplars(), Exemplars()
    for n in range(4):
        kept.add(calls[n][0], calls[n][1], is_error=calls[n][2])
        other.add(calls[order[n]][0], calls[order[n]][1], is_error=calls[order[n]][2])
    assert kept.chosen(11.0) == other.chosen(11.0)
    assert [one.ms for one in kept.chosen(11.0)] == [40.0, 20.0, 10.0]


def test_names_with_numbers_in_them_do_not_fill_the_memory() -> None:
    normalizer = Normalizer()
    send(normalizer, 1, *(s for n in range(60) for s in request(n, f"GET /users/{n}")))
    found = told(normalizer, 5)
    assert len(found) == MOST_PER_ENTITY
    assert normalizer.counts["operations_refused"] == 60 - MOST_PER_ENTITY
    told(normalizer, 3700)
    send(normalizer, 3701, *(s for n in range(100, 102) for s in request(n, f"GET /new/{n}")))
    assert {name for _, name in told(normalizer, 3705)} == {"GET /new/100", "GET /new/101"}


def test_a_restart_between_two_ticks_changes_nothing() -> None:
    one, other = Normalizer(), Normalizer()
    for normalizer in (one, other):
        two_operations(normalizer)
        told(normalizer, 5)
        send(normalizer, 6, *request(7, "POST /pay", queries=2), *request(8, "GET /price", is_error=True))
    again = Normalizer()
    again.restore(other.snapshot())
    left, right = told(one, 10), told(again, 10)
    assert left.keys() == right.keys()
    for key, window in left.items():
        twin = right[key]
        assert (window.count, window.errors, window.calls, window.exemplars) == (
            twin.count, twin.errors, twin.calls, twin.exemplars,
        )  # fmt: skip
        assert window.latency_ms.tolist() == twin.latency_ms.tolist()
