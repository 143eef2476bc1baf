"""Promised against observed: counts, an exact interval, nothing unlabelled called false, and the misses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.alerts import Alert, Severity
from mainstay.domain.incidents import Grouping, Incident
from mainstay.domain.models import VersionRef
from mainstay.domain.verdicts import Verdict, VerdictKind
from mainstay.feedback import misses, observed, pages
from mainstay.feedback.pages import Page, poisson

T0, HOUR = 1_790_000_000_000, 3_600_000
BY = VersionRef("edges", 1)
PAYMENTS, SEARCH = "service:prod/payments", "service:prod/search"
OWNERS = {PAYMENTS: "payments", SEARCH: "search"}


def an_alert(name: str, *, severity: Severity = "major", at_ms: int = T0, entity: str = PAYMENTS, **more: str) -> Alert:
    source, fired = more.get("source", "detector"), more.get("labels", "")
    return Alert(
        id=name, fingerprint=name, entity=entity, name=name, severity=severity, status="firing", since_ms=at_ms,
        at_ms=at_ms + 5000, decided_by=BY, source=source, labels={fired: "true"} if fired else {},
    )  # fmt: skip


def an_incident(number: int, *alerts: str, opened_ms: int = T0, entity: str = PAYMENTS, later: str = "") -> Incident:
    groupings = [Grouping(alert=one, at_ms=opened_ms, why="", decided_by=BY) for one in alerts]
    if later:
        groupings.append(Grouping(alert=later, at_ms=opened_ms + 1, why="", decided_by=BY))
    return Incident(
        id=f"INC-{number}", status="open", severity="major", title="", since_ms=opened_ms, opened_ms=opened_ms,
        updated_ms=opened_ms, decided_by=BY, groupings=tuple(groupings), entities=(entity,),
    )  # fmt: skip


def said(kind: VerdictKind, subject: str, *, by: str = "ada", at_ms: int = T0, target: str = "") -> Verdict:
    return Verdict(id=f"V-{kind}-{subject}-{by}", kind=kind, subject=subject, by=by, at_ms=at_ms, target=target)


def told(incidents: Sequence[Incident], alerts: Sequence[Alert], verdicts: Sequence[Verdict] = ()) -> list[Page]:
    return pages(incidents, {a.id: a for a in alerts}, verdicts, lambda entity: OWNERS.get(entity, "default"))


def test_pages_that_are_not_limited_are_counted_apart() -> None:
    alerts = [
        an_alert("ours"), an_alert("rule", source="prometheus"), an_alert("worst", severity="critical"),
        an_alert("full", labels="near_exhaustion"), an_alert("elsewhere", entity=SEARCH),
    ]  # fmt: skip
    found = told([an_incident(n, a.id, entity=a.entity) for n, a in enumerate(alerts)], alerts)
    seen = observed("payments", found, 2.0, 7)
    assert (seen.limited, seen.rules, seen.always, seen.unlabelled) == (1, 1, 2, 1)
    assert observed("search", found, 2.0, 7).limited == 1
    assert observed("nobody", found, 2.0, 7).limited == 0


def test_what_came_later_into_an_incident_did_not_open_it() -> None:
    alerts = [an_alert("ours"), an_alert("worst", severity="critical")]
    [page] = told([an_incident(1, "ours", later="worst")], alerts)
    assert page.opened == "budget"


def test_unlabelled_is_unlabelled_and_false_is_what_somebody_said() -> None:
    alerts = [an_alert(f"a{n}") for n in range(5)]
    verdicts = [
        said("not-anomaly", "a0"),
        said("right-cause", "INC-1"),
        said("plan-worked", "P-1", by="outcome", target="INC-2"),
        said("missed", "a3"),
    ]
    seen = observed("payments", told([an_incident(n, f"a{n}") for n in range(5)], alerts, verdicts), 2.0, 7)
    assert (seen.right, seen.wrong, seen.unlabelled) == (2, 1, 2)
    assert (seen.per_week, seen.at_most) == (0.5, 1.5)
    assert seen.low < seen.per_week < seen.high
    assert seen.says == (
        "promised at most 7 false pages a week; observed 0.5 [0.013–2.8] in 2 weeks (1 false, 2 right, 2 unlabelled)"
    )


def test_a_person_is_believed_before_an_outcome_and_the_newest_word_counts() -> None:
    incident, alert = an_incident(1, "a"), an_alert("a")
    outcome = said("plan-worked", "P-1", by="outcome", at_ms=T0 + 99, target="INC-1")
    first, second = said("anomaly", "a", at_ms=T0 + 1), said("not-anomaly", "INC-1", by="bob", at_ms=T0 + 2)
    assert [p.word for p in told([incident], [alert], [outcome, first, second])] == ["wrong"]
    assert [p.word for p in told([incident], [alert], [second, outcome])] == ["wrong"]
    assert [p.word for p in told([incident], [alert], [outcome])] == ["right"]


def test_before_any_time_has_passed_nothing_is_promised_to_be_known() -> None:
    seen = observed("payments", [], 0.0, 7)
    assert (seen.per_week, seen.low, seen.high) == (0.0, 0.0, -1.0)


@settings(deadline=None)
@given(st.integers(0, 300))
def test_the_interval_holds_the_count_and_has_the_right_tails(count: int) -> None:
    low, high = poisson(count)
    assert low <= count < high
    below = math.fsum(math.exp(k * math.log(high) - high - math.lgamma(k + 1)) for k in range(count + 1))
    assert below == pytest.approx(0.025, rel=1e-3)


def test_a_held_back_alert_is_a_miss_when_its_entity_was_in_trouble_within_the_hour() -> None:
    held = [an_alert("held")]
    later = an_incident(1, "other", opened_ms=T0 + 20 * 60_000)
    rule = an_alert("rule", at_ms=T0 + 60_000, source="alertmanager")
    by_incident = misses(held, told([later], []), [], [])
    assert [(m.by, m.ref, m.late_s) for m in by_incident] == [("incident", "INC-1", 1200)]
    assert by_incident[0].says == "incident INC-1 opened 20 min 0 s after it began"
    assert [m.ref for m in misses(held, [], [rule], [])] == ["rule"]
    assert [m.by for m in misses(held, [], [], [said("missed", PAYMENTS, at_ms=T0 + HOUR // 2)])] == ["verdict"]


def test_what_is_no_miss() -> None:
    held = [an_alert("held")]
    next_day = an_incident(1, "x", opened_ms=T0 + 24 * HOUR)
    before = an_incident(2, "x", opened_ms=T0 - 60_000)
    elsewhere = an_incident(3, "x", opened_ms=T0 + 60_000, entity=SEARCH)
    false = an_incident(4, "x", opened_ms=T0 + 60_000)
    joined = an_incident(5, "x", opened_ms=T0 + 1000, later="held")
    found = told([next_day, before, elsewhere, false, joined], [], [said("not-anomaly", "INC-4")])
    assert misses(held, found, [], []) == []
    assert misses(held, [], [an_alert("rule", at_ms=T0 + 60_000, entity=SEARCH, source="prometheus")], []) == []
    assert misses(held, [], [], [said("missed", SEARCH), said("not-anomaly", PAYMENTS)]) == []
