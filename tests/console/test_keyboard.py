"""Everything by keyboard: no test here touches a mouse."""

from __future__ import annotations

from tests.console import fixture
from tests.console.browser import Page
from tests.console.server import serving

CTRL = 2  # as the DevTools protocol numbers it


def test_from_the_list_to_an_approved_plan(page: Page, now_ms: int) -> None:
    world = fixture.small_world(now_ms)
    digest = world.plans["plan-1"].digest
    with serving(world) as (url, _):
        page.open(url, "payments slow")
        page.key("j")
        page.until("document.activeElement.matches('.incident-row')")
        page.key("Enter")
        page.shows("root cause")
        page.key("a")
        page.until("document.querySelector('dialog').open")
        assert digest in page.js("document.querySelector('dialog .digest').textContent"), "the whole digest is shown"
        page.type("looks right")
        page.key("Enter")
        page.shows("approved. the plan runs now")
        page.until("!document.querySelector('dialog').open")
        page.until("!document.querySelector('[data-act=approve]')")
    assert world.writes == [("plans/plan-1/approve", {"digest": digest, "comment": "looks right"})]


def test_escape_leaves_without_deciding_and_r_rejects(page: Page, now_ms: int) -> None:
    world = fixture.small_world(now_ms)
    with serving(world) as (url, _):
        page.open(f"{url}#/approvals", "roll back")
        page.key("a")
        page.until("document.querySelector('dialog').open")
        page.key("Escape")
        page.until("!document.querySelector('dialog').open")
        assert world.writes == []
        page.key("r")
        page.shows("reject this plan?")
        page.key("Enter")
        page.shows("nothing to decide")
    assert world.plans["plan-1"].status == "rejected"


def test_a_refusal_is_shown_where_the_question_was(page: Page, now_ms: int) -> None:
    world = fixture.small_world(now_ms)
    with serving(world) as (url, answers):
        page.open(f"{url}#/approvals", "roll back")
        answers.is_changed = True
        page.key("a")
        page.until("document.querySelector('dialog').open")
        page.key("Enter")
        page.shows("the plan has changed since you read it")
        assert page.js("document.querySelector('dialog').open")


def test_one_may_not_approve_what_one_asked_for(page: Page, now_ms: int) -> None:
    world = fixture.small_world(now_ms)
    world.plans["plan-1"] = fixture.the_plan(now_ms, requested_by="admin")
    with serving(world) as (url, _):
        page.open(f"{url}#/approvals", "somebody else must decide")
        page.key("a")
        page.shows("no plan here waits for your decision")


def test_g_goes_slash_searches_question_mark_helps(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(url, "payments slow")
        for key, title in (
            ("m", "models"),
            ("l", "ledger"),
            ("a", "approvals"),
            ("c", "changes"),
            ("s", "services"),
            ("i", "incidents"),
        ):
            page.keys("g", key)
            page.until(f"document.querySelector('h1')?.textContent.toLowerCase() === '{title}'")
        page.key("?")
        page.shows("approve the plan")
        page.key("Escape")
        page.key("/")
        page.type("orders queue")
        page.until("document.querySelectorAll('.incident-row').length === 1")
        page.key("Escape")
        page.keys("j", "Enter")
        page.until("location.hash.includes('INC-20212')")


def test_a_verdict_behind_the_dot(page: Page, now_ms: int) -> None:
    world = fixture.small_world(now_ms)
    with serving(world) as (url, _):
        page.open(f"{url}#/incidents/INC-20214", "root cause")
        page.key(".")
        page.shows("your verdict")
        page.key("Enter")
        page.shows("the cause was right")
        page.key(".")
        page.until("document.querySelector('dialog').open")
        page.js("document.querySelector('dialog input[value=wrong-cause]').click()")
        page.key("Enter")
        page.shows("what was it really?")
        page.until("document.querySelector('dialog option[value=\"service:prod/ledger-db\"]')")
        page.js("document.querySelector('dialog select').value = 'service:prod/ledger-db'")
        page.key("Enter", modifiers=CTRL)
        page.shows("the diagnoser will be judged by it")
    kinds = [(body["kind"], body.get("target")) for path, body in world.writes if path == "verdicts"]
    assert kinds == [("right-cause", None), ("wrong-cause", "service:prod/ledger-db")]


def test_you_missed_one(page: Page, now_ms: int) -> None:
    world = fixture.small_world(now_ms)
    with serving(world) as (url, _):
        page.open(url, "payments slow")
        page.until("document.querySelector('.nav .count')")
        page.key(".")
        page.until("document.querySelectorAll('dialog option').length > 5")
        page.key("Enter", modifiers=CTRL)
        page.shows("recorded as missed")
    [(path, body)] = world.writes
    assert (path, body["kind"], body["subject"]) == ("verdicts", "missed", "service:prod/gateway")
    assert isinstance(body["since_ms"], int)
