"""`mainstay silences`: hold the pages of alerts that need nobody, and see what was held."""

from __future__ import annotations

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.silences.holds import COMMENT, LASTS, STARTS, UNTIL, add_to, tell, times_of
from mainstay.cli.table import show


@click.group()
def silences() -> None:
    """Hold the pages of alerts that need nobody; they are recorded and shown all the same."""


@silences.command("add")
@click.argument("matchers", nargs=-1, required=True)
@LASTS
@UNTIL
@STARTS
@COMMENT
@as_json
@with_client
def add_silence(
    client: Client, matchers: tuple[str, ...], lasts: str, until: str, starts: str, comment: str, as_json: bool
) -> None:
    """Hold the pages of alerts for which all MATCHERS hold: service=cart, severity=~"minor|info", owner!=payments."""
    asked = {"matchers": list(matchers), "comment": comment, **times_of(lasts, until, starts)}
    tell(client.post("silences", asked), as_json)


@silences.command("withheld")
@click.option("--by", "ref", default=None, help="Only by this silence, maintenance window, or team's suppression.")
@click.option("--limit", default=50)
@as_json
@with_client
def withheld(client: Client, ref: str | None, limit: int, as_json: bool) -> None:
    """Pages that were held, and those among them that somebody needed."""
    rows = client.get("withheld", ref=ref, limit=limit)
    columns = {"INCIDENT": "page.incident", "STATUS": "page.status", "MODE": "page.mode", "BY": "page.by",
               "PAGES": "page.pages", "SINCE": "page.at_ms", "WHY": "page.says", "MISSED": "missed.says"}  # fmt: skip
    show(rows, columns, as_json, "nothing was withheld")


add_to(silences, "silences", "silence", holds="matchers")
