"""The control store: one commit or none, each once, and what is read is what was written."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store import control_samples as some
from tests.store.control_samples import T0, FixedClock

from mainstay.domain.effects import Effects
from mainstay.domain.errors import Corrupt, NotFound
from mainstay.store.control import Control
from mainstay.store.database import MOST_CONNECTIONS


@pytest.fixture
def control(tmp_path: Path):
    control = Control(tmp_path / "control.sqlite", FixedClock())
    yield control
    control.close()


def test_everything_a_batch_decided_reads_back_equal(control: Control) -> None:
    effects = some.effects()
    control.commit(effects)
    assert control.decided_seq == 1
    assert control.incident("INC-1") == effects.incidents["INC-1"]
    assert control.alert("A-1") == effects.alerts["A-1"]
    assert control.plan("P-1") == effects.plans["P-1"]
    assert control.plan("P-1").digest == effects.plans["P-1"].digest
    assert control.entities() == sorted(effects.entities.values(), key=lambda e: e.id)
    assert control.edges() == list(effects.edges.values())
    assert control.templates([some.BIG_ID - 1]) == list(effects.templates.values())
    assert control.changes() == list(effects.changes.values())
    assert control.pages_due(T0) == list(effects.pages.values())
    assert control.verdicts("A-1") == list(effects.verdicts.values())
    assert control.labels("metrics") == list(effects.labels.values())
    [entry] = control.ledger()
    assert (entry.id, entry.output) == ("entry-1", {"score": 0.25, "n": 1})
    assert control.frozen(entry.inputs_digest) == {"window": [1.5, 2.5, 1.0]}


def test_what_is_not_there_is_none(control: Control) -> None:
    assert control.incident("INC-9") is None
    assert control.frozen("0" * 64) is None
    assert control.ledger_head() is None
    assert not control.use_approval("nobody", T0)
    with pytest.raises(NotFound, match="INC-9"):
        control.incidents(before="INC-9")


def test_a_replayed_batch_changes_nothing(control: Control) -> None:
    control.commit(some.effects(seq=5))
    control.mark_page(msgspec.structs.replace(control.pages_due(T0)[0], sent_ms=T0))
    late = some.effects(seq=5)
    late.incidents["INC-1"] = some.incident(1, title="from a replay")
    control.commit(late)
    assert control.incident("INC-1").title == "payments slow"
    assert control.pages_due(T0 + 9) == []
    assert len(control.ledger()) == 1


def test_a_page_that_was_sent_stays_sent_when_a_later_batch_names_it_again(control: Control) -> None:
    control.commit(some.effects(seq=1))
    control.mark_page(msgspec.structs.replace(control.pages_due(T0)[0], sent_ms=T0))
    control.commit(some.effects(seq=2))
    assert control.pages_due(T0 + 9) == []


def test_what_a_dry_run_said_stays_with_the_plan_that_it_was_about(control: Control) -> None:
    control.commit(some.effects(seq=1))
    before = control.plan("P-1")
    assert before is not None
    control.note_dry_run("P-1", before.digest, ("would restart",))
    control.note_dry_run("P-1", "0" * 64, ("would do something else",))
    control.note_dry_run("P-9", "0" * 64, ("there is no such plan",))
    control.commit(some.effects(seq=2))
    after = control.plan("P-1")
    assert after is not None
    assert (after.dry_run, after.digest) == (("would restart",), before.digest)


def test_a_plan_that_was_answered_is_not_withdrawn_and_the_ledger_does_not_say_so(control: Control) -> None:
    control.commit(some.effects(seq=1))
    control.save_plan(some.plan(status="approved"))
    gone = Effects(decided_seq=2, plans={"P-1": some.plan(status="withdrawn"), "P-2": some.plan(2)})
    gone.entries += [some.entry(7, kind="plan", subject="P-1"), some.entry(8, kind="plan", subject="P-2")]
    control.commit(gone)
    assert [(p.id, p.status) for p in control.plans()] == [("P-2", "proposed"), ("P-1", "approved")]
    assert control.ledger_entry("entry-7") is None
    assert control.ledger_entry("entry-8") is not None


def test_an_entry_that_is_told_again_is_skipped_and_the_chain_holds(control: Control) -> None:
    odd = some.entry(4, output={"b": float("nan"), "a": (1, 2.0)}, subject="a\ud800", inputs=None, rests_on=())
    control.append(some.entry(1), some.entry(2), odd)
    placed = control.append(some.entry(2), odd, some.entry(3), some.entry(3))
    assert [(e.seq, e.id, e.subject) for e in placed] == [(4, "entry-3", "A-3")]
    verified = control.verify_ledger()
    assert (verified.count, verified.first_bad) == (4, None)


@pytest.mark.parametrize(
    "other",
    [{"subject": "other"}, {"output": {"n": 0}}, {"at_ms": T0}, {"inputs": {"x": 1}}, {"inputs": None},
     {"rests_on": ("metrics@2",)}, {"kind": "plan"}, {"actor": "user:ada"}],
)  # fmt: skip
def test_another_decision_under_a_known_id_is_written_too_once(
    control: Control, caplog: pytest.LogCaptureFixture, other: dict[str, object]
) -> None:
    control.append(some.entry(1))
    again = some.entry(1, **other)
    [placed] = control.append(again)
    assert placed.id.startswith("entry-1~")
    assert "already stands for another decision" in caplog.text
    assert control.append(again, some.entry(1)) == []
    kept = control.ledger_entry(placed.id)
    assert kept == placed
    assert control.verify_ledger().count == 2


def test_two_decisions_under_one_id_in_one_batch_are_both_written(control: Control) -> None:
    placed = control.append(some.entry(1), some.entry(1, subject="other"), some.entry(1))
    assert [e.subject for e in placed] == ["A-1", "other"]
    assert control.verify_ledger().count == 2


def test_decided_seq_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    first = Control(path, FixedClock())
    first.commit(some.effects(seq=41))
    first.close()
    second = Control(path, FixedClock())
    assert second.decided_seq == 41
    second.close()


def test_the_file_and_its_wal_are_for_their_owner_only(tmp_path: Path, control: Control) -> None:
    control.append(some.entry())
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_commits_survive_a_power_cut_and_do_not_block_readers(control: Control) -> None:
    with control.database.reading() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys", "busy_timeout")
        }
    assert pragma == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_reader_sees_one_moment_while_a_writer_commits(control: Control) -> None:
    control.append(some.entry(1))
    with control.database.reading() as connection:
        count = "SELECT count(*) FROM ledger"
        assert connection.exec_driver_sql(count).scalar() == 1
        control.append(some.entry(2))
        assert connection.exec_driver_sql(count).scalar() == 1
    assert len(control.ledger()) == 2


def test_a_fault_in_the_middle_of_a_commit_leaves_nothing(control: Control) -> None:
    effects = some.effects()
    effects.entries.append(some.entry(2, output={"no": object()}))
    with pytest.raises(TypeError, match="object has no place"):
        control.commit(effects)
    assert control.incidents() == []
    assert control.ledger() == []
    assert control.decided_seq == 0
    control.commit(some.effects())
    assert control.decided_seq == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from mainstay.store.control import Control
from mainstay.store import transaction
from tests.store import control_samples as some
control = Control(Path(sys.argv[1]), some.FixedClock())
control.commit(some.effects(seq=1, number=1))
print("acknowledged", flush=True)
append = transaction.Transaction.append
def dies(self, entries):
    append(self, entries)
    os.kill(os.getpid(), signal.SIGKILL)
transaction.Transaction.append = dies
control.commit(some.effects(seq=2, number=2))
"""


