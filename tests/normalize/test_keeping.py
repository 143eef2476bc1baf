"""Which traces are kept whole: interesting ones, those that an alert names, a small share; within bounds, as one."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.normalize.senders import PAYMENTS, SERVER, SHOP, T0, S, Span, decoded, spans

from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.models import VersionRef
from mainstay.domain.signals import Normal, TraceLine
from mainstay.normalize import Normalizer
from mainstay.normalize.spans import keeping
from mainstay.normalize.spans.calls import Seen
from mainstay.normalize.spans.interest import WARM, Interest, Tail
from mainstay.normalize.spans.keeping import EACH, Keeping

A, B = "service:lab/a", "service:lab/b"


def seen(trace: int, at_s: float = 0, ms: float = 10.0, *, number: int = 0, is_error: bool = False,
         entity: str = A, name: str = "GET /") -> Seen:  # fmt: skip
    start, heard = T0 + int(at_s * S), T0 + int((at_s + 1) * S)
    span, parent = bytes([number + 1]) * 8, bytes([number]) * 8 if number else b""
    return Seen(
        trace.to_bytes(16, "big"), span, parent, entity, "lab", SERVER, is_error, start, start + int(ms * 1e6), heard,
        "", "", operation=name, name=name,
    )  # fmt: skip


def at(seconds: float) -> int:
    return T0 + int(seconds * S)


def number_of(line: TraceLine) -> int:
    return int.from_bytes(line.trace, "big")


def trained(share: float = 0.0) -> Keeping:
    """Knows the ways and the tail of `GET /`."""
    kept = Keeping(Counter(), share)
    for trace in range(WARM + 50):
        kept.add(seen(trace, ms=10.0 + trace % 7))
    kept.close(at(60))
    return kept


def said(kept: Keeping, seconds: float) -> dict[int, str]:
    return {number_of(line): line.why for line in kept.close(at(seconds))[1]}


def test_a_failing_a_slow_and_a_new_one_are_kept_and_a_usual_one_is_not() -> None:
    kept = trained()
    for one in (
        seen(1001, 100), seen(1002, 100, is_error=True), seen(1003, 100, ms=900.0), seen(1004, 100, name="GET /new"),
    ):  # fmt: skip
        kept.add(one)
    assert said(kept, 105) == {}
    assert said(kept, 112) == {1002: "error", 1003: "slow", 1004: "new"}
    assert kept.counts["traces_passed"] >= 1


def test_a_trace_is_kept_whole_or_not_at_all() -> None:
    kept = trained()
    for number in range(4):
        kept.add(seen(1001, 100 + number, number=number, is_error=number == 2))
    found, lines = kept.close(at(120))
    assert [one.span[0] for one in found] == [1, 2, 3, 4]
    assert (lines[0].spans, lines[0].errors, lines[0].entity, lines[0].why) == (4, 1, A, "error")
    assert lines[0].duration_ms == pytest.approx(3_010.0)


def test_what_comes_late_follows_what_was_decided() -> None:
    kept = trained()
    kept.add(seen(1001, 100, is_error=True))
    kept.add(seen(1002, 100))
    kept.close(at(120))
    kept.add(seen(1001, 121, number=1))
    kept.add(seen(1002, 121, number=1))
    found, lines = kept.close(at(125))
    assert [int.from_bytes(one.trace, "big") for one in found] == [1001]
    assert lines == ()


def test_a_share_is_drawn_by_the_trace() -> None:
    def drawn() -> set[int]:
        kept = trained(0.2)
        for trace in range(2_000, 3_000):
            kept.add(seen(trace, 100))
        return set(said(kept, 120))

    assert 150 < len(drawn()) < 250
    assert drawn() == drawn()


def test_the_share_of_one_keeps_all() -> None:
    kept = trained(1.0)
    for trace in range(2_000, 5_000):
        kept.add(seen(trace, 100, is_error=trace % 2 == 0))
    assert len(said(kept, 120)) == 3_000


def test_an_outage_fails_everywhere_alike_and_a_few_of_it_are_enough() -> None:
    kept = trained()
    for trace in range(2_000, 2_500):
        kept.add(seen(trace, 100, is_error=True, entity=(A, B)[trace % 2]))
    assert len(said(kept, 120)) == 2 * EACH


def test_a_trace_without_an_end_is_decided_all_the_same() -> None:
    kept = trained()
    for k in range(20):
        kept.add(seen(1001, 100 + 4 * k, number=k, is_error=True))
        found = said(kept, 102 + 4 * k)
        if found:
            break
    assert found == {1001: "error"}
    assert k < 18


def test_a_flood_is_decided_early_and_the_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_SPANS", 500)
    monkeypatch.setattr(keeping, "MAX_DECIDED", 1_000)
    monkeypatch.setattr(keeping, "MAX_TRACE", 10)
    kept = trained()
    for trace in range(2_000, 8_000):
        kept.add(seen(trace, 100, is_error=True))
    for number in range(200):
        kept.add(seen(9_000, 100, number=number % 250))
    state = kept.state({})
    assert len(state["open"]) <= 500
    assert len(state["full"]) <= 1_000
    assert max(len(spans) for _, _, _, spans in state["open"]) == 10
    assert len(said(kept, 120)) == EACH
    assert len(kept.state({})["decided"]) <= 1_000


def test_the_tail_of_an_operation_is_its_own() -> None:
    import numpy as np

    tail, rng = Tail(), np.random.default_rng(1)
    slow = [tail.is_slow(ms) for ms in 50 * np.exp(rng.normal(0, 0.5, 20_000))]
    assert not any(slow[:WARM])
    assert 0.002 < np.mean(slow[5_000:]) < 0.012


def test_ways_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainstay.normalize.spans.interest.MOST_FORMS", 3)
    monkeypatch.setattr("mainstay.normalize.spans.interest.MOST_OPERATIONS", 3)
    interest = Interest()
    assert [interest.why([seen(1, name=f"GET /{n}")]) for n in range(9)] == ["new"] * 9
    assert len(interest.state()["forms"]) == len(interest.state()["tails"]) == 3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 3)), max_size=60), st.integers(0, 59))
def test_a_restart_anywhere_decides_the_same(said_of: list[tuple[int, bool, int]], cut: int) -> None:
    def run(restart: int | None) -> list[object]:
        kept, found = Keeping(Counter(), 0.3), []
        for k, (trace, is_error, number) in enumerate(said_of):
            if k == restart:
                state = msgspec.msgpack.decode(msgspec.msgpack.encode(kept.state({})))
                kept = Keeping(Counter(), 0.3)
                kept.load(state, {})
            kept.add(seen(trace, k, number=number, is_error=is_error))
            if k % 5 == 4:
                found.append(kept.close(at(k + 1)))
        return [*found, kept.close(at(200)), kept.close(at(400))]

    assert run(cut) == run(None)


def request(number: int, at_ms: float, ms: float = 20.0) -> tuple[Span, Span]:
    base = number * 10
    return (
        Span(SHOP, SERVER, base + 1, start_ms=at_ms, ms=ms, trace=number + 1),
        Span(PAYMENTS, SERVER, base + 2, base + 1, start_ms=at_ms + 1, ms=ms / 2, trace=number + 1),
    )


def told_of(trace: bytes) -> Effects:
    alert = Alert(
        id="a1", fingerprint="f", entity=A, name="calls slow", severity="major", status="firing", since_ms=0, at_ms=0,
        decided_by=VersionRef("edges", 1), labels={"trace_slow": trace.hex(), "trace_usual": "not one"},
    )  # fmt: skip
    return Effects(alerts={alert.id: alert})


def stream(normalizer: Normalizer, seconds: int) -> list[Normal]:
    """Twenty requests a second, and a tick each five."""
    found = []
    for second in range(seconds):
        them = [span for n in range(20) for span in request(second * 20 + n, second * 1000 + n * 40)]
        normalizer.apply(decoded(s=spans(*them, base_ns=T0)), at(second + 1))
        if second % 5 == 4:
            found.append(normalizer.tick(at(second + 1)))
    return found


def test_a_trace_that_an_alert_names_is_kept_though_nothing_else_speaks_for_it() -> None:
    plain = stream(Normalizer(keep_traces=0.0), 80)
    window = next(edge for edge in plain[6].edges if edge.exemplars)
    trace = window.exemplars[-1].trace
    assert trace not in {line.trace for normal in plain for line in normal.traces}
    normalizer = Normalizer(keep_traces=0.0)
    stream(normalizer, 60)
    normalizer.saw(told_of(trace))
    kept = normalizer.tick(at(65))
    assert [(line.trace, line.why, line.spans) for line in kept.traces if line.why == "alert"] == [(trace, "alert", 2)]


def test_what_is_judged_does_not_depend_on_what_is_kept() -> None:
    few, all_of_them = stream(Normalizer(keep_traces=0.0), 60), stream(Normalizer(keep_traces=1.0), 60)
    assert [str(normal.edges) for normal in few] == [str(normal.edges) for normal in all_of_them]
    assert [str(normal.operations) for normal in few] == [str(normal.operations) for normal in all_of_them]
    written = sum(len(normal.spans) for normal in few if normal.spans is not None)
    assert written < 0.05 * 2 * 20 * 60


def test_when_all_is_kept_nothing_waits() -> None:
    normalizer = Normalizer(keep_traces=1.0)
    normal = normalizer.apply(decoded(s=spans(*request(1, 0.0), base_ns=T0)), at(1))
    assert normal.spans is not None
    assert len(normal.spans) == 2
    later = [normalizer.tick(at(5 * k)) for k in range(1, 5)]
    assert [normal.spans for normal in later] == [None] * 4
    assert [(line.spans, line.why) for normal in later for line in normal.traces] == [(2, "new")]


def test_a_restart_of_the_normaliser_keeps_the_same_traces() -> None:
    whole, first = Normalizer(keep_traces=0.3), Normalizer(keep_traces=0.3)
    stream(whole, 30)
    stream(first, 30)
    second = Normalizer(keep_traces=0.3)
    second.restore(first.snapshot())
    for k in range(3):
        expected, found = whole.tick(at(35 + 5 * k)), second.tick(at(35 + 5 * k))
        assert found.traces == expected.traces
        assert str(found.spans) == str(expected.spans)
