"""Every page, at both widths and in both themes, in a real browser: it says what it should and nothing goes wrong."""

from __future__ import annotations

import pytest
from tests.console import fixture
from tests.console.browser import Page
from tests.console.server import TOKEN, serving

PAGES = {
    "incidents": "payments slow",
    "incidents/INC-20214": "checkout p99 180 ms",
    "incidents/INC-20213": "critical failure",
    "approvals": "roll back payments to v41",
    "alerts": "over the page budget",
    "alerts/a1": "for this series",
    "changes": "of changes that nobody made 1 % were called harmful",
    "changes/c1": "of 55 placebo changes 2 % looked at least as bad",
    "outlook": "in shadow, nobody is paged: 3 of 20 incidents",
    "silences": "known since may",
    "services": "unplaced",
    "services/service:prod%2Fpayments": "depends on",
    "models": "which metrics are strange",
    "models/metrics": "0.72–0.94",
    "models/correlator": "no version is on its way",
    "production/fraud": "stops stolen cards",
    "production/nobody": "nobody has sent a prediction of a model of this name",
    "runbooks": "restart a service",
    "ledger": "verify the chain",
    "ledger/e6": "decide again",
    "settings": "responder",
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_draws_without_a_complaint(page: Page, now_ms: int, width: int, dark: bool) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.view(width, dark=dark)
        page.open(url, "payments slow")
        for path, says in PAGES.items():
            page.visit(path)
            page.shows(says)
            assert page.js("document.documentElement.scrollWidth") <= width, f"{path} is wider than the screen"
            assert page.js("document.querySelectorAll('h1').length") == 1, path
        assert page.problems == []


def test_nothing_to_see_is_designed(page: Page, now_ms: int) -> None:
    with serving(fixture.calm_world(now_ms)) as (url, _):
        page.open(url, "nothing is broken that we know of")
        page.shows("12,344 series of 41 services and 64 entities in all have been watched since")
        for path, says in {
            "approvals": "nothing to decide",
            "changes": "nobody told us of a change",
            "outlook": "no resource moves towards its limit",
            "services": "nothing has been heard of yet",
            "silences": "nothing is silenced",
            "models": "no model is deployed",
            "runbooks": "no runbook is loaded",
            "ledger": "the ledger is empty",
            "nowhere": "there is no such page",
            "incidents/INC-1": "not found",
        }.items():
            page.visit(path)
            page.shows(says)


def test_before_the_first_signal_it_says_how_to_connect(page: Page, now_ms: int) -> None:
    world = fixture.World(now_ms=now_ms, status=fixture.a_status(now_ms, incidents=0, empty=True))
    world.users = fixture.calm_world(now_ms).users
    with serving(world) as (url, _):
        page.open(url, "nothing is being watched yet")


def test_signing_in_with_a_token(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, answers):
        answers.signed_in = False
        page.open(url, "sign in")
        assert page.js("document.activeElement.id") == "token"
        page.type("wrong")
        page.key("Enter")
        page.shows("this token is not known")
        page.js("document.querySelector('#token').select()")
        page.type(TOKEN)
        page.key("Enter")
        page.shows("payments slow")


def test_a_chart_shows_the_band_and_the_change(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(f"{url}#/incidents/INC-20214", "root cause")
        page.until("document.querySelector('.chart[aria-label] canvas')")
        label = page.js("document.querySelector('.chart').getAttribute('aria-label')")
        assert "expected" in label
        assert " ms to " in label, "seconds below one are read as milliseconds"
        page.shows("deploy v42")
        page.until("document.querySelector('.chart canvas')?.width > 200")
        drawn = page.js(
            "(() => { const c = document.querySelector('.chart canvas'); const d = c.getContext('2d')"
            ".getImageData(0, 0, c.width, c.height).data;"
            "let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n })()"
        )
        assert drawn > 1000


def test_a_summary_leads_to_its_evidence(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(f"{url}#/incidents/INC-20214", "E5")
        page.js("[...document.querySelectorAll('.summary .cite')].find(a => a.textContent === 'E4').click()")
        page.until("document.activeElement.id === 'evidence-E4'")
        assert page.js("scrollY") > 0
