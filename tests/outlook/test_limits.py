"""The file of limits: which series it means, what it is called, and what it refuses, with the line."""

import pytest

from mainstay.domain.entities import labels_of
from mainstay.domain.errors import BadFile
from mainstay.domain.signals import Series
from mainstay.outlook.limits import Limits, labels_same, read_limits


def series(metric, entity="host:prod/a", **labels):
    return Series(1, 2, entity, metric, labels_of({k.replace("__", "."): v for k, v in labels.items()}))


@pytest.mark.parametrize(("metric", "labels", "name"), [
    ("system.filesystem.usage", {"system__filesystem__state": "used"}, "disk"),
    ("node_filesystem_avail_bytes", {"mountpoint": "/"}, "disk"),
    ("container.memory.usage", {}, "container memory"),
    ("db.client.connection.count", {"db__client__connection__state": "used"}, "connections"),
    ("probe_ssl_earliest_cert_expiry", {"instance": "https://shop"}, "certificate"),
    ("kafka_consumergroup_lag", {"topic": "orders"}, "consumer lag"),
    ("process.memory.usage", {}, "memory"),
    ("service.latency.p95", {}, "latency"),
])  # fmt: skip
def test_the_usual_names_are_known(metric, labels, name):
    found = Limits().for_series(series(metric, **labels))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(("metric", "labels"), [
    ("http.server.request.duration.p95", {}),
    ("db.client.connection.count", {"db__client__connection__state": "idle"}),
    ("system.memory.usage", {"system__memory__state": "cached"}),
])  # fmt: skip
def test_the_rest_is_none(metric, labels):
    assert Limits().for_series(series(metric, **labels)) is None


def test_a_deadline_has_times_of_its_own():
    found = Limits().of("probe_ssl_earliest_cert_expiry")[0]
    assert (found.warn_s, found.page_s) == (14 * 86_400, 2 * 86_400)
    assert Limits().of("process.memory.usage")[0].warn_s == 86_400


def test_a_latency_is_no_resource_that_runs_out_and_pages_nobody():
    found = Limits().of("service.latency.p95")[0]
    assert (found.objective, found.signal, found.page_s) == ("latency_ms", "latency", 0)
    assert Limits().of("process.memory.usage")[0].signal == "saturation"


def test_a_resource_is_named_by_what_tells_it_from_others():
    rule = Limits().of("node_filesystem_avail_bytes")[0]
    one = series("node_filesystem_avail_bytes", instance="a:9100", device="sda1", mountpoint="/var")
    assert rule.resource(one) == "disk sda1 /var"
    assert rule.which(one) == ("instance=a:9100", "device=sda1", "mountpoint=/var")


def test_a_size_belongs_when_no_label_speaks_against_it():
    rule = Limits().of("pg_stat_database_numbackends")[0]
    one = series("pg_stat_database_numbackends", instance="db:9187", datname="shop")
    assert labels_same(rule, one, {"instance": "db:9187"})
    assert labels_same(rule, one, {})
    assert not labels_same(rule, one, {"instance": "other:9187"})


def test_own_limits_come_first(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("limits:\n  - {name: scratch, metric: process.memory.usage, full: 1000, page_s: 0}\n")
    found = Limits(str(own)).of("process.memory.usage")
    assert [one.name for one in found] == ["scratch", "memory"]
    assert found[0].place < found[1].place
    assert (found[0].warn_s, found[0].page_s) == (86_400, 0)


@pytest.mark.parametrize(("text", "says"), [
    ("limits:\n  - {name: a}", ":2: "),
    ("limits:\n  - {name: a, metric: b, wide: 1}", "wide"),
    ("limits:\n  - {name: a, metric: b}\n  - {name: c, metric: d, full: 1, limit: e}", ":3: c: expected one of full"),
    ("limits:\n  - {name: a, metric: b, deadline: true, falls: 0}", "deadline has no limit"),
    ("limits:\n  - {name: a, metric: b, objective: latency_ms, full: 1}", ":2: a: an objective has no limit"),
    ("limits:\n  - {name: a, metric: b, objective: p99}", "p99"),
    ("limits: [", "not YAML"),
    ("limits:\n  - {name: a, metric: b, warn_s: -1}", ">= 0"),
])  # fmt: skip
def test_a_bad_file_is_refused_with_the_line(tmp_path, text, says):
    file = tmp_path / "limits.yaml"
    file.write_text(text)
    with pytest.raises(BadFile) as error:
        read_limits(file)
    assert says in str(error.value)
