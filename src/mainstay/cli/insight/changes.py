"""Changes: what was changed, what it did, what one would do, and how good the forecasts were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.table import ago, dump, show

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group()
def changes() -> None:
    """Deploys, configuration, flags, infrastructure: what each was expected to do, and what it did."""


@changes.command("list")
@click.option("--entity", default=None, help="Of this entity only, e.g. service:prod/payments.")
@click.option("--limit", default=50)
@as_json
@with_client
def list_changes(client: Client, entity: str | None, limit: int, as_json: bool) -> None:
    """Newest first."""
    columns = {"ID": "id", "WHEN": "at_ms", "KIND": "kind", "WHAT": "subject", "VERSION": "version", "RISK": "risk",
               "IMPACT": "verdict", "SAYS": "summary"}  # fmt: skip
    rows = client.get("changes", entity=entity, limit=limit)
    show(rows, columns, as_json, "no changes yet")
    lost = sorted({row["subject"] for row in rows if not row["is_placed"]})
    if lost and not as_json:
        click.echo(f"not judged, because no such service is known: {', '.join(lost)} (mainstay entities list)")


@changes.command("show")
@click.argument("id")
@as_json
@with_client
def show_change(client: Client, id: str, as_json: bool) -> None:  # noqa: A002  the operator's word
    """One change: what was foretold, and what it did, signal by signal, against peers and placebos."""
    page = client.get(f"changes/{id}")
    if as_json:
        dump(page)
        return
    change = page["change"]
    click.echo(f"{change['kind']} of {change['subject']} {change['version']}   {ago(change['at_ms'])}   {change['id']}")
    if page["forecast"]:
        _tell_forecast(page["forecast"])
    impact = page["impact"]
    if impact is None:
        click.echo("impact: not known yet" if change["entity"] else "impact: not judged, no such service is known")
        return
    when = "" if impact["is_final"] else " so far"
    click.echo(f"impact: {impact['verdict']}{when}, {impact['horizon_s']:g} s after\n  {impact['says']}")
    columns = {"SIGNAL": "signal", "BEFORE": "before", "AFTER": "after", "EFFECT": "effect", "LOW": "low",
               "HIGH": "high", "P": "p_value", "HARM": "is_harm"}  # fmt: skip
    show(impact["effects"], columns, False)
    if impact["felt"]:
        click.echo(f"  felt by: {', '.join(impact['felt'])}")


@changes.command("assess")
@click.argument("what", metavar="FILE|ID")
@as_json
@with_client
def assess(client: Client, what: str, as_json: bool) -> None:
    """What a change would do: of a FILE (YAML or JSON; one change or a list of them), or of a change by its ID."""
    plans = _read(Path(what)) if Path(what).exists() or what.endswith((".yaml", ".yml", ".json")) else None
    if plans is None:
        found = [client.post(f"changes/{what}/assess")]
    else:
        found = [client.post("changes/assess", plan) for plan in plans]
    if as_json:
        dump(found)
        return
    for one in found:
        planned = one["planned"]
        click.echo(f"{planned['kind']} of {planned['subject']} {planned['version']}   {one['id']}")
        _tell_forecast(one)


@changes.command("calibration")
@as_json
@with_client
def calibration(client: Client, as_json: bool) -> None:
    """Forecasts against what came; and how often a change that nobody made was called harmful."""
    found = client.get("changes/calibration")
    if as_json:
        dump(found)
        return
    click.echo(f"{found['scored']} of {found['forecasts']} forecasts scored, {found['harmful']} changes did harm,"
               f" {found['unsure']} without enough evidence")  # fmt: skip
    if found["scored"]:
        known = found["brier_of_known_rate"]
        knew = f"saying the rate known then: {known:g}; " if known is not None else ""
        click.echo(f"Brier score {found['brier']:g} ({knew}always saying the base rate, with hindsight: "
                   f"{found['brier_of_base_rate']:g})")  # fmt: skip
    columns = {"FROM": "low", "TO": "high", "FORECASTS": "n", "SAID": "said", "CAME": "came"}
    show(found["bins"], columns, False, "nothing is scored yet")
    tally, rate = found["placebos"], found["placebo_false_positive_rate"]
    if rate is not None:
        click.echo(f"placebo changes: {tally['harmful']} of {tally['judged']} called harmful ({rate:.1%}), "
                   f"{tally['unsure']} without enough evidence")  # fmt: skip


def _read(path: Path) -> list[dict[str, Any]]:
    """The changes in a file; BadFile says what is wrong, with the line and the field."""
    import msgspec

    from mainstay.domain.changes import PlannedChange
    from mainstay.files import Document

    into: Any = PlannedChange | list[PlannedChange]
    found = Document.open(path).read(into)
    return [msgspec.to_builtins(plan) for plan in (found if isinstance(found, list) else [found])]


def _tell_forecast(one: dict[str, Any]) -> None:
    risk = one["risk"]
    parts = ", ".join(f"{part['name']} {part['points']}" for part in risk["parts"])
    click.echo(f"forecast: {one['says']}; risk {risk['score']} ({parts})")
    for reason in one["reasons"]:
        click.echo(f"  odds ×{reason['odds']:<6g} {reason['says']}")
    for service in one["services"][:10]:
        tier = f", tier {service['tier']}" if service["tier"] is not None else ""
        away = f"{service['hops']} calls away" if service["hops"] else "changed itself"
        click.echo(f"  {service['probability']:6.1%}  {service['entity']}  ({away}{tier})")
    if one["outcome"]:
        brier = f", Brier {one['brier']:g}" if one["brier"] is not None else ""
        click.echo(f"  it came: {one['outcome']}{brier}")
