"""What silences and maintenance windows have in common: they hold pages from one moment to another."""

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


def times_of(lasts: str, until: str, starts: str) -> dict[str, Any]:
    """The times of a question, out of what was typed.

    Raises:
        BadInput: Neither a length nor an end, or both.
    """
    if bool(lasts) == bool(until):
        raise BadInput("say how long: one of --for 2h and --until 2026-11-23T02:00:00Z")
    found: dict[str, Any] = {"minutes": minutes_of(lasts)} if lasts else {"ends_ms": moment_of(until)}
    return {**found, "starts_ms": moment_of(starts)} if starts else found


def tell(one: dict[str, Any], as_json: bool) -> None:
    """Where a silence or window stands now."""
    if as_json:
        dump(one)
        return
    ended = one["ends_ms"] <= time.time() * 1000
    click.echo(f"{one['id']} ended" if ended else f"{one['id']}  {one['standing']}, until {iso(one['ends_ms'])}")


def add_to(group: click.Group, path: str, noun: str, holds: str) -> None:
    """Give a group its `list`, `show`, `extend` and `end`; `holds` is the field that says which pages."""

    @group.command("list")
    @click.option("--standing", type=click.Choice(["pending", "active", "expired"]))
    @click.option("--limit", default=50)
    @as_json
    @with_client
    def list_them(client: Client, standing: str | None, limit: int, as_json: bool) -> None:
        """Those that end last first."""
        rows = client.get(path, standing=standing, limit=limit)
        shown = rows if as_json else [{**row, "until": iso(row["ends_ms"])} for row in rows]
        columns = {"ID": "id", "STANDING": "standing", holds.upper(): holds,
                   "UNTIL": "until", "BY": "by", "COMMENT": "comment"}  # fmt: skip
        show(shown, columns, as_json, f"no {noun}s")

    @group.command("show", help=f"One {noun}, and the pages that it held.")
    @click.argument("id")
    @as_json
    @with_client
    def show_one(client: Client, id: str, as_json: bool) -> None:  # noqa: A002  the operator's word
        one = client.get(f"{path}/{id}")
        if as_json:
            dump(one)
        else:
            _tell_whole(one, holds)

    @group.command("extend")
    @click.argument("id")
    @LASTS
    @UNTIL
    @as_json
    @with_client
    def extend(client: Client, id: str, lasts: str, until: str, as_json: bool) -> None:  # noqa: A002
        """Give it another end: so much later, or at a time."""
        tell(client.post(f"{path}/{id}/extend", times_of(lasts, until, "")), as_json)

    @group.command("end")
    @click.argument("id")
    @as_json
    @with_client
    def end(client: Client, id: str, as_json: bool) -> None:  # noqa: A002
        """End it now: what still burns pages."""
        tell(client.post(f"{path}/{id}/end"), as_json)


def _tell_whole(one: dict[str, Any], holds: str) -> None:
    what = ", ".join(one[holds])
    click.echo(f"{one['id']}  {one['standing']}\n{what}\nfrom {iso(one['starts_ms'])} until {iso(one['ends_ms'])}")
    click.echo(f"by {one['by']}" + (f": {one['comment']}" if one["comment"] else ""))
    for line in one["withheld"]:
        page, missed = line["page"], line["missed"]
        says = f"  {ago(page['at_ms']):>12}  {page['incident']}  {page['status']}, {page['pages']} page(s)"
        click.echo(says + (f"  NEEDED: {missed['says']}" if missed else ""))
