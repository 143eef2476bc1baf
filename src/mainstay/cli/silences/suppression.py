"""`mainstay suppression`: see what holding symptoms would have done, and switch it on or off."""

from __future__ import annotations

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.table import dump, show


@click.group()
def suppression() -> None:
    """Symptoms of what a team depends on: proposed with its replay, held once the team switches it on."""


@suppression.command("list")
@as_json
@with_client
def list_suppressions(client: Client, as_json: bool) -> None:
    """Per team: the switch, and what it did or would have done in fourteen days."""
    rows = client.get("suppressions")
    if as_json:
        dump(rows)
        return
    for row in rows:
        click.echo(f"{row['team']}  {row['mode']}\n  {row['says']}")


@suppression.command("show")
@click.argument("team")
@as_json
@with_client
def show_suppression(client: Client, team: str, as_json: bool) -> None:
    """One team's, with every page of the replay."""
    page = client.get(f"suppressions/{team}")
    if as_json:
        dump(page)
        return
    click.echo(f"{team}: {page['replay']['mode']}\n{page['replay']['says']}\n")
    columns = {"INCIDENT": "incident", "STATUS": "status", "MODE": "mode", "SINCE": "at_ms", "WHY": "says"}
    show(page["withheld"], columns, as_json=False, empty="no page of it would have been held")
    for miss in page["replay"]["missed"]:
        click.echo(f"  needed: {miss['incident']}: {miss['says']}")


@suppression.command("on")
@click.argument("team")
@click.option("--why", default="")
@with_client
def switch_on(client: Client, team: str, why: str) -> None:
    """Hold symptoms from now on; critical alerts and your own rules always page."""
    _switch(client, team, "on", why)


@suppression.command("off")
@click.argument("team")
@click.option("--why", default="")
@with_client
def switch_off(client: Client, team: str, why: str) -> None:
    """Hold nothing, and let go of what is held; what it would have done is not followed any more."""
    _switch(client, team, "off", why)


@suppression.command("propose")
@click.argument("team")
@click.option("--why", default="")
@with_client
def propose(client: Client, team: str, why: str) -> None:
    """Hold nothing, and follow what it would have done."""
    _switch(client, team, "proposed", why)


def _switch(client: Client, team: str, mode: str, why: str) -> None:
    done = client.post(f"suppressions/{team}/{mode}", {"why": why})
    click.echo(f"suppression of {team} is {done['mode']}")
