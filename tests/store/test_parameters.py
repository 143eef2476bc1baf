"""Which values stood at a place of a template: asked of hot rows and of sealed blocks alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.store.telemetry_samples import T0, S

from mainstay.domain.signals import LogBatch, Normal
from mainstay.normalize.logs.miner import Miner
from mainstay.store.telemetry import Telemetry

PAID = [f"order {n} paid by {('ann', 'bob')[n % 2]}-{n % 3} twice" for n in range(12)]
SINCE, UNTIL = T0 // 10**6, T0 // 10**6 + 100_000


def logs(lines: list[str], at: int = 0, entity: str = "service:lab/a") -> tuple[Normal, int]:
    miner = Miner()
    templates, variables = miner.read_many([line.encode() for line in lines])
    count, now = len(lines), T0 + at * S
    batch = LogBatch(
        (entity,) * count,
        now + np.arange(count) * S,
        np.full(count, 9, np.uint8),
        templates,
        tuple(lines),
        (b"",) * count,
        variables,
    )
    return Normal(logs=batch, new_templates=miner.take_changed()), int(templates[-1])


@pytest.fixture(params=["hot", "sealed", "both"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Telemetry:
    telemetry = Telemetry(tmp_path, retention_s=1e6, hot_s=1)
    halves = [PAID[:6], PAID[6:]] if request.param == "both" else [PAID]
    for number, lines in enumerate(halves):
        telemetry.write(logs(lines, 6 * number)[0], number + 1)
        telemetry.commit(number + 1)
        if request.param != "hot" and (number == 0 or request.param == "sealed"):
            telemetry.seal(T0 + 50 * S)
    return telemetry


def test_values_are_counted_the_most_frequent_first(store: Telemetry) -> None:
    template = logs(PAID)[1]
    whole, most = store.values(template, 2, (SINCE, UNTIL), places=2)
    assert whole == (12, 6, 0)
    assert {(value, lines) for value, lines, _ in most} == {(f"{a}-{n}", 2) for a in ("ann", "bob") for n in range(3)}
    assert [at_ms for value, _, at_ms in most if value == "bob-2"] == [SINCE + 11_000]
    assert store.values(template, 1, (SINCE, UNTIL), places=2, limit=3)[1][0][1] == 1


def test_only_of_the_time_and_the_entity_that_are_asked_for(store: Telemetry) -> None:
    template = logs(PAID)[1]
    assert store.values(template, 1, (SINCE, SINCE + 3_000), places=2)[0] == (4, 4, 0)
    assert store.values(template, 1, (SINCE, UNTIL), "service:lab/b", places=2)[0] == (0, 0, 0)
    assert store.values(template + 1, 1, (SINCE, UNTIL), places=2)[0] == (0, 0, 0)


def test_lines_of_another_form_are_said_apart(store: Telemetry) -> None:
    template = logs(PAID)[1]
    assert store.values(template, 1, (SINCE, UNTIL), places=3) == ((0, 0, 12), [])


def test_templates_by_how_often_they_were_said(store: Telemetry) -> None:
    template = logs(PAID)[1]
    assert store.template_lines("", SINCE, UNTIL, 10) == [(template, 12)]
    assert store.template_lines("service:lab/b", SINCE, UNTIL, 10) == []


def test_lines_without_values_take_no_room(tmp_path: Path) -> None:
    telemetry = Telemetry(tmp_path, retention_s=1e6)
    telemetry.write(logs(["only words here", "and here 7"])[0], 1)
    telemetry.commit(1)
    assert (telemetry.count("logs"), telemetry.count("parameters")) == (2, 1)


def test_what_is_older_than_the_retention_goes(tmp_path: Path) -> None:
    telemetry = Telemetry(tmp_path, retention_s=60)
    telemetry.write(logs(PAID)[0], 1)
    telemetry.commit(1)
    telemetry.expire(T0 + 200 * S)
    assert telemetry.count("parameters") == 0
