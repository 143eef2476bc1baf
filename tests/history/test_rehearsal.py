"""The past through the pipeline: the same twice, nothing leaves; a platform that begins with it knows its series."""

import fcntl

import msgspec
import pytest
from tests.history.fake_prometheus import FakePrometheus
from tests.history.past import DAY_S, Fault, openmetrics
from tests.ingest.prometheus_schema import write_request

from mainstay.app.clock import SystemClock
from mainstay.app.platform import Platform
from mainstay.app.wiring import wire
from mainstay.cli.import_ import import_
from mainstay.domain.errors import Refused
from mainstay.domain.records import Record
from mainstay.engine.snapshots import Snapshots
from mainstay.history.handover import alone, can_take, is_handed_over
from mainstay.history.importing import Asked, give, import_prometheus, import_tickets, obstacle
from mainstay.history.prometheus.client import Pace, Prometheus
from mainstay.history.prometheus.credentials import Credentials
from mainstay.history.recording import records
from mainstay.history.tickets import Export, Ticket
from mainstay.replay import RecordedClock, replay
from mainstay.settings import Receiver, Settings

UNTIL = 1_795_305_600
SINCE = UNTIL - DAY_S // 2
FAULT = Fault("orders", UNTIL - 3 * 3600, 1200)
EVERYTHING = ('{__name__=~".+"}',)


def parsed(lines):
    """OpenMetrics text as the fake keeps it."""
    series = {}
    for line in lines:
        if line.startswith("#"):
            continue
        head, value, at = line.rsplit(" ", 2)
        name, _, inside = head.partition("{")
        pairs = [pair.split("=", 1) for pair in inside.rstrip("}").split(",")]
        labels = (("__name__", name), *((key, text.strip('"')) for key, text in pairs))
        series.setdefault(labels, {})[int(at)] = float(value)
    return series


@pytest.fixture(scope="module")
def shop():
    fake = FakePrometheus(parsed(openmetrics(SINCE, UNTIL + 60, 60, [FAULT], ("orders", "stock"))))
    with fake.running() as url:
        yield url


def imported(url, data, **settings):
    source = Prometheus(url, Credentials(), Pace(10_000.0, 30.0, 5.0), lambda _: None)
    try:
        return import_prometheus(data, source, Asked(EVERYTHING, SINCE, UNTIL), Settings(**settings), lambda _: None)
    finally:
        source.close()


@pytest.fixture(scope="module")
def past(shop, tmp_path_factory):
    """A data folder with a history that was read and rehearsed, and its report."""
    data = tmp_path_factory.mktemp("past")
    return data, imported(shop, data, receiver=Receiver(webhook_url="http://127.0.0.1:9/never"))


def copy_of(data, to):
    import shutil

    return shutil.copytree(data, to / "platform")


def test_the_report_finds_the_fault_before_the_rule(past):
    _, made = past
    assert made.incidents >= 1
    assert made.rule_alerts == 1
    assert made.rule_incidents_first == 1
    assert made.rule_lead_min > 0


def test_nothing_leaves(past):
    data, _ = past
    line = wire(data / "history" / "line", Settings(), RecordedClock())
    try:
        assert line.control.pages_due(2**62) == []
        assert line.control.verify_ledger().first_bad is None
    finally:
        line.close()


def test_mainstay_replay_understands_it_and_says_the_same(past):
    data, made = past
    again = replay(data / "history", Settings(), 7, records(data / "history"))
    assert again["scores_sha256"] == made.scores_sha256
    assert len([i for i in again["incidents"] if i["opened_ms"] >= made.judged_since_ms]) == made.incidents


def test_a_second_run_reads_and_rehearses_nothing(past, shop):
    data, made = past
    was = (data / "history" / "decided.json").stat().st_mtime_ns
    assert imported(shop, data) == made
    assert (data / "history" / "decided.json").stat().st_mtime_ns == was


def test_tickets_change_the_report(past, tmp_path):
    data = copy_of(past[0], tmp_path)
    tickets = [
        Ticket(id="T1", opened_ms=(FAULT.at_s + 600) * 1000, service="orders"),
        Ticket(id="T2", opened_ms=(UNTIL - 3600) * 1000, service="stock"),
    ]
    made = import_tickets(data, Export("test", tickets))
    assert (made.tickets, made.tickets_missed) == (2, 1)
    assert made.judged_since_ms == past[1].judged_since_ms
    assert import_tickets(tmp_path / "none", Export("test", tickets)) is None


