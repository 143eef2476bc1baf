"""The chain as it lies in the database, and somebody with write access to the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store import control_samples as some
from tests.store.control_samples import FixedClock

from mainstay.domain.errors import Corrupt
from mainstay.store.control import Control

COUNT = 12


@pytest.fixture
def control(tmp_path: Path):
    control = Control(tmp_path / "c.sqlite", FixedClock())
    control.append(*(some.entry(number) for number in range(1, COUNT + 1)))
    yield control
    control.close()


def sql(control: Control, *statements: str) -> None:
    with control.database.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


MINE = "(digest = (SELECT inputs_digest FROM ledger WHERE seq = {n}))"
TAMPERING = {
    "edit": ('UPDATE ledger SET output = \'{"score":9.0,"n":1}\' WHERE seq = {n}',),
    "actor": ("UPDATE ledger SET actor = 'user:eve' WHERE seq = {n}",),
    "delete": ("DELETE FROM ledger WHERE seq = {n}",),
    "renumber": ("UPDATE ledger SET seq = seq + 1000 WHERE seq = {n}",),
    "swap": (
        "UPDATE ledger SET seq = -1 WHERE seq = {n}",
        "UPDATE ledger SET seq = {n} WHERE seq = {n} + 1",
        "UPDATE ledger SET seq = {n} + 1 WHERE seq = -1",
    ),
    "inputs": ("UPDATE frozen SET body = (SELECT body FROM frozen WHERE NOT {mine} LIMIT 1) WHERE {mine}",),
    "lost": ("DELETE FROM frozen WHERE {mine}",),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(how=st.sampled_from(sorted(TAMPERING)), place=st.integers(min_value=1, max_value=COUNT - 1))
def test_tampering_is_found_at_its_place(tmp_path_factory, how: str, place: int) -> None:
    control = Control(tmp_path_factory.mktemp("c") / "c.sqlite", FixedClock())
    control.append(*(some.entry(number) for number in range(1, COUNT + 1)))
    assert control.verify_ledger().count == COUNT
    sql(control, *(statement.replace("{mine}", MINE).replace("{n}", str(place)) for statement in TAMPERING[how]))
    verified = control.verify_ledger()
    assert (verified.first_bad, verified.count) == (place, place - 1), verified.why
    control.close()


def test_truncation_against_a_head_that_was_kept(control: Control) -> None:
    head = control.ledger_head()
    sql(control, "DELETE FROM ledger WHERE seq > 7")
    assert control.verify_ledger().is_whole
    assert control.verify_ledger(head).first_bad == 8


def test_an_entry_put_before_the_first_is_seen(control: Control) -> None:
    sql(control, "UPDATE ledger SET seq = 0 WHERE seq = 12")
    assert control.verify_ledger().first_bad == 1


def test_a_row_that_is_no_entry_any_more_says_which(control: Control) -> None:
    sql(control, "UPDATE ledger SET output = '{' WHERE seq = 3")
    with pytest.raises(Corrupt, match=r"entry 3 \(entry-3\)"):
        control.verify_ledger()
    sql(control, "UPDATE frozen SET body = x'00'")
    with pytest.raises(Corrupt, match="frozen inputs"):
        control.frozen(control.ledger_entry("entry-1").inputs_digest)


def test_the_chain_goes_on_over_restarts_and_pieces(tmp_path: Path) -> None:
    for start in range(0, 2400, 800):
        control = Control(tmp_path / "c.sqlite", FixedClock())
        control.append(*(some.entry(number, inputs={"same": 1}) for number in range(start, start + 800)))
        control.close()
    control = Control(tmp_path / "c.sqlite", FixedClock())
    assert control.verify_ledger().count == 2400  # more than one piece of the stream
    assert [e.seq for e in control.ledger(after_seq=2390)] == list(range(2391, 2401))
    assert len(control.ledger(limit=5)) == 5
    with control.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM frozen").scalar() == 1
    control.close()


def test_search(control: Control) -> None:
    control.append(some.entry(99, kind="plan", subject="INC-1"))
    assert [e.seq for e in control.ledger_page(limit=3)] == [13, 12, 11]
    assert [e.seq for e in control.ledger_page(before=3)] == [2, 1]
    assert [e.id for e in control.ledger_page(kind="plan")] == ["entry-99"]
    assert [e.id for e in control.ledger_page(subject="A-4")] == ["entry-4"]
    assert control.ledger_entry("nothing") is None
