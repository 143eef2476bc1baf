"""For every pair of eyes and for none: contrast, names, focus, in both themes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.console import fixture
from tests.console.browser import Page
from tests.console.server import serving

PATHS = [
    "incidents",
    "incidents/INC-20214",
    "approvals",
    "services",
    "models/metrics",
    "ledger",
    "runbooks",
    "settings",
]
INTERACTIVE = {"button", "link", "textbox", "searchbox", "combobox", "radio", "DisclosureTriangle", "checkbox"}

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(page: Page, now_ms: int, dark: bool) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.view(1280, dark=dark)
        page.open(url, "payments slow")
        ground = page.js("getComputedStyle(document.body).backgroundColor")
        assert (sum(int(v) for v in ground[4:-1].split(",")) < 200) is dark
        for path in PATHS:
            page.visit(path)
            assert page.js(CONTRAST) == [], path


def test_everything_that_can_be_used_has_a_name(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(url, "payments slow")
        for path in PATHS:
            page.visit(path)
            nodes = page.call("Accessibility.getFullAXTree")["nodes"]
            used = [n for n in nodes if not n["ignored"] and n.get("role", {}).get("value") in INTERACTIVE]
            assert len(used) > 8
            assert [n for n in used if not n.get("name", {}).get("value", "").strip()] == [], path
            roles = [n.get("role", {}).get("value") for n in nodes if not n["ignored"]]
            assert roles.count("main") == 1


@pytest.mark.parametrize("path", ["incidents", "incidents/INC-20214", "ledger"])
def test_the_focus_can_always_be_seen(page: Page, now_ms: int, path: str) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(f"{url}#/{path}", "INC-20214" if path == "ledger" else "payments")
        seen = set()
        for _step in range(24):
            page.key("Tab")
            told = page.js(
                "(() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();"
                "const onScreen = b.top < innerHeight && b.bottom > 0;"
                "return [e.outerHTML.slice(0, 80), s.outlineStyle, parseFloat(s.outlineWidth), onScreen] })()"
            )
            assert told[1] == "solid", told
            assert told[2] >= 2, told
            assert told[3], f"the focus is off the screen: {told}"
            seen.add(told[0])
        assert len(seen) > 12


def test_state_is_never_colour_alone(page: Page, now_ms: int) -> None:
    with serving(fixture.small_world(now_ms)) as (url, _):
        page.open(url, "payments slow")
        silent = "[...document.querySelectorAll('.state')].filter(e => !e.innerText.trim() || !e.querySelector('svg'))"
        silent += ".length"
        assert page.js(silent) == 0
