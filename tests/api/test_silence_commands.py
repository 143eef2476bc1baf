"""`mainstay silences | maintenance | suppression` against a real server: what a person at a terminal reads."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import click
import pytest
import uvicorn
from click.testing import CliRunner
from tests.api.conftest import Prepared
from tests.api.fake_platform import FakePlatform
from tests.api.test_silences import PAYMENTS, keep, withholding

from mainstay.api import create_app
from mainstay.cli.silences.holds import minutes_of, moment_of
from mainstay.cli.silences.maintenance import maintenance
from mainstay.cli.silences.silences import silences
from mainstay.cli.silences.suppression import suppression
from mainstay.domain.errors import BadInput

Ask = Callable[..., str]


@pytest.fixture
def ask(platform: FakePlatform, prepared: Prepared) -> Iterator[Ask]:
    platform.clock.at_ms = int(time.time() * 1000)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = uvicorn.Server(uvicorn.Config(create_app(platform), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([free],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

        def run(group: click.Group, *words: str) -> str:
            found = CliRunner().invoke(group, [*words, "--url", url, "--token", prepared.tokens["responder"]])
            if isinstance(found.exception, BadInput):
                return str(found.exception)
            return found.output

        yield run
        server.should_exit = True
        thread.join()


def test_silences_windows_and_suppressions_by_hand(ask: Ask, platform: FakePlatform) -> None:
    made = json.loads(ask(silences, "add", "service=cart", "--for", "2h", "--comment", "known", "--json"))
    assert made["matchers"] == ['service="cart"']
    assert made["id"] in ask(silences, "list", "--standing", "active")
    assert f"{made['id']}  active, until " in ask(silences, "extend", made["id"], "--for", "30m")
    keep(platform, withholding(1, by="silence", ref=made["id"], status="over", incident="INC-1"))
    assert "INC-1  over, 1 page(s)" in ask(silences, "show", made["id"])
    assert "INC-1" in ask(silences, "withheld", "--by", made["id"])
    assert ask(silences, "withheld", "--by", "other") == "nothing was withheld\n"
    platform.clock.at_ms += 5
    assert "ended" in ask(silences, "end", made["id"])

    window = ask(maintenance, "add", PAYMENTS, "--dependents", "--weekly", "tue,thu", "--at", "02:00", "--lasting",
                 "90m", "--zone", "Europe/Berlin", "--for", "8w", "--json")  # fmt: skip
    assert json.loads(window)["weekly"]["minutes"] == 90
    name = json.loads(window)["id"]
    assert PAYMENTS in ask(maintenance, "list")
    assert PAYMENTS in ask(maintenance, "show", name)
    assert name in ask(maintenance, "extend", name, "--for", "1w")
    assert "ended" in ask(maintenance, "end", name)

    keep(platform, withholding(2, at_ms=platform.clock.at_ms - 1000))
    assert "would have held 1 pages in 1 incidents" in ask(suppression, "list")
    assert "a symptom of INC-9" in ask(suppression, "show", "default")
    assert ask(suppression, "on", "default", "--why", "seen") == "suppression of default is on\n"
    assert "last 14 days: held 1 pages" in ask(suppression, "list")
    assert ask(suppression, "off", "default") == "suppression of default is off\n"
    assert ask(suppression, "propose", "default") == "suppression of default is proposed\n"


def test_what_is_typed_wrongly_is_one_sentence(ask: Ask) -> None:
    assert "one of --for 2h and --until" in ask(silences, "add", "service=cart")
    assert "such as 30m, 2h or 1d, got 'soon'" in ask(silences, "add", "service=cart", "--for", "soon")
    assert "not a regular expression" in ask(silences, "add", "service=~(", "--for", "1h")
    assert "no entity is known as 'cart'" in ask(maintenance, "add", "cart", "--for", "1h")


def test_lengths_and_moments() -> None:
    assert [minutes_of(text) for text in ("90s", "2h", "1d12h", "1.5h")] == [1.5, 120, 2160, 90]
    assert moment_of("2026-11-23T02:00:00+01:00") == moment_of("2026-11-23T01:00:00Z")
    for text in ("", "2", "h", "2 h", "2y"):
        with pytest.raises(BadInput):
            minutes_of(text)
    with pytest.raises(BadInput, match="got 'tomorrow'"):
        moment_of("tomorrow")
