"""`mainstay models drift | card | inventory | bias | risk`, and what of the ledger and recalls belongs to them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.mlops.versions import is_ours, path, place
from mainstay.cli.show import as_json
from mainstay.cli.table import dump, show


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None


@click.command("drift")
@click.option("--all", "everything", is_flag=True, help="Also what is over.")
@as_json
@with_client
def drift(client: Client, everything: bool, as_json: bool) -> None:
    """What has drifted, what it means, and what a retrain would change."""
    found = client.get("models-drift", status=None if everything else "open")
    if as_json:
        dump(found)
        return
    columns = {"SINCE": "since_ms", "MEASURE": "measure", "VERSION": "version", "SCOPE": "scope", "STATUS": "status"}
    rows = [{**one, "status": "over" if one["ended_ms"] else "open"} for one in found["findings"]]
    show(rows, columns, as_json=False, empty="nothing has drifted")
    for one in found["findings"]:
        click.echo(f"\n{one['measure']} {one['scope']}: {one['says']}")
        for line in one["impact"]["moved"][:5]:
            click.echo(f"  {line}")
        if one["impact"]["retrain"]:
            click.echo(f"  a retrain: {one['impact']['retrain']}")


@click.command("card")
@click.argument("version", metavar="NAME@VERSION")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there (README.md).")
@with_client
def card(client: Client, version: str, out: Path | None) -> None:
    """The model card, in the format of the Hugging Face hub; of our models and of those that you run."""
    text = client.text(f"{place(client, version)}/card")
    if out is None:
        click.echo(text)
        return
    _write(out, text)
    click.echo(f"{out}: {len(text.encode())} bytes")


@click.command("inventory")
@click.argument("model", required=False)
@click.option("--owner", help="Who answers for it.")
@click.option("--purpose")
@click.option("--materiality", type=click.Choice(["high", "medium", "low"]))
@click.option("--review-days", type=int, help="How long a validation holds.")
@click.option("--finding", "findings", multiple=True, help="What the validator asks for; replaces those before.")
@click.option("--validated", is_flag=True, help="You looked at it and it may go on; not for its owner.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Export all of it.")
@as_json
@with_client
def inventory(client: Client, model: str | None, csv_file: Path | None, as_json: bool, **given: Any) -> None:
    """Every model with who answers for it; with MODEL and options, write it down."""
    answers = {name: value for name, value in given.items() if value not in (None, (), False)}
    if model and answers:
        kept = "models" if is_ours(client, model) else "production-models"
        client.post(f"{kept}/{quote(model, safe='')}/inventory", answers)
        click.echo(f"{model}: {', '.join(sorted(answers))} written down")
        return
    if csv_file is not None:
        _write(csv_file, client.text("models-inventory.csv"))
        click.echo(f"{csv_file} written")
        return
    rows = [row for row in client.get("models-inventory") if model in (None, row["model"])]
    columns = {"MODEL": "model", "KIND": "kind", "LIVE": "live", "OWNER": "owner", "MATERIALITY": "materiality",
               "RISK": "risk", "VALIDATOR": "validator", "OVERDUE": "is_overdue", "OPEN": "open_findings"}  # fmt: skip
    show(rows, columns, as_json, "there is no model")


@click.command("bias")
@click.argument("version", metavar="NAME@VERSION")
@click.option("--days", default=28.0, show_default=True)
@click.option("--replayed", is_flag=True, help="Count the faults that were replayed to it, as its gate does.")
@as_json
@with_client
def bias(client: Client, version: str, days: float, replayed: bool, as_json: bool) -> None:
    """Whom it serves worse; exit 1 when somebody, 3 when there is too little evidence to say.

    Of a model that you run, by the `group` of its predictions (--days and --replayed do not count there).
    """
    where = place(client, version)
    is_ours = where.startswith("models/")
    found = client.get(f"{where}/bias", **({"days": days, "replayed": replayed} if is_ours else {}))
    if as_json:
        dump(found)
    else:
        click.echo(f"{version}: {found['says']}")
        for line in _groups(found):
            click.echo(f"  {line}")
    sys.exit({"none": 0, "worse": 1, "too_few": 3}[found["status"]])


def _groups(found: dict[str, Any]) -> list[str]:
    """By tier, team, …; or each group of a model that users run."""
    if "rows" in found:
        return [row["says"] for row in found["rows"]]
    return [
        f"{one['group']}: {one['wrong']['hits']} of {one['wrong']['n']} wrong "
        f"[{one['wrong']['low']:.2f}–{one['wrong']['high']:.2f}]" + (", worse" if one["is_worse"] else "")
        for one in found["groups"]
    ]


@click.command("risk")
@click.argument("version", metavar="NAME@VERSION")
@as_json
@with_client
def risk(client: Client, version: str, as_json: bool) -> None:
    """How risky it is to rely on, 0–100, as a sum with reasons; and whether it stands."""
    found = {**client.get(f"{path(version)}/risk"), "standing": client.get(f"{path(version)}/standing")}
    if as_json:
        dump(found)
        return
    click.echo(f"{version}: {found['value']} of 100")
    for part in found["parts"]:
        click.echo(f"  {part['points']:>3}  {part['name']}: {part['says']}")
    says = found["standing"]["says"]
    click.echo("it stands" if found["standing"]["is_sound"] else f"it does not stand: {'; '.join(says)}")


COMMANDS = (drift, card, inventory, bias, risk)
