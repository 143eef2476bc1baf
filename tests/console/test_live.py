"""Live: what changes appears by itself, where one was looking stays, and a lost connection is said."""

from __future__ import annotations

from tests.console import fixture
from tests.console.browser import Page
from tests.console.conftest import streaming
from tests.console.server import serving


def test_a_change_appears_and_nothing_else_moves(page: Page, now_ms: int) -> None:
    with serving(fixture.many_world(now_ms, 400)) as (url, answers):
        page.open(url, "payments slow")
        streaming(page, answers)
        page.keys("j", "j")
        page.until("document.activeElement.closest('[data-key]')?.dataset.key === 'INC-20212'")
        page.js("scrollTo(0, 200)")
        page.js("window.kept = document.activeElement; window.calm = document.querySelector('[data-key=INC-20214] a')")
        answers.replace("INC-20214", title="payments worse: gateway fails")
        page.shows("payments worse: gateway fails")
        assert page.js("scrollY") == 200
        assert page.js("document.activeElement === window.kept && document.contains(window.kept)")
        assert page.js("document.contains(window.calm)"), "the row was changed, not made anew"


def test_a_new_incident_appears_on_top(page: Page, now_ms: int) -> None:
    world = fixture.small_world(now_ms)
    with serving(world) as (url, answers):
        page.open(url, "payments slow")
        streaming(page, answers)
        world.incidents.append(
            fixture.an_incident(
                0,
                now_ms,
                id="INC-20300",
                status="open",
                severity="minor",
                title="disk of catalog fills",
                resolved_ms=None,
            )
        )
        answers.tell("incident", "INC-20300")
        page.shows("disk of catalog fills")


def test_a_lost_connection_is_said_and_found_again(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, answers):
        page.open(url, "payments slow")
        streaming(page, answers)
        answers.is_stalled = True
        answers.tell("end", "")
        page.shows("no connection to mainstay since")
        page.shows("not live")
        page.shows("payments slow")
        answers.replace("INC-20214", title="payments slow, told while nobody listened")
        answers.is_stalled = False
        page.shows("told while nobody listened")
        page.until("!document.querySelector('.stale')")
