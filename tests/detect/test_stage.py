"""Transitions become alerts: once when they start, once when they worsen, once when they end; a flap is one alert."""

from __future__ import annotations

import numpy as np
import pytest
from tests.detect.spoken import AT_MS, Spoken, applied, only, turn

from mainstay.detect import Detect
from mainstay.domain.alerts import Band
from mainstay.domain.effects import Effects
from mainstay.domain.errors import Corrupt
from mainstay.domain.protocols import Models
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.domain.verdicts import Verdict

MINUTE = 60_000


@pytest.fixture
def models():
    return Spoken()


@pytest.fixture
def stage(models):
    asked: Models = models
    return Detect(asked)


def verdict(alert: str, kind: str = "not-anomaly") -> Verdict:
    return Verdict(id="v1", kind=kind, subject=alert, by="user:ada", at_ms=AT_MS)


def test_a_start_is_an_alert_with_its_author_onset_and_frozen_inputs(stage, models):
    models.say("edges", turn(True))
    effects = applied(stage)
    alert = only(effects)
    assert (alert.status, alert.since_ms, alert.at_ms, str(alert.decided_by)) == (
        "firing",
        AT_MS - 10_000,
        AT_MS,
        "edges@1",
    )
    assert (alert.subject, alert.signal, alert.severity, alert.source) == ("edge:a>b", "latency", "major", "detector")
    (entry,) = effects.entries
    assert (entry.kind, entry.subject, entry.actor, entry.rests_on) == (
        "alert",
        alert.id,
        "edges@1",
        ("version-edges@1",),
    )
    assert entry.inputs == {"frozen": "edge:a>b", "at": AT_MS}
    assert entry.output["effect"] == 4.0
    assert stage.firing == [alert]


def test_ids_are_derived_and_differ_by_condition(models):
    def ids(*turns):
        stage = Detect(models)
        models.say("edges", *turns)
        return list(applied(stage).alerts)

    same = ids(turn(True)), ids(turn(True))
    assert same[0] == same[1]
    several = ids(
        turn(True), turn(True, subject="edge:a>c"), turn(True, channel="errors"), turn(True, subject="edge:b>a")
    )
    assert len(set(several)) == 4
    assert ids(turn(True, since_ms=AT_MS - 5)) != same[0]


def test_an_end_resolves_the_same_alert(stage, models):
    models.say("edges", turn(True))
    started = only(applied(stage))
    models.say("edges", turn(False, at_ms=AT_MS + MINUTE))
    effects = applied(stage, at_ms=AT_MS + MINUTE)
    ended = only(effects)
    assert (ended.id, ended.status, ended.ended_ms, ended.severity) == (started.id, "resolved", AT_MS + MINUTE, "major")
    assert [e.kind for e in effects.entries] == ["alert-resolved"]
    assert stage.firing == []


def test_the_end_of_what_was_never_told_is_nothing(stage, models):
    models.say("edges", turn(False))
    effects = applied(stage)
    assert not effects.alerts
    assert not effects.entries


def test_a_recurrence_within_two_minutes_continues_the_alert_and_later_is_a_new_one(stage, models):
    def episode(at_ms: int) -> str:
        models.say("edges", turn(True, at_ms=at_ms))
        alert = only(applied(stage, at_ms=at_ms))
        models.say("edges", turn(False, at_ms=at_ms + 20_000))
        applied(stage, at_ms=at_ms + 20_000)
        return alert.id, alert.fingerprint, alert.since_ms

    first, again, later = episode(AT_MS), episode(AT_MS + MINUTE), episode(AT_MS + 30 * MINUTE)
    assert first == again
    assert later[0] != first[0]
    assert later[1] == first[1]


def test_what_worsens_is_the_same_alert_with_news(stage, models):
    models.say("edges", turn(True, severity="minor"))
    first = only(applied(stage))
    models.say("edges", turn(True, severity="critical", at_ms=AT_MS + 5000, since_ms=AT_MS, summary="p95 of b 9 s"))
    effects = applied(stage, at_ms=AT_MS + 5000)
    worse = only(effects)
    assert (worse.id, worse.since_ms, worse.severity, worse.summary) == (
        first.id,
        first.since_ms,
        "critical",
        "p95 of b 9 s",
    )
    assert len(effects.entries) == 1


