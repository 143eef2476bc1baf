"""The streaming metric detector: calm on noise, quick on faults, exact in every cut."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.models.simulated import SAMPLE_NS, START_NS, Metrics

from mainstay.domain.protocols import Scored, Transition
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.models.anomaly.metrics import RobustSeason

HOUR_NS = 3600 * 10**9


def feed(
    detector: RobustSeason, values, *, every_ns: int = SAMPLE_NS, start_ns: int = START_NS, slot: int = 0
) -> list[Transition]:
    """Samples of one slot, as one batch."""
    at = start_ns + np.arange(len(values)) * every_ns
    batch = MetricBatch(np.full(len(values), slot, np.uint32), at, np.asarray(values, float))
    return list(detector.score(Normal(metrics=batch)).transitions)


def watching(metric: str, unit: str = "", direction: str = "up", labels=()) -> RobustSeason:
    detector = RobustSeason({})
    detector.score(Normal(new_series=(Series(0, 77, "service:lab/payments", metric, labels, unit, direction),)))
    return detector


def noise(n: int, level: float, spread: float, seed: int = 0) -> np.ndarray:
    return level * np.exp(np.random.default_rng(seed).normal(0, spread, n))


@pytest.mark.parametrize("seed", [1, 2])
def test_half_an_hour_of_400_normal_series_is_silent(seed):
    detector = RobustSeason({})
    told = [
        t.summary for normal in Metrics(count=400, seed=seed).batches(900) for t in detector.score(normal).transitions
    ]
    assert told == []


@pytest.mark.parametrize(("z_least", "least", "most"), [(3.0, 0, 5), (0.1, 50, 10_000)])
def test_nothing_nearer_than_its_least_distance_is_outside_whatever_its_tail_says(z_least, least, most):
    loud = {"p_fire": 0.5, "rel": 1e-4, "abs": 0.0, "abs_s": 0.0, "abs_bytes": 0.0, "persist_s": 0.1}
    rules = [{**rule, **loud, "z_least": z_least} for rule in RobustSeason.DEFAULTS["rules"]]
    detector = RobustSeason({"rules": rules})
    told = sum(len(detector.score(normal).transitions) for normal in Metrics(count=60, seed=1).batches(200))
    assert least <= told <= most


FAULTS = [
    ("service.latency.p95", "ms", 60.0, 0.4, 600.0, "latency", "major"),
    ("service.latency.p95", "ms", 60.0, 0.3, 260.0, "latency", "minor"),
    ("process.cpu.utilization", "1", 0.05, 0.5, 0.98, "saturation", "minor"),
    ("messaging.queue.depth", "{message}", 2.0, 0.8, 120.0, "saturation", "major"),
    ("http.server.errors.rate", "{request}/s", 0.02, 0.5, 4.0, "errors", "major"),
    ("messaging.queue.oldest.age", "s", 0.3, 0.5, 30.0, "saturation", "major"),
    ("service.error.ratio", "1", 0.001, 0.1, 0.6, "errors", "major"),
]


@pytest.mark.parametrize(("metric", "unit", "level", "spread", "fault", "signal", "severity"), FAULTS)
def test_a_fault_is_told_within_twenty_seconds_and_ends_with_it(metric, unit, level, spread, fault, signal, severity):
    detector = watching(metric, unit)
    assert feed(detector, noise(60, level, spread)) == []
    begin = START_NS + 60 * SAMPLE_NS
    started = feed(detector, noise(20, fault, 0.05, seed=1), start_ns=begin)
    assert started
    first, last = started[0], started[-1]
    assert first.firing
    assert first.at_ns - begin <= 20 * 10**9
    assert abs(first.since_ns - begin) <= 2 * SAMPLE_NS
    assert (last.signal, last.severity) == (signal, severity)
    assert first.band is not None
    assert first.band.value > first.band.high
    ended = feed(detector, noise(60, level, spread, seed=2), start_ns=begin + 20 * SAMPLE_NS)
    assert [t.firing for t in ended] == [False]
    assert (ended[0].subject, ended[0].channel) == (first.subject, first.channel)


def test_the_summary_is_what_an_operator_says():
    detector = watching("service.latency.p95", "ms")
    feed(detector, noise(60, 120, 0.1))
    told = feed(detector, [2400.0] * 12, start_ns=START_NS + 60 * SAMPLE_NS)[0]
    assert told.summary.startswith("p95 of service.latency of payments 2.4 s, expected 0–")
    assert told.summary.endswith("ms, since 00:02:00")


def test_from_5_to_8_ms_is_rare_and_no_incident():
    detector = watching("http.server.request.duration.p95", "s")
    feed(detector, noise(300, 0.005, 0.02))
    assert feed(detector, [0.008] * 100, start_ns=START_NS + 300 * SAMPLE_NS) == []


def test_what_only_explains_is_scored_and_never_told():
    detector = watching("process.scheduling.delay", "s")
    feed(detector, noise(60, 0.004, 0.8))
    assert feed(detector, noise(200, 0.9, 0.1), start_ns=START_NS + 60 * SAMPLE_NS) == []
    last = MetricBatch(np.zeros(1, np.uint32), np.array([START_NS + 10**13]), np.array([900.0]))
    scored = detector.score(Normal(metrics=last))
    assert scored.scores[0] < 1e-3
    assert scored.bands is not None


def test_availability_falls():
    detector = watching("telemetry.availability", "1", "down")
    feed(detector, [1.0] * 24, every_ns=5 * 10**9)
    told = feed(detector, [0.0] * 5, every_ns=5 * 10**9, start_ns=START_NS + 24 * 5 * 10**9)
    assert [(t.signal, t.severity, t.firing) for t in told] == [("availability", "major", True)]


def test_nothing_is_judged_before_there_is_history():
    detector = watching("service.latency.p95", "ms")
    assert feed(detector, [50.0] * 5 + [5000.0] * 20) == []


@pytest.mark.parametrize(("missing", "is_of_now"), [(0, False), (6, False), (600, True)])
def test_what_was_odd_before_a_long_silence_is_no_onset_of_what_is_odd_now(missing, is_of_now):
    """The latency of failing calls is told only while calls fail: an hour ago is another trouble."""
    detector = watching("service.latency.p95", "ms")
    feed(detector, noise(200, 60.0, 0.2))
    gone_ns = START_NS + 202 * SAMPLE_NS
    feed(detector, [900.0, 900.0], start_ns=gone_ns - 2 * SAMPLE_NS)
    back_ns = gone_ns + missing * SAMPLE_NS
    told = feed(detector, [900.0] * 30, start_ns=back_ns)
    assert [one.firing for one in told] == [True]
    assert told[0].since_ns == (back_ns if is_of_now else gone_ns - 2 * SAMPLE_NS)


def test_a_short_spike_is_not_told():
    detector = watching("service.latency.p95", "ms")
    feed(detector, noise(60, 60, 0.3))
    spike = [900.0] * 4 + list(noise(30, 60, 0.3, seed=3))
    assert feed(detector, spike, start_ns=START_NS + 60 * SAMPLE_NS) == []


def test_a_leak_is_found_fast_or_slow():
    for per_sample, within in ((1e6, 60), (0.1e6, 900)):
        detector = watching("process.memory.usage", "By")
        feed(detector, 8e7 + 3e5 * np.random.default_rng(1).normal(size=60))
        ramp = 8e7 + per_sample * np.arange(within)
        told = feed(detector, ramp, start_ns=START_NS + 60 * SAMPLE_NS)
        assert told, per_sample
        assert told[0].name.startswith("memory")


def test_a_resource_near_its_limit_worsens_and_says_so():
    detector = RobustSeason({})
    labels = (("mountpoint", "/data"),)
    usage = Series(0, 1, "service:lab/store", "process.memory.usage", labels, "By", "up")
    limit = Series(1, 2, "service:lab/store", "process.memory.limit", labels, "By", "both")
    detector.score(Normal(new_series=(limit, usage)))
    at = START_NS + np.repeat(np.arange(120), 2) * SAMPLE_NS
    values = np.empty(240)
    values[1::2] = 220e6
    values[0::2] = np.concatenate([np.full(60, 80e6), np.linspace(80e6, 215e6, 60)])
    batch = MetricBatch(np.tile(np.array([0, 1], np.uint32), 120), at, values)
    told = detector.score(Normal(metrics=batch)).transitions
    assert [(t.output["event"], t.severity) for t in told] == [("started", "minor"), ("worse", "major")]
    assert told[1].labels["near_exhaustion"] == "true"
    assert told[0].since_ns == told[1].since_ns
    assert "limit 210 MiB" in told[1].summary


def test_hours_outside_become_the_new_normal_with_a_note():
    detector = watching("service.latency.p95", "ms")
    feed(detector, noise(100, 60, 0.2), every_ns=15 * 10**9)
    told = feed(detector, noise(1200, 400, 0.2), every_ns=15 * 10**9, start_ns=START_NS + 1500 * 10**9)
    assert [t.output["event"] for t in told if t.output["event"] != "worse"] == ["started", "adopted"]
    assert "new normal" in told[-1].summary


def test_a_fault_is_not_learned_while_it_lasts():
    detector = watching("service.latency.p95", "ms")
    feed(detector, noise(300, 60, 0.2))
    told = feed(detector, noise(1500, 600, 0.2), start_ns=START_NS + 300 * SAMPLE_NS)
    assert all(t.firing for t in told)
    scored = detector.score(
        Normal(metrics=MetricBatch(np.zeros(1, np.uint32), np.array([START_NS + 10**13]), np.array([600.0])))
    )
    assert scored.bands is None or scored.bands.high[0] < 400


def test_the_rhythm_of_the_day_is_learned():
    """A job runs every day from 02:00 to 03:00. After a week it is expected; at 12:00 the same is told."""
    detector = watching("service.latency.p95", "ms")
    minutes = np.arange(8 * 1440)
    rng = np.random.default_rng(4)
    values = 50 + 400 * ((minutes % 1440) // 60 == 2) + rng.normal(0, 4, len(minutes))
    told = feed(detector, values, every_ns=60 * 10**9)
    later = [t for t in told if t.firing and t.at_ns - START_NS > 5 * 24 * HOUR_NS]
    assert len([t for t in told if t.firing]) >= 1
    assert later == []
    noon = feed(detector, [450.0] * 30, every_ns=60 * 10**9, start_ns=START_NS + (8 * 24 + 12) * HOUR_NS)
    assert noon
    assert noon[0].firing


def test_a_limit_that_is_always_near_is_told_at_most_once():
    detector = watching("system.filesystem.utilization", "1")
    assert feed(detector, np.full(2000, 0.93)) == []


@pytest.mark.parametrize("cut", [1, 7, 64, 1000])
def test_any_cut_gives_the_same_bits(cut):
    whole, parts = RobustSeason({}), RobustSeason({})
    normals = list(Metrics(count=16, seed=5).batches(90))
    batch = MetricBatch(
        *(np.concatenate([getattr(n.metrics, name) for n in normals]) for name in ("series", "at_ns", "value"))
    )
    batch.value[700:900] *= 20
    batch.value[33] = np.nan
    series = normals[0].new_series
    at_once = whole.score(Normal(metrics=batch, new_series=series))
    scored: list[Scored] = [parts.score(Normal(new_series=series))]
    for i in range(0, len(batch), cut):
        piece = MetricBatch(batch.series[i : i + cut], batch.at_ns[i : i + cut], batch.value[i : i + cut])
        scored.append(parts.score(Normal(metrics=piece)))
    assert np.concatenate([s.scores for s in scored]).tobytes() == at_once.scores.tobytes()
    assert [t for s in scored for t in s.transitions] == list(at_once.transitions)
    assert at_once.transitions
    assert parts._rows[:16].tobytes() == whole._rows[:16].tobytes()


def test_decisions_can_be_repeated_from_json():
    detector = watching("service.latency.p95", "ms")
    feed(detector, noise(60, 60, 0.3))
    told = feed(detector, [900.0] * 20 + [60.0] * 20, start_ns=START_NS + 60 * SAMPLE_NS)
    assert len(told) >= 2
    other = RobustSeason({})
    for transition in told:
        assert other.decide(json.loads(json.dumps(transition.inputs))) == transition.output


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 300,
        [np.nan] * 50,
        [1e308, -1e308] * 100,
        [np.inf, 1.0] * 50,
        [1e-320] * 200,
        [5.0] * 200 + [np.nan] * 9 + [5.0] * 9,
        list(np.arange(200.0)),
        [-3.0, 3.0] * 100,
    ],
)
@pytest.mark.parametrize("every_ns", [0, 1, SAMPLE_NS, 24 * HOUR_NS])
def test_strange_values_and_times_do_no_harm(values, every_ns):
    detector = watching("something.else", "", "both")
    feed(detector, values, every_ns=every_ns)
    names = [n for n in detector._rows.dtype.names if detector._rows[n].dtype.kind == "f"]
    assert all(np.isfinite(detector._rows[n]).all() for n in names)


def test_unknown_series_late_and_repeated_samples_score_nan():
    detector = watching("service.latency.p95", "ms")
    feed(detector, noise(60, 60, 0.3))
    late = np.array([START_NS, START_NS + 59 * SAMPLE_NS, START_NS + 10**15, START_NS + 10**15])
    scored = detector.score(Normal(metrics=MetricBatch(np.array([0, 0, 0, 9], np.uint32), late, np.full(4, 60.0))))
    assert np.isnan(scored.scores).tolist() == [True, True, False, True]


def test_a_series_told_again_after_a_restart_keeps_its_state():
    series = (Series(0, 77, "service:lab/payments", "service.latency.p95", (), "ms", "up"),)
    detector = RobustSeason({})
    detector.score(Normal(new_series=series))
    feed(detector, noise(60, 60, 0.3))
    other = RobustSeason({})
    other.restore(detector.snapshot())
    other.score(Normal(new_series=series))
    assert other.snapshot() == detector.snapshot()


def test_a_row_is_small():
    assert RobustSeason({})._rows.dtype.itemsize <= 160
