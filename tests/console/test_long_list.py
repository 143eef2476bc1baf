"""Ten thousand incidents: the document stays small, scrolling reaches the end, the keyboard walks on."""

from __future__ import annotations

from tests.console import fixture
from tests.console.browser import Page
from tests.console.server import serving

ROWS = "document.querySelectorAll('.incident-row').length"


def test_the_document_stays_small_while_one_scrolls_to_the_end(page: Page, now_ms: int) -> None:
    world = fixture.many_world(now_ms)
    with serving(world) as (url, _):
        page.open(url, "payments slow")
        most = 0
        for _step in range(400):  # older pages come as one scrolls
            page.js("scrollTo(0, document.body.scrollHeight)")
            page.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            most = max(most, page.js(ROWS))
            if page.js("!!document.querySelector('[data-key=\"INC-10001\"]')"):
                break
        page.until("document.querySelector('[data-key=\"INC-10001\"]')")
        assert page.js("Number(document.querySelector('[role=listitem]').getAttribute('aria-setsize'))") > 9_900
        assert 0 < most < 90
        assert page.js("document.querySelectorAll('*').length") < 2500
        assert page.problems == []


def test_the_keyboard_walks_beyond_what_is_drawn(page: Page, now_ms: int) -> None:
    with serving(fixture.many_world(now_ms, 400)) as (url, _):
        page.open(url, "payments slow")
        page.keys(*"j" * 60)
        page.until("Number(document.activeElement.closest('[data-key]')?.getAttribute('aria-posinset')) > 55")
        box = page.js("(({top, bottom}) => ({top, bottom}))(document.activeElement.getBoundingClientRect())")
        assert 0 <= box["top"] < box["bottom"] <= 800
        where = page.js("location.hash = document.activeElement.getAttribute('href'); scrollY")
        page.shows("root cause")
        page.js("history.back()")
        page.until(f"document.querySelector('.incident-row') && Math.abs(scrollY - {where}) < 2")
