"""What is old goes, a bounded piece at a time; the chain still holds, and says what it no longer holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.store import control_samples as some
from tests.store.control_samples import T0, FixedClock

from mainstay.domain.runbooks import StepResult
from mainstay.store import retention
from mainstay.store.control import Control
from mainstay.store.retention import DAY_MS, MOST

OLD, NEW = T0 - 500 * DAY_MS, T0 - DAY_MS
BEFORE = T0 - 400 * DAY_MS


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path / "control.db", FixedClock())
    yield made
    made.close()


def test_old_inputs_go_and_the_chain_holds_and_counts_them(control: Control) -> None:
    control.append(some.entry(1, at_ms=OLD), some.entry(2, at_ms=OLD, inputs=None))
    control.append(some.entry(3, at_ms=NEW))
    before = control.verify_ledger()
    assert control.expire(BEFORE, T0) == {"frozen": 1}
    after = control.verify_ledger(before.head)
    assert (after.is_whole, after.count, after.expired) == (True, 4, 1)
    first, third = control.ledger_entry("entry-1"), control.ledger_entry("entry-3")
    assert first is not None
    assert third is not None
    assert len(first.inputs_digest) == 64
    assert control.frozen(first.inputs_digest) is None
    assert control.frozen(third.inputs_digest) == some.entry(3).inputs


def test_that_something_went_is_in_the_ledger_once_a_day(control: Control) -> None:
    control.append(some.entry(1, at_ms=OLD))
    control.append(some.entry(2, at_ms=OLD + 101 * DAY_MS))
    assert control.expire(BEFORE + 5000, T0) == {"frozen": 1}
    assert control.expire(BEFORE + 9000, T0 + 4000) == {}
    [entry] = [e for e in control.ledger() if e.subject == "retention"]
    assert (entry.kind, entry.at_ms, entry.output["gone_before_ms"]) == ("policy", T0, BEFORE // DAY_MS * DAY_MS)
    assert control.expire(BEFORE + 3 * DAY_MS, T0 + 3 * DAY_MS) == {"frozen": 1}
    assert len([e for e in control.ledger() if e.subject == "retention"]) == 2


def test_young_inputs_that_are_missing_are_still_lost_and_a_later_mark_does_not_go_back(control: Control) -> None:
    control.append(some.entry(1, at_ms=OLD))
    control.append(some.entry(2, at_ms=NEW))
    control.expire(BEFORE, T0)
    control.expire(BEFORE - 90 * DAY_MS, T0)
    assert control.verify_ledger().expired == 1
    with control.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM frozen")
    verified = control.verify_ledger()
    assert (verified.first_bad, "inputs lost" in verified.why) == (2, True)


def test_inputs_on_which_a_young_entry_rests_too_stay(control: Control) -> None:
    control.append(some.entry(1, at_ms=OLD, inputs={"same": 1}))
    control.append(some.entry(2, at_ms=NEW, inputs={"same": 1}))
    assert control.expire(BEFORE, T0) == {}
    assert control.verify_ledger().expired == 0


def test_what_is_over_goes_and_what_is_not_or_teaches_stays(control: Control) -> None:
    effects = some.effects()
    effects.alerts = {
        a.id: a for a in (_alert(1, OLD, "resolved"), _alert(2, OLD, "firing"), _alert(3, NEW, "resolved"))
    }
    effects.incidents = {
        i.id: i for i in (_incident(1, OLD, "resolved"), _incident(2, OLD, "open"), _incident(3, NEW, "merged"))
    }
    effects.plans = {p.id: p for p in (_plan(1, OLD, "succeeded"), _plan(2, OLD, "unknown"), _plan(3, NEW, "failed"))}
    effects.changes = {k: msgspec.structs.replace(c, at_ms=OLD) for k, c in effects.changes.items()}
    labels, verdicts = len(effects.labels), len(effects.verdicts)
    control.commit(effects)
    control.save_approval(some.approval(at_ms=OLD))
    for phase in ("do", "verify"):
        control.save_step(StepResult(plan="P-1", index=0, phase=phase, name="x", status="succeeded", at_ms=OLD))
    gone = control.expire(BEFORE, T0)
    assert gone == {"alerts": 1, "incidents": 1, "plans": 1, "approvals": 1, "steps": 2, "changes": 1}
    assert {a.id for a in control.alerts()} == {"A-2", "A-3"}
    assert {i.id for i in control.incidents()} == {"INC-2", "INC-3"}
    assert {p.id for p in control.plans()} == {"P-2", "P-3"}
    assert (len(control.labels()), len(control.verdicts())) == (labels, verdicts)
    assert control.verify_ledger().is_whole


def test_a_thousand_at_a_time(control: Control) -> None:
    control.append(*(some.entry(number, at_ms=OLD) for number in range(MOST + 5)))
    assert control.expire(BEFORE, T0) == {"frozen": MOST}
    assert control.verify_ledger().is_whole
    assert control.expire(BEFORE, T0) == {"frozen": 5}
    assert control.expire(BEFORE, T0) == {}


def test_nothing_is_said_where_nothing_is_old(control: Control) -> None:
    control.append(some.entry(1, at_ms=NEW))
    assert control.expire(BEFORE, T0) == {}
    assert control.meta(retention.MARK) is None
    assert len(control.ledger()) == 1


def _alert(number: int, at_ms: int, status: str) -> Any:
    return some.alert(number, at_ms=at_ms, since_ms=at_ms, status=status)


def _incident(number: int, at_ms: int, status: str) -> Any:
    return some.incident(number, updated_ms=at_ms, opened_ms=at_ms, status=status)


def _plan(number: int, at_ms: int, status: str) -> Any:
    return some.plan(number, created_ms=at_ms, status=status)
