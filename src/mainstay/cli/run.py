"""Run the platform, its settings, and its backups."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from mainstay.client import default_data

data_option = click.option(
    "--data", type=click.Path(path_type=Path), default=default_data, help="Where everything is kept."
)
config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default=None, help="Settings (YAML)."
)


@click.command()
@data_option
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on; 0 takes a free one.")
def up(data: Path, config_file: Path | None, host: str, port: int) -> None:
    """Run the platform until Ctrl-C or SIGTERM."""
    from mainstay.serve import serve
    from mainstay.settings import load

    serve(data, load(config_file), host, port)


@click.group()
def config() -> None:
    """Settings."""


@config.command("show")
@config_option
def show_config(config_file: Path | None) -> None:
    """Print the settings in force, defaults included."""
    import yaml

    from mainstay.settings import load

    click.echo(yaml.safe_dump(msgspec.to_builtins(load(config_file)), sort_keys=False))


@config.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check_config(file: Path) -> None:
    """Say what is wrong with a settings file, with the line; exit 2 when something is."""
    from mainstay.settings import load

    load(file)
    click.echo(f"{file} is fine")


@click.command()
@click.argument("to", type=click.Path(path_type=Path))
@data_option
def backup(to: Path, data: Path) -> None:
    """Copy everything that a restore needs into the folder TO, while the platform runs."""
    from mainstay.client import Client

    answer = Client(data).post("backup", {"to": str(to.resolve())})
    click.echo(f"{answer['files']} files, {answer['bytes'] / 1e6:.1f} MB in {to}")


@click.command()
@click.argument("source", metavar="FROM", type=click.Path(exists=True, path_type=Path))
@data_option
def restore(source: Path, data: Path) -> None:
    """Put a backup into an empty data folder; every file and the ledger are verified first."""
    from mainstay.store.backup import restore as put_back

    put_back(source, data)
    click.echo(f"restored into {data}; start with: mainstay up --data {data}")