def test_a_missed_ticket_is_a_verdict(shop, tmp_path):
    tickets = [
        Ticket(id="T1", opened_ms=(FAULT.at_s + 600) * 1000, service="orders"),
        Ticket(id="T2", opened_ms=(UNTIL - 3600) * 1000, service="stock", title="stock is wrong"),
        Ticket(id="T3", opened_ms=(UNTIL - 3600) * 1000, service="printer"),
    ]
    assert import_tickets(tmp_path, Export("test", tickets)) is None
    made = imported(shop, tmp_path)
    assert made.tickets_missed == 2
    line = wire(tmp_path / "history" / "line", Settings(), RecordedClock())
    try:
        [verdict] = line.control.verdicts()
        assert (verdict.kind, verdict.subject, verdict.by) == ("missed", "service:prod/stock", "import")
        assert "T2: stock is wrong" in verdict.comment
        assert {label.kind for label in line.control.labels()} == {"missed"}
    finally:
        line.close()


def test_the_platform_begins_with_it(past, tmp_path):
    """The same labels by remote write are the same series: none is new, and what was learned is in force."""
    data = copy_of(past[0], tmp_path)
    assert "handed over" in give(data)
    assert is_handed_over(data / "history")
    assert give(data) == "it was handed over before"
    platform = Platform(data, Settings(snapshot_s=1e9))
    try:
        before = platform.line.pipeline
        platform.engine.start()
        assert before.seq == platform.control.decided_seq > 0
        known = {series.id for series in platform.line.normalizer.series}
        record = Record(before.seq + 1, "signals", "remote-write", (UNTIL + 120) * 10**9, live(UNTIL + 120))
        platform.engine.stop()
        platform.line.pipeline.run([record])
        assert {series.id for series in platform.line.normalizer.series} == known
        assert platform.line.telemetry.applied_seq == record.seq
        assert platform.new_admin_token
    finally:
        platform.engine.stop()
        platform.inbox.close()
        platform.line.close()


def live(at_s):
    """What Prometheus would send next of one series, and of another one."""
    labels = {"__name__": "process_resident_memory_bytes", "env": "prod", "instance": "10.0.0.0:80", "job": "api",
              "service": "orders"}  # fmt: skip
    return write_request((labels, [(at_s * 1000, 2e8)])).SerializeToString()


def slow_now(begin_s, first_seq):
    """Eight minutes of live samples of a service that has become slow, and the time passing."""
    labels = {"env": "prod", "instance": "10.0.0.0:80", "job": "api", "service": "orders"}
    seq = first_seq
    for minute in range(8):
        at_s = begin_s + 60 * minute
        made = [
            ({"__name__": f"http_request_duration_seconds_{part}", **labels}, [(at_s * 1000, (minute + 1) * step)])
            for part, step in (("sum", 1000.0), ("count", 1200.0))
        ]
        for source, body in (("remote-write", write_request(*made).SerializeToString()), ("tick", b"")):
            yield Record(seq, "signals", source, at_s * 10**9, body)
            seq += 1


def test_what_was_learned_judges_the_first_live_minutes(past, tmp_path):
    """A cold platform has seen too little to say anything about the same samples."""
    data = copy_of(past[0], tmp_path)
    give(data)
    told = {}
    for name, folder in (("warm", data), ("cold", tmp_path / "cold")):
        line = wire(folder, Settings(), SystemClock())
        newest = Snapshots(folder / "state").newest()
        if newest:
            line.pipeline.restore_parts(newest[1])
        known = {alert.id for alert in line.control.alerts(limit=1000)}
        line.pipeline.run(list(slow_now(UNTIL + 600, line.pipeline.seq + 1)))
        told[name] = [alert for alert in line.control.alerts(limit=1000) if alert.id not in known]
        line.close()
    assert told["cold"] == []
    assert "service:prod/orders" in {alert.entity for alert in told["warm"]}


def test_two_imports_do_not_meet(past, shop):
    with (past[0] / "history" / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="another import runs"):
            imported(shop, past[0])


def fresh(folder):
    platform = Platform(folder, Settings())
    _, secret = platform.control.people.issue("ingest", "admin", "edge", by="user:admin")
    platform.inbox.close()
    platform.line.close()
    return secret


def test_people_and_tokens_are_taken_along(past, tmp_path):
    data = copy_of(past[0], tmp_path)
    secret = fresh(data)
    assert obstacle(data) == ""
    give(data)
    assert (data / "history" / "before" / "control.db").exists()
    line = wire(data, Settings(), SystemClock())
    try:
        assert line.control.people.sender(secret) is not None
        assert line.control.people.first_admin(data) is None
        assert line.control.verify_ledger().first_bad is None
        assert line.control.incidents(limit=10)
    finally:
        line.close()


