"""`mainstay models rollout | rollouts | validate | withdraw | policy`: versions on their way into service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.mlops.versions import split
from mainstay.cli.show import as_json
from mainstay.cli.table import dump, show


@click.command("rollout")
@click.argument("version", metavar="NAME@VERSION")
@click.option("--scope", default="*", show_default=True, help="*, service=NAME, tier=N or environment=NAME.")
@click.option("--why", default="", help="Kept in the ledger.")
@with_client
def rollout(client: Client, version: str, scope: str, why: str) -> None:
    """Bring a version into service: shadow, canary, live, past the gates."""
    name, number = split(version)
    client.post(f"models/{name}/rollout", {"version": number, "scope": scope, "why": why})
    click.echo(f"{version} begins in shadow; follow it with: mainstay models rollouts")


@click.command("rollouts")
@click.argument("name", required=False, metavar="[ROLLOUT]")
@click.option("--stage", type=click.Choice(["shadow", "canary", "live", "rolled_back", "refused"]))
@as_json
@with_client
def rollouts(client: Client, name: str | None, stage: str | None, as_json: bool) -> None:
    """Who is on the way, how far, and what is missing; one of them whole."""
    if name:
        dump(client.get(f"rollouts/{name}"))
        return
    rows = client.get("rollouts" + (f"?stage={stage}" if stage else ""))
    columns = {"ID": "id", "SCOPE": "scope", "STAGE": "stage", "CHANGE": "change", "WINDOWS": "windows", "SAYS": "says"}
    show(rows, columns, as_json, "no version was ever rolled out")


@click.command("validate")
@click.argument("name", metavar="ROLLOUT")
@with_client
def validate(client: Client, name: str) -> None:
    """Allow a normal change that somebody else made."""
    client.post(f"rollouts/{name}/validate")
    click.echo(f"{name}: goes on when it passes its gates")


@click.command("withdraw")
@click.argument("name", metavar="ROLLOUT")
@click.option("--why", default="", help="Kept in the ledger.")
@with_client
def withdraw(client: Client, name: str, why: str) -> None:
    """End a rollout; the champion has served all along."""
    client.post(f"rollouts/{name}/withdraw", {"why": why})
    click.echo(f"{name}: its challenger leaves with the next batch")


@click.group("policy")
def policy() -> None:
    """What a version must show before it goes on."""


@policy.command("show")
@as_json
@with_client
def show_policy(client: Client, as_json: bool) -> None:
    """The policy in force, and edits that wait for a second person."""
    found = client.get("gate-policy")
    if as_json:
        dump(found)
        return
    for line in _lines(found["in_force"]):
        click.echo(line)
    for edit in (one for one in found["edits"] if one["status"] == "proposed"):
        click.echo(f"waits for a second person: {edit['id']}, by {edit['by']}")


@policy.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Whether a policy file is one; nothing is changed."""
    from mainstay.mlops.rollouts.gates import read_edit

    found = read_edit(_text(file), str(file))
    click.echo(f"{file}: policy {found.name}, window {found.window_s:g} s")


@policy.command("propose")
@click.argument("file", type=click.Path(path_type=Path))
@with_client
def propose(client: Client, file: Path) -> None:
    """Propose an edit; it holds when another person agrees."""
    client.post("gate-policy", {"policy": _text(file), "file": file.name})
    click.echo("proposed; another person puts it into force: mainstay models policy agree EDIT")


@policy.command("agree")
@click.argument("edit")
@with_client
def agree(client: Client, edit: str) -> None:
    """Put another person's edit into force."""
    client.post(f"gate-policy/{edit}/agree")
    click.echo(f"{edit} holds from the next window on")


def _text(file: Path) -> str:
    """What stands in a policy file; one that cannot be read is refused by name."""
    from mainstay.files import Document

    Document.open(file)
    return file.read_text(encoding="utf-8")


def _lines(values: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for key, value in values.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {value}")
    return lines


COMMANDS = (rollout, rollouts, validate, withdraw, policy)
