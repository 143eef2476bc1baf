"""The story of one run: normal traffic, one fault, found, explained, approved, mended, verified, learned from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mainstay.client import Client
from mainstay.demo.report import Report
from mainstay.lab.fault import Fault
from mainstay.lab.lab import Lab
from mainstay.lab.operate.instance import OperationFailed

Say = Callable[[str], None]
SWAPS: dict[str, dict[str, Any]] = {
    "metrics": {"adopt_s": 14_000.0},
    "edges": {"adopt_s": 14_000.0},
    "logs": {"adopt_s": 14_000.0},
    "correlator": {"pending_tau_s": 121.0},
    "diagnoser": {},
}
"""What a swapped version does differently: as good as nothing, so that the run stays comparable."""
FINAL = {"succeeded", "failed", "undone", "unknown", "escalated", "rejected", "expired", "withdrawn"}


@dataclass(frozen=True, slots=True)
class Script:
    """How long each part may take, in seconds."""

    normal_s: float = 95.0
    detect_s: float = 90.0
    plan_s: float = 60.0
    person_s: float = 0.0
    settle_s: float = 10.0
    mend_s: float = 200.0
    recover_s: float = 45.0
    harmless_every_s: float = 0.0


class Story:
    """Tells one run through the API, as people would live it, and fills the report with what it saw."""

    def __init__(self, admin: Client, approver: Client, lab: Lab, script: Script, say: Say) -> None:
        self._swapped_ms = 0
        self._admin, self._approver, self._lab, self._script, self._say = admin, approver, lab, script, say

    def normal(self, report: Report, swap: str = "") -> None:
        """Traffic without a fault: every incident in it is a false one. `swap` happens half way."""
        self._say(f"normal traffic for {self._script.normal_s:.0f} s: the models learn what is usual")
        until = time.monotonic() + self._script.normal_s
        half = until - self._script.normal_s / 2
        every_s = self._script.harmless_every_s
        next_deploy = time.monotonic() + every_s if every_s else until
        while time.monotonic() < until:
            if time.monotonic() >= next_deploy:
                self._deploy_harmless(report)
                next_deploy += every_s
            time.sleep(min(5.0, max(0.0, until - time.monotonic())))
            report.false_incidents = len(self._incidents())
            if swap and report.swapped_to is None and time.monotonic() >= half:
                self.swap(report, swap)
        report.normal_s = self._script.normal_s

    def _deploy_harmless(self, report: Report) -> None:
        """One that does not come up (on a host that is too busy) is worth a note, and not the end of the run."""
        try:
            did = f"a harmless deploy: {self._lab.deploy_harmless()['did']}"
        except OperationFailed as error:
            did = f"a harmless deploy failed: {error}"
            report.notes.append(did)
        self._say(did)

    def fault(self, report: Report, kind: str, service: str | None) -> None:
        """Put the fault in and follow it to its end."""
        before = {incident["id"] for incident in self._incidents()}
        truth = self._lab.inject(kind, service)
        report.service = truth.service
        self._say(f"fault: {kind} in {report.service} (the platform is not told)")
        incident = self._first_incident(before)
        if incident is None:
            self._say(f"no incident within {self._script.detect_s:.0f} s")
            return
        report.incident = incident["id"]
        report.detection_delay_s = round(incident["opened_ms"] / 1000 - truth.started_s, 1)
        self._say(f"{incident['id']} after {report.detection_delay_s} s: {incident['title']}")
        plan = self._plan(report)
        if plan is not None:
            self._approve(plan)
            self._mend(report, plan["id"])
            report.recovery_s = self._recovery_s(truth)
        self._judge(report, truth)
        report.incident_count = len([i for i in self._incidents() if i["id"] not in before])

    def _first_incident(self, before: set[str]) -> dict[str, Any] | None:
        return self._until(
            self._script.detect_s, lambda: next((i for i in self._incidents() if i["id"] not in before), None)
        )

    def _plan(self, report: Report) -> dict[str, Any] | None:
        """The plan that waits, once it has been the same for a while: the first minute's diagnosis may still turn."""
        seen: dict[str, Any] = {}

        def settled() -> dict[str, Any] | None:
            plans: list[dict[str, Any]] = self._page(report)["plans"]
            plan = next((p for p in plans if p["status"] == "proposed"), None)
            if plan is None:
                seen.clear()
            elif seen.get("id") != plan["id"]:
                seen.update(id=plan["id"], at=time.monotonic())
            elif time.monotonic() - seen["at"] >= self._script.settle_s:
                return plan
            return None

        plan = self._until(self._script.plan_s, settled)
        if plan is None:
            self._say("no plan was proposed")
            return None
        report.plan_proposed = plan["runbook"]
        self._say(f"plan: {plan['title']}, waits for a person")
        for line in self._admin.post(f"plans/{plan['id']}/dry-run")["says"]:
            self._say(f"  dry run: {line}")
        return plan

    def _approve(self, plan: dict[str, Any]) -> None:
        """Give a person at the console the time to say yes; after that the demo's own approver does."""

        def taken() -> dict[str, Any] | None:
            now = self._admin.get(f"plans/{plan['id']}")
            return now if now["status"] != "proposed" else None

        if self._script.person_s:
            self._say(f"approve it in the console (key a); in {self._script.person_s:.0f} s grace, our approver, will")
        if not self._script.person_s or self._until(self._script.person_s, taken) is None:
            self._approver.post(f"plans/{plan['id']}/approve", {"digest": plan["digest"], "comment": "demo"})

    def _mend(self, report: Report, plan_id: str) -> None:
        def ended() -> dict[str, Any] | None:
            plan = self._admin.get(f"plans/{plan_id}")
            return plan if plan["status"] in FINAL else None

        plan = self._until(self._script.mend_s, ended) or self._admin.get(f"plans/{plan_id}")
        approvals = [a for a in plan.get("approvals", []) if a["decision"] == "approved"]
        report.approved_by = approvals[0]["by"] if approvals else None
        steps = plan.get("results", [])
        report.action_executed = any(s["phase"] == "do" and s["status"] == "succeeded" for s in steps)
        report.verified = any(s["phase"] == "verify" and s["status"] == "succeeded" for s in steps)
        report.plan_status = plan["status"]
        report.escalated = plan["status"] in {"escalated", "failed", "undone", "unknown"}
        self._say(f"plan {plan['status']}: {plan['outcome']}")

    def _recovery_s(self, truth: Fault) -> float | None:
        """As the users felt it: the cause is gone and nobody is hurt."""
        try:
            felt = self._lab.wait_recovered(truth, self._script.recover_s)
        except TimeoutError as error:
            self._say(str(error))
            return None
        # A resource fault that was mended before anybody felt it took no time to recover from.
        return felt.recovery_s if felt.was_hurt else 0.0

    def _judge(self, report: Report, truth: Fault) -> None:
        """Compare with the truth, which only this side knows, and tell the platform, as a person would."""
        incident = self._page(report)["incident"]
        report.root_cause_rank = rank(incident["suspects"], {truth.service, *truth.cause.accepted})
        top = incident["suspects"][0] if incident["suspects"] else None
        report.cause = f"{top['entity']} {top['cause']} {top['probability']:.2f}" if top else None
        self._say(f"first suspect: {report.cause}; the truth ranks {report.root_cause_rank}")
        kind = "right-cause" if report.root_cause_rank == 1 else "wrong-cause"
        verdict = self._approver.post("verdicts", {"kind": kind, "subject": incident["id"], "comment": "demo"})
        label = self._until(
            15.0, lambda: next((row for row in self._labels() if row["from_verdict"] == verdict["id"]), None)
        )
        report.label_written = label is not None

    def close(self, report: Report) -> None:
        """The whole chain is verified, and every decision asked who took it."""
        answer = self._admin.post("ledger/verify")
        report.ledger_verified = answer["first_bad"] is None and answer["count"] > 0
        report.ledger_entries = answer["count"]
        alerts = self._admin.get("alerts", limit=1000)
        incidents = [self._admin.get(f"incidents/{row['id']}") for row in self._incidents()]
        report.alerts = len(alerts)
        if report.swapped_to is not None:
            model = report.swapped_to.partition("@")[0]
            report.decided_by_after_swap = sorted(deciders(alerts, incidents, model, self._swapped_ms))
        report.undecided_by = undecided(alerts, incidents)
        if report.fault == "none":
            report.incident_count = report.false_incidents = len(incidents)

    def swap(self, report: Report, model: str) -> None:
        """Put another version of a model live; decisions from then on must carry it."""
        live = self._admin.get(f"models/{model}")["deployments"][0]["live"]["version"]
        change = {"version": live, "parameters": SWAPS[model], "why": "demo: swapped in the middle"}
        newest = self._admin.post(f"models/{model}/versions", change)["ref"]["version"]
        report.swapped_to = f"{model}@{newest}"
        self._admin.post(f"models/{model}/deploy", {"version": newest, "role": "live", "why": "a swap in the middle"})
        self._swapped_ms = int(time.time() * 1000)
        self._say(f"{report.swapped_to} is live")

    def _incidents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._admin.get("incidents", limit=200)
        return sorted(found, key=lambda incident: incident["opened_ms"])

    def _labels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._admin.get("labels")
        return found

    def _page(self, report: Report) -> dict[str, Any]:
        page: dict[str, Any] = self._admin.get(f"incidents/{report.incident}")
        return page

    def _until(self, seconds: float, ask: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        until = time.monotonic() + seconds
        while True:
            found = ask()
            if found is not None or time.monotonic() >= until:
                return found
            time.sleep(0.5)


def rank(suspects: list[dict[str, Any]], accepted: set[str]) -> int | None:
    """The place of the true one by probability; a tie counts as the worse place.

    >>> rank([{"entity": "service:lab/a", "probability": 0.5}, {"entity": "service:lab/b", "probability": 0.5}], {"b"})
    2
    """
    true = [s["probability"] for s in suspects if s["entity"] in accepted or s["entity"].rpartition("/")[2] in accepted]
    if not true:
        return None
    return sum(1 for suspect in suspects if suspect["probability"] >= max(true))


def undecided(alerts: list[dict[str, Any]], pages: list[dict[str, Any]]) -> int:
    """How many decisions name no model version."""
    return sum(1 for decision in decisions(alerts, pages) if not (decision.get("decided_by") or {}).get("model"))


def deciders(alerts: list[dict[str, Any]], pages: list[dict[str, Any]], model: str, since_ms: int) -> set[str]:
    """The versions of one model that took decisions on what began after a moment."""
    return {
        f"{model}@{decision['decided_by']['version']}"
        for decision in decisions(alerts, pages)
        if decision["decided_by"]["model"] == model and _began_ms(decision) > since_ms
    }


def _began_ms(decision: dict[str, Any]) -> int:
    return int(decision.get("since_ms", decision.get("at_ms", 0)))


def decisions(alerts: list[dict[str, Any]], pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything that a model version must stand behind."""
    found = list(alerts)
    for page in pages:
        incident = page["incident"]
        found += [incident, *incident["groupings"], *incident["suspects"], *page["plans"]]
    return found
