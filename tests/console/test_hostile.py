"""Strings from logs and labels are hostile: they are shown as text, stay in their place, and do nothing."""

from __future__ import annotations

import pytest
from tests.console import fixture
from tests.console.browser import Page
from tests.console.server import serving

PATHS = ["incidents", "incidents/INC-20213", "services", "changes", "changes/c1", "outlook", "ledger/e3"]


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_hostile_runs_or_becomes_markup(page: Page, now_ms: int, width: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.view(width)
        page.open(url, "onerror=")
        for path in PATHS:
            page.visit(path)
            page.shows("onerror=")
            assert page.js("document.querySelectorAll('#app img:not([src=\"icon.svg\"]), #app script').length") == 0
            assert page.js("document.documentElement.scrollWidth") <= width, path
        assert page.js("window.__hacked") is None
        assert page.problems == []


def test_marks_that_turn_text_are_shown_and_text_is_isolated(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(f"{url}#/incidents/INC-20213", "⟨U+202E⟩")
        assert page.js("document.body.textContent.includes('\\u202e')") is False
        assert page.js("[...document.querySelectorAll('bdi')].some(e => e.textContent.includes('gnp.exe'))")


def test_ten_kilobytes_are_cut_and_can_be_asked_for(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(f"{url}#/incidents/INC-20213", "show all")
        assert page.js("document.querySelector('h1').textContent.length") < 400
        page.js("document.querySelector('h1 .expand').click()")
        page.until("document.querySelector('h1').textContent.length > 10000")
        assert page.js("document.querySelector('h1 .expand').getAttribute('aria-expanded')") == "true"
