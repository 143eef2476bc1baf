"""Rates: the same as a plain reading of the rule, sample by sample, however the samples are cut and mixed."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.normalize.senders import PAYMENTS, T0, S, Sample, counter, decoded, metrics, prometheus

from mainstay.domain.signals import Stream
from mainstay.normalize import EntityMapping, Normalizer

SHIPPED = EntityMapping.load()
STALE = float(np.array(0x7FF0000000000002, np.uint64).view(np.float64))


def fed(*requests: list[Sample], start_ns: int = 0) -> dict[str, list[tuple[float, float]]]:
    """(seconds after T0, value) per metric, of requests received in this order."""
    normalizer = Normalizer(SHIPPED)
    out: dict[str, list[tuple[float, float]]] = {}
    for request in requests:
        batch = normalizer.apply(decoded(m=metrics(request, start_ns=start_ns)), T0 + 3600 * S).metrics
        if batch is not None:
            for slot, at, value in zip(batch.series, batch.at_ns, batch.value, strict=True):
                out.setdefault(normalizer.series[slot].metric, []).append(((int(at) - T0) / S, float(value)))
    return out


def of(stream: Stream, *points: tuple[float, float]) -> list[Sample]:
    return [(stream, T0 + int(at * S), value) for at, value in points]


def test_a_cumulative_counter_becomes_a_rate() -> None:
    assert fed(of(counter(), (0, 100), (10, 150), (20, 150))) == {"requests.rate": [(10, 5.0), (20, 0.0)]}


def test_a_reset_counts_what_came_since() -> None:
    assert fed(of(counter(), (0, 100), (10, 30))) == {"requests.rate": [(10, 3.0)]}


def test_a_known_start_makes_the_first_sample_count() -> None:
    assert fed(of(counter(), (0, 60)), start_ns=T0 - 30 * S) == {"requests.rate": [(0, 2.0)]}
    assert fed(of(counter(), (0, 60)), start_ns=T0 - S // 100) == {"requests.rate": [(0, 60.0)]}


def test_a_start_that_moved_is_a_reset_even_when_the_value_rose() -> None:
    normalizer = Normalizer()
    rates = []
    for at, value, start in ((0, 10, -100), (10, 15, 5)):
        raw = metrics(of(counter(), (at, value)), start_ns=T0 + start * S)
        batch = normalizer.apply(decoded(m=raw), T0 + 60 * S).metrics
        assert batch is not None
        rates.append(batch.value.tolist())
    assert rates == [[0.1], [1.5]]
    assert normalizer.counts["resets"] == 1


def test_deltas_are_rates_of_their_own() -> None:
    delta = counter(temporality="delta")
    assert fed(of(delta, (0, 10), (10, 50), (20, 0))) == {"requests.rate": [(10, 5.0), (20, 0.0)]}
    assert fed(of(delta, (0, 10)), start_ns=T0 - 5 * S) == {"requests.rate": [(0, 2.0)]}


def test_a_late_delta_with_its_own_start_is_kept() -> None:
    got = fed(of(counter(temporality="delta"), (20, 10), (10, 50)), start_ns=T0)
    assert got == {"requests.rate": [(20, 0.5), (10, 5.0)]}


def test_late_and_repeated_samples_do_not_break_a_rate() -> None:
    ordered = fed(of(counter(), (0, 0), (10, 10), (20, 40)))
    assert fed(of(counter(), (0, 0), (10, 10), (5, 3), (10, 10), (20, 40))) == ordered
    assert fed(of(counter(), (0, 0), (10, 10)), of(counter(), (5, 3)), of(counter(), (10, 10), (20, 40))) == ordered


def test_a_late_gauge_is_kept_and_counted() -> None:
    normalizer = Normalizer()
    gauge = Stream("memory", (), PAYMENTS, "By")
    normal = normalizer.apply(decoded(m=metrics(of(gauge, (10, 1.0), (5, 2.0), (10, 1.0)))), T0 + 10 * S)
    assert normal.metrics is not None
    assert normal.metrics.value.tolist() == [1.0, 2.0]
    assert (normal.late, normalizer.counts["late"], normalizer.counts["repeated"]) == (1, 1, 1)


@pytest.mark.parametrize("nan", [STALE, math.nan])
def test_a_stale_marker_ends_the_series_and_is_no_value(nan: float) -> None:
    gauge, total = prometheus("up", job="api"), prometheus("x_total", job="api")
    got = fed(of(gauge, (0, 1.0), (10, nan), (20, 1.0)), of(total, (0, 5), (10, nan), (20, 50), (30, 60)))
    assert got == {"up": [(0, 1.0), (20, 1.0)], "x_total.rate": [(30, 1.0)]}


def test_what_is_far_out_of_time_is_counted_and_not_kept() -> None:
    normalizer = Normalizer()
    gauge = Stream("memory", (), PAYMENTS)
    raw = metrics(of(gauge, (-90_000, 1.0), (100_000, 2.0)))
    assert normalizer.apply(decoded(m=raw), T0).metrics is None
    assert normalizer.counts["out_of_time"] == 2


@pytest.mark.parametrize(
    ("name", "metric"),
    [("http_requests_total", "http_requests_total.rate"), ("rpc_seconds_count", "rpc.rate"),
     ("temperature", "temperature"), ("_total", "_total"),
     ("http_request_duration_seconds_count", "http_request.rate")],
)  # fmt: skip
def test_prometheus_kinds_are_known_by_their_names(name: str, metric: str) -> None:
    got = fed(of(prometheus(name, job="api"), (0, 1), (10, 21)))
    assert list(got) == [metric]


def test_sum_and_count_become_a_mean() -> None:
    labels = {"job": "api", "path": "/a"}
    total, count = prometheus("rpc_seconds_sum", **labels), prometheus("rpc_seconds_count", **labels)
    got = fed(of(total, (0, 10)) + of(count, (0, 5)), of(count, (10, 9)), of(total, (10, 12)))
    assert got == {"rpc.rate": [(10, 0.4)], "rpc_seconds.mean": [(10, 0.5)]}


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 12),
        st.one_of(st.integers(0, 40).map(float), st.just(math.nan)),
    ),
    max_size=40,
)  # fmt: skip
STREAMS = (counter("a"), counter("b"), counter("d", "delta"))


def expected(events: list[tuple[int, int, float]]) -> dict[str, list[tuple[float, float]]]:
    """The rule of `rates`, written once more and slowly."""
    out: dict[str, list[tuple[float, float]]] = {}
    last: dict[int, tuple[int, float] | None] = {}
    for which, at, value in events:
        before = last.get(which)
        if math.isnan(value):
            if before is None or at > before[0]:
                last[which] = None
            continue
        if before is not None and at <= before[0]:
            continue
        last[which] = (at, value)
        if before is None:
            continue
        is_delta, reset = which == 2, value < before[1]
        increase = value if is_delta or reset else value - before[1]
        out.setdefault(f"{STREAMS[which].name}.rate", []).append((float(at), increase / (at - before[0])))
    return out


@given(EVENTS, st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_cut_gives_what_the_rule_says(events: list[tuple[int, int, float]], cuts: list[int]) -> None:
    samples = [(STREAMS[which], T0 + at * S, value) for which, at, value in events]
    edges = [0, *sorted(cuts), len(samples)]
    requests = [samples[a:b] for a, b in pairwise(edges) if samples[a:b]]
    assert fed(*requests) == expected(events)
