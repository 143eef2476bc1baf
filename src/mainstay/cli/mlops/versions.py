"""How a version is written on the command line, where the API keeps it, and how a model is told to a person."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from mainstay.cli.client import Client
from mainstay.cli.table import ago, show
from mainstay.domain.errors import NotFound

SEEN = 12
"""Versions that are listed, the newest first."""


def split(version: str) -> tuple[str, int]:
    """Name and number of a version of the platform's own.

    >>> split("metrics@7")
    ('metrics', 7)
    """
    name, _, number = version.rpartition("@")
    if not name or not (number.isascii() and number.isdigit()):
        raise click.BadParameter(f"{version!r}: a version is written NAME@NUMBER, for instance metrics@7")
    return name, int(number)


def path(version: str) -> str:
    """Where the API keeps a version of the platform's own."""
    name, number = split(version)
    return f"models/{name}/versions/{number}"


def place(client: Client, version: str) -> str:
    """Where the API keeps a version: of the platform's own, or of a model that users run (`fraud@v12`)."""
    name, _, number = version.rpartition("@")
    if not name or not number:
        split(version)
    return path(version) if is_ours(client, name) else f"production-models/{quote(version, safe='@')}"


def is_ours(client: Client, name: str) -> bool:
    """Whether a model is one of the platform's own."""
    try:
        client.get(f"models/{quote(name, safe='')}")
    except NotFound:
        return False
    return True


def deployed(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per model and scope: who is live where, and who stands beside."""
    rows = []
    for page in pages:
        told = [{**page, **one, "live_ms": one["live_since_ms"] or one["since_ms"]} for one in page["deployments"]]
        rows += told or [{**page, "scope": "serves nothing"}]
    return rows


COLUMNS = {
    "MODEL": "name", "SCOPE": "scope", "LIVE": "live", "CANARY": "canary", "SHADOW": "shadow", "BEFORE": "previous",
    "SINCE": "live_ms",
}  # fmt: skip


def tell(page: dict[str, Any]) -> None:
    """One model for a person: who decides where, and its versions with what people said of them."""
    click.echo(f"{page['name']}, for {page['kind']}\n")
    show(deployed([page]), {name: field for name, field in COLUMNS.items() if name != "MODEL"}, as_json=False)
    scores = {f"{one['ref']['model']}@{one['ref']['version']}": one["precision"] for one in page["scorecard"]}
    click.echo("\nversions, the newest first")
    for one in sorted(page["versions"], key=lambda one: -one["ref"]["version"])[:SEEN]:
        ref = f"{one['ref']['model']}@{one['ref']['version']}"
        judged = scores.get(ref) or {"n": 0, "hits": 0}
        said = f"{judged['hits']} of {judged['n']} right" if judged["n"] else "no verdicts"
        click.echo(f"  {ref:<16} {ago(one['created_ms']):<11} by {one['created_by']}: {one['why']} ({said})")
    if len(page["versions"]) > SEEN:
        click.echo(f"  and {len(page['versions']) - SEEN} before")


def one_of(client: Client, version: str) -> dict[str, Any]:
    """The record of one version."""
    name, number = split(version)
    found: list[dict[str, Any]] = client.get(f"models/{name}")["versions"]
    one = next((each for each in found if each["ref"]["version"] == number), None)
    if one is None:
        raise click.UsageError(f"there is no version {version}")
    return one
