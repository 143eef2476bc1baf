"""Exports as people make them: what can be read is kept, what cannot is named with its line; times have a zone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.errors import BadFile, BadInput
from mainstay.history.columns import Times, moment_ms
from mainstay.history.ticket_mapping import Columns, TicketMapping, shipped
from mainstay.history.tickets import Ticket, keep, kept, read_export

SERVICENOW = """number,opened_at,resolved_at,short_description,cmdb_ci,priority
INC0010001,2026-11-01 08:00:00,2026-11-01 09:30:00,"Checkout is slow,
says everybody",orders,1 - Critical
INC0010002,yesterday,,No time,orders,2 - High
INC0010003,2026-11-02 08:00:00,2026-11-01 08:00:00,Ends first,stock,3
INC0010001,2026-11-03 08:00:00,,Twice,stock,3
,2026-11-03 08:00:00,,Nobody,stock,3
INC0010004,2026-11-03 08:00:00,,Short
INC0010005,2026-11-03 08:00:00,,"password=hunter2 leaked",stock,3

"""
JIRA = """Issue key;Summary;Issue Type;Created;Resolved;Priority;Component/s;Component/s
OPS-1;Stock is down;Incident;21/Nov/26 3:04 PM;21/Nov/26 4:00 PM;Highest;stock;
OPS-2;A wish;Story;21/Nov/26 3:04 PM;;Low;;
OPS-3;Still open;Bug;22/Nov/26 3:04 AM;;High;orders;gateway
"""


def written(folder, text, encoding="utf-8"):
    path = folder / "export.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def utc_ms(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


def test_an_export_of_servicenow(tmp_path):
    export = read_export(written(tmp_path, SERVICENOW))
    assert export.mapping == "ServiceNow"
    assert [ticket.id for ticket in export.tickets] == ["INC0010001", "INC0010005"]
    first = export.tickets[0]
    assert (first.opened_ms, first.resolved_ms) == (utc_ms(2026, 11, 1, 8), utc_ms(2026, 11, 1, 9, 30))
    assert (first.service, first.severity) == ("orders", "1 - Critical")
    assert "hunter2" not in export.tickets[1].title
    says = dict(export.bad)
    assert list(says) == [4, 5, 6, 7, 8]
    assert "yesterday" in says[4]
    assert "before it was opened" in says[5]
    assert "line 2 already" in says[6]
    assert says[7] == "no id"
    assert "expected 6 columns" in says[8]


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8-sig"), ("\t", "utf-16"), ("|", "utf-8")])
def test_an_export_of_jira_in_any_dress(tmp_path, delimiter, encoding):
    export = read_export(written(tmp_path, JIRA.replace(";", delimiter), encoding), zone="Europe/Berlin")
    assert export.mapping == "Jira"
    assert export.left_out == 1
    assert [(t.id, t.service, t.resolved_ms is None) for t in export.tickets] == [
        ("OPS-1", "stock", False), ("OPS-3", "orders", True),
    ]  # fmt: skip
    assert export.tickets[0].opened_ms == utc_ms(2026, 11, 21, 14, 4)


def test_labels_of_fields_do_as_well_as_their_names(tmp_path):
    text = "Number,Opened,Closed,Short description,Configuration item\nINC1,03-11-2026 08:00:00,,x,orders\n"
    [ticket] = read_export(written(tmp_path, text)).tickets
    assert (ticket.opened_ms, ticket.service) == (utc_ms(2026, 11, 3, 8), "orders")


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n1,2\n", b"\x00\x01\x02", b"\xff\xfe\x00"])
def test_what_is_no_export(tmp_path, text):
    with pytest.raises(BadFile, match=r"export\.csv:1: "):
        read_export(written(tmp_path, text))


def test_what_is_not_there(tmp_path):
    with pytest.raises(BadFile, match="cannot be read"):
        read_export(tmp_path / "none.csv")


def test_a_row_of_another_encoding_is_a_bad_row(tmp_path):
    raw = b"number,opened_at,short_description\nA,2026-11-01 08:00:00,caf\xe9\nB,2026-11-01 08:00:00,tea\n"
    export = read_export(written(tmp_path, raw))
    assert [t.id for t in export.tickets] == ["B"]
    assert export.bad == [(2, "bytes that are not UTF-8: export the file as UTF-8")]


def test_a_quote_that_never_ends_does_not_take_the_file_with_it(tmp_path):
    text = 'number,opened_at,short_description\nA,2026-11-01 08:00:00,fine\nB,2026-11-01 08:00:00,"open\n'
    export = read_export(written(tmp_path, text))
    assert [t.id for t in export.tickets] == ["A"]
    assert export.bad[0][0] == 3
    assert "not CSV" in export.bad[0][1]


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_file_makes_it_fail_in_another_way(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("any") / "export.csv"
    path.write_bytes(b"number,opened_at,short_description\n" + raw)
    export = read_export(path)
    assert all(line >= 2 and says for line, says in export.bad)


BERLIN = {"zone": "Europe/Berlin", "formats": ("%Y-%m-%d %H:%M:%S",)}


@pytest.mark.parametrize(
    ("text", "times", "at_ms"),
    [
        ("2026-07-01 12:00:00", Times(**BERLIN), utc_ms(2026, 7, 1, 10)),
        ("2026-12-01 12:00:00", Times(**BERLIN), utc_ms(2026, 12, 1, 11)),
        ("2026-10-25 02:30:00", Times(**BERLIN), utc_ms(2026, 10, 25, 0, 30)),  # this hour comes twice
        ("2026-10-25 02:30:00", Times(**BERLIN, ambiguous="later"), utc_ms(2026, 10, 25, 1, 30)),
        ("2026-10-25T02:30:00-05:00", Times(zone="Europe/Berlin"), utc_ms(2026, 10, 25, 7, 30)),
        ("2026-10-25T02:30:00Z", Times(zone="Europe/Berlin"), utc_ms(2026, 10, 25, 2, 30)),
    ],
)
def test_times_are_in_their_zone(text, times, at_ms):
    assert moment_ms(text, times) == at_ms


@pytest.mark.parametrize("text", ["2026-03-29 02:30:00", "1999-01-01 00:00:00", "9999-12-31 23:59:59", "", "soon"])
def test_times_that_never_were(text):
    with pytest.raises(BadInput):
        moment_ms(text, Times(**BERLIN))


GOOD = "format_version: 1\nname: Ours\ncolumns: {id: [ref], opened: [at]}\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (GOOD + "times: {zone: Mars/Olympus}", 4, "time zone"),
        (GOOD + "only: {kind: '('}", 4, "regular expression"),
        ("format_version: 1\nname: Ours\ncolumns: {id: [], opened: [at]}", 3, "at least one column for id"),
        ("format_version: 1\nname: Ours\ncolumns: {id: [ref]}", 3, "opened"),
        (GOOD + "colour: red", 4, "colour"),
        ("format_version: 2\nname: Ours\ncolumns: {id: [ref], opened: [at]}", 1, "1"),
    ],
)
def test_a_mapping_is_refused_with_its_line(tmp_path, text, line, says):
    path = tmp_path / "ours.yaml"
    path.write_text(text)
    with pytest.raises(BadFile, match=says) as bad:
        TicketMapping.load(path)
    assert bad.value.line == line


def test_a_mapping_of_ones_own(tmp_path):
    mapping = TicketMapping(format_version=1, name="Ours", columns=Columns(id=("ref",), opened=("at",)))
    export = read_export(written(tmp_path, "REF,At\n7,2026-11-01T00:00:00Z\n"), mapping)
    assert export.tickets == [Ticket(id="7", opened_ms=utc_ms(2026, 11, 1))]
    with pytest.raises(BadFile, match="Ours: ref, at"):
        read_export(written(tmp_path, "a,b\n"), mapping)


def test_what_is_shipped_can_be_read():
    assert [mapping.name for mapping in shipped()] == ["Jira", "ServiceNow"]


def test_tickets_of_a_later_export_hold(tmp_path):
    keep(tmp_path, [Ticket(id="A", opened_ms=2), Ticket(id="B", opened_ms=1)])
    keep(tmp_path, [Ticket(id="A", opened_ms=2, resolved_ms=3)])
    assert kept(tmp_path) == [Ticket(id="B", opened_ms=1), Ticket(id="A", opened_ms=2, resolved_ms=3)]
    assert kept(tmp_path / "none") == []
