"""Backstage catalogs and CMDB exports become catalog entries; what is odd is kept and told, what is bad refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.errors import BadFile
from mainstay.normalize import Normalizer
from mainstay.normalize.entities.catalog import Catalog
from mainstay.normalize.entities.imports import Imported, import_files

AT_MS = 1_800_000_000_000
BACKSTAGE = """\
# the shop
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: cart
  labels: {example.org/tier: "1"}
spec:
  type: service
  owner: group:default/checkout
  dependsOn: ["resource:default/cart-db", "component:pricing"]
  consumesApis: [tax-api]
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: pricing, annotations: {example.org/criticality: tier-2}}
spec: {type: service, owner: nobody-we-know, dependsOn: [component:cart]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: tax}
spec: {owner: checkout, providesApis: [tax-api], dependsOn: [component:ghost]}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: cart-db}
spec: {type: postgres-database, owner: group:checkout}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: checkout}
spec: {type: team, children: []}
"""
CSV = """\
Name,Class,Environment,Business Criticality,Support Group,Depends On
web,cmdb_ci_service,prod,1 - most critical,front,"cart; node-1"
node-1,cmdb_ci_server,prod,,ops,
lonely,cmdb_ci_service,prod,3,,
"""


def imported(folder: Path, **texts: str) -> tuple[Imported, Catalog]:
    files = []
    for name, text in texts.items():
        stem, _, suffix = name.rpartition("_")
        file = folder / f"{stem}.{suffix}"
        file.write_text(text)
        files.append(file)
    report = import_files(files, folder / "catalog.yaml", AT_MS)
    return report, Catalog.load(folder / "catalog.yaml")


def test_backstage(tmp_path: Path) -> None:
    report, catalog = imported(tmp_path, shop_yaml=BACKSTAGE)
    cart = catalog.find("service", "prod", "cart")
    assert cart is not None
    assert (cart.tier, cart.owner, cart.depends_on) == (1, "checkout", ("cart-db", "pricing", "tax"))
    assert catalog.find("database", "", "cart-db") is not None
    assert (report.read, report.changed, report.entries) == (4, 4, 4)
    assert report.cycles == (("cart", "pricing"),)
    assert report.missing == ("tax needs ghost",)
    assert report.ownerless == ("pricing",)
    assert any("cart → pricing → cart" in line for line in report.lines())


def test_a_cmdb_as_csv_and_the_same_as_json(tmp_path: Path) -> None:
    report, catalog = imported(tmp_path, cmdb_csv=CSV)
    assert [(i.name, i.kind, i.environment, i.tier, i.owner, i.depends_on) for i in catalog.items] == [
        ("web", "service", "prod", 1, "front", ("cart", "node-1")), ("node-1", "host", "prod", None, "ops", ()),
        ("lonely", "service", "prod", 3, None, ()),
    ]  # fmt: skip
    assert (report.missing, report.alone, report.ownerless) == (("web needs cart",), ("lonely",), ("lonely",))
    rows = [{"name": "web", "sys_class_name": {"display_value": "Service", "value": "cmdb_ci_service"},
             "used_for": "prod", "tier": 1, "team": "front", "depends_on": ["cart", "node-1"]}]  # fmt: skip
    other = tmp_path / "json"
    other.mkdir()
    _, again = imported(other, cmdb_json=json.dumps({"result": rows}))
    assert again.items == catalog.items[:1]


def test_what_is_told_again_is_brought_up_to_date_and_the_rest_stays(tmp_path: Path) -> None:
    imported(tmp_path, cmdb_csv=CSV)
    report, catalog = imported(tmp_path, cmdb_csv="name,env,owner\nweb,prod,platform\n")
    web = catalog.find("service", "prod", "web")
    assert web is not None
    assert (web.owner, web.tier, web.depends_on) == ("platform", 1, ("cart", "node-1"))
    assert (report.read, report.changed, report.entries) == (1, 1, 3)
    assert imported(tmp_path, cmdb_csv="name,env,owner\nweb,prod,platform\n")[0].changed == 0


@pytest.mark.parametrize(
    ("name", "text", "line", "says"),
    [
        ("a_csv", "name,tier\nweb,1\ncart,gold\n", 3, "tier: expected a number from 1 to 9, got 'gold'"),
        ("a_csv", "name,tier\n,1\n", 2, "name: expected"),
        ("a_csv", "tier,owner\n1,x\n", 1, "a column for the name"),
        ("a_csv", 'name\n"web\n', 2, "not CSV"),
        ("a_json", '[{"name": "web"},\n {"name": "cart",\n  "tier": "gold"}]', 3, "tier: expected a number"),
        ("a_json", '[{"name": "web"},\n 7]', 2, "item 1: expected an object"),
        ("a_json", '[{"name": "web"},\n', 1, "not JSON"),
        ("a_json", "{}", 1, "expected a list"),
        ("a_yaml", "apiVersion: backstage.io/v1\nkind: Component\nmetadata:\n  namespace: x\n", 3, "name"),
        ("a_yaml", "apiVersion: backstage.io/v1\nkind: Component\nmetadata: {name: [a]}\n", 3, "metadata.name"),
        ("a_yaml", BACKSTAGE.replace("tier-2", "gold"), 15, "criticality: expected a tier"),
        ("a_csv", "name,P95 ms\nweb,300\ncart,300ms\n", 3, "latency_ms: expected milliseconds above 0"),
        ("a_csv", "name,latency_ms\nweb,-1\n", 2, "latency_ms: expected milliseconds above 0"),
        ("a_json", '[{"name": "web",\n "slo_latency_ms": "nan"}]', 2, "latency_ms: expected milliseconds above 0"),
        ("a_json", '[{"name": "web",\n "latency_ms": 1e9}]', 2, "at most 86400000, got '1000000000.0'"),
        ("a_yaml", BACKSTAGE.replace("criticality: tier-2", "latency-ms: fast"), 15, "latency-ms: expected millis"),
        ("a_yaml", "a: [\n", 1, "expected Backstage"),
        ("a_txt", "x", 1, "expected Backstage"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_field_and_nothing_is_written(
    tmp_path: Path, name: str, text: str, line: int, says: str
) -> None:
    with pytest.raises(BadFile) as refused:
        imported(tmp_path, **{name: text})
    assert says in refused.value.says
    assert refused.value.line == line
    assert not (tmp_path / "catalog.yaml").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a_csv", "name,Latency Objective ms\npricing, 250 \ntax,\n"),
        ("a_json", '[{"name": "pricing", "latency_ms": 250}, {"name": "tax", "latency_ms": null}]'),
        ("a_yaml", BACKSTAGE.replace("criticality: tier-2", 'latency-ms: "250"')),
    ],
)
def test_a_latency_objective_is_taken_up_and_stays_when_another_file_does_not_say_it(
    tmp_path: Path, name: str, text: str
) -> None:
    imported(tmp_path, **{name: text})
    _, catalog = imported(tmp_path, b_csv="name,owner\npricing,money\n")
    pricing, tax = catalog.find("service", "", "pricing"), catalog.find("service", "", "tax")
    assert pricing is not None
    assert tax is not None
    assert (pricing.latency_ms, pricing.owner, tax.latency_ms) == (250.0, "money", None)


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="one entry only"):
        imported(tmp_path, a_csv="name,aliases\nweb,shop\ncart,shop\n")


def test_a_chain_of_thousands_and_its_cycle_are_taken(tmp_path: Path) -> None:
    rows = "".join(f"s{n},s{(n + 1) % 3000}\n" for n in range(3000))
    report, _ = imported(tmp_path, a_csv=f"name,depends_on\n{rows}")
    assert [len(cycle) for cycle in report.cycles] == [3000]


def test_the_platform_knows_tier_owner_and_the_age_of_each_dependency(tmp_path: Path) -> None:
    imported(tmp_path, cmdb_csv=CSV)
    known = Normalizer(catalog=tmp_path / "catalog.yaml").topology
    assert known.entities["service:prod/web"].tier == 1
    assert known.entities["service:prod/web"].owner == "front"
    assert {(e.caller, e.callee, e.seen_ms) for e in known.edges} == {
        ("service:prod/web", "service:prod/cart", AT_MS), ("service:prod/web", "host:prod/node-1", AT_MS),
    }  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["csv", "json", "yaml"]), st.text(max_size=200), st.booleans())
def test_any_text_is_taken_or_refused_with_a_line(tmp_path_factory, kind: str, text: str, is_near: bool) -> None:
    folder = tmp_path_factory.mktemp("import")
    near = {"csv": "name,tier\n", "json": '[{"name": "a", "x": ', "yaml": "apiVersion: backstage.io/v1\n"}[kind]
    file = folder / f"a.{kind}"
    file.write_text((near if is_near else "") + text, encoding="utf-8", errors="replace")
    with contextlib.suppress(BadFile):
        import_files([file], folder / "catalog.yaml", AT_MS)
        Catalog.load(folder / "catalog.yaml")


def test_aliases_that_multiply_are_refused_and_nothing_is_written(tmp_path):
    rows = "".join(f"x{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    head = "apiVersion: backstage.io/v1alpha1\nkind: Component\n"
    bomb = head + "x0: &a0 [z]\n" + rows + "metadata: {name: s, labels: {tier: *a8}}\n"
    endless = head + "metadata: &m {name: s, labels: {tier: *m}}\n"
    for text in (bomb, endless):
        (tmp_path / "info.yaml").write_text(text)
        with pytest.raises(BadFile, match="written out"):
            import_files([tmp_path / "info.yaml"], tmp_path / "catalog.yaml", AT_MS)
    assert not (tmp_path / "catalog.yaml").exists()


def test_a_fault_far_down_has_the_line_that_it_has_in_the_file(tmp_path):
    (tmp_path / "info.yaml").write_text(BACKSTAGE + "---\napiVersion: x\nkind: Component\nmetadata: {name: 3}\n")
    with pytest.raises(BadFile) as caught:
        import_files([tmp_path / "info.yaml"], tmp_path / "catalog.yaml", AT_MS)
    assert caught.value.line == BACKSTAGE.count("\n") + 4
