"""`mainstay alerts …` against a real server: what a person at a terminal reads."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
import uvicorn
from click.testing import CliRunner
from tests.api.conftest import Prepared
from tests.api.fake_platform import FakePlatform
from tests.store import control_samples as some
from tests.store.control_samples import T0

from mainstay.api import create_app
from mainstay.cli.show import alerts
from mainstay.domain.budget import BudgetState, LearnedBar

BAR = LearnedBar(
    id="f1", entity="service:prod/payments", name="latency high", channel="level", judged=4.0, needed=6.0, alert="A-1",
    verdict="V-9", by="ada", at_ms=T0, held=2,
)  # fmt: skip
Ask = Callable[..., str]


@pytest.fixture
def ask(platform: FakePlatform, prepared: Prepared) -> Iterator[Ask]:
    effects = some.effects(seq=2)
    held = some.alert(
        3, since_ms=T0 + 9, status="resolved", suppressed=True, suppressed_by="budget", suppressed_why="budget spent"
    )
    effects.alerts = {held.id: held}
    platform.control.commit(effects)
    platform.clock.at_ms = T0 + 3_600_000
    platform.standing = BudgetState(learned=(BAR,))
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = uvicorn.Server(uvicorn.Config(create_app(platform), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([free],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

        def run(*words: str) -> str:
            found = CliRunner().invoke(alerts, [*words, "--url", url, "--token", prepared.tokens["responder"]])
            assert found.exit_code == 0, found.output
            return found.output

        yield run
        server.should_exit = True
        thread.join()


def test_one_alert_in_words_with_what_was_learned_and_how_to_undo_it(ask: Ask) -> None:
    says = ask("show", "A-1")
    for line in (
        "expected    1–2 ms",
        "came        9.5 ms",
        "how rare    less than once in 100 years for this series",
        "decided by  metrics@1",
        "mainstay incidents verdict A-1 not-anomaly",
        "mainstay alerts undo f1",
    ):
        assert line in says
    assert json.loads(ask("show", "A-1", "--json"))["explanation"]["learned"] == msgspec.to_builtins(BAR)


def test_what_was_held_back_and_what_was_learned(ask: Ask) -> None:
    assert "budget spent" in ask("show", "A-3")
    assert "A-3" in ask("held")
    assert "2 alerts held back since ada" in ask("learned")


def test_undo(ask: Ask, platform: FakePlatform) -> None:
    assert "told again as before" in ask("undo", "f1")
    assert [command.kind for command in platform.told] == ["suppress"]


def test_promised_and_observed_in_one_line(ask: Ask) -> None:
    says = ask("budget")
    assert "team default: promised at most 7 false pages a week" in says
    assert "not paged: 1, of which 0 should have told you" in says
    assert json.loads(ask("budget", "--json"))["held_count"] == 1