def test_a_swapped_version_signs_from_then_on(stage, models):
    models.say("edges", turn(True))
    applied(stage)
    models.version = 2
    models.say("edges", turn(False, at_ms=AT_MS + MINUTE))
    effects = applied(stage, at_ms=AT_MS + MINUTE)
    assert str(only(effects).decided_by) == "edges@1", "which version raised it is asked when it is long over"
    assert effects.entries[0].actor == "edges@2"
    models.say("edges", turn(True, at_ms=AT_MS + 2 * MINUTE))
    assert str(only(applied(stage, at_ms=AT_MS + 2 * MINUTE)).decided_by) == "edges@2"


def test_the_record_time_is_handed_to_the_models_and_bands_and_scores_are_kept(stage, models):
    batch = MetricBatch(np.array([0], np.uint32), np.array([1]), np.array([1.0]))
    applied(stage, Normal(metrics=batch))
    assert {normal.at_ns for normal in models.heard} == {AT_MS * 10**6}
    assert len(stage.bands) == 1
    assert stage.scores == [np.full(1, 0.5).tobytes()]
    applied(stage)
    assert stage.bands == []
    assert stage.scores == []


def test_a_series_that_falls_silent_ends_its_alert_after_five_minutes(stage, models):
    series = Series(4, 77, "service:lab/b", "service.latency.p95")
    other = MetricBatch(np.array([5], np.uint32), np.array([1]), np.array([1.0]))
    mine = MetricBatch(np.array([4], np.uint32), np.array([1]), np.array([1.0]))
    models.say("metrics", turn(True, subject="metric:77"))
    applied(stage, Normal(new_series=(series,), metrics=mine))
    assert not applied(stage, Normal(metrics=mine), AT_MS + 4 * MINUTE).alerts
    assert not applied(stage, Normal(metrics=other), AT_MS + 8 * MINUTE).alerts
    effects = applied(stage, at_ms=AT_MS + 9 * MINUTE)
    assert only(effects).status == "resolved"
    assert only(effects).ended_ms == AT_MS + 4 * MINUTE
    assert effects.entries[0].output["event"] == "silent"


@pytest.mark.parametrize(("value", "ends"), [(9.0, True), (0.0, False)])
def test_a_counter_that_nobody_reports_counts_nothing(stage, models, value, ends):
    """A rolled-back process does not report errors that it does not have; that traffic is gone is another matter."""
    series = Series(4, 77, "service:lab/b", "http.server.errors.rate")
    mine = MetricBatch(np.array([4], np.uint32), np.array([1]), np.array([1.0]))
    started = turn(
        True, subject="metric:77", labels={"metric": series.metric}, band=Band(low=1.0, high=2.0, value=value)
    )
    models.say("metrics", started)
    applied(stage, Normal(new_series=(series,), metrics=mine))
    assert not applied(stage, at_ms=AT_MS + 99_000).alerts
    assert bool(applied(stage, at_ms=AT_MS + 101_000).alerts) is ends


@pytest.mark.parametrize("name", ["http.server.errors.rate", "http.server.request.duration.p95"])
@pytest.mark.parametrize(("every_s", "is_over_after_s"), [(2, 30), (5, 30), (10, 60), (60, 100)])
def test_what_happens_no_more_is_given_up_by_its_own_rhythm(stage, models, name, every_s, is_over_after_s):
    series = Series(4, 77, "service:lab/b", name)
    mine = MetricBatch(np.array([4], np.uint32), np.array([1]), np.array([1.0]))
    started = turn(True, subject="metric:77", labels={"metric": series.metric}, band=Band(low=1.0, high=2.0, value=9.0))
    models.say("metrics", started)
    applied(stage, Normal(new_series=(series,), metrics=mine))
    for n in range(1, 4):
        applied(stage, Normal(metrics=mine), AT_MS + n * every_s * 1000)
        stage.restore(stage.snapshot())
    last_ms = AT_MS + 3 * every_s * 1000
    assert not applied(stage, at_ms=last_ms + is_over_after_s * 1000 - 1).alerts
    effects = applied(stage, at_ms=last_ms + is_over_after_s * 1000)
    assert (only(effects).status, only(effects).ended_ms) == ("resolved", last_ms)
    assert f"nothing of the kind happened for {is_over_after_s} s" in str(effects.entries[0].output)


