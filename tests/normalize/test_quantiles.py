"""Histograms: quantiles as close to the truth as their buckets allow, from both kinds of senders."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.normalize.senders import PAYMENTS, T0, S, Sample, decoded, metrics, prometheus

from mainstay.domain.entities import labels_of
from mainstay.domain.signals import Decoded, HistogramPoint, Stream
from mainstay.normalize import Normalizer
from mainstay.normalize.metrics.quantiles import quantile

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


def counts_of(values: np.ndarray) -> tuple[int, ...]:
    return tuple(np.bincount(np.searchsorted(BOUNDS, values), minlength=len(BOUNDS) + 1).tolist())


@given(st.lists(st.floats(0.0001, 2.4), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    true = float(np.quantile(values, share, method="inverted_cdf"))
    found = quantile(share, BOUNDS, counts_of(np.array(values)))
    at = int(np.searchsorted(BOUNDS, true))
    assert (BOUNDS[at - 1] if at else 0.0) <= found <= BOUNDS[at] * (1 + 1e-12)


def test_quantiles_of_many_values_are_close_to_numpys() -> None:
    values = np.random.default_rng(3).uniform(0.0, 0.5, 20_000)  # flat inside each bucket, as the formula assumes
    for share in (0.5, 0.95):
        assert quantile(share, BOUNDS, counts_of(values)) == pytest.approx(np.quantile(values, share), rel=0.02)


def test_edges_of_quantiles() -> None:
    assert math.isnan(quantile(0.5, BOUNDS, (0,) * 10))
    assert math.isnan(quantile(0.5, (), (5,)))
    assert quantile(0.5, BOUNDS, (0,) * 9 + (5,)) == 2.5
    assert quantile(0.5, (-2.0, 0.0), (4, 0, 0)) == -2.0


def point(at: float, counts: tuple[int, ...], total: float, start: float = -60) -> HistogramPoint:
    return HistogramPoint(0, T0 + int(start * S), T0 + int(at * S), (0.1, 0.2), counts, total)


def series_of(normalizer: Normalizer, *requests: Decoded) -> list[dict[str, float]]:
    out = []
    for request in requests:
        batch = normalizer.apply(request, T0 + 60 * S).metrics
        rows = {} if batch is None else zip(batch.series, batch.value, strict=True)
        out.append({normalizer.series[slot].metric: float(value) for slot, value in rows} if rows else {})
    return out


def histogram(temporality: str = "cumulative") -> Stream:
    return Stream("http.server.request.duration", labels_of({"route": "/"}), PAYMENTS, "s", "histogram", temporality)  # type: ignore[arg-type]


def test_otel_cumulative() -> None:
    requests = [
        decoded(m=metrics([], histograms=[(histogram(), p)]))
        for p in (
            point(0, (60, 0, 0), 3.0),
            point(10, (60, 20, 0), 6.0),
            point(10, (60, 20, 0), 6.0),
            point(20, (60, 20, 0), 6.0),
        )
    ]
    first, second, repeated, idle = series_of(normalizer := Normalizer(), *requests)
    assert first["http.server.request.rate"] == 1.0
    assert second == {
        "http.server.request.rate": 2.0, "http.server.request.duration.p50": pytest.approx(0.15),
        "http.server.request.duration.p95": pytest.approx(0.195),
        "http.server.request.duration.mean": pytest.approx(0.15),
    }  # fmt: skip
    assert (repeated, idle) == ({}, {"http.server.request.rate": 0.0})
    assert {s.metric: (s.unit, s.direction) for s in normalizer.series} == {
        "http.server.request.duration.p50": ("s", "up"), "http.server.request.duration.p95": ("s", "up"),
        "http.server.request.duration.mean": ("s", "up"), "http.server.request.rate": ("1/s", "both"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "again",
    [
        point(10, (2, 0, 0), 0.1),
        point(10, (90, 0, 0), 3.0, start=5),
        HistogramPoint(0, 1, T0 + 10 * S, (9.0,), (2, 0), 1.0),
    ],
)
def test_a_histogram_that_began_anew_counts_as_it_stands(again: HistogramPoint) -> None:
    requests = [decoded(m=metrics([], histograms=[(histogram(), p)])) for p in (point(0, (60, 0, 0), 3.0), again)]
    _, second = series_of(Normalizer(), *requests)
    assert second["http.server.request.rate"] == sum(again.counts) / 10


def test_otel_delta() -> None:
    requests = [
        decoded(m=metrics([], histograms=[(histogram("delta"), p)]))
        for p in (point(0, (0, 10, 0), 1.5, -10), point(10, (0, 0, 0), 0.0, 0))
    ]
    first, idle = series_of(Normalizer(), *requests)
    assert first["http.server.request.duration.p50"] == pytest.approx(0.15)
    assert idle == {"http.server.request.rate": 0.0}


def family(at: int, counts: tuple[float, ...]) -> list[Sample]:
    les = ("0.1", "0.2", "+Inf")
    return [
        (prometheus("rpc_duration_seconds_bucket", job="api", le=le), T0 + at * S, value)
        for le, value in zip(les, counts, strict=True)
    ]


def test_a_prometheus_family_speaks_when_all_its_buckets_are_there() -> None:
    requests = [
        decoded(m=metrics(part))
        for part in (
            family(0, (5, 5, 5)),
            family(10, (5, 25, 25))[:2],
            family(10, (5, 25, 25))[2:],
            family(20, (5, 25, 25)),
        )
    ]
    got = series_of(Normalizer(), *requests)
    assert got == [
        {},
        {},
        {"rpc_duration_seconds.p50": pytest.approx(0.15), "rpc_duration_seconds.p95": pytest.approx(0.195)},
        {},
    ]


def test_a_family_whose_buckets_change_goes_on() -> None:
    wide = [
        *family(20, (5, 30, 40)),
        (prometheus("rpc_duration_seconds_bucket", job="api", le="0.5"), T0 + 20 * S, 40.0),
    ]
    wide += [(s, T0 + 30 * S, v + 10) for s, _, v in wide]
    narrow = [(s, T0 + 40 * S, v + 20) for s, _, v in wide[:4]]
    parts = (family(0, (5, 5, 5)), family(10, (5, 25, 25)), wide, narrow)
    got = series_of(Normalizer(), *(decoded(m=metrics(part)) for part in parts))
    assert all(values for values in got[1:])


def test_two_processes_feed_one_series_and_do_not_mix_their_buckets() -> None:
    def one(pod: str, at: int, counts: tuple[float, ...]) -> list[Sample]:
        return [
            (prometheus(s.name, **dict(s.labels), pod=f"api-7d9f8b6c5d-{pod}"), t, v) for s, t, v in family(at, counts)
        ]

    normalizer = Normalizer()
    got = series_of(
        normalizer,
        *(
            decoded(m=metrics(one(pod, at, c)))
            for at, c in ((0, (0, 0, 0)), (10, (0, 9, 9)))
            for pod in ("aaaa1", "bbbb2")
        ),
    )
    assert [bool(values) for values in got] == [False, False, True, True]
    assert len(normalizer.series) == 2


def test_le_that_is_no_number_and_buckets_that_cross_harm_nothing() -> None:
    odd = [(prometheus("x_bucket", job="api", le="many"), T0 + at * S, 1.0) for at in (0, 10)]
    crossing = [*family(0, (0, 0, 0)), *family(10, (9, 7, 9))]
    got = series_of(Normalizer(), decoded(m=metrics(odd + crossing)))
    assert got[0]["rpc_duration_seconds.p50"] == pytest.approx(0.05)
