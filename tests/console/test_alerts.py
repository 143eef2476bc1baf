"""Alerts in the console: an alert in words, a verdict one click away, and what was learned taken back."""

from __future__ import annotations

from tests.console import fixture
from tests.console.browser import Page
from tests.console.server import serving


def test_the_budget_says_what_is_promised_observed_and_learned(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(url, "payments slow")
        page.visit("alerts")
        page.shows("1 alert was held back")
        for says in ("at most 7 a week", "0 a week [0–1.84] in 2 weeks", "2 of 6 taken", "* below 5 ms",
                     "3 alerts held back since ada said", "3 new alerts wait", "1 did not fit"):  # fmt: skip
            page.shows(says)
        assert page.problems == []


def test_an_alert_explains_itself_and_takes_a_verdict(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, answers):
        page.open(url, "payments slow")
        page.visit("alerts/a1")
        for says in ("150–220 ms", "2.4 s", "for this series", "metrics@2", "is it wrong"):
            page.shows(says)
        page.js("document.querySelector('[data-verdict=\"not-anomaly\"]').click()")
        page.shows("the same condition must be stronger")
        assert answers.world.writes[-1] == ("verdicts", {"kind": "not-anomaly", "subject": "a1"})


def test_what_was_learned_is_undone_from_the_alert_it_holds_back(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, answers):
        page.open(url, "payments slow")
        page.visit("alerts/a3")
        page.shows("over the page budget of 3 a week")
        page.js("[...document.querySelectorAll('main button')].find((b) => b.textContent === 'Undo').click()")
        page.shows("told again as before")
        assert answers.world.writes[-1][0] == "budget/learned/f3/undo"
