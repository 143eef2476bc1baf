"""Changes out of exports: what is read, and what is refused with line and field."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.errors import BadFile
from mainstay.history.changes.export import Fault, read_changes
from mainstay.history.changes.mapping import SHIPPED, ChangeMapping

HEADER = "Number,Configuration item,Actual start date,Short description,Category,Close code,Assigned to"


def export(folder: Path, text: str, name: str = "export.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_with_the_labels_of_servicenow(tmp_path):
    rows = f'{HEADER}\nCHG1,payments,2026-11-20 10:00:00,"new, faster",Applications Software,Successful,ada\n'
    found = read_changes(export(tmp_path, rows), zone="Europe/Berlin")
    assert (found.bad, found.mapping) == ([], "ServiceNow changes")
    [change] = found.changes
    assert (change.id, change.service, change.kind, change.outcome) == ("CHG1", "payments", "deploy", "successful")
    assert (change.at, change.summary, change.author) == ("2026-11-20T09:00:00+00:00", "new, faster", "ada")
    assert change.source == "servicenow"


def test_json_of_the_table_api_with_both_values(tmp_path):
    record = {
        "number": "CHG1", "cmdb_ci": {"display_value": "payments", "value": "9f3c"},
        "start_date": "2026-11-20 10:00:00", "close_code": "successful_issues",
        "category": "Network", "short_description": None,
    }  # fmt: skip
    for text in (json.dumps({"result": [record]}), json.dumps({"records": [record]}, indent=1), json.dumps([record])):
        [change] = read_changes(export(tmp_path, text, "export.json")).changes
        assert (change.service, change.outcome, change.kind) == ("payments", "failed", "infrastructure")


def test_bad_rows_are_told_with_line_and_field(tmp_path):
    rows = [
        "CHG1,,2026-11-20 10:00:00,x,Network,,ada",
        "CHG2,payments,soon,x,Network,,ada",
        "CHG3,payments,2026-11-20 10:00:00,x,Network,,ada",
        "CHG3,payments,2026-11-20 10:00:00,again,Network,,ada",
        f"CHG5,payments,2026-11-20 10:00:00,x,Network,,{'a' * 2000}",
    ]
    found = read_changes(export(tmp_path, "\n".join([HEADER, *rows])))
    assert [change.id for change in found.changes] == ["CHG3"]
    assert [(fault.line, fault.field) for fault in found.bad] == [(2, "service"), (3, "at"), (5, "id"), (6, "author")]
    assert found.bad[2] == Fault(5, "id", "CHG3 stands in line 4 already")


def test_lines_of_json_are_those_of_its_records(tmp_path):
    text = (
        '{"result": [\n  {"number": "A", "cmdb_ci": "a", "start_date": "2026-11-20 10:00:00"},\n\n  {"number": "B"}\n]}'
    )
    found = read_changes(export(tmp_path, text, "export.json"))
    assert [(fault.line, fault.field) for fault in found.bad] == [(4, "at")]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "expected a line of column names"),
        ("a,b\n1,2", 1, "id: expected a column number; there are a, b"),
        (f"{HEADER}\nCHG1,payments", 2, "expected 7 columns"),
        (f'{HEADER}\nCHG1,"pay', 2, "not CSV"),
        ('{"rows": []}', 1, "expected a list of records"),
        ("[3]", 1, "expected a record, got int"),
        ('[{"number": 1, "cmdb_ci": "a", "start_date": "x"},\n {"number"}]', 2, "not JSON"),
        ("[", 1, "not JSON"),
        ("[" * 100_000, 1, "not JSON"),
    ],
)
def test_what_is_no_export_is_refused_with_its_line(tmp_path, text, line, says):
    with pytest.raises(BadFile, match=f"export:{line}: .*{says}"):
        read_changes(export(tmp_path, text, "export"))


def test_an_empty_list_holds_nothing(tmp_path):
    assert read_changes(export(tmp_path, '{"result": []}')).changes == []


def test_a_mapping_of_ones_own(tmp_path):
    mapping = export(
        tmp_path,
        "format_version: 1\nname: ours\nsource: deploys\n"
        "columns: {id: [nr], at: [when], service: [what], size: [files]}\nkinds: {flag: toggle}\n",
        "mapping.yaml",
    )
    text = "nr;when;what;files\n1;2026-11-20T10:00:00+01:00;cart;12\n2;2026-11-20T10:00:00Z;cart;many"
    found = read_changes(export(tmp_path, text), ChangeMapping.load(mapping))
    assert [(c.id, c.size, c.kind, c.source) for c in found.changes] == [("1", 12, "other", "deploys")]
    assert [(fault.line, fault.field) for fault in found.bad] == [(3, "size")]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (("id: [number]", "id: []"), "expected at least one column for id"),
        (("zone: UTC", "zone: Mars"), "expected a time zone"),
        (('"feature flag|flag"', '"("'), "not a regular expression"),
        (("kinds:", "kindness:"), "unknown field `kindness`"),
        (("  flag:", "  flags:"), "expected deploy, rollback, config"),
        (("  failed:", "  wrong:"), "expected successful, failed"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_with_its_line(tmp_path, edit, says):
    text = SHIPPED.read_text().replace(*edit)
    line = text[: text.index(edit[1])].count("\n") + 1
    with pytest.raises(BadFile, match=f"mapping.yaml:{line}: .*{says}"):
        ChangeMapping.load(export(tmp_path, text, "mapping.yaml"))


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "export"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with contextlib.suppress(BadFile):
        read_changes(path)
