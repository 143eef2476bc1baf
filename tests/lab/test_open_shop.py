"""An open shop: what it tells, what operators can do to it, and that nothing outlives it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mainstay.lab.fault import KINDS
from mainstay.lab.folder import read_json
from mainstay.lab.shopctl import main as shopctl
from tests.lab.conftest import CORNER
from tests.lab.patience import eventually
from tests.lab.sink import attributes

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5  # opentelemetry/proto/trace/v1/trace.proto


def test_users_are_served(lab):
    felt = lab.users.seconds()[:4]  # later pages saw what other tests do to the shop
    assert sum(page["count"] for page in felt) > 0
    assert not any(page["errors"] for page in felt)
    assert {request for page in felt for request in page["requests"]} == {"GET /shelves/{id}", "POST /purchases"}


def test_a_purchase_is_one_trace_through_http_queue_and_database(sink):
    wanted = {
        ("counter", SERVER, "POST /purchases"),
        ("counter", CLIENT, "POST"),
        ("till", SERVER, "POST /sales"),
        ("till", CLIENT, "INSERT sales"),
        ("till", PRODUCER, "send slips"),
        ("tray", SERVER, "POST /queues/slips"),
        ("clerk", CONSUMER, "process slips"),
    }

    def is_whole():
        traces = {}
        for service, span in sink.spans():
            traces.setdefault(span.trace_id, set()).add((service, span.kind, span.name))
        return any(wanted <= found for found in traces.values())

    eventually(is_whole)


def test_spans_carry_the_standard_names(sink):
    server = eventually(lambda: [s for name, s in sink.spans() if name == "till" and s.kind == SERVER])[0]
    assert {"http.request.method", "http.route", "url.path", "http.response.status_code"} <= set(attributes(server))
    database = eventually(lambda: [s for name, s in sink.spans() if s.name == "INSERT sales"])[0]
    assert attributes(database)["db.system.name"] == "sqlite"
    assert attributes(database)["db.namespace"] == "ledger"
    consumer = eventually(lambda: [s for name, s in sink.spans() if s.kind == CONSUMER])[0]
    assert attributes(consumer)["messaging.destination.name"] == "slips"
    assert consumer.links
    assert consumer.parent_span_id


def test_metrics_carry_the_standard_names_and_are_cumulative(sink):
    wanted = {
        "http.server.request.duration", "http.client.request.duration", "db.client.operation.duration",
        "messaging.queue.depth", "system.filesystem.utilization", "process.cpu.utilization",
        "process.memory.usage", "process.open_file_descriptor.count", "http.server.requests",
    }  # fmt: skip
    eventually(lambda: wanted <= {metric.name for _, metric in sink.metrics()})
    resource, duration = next(found for found in sink.metrics() if found[1].name == "http.server.request.duration")
    assert {"service.name", "service.version", "service.instance.id", "host.name"} <= set(resource)
    assert resource["deployment.environment.name"] == "test"
    assert duration.histogram.aggregation_temporality == 2
    assert len(duration.histogram.data_points[0].explicit_bounds) > 5


def test_logs_are_lines_of_one_template_in_their_trace(sink):
    sales = eventually(lambda: [record for _, record in sink.logs() if record.body.string_value.startswith("sale ")])
    assert sales[0].trace_id
    assert sales[0].severity_text == "INFO"


def test_everything_carries_the_token(sink, lab):
    lab.deploy_harmless("shelf")
    eventually(sink.changes)
    paths = {"/v1/traces", "/v1/metrics", "/v1/logs", "/v1/changes"}
    carried = {(path, headers.get("Authorization", headers.get("authorization"))) for path, headers, _ in sink.received}
    assert carried == {(path, "Bearer let-me-in") for path in paths}


def test_nothing_that_is_told_names_a_fault(sink, lab):
    lab.lift(lab.inject("bad-deploy-errors", "shelf", 9))
    words = [kind.encode() for kind in KINDS] + [b"inject", b"fault", b"chaos"]
    for _, _, body in list(sink.received):
        assert not any(word in body for word in words)


def ctl(lab, capsys, *words):
    code = shopctl(["--lab", str(lab.folder.root), *words])
    out = capsys.readouterr().out.splitlines()
    return code, json.loads(out[0]) if out and out[0].startswith("{") else out


def test_redeploy_runs_a_version_and_says_when_it_runs_already(lab, sink, capsys):
    running = lab.status("shelf")["services"][0]["version"]
    newer = lab.deploy_harmless("shelf")["change"]["data"]["version"]
    code, done = ctl(lab, capsys, "redeploy", "shelf", "--version", running)
    assert (code, done["changed"]) == (0, True)
    assert done["change"]["data"]["kind"] == "rollback"
    assert done["change"]["data"]["previous_version"] == newer
    code, done = ctl(lab, capsys, "redeploy", "shelf", "--version", running)
    assert (code, done["changed"]) == (0, False)
    assert "already runs" in done["did"]
    eventually(lambda: any(change["type"].startswith("dev.cdevents.service.rolledback") for change in sink.changes()))


def test_restart_gives_new_processes(lab, capsys):
    (before,) = lab.status("shelf")["services"][0]["instances"]
    code, done = ctl(lab, capsys, "restart", "shelf")
    assert (code, done["change"]["data"]["kind"]) == (0, "restart")
    (after,) = lab.status("shelf")["services"][0]["instances"]
    assert after["pid"] != before["pid"]
    assert not psutil.pid_exists(before["pid"])


def test_scale_and_back(lab, capsys):
    assert ctl(lab, capsys, "scale", "shelf", "2")[1]["change"]["data"]["kind"] == "scale"
    assert lab.status("shelf")["services"][0]["replicas"] == 2
    assert ctl(lab, capsys, "scale", "shelf", "2")[1]["changed"] is False
    assert ctl(lab, capsys, "scale", "shelf", "1")[0] == 0
    code, done = ctl(lab, capsys, "scale", "shelf", "99")
    assert code == 1
    assert "expected 1 to 8" in done["error"]


def test_whether_it_is_as_asked_can_be_looked_up(lab, capsys):
    running = lab.status("shelf")["services"][0]["version"]
    for words, is_so in (
        (("--version", running, "--replicas", "1", "--last-good", "--clean"), True),
        (("--version", "v9999"), False),
        (("--replicas", "2"), False),
    ):
        code, done = ctl(lab, capsys, "check", "shelf", *words)
        assert (code, done["holds"]) == (0 if is_so else 1, is_so), done["found"]
    assert ctl(lab, capsys, "check", "kiosk", "--replicas", "1")[0] == 3, "that it cannot be told is neither yes nor no"
    fault = lab.inject("bad-config", "counter", 2)
    assert ctl(lab, capsys, "check", "counter", "--last-good")[0] == 1
    lab.lift(fault)
    assert ctl(lab, capsys, "check", "counter", "--last-good")[0] == 0


def test_a_stranger_and_his_going_can_be_looked_up(lab, capsys):
    fault = lab.inject("db-locked", "ledger", 2)
    code, done = ctl(lab, capsys, "check", "ledger", "--clean")
    assert (code, done["found"].startswith("in its place: ")) == (1, True)
    lab.lift(fault)
    assert ctl(lab, capsys, "check", "ledger", "--clean")[0] == 0


@pytest.mark.parametrize("verb", ["restore", "clean"])
def test_nothing_to_do_is_said(lab, capsys, verb):
    code, done = ctl(lab, capsys, verb, "shelf")
    assert (code, done["changed"]) == (0, False)


def test_what_is_not_there_is_refused(lab, capsys, tmp_path):
    code, done = ctl(lab, capsys, "restart", "kiosk")
    assert code == 1
    assert "kiosk" in done["error"]
    code, done = ctl(lab, capsys, "redeploy", "shelf", "--version", "v9999")
    assert code == 1
    assert "no version 'v9999'" in done["error"]
    assert shopctl(["--lab", str(tmp_path), "status"]) == 2


def test_status_as_a_table_and_as_json(lab, capsys):
    code, lines = ctl(lab, capsys, "status")
    assert code == 0
    assert len(lines) == 1 + len(lab.shop.services)
    assert "healthy" in lines[1]
    assert ctl(lab, capsys, "status", "till", "--json")[1]["services"][0]["service"] == "till"


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["owner", "supervisor"])
def test_no_process_outlives_the_lab(tmp_path, victim):
    """Killed without a chance to tidy up, with a stranger at work and a frozen service."""
    folder = tmp_path / "lab"
    place = ["--lab", str(folder), "--truth", str(tmp_path / "truth")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    run = [sys.executable, "-m", "mainstay.lab", "run", "--shop", str(CORNER), *place]
    owner = subprocess.Popen(run, env=environment, stdout=subprocess.DEVNULL)
    try:
        eventually((folder / "control.json").exists, within_s=30)
        fault = [sys.executable, "-m", "mainstay.lab.fault", "cpu-hog", "shelf", *place]
        subprocess.run(fault, check=True, env=environment, stdout=subprocess.DEVNULL)
        pids = [entry["pid"] for entries in read_json(folder / "endpoints.json").values() for entry in entries]
        pids += [int(path.name) for path in folder.glob("slots/*/*")]
        os.kill(pids[0], signal.SIGSTOP)
        supervisor = read_json(folder / "control.json")["pid"]
        os.kill(supervisor if victim == "supervisor" else owner.pid, signal.SIGKILL)
        eventually(lambda: not any(is_alive(pid) for pid in pids), within_s=20)
    finally:
        owner.kill()
        owner.wait()


def is_alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
