"""Users' own alerts: unchanged, named as theirs, ended when their sender said."""

from __future__ import annotations

import pytest
from tests.detect.spoken import AT_MS, Spoken, applied, only

from mainstay.detect import Detect
from mainstay.domain.alerts import Alert
from mainstay.domain.models import VersionRef
from mainstay.domain.signals import Normal

MINUTE = 60_000


def rule(*, status: str = "firing", ends_ms: int | None = None, since_ms: int = AT_MS - MINUTE, **more) -> Alert:
    facts = {"summary": "disk of db1 is nearly full", "labels": {"severity": "page"}, "source": "prometheus"}
    facts |= more
    return Alert(
        id=facts.pop("id", "alert-77"),
        fingerprint="fp77",
        entity="host:lab/db1",
        name="DiskAlmostFull",
        severity="critical",
        status=status,
        since_ms=since_ms,
        at_ms=since_ms,
        decided_by=VersionRef("rule/DiskAlmostFull", 0),
        ended_ms=ends_ms,
        **facts,
    )


@pytest.fixture
def stage():
    return Detect(Spoken())


def test_it_passes_as_it_is(stage):
    effects = applied(stage, Normal(alerts=(rule(ends_ms=AT_MS + 4 * MINUTE),)))
    alert = only(effects)
    assert (str(alert.decided_by), alert.source, alert.status, alert.ended_ms) == (
        "rule/DiskAlmostFull@0",
        "prometheus",
        "firing",
        None,
    )
    assert (alert.id, alert.summary, alert.since_ms) == ("alert-77", "disk of db1 is nearly full", AT_MS - MINUTE)
    (entry,) = effects.entries
    assert (entry.kind, entry.actor, entry.rests_on) == ("alert", "rule/DiskAlmostFull@0", ("rule/DiskAlmostFull@0",))


def test_a_repeat_is_no_news_and_puts_its_end_off(stage):
    applied(stage, Normal(alerts=(rule(ends_ms=AT_MS + 4 * MINUTE),)))
    repeated = applied(stage, Normal(alerts=(rule(ends_ms=AT_MS + 8 * MINUTE),)), AT_MS + 3 * MINUTE)
    assert not repeated.alerts
    assert not repeated.entries
    assert not applied(stage, at_ms=AT_MS + 5 * MINUTE).alerts
    ended = only(applied(stage, at_ms=AT_MS + 8 * MINUTE))
    assert (ended.status, ended.ended_ms) == ("resolved", AT_MS + 8 * MINUTE)
    assert stage.firing == []


def test_news_is_told(stage):
    applied(stage, Normal(alerts=(rule(),)))
    assert (
        only(applied(stage, Normal(alerts=(rule(summary="disk of db1 is full"),)), AT_MS + 1)).summary
        == "disk of db1 is full"
    )


def test_its_sender_resolves_it(stage):
    applied(stage, Normal(alerts=(rule(),)))
    effects = applied(stage, Normal(alerts=(rule(status="resolved", ends_ms=AT_MS + MINUTE),)), AT_MS + 2 * MINUTE)
    assert (only(effects).status, only(effects).ended_ms) == ("resolved", AT_MS + MINUTE)
    assert effects.entries[0].kind == "alert-resolved"
    assert not applied(stage, Normal(alerts=(rule(status="resolved"),)), AT_MS + 3 * MINUTE).alerts


def test_an_alert_that_has_ended_already_when_it_comes_is_no_alert(stage):
    assert not applied(stage, Normal(alerts=(rule(ends_ms=AT_MS - 1),))).alerts


def test_without_an_end_it_stays(stage):
    applied(stage, Normal(alerts=(rule(),)))
    assert not applied(stage, at_ms=AT_MS + 1000 * MINUTE).alerts
    assert len(stage.firing) == 1


def test_a_thousand_of_them_all_pass(stage):
    alerts = tuple(rule(since_ms=AT_MS - i) for i in range(1, 1001))
    many = tuple(
        type(a)(
            **{
                **{f: getattr(a, f) for f in a.__struct_fields__},
                "fingerprint": str(a.since_ms),
                "id": f"alert-{a.since_ms}",
            }
        )
        for a in alerts
    )
    assert len(applied(stage, Normal(alerts=many)).alerts) == 1000


def test_a_restart_keeps_its_end(stage):
    applied(stage, Normal(alerts=(rule(ends_ms=AT_MS + MINUTE),)))
    again = Detect(Spoken())
    again.restore(stage.snapshot())
    assert only(applied(again, at_ms=AT_MS + MINUTE)).status == "resolved"


def test_without_a_start_it_keeps_the_one_it_was_first_told_with(stage):
    def told(at_ms):
        return rule(id="", since_ms=at_ms, ends_ms=at_ms + MINUTE, summary=f"at {at_ms}")

    first = only(applied(stage, Normal(alerts=(told(AT_MS),))))
    again = only(applied(stage, Normal(alerts=(told(AT_MS + 30_000),)), AT_MS + 30_000))
    assert (again.id, again.since_ms) == (first.id, AT_MS)
    assert only(applied(stage, at_ms=AT_MS + 2 * MINUTE)).status == "resolved"
    back = only(applied(stage, Normal(alerts=(told(AT_MS + 2 * MINUTE + 5000),)), AT_MS + 2 * MINUTE + 5000))
    assert (back.id, back.since_ms, back.status) == (first.id, AT_MS, "firing")


def test_without_a_start_what_comes_an_hour_later_is_another_one(stage):
    first = only(applied(stage, Normal(alerts=(rule(id="", since_ms=AT_MS, ends_ms=AT_MS + MINUTE),))))
    only(applied(stage, at_ms=AT_MS + 2 * MINUTE))
    later = AT_MS + 60 * MINUTE
    other = only(applied(stage, Normal(alerts=(rule(id="", since_ms=later, ends_ms=later + MINUTE),)), later))
    assert other.id != first.id
    assert other.since_ms == later
