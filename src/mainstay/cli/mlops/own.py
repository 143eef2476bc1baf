"""Models of the user's own: check a class, register a version of it."""

from __future__ import annotations

import base64
import importlib
import json
import math
import sys
from pathlib import Path
from typing import Any, cast, get_args

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.show import as_json
from mainstay.cli.table import dump
from mainstay.domain.errors import BadInput
from mainstay.domain.models import ModelKind

KINDS: tuple[str, ...] = get_args(ModelKind)
kind_option = click.option("--kind", type=click.Choice(KINDS), help="What it decides; its KIND says it else.")


@click.command("check")
@click.argument("algorithm", metavar="MODULE:CLASS|ALGORITHM")
@kind_option
@as_json
def check(algorithm: str, kind: str | None, as_json: bool) -> None:
    """Try a detector or a judge with the conformance kit; exit 1 when something is missing.

    A class that is not installed yet is looked for from the folder that you stand in.
    """
    from mainstay.mlops.own import kit

    cls = _class_of(algorithm)
    found = []
    for one in kit.check(kit.candidate(cls, cast("ModelKind", kind or _kind_of(algorithm, cls)))):
        found.append(one)
        if not as_json:
            click.echo(f"{'ok     ' if one.is_met else 'MISSING'}  {one.asks}")
            if one.missing:
                click.echo(f"         {one.missing}")
    lacks = sum(not one.is_met for one in found)
    if as_json:
        rows = [{"asks": one.asks, "is_met": one.is_met, "missing": one.missing} for one in found]
        dump({"algorithm": algorithm, "checks": rows, "missing": lacks})
    else:
        click.echo(f"{len(found)} checks, {lacks} not met" if lacks else f"{len(found)} checks, all met")
    sys.exit(1 if lacks else 0)


@click.command("register")
@click.argument("algorithm")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What it decides.")
@click.option("--name", default="", help="Of the model; the kind when not given.")
@click.option("--set", "settings", multiple=True, metavar="PARAMETER=VALUE", help="In place of a default.")
@click.option("--why", required=True, help="Kept with the version and in the ledger.")
@with_client
def register(client: Client, algorithm: str, kind: str, name: str, settings: tuple[str, ...], why: str) -> None:
    """Register a signed version of an algorithm, ours or of a package; deploy it as shadow first."""
    body = {"kind": kind, "algorithm": algorithm, "parameters": parameters_of(settings), "why": why}
    tell(client.post(f"models/{name or kind}/register", body))


@click.group("import")
def import_() -> None:
    """Take in a model that was trained elsewhere."""


@import_.command("onnx")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="Of the model.")
@click.option("--set", "settings", multiple=True, metavar="PARAMETER=VALUE", help="reads, p_fire, lasts, metrics, …")
@click.option("--why", default="", help="Kept with the version and in the ledger.")
@with_client
def import_onnx(client: Client, file: Path, name: str, settings: tuple[str, ...], why: str) -> None:
    """Register a detector of metrics from an ONNX file (docs/own-models.md says what it takes and gives)."""
    try:
        upload(client, name, file.read_bytes(), parameters_of(settings), why or f"imported from {file.name}")
    except BadInput as error:
        raise BadInput(f"{file.name}: {error}") from None


def upload(client: Client, name: str, body: bytes, parameters: dict[str, Any], why: str) -> None:
    """Hand an ONNX file to the platform and tell which version came of it."""
    model = base64.b64encode(body).decode()
    tell(client.post(f"models/{name}/onnx", {"model": model, "parameters": parameters, "why": why}))


def tell(made: dict[str, Any]) -> None:
    """Which version it is, and where its content lies."""
    ref = f"{made['ref']['model']}@{made['ref']['version']}"
    click.echo(f"{ref}, artefact {made['artefact'][:12]}, made by {made['code_version']}")
    click.echo(f"let it shadow: mainstay models deploy {ref} --role shadow")


def parameters_of(settings: tuple[str, ...]) -> dict[str, Any]:
    """PARAMETER=VALUE, the value as JSON or, when it is none, as text."""
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{setting!r}: give PARAMETER=VALUE", param_hint="--set")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
        if isinstance(found[name], float) and not math.isfinite(found[name]):
            raise click.BadParameter(f"{setting!r}: the value is not finite", param_hint="--set")
    return found


def _class_of(algorithm: str) -> Any:
    module, colon, name = algorithm.partition(":")
    if not colon:
        from mainstay.models.catalogue import class_named

        return class_named(algorithm)
    sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise click.ClickException(f"{algorithm} cannot be imported: {error}") from None


def _kind_of(algorithm: str, cls: Any) -> str:
    from mainstay.models.catalogue import SHIPPED

    ours: dict[str, str] = {shipped: kind for kind, shipped in SHIPPED.items()}
    kind = ours.get(algorithm) or getattr(cls, "KIND", "")
    if kind not in KINDS:
        raise click.UsageError(f"what does it decide? Give --kind, or the class a KIND: one of {', '.join(KINDS)}")
    return str(kind)


COMMANDS = (check, register, import_)
