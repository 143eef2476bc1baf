"""Incidents and the plans that wait for a person."""

from __future__ import annotations

from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.table import ago, dump, show


@click.group()
def incidents() -> None:
    """What is broken, why, and what can be done."""


@incidents.command("list")
@click.option("--status", type=click.Choice(["open", "acknowledged", "resolved", "merged"]))
@click.option("--search", "words", default=None, help="Only those in which all these words stand.")
@click.option("--before", default=None, help="Go on behind this one: the last id of the page before.")
@click.option("--limit", default=50)
@as_json
@with_client
def list_incidents(
    client: Client, status: str | None, words: str | None, before: str | None, limit: int, as_json: bool
) -> None:
    """Newest first."""
    columns = {"ID": "id", "SEVERITY": "severity", "STATUS": "status", "SINCE": "since_ms", "TITLE": "title",
               "RISK": "risk.score"}  # fmt: skip
    rows = client.get("incidents", status=status, q=words, before=before, limit=limit)
    show(rows, columns, as_json, "no incidents")


@incidents.command("show")
@click.argument("id")
@as_json
@with_client
def show_incident(client: Client, id: str, as_json: bool) -> None:  # noqa: A002
    """One incident: cause, evidence, timeline, plan."""
    page = client.get(f"incidents/{id}")
    if as_json:
        dump(page)
        return
    _print_incident(page)


def _print_incident(page: dict[str, Any]) -> None:
    incident = page["incident"]
    click.echo(f"{incident['id']}  {incident['title']}   {incident['status']}, {incident['severity']}")
    if incident.get("withheld"):
        click.echo(f"page withheld: {incident['withheld']['why']}")
    click.echo(f"\n{incident['summary']}\n")
    for suspect in incident["suspects"][:3]:
        click.echo(f"  {suspect['probability']:.0%}  {suspect['entity']}  {suspect['cause']}: {suspect['says']}")
    if incident["risk"]:
        click.echo(f"\nRisk {incident['risk']['score']}")
        for part in incident["risk"]["parts"]:
            click.echo(f"  {part['points']:>3}  {part['name']:<6} {part['says']}")
    for past in incident["similar"][:3]:
        click.echo(f"  like {past['id']} ({past['score']:.0%}): {past['says']}")
    click.echo("\nTimeline")
    for line in incident["timeline"]:
        click.echo(f"  {ago(line['at_ms']):>12}  {line['kind']:<9} {line['says']}")
    for plan in page["plans"]:
        click.echo(f"\nPlan {plan['id']}  {plan['title']}  ({plan['status']})  digest {plan['digest'][:12]}")
        for why in plan.get("asks", []):
            click.echo(f"  asks a human: {why}")
        for step in plan["steps"]:
            click.echo(f"  - {step['name']}")


@incidents.command("similar")
@click.argument("id")
@as_json
@with_client
def similar(client: Client, id: str, as_json: bool) -> None:  # noqa: A002
    """Past incidents that look like it, and how each of them ended."""
    rows = client.get(f"incidents/{id}/similar")
    columns = {"ID": "id", "ALIKE": "score", "WHEN": "since_ms", "TITLE": "title", "HOW IT ENDED": "says"}
    show(rows, columns, as_json, "nothing like it is remembered")


@incidents.command("acknowledge")
@click.argument("id")
@with_client
def acknowledge(client: Client, id: str) -> None:  # noqa: A002
    """Say that you are working on it: it will not be split or merged behind your back."""
    client.post(f"incidents/{id}/acknowledge")
    click.echo(f"{id} is yours")


@incidents.command("resolve")
@click.argument("id")
@with_client
def resolve(client: Client, id: str) -> None:  # noqa: A002
    """Close it by hand."""
    client.post(f"incidents/{id}/resolve")
    click.echo(f"{id} is being resolved")


@incidents.command("merge")
@click.argument("id")
@click.argument("into")
@with_client
def merge(client: Client, id: str, into: str) -> None:  # noqa: A002
    """Say that both are one; it is a label for the correlator."""
    client.post(f"incidents/{id}/merge", {"into": into})
    click.echo(f"{id} is being merged into {into}")


@incidents.command("split")
@click.argument("id")
@click.argument("alert")
@with_client
def split(client: Client, id: str, alert: str) -> None:  # noqa: A002
    """Say that an alert does not belong; it is a label for the correlator."""
    client.post(f"incidents/{id}/split", {"alert": alert})
    click.echo(f"{alert} is being taken out of {id}")


@incidents.command("verdict")
@click.argument("subject")
@click.argument(
    "kind",
    type=click.Choice(["anomaly", "not-anomaly", "right-cause", "wrong-cause", "missed"]),
)
@click.option("--target", default="", help="For wrong-cause: the right entity.")
@click.option("--comment", default="")
@with_client
def verdict(client: Client, subject: str, kind: str, target: str, comment: str) -> None:
    """Judge an alert, an incident's cause, or say that an entity's trouble was missed."""
    answer = client.post("verdicts", {"kind": kind, "subject": subject, "target": target, "comment": comment})
    about = ", ".join(f"{ref['model']}@{ref['version']}" for ref in answer.get("about", []))
    click.echo(f"recorded as {answer['id']}" + (f", about {about}" if about else ""))


@click.group()
def approvals() -> None:
    """Plans that wait for a person."""


@approvals.command("list")
@as_json
@with_client
def list_approvals(client: Client, as_json: bool) -> None:
    """What waits, and what it would touch."""
    rows = client.get("approvals")
    columns = {"PLAN": "id", "INCIDENT": "incident", "TITLE": "title", "TARGETS": "targets", "RISK": "risk_class",
               "DIGEST": "digest", "ASKS A HUMAN BECAUSE": "asks"}  # fmt: skip
    show(rows, columns, as_json, "nothing waits for you")


@approvals.command("dry-run")
@click.argument("plan")
@with_client
def dry_run(client: Client, plan: str) -> None:
    """Say what each step would do; touch nothing."""
    for line in client.post(f"plans/{plan}/dry-run")["says"]:
        click.echo(f"  {line}")


@approvals.command("approve")
@click.argument("plan")
@click.option("--digest", default="", help="The digest you looked at; by default what the server shows now.")
@click.option("--comment", default="")
@with_client
def approve(client: Client, plan: str, digest: str, comment: str) -> None:
    """Say yes to exactly this plan, once."""
    _decide(client, plan, digest, comment, "approve")


@approvals.command("reject")
@click.argument("plan")
@click.option("--digest", default="")
@click.option("--comment", default="")
@with_client
def reject(client: Client, plan: str, digest: str, comment: str) -> None:
    """Say no."""
    _decide(client, plan, digest, comment, "reject")


@approvals.command("answer")
@click.argument("plan")
@click.option("--was-done/--was-not-done", required=True, help="Whether the step that was cut off took effect.")
@with_client
def answer(client: Client, plan: str, was_done: bool) -> None:
    """For a plan that is `unknown`: say what you saw; it goes on, or is undone."""
    client.post(f"plans/{plan}/answer", {"was_done": was_done})
    click.echo(f"{plan} goes on" if was_done else f"{plan} is being undone")


def _decide(client: Client, plan: str, digest: str, comment: str, word: str) -> None:
    digest = digest or client.get(f"plans/{plan}")["digest"]
    approval = client.post(f"plans/{plan}/{word}", {"digest": digest, "comment": comment})
    click.echo(f"{plan} {approval['decision']} by {approval['by']}, digest {digest[:12]}")
