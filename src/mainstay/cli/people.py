"""People, their roles, and tokens."""

from __future__ import annotations

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.table import show
from mainstay.domain.users import ROLES


@click.group()
def users() -> None:
    """People and their roles."""


@users.command("list")
@as_json
@with_client
def list_users(client: Client, as_json: bool) -> None:
    """Everybody who may come in."""
    show(client.get("users"), {"NAME": "name", "ROLE": "role", "SINCE": "created_ms"}, as_json)


@users.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="responder", show_default=True)
@with_client
def add_user(client: Client, name: str, role: str) -> None:
    """Make a user and print the token to hand over; it is not shown again."""
    client.post("users", {"name": name, "role": role})
    click.echo(client.post("tokens", {"kind": "user", "user": name})["token"])


@click.group()
def tokens() -> None:
    """What may send, and what may call."""


@tokens.command("list")
@as_json
@with_client
def list_tokens(client: Client, as_json: bool) -> None:
    """Every token by name; never the token itself."""
    columns = {"ID": "id", "KIND": "kind", "FOR": "user", "NAME": "name", "MADE": "created_ms"}
    show(client.get("tokens"), columns, as_json, "no tokens")


@tokens.command("add-ingest")
@click.argument("name")
@with_client
def add_ingest(client: Client, name: str) -> None:
    """Make a token for a sender and print it; it is not shown again."""
    click.echo(client.post("tokens", {"kind": "ingest", "name": name})["token"])
