"""Models from the command line: who is live, and back again."""

from __future__ import annotations

import sys
from urllib.parse import urlencode

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.mlops.own import COMMANDS as OWN
from mainstay.cli.mlops.own import parameters_of
from mainstay.cli.mlops.production import gate, production
from mainstay.cli.mlops.rollouts import COMMANDS as ROLLOUTS
from mainstay.cli.mlops.training import COMMANDS as TRAINING
from mainstay.cli.mlops.training import tell_lineage
from mainstay.cli.mlops.versions import COLUMNS, deployed, one_of, path, split, tell
from mainstay.cli.mlops.watching import COMMANDS as WATCHING
from mainstay.cli.show import as_json
from mainstay.cli.table import dump, show

SCOPE = click.option("--scope", default="*", show_default=True, help="*, service=NAME, tier=N or environment=NAME.")
WHY = click.option("--why", default="", help="Stands in the ledger.")


@click.group()
def models() -> None:
    """Which version decides what."""


@models.command("list")
@as_json
@with_client
def list_models(client: Client, as_json: bool) -> None:
    """Who is live where: one line per model and scope."""
    pages = client.get("models")
    show(pages if as_json else deployed(pages), COLUMNS, as_json, "no model is deployed")


@models.command("show")
@click.argument("name", metavar="NAME[@VERSION]")
@click.option("--lineage", is_flag=True, help="Of a version: from its data to everything that it caused.")
@as_json
@with_client
def show_model(client: Client, name: str, lineage: bool, as_json: bool) -> None:
    """Versions, and who decides where; of one version its record, or its lineage."""
    if lineage:
        split(name)
        tell_lineage(client, name, as_json)
    elif "@" in name:
        dump(one_of(client, name))
    elif as_json:
        dump(client.get(f"models/{name}"))
    else:
        tell(client.get(f"models/{name}"))


@models.command("vary")
@click.argument("version", metavar="NAME@VERSION")
@click.option("--set", "settings", multiple=True, required=True, metavar="PARAMETER=VALUE")
@click.option("--why", default="", help="Kept with the version.")
@with_client
def vary(client: Client, version: str, settings: tuple[str, ...], why: str) -> None:
    """Register a version like another one with other parameters; deploy it as shadow first."""
    name, number = split(version)
    body = {"version": number, "parameters": parameters_of(settings), "why": why}
    made = client.post(f"models/{name}/versions", body)
    click.echo(f"{made['ref']['model']}@{made['ref']['version']}, artefact {made['artefact'][:12]}")


@models.command("deploy")
@click.argument("version", metavar="NAME@VERSION")
@click.option("--role", type=click.Choice(["live", "shadow"]), default="shadow", show_default=True)
@SCOPE
@WHY
@with_client
def deploy(client: Client, version: str, role: str, scope: str, why: str) -> None:
    """Serve a version from the next batch on, past no gate; `rollout` goes through them."""
    name, number = split(version)
    if role == "live" and not why:
        raise click.UsageError("past all gates needs a reason: --why TEXT; `mainstay models rollout` goes through them")
    client.post(f"models/{name}/deploy", {"version": number, "role": role, "scope": scope, "why": why})
    click.echo(f"{version} becomes {role} with the next batch")


@models.command("rollback")
@click.argument("name", metavar="NAME[@VERSION]")
@SCOPE
@WHY
@with_client
def rollback(client: Client, name: str, scope: str, why: str) -> None:
    """Send a canary back; when there is none, serve the version before, from the next batch on.

    With NAME@VERSION only while that version decides. What was rolled back does not come back this way.
    """
    query = {"where": scope, "why": why} | ({"leaving": name} if "@" in name else {})
    model = split(name)[0] if "@" in name else name
    client.post(f"models/{model}/rollback?{urlencode(query)}")
    click.echo(f"{model}: the version before decides from the next batch on")


@models.command("recall")
@click.argument("version", metavar="NAME@VERSION")
@click.option("--kind", default=None, help="List only alert, grouping, suppression, incident, plan, step, page, ….")
@click.option("--mark", is_flag=True, help="Mark all of it, so that people look at it again.")
@click.option("--why", default="", help="With --mark: kept in the ledger.")
@as_json
@with_client
def recall(client: Client, version: str, kind: str | None, mark: bool, why: str, as_json: bool) -> None:
    """List everything that a version caused: alerts, merges, suppressions, plans, steps, pages."""
    found = client.get(f"{path(version)}/recall", **({"kind": kind} if kind else {}))
    if mark:
        found["marked"] = client.post(f"{path(version)}/recall", {"why": why})
    columns = {"WHEN": "at_ms", "KIND": "kind", "ABOUT": "subject", "BY": "actor", "HOW": "how", "ID": "entry"}
    if as_json:
        dump(found)
        return
    show(found["entries"], columns, as_json=False, empty=f"{version} has caused nothing")
    if found["counts"]:
        click.echo("in all: " + ", ".join(f"{count} {kind}" for kind, count in found["counts"].items()))
    if mark:
        click.echo(f"{sum(found['marked'].values())} marked for review; see {path(version)}/marks")


@models.command("verify")
@as_json
@with_client
def verify(client: Client, as_json: bool) -> None:
    """Check every version's signature, record and artefact; exit 1 when one of them could not be served."""
    found = client.get("models-audit")
    show(found, {"VERSION": "version", "SERVED": "is_served", "SAYS": "says"}, as_json, "there is no version")
    for one in found:
        if not one["is_served"] and not as_json:
            click.echo(f"\n{one['version']} is not served: {one['says']}")
    sys.exit(0 if all(one["is_served"] for one in found) else 1)


models.add_command(production)
models.add_command(gate)


@models.command("rotate-key")
@with_client
def rotate_key(client: Client) -> None:
    """Sign new versions with a new key; what the old one signed stays trusted (`keys/trusted/`)."""
    click.echo(f"signing with {client.post('models-key')['keyid'][:16]} from now on")


for one in (*TRAINING, *ROLLOUTS, *WATCHING, *OWN):
    models.add_command(one)
