"""Many names, one entity: by a mapping that a person can read, correct, and be told about."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.entities import labels_of
from mainstay.domain.errors import BadFile
from mainstay.normalize import Catalog, EntityMapping, Normalizer
from mainstay.normalize.entities.directory import MAX_UNPLACED, Directory

SHIPPED = EntityMapping.load()

PLACES = [
    ({"service.name": "payments", "deployment.environment.name": "prod"}, "service:prod/payments", "otel-service"),
    ({"service.name": "unknown_service:python", "host.name": "web-1"}, "host:default/web-1", "otel-host"),
    ({"k8s.deployment.name": "cart", "k8s.cluster.name": "eu"}, "service:eu/cart", "otel-k8s-deployment"),
    ({"k8s.pod.name": "cart-7d9f8b6c5d-x2x7k"}, "service:default/cart", "otel-k8s-pod-of-a-workload"),
    ({"job": "node", "instance": "10.0.0.7:9100"}, "host:default/10.0.0.7", "node-exporter"),
    ({"job": "monitoring/node-exporter", "instance": "web-1:9100", "cluster": "eu"}, "host:eu/web-1", "node-exporter"),
    ({"job": "postgres", "instance": "db-1:9187"}, "database:default/db-1", "database-exporter"),
    ({"job": "kubelet", "pod": "cart-7d9f8b6c5d-x2x7k", "service": "kubelet"}, "service:default/cart",
     "pod-of-a-workload-seen-by-the-cluster"),
    ({"service": "cart", "pod": "cart-7d9f8b6c5d-x2x7k", "job": "cart"}, "service:default/cart", "service-label"),
    ({"app": "cart", "pod": "x"}, "service:default/cart", "short-app-label"),
    ({"pod": "kafka-0", "namespace": "data"}, "service:default/kafka", "pod-of-a-stateful-set"),
    ({"pod": "debug"}, "pod:default/debug", "pod"),
    ({"job": "api", "instance": "10.0.0.7:8080"}, "service:default/api", "job-label"),
    ({"instance": "http://10.0.0.7:8080/metrics"}, "host:default/10.0.0.7", "instance-label"),
]  # fmt: skip


@pytest.mark.parametrize(("labels", "entity", "rule"), PLACES, ids=[rule for _, _, rule in PLACES])
def test_the_shipped_mapping_places(labels: dict[str, str], entity: str, rule: str) -> None:
    place = SHIPPED.place(labels)
    assert place is not None
    assert (place.id, place.rule) == (entity, rule)


def test_explain_says_which_rule_and_why_not_the_others() -> None:
    told = Normalizer().explain({"app": "cart", "env": "prod"})
    assert (told.entity, told.rule, told.environment_from) == ("service:prod/cart", "short-app-label", "env")
    assert "otel-service: no service.name" in told.says
    assert "short-app-label" in str(told)
    unknown = Normalizer().explain({"colour": "blue"})
    assert (unknown.entity, unknown.rule) == ("unplaced:default/labels", "")
    assert len(unknown.says) == len(SHIPPED.file.rules)


MAPPING = """format_version: 1
environment: [env]
rules:
  - name: first
    kind: service
    entity: "{service}"
"""

BAD = [
    (MAPPING.replace("kind: service", "kind: thing"), 5, "invalid enum value 'thing'"),
    (MAPPING.replace('"{service}"', '"service"'), 6, "expected a name built from labels"),
    (MAPPING.replace("{service}", "{service|upper}"), 6, "expected one of the filters host, short, lower"),
    (MAPPING + '    when: {job: "(("}\n', 7, "expected a regular expression"),
    (MAPPING + "    whenn: {}\n", 7, "unknown field `whenn`"),
    (MAPPING.replace("format_version: 1", "format_version: 2"), 1, "invalid enum value 2"),
    (MAPPING.replace("environment: [env]", "environment: env"), 2, "expected `array`"),
    (MAPPING.replace('    entity: "{service}"\n', ""), 4, "missing required field `entity`"),
    (MAPPING + "  - {name: second, kind: service, entity: 2}\n", 7, "expected `str`"),
    (MAPPING + "  - [", 7, "not YAML"),
    ("format_version: 2026-13-45\n", 1, "not YAML"),
    ("[" * 5_000, 1, "not YAML"),
    ("format_version: 1\nenvironment: []\nrules: []\n", 3, "expected at least one rule"),
    ("", 1, "missing required field"),
]


@pytest.mark.parametrize(("text", "line", "says"), BAD)
def test_a_bad_mapping_is_refused_with_line_and_expectation(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    with pytest.raises(BadFile) as caught:
        EntityMapping.load(path)
    assert (caught.value.path, caught.value.line) == (str(path), line), caught.value.says
    assert says in caught.value.says


def test_a_missing_file_is_a_bad_file(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        EntityMapping.load(tmp_path / "none.yaml")


@given(st.text(max_size=300))
def test_any_text_is_a_mapping_or_a_bad_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(BadFile):
        EntityMapping.load(path)


CATALOG = """
- name: payments
  tier: 1
  owner: team-money
  aliases: [pay, payment-service]
  depends_on: [orders-db, "queue:mail", ledger]
