"""Real incidents have dozens of alerts: what belongs together is one line, and how it ended stands under the title."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from tests.console import fixture
from tests.console.browser import Page
from tests.console.samples import CORRELATOR, DIAGNOSER, METRICS, service
from tests.console.server import serving

from mainstay.domain.alerts import Alert, Band, Evidence
from mainstay.domain.incidents import Incident, TimelineEntry
from mainstay.domain.runbooks import Approval, StepResult

STATISTICS = ("p50", "p95", "mean")
INCIDENT = "INC-20214"
OUTCOME = "9 alerts ended after 44 s and stayed ended for 15 s while service:prod/payments kept reporting"


def nine_alerts(since: int, *, ended: int | None) -> list[Alert]:
    """Three statistics of one metric on three services, within two seconds."""
    return [
        Alert(
            id=f"n{at}{s}",
            fingerprint=f"f{at}{s}",
            entity=service(name),
            name="latency high",
            severity="major",
            status="resolved" if ended else "firing",
            since_ms=since + at * 1000,
            at_ms=ended or since + 20_000,
            ended_ms=ended,
            decided_by=METRICS,
            subject=f"metric:{100 + at * 3 + s}",
            signal="latency",
            summary=f"{statistic} of http.server.request.duration of {name} 1 s, expected 0–97 ms, since 15:07:2{at}",
            band=Band(low=-0.05, high=0.097, value=1.0, unit="s"),
            labels={"metric": f"http.server.request.duration.{statistic}"},
        )
        for at, name in enumerate(("payments", "checkout", "gateway"))
        for s, statistic in enumerate(STATISTICS)
    ]


def lines(alerts: list[Alert], since: int, *, ended: int | None) -> tuple[TimelineEntry, ...]:
    begun = [
        TimelineEntry(at_ms=a.since_ms, kind="alert", says=a.summary, ref=a.id, decided_by=METRICS) for a in alerts
    ]
    says = "suspect payments (deploy, 91 %): deploy v42 came 40 s before; p50 of calls a → b 130 ms, since 15:07:22"
    story = [
        TimelineEntry(at_ms=since - 40_000, kind="change", says="deploy payments v42", ref="c1"),
        *begun,
        TimelineEntry(at_ms=since + 15_000, kind="decision", says="opened: 2 alerts agree", decided_by=CORRELATOR),
        TimelineEntry(at_ms=since + 15_000, kind="decision", says=says, decided_by=DIAGNOSER),
        TimelineEntry(at_ms=since + 26_000, kind="action", says="roll-back-deploy: approved, by grace"),
    ]
    if ended:
        story += [
            TimelineEntry(at_ms=ended + i * 900, kind="alert", says=f"over: {a.summary}", ref=a.id)
            for i, a in enumerate(alerts)
        ]
        story.append(TimelineEntry(at_ms=ended + 90_000, kind="decision", says="resolved: all 9 alerts calm for 90 s"))
    return tuple(story)


def a_world(now_ms: int, *, ended_after: int | None = None, status: str = "running", **fields: Any) -> fixture.World:
    world = fixture.small_world(now_ms)
    before = next(i for i in world.incidents if i.id == INCIDENT)
    ended = before.since_ms + ended_after if ended_after else None
    world.alerts = nine_alerts(before.since_ms, ended=ended)
    evidence = tuple(
        Evidence(id=f"E{i + 1}", kind="alert", ref=a.id, says=a.summary, at_ms=a.since_ms, weight=1 - i / 10)
        for i, a in enumerate(world.alerts[:3])
    )
    changed = {"timeline": lines(world.alerts, before.since_ms, ended=ended), "evidence": evidence, **fields}
    after: Incident = msgspec.structs.replace(before, **changed)
    world.incidents = [after if i.id == INCIDENT else i for i in world.incidents]
    plan = msgspec.structs.replace(
        world.plans["plan-1"], status=status, dry_run=(), outcome=OUTCOME if status == "succeeded" else ""
    )
    world.plans = {plan.id: plan}
    world.approvals = [
        Approval(
            id="APR-1", plan=plan.id, digest=plan.digest, decision="approved", by="grace",
            at_ms=before.since_ms + 26_000, expires_ms=now_ms, comment="go",
        )
    ]  # fmt: skip
    step = StepResult(
        plan=plan.id, index=0, phase="do", name=plan.steps[0].name, status="succeeded",
        at_ms=before.since_ms + 27_000, says="shop ended with 0",
    )  # fmt: skip
    world.steps = [step]
    return world


def test_alerts_that_begin_together_are_one_line_that_opens(page: Page, now_ms: int) -> None:
    with serving(a_world(now_ms, ended_after=60_000)) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "9 alerts: payments, checkout, gateway slow")
        page.shows("9 alerts over")
        shown = page.js("[...document.querySelectorAll('.timeline > li')].map(li => li.innerText)")
        assert len(shown) == 7, shown
        assert "deploy payments v42" in shown[0]
        assert "p50 of calls" not in " ".join(shown), "what speaks for a suspect is the evidence's to say"
        page.js("document.querySelector('.timeline summary').focus()")
        page.key("Enter")
        page.until("document.querySelector('.timeline details').open")
        rows = page.js("[...document.querySelectorAll('.timeline details[open] .lines li')].map(li => li.innerText)")
        assert len(rows) == 3
        assert all("×3" in row and "since" not in row for row in rows), rows


def test_one_condition_is_one_row_of_evidence_and_of_the_alerts_page(page: Page, now_ms: int) -> None:
    with serving(a_world(now_ms)) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "9 of 9 alerts firing")
        page.until("document.querySelector('.evidence canvas')")
        assert page.js("document.querySelectorAll('.evidence > li').length") == 1
        assert page.js("document.querySelectorAll('.evidence .cite').length") == 3
        assert page.js("document.querySelectorAll('.evidence canvas').length") == 1
        says = page.js("document.querySelector('.evidence').innerText")
        assert says.count("http.server.request.duration") == 1, "a name is said once"
        assert "p95 1 s, expected 0 ms to 97 ms" in says
        page.visit("alerts")
        page.shows("2 more of the same")
        page.until("[...document.querySelectorAll('table')].at(-1).querySelectorAll('tbody tr').length === 3")


def test_evidence_without_a_picture_shows_what_the_worst_alert_saw(page: Page, now_ms: int) -> None:
    bare = (Evidence(id="E1", kind="change", ref="c1", says="deploy v42 at the onset", at_ms=now_ms),)
    with serving(a_world(now_ms, evidence=bare)) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "deploy v42 at the onset")
        page.until("document.querySelector('.evidence canvas')")
        page.shows("of http.server.request.duration of payments")


def test_a_running_plan_shows_who_said_yes_and_what_was_done(page: Page, now_ms: int) -> None:
    with serving(a_world(now_ms)) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "by grace at")
        page.shows("it worked when")
        text = page.js("document.querySelector('.plan').innerText").lower()
        assert "dry run" not in text
        assert page.js("document.querySelector('.steps .state').textContent") == "succeeded"


def test_a_plan_that_waits_says_that_it_was_not_tried(page: Page, now_ms: int) -> None:
    with serving(a_world(now_ms, status="proposed")) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "no dry run yet")


def test_how_it_ended_stands_under_the_title(page: Page, now_ms: int) -> None:
    with serving(a_world(now_ms, ended_after=65_000, status="succeeded")) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "none of 9 alerts fires since")
        page.shows("it is resolved when it stays so")
    world = a_world(now_ms, ended_after=65_000, status="succeeded")
    world.incidents = [
        msgspec.structs.replace(i, status="resolved", resolved_ms=now_ms) if i.id == INCIDENT else i
        for i in world.incidents
    ]
    with serving(world) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "roll back payments to v41 succeeded, approved by grace")
        page.shows("verified by the signals: 9 alerts ended after 44 s and stayed ended for 15 s. trouble lasted 65 s")
        assert "payments kept" not in page.js("document.querySelector('.ending').innerText")
    with serving(a_world(now_ms, status="failed")) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "a person is needed")


def test_the_answer_fits_a_laptop_without_a_scroll(page: Page, now_ms: int) -> None:
    page.view(1280, 800)
    for world in (a_world(now_ms, status="proposed"), a_world(now_ms, ended_after=65_000, status="succeeded")):
        with serving(world) as (url, _):
            page.open(f"{url}#/incidents/{INCIDENT}", "root cause")
            page.until("document.querySelector('.plan')")
            for part in (".groups", ".plan .steps", ".plan .title"):
                assert page.js(f"document.querySelector('{part}').getBoundingClientRect().bottom") <= 800, part


def test_zero_is_the_floor_and_the_warm_up_sets_no_scale(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(url, "payments slow")
        points = {"at_ms": [1, 2, 3], "value": [9.0, 0.2, 0.4], "low": [None, -0.1, -0.1], "high": [None, 0.3, 0.3]}
        said = json.dumps(points)
        limits = f"import('./parts/chart.js').then(m => m.limits({said}, UNIT))"
        low, high = page.js(limits.replace("UNIT", "'s'"))
        assert low == 0
        assert 0.4 < high < 0.5, "the 9 s before there was a band are cut off"
        assert page.js(f"import('./parts/chart.js').then(m => m.lows({said}, 's'))") == [None, 0, 0]
        assert page.js(f"import('./parts/chart.js').then(m => m.lows({said}, 'Cel'))") == [None, -0.1, -0.1]
        steady = json.dumps({"at_ms": [1, 2], "value": [4e9, 4.1e9], "low": [3.9e9] * 2, "high": [4.2e9] * 2})
        low, _ = page.js(f"import('./parts/chart.js').then(m => m.limits({steady}, 'By'))")
        assert low > 3e9, "bytes far from zero keep their detail"


def test_a_semicolon_in_a_quotation_ends_no_clause(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(url, "payments slow")
        first = "import('./js/story.js').then(m => m.firstClause(TEXT))"
        for text, clause in {
            'a says "x; y" often; p50 of b 3 ms, since 15:00:01': 'a says "x; y" often',
            "p50 of a 3 ms, 10% of the added time its own, since 15:00:01; c": "p50 of a 3 ms",
            'an open " quote; and more': 'an open " quote',
            "": "",
        }.items():
            assert page.js(first.replace("TEXT", json.dumps(text))) == clause
        short = "import('./js/story.js').then(m => m.shortNames('service:lab/a-b, see http://x/y at 10:30/day'))"
        assert page.js(short) == "a-b, see http://x/y at 10:30/day"
