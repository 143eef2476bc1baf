"""A challenger that is worse on purpose goes through shadow and canary; the platform itself must send it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from mainstay.client import Client
from mainstay.lab.lab import Lab

MODEL = "edges"
WORSE: dict[str, dict[str, Any]] = {
    "deaf": {"ratio": 1000.0, "least_ms": 1e6, "error_share": 1.0, "silence_windows": 100_000},
    "trigger-happy": {"ratio": 1.01, "least_ms": 0.1, "latency_p": 0.4, "errors_p": 0.4, "error_share": 0.0001},
    "missing": {"ratio": 2.6, "least_ms": 60.0, "latency_p": 1e-9, "errors_p": 1e-9, "error_share": 0.12},
    "noisy": {"ratio": 1.3, "least_ms": 5.0, "latency_p": 1e-3, "errors_p": 1e-3, "error_share": 0.02},
}
"""By variant: what its version does differently. `missing` and `noisy` are meant as subtle; not measured how much."""
POLICY = """\
name: bad-model-scenario
window_s: {window_s}
canary_share: 1.0
shadow: {{windows: 1, cases: 0, missed_share: 1.0, extra_share: 1.0, page_ratio: 1000000.0}}
"""
"""A shadow that lets everything pass: only so does a bad version get as far as the canary, which must catch it."""
MOST_WINDOWS = 10
FAULT = "bad-deploy-errors"
Say = Callable[[str], None]


class BadModelReport(msgspec.Struct, kw_only=True):
    """What was seen of one run. None is "did not happen".

    Attributes:
        windows_to_rollback: Whole windows of canary, until the platform sent it back.
        pages_from_canary: Entries of kind page that `recall` names.
        missed_incidents: Faults in the canary without an incident that was opened while they lasted.
        recall_is_exact: `recall` lists the alerts that the API shows as decided by the challenger, and no other.
    """

    variant: str
    seed: int
    window_s: float
    challenger: str = ""
    reached_canary: bool = False
    stage: str = ""
    says: str = ""
    windows_to_rollback: int | None = None
    faults: int = 0
    missed_incidents: int | None = None
    alerts_from_canary: int | None = None
    pages_from_canary: int | None = None
    runbooks_from_canary: int | None = None
    recall_is_exact: bool = False
    ledger_verified: bool = False

    def untrue(self) -> list[str]:
        """What the check demands and this run does not show.

        >>> BadModelReport(variant="deaf", seed=1, window_s=60).untrue()[0]
        'the challenger reached the canary'
        """
        windows = self.windows_to_rollback
        wants = {
            "the challenger reached the canary": self.reached_canary,
            "it was rolled back by the platform": self.stage == "rolled_back",
            f"windows_to_rollback ≤ {MOST_WINDOWS}": windows is not None and windows <= MOST_WINDOWS,
            "runbooks_from_canary is 0": self.runbooks_from_canary == 0,
            "missed_incidents is 0, of at least one fault": self.faults > 0 and self.missed_incidents == 0,
            "recall returns exactly what was seen": self.recall_is_exact,
            "ledger_verified": self.ledger_verified,
        }
        return [name for name, holds in wants.items() if not holds]


class BadModel:
    """Tells one run through the API."""

    def __init__(self, admin: Client, approver: Client, lab: Lab, say: Say) -> None:
        self._admin, self._approver, self._lab, self._say = admin, approver, lab, say

    def tell(self, report: BadModelReport, normal_s: float) -> None:
        """Normal traffic, the rollout, faults until it is sent back, and what the ledger says of it."""
        self._say(f"normal traffic for {normal_s:.0f} s")
        time.sleep(normal_s)
        self._agree(report.window_s)
        number = self._register(report)
        rollout = self._begin(number)
        self._watch(report, rollout)
        self._close(report, number)

    def _agree(self, window_s: float) -> None:
        """The scenario's policy comes into force as any edit does: by two persons."""
        self._admin.post("gate-policy", {"policy": POLICY.format(window_s=window_s)})
        edit = self._wait(10.0, lambda: next(iter(self._admin.get("gate-policy")["edits"]), None))
        self._approver.post(f"gate-policy/{edit['id']}/agree")

    def _register(self, report: BadModelReport) -> int:
        live = self._admin.get(f"models/{MODEL}")["deployments"][0]["live"]["version"]
        change = {"version": live, "parameters": WORSE[report.variant], "why": f"scenario: {report.variant}"}
        number: int = self._admin.post(f"models/{MODEL}/versions", change)["ref"]["version"]
        report.challenger = f"{MODEL}@{number}"
        return number

    def _begin(self, number: int) -> str:
        self._admin.post(f"models/{MODEL}/rollout", {"version": number, "why": "scenario"})
        rollout = self._wait(
            10.0, lambda: next((r for r in self._admin.get("rollouts") if r["challenger"]["version"] == number), None)
        )
        self._approver.post(f"rollouts/{rollout['id']}/validate")
        name: str = rollout["id"]
        self._say(f"{name}: {MODEL}@{number} is in shadow, validated by grace")
        return name

    def _watch(self, report: BadModelReport, name: str) -> None:
        """Faults one after the other while it is in canary; nobody but the platform ends it."""
        until = time.monotonic() + (MOST_WINDOWS + 3) * report.window_s
        found = 0
        while time.monotonic() < until and self._look(report, name) in {"shadow", "canary"}:
            if report.stage == "shadow":
                time.sleep(1.0)
                continue
            found += self._one_fault(report)
        report.missed_incidents = report.faults - found

    def _look(self, report: BadModelReport, name: str) -> str:
        rollout = self._admin.get(f"rollouts/{name}")
        if rollout["stage"] != report.stage:
            self._say(f"{name}: {rollout['stage']} {rollout['says']}")
        report.stage, report.says = rollout["stage"], rollout["says"]
        report.reached_canary |= report.stage in {"canary", "rolled_back"}
        if report.stage == "rolled_back":
            report.windows_to_rollback = rollout["windows"]
        return report.stage

    def _one_fault(self, report: BadModelReport) -> bool:
        """One fault, lifted by the operator: was there an incident?"""
        before = {row["id"] for row in self._admin.get("incidents", limit=200)}
        fault = self._lab.inject(FAULT, None)
        report.faults += 1
        deadline, seen = time.monotonic() + 60.0, False
        while not seen and time.monotonic() < deadline:
            time.sleep(1.0)
            seen = any(row["id"] not in before for row in self._admin.get("incidents", limit=200))
        self._lab.lift(fault)
        self._say(f"fault {report.faults} in {fault.service}: {'an incident' if seen else 'MISSED'}")
        time.sleep(20.0)
        return seen

    def _close(self, report: BadModelReport, number: int) -> None:
        alerts = self._admin.get("alerts", limit=1000)
        mine = {a["id"] for a in alerts if a["decided_by"] == {"model": MODEL, "version": number}}
        answer = self._admin.get(f"models/{MODEL}/versions/{number}/recall", limit=1000)
        listed = {e["subject"] for e in answer["entries"] if e["kind"] == "alert" and e["how"] == "decided"}
        report.alerts_from_canary, report.recall_is_exact = len(mine), mine == listed
        report.pages_from_canary = answer["counts"].get("page", 0)
        report.runbooks_from_canary = answer["counts"].get("step", 0)
        verified = self._admin.post("ledger/verify")
        report.ledger_verified = verified["first_bad"] is None and verified["count"] > 0

    def _wait(self, seconds: float, ask: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while (found := ask()) is None:
            if time.monotonic() >= until:
                raise TimeoutError(f"the platform did not answer within {seconds:.0f} s")
            time.sleep(0.3)
        return found
