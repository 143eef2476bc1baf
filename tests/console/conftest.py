"""One Chromium for all tests of the console; skipped, with the reason, where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.console.browser import CHROMIUM, Page, chromium
from tests.console.server import Answers


@pytest.fixture(scope="session")
def browser() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with chromium() as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    """The tab at 1280 × 800 in the light theme, with nothing remembered."""
    browser.view(1280)
    return browser


@pytest.fixture
def now_ms() -> int:
    """The browser shows times relative to its own clock, so the fixtures are made for now."""
    return int(time.time() * 1000)


def streaming(page: Page, answers: Answers) -> None:
    """Wait until the page listens to live events."""
    page.wait(lambda: bool(answers.events), "the stream is open")
