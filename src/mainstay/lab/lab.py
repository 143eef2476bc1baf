"""A lab: one shop, running in one folder, with its users."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from mainstay.lab.fault import Fault, inject, is_present, lift
from mainstay.lab.fault.inside import draw_of
from mainstay.lab.folder import Folder, write_json
from mainstay.lab.opening import Destinations, prepare
from mainstay.lab.operate.commands import operate
from mainstay.lab.operate.control import ask, is_open
from mainstay.lab.operate.instance import OperationFailed
from mainstay.lab.releasing import deploy_harmless
from mainstay.lab.shop import Shop
from mainstay.lab.users import Experience, Users

OPEN_WITHIN_S = 60.0
CLOSE_WITHIN_S = 20.0
LOOK_EVERY_S = 0.5


class Lab:
    """A shop that runs while the `with` block lasts.

    Its processes end with this one, however it ends. Several labs may run at once in different folders.

    Args:
        shop: A shop file, or the name of one that comes with the lab (`default`, …).
        directory: The lab's folder; it is what an operator, and so the platform, may touch.
        otlp_url: Where telemetry goes, such as `http://127.0.0.1:8080`; `/v1/traces` and so on are appended.
        changes_url: Where change events are posted; empty for nowhere.
        token: Bearer token for both.
        seed: Decides users, noise, and which fault happens where.
        truth_dir: Where the truth about faults is written; outside of `directory`.
    """

    def __init__(
        self,
        shop: Path | str,
        directory: Path | str,
        otlp_url: str,
        changes_url: str = "",
        token: str = "",
        seed: int = 0,
        truth_dir: Path | str | None = None,
    ) -> None:
        self.folder = Folder(Path(directory).resolve())
        self.users = Users(self.folder.users)
        self.seed = seed
        self._shop_file = shop
        self._destinations = Destinations(otlp_url, changes_url, token)
        self._truth_dir = Path(truth_dir) if truth_dir else None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._draws = 0
        self.shop: Shop

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Open the shop and let the users in; OperationFailed says why it did not open."""
        if self.is_running():
            raise OperationFailed(f"{self.folder.root}: a lab is running here already")
        self.shop = prepare(self.folder, self._shop_file, self._destinations, self.seed)
        log = self.folder.log("supervisor")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "mainstay.lab.operate.supervisor", "--lab", str(self.folder.root)],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # Ctrl-C reaches the owner, who closes the shop in order
            )
        until = time.monotonic() + OPEN_WITHIN_S
        while not self.folder.control.exists():
            if self._supervisor.poll() is not None or time.monotonic() > until:
                self.stop()
                raise OperationFailed(f"the shop did not open; see {log}")
            time.sleep(0.05)

    def is_running(self) -> bool:
        """Whether a shop runs in this folder, this lab's or another's."""
        return is_open(self.folder)

    def stop(self) -> None:
        """Close the shop and wait until every process has gone."""
        if self._supervisor is None:
            return
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        try:
            self._supervisor.wait(CLOSE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        self._supervisor = None

    def operate(self, *words: str) -> dict[str, Any]:
        """Do what `shopctl` does, such as `operate("restart", "payments")`."""
        return operate(self.folder, words)

    def status(self, service: str = "") -> dict[str, Any]:
        return ask(self.folder, "status", service=service)

    def set_traffic(self, factor: float, shares: Mapping[str, float] | None = None) -> None:
        """Let that many times the usual users in, from now on; `shares` by journey is what they come for instead."""
        write_json(self.folder.traffic, {"factor": factor, "shares": dict(shares or {})})

    def deploy_harmless(self, service: str | None = None) -> dict[str, Any]:
        """Deploy a version that nobody feels, to a service drawn by the seed if none is named."""
        self._draws += 1
        draw = draw_of(self.seed, "harmless", str(self._draws))
        return deploy_harmless(self.folder, service or draw.choice(self.shop.names), draw)

    def inject(self, kind: str, service: str | None = None, seed: int | None = None) -> Fault:
        """Do a fault, where the seed (the lab's, if none is given) says if no service is named."""
        return inject(self.folder.root, kind, service, self.seed if seed is None else seed, self._truth_dir)

    def is_present(self, fault: Fault) -> bool:
        """Whether what was done is still there."""
        return is_present(self.folder.root, fault)

    def lift(self, fault: Fault) -> dict[str, Any]:
        """End a fault as an operator would."""
        return lift(self.folder.root, fault)

    def experience(self, fault: Fault) -> Experience:
        """What users felt since a fault began."""
        return self.users.experience(fault.started_s)

    def wait_recovered(self, fault: Fault, within_s: float = 60.0) -> Experience:
        """Wait until the cause has gone and no user is hurt; TimeoutError when that does not come about."""
        until = time.monotonic() + within_s
        while True:
            felt = self.experience(fault)
            if not felt.is_hurt and not self.is_present(fault):
                return felt
            if time.monotonic() > until:
                left = "the cause is still there" if self.is_present(fault) else "users are still hurt"
                raise TimeoutError(f"{fault.fault} at {fault.service}: not recovered within {within_s:.0f} s: {left}")
            time.sleep(LOOK_EVERY_S)
