"""`mainstay maintenance`: announce work on entities, once or weekly."""

from __future__ import annotations

from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.silences.holds import COMMENT, LASTS, STARTS, UNTIL, add_to, minutes_of, tell, times_of


@click.group()
def maintenance() -> None:
    """Announce work: pages of these entities are held while it lasts."""


@maintenance.command("add")
@click.argument("entities", nargs=-1)
@click.option("--dependents", is_flag=True, help="Also who calls them, and what runs on them.")
@click.option("--weekly", default="", help="Recurs on these days: mon,thu; needs --at and --lasting.")
@click.option("--at", default="", help="Of a weekly window: when it begins, 02:00.")
@click.option("--lasting", default="", help="Of a weekly window: how long, 2h.")
@click.option("--zone", default="UTC", help="Of a weekly window: its clock, Europe/Berlin.")
@click.option("--change", default="", help="Id of a change whose entity is meant.")
@LASTS
@UNTIL
@STARTS
@COMMENT
@as_json
@with_client
def add_window(client: Client, entities: tuple[str, ...], as_json: bool, **said: Any) -> None:
    """Hold the pages of ENTITIES (ids, as `mainstay entities list` shows them)."""
    asked = {"entities": list(entities), "with_dependents": said["dependents"], "change": said["change"],
             "comment": said["comment"], **times_of(said["lasts"], said["until"], said["starts"])}  # fmt: skip
    if said["weekly"]:
        days, lasting = said["weekly"].lower().split(","), minutes_of(said["lasting"])
        asked["weekly"] = {"days": days, "at": said["at"], "minutes": int(lasting), "zone": said["zone"]}
    tell(client.post("maintenance", asked), as_json)


add_to(maintenance, "maintenance", "maintenance window", holds="entities")