def test_a_storm_is_capped_listed_and_follows_gravest_first(stage, models):
    turns = [turn(True, subject=f"edge:a>{i}", severity="minor" if i < 300 else "major") for i in range(500)]
    models.say("edges", *turns, turn(True, subject="edge:a>x", severity="critical"))
    effects = applied(stage)
    assert len(effects.alerts) == 201
    assert any(alert.severity == "critical" for alert in effects.alerts.values())
    held = [e for e in effects.entries if e.kind == "suppression"]
    assert held[0].output["count"] == 300
    assert len(held[0].output["held"]) == 300
    assert stage.standing.waiting == 300
    second = applied(stage, at_ms=AT_MS + 5000)
    assert sum(alert.severity == "major" for alert in second.alerts.values()) == 200
    assert len(applied(stage, at_ms=AT_MS + 10_000).alerts) == 100
    assert (stage.standing.waiting, stage.standing.lost, len(stage.firing)) == (0, 0, 501)


def test_what_ends_while_it_is_held_is_never_told(stage, models):
    models.say("edges", *[turn(True, subject=f"edge:a>{i}") for i in range(201)])
    waiting = next(e for e in applied(stage).entries if e.kind == "suppression").output["held"][0]
    models.say("edges", turn(False, subject=waiting["subject"]))
    assert not applied(stage).alerts
    assert not applied(stage, at_ms=AT_MS + 5000).alerts


def test_not_an_anomaly_raises_the_bar_for_this_condition_only(stage, models):
    models.say("edges", turn(True, effect=4.0), turn(True, subject="edge:a>c"))
    first = next(iter(applied(stage).alerts))
    stage.learn(verdict(first), Effects())
    models.say("edges", turn(False), turn(False, subject="edge:a>c"))
    applied(stage, at_ms=AT_MS + 10)
    later = AT_MS + 60 * MINUTE
    models.say("edges", turn(True, effect=5.9, at_ms=later), turn(True, subject="edge:a>c", at_ms=later))
    effects = applied(stage, at_ms=later)
    held = {alert.subject: alert.suppressed for alert in effects.alerts.values()}
    assert held == {"edge:a>b": True, "edge:a>c": False}
    assert [e.kind for e in effects.entries] == ["alert", "suppression", "alert"]
    assert "not an anomaly" in next(a.suppressed_why for a in effects.alerts.values() if a.suppressed)


@pytest.mark.parametrize(("effect", "severity"), [(6.0, "major"), (4.0, "critical")])
def test_what_is_stronger_or_critical_is_told_all_the_same(stage, models, effect, severity):
    models.say("edges", turn(True, effect=4.0))
    stage.learn(verdict(next(iter(applied(stage).alerts))), Effects())
    models.say("edges", turn(True, effect=effect, severity=severity, at_ms=AT_MS + 9))
    assert not only(applied(stage, at_ms=AT_MS + 9)).suppressed


def test_the_bar_is_taken_back(stage, models):
    models.say("edges", turn(True))
    first = next(iter(applied(stage).alerts))
    stage.learn(verdict(first), Effects())
    stage.learn(verdict(first, "anomaly"), Effects())
    stage.learn(verdict("unknown"), Effects())
    models.say("edges", turn(True, at_ms=AT_MS + 9))
    assert not only(applied(stage, at_ms=AT_MS + 9)).suppressed


def test_a_restart_in_the_middle_changes_nothing(models):
    stage, through, said = Detect(models), Detect(models), []
    for step in range(30):
        at_ms = AT_MS + step * 7000
        turns = [turn(step % 3 != 2, subject=f"edge:a>{i}", at_ms=at_ms) for i in range(step % 5)]
        results = []
        for one in (stage, through):
            models.say("edges", *turns)
            effects = applied(one, at_ms=at_ms)
            results.append((effects.alerts, effects.entries))
            if step == 7:
                one.learn(verdict(next(iter(one._book.bars.told))), Effects())
        assert results[0] == results[1]
        said += results[0][1]
        again = Detect(models)
        again.restore(stage.snapshot())
        assert again.snapshot() == stage.snapshot()
        stage = again
    assert said
    with pytest.raises(Corrupt):
        stage.restore(b"")
