"""What was said and what calls were kept: lines, templates, the values in them, traces."""

from __future__ import annotations

import time
from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.table import dump, show

hours = click.option("--hours", default=1.0, show_default=True, help="How far back.")
limited = click.option("--limit", default=50, show_default=True)


@click.group()
def logs() -> None:
    """What was said: lines, templates, the values in them."""


@logs.command("list")
@click.argument("entity")
@hours
@limited
@as_json
@with_client
def list_lines(client: Client, entity: str, hours: float, limit: int, as_json: bool) -> None:
    """Lines of one entity, newest first."""
    rows = client.get("logs", entity=entity, since_ms=_since_ms(hours), limit=limit)
    show(rows, {"AT": "at_ms", "SEVERITY": "severity", "SAYS": "body"}, as_json, "it said nothing")


@logs.command("templates")
@click.option("--entity", default="", help="Of one entity only.")
@hours
@limited
@as_json
@with_client
def list_templates(client: Client, entity: str, hours: float, limit: int, as_json: bool) -> None:
    """What was said, by template, the most said first; <1>, <2>… are the places whose values can be asked for."""
    rows = client.get("logs/templates", entity=entity, since_ms=_since_ms(hours), limit=limit)
    show(rows, {"TEMPLATE": "id", "LINES": "lines", "SAYS": "numbered"}, as_json, "nothing was said")


@logs.command("values")
@click.argument("template", type=int)
@click.argument("number", type=int)
@click.option("--entity", default="", help="In lines of one entity only.")
@hours
@limited
@as_json
@with_client
def list_values(
    client: Client, template: int, number: int, entity: str, hours: float, limit: int, as_json: bool
) -> None:
    """Which values stood at place NUMBER of a template (an id of `mainstay logs templates`), most frequent first."""
    found = client.get(
        f"logs/templates/{template}/values/{number}", entity=entity, since_ms=_since_ms(hours), limit=limit
    )
    if as_json:
        dump(found)
        return
    others = f"; {found['other_lines']} from before it was so general" if found["other_lines"] else ""
    click.echo(f"{found['numbered']}\n<{number}>: {found['distinct']} values in {found['lines']} lines{others}\n")
    show(found["values"], {"LINES": "lines", "LAST": "last_ms", "VALUE": "value"}, False, "no value was kept")


def _since_ms(hours: float) -> int:
    return int((time.time() - 3600 * hours) * 1000)


@click.group()
def traces() -> None:
    """Calls that were kept whole: failing, slow, new ones, those that alerts name, and a sample."""


@traces.command("list")
@click.option("--incident", default="", help="Those to look at in an incident.")
@click.option("--entity", default="", help="Those that it took part in.")
@click.option("--why", default="", type=click.Choice(["", "alert", "error", "new", "slow", "sample"]))
@hours
@limited
@as_json
@with_client
def list_traces(client: Client, incident: str, entity: str, why: str, hours: float, limit: int, as_json: bool) -> None:
    """Newest first."""
    asked = {"incident": incident} if incident else {"entity": entity, "why": why, "since_ms": _since_ms(hours)}
    rows = client.get("traces", limit=limit, **asked)
    columns = {"TRACE": "trace_id", "AT": "start_ms", "TOOK MS": "duration_ms", "BEGAN": "entity", "WHAT": "name",
               "SPANS": "spans", "ERRORS": "errors", "WHY": "why", "ALERT": "told"}  # fmt: skip
    show([{**row, "duration_ms": f"{row['duration_ms']:.1f}"} for row in rows], columns, as_json, "no trace was kept")


@traces.command("show")
@click.argument("trace")
@as_json
@with_client
def show_trace(client: Client, trace: str, as_json: bool) -> None:
    """The spans of one trace, each under the one that called it."""
    spans = client.get(f"traces/{trace}")
    if as_json:
        dump(spans)
        return
    for depth, span in nested(spans):
        after = span["start_ms"] - spans[0]["start_ms"]
        click.echo(f"{after:9.1f} ms {span['duration_ms']:9.1f} ms  {'  ' * depth}{_words(span)}")


def nested(spans: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """Spans with their depth, each after the one that called it; what hangs nowhere stands at depth 0.

    >>> [depth for depth, _ in nested([{"span_id": "b", "parent_id": "a"}, {"span_id": "a", "parent_id": "x"}])]
    [0, 1]
    """
    below: dict[str, list[dict[str, Any]]] = {}
    known = {span["span_id"] for span in spans}
    for span in spans:
        below.setdefault(span["parent_id"] if span["parent_id"] in known else "", []).append(span)
    found: list[tuple[int, dict[str, Any]]] = []
    todo = [(0, span) for span in reversed(below.get("", []))]
    while todo and len(found) < len(spans):
        depth, span = todo.pop()
        found.append((depth, span))
        todo += [(depth + 1, child) for child in reversed(below.get(span["span_id"], []))]
    return found


def _words(span: dict[str, Any]) -> str:
    text = f"{span['entity']}  {span['name']}{' → ' + span['peer'] if span['peer'] else ''}"
    return "".join(char if char.isprintable() else "·" for char in text) + ("  FAILED" if span["is_error"] else "")
