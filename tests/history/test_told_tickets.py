"""Imported tickets reach the platform once, as commands; a file that cannot be read says so."""

import msgspec
import pytest
from tests.store.control_samples import T0, FixedClock

from mainstay.app.tickets import AT_ONCE, NEWEST, untold
from mainstay.domain.effects import Effects
from mainstay.domain.errors import Corrupt
from mainstay.domain.similar import PastIncident, Ticket
from mainstay.history.tickets import keep
from mainstay.store.control import Control


@pytest.fixture
def control(tmp_path):
    found = Control(tmp_path / "control.db", FixedClock())
    yield found
    found.close()


def told(tmp_path, control):
    commands = list(untold(tmp_path, control, T0))
    bodies = [msgspec.json.decode(one.arguments["tickets"], type=list[PastIncident]) for one in commands]
    return commands, [one for body in bodies for one in body]


def take(control, past):
    records = {f"past-incident:{one.id}": one for one in past}
    control.commit(Effects(decided_seq=control.decided_seq + 1, records=records))


def test_nothing_was_imported(tmp_path, control):
    assert told(tmp_path, control) == ([], [])


def test_tickets_are_told_once_and_again_when_they_were_rewritten(tmp_path, control):
    ticket = Ticket(id="INC001", opened_ms=T0 - 9_000, resolved_ms=T0, title="checkout slow", service="checkout")
    keep(tmp_path / "history", [ticket])
    commands, past = told(tmp_path, control)
    assert [(one.kind, one.subject) for one in commands] == [("remember", "tickets")]
    assert past[0].portrait.words == ("checkout", "slow")
    assert past[0].ending.recovery_s == 9.0
    take(control, past)
    assert told(tmp_path, control) == ([], [])
    keep(tmp_path / "history", [msgspec.structs.replace(ticket, title="checkout down")])
    assert told(tmp_path, control)[1][0].title == "checkout down"


def test_of_many_the_newest_in_portions(tmp_path, control):
    keep(tmp_path / "history", [Ticket(id=f"T{n}", opened_ms=n, title="slow") for n in range(NEWEST + 10)])
    commands, past = told(tmp_path, control)
    assert len(commands) == NEWEST // AT_ONCE
    assert (past[0].id, past[-1].id) == ("ticket:T10", f"ticket:T{NEWEST + 9}")


def test_a_damaged_file_is_named(tmp_path, control):
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "tickets.json").write_text("{")
    with pytest.raises(Corrupt, match="import the tickets again"):
        list(untold(tmp_path, control, T0))
