"""Silences, maintenance windows and suppressions: what keeps pages from leaving, and what it kept."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.table import ago, dump, show
from mainstay.domain.errors import BadInput
from mainstay.domain.silences import iso

UNITS = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0, "w": 10080.0}
STANDING = click.Choice(["pending", "active", "expired"])
LASTS = click.option("--for", "lasts", default="", help="How long: 30m, 2h, 1d, 1h30m.")
UNTIL = click.option("--until", default="", help="Until when: 2026-11-23T02:00:00Z.")
STARTS = click.option("--start", "starts", default="", help="From when; now unless told.")
COMMENT = click.option("--comment", default="", help="Why, for whoever asks later.")


def minutes_of(text: str) -> float:
    """A length of time in minutes.

    >>> minutes_of("1h30m")
    90.0
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise BadInput(f"expected a length of time such as 30m, 2h or 1d, got {text[:80]!r}")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def moment_of(text: str) -> int:
    """A moment as milliseconds since 1970; without a zone it is that of this machine.

    >>> moment_of("1970-01-01T00:00:01Z")
    1000
    """
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise BadInput(f"expected a time such as 2026-11-23T02:00:00Z, got {text[:80]!r}") from None


@click.group()
def silences() -> None:
    """Hold the pages of alerts that need nobody; they are recorded and shown all the same."""


@silences.command("list")
@click.option("--standing", type=STANDING)
@click.option("--limit", default=50)
@as_json
@with_client
def list_silences(client: Client, standing: str | None, limit: int, as_json: bool) -> None:
    """Those that end last first."""
    rows = client.get("silences", standing=standing, limit=limit)
    _listed(rows, {"ID": "id", "STANDING": "standing", "MATCHERS": "matchers"}, as_json, "no silences")


@silences.command("add")
@click.argument("matchers", nargs=-1, required=True)
@LASTS
@UNTIL
@STARTS
@COMMENT
@as_json
@with_client
def add_silence(
    client: Client, matchers: tuple[str, ...], lasts: str, until: str, starts: str, comment: str, as_json: bool
) -> None:
    """Hold the pages of alerts for which all MATCHERS hold: service=cart, severity=~"minor|info", owner!=payments."""
    asked = {"matchers": list(matchers), "comment": comment, **_times(lasts, until, starts)}
    _said(client.post("silences", asked), as_json)


@silences.command("show")
@click.argument("id")
@as_json
@with_client
def show_silence(client: Client, id: str, as_json: bool) -> None:  # noqa: A002  the operator's word
    """One silence, and the pages that it held."""
    _page(client.get(f"silences/{id}"), as_json)


@silences.command("extend")
@click.argument("id")
@LASTS
@UNTIL
@as_json
@with_client
def extend_silence(client: Client, id: str, lasts: str, until: str, as_json: bool) -> None:  # noqa: A002
    """Give it another end: so much later, or at a time."""
    _said(client.post(f"silences/{id}/extend", _times(lasts, until, "")), as_json)


@silences.command("end")
@click.argument("id")
@as_json
@with_client
def end_silence(client: Client, id: str, as_json: bool) -> None:  # noqa: A002
    """End it now: what still burns pages."""
    _said(client.post(f"silences/{id}/end"), as_json)


@silences.command("withheld")
@click.option("--by", "ref", default=None, help="Only by this silence, maintenance window, or team's suppression.")
@click.option("--limit", default=50)
@as_json
@with_client
def withheld(client: Client, ref: str | None, limit: int, as_json: bool) -> None:
    """Pages that were held, and those among them that somebody needed."""
    rows = client.get("withheld", ref=ref, limit=limit)
    columns = {"INCIDENT": "page.incident", "STATUS": "page.status", "MODE": "page.mode", "BY": "page.by",
               "PAGES": "page.pages", "SINCE": "page.at_ms", "WHY": "page.says", "MISSED": "missed.says"}  # fmt: skip
    show(rows, columns, as_json, "nothing was withheld")


@click.group()
def maintenance() -> None:
    """Announce work: pages of these entities are held while it lasts."""


@maintenance.command("list")
@click.option("--standing", type=STANDING)
@click.option("--limit", default=50)
@as_json
@with_client
def list_windows(client: Client, standing: str | None, limit: int, as_json: bool) -> None:
    """Those that end last first."""
    rows = client.get("maintenance", standing=standing, limit=limit)
    _listed(rows, {"ID": "id", "STANDING": "standing", "ENTITIES": "entities"}, as_json, "no maintenance windows")


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
             "comment": said["comment"], **_times(said["lasts"], said["until"], said["starts"])}  # fmt: skip
    if said["weekly"]:
        days, lasting = said["weekly"].lower().split(","), minutes_of(said["lasting"])
        asked["weekly"] = {"days": days, "at": said["at"], "minutes": int(lasting), "zone": said["zone"]}
    _said(client.post("maintenance", asked), as_json)


@maintenance.command("show")
@click.argument("id")
@as_json
@with_client
def show_window(client: Client, id: str, as_json: bool) -> None:  # noqa: A002
    """One maintenance window, and the pages that it held."""
    _page(client.get(f"maintenance/{id}"), as_json)


@maintenance.command("extend")
@click.argument("id")
@LASTS
@UNTIL
@as_json
@with_client
def extend_window(client: Client, id: str, lasts: str, until: str, as_json: bool) -> None:  # noqa: A002
    """Give it another end."""
    _said(client.post(f"maintenance/{id}/extend", _times(lasts, until, "")), as_json)


@maintenance.command("end")
@click.argument("id")
@as_json
@with_client
def end_window(client: Client, id: str, as_json: bool) -> None:  # noqa: A002
    """End it now: what still burns pages."""
    _said(client.post(f"maintenance/{id}/end"), as_json)


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


def _times(lasts: str, until: str, starts: str) -> dict[str, Any]:
    if bool(lasts) == bool(until):
        raise BadInput("say how long: one of --for 2h and --until 2026-11-23T02:00:00Z")
    found: dict[str, Any] = {"minutes": minutes_of(lasts)} if lasts else {"ends_ms": moment_of(until)}
    return {**found, "starts_ms": moment_of(starts)} if starts else found


def _listed(rows: list[dict[str, Any]], columns: dict[str, str], as_json: bool, empty: str) -> None:
    shown = rows if as_json else [{**row, "until": iso(row["ends_ms"])} for row in rows]
    show(shown, {**columns, "UNTIL": "until", "BY": "by", "COMMENT": "comment"}, as_json, empty)


def _said(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        dump(one)
        return
    ended = one["ends_ms"] <= time.time() * 1000
    click.echo(f"{one['id']} ended" if ended else f"{one['id']}  {one['standing']}, until {iso(one['ends_ms'])}")


def _page(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        dump(one)
        return
    what = ", ".join(one.get("matchers") or one["entities"])
    click.echo(f"{one['id']}  {one['standing']}\n{what}\nfrom {iso(one['starts_ms'])} until {iso(one['ends_ms'])}")
    click.echo(f"by {one['by']}" + (f": {one['comment']}" if one["comment"] else ""))
    for line in one["withheld"]:
        page, missed = line["page"], line["missed"]
        says = f"  {ago(page['at_ms']):>12}  {page['incident']}  {page['status']}, {page['pages']} page(s)"
        click.echo(says + (f"  NEEDED: {missed['says']}" if missed else ""))
