"""The page of a model: both versions on one chart, the way back as it is shown, and no way past the gates."""

from __future__ import annotations

from typing import Any

import pytest
from tests.console import fixture
from tests.console.browser import Page
from tests.console.server import Answers, serving


@pytest.fixture
def opened(page: Page, now_ms: int) -> Any:
    with serving(fixture.small_world(now_ms)) as (url, answers):
        page.open(f"{url}#/models/metrics", "0.72–0.94")
        yield answers


def press(page: Page, words: str, what: str = "button") -> None:
    """Press the first button (or link) that says so, as soon as it is there: looked for and pressed in one step."""
    found = f"[...document.querySelectorAll('{what}')].find(b => b.textContent.includes('{words}'))"
    page.until(f"(b => b && (b.click(), true))({found})")


def test_champion_and_challenger_lie_on_one_chart(page: Page, opened: Answers) -> None:
    page.until("document.querySelector('.chart canvas')?.width > 200")
    page.shows("metrics@3 found 5; dashed: metrics@2 10; both 5")
    page.shows("6 of 10 windows")
    page.shows("canary")
    colours = page.js(
        "(() => { const c = document.querySelector('.chart canvas'); const d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data; const seen = new Set();"
        "for (let i = 0; i < d.length; i += 4) if (d[i + 3] === 255) seen.add([d[i], d[i+1], d[i+2]].join());"
        "return [...seen] })()"
    )
    drawn = page.js(
        "['--accent', '--text'].map(n => { const p = document.createElement('i'); p.style.color = `var(${n})`;"
        "document.body.append(p); const c = getComputedStyle(p).color.match(/\\d+/g).join(); p.remove(); return c })"
    )
    assert set(drawn) <= set(colours)
    assert page.problems == []


def test_a_rollback_names_the_version_that_was_shown(page: Page, opened: Answers) -> None:
    press(page, "Roll back to metrics@1")
    page.shows("metrics@2 stops deciding; metrics@1 decides from the next batch on")
    press(page, "Roll back")
    page.js("document.querySelector('dialog form').requestSubmit()")
    page.wait(lambda: bool(opened.world.writes), "it was sent")
    assert opened.world.writes[0][0] == "models/metrics/rollback?where=*&leaving=metrics@2"


def test_where_there_is_no_way_back_none_is_shown(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(f"{url}#/models/planner", "planner@1")
        page.shows("lineage")
        assert not page.js("[...document.querySelectorAll('button')].some(b => b.textContent.includes('Roll back'))")


def test_a_model_in_production_has_a_page_with_its_drift_groups_gate_and_card(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(f"{url}#/models", "your models in production")
        press(page, "fraud@7", "a")
        for says in ("not what it was in features", "0.190", "psi", "there are no two groups to compare", "overdue"):
            page.shows(says)
        page.js("document.querySelector('details.card').open = true")
        page.shows("in plain words")
        assert page.js("document.querySelector('nav a[aria-current=page]').innerText.trim().toLowerCase()") == "models"
        assert page.problems == []


def test_another_version_has_its_own_lineage_and_card(page: Page, opened: Answers) -> None:
    press(page, "metrics@3")
    page.until("document.querySelector('.lineage')?.innerText.includes('metrics@3')")


def test_what_a_person_may_say_of_a_rollout_asks_first_and_says_why(page: Page, opened: Answers) -> None:
    press(page, "Allow…")
    page.shows("You vouch for what somebody else made")
    page.js("document.querySelector('dialog form').requestSubmit()")
    page.wait(lambda: bool(opened.world.writes), "it was sent")
    press(page, "Withdraw…")
    page.shows("The champion has served all along")
    page.type("too loud")
    page.js("document.querySelector('dialog form').requestSubmit()")
    page.wait(lambda: len(opened.world.writes) == 2, "it was sent")
    assert opened.world.writes == [
        ("rollouts/rollout-1/validate", None), ("rollouts/rollout-1/withdraw", {"why": "too loud"}),
    ]  # fmt: skip
    assert not page.js("document.body.innerText.includes('Make live')"), "past the gates is no button"
