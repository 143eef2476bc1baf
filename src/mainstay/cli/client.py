"""How a command gets its client: `--data`, `--url`, `--token`."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mainstay.client import Client, default_data

__all__ = ["Client", "with_client"]

F = TypeVar("F", bound=Callable[..., Any])


def with_client(command: F) -> F:
    """Give a command `--data`, `--url` and `--token`, and call it with a `Client` first."""

    @functools.wraps(command)
    def call(*args: Any, data: Path, url: str, token: str, **rest: Any) -> Any:
        with contextlib.closing(Client(data, url, token)) as client:
            return command(client, *args, **rest)

    for option in (
        click.option("--token", default="", help="Token of a user (or MAINSTAY_TOKEN)."),
        click.option("--url", default="", help="Address of the platform (or MAINSTAY_URL)."),
        click.option("--data", type=click.Path(path_type=Path), default=default_data, help="The data folder."),
    ):
        call = option(call)
    return call  # type: ignore[return-value]
