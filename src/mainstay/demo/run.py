"""One demo run: start both sides, tell the story, write the report, and stay up when a person is watching."""

from __future__ import annotations

import secrets
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from mainstay.client import TOKEN_FILE, Client
from mainstay.demo.report import Report
from mainstay.demo.story import Script, Story
from mainstay.lab.lab import Lab
from mainstay.lab.shop import read_shop
from mainstay.process import PlatformProcess

HARMLESS_EVERY_S = 120.0
"""A quiet half hour is only worth something with deploys in it that nobody feels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    fault: str = "bad-deploy-slow"
    service: str | None = None
    seed: int = 1
    check: bool = False
    json_file: Path | None = None
    minutes: float | None = None
    runbook: str = ""
    swap: str = ""
    shop: Path | None = None
    folder: Path | None = None
    port: int = 8080
    record: bool = False


def run(options: Options) -> Report:
    """Run it; the report holds only what was seen."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mainstay-demo-"))
    report = Report(fault=options.fault, seed=options.seed, runbook=options.runbook)
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True)

    lab_folder = folder / "lab"
    platform = PlatformProcess(folder, settings_of(options, folder, lab_folder), 0 if options.check else options.port)
    say(f"starting the platform in {platform.data}")
    client = platform.start()
    say(f"console: {client.url}   sign in with: {(platform.data / TOKEN_FILE).read_text().strip()}")
    lab = lab_of(options, folder, client)
    try:
        lab.start()
        say("the shop is open; users arrive")
        tell(options, report, Story(client, approver(client), lab, script_of(options), say))
    finally:
        finish(options, report, lab)
        if options.check or sys.exc_info()[0] is not None:
            platform.stop()
    if not options.check:
        say(f"the console stays up: {client.url} (Ctrl-C ends it)")
        wait_for_person()
        platform.stop()
    return report


def tell(options: Options, report: Report, story: Story) -> None:
    """The story in its order."""
    story.normal(report, options.swap)
    if options.fault != "none":
        story.fault(report, options.fault, options.service)
    story.close(report)


def script_of(options: Options) -> Script:
    """A check waits for nobody; a person at the console gets a minute to approve."""
    minutes = options.minutes if options.minutes is not None else (30.0 if options.fault == "none" else 95 / 60)
    deploys = HARMLESS_EVERY_S if options.fault == "none" else 0.0
    return Script(normal_s=minutes * 60, person_s=0.0 if options.check else 60.0, harmless_every_s=deploys)


def settings_of(options: Options, folder: Path, lab_folder: Path) -> dict[str, Any]:
    """What the platform is told of this host: a catalog, and the one command that runbooks may run."""
    catalog = folder / "catalog.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    write_catalog(catalog, options.shop or "default")
    shopctl = [sys.executable, "-m", "mainstay.lab.shopctl", "--lab", str(lab_folder)]
    return {
        "catalog": str(catalog),
        "commands": {
            "shopctl": {"argv": shopctl, "verbs": ["redeploy", "restart", "restore", "scale", "clean", "check"]}
        },
        "force_runbook": options.runbook,
        "keep_inbox": options.record,
    }


def write_catalog(path: Path, shop_file: Path | str) -> None:
    """The public facts of the shop, as a team would keep them: names, tiers, owners."""
    shop = read_shop(shop_file)
    services = [
        {"name": s.name, "tier": s.tier, "owner": s.owner, "environment": shop.environment} for s in shop.services
    ]
    path.write_text(yaml.safe_dump(services, sort_keys=False))


def lab_of(options: Options, folder: Path, client: Client) -> Lab:
    """The lab with a token that may send and do nothing else."""
    token = client.post("tokens", {"kind": "ingest", "name": "lab"})["token"]
    changes = f"{client.url}/v1/changes"
    return Lab(options.shop or "default", folder / "lab", client.url, changes, token, options.seed, folder / "truth")


def approver(client: Client) -> Client:
    """Grace, who may approve, and who asked for nothing."""
    name = f"grace-{secrets.token_hex(2)}" if any(u["name"] == "grace" for u in client.get("users")) else "grace"
    client.post("users", {"name": name, "role": "approver"})
    return client.as_user(client.post("tokens", {"kind": "user", "user": name})["token"])


def finish(options: Options, report: Report, lab: Lab) -> None:
    """Close the shop and write down what was seen, whatever happened."""
    lab.stop()
    if options.json_file is not None:
        options.json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def wait_for_person() -> None:
    """Until Ctrl-C or SIGTERM."""
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    done.wait()