def test_kill_in_the_middle_of_a_commit_leaves_the_batch_before_and_nothing_of_this_one(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    path = tmp_path / "c.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "acknowledged\n"), done.stderr
    control = Control(path, FixedClock())
    assert control.decided_seq == 1
    assert [one.id for one in control.incidents()] == ["INC-1"]
    assert [one.id for one in control.ledger()] == ["entry-1"]
    assert control.verify_ledger().is_whole
    control.commit(some.effects(seq=2, number=2))
    assert control.verify_ledger().count == 2
    control.close()


def test_of_eight_threads_one_uses_the_approval(control: Control) -> None:
    for number in range(5):
        control.save_approval(some.approval(number))
        barrier, won = threading.Barrier(8), []

        def race(number: int = number, barrier: threading.Barrier = barrier, won: list[bool] = won) -> None:
            barrier.wait()
            won.append(control.use_approval(f"AP-{number}", T0 + 1, [some.entry(number)]))

        threads = [threading.Thread(target=race) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won) == [False] * 7 + [True]
    assert len(control.ledger()) == 5
    assert {one.used_ms for one in control.approvals("P-1")} == {T0 + 1}


def test_an_approval_expires_and_a_no_is_never_used(control: Control) -> None:
    control.save_approval(some.approval(1))
    control.save_approval(some.approval(2, decision="rejected"))
    assert not control.use_approval("AP-1", T0 + 60_000)
    assert not control.use_approval("AP-2", T0 + 1)
    assert control.use_approval("AP-1", T0 + 59_999)


def test_a_used_approval_cannot_be_saved_back_to_unused(control: Control) -> None:
    control.save_approval(some.approval())
    assert control.use_approval("AP-1", T0 + 1)
    control.save_approval(some.approval())
    assert not control.use_approval("AP-1", T0 + 2)


def test_writers_in_eight_threads_leave_one_whole_chain(control: Control) -> None:
    def write(thread: int) -> None:
        for number in range(10):
            control.append(some.entry(100 * thread + number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verified = control.verify_ledger()
    assert (verified.count, verified.first_bad) == (80, None)


def test_ten_thousand_incidents_page_by_page_each_once(control: Control) -> None:
    effects = some.effects()
    # ten share each opening time: the page must break inside of them, too
    effects.incidents = {
        f"INC-{n}": some.incident(n, opened_ms=T0 + n // 10, status="open" if n % 3 else "resolved")
        for n in range(10_000)
    }
    control.commit(effects)
    seen: list[str] = []
    before = None
    while page := control.incidents(limit=333, before=before):
        seen += [one.id for one in page]
        before = page[-1].id
    assert len(seen) == len(set(seen)) == 10_000
    assert control.incident_counts() == {"open": 6666, "resolved": 3334}
    assert len(control.incidents("resolved", limit=5000)) == 3334


def test_filters(control: Control) -> None:
    effects = some.effects()
    effects.alerts |= {
        "A-2": some.alert(2, status="resolved", suppressed=True),
        "A-3": some.alert(3, entity="service:prod/orders"),
    }
    effects.changes["C-2"] = some.change(2, entity="service:prod/orders")
    control.commit(effects)
    assert [a.id for a in control.alerts()] == ["A-3", "A-2", "A-1"]
    assert [a.id for a in control.alerts("firing")] == ["A-3", "A-1"]
    assert [a.id for a in control.alerts(entity="service:prod/orders")] == ["A-3"]
    assert [a.id for a in control.alerts(suppressed=True)] == ["A-2"]
    assert [a.id for a in control.alerts_by_id(["A-3", "A-1", "A-1", "A-9"])] == ["A-1", "A-3"]
    assert [c.id for c in control.changes(entities=["service:prod/orders"])] == ["C-2"]
    assert [c.id for c in control.changes(until_ms=T0 - 999)] == ["C-1"]
    assert [c.id for c in control.changes_by_id(["C-2"])] == ["C-2"]
    assert [p.id for p in control.plans("INC-1", "proposed")] == ["P-1"]
    funnel = control.funnel(T0)
    assert (funnel.alerts, funnel.not_paged, funnel.incidents) == (3, 1, 1)
    assert control.funnel(T0 + 99).alerts == 0


def test_versions_are_immutable_and_deployments_move(control: Control) -> None:
    control.save_version(some.version(1))
    control.save_version(msgspec.structs.replace(some.version(1), algorithm="other"), [some.entry(1)])
    control.save_version(some.version(2))
    assert [v.algorithm for v in control.versions("metrics")] == ["robust-season"] * 2
    assert control.version(some.METRICS) == some.version(1)
    control.save_deployment(some.deployment(1))
    control.save_deployment(some.deployment(2))
    assert control.deployments("metrics") == [some.deployment(2)]
    assert control.deployments("logs") == []


def test_steps_keep_their_newest_state_in_order(control: Control) -> None:
    control.save_step(some.step(1))
    control.save_step(some.step(0))
    control.save_step(some.step(0, status="succeeded"))
    assert [(s.index, s.status) for s in control.steps("P-1")] == [(0, "succeeded"), (1, "started")]


def test_numbers_that_json_lacks_come_back(control: Control) -> None:
    effects = some.effects()
    band = msgspec.structs.replace(some.alert().band, low=float("-inf"), value=float("inf"))
    effects.alerts["A-1"] = some.alert(band=band)
    control.commit(effects)
    assert control.alert("A-1").band == band


hostile = st.text(max_size=80) | st.sampled_from(
    ["<img src=x onerror=alert(1)>", "'; DROP TABLE alerts; --", "\u202e\u2066", "\x00\x1b[31m", "x" * 10_000]
)


@settings(max_examples=60, deadline=None)
@given(name=hostile, summary=hostile, labels=st.dictionaries(hostile, hostile, max_size=4))
def test_hostile_text_comes_back_as_it_was(tmp_path_factory, name: str, summary: str, labels: dict[str, str]) -> None:
    control = Control(tmp_path_factory.mktemp("c") / "c.sqlite", FixedClock())
    effects = some.effects()
    sent = some.alert(id=name, name=name, entity=name, summary=summary, labels=labels)
    effects.alerts = {name: sent}
    control.commit(effects)
    assert control.alert(name) == sent
    assert control.alerts(entity=name) == [sent]
    control.close()


def test_half_a_surrogate_pair_is_stored_as_a_question_mark(control: Control) -> None:
    control.append(some.entry(1, subject="a\ud800", output={"b\udfff": "c\ud800"}))
    [entry] = control.ledger()
    assert (entry.subject, entry.output) == ("a?", {"b?": "c?"})
    assert control.verify_ledger().is_whole


def test_a_row_that_was_tampered_with_says_where(control: Control) -> None:
    control.commit(some.effects())
    with control.database.writing() as connection:
        connection.exec_driver_sql("UPDATE incidents SET body = '{\"id\": 3'")
    with pytest.raises(Corrupt, match="row of incidents"):
        control.incidents()


@pytest.mark.timeout(20)
def test_long_reads_never_keep_a_commit_waiting(control: Control) -> None:
    """As when twenty people verify the ledger at once."""
    with contextlib.ExitStack() as readers:
        for _ in range(MOST_CONNECTIONS // 2):
            readers.enter_context(control.database.reading())
        control.commit(Effects(decided_seq=control.decided_seq + 1))
