"""Lists that are only looked at: alerts, runbooks, entities."""

from __future__ import annotations

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.table import ago, dump, show

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group(invoke_without_command=False)
def alerts() -> None:
    """What the detectors and your own rules say."""


@alerts.command("list")
@click.option("--status", type=click.Choice(["firing", "resolved"]))
@click.option("--sort", type=click.Choice(["newest", "priority"]), default="newest", show_default=True)
@click.option("--limit", default=50)
@as_json
@with_client
def list_alerts(client: Client, status: str | None, sort: str, limit: int, as_json: bool) -> None:
    """Newest first, or by priority: P1 first."""
    rows = client.get("alerts", status=status, sort=sort, limit=limit)
    columns = {"ID": "id", "PRIORITY": "priority", "SEVERITY": "severity", "STATUS": "status", "SINCE": "since_ms",
               "OWNER": "owner", "SAYS": "summary", "BY": "decided_by"}  # fmt: skip
    show(rows, columns, as_json, "no alerts")


@alerts.command("show")
@click.argument("id")
@as_json
@with_client
def show_alert(client: Client, id: str, as_json: bool) -> None:  # noqa: A002  the operator's word
    """One alert: expected, came, since when, how rare, which channel, which version, and what if it is wrong."""
    alert = client.get(f"alerts/{id}")
    if as_json:
        dump(alert)
        return
    words = alert["explanation"]
    click.echo(f"{alert['name']} on {alert['entity']}   {alert['severity']}, {alert['status']}\n{alert['summary']}\n")
    said = {"expected": words["expected"] or "no band", "came": words["came"], "since": ago(words["since_ms"]),
            "how rare": words["rarity"], "channel": words["channel"], "decided by": words["decided_by"],
            "not paged": words["held_back"] or (alert["withheld"] or {}).get("why", ""),
            "learned": words["learned_says"]}  # fmt: skip
    said |= {"grouped": alert.get("grouped", ""), "owner": alert.get("owner") or "not known",
             "environment": alert.get("environment", ""), "tier": str(alert.get("tier") or "not known"),
             "priority": " ".join([alert.get("priority") or "", "; ".join(alert.get("priority_why", []))])}  # fmt: skip
    for name, text in said.items():
        if text:
            click.echo(f"  {name:<11} {text}")
    click.echo(f"\nIs it wrong?  {words['if_wrong']}")
    if words["learned"]:
        click.echo(f"Undo it:      mainstay alerts undo {words['learned']['id']}")


@alerts.command("held")
@click.option("--limit", default=50)
@as_json
@with_client
def held(client: Client, limit: int, as_json: bool) -> None:
    """What was not paged, why, and what it would have told."""
    rows = client.get("budget", limit=limit)["held"]
    columns = {"ID": "alert.id", "BY": "alert.suppressed_by", "SINCE": "alert.since_ms", "WHERE": "alert.entity",
               "WHAT": "alert.name", "MISSED": "missed.says"}  # fmt: skip
    show(rows, columns, as_json, "nothing was held back")


@alerts.command("learned")
@as_json
@with_client
def learned(client: Client, as_json: bool) -> None:
    """What verdicts "not an anomaly" taught, and what that has held back since."""
    columns = {"ID": "bar.id", "SINCE": "bar.at_ms", "WHERE": "bar.entity", "WHAT": "bar.name", "SAYS": "says"}
    show(client.get("budget")["learned"], columns, as_json, "no verdict has taught anything")


@alerts.command("undo")
@click.argument("learned")
@with_client
def undo(client: Client, learned: str) -> None:
    """Take back what a verdict taught (an id of `mainstay alerts learned`); the verdict itself stays said."""
    client.post(f"budget/learned/{learned}/undo")
    click.echo(f"{learned} is being undone: it is told again as before")


@alerts.command("budget")
@as_json
@with_client
def budget(client: Client, as_json: bool) -> None:
    """Per team: false pages a week promised against observed, with counts and interval."""
    page = client.get("budget")
    if as_json:
        dump(page)
        return
    for team in page["teams"]:
        stands, seen = team["stands"], team["observed"]
        click.echo(f"team {team['team']}: {seen['says']}")
        click.echo(f"  {stands['used']} of {stands['places']} places taken; not limited: {seen['always']} critical, "
                   f"{seen['rules']} by your rules; {stands['watched']} series, calls and logs watched")  # fmt: skip
    click.echo(f"not paged: {page['held_count']}, of which {page['missed_count']} should have told you"
               " (mainstay alerts held)")  # fmt: skip
    if page["is_cut"]:
        click.echo("there was more than is looked through: what was observed and missed is at least this")


@click.group()
def runbooks() -> None:
    """What Mainstay may do, and when."""


@runbooks.command("list")
@as_json
@with_client
def list_runbooks(client: Client, as_json: bool) -> None:
    """Every runbook that is loaded."""
    rows = client.get("runbooks")
    columns = {"NAME": "name", "TITLE": "title", "CAUSES": "causes", "RISK": "risk_class", "ENABLED": "enabled"}
    show(rows, columns, as_json, "no runbooks are loaded")


@runbooks.command("check")
@click.argument("path", type=click.Path(exists=True))
def check_runbooks(path: str) -> None:
    """Read a runbook file or folder and say what is wrong with it, with the line; exit 2 when something is."""
    from pathlib import Path

    from mainstay.automation import load_runbooks

    catalogue = load_runbooks([Path(path)])
    click.echo(f"{len(catalogue)} runbooks are fine")


@runbooks.command("run")
@click.argument("name")
@click.option("--incident", required=True, help="For which incident.")
@click.option("--entity", default="", help="On what; by default the incident's first suspect.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A parameter that the inventory cannot know.")
@with_client
def run_runbook(client: Client, name: str, incident: str, entity: str, given: tuple[str, ...]) -> None:
    """Ask for a runbook by hand: it is dry run, and another person than you has to approve it before it runs."""
    parameters = dict(pair.partition("=")[::2] for pair in given)
    plan = client.post(f"incidents/{incident}/plans", {"runbook": name, "entity": entity, "parameters": parameters})
    click.echo(f"{plan['id']}  {plan['title']}  waits for another person: mainstay approvals approve {plan['id']}")
    for line in plan["dry_run"]:
        click.echo(f"  {line}")


@click.group()
def entities() -> None:
    """What is watched."""


@entities.command("list")
@as_json
@with_client
def list_entities(client: Client, as_json: bool) -> None:
    """Services, hosts, databases, queues."""
    columns = {"ENTITY": "id", "TIER": "tier", "OWNER": "owner"}
    show(client.get("entities"), columns, as_json, "nothing has been heard of yet: see `mainstay connect`")


@entities.command("explain")
@click.argument("labels", nargs=-1, required=True, metavar="NAME=VALUE...")
@with_client
def explain(client: Client, labels: tuple[str, ...]) -> None:
    """Say which entity these labels belong to, and by which rule of the mapping."""
    pairs = dict(label.partition("=")[::2] for label in labels)
    answer = client.post("entities/explain", {"labels": pairs})
    click.echo(f"{answer['entity'] or 'unplaced'}\n  {answer['says']} (rule {answer['rule'] or 'none'})")


@entities.command("unplaced")
@as_json
@with_client
def unplaced(client: Client, as_json: bool) -> None:
    """Label sets that no rule could place; correct the mapping with them."""
    rows = [{"labels": ", ".join(f"{k}={v}" for k, v in labels)} for labels in client.get("unplaced")]
    show(rows, {"LABELS": "labels"}, as_json, "everything is placed")
