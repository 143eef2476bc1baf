"""What is ahead: what runs out, and who is at risk."""

from __future__ import annotations

from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.table import ago, dump, show

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group()
def outlook() -> None:
    """What runs out and when, and which services are at risk."""


@outlook.command("list")
@click.option("--entity", default="", help="Of this entity only, by its id.")
@click.option("--limit", default=30, show_default=True)
@as_json
@with_client
def list_outlooks(client: Client, entity: str, limit: int, as_json: bool) -> None:
    """The soonest first, then the fullest."""
    state = client.get("outlook", entity=entity, limit=limit)
    if as_json:
        dump(state)
        return
    show(state["outlooks"], {"ID": "id", "TOLD": "severity", "SAYS": "says", "BY": "decided_by"}, as_json=False,
         empty="nothing with a limit has been heard of (docs/outlook.md says what is known)")  # fmt: skip
    for one in state["outlooks"]:
        if one["held"]:
            click.echo(f"{one['id']} is not told: {one['held']}")
    rest = f", {state['beyond']} more had no room" if state["beyond"] else ""
    click.echo(f"{state['followed']} series with a limit are followed{rest}; looked at {ago(state['at_ms'])}")


@outlook.command("show")
@click.argument("id")
@as_json
@with_client
def show_outlook(client: Client, id: str, as_json: bool) -> None:  # noqa: A002  the operator's word
    """One resource: by its id, or by the id of its alert."""
    one = client.get(f"outlook/{id}")
    if as_json:
        dump(one)
        return
    click.echo(f"{one['says']}\n")
    told = f"{one['severity']}, alert {one['alert']}" if one["alert"] else one["held"] or "nobody"
    rows = {"entity": one["entity"], "metric": f"{one['metric']} (series {one['series']})", "value": one["value"],
            "limit": one["limit"], "by": one["by"], "believed": "yes" if one["is_believed"] else "no",
            "told": told, "decided by": _version(one["decided_by"]), "looked at": ago(one["at_ms"])}  # fmt: skip
    for name, value in rows.items():
        click.echo(f"  {name:<11} {value}")


@outlook.command("risks")
@click.option("--limit", default=20, show_default=True)
@as_json
@with_client
def risks(client: Client, limit: int, as_json: bool) -> None:
    """Services by the probability of an incident within the horizon, and why."""
    page = client.get("outlook/risks", limit=limit)
    if as_json:
        dump(page)
        return
    rows = [{**one, "chance": _share(one["probability"]), "past": _share(one["usual"]),
             "why": "; ".join(f"{r['says']} (odds ×{r['odds']:.1f})" for r in one["reasons"])}
            for one in page["risks"]]  # fmt: skip
    columns = {"SERVICE": "entity", "CHANCE": "chance", "BY ITS PAST": "past", "WHY": "why"}
    show(rows, columns, as_json=False, empty="no service is known yet")
    click.echo(f"within {page['horizon_s'] / 60:g} min, by {page['predictor'] or 'nobody yet'}; {page['standing']}")


def _share(probability: float) -> str:
    return f"{100 * probability:.1f} %"


def _version(ref: dict[str, Any] | None) -> str:
    return f"{ref['model']}@{ref['version']}" if ref else "nothing to forecast"
