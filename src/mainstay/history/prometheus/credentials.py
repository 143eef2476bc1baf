"""Who we are to a Prometheus: read from a file or from the environment, never from an argument."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mainstay.files import read


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who we are to a Prometheus: a bearer token, or a user with a password; and what a proxy wants to see.

    They come from a file or from the environment and never from an argument, which everybody on the machine can read.
    """

    bearer_token: str = ""
    username: str = ""
    password: str = ""
    headers: dict[str, str] = {}

    @classmethod
    def load(cls, path: Path | None, environment: Mapping[str, str] = os.environ) -> Credentials:
        """From a YAML file, or else from `MAINSTAY_PROMETHEUS_TOKEN`, or `…_USER` and `…_PASSWORD`.

        Raises:
            BadFile: The file cannot be read; its content is not repeated.
        """
        if path is not None:
            return read(path, cls)
        name = "MAINSTAY_PROMETHEUS_"
        return cls(
            bearer_token=environment.get(name + "TOKEN", ""),
            username=environment.get(name + "USER", ""),
            password=environment.get(name + "PASSWORD", ""),
        )
