"""Models that users run in production, from the command line."""

from __future__ import annotations

import sys
from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.mlops.versions import place
from mainstay.cli.show import as_json
from mainstay.cli.table import dump, show

EXITS = {"passed": 0, "failed": 1, "not-enough": 3, "not_enough": 3}


@click.command()
@as_json
@with_client
def production(client: Client, as_json: bool) -> None:
    """List the models that you run: what they drift in, and how often they are wrong."""
    columns = {
        "MODEL": "entity", "VERSION": "version", "PREDICTIONS": "predictions", "LABELLED": "labelled",
        "UNMATCHED": "unmatched", "NOT WHAT IT WAS": "firing", "WORST": "worst", "LOSS": "loss", "LAST": "last_ms",
    }  # fmt: skip
    rows = [row if as_json else {**row, **_short(row)} for row in client.get("production-models")]
    nothing = "no model has predicted anything: POST /v1/models/NAME/predictions (docs/production.md)"
    show(rows, columns, as_json, nothing)


@click.command()
@click.argument("version", metavar="NAME@VERSION")
@click.option("--predictions", default=600, show_default=True, help="Fewer are not enough evidence.")
@click.option("--labels", default=100, show_default=True, help="Fewer labelled predictions are not enough evidence.")
@click.option("--even", is_flag=True, help="Of a model that you run: it must serve every group alike, too.")
@as_json
@with_client
def gate(client: Client, version: str, predictions: int, labels: int, even: bool, as_json: bool) -> None:
    """Exit 0: it may go on; 1: it drifts or is worse than before; 3: not enough evidence. Of a model of the platform's
    own, the gates of its rollout are asked."""  # noqa: D205, D209
    where = place(client, version)
    asked = {"predictions": predictions, "labels": labels, "even": even} if where.startswith("production") else {}
    found = client.get(f"{where}/gate", **asked)
    if as_json:
        dump(found)
    else:
        click.echo(f"{version}: {found['verdict']}: {'; '.join(found['reasons'])}")
    sys.exit(EXITS[found["verdict"]])


def _short(row: dict[str, Any]) -> dict[str, str]:
    """The farthest input, and the loss then and now, as a person reads them."""
    worst = max(row["drift"], key=lambda one: one["psi"], default=None)
    then, now = row["loss_before"], row["loss_now"]
    loss = "-" if then is None else f"{then:.3f}" if now is None else f"{then:.3f} → {now:.3f}"
    return {"worst": f"{worst['feature']} {worst['psi']:.2f}" if worst else "-", "loss": loss}
