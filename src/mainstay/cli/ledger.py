"""The ledger from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.table import dump, show
from mainstay.domain.errors import BadInput


@click.group()
def ledger() -> None:
    """The record of every decision."""


@ledger.command("list")
@click.option("--kind")
@click.option("--subject")
@click.option("--limit", default=50)
@as_json
@with_client
def list_entries(client: Client, kind: str | None, subject: str | None, limit: int, as_json: bool) -> None:
    """Newest first."""
    columns = {"SEQ": "seq", "WHEN": "at_ms", "KIND": "kind", "BY": "actor", "ABOUT": "subject", "ID": "id"}
    show(client.get("ledger", kind=kind, subject=subject, limit=limit), columns, as_json, "the ledger is empty")


@ledger.command("show")
@click.argument("id")
@with_client
def show_entry(client: Client, id: str) -> None:  # noqa: A002
    """One entry with the inputs frozen beside it."""
    dump(client.get(f"ledger/{id}"))


@ledger.command("head")
@with_client
def head(client: Client) -> None:
    """Place and hash of the last entry, signed: keep it where this machine cannot write."""
    click.echo(json.dumps(client.get("ledger/head")))


@ledger.command("verify")
@click.option("--head", "head_file", type=click.Path(exists=True, path_type=Path), help="What `ledger head` printed.")
@as_json
@with_client
def verify(client: Client, head_file: Path | None, as_json: bool) -> None:
    """Check the whole chain; exit 1 and name the first bad entry when it does not hold.

    Against a head that was kept elsewhere a cut tail and a rewritten one are found, too.
    """
    answer = client.post("ledger/verify", {"envelope": _envelope(head_file)} if head_file else {})
    is_whole = answer["first_bad"] is None
    if as_json:
        click.echo(json.dumps(answer))
    elif is_whole:
        click.echo(f"{answer['count']} entries, unbroken")
    else:
        click.echo(f"broken at {answer['first_bad']}: {answer['why']}")
    sys.exit(0 if is_whole else 1)


@ledger.command("export")
@click.option("--evidence", type=click.Path(path_type=Path), required=True, help="An empty folder, or a new one.")
@as_json
@with_client
def export(client: Client, evidence: Path, as_json: bool) -> None:
    """Write the validation file: cards, lineage, gates, approvals, drift, rollbacks, the ledger and its signed head.

    It is read and proved without Mainstay; its README says how.
    """
    counts = client.post("ledger/evidence", {"folder": str(evidence.resolve())})
    if as_json:
        click.echo(json.dumps(counts))
        return
    click.echo(f"{evidence}: " + ", ".join(f"{count} {name.removesuffix('.jsonl')}" for name, count in counts.items()))


@ledger.command("reperform")
@click.argument("id", required=False)
@click.option("--sample", type=click.IntRange(1, 10_000), help="That many decisions, drawn from the whole ledger.")
@click.option("--seed", default=0, show_default=True, help="By which they are drawn.")
@as_json
@with_client
def reperform(client: Client, id: str | None, sample: int | None, seed: int, as_json: bool) -> None:  # noqa: A002
    """Take a decision again from its frozen inputs; exit 1 when the outcome differs."""
    if (id is None) == (sample is None):
        raise click.UsageError("give the id of one decision, or --sample N")
    if sample is not None:
        _sampled(client.post("ledger/reperform", {"sample": sample, "seed": seed}), as_json)
        return
    answer = client.post(f"ledger/{id}/reperform")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        by = f"{answer['decided_by']['model']}@{answer['decided_by']['version']}"
        click.echo(f"{by} decides {'the same again' if answer['is_same'] else 'DIFFERENTLY now'}: {answer['says']}")
    sys.exit(0 if answer["is_same"] else 1)


def _sampled(answer: Any, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer))
    else:
        gone = f"; of {answer['expired']} more the inputs have expired" if answer["expired"] else ""
        click.echo(f"{answer['equal']} of {answer['sample']} decided the same again{gone}")
        for name in answer["different"]:
            click.echo(f"  differs: {name}")
    sys.exit(0 if not answer["different"] else 1)


def _envelope(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))["envelope"]
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{file}: expected what `mainstay ledger head` printed") from None