@pytest.mark.parametrize("cut_at", range(5))
def test_a_handing_over_that_was_cut_off_is_finished(past, tmp_path, cut_at):
    from mainstay.history import handover

    data = copy_of(past[0], tmp_path)
    fresh(data)
    moved = []
    line = data / "history" / "line"
    names = [name for name in handover.TAKEN if (line / name).exists()]
    give_up_after(data, line, names, cut_at, moved)
    assert obstacle(data) == ""
    assert "handed over" in give(data)
    assert not line.exists()
    whole = wire(data, Settings(), SystemClock())
    assert whole.control.incidents(limit=10)
    whole.close()


def give_up_after(data, line, names, count, moved):
    """What a kill -9 in the middle leaves: the old parts put aside, and the first few of the new ones in place."""
    from mainstay.history import handover

    history = data / "history"
    (history / handover.BEFORE).mkdir()
    (history / handover.MARK).touch()
    handover._move(handover.SET_ASIDE, data, history / handover.BEFORE)
    if count:
        (history / handover.BEFORE / handover.DONE).touch()
    for name in names[:count]:
        (line / name).rename(data / name)


def test_a_running_platform_is_left_alone(past, tmp_path):
    data = copy_of(past[0], tmp_path)
    fresh(data)
    with (data / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "stop it" in can_take(data)
        with pytest.raises(Refused, match="stop it"):
            give(data)
    assert (data / "history" / "line").is_dir()


def test_no_platform_begins_in_the_middle_of_a_handing_over(past, tmp_path):
    """Its lock is none of what is moved, and it is taken before anything is made."""
    data = copy_of(past[0], tmp_path)
    with alone(data / "lock", "handing over"):
        with pytest.raises(Refused, match="another process"):
            fresh(data)
        assert {path.name for path in data.iterdir()} == {"history", "lock"}


@pytest.mark.parametrize("cut_at", range(-1, 5))
def test_a_platform_that_was_started_after_a_cut_is_not_written_over(past, tmp_path, cut_at):
    from mainstay.history import handover

    data = copy_of(past[0], tmp_path)
    fresh(data)
    line = data / "history" / "line"
    names = [name for name in handover.TAKEN if (line / name).exists()]
    if cut_at < 0:
        (data / "history" / "before").mkdir()
        (data / "history" / "handing-over").touch()
        handover._move(("artefacts", "keys"), data, data / "history" / "before")
        (data / "artefacts").mkdir()  # its control store misses its artefacts: a platform gets no further than this
    else:
        give_up_after(data, line, names, cut_at, [])
        fresh(data)
    before = everything(data)
    with pytest.raises(Refused, match=r"while a handing over .* move .* out of it") as refused:
        give(data)
    assert everything(data) == before
    again = str(refused.value).partition("move ")[2].partition(" out of it")[0].split(", ")
    for name in again:
        (data / name).rename(tmp_path / name)
    assert "handed over" in give(data)
    whole = wire(data, Settings(), SystemClock())
    assert whole.control.incidents(limit=10)
    whole.close()


def everything(data):
    return {str(path.relative_to(data)): path.stat().st_size for path in data.rglob("*") if path.is_file()}


def test_nothing_is_renamed_onto_what_is_there(tmp_path):
    from mainstay.history import handover

    for folder in ("a", "b"):
        (tmp_path / folder / "state").mkdir(parents=True)
    with pytest.raises(Refused, match="is there already"):
        handover._move(("state",), tmp_path / "a", tmp_path / "b")


def test_a_platform_with_incidents_keeps_them(past, tmp_path):
    data = copy_of(past[0], tmp_path)
    give(data)
    other = copy_of(past[0], tmp_path / "other")
    (other / "control.db").write_bytes((data / "control.db").read_bytes())
    with pytest.raises(Refused, match="incidents of its own"):
        give(other)
    assert "incidents of its own" in obstacle(other)


def test_the_commands(past, shop, tmp_path):
    from click.testing import CliRunner

    data = copy_of(past[0], tmp_path)
    rows = "number,opened_at,cmdb_ci\nT1,2026-11-22 09:00:00,orders\nT2,never,orders\n"
    (tmp_path / "tickets.csv").write_text(rows)
    run = CliRunner().invoke(import_, ["incidents", str(tmp_path / "tickets.csv"), "--data", str(data)])
    assert run.exit_code == 0, run.output
    assert "1 tickets kept (columns of ServiceNow), 1 bad rows" in run.output
    assert "line 3: " in run.output
    out = tmp_path / "report.json"
    when = ["--since", str_of(SINCE), "--until", str_of(UNTIL), "--data", str(data), "--json", str(out)]
    run = CliRunner().invoke(import_, ["prometheus", shop, *when, "--queries-per-s", "10000"])
    assert run.exit_code == 0, run.output
    assert "alerts → " in run.output
    assert "handed over" in run.output
    assert msgspec.json.decode(out.read_bytes())["judged_until_ms"] == UNTIL * 1000


def str_of(second):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(second, UTC).isoformat()
