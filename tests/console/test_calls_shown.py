"""Behind an anomalous call stand calls to look at: a slow one and one from before, as waterfalls, fetched on demand."""

from __future__ import annotations

import msgspec
from tests.console.browser import Page
from tests.console.samples import HOSTILE, service
from tests.console.server import serving
from tests.console.test_story import INCIDENT, a_world

from mainstay.domain.views import SpanLine

SLOW, USUAL, GONE = "a" * 32, "b" * 32, "c" * 32


def spans(trace: str, *, ms: float, name: str = "POST /pay", is_error: bool = False) -> list[SpanLine]:
    whole = SpanLine(trace_id=trace, span_id="1" * 16, parent_id="", entity=service("checkout"), name="POST /checkout",
                     kind=2, is_error=is_error, start_ms=1_000.0, duration_ms=ms)  # fmt: skip
    inner = msgspec.structs.replace(whole, span_id="2" * 16, parent_id="1" * 16, entity=service("payments"), name=name,
                                    start_ms=1_000.0 + ms / 2, duration_ms=ms / 2)  # fmt: skip
    return [whole, inner]


def test_slow_and_usual_calls_are_drawn_beside_the_evidence(page: Page, now_ms: int) -> None:
    world = a_world(now_ms)
    labels = {"trace_slow": SLOW, "trace_usual": USUAL, "trace_failing": GONE}
    world.alerts = [msgspec.structs.replace(a, labels={**a.labels, **labels}) for a in world.alerts]
    world.traces = {SLOW: spans(SLOW, ms=2000, name=HOSTILE, is_error=True), USUAL: spans(USUAL, ms=180)}
    with serving(world) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "calls: slow, failing, usual")
        assert page.js("document.querySelectorAll('.evidence caption').length") == 0, "nothing is fetched unasked"
        page.js("[...document.querySelectorAll('.evidence summary')].at(-1).click()")
        page.shows("slow: 2 s")
        page.shows("usual: 180 ms")
        page.shows("The failing call has expired.")
        page.shows("checkout POST /checkout")
        ends = "+r.getAttribute('x'), +r.getAttribute('width')"
        bars = page.js(f"[...document.querySelectorAll('.evidence rect')].map(r => [{ends}])")
        assert bars == [[0, 200], [100, 100], [0, 200], [100, 100]]
        assert page.js("window.__hacked") is None


def test_an_alert_without_traces_offers_none(page: Page, now_ms: int) -> None:
    with serving(a_world(now_ms)) as (url, _):
        page.open(f"{url}#/incidents/{INCIDENT}", "9 of 9 alerts firing")
        page.until("document.querySelector('.evidence canvas')")
        assert "calls:" not in page.js("document.querySelector('.evidence').innerText")
