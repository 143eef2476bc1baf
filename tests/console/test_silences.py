"""What holds a page is said where the page is missed; a silence is one form away, its matchers filled in."""

from __future__ import annotations

import msgspec
from tests.console import fixture
from tests.console.browser import Page
from tests.console.server import serving

from mainstay.domain.models import VersionRef
from mainstay.domain.silences import Withheld

BY_ADA = VersionRef(model="user/ada", version=1)


def test_an_incident_says_what_holds_its_page(page: Page, now_ms: int) -> None:
    world = fixture.small_world(now_ms)
    mark = Withheld(by="silence", ref="s1", why="known since May", decided_by=BY_ADA, until_ms=now_ms + 7_200_000)
    world.incidents = [msgspec.structs.replace(i, withheld=mark) for i in world.incidents]
    with serving(world) as (url, _):
        page.open(f"{url}#/incidents/INC-20214", "page withheld")
        page.shows("in 2 h")


def test_an_alert_is_silenced_with_its_matchers_filled_in(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, answers):
        page.open(f"{url}#/alerts/a1", "is it wrong?")
        page.js("[...document.querySelectorAll('main button')].find(b => b.textContent === 'Silence…').click()")
        page.until("document.activeElement.id === 'comment'")
        page.type("known")
        page.key("Enter")
        page.shows("Alerts are recorded as ever; their pages wait".lower())
        path, body = answers.world.writes[-1]
        assert path == "silences"
        assert isinstance(body, dict)
        assert (body["minutes"], body["comment"]) == (120, "known")
        assert [m.split("=")[0] for m in body["matchers"]] == ["alertname", "entity"]


def test_a_silence_is_ended_and_a_suppression_switched_on(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, answers):
        page.open(f"{url}#/silences", "known since may")
        page.js("[...document.querySelectorAll('main button')].find(b => b.textContent === 'End').click()")
        page.shows("what still burns is told now")
        page.js("[...document.querySelectorAll('main button')].find(b => b.textContent === 'Switch on…').click()")
        page.until("document.activeElement.id === 'why'")
        page.key("Enter")
        page.shows("suppression is on")
        assert [path for path, _ in answers.world.writes] == ["silences/s1/end", "suppressions/payments-team/on"]
