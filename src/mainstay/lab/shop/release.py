"""Releases and configurations: how a version of a service behaves, and how it is set up to run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from mainstay.lab.folder import Folder, read_json, write_json


@dataclass(frozen=True)
class Release:
    """The code of one version, as far as it differs from the shop file: a service executes what stands here.

    Args:
        version: Such as `v41`.
        author: Who merged it.
        summary: What the change is said to do.
        extra_ms: Median of what this version waits in each request beyond the shop file's work.
        error_share: Share of requests that end in an unhandled exception.
        retained_bytes: Memory that each request leaves behind.
        is_chatty: Whether it writes one more log line than the versions before it.
    """

    version: str
    author: str = ""
    summary: str = ""
    extra_ms: float = 0.0
    error_share: float = 0.0
    retained_bytes: int = 0
    is_chatty: bool = False

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**read_json(path))


@dataclass(frozen=True)
class Configuration:
    """How a service is set up: what it calls where, how long it waits, how much it takes on.

    Args:
        revision: Counts the changes.
        timeout_ms: How long a call to another service may take.
        addresses: `host:port` for a service that is not looked up by its name.
        rate_limit_per_s: Requests a second before it answers 429; 0 is no limit.
        last_good: Revision that ran before the last change; `restore` returns to it.
    """

    revision: int = 1
    timeout_ms: int = 1500
    addresses: tuple[tuple[str, str], ...] = ()
    rate_limit_per_s: float = 0.0
    last_good: int = 1

    @classmethod
    def read(cls, path: Path) -> Self:
        document = read_json(path)
        document["addresses"] = tuple((name, address) for name, address in document["addresses"])
        return cls(**document)


def versions(folder: Folder, service: str) -> list[str]:
    """The versions of a service there are, oldest first."""
    return sorted(
        (path.stem for path in folder.release(service, "v0").parent.glob("v*.json")), key=lambda name: int(name[1:])
    )


def publish_release(folder: Folder, service: str, release: Release) -> Release:
    """Give the release the next free version and store it."""
    known = versions(folder, service)
    numbered = replace(release, version=f"v{int(known[-1][1:]) + 1}") if known else release
    write_json(folder.release(service, numbered.version), asdict(numbered))
    return numbered


def read_configuration(folder: Folder, service: str) -> Configuration:
    return Configuration.read(folder.configuration(service))


def write_configuration(folder: Folder, service: str, configuration: Configuration) -> None:
    """Put a configuration in force, and keep its revision beside it."""
    current = folder.configuration(service)
    write_json(current.with_suffix(f".r{configuration.revision}.json"), asdict(configuration))
    write_json(current, asdict(configuration))


def read_revision(folder: Folder, service: str, revision: int) -> Configuration:
    return Configuration.read(folder.configuration(service).with_suffix(f".r{revision}.json"))
