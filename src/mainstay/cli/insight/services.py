"""Services: how each is, and why."""

from __future__ import annotations

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.table import ago, dump, show

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group()
def services() -> None:
    """How each service is: open alerts, error budget, changes, what runs out, silence."""


@services.command("list")
@click.option("--owner", default="", help="Of this team only; - for those without an owner.")
@click.option("--limit", default=100, show_default=True)
@as_json
@with_client
def list_services(client: Client, owner: str, limit: int, as_json: bool) -> None:
    """The worst first, then those of which nothing is known."""
    rows = client.get("services", owner=owner, limit=limit)
    if as_json:
        dump(rows)
        return
    lines = [{**row, "why": "; ".join(r["says"] for r in row["reasons"] if r["points"] or r["name"] == "silence")}
             for row in rows]  # fmt: skip
    columns = {"SERVICE": "entity", "HEALTH": "health", "STATUS": "status", "TIER": "tier", "OWNER": "owner",
               "ALERTS": "alerts", "WHY": "why"}  # fmt: skip
    show(lines, columns, as_json=False, empty="no service is known yet")
    orphans = [row["name"] for row in rows if not row["owner"]]
    if orphans:
        click.echo(f"no owner is known of: {', '.join(orphans[:20])} (name one in the catalog)")


@services.command("show")
@click.argument("id")
@as_json
@with_client
def show_service(client: Client, id: str, as_json: bool) -> None:  # noqa: A002  the operator's word
    """One service, by its id or name: health with its reasons, error budget, open alerts by priority."""
    page = client.get(f"services/{id}")
    if as_json:
        dump(page)
        return
    one, burn = page["service"], page["service"]["burn"]
    health = "unknown" if one["health"] is None else f"{one['health']} of 100, {one['status']}"
    click.echo(f"{one['entity']}   {health}   tier {one['tier'] or 'not known'}, owner {one['owner'] or 'not known'}")
    for reason in one["reasons"]:
        click.echo(f"  {-reason['points']:>4}  {reason['name']:<10} {reason['says']}")
    if burn and burn["budget_left"] is not None:
        word = "default objective" if burn["is_default"] else "objective"
        click.echo(f"error budget: {burn['budget_left']:.1%} left of 30 days ({word} {burn['objective']:g} %), "
                   f"{burn['errors']} of {burn['requests']} requests failed since {ago(burn['since_ms'])}")  # fmt: skip
    columns = {"PRIORITY": "priority", "ID": "id", "SEVERITY": "severity", "SINCE": "since_ms", "SAYS": "summary"}
    show(page["alerts"], columns, as_json=False, empty="no alert is open")
