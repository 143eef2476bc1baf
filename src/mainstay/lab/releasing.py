"""Rolling out releases: harmless or not, they look alike from outside."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from mainstay.lab.folder import Folder
from mainstay.lab.operate.control import ask
from mainstay.lab.shop.release import Release, publish_release, read_configuration

AUTHORS = ("amara", "bjorn", "chen", "dolores", "emeka", "freya", "goran", "hana")
SUMMARIES = (
    "support gift vouchers", "update dependencies", "tidy up currency handling", "rework response cache",
    "new discount rules", "add tracing attributes", "simplify validation", "prepare seasonal campaign",
    "batch size from settings", "address review comments",
)  # fmt: skip

RULES = ("align settings with the new template", "tune limits for the season", "apply settings review")


def roll_out(folder: Folder, service: str, behaviour: Release, draw: random.Random) -> dict[str, Any]:
    """Publish a release of a service as its next version and deploy it; returns what the supervisor did."""
    signed = replace(behaviour, author=draw.choice(AUTHORS), summary=draw.choice(SUMMARIES))
    release = publish_release(folder, service, signed)
    return ask(folder, "deploy", service=service, version=release.version)


def deploy_harmless(folder: Folder, service: str, draw: random.Random) -> dict[str, Any]:
    """Deploy a version that differs in nothing that users feel: a millisecond, or one more log line."""
    behaviour = Release("", extra_ms=draw.choice((0.0, 0.0, 1.0)), is_chatty=draw.random() < 0.3)
    return roll_out(folder, service, behaviour, draw)


def configure_harmless(folder: Folder, service: str, draw: random.Random) -> dict[str, Any]:
    """Put a configuration in force that nobody feels: another timeout, far above what any answer takes."""
    now_ms = read_configuration(folder, service).timeout_ms
    settings = {"timeout_ms": draw.choice([ms for ms in (1400, 1500, 1600, 1800) if ms != now_ms])}
    author, summary = draw.choice(AUTHORS), draw.choice(RULES)
    return ask(folder, "configure", service=service, settings=settings, author=author, summary=summary)
