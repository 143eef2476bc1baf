"""What was said: lines, their templates, and the values that stood in them."""

from __future__ import annotations

import json
import time

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.table import show

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
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    others = f"; {found['other_lines']} from before it was so general" if found["other_lines"] else ""
    click.echo(f"{found['numbered']}\n<{number}>: {found['distinct']} values in {found['lines']} lines{others}\n")
    show(found["values"], {"LINES": "lines", "LAST": "last_ms", "VALUE": "value"}, False, "no value was kept")


def _since_ms(hours: float) -> int:
    return int((time.time() - 3600 * hours) * 1000)