- name: orders-db
  kind: database
- {name: legacy, environment: prod, owner: nobody, latency_ms: 800}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG)
    return path


def test_the_catalog_gives_tier_owner_one_name_and_dependencies(catalog: Path) -> None:
    directory = Directory(SHIPPED, Catalog.load(catalog), "default")
    by_alias = directory.of_labels(labels_of({"service.name": "Payment-Service", "env": "prod"}))
    assert by_alias == directory.of_labels(labels_of({"service": "payments", "env": "prod"})) == "service:prod/payments"
    entity = directory.entities[by_alias]
    assert (entity.tier, entity.owner) == (1, "team-money")
    assert list(directory.static_edges) == [
        (by_alias, "database:prod/orders-db"), (by_alias, "queue:prod/mail"), (by_alias, "service:prod/ledger"),
    ]  # fmt: skip
    assert directory.explain({"service": "pay"}).alias_of == "pay is an alias of payments"
    assert (entity.latency_ms, directory.entities["service:prod/legacy"].latency_ms) == (None, 800.0)
    catalog.write_text(CATALOG.replace("800", "900"))  # edited, and the platform started again
    later = Directory(SHIPPED, Catalog.load(catalog), "default")
    later.load(directory.state())
    assert later.entities["service:prod/legacy"].latency_ms == 900.0


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("- name: a\n  tier: one\n", 2, "expected `int"),
        ("- name: a\n- name: b\n  aliases: [A]\n", 2, "'A' is also 'a'"),
        ("name: a\n", 1, "expected `array`"),
        ("- name: a\n  ownr: x\n", 2, "unknown field `ownr`"),
        ("- name: a\n  latency_ms: 0\n", 2, "> 0"),
        ("- name: a\n  latency_ms: .nan\n", 2, "> 0"),
        ("- name: a\n  latency_ms: 300ms\n", 2, "expected `float"),
    ],
)
def test_a_bad_catalog_is_refused_with_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(text)
    with pytest.raises(BadFile) as caught:
        Catalog.load(path)
    assert caught.value.line == line
    assert says in caught.value.says


def test_words_are_resolved_when_only_one_thing_can_be_meant(catalog: Path) -> None:
    directory = Directory(SHIPPED, Catalog.load(catalog), "default")
    payments = directory.of_labels(labels_of({"service": "payments", "env": "prod"}))
    assert directory.resolve("payments") == directory.resolve("pay") == directory.resolve(payments) == payments
    assert directory.resolve("nobody") == ""
    directory.of_labels(labels_of({"service": "payments", "env": "test"}))
    assert directory.resolve("payments") == ""
    assert directory.resolve("payments", "test") == "service:test/payments"


def test_an_alert_without_an_environment_finds_the_only_one_of_its_name() -> None:
    directory = Directory(SHIPPED, Catalog(), "default")
    prod = directory.of_labels(labels_of({"service": "payments", "env": "prod"}))
    assert directory.of_alert({"alertname": "Slow", "service": "payments"}) == prod
    assert directory.of_alert({"alertname": "Slow", "service": "new"}) == "service:default/new"
    assert directory.of_alert({"alertname": "Watchdog"}) == "unplaced:default/labels"


def test_what_cannot_be_placed_is_listed_masked_and_bounded() -> None:
    directory = Directory(SHIPPED, Catalog(), "default")
    for number in range(MAX_UNPLACED + 50):
        assert (
            directory.of_labels((("colour", f"c{number}"), ("password", "Bearer abcdefgh1")))
            == "unplaced:default/labels"
        )
    assert len(directory.unplaced) == MAX_UNPLACED
    assert len(directory.take_unplaced()) == MAX_UNPLACED
    assert directory.take_unplaced() == ()
    assert "abcdefgh1" not in str(directory.unplaced)


def test_what_senders_say_of_an_entity_is_its_newest_word() -> None:
    directory = Directory(SHIPPED, Catalog(), "default")
    old = labels_of({"service.name": "cart", "service.version": "1"})
    new = labels_of({"service.name": "cart", "service.version": "2"})
    cart = directory.of_labels(old)
    for labels in (old, new, old):
        directory.heard(directory.of_labels(labels), labels)
    assert directory.entities[cart].attributes["version"] == "1"
