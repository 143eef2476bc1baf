"""Mainstay beside MLflow: mirror versions into its registry, import an ONNX model out of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mainstay.cli.client import Client, with_client
from mainstay.cli.mlops.own import parameters_of, upload
from mainstay.cli.show import as_json

if TYPE_CHECKING:
    from mainstay.mlops.own.mlflow import Mlflow

uri_option = click.option(
    "--tracking-uri", envvar="MLFLOW_TRACKING_URI", required=True, help="http://HOST:PORT (or MLFLOW_TRACKING_URI)."
)


@click.group()
def mlflow() -> None:
    """Beside an MLflow server: MLFLOW_TRACKING_USERNAME, _PASSWORD and _TOKEN are used as MLflow uses them."""


@mlflow.command("mirror")
@uri_option
@click.option("--prefix", default="mainstay-", show_default=True, help="Of the registered models' names.")
@as_json
@with_client
def mirror(client: Client, tracking_uri: str, prefix: str, as_json: bool) -> None:
    """Write models, versions, metrics, champion and challenger into MLflow; again writes only what is new."""
    from mainstay.mlops.own.mlflow import mirror as write

    with _server(tracking_uri) as server:
        done = dataclasses.asdict(write(server, client.get("models"), time.time_ns() // 1_000_000, prefix))
    if as_json:
        click.echo(json.dumps(done))
    else:
        click.echo("written: " + ", ".join(f"{count} {what}" for what, count in done.items()))


@mlflow.command("import-onnx")
@click.argument("model", metavar="MODEL@ALIAS")
@uri_option
@click.option("--name", default="", help="Of the model here; MODEL in small letters when not given.")
@click.option("--set", "settings", multiple=True, metavar="PARAMETER=VALUE", help="reads, p_fire, lasts, metrics, …")
@with_client
def import_onnx(client: Client, model: str, tracking_uri: str, name: str, settings: tuple[str, ...]) -> None:
    """Register a detector of metrics from an ONNX model in MLflow's registry; deploy it as shadow first."""
    from mainstay.mlops.own.mlflow import onnx_of

    with _server(tracking_uri) as server:
        body, says = onnx_of(server, model)
    upload(client, name or model.rpartition("@")[0].lower(), body, parameters_of(settings), says)


@contextlib.contextmanager
def _server(uri: str) -> Iterator[Mlflow]:
    from mainstay.mlops.own.mlflow import Mlflow

    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
    with contextlib.closing(Mlflow(uri, *(os.environ.get(name, "") for name in names))) as server:
        yield server
