"""The traffic's character changes, which is no fault: drift is found, a retrain follows and goes live without a hand.

Then something leaks, slowly, in the same run: that must become an incident, and nobody may learn it as drift.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import msgspec

from mainstay.client import Client
from mainstay.demo.asking import agree_on, ended_by, rollout_of, wait_for
from mainstay.demo.attribution import attribute
from mainstay.demo.campaign import alerts_of, incidents_by_fault, incidents_of
from mainstay.demo.pager import Pager
from mainstay.lab.fault import Fault
from mainstay.lab.lab import Lab
from mainstay.lab.operate.changes import utc_text

SPAN_S, LOOK_S, WINDOW_S = 300.0, 20.0, 15.0
SETTINGS: dict[str, Any] = {
    "watching": {"span_s": SPAN_S, "look_s": LOOK_S},
    "training": {"look_every_s": 5.0},
}
"""What a week and an hour are to a platform that stays is five minutes and twenty seconds here; nothing else is."""
POLICY = """\
name: drift-scenario
window_s: {window_s}
"""
"""The shipped gates, with shorter windows."""
CALMER = 0.55
OTHERS_COME = {"browse": 15, "order": 70, "account": 15}
"""From a calm morning in which people look around to the usual number of users, most of whom buy."""
FIND_S, TRAIN_S, LIVE_S = 2 * SPAN_S + 120.0, 300.0, 50 * WINDOW_S
AFTER_S, LEAK_S, LOOKS_S = 120.0, 150.0, 4 * LOOK_S
LEAK = "memory-leak"
Say = Callable[[str], None]
KINDS = ("data_drift", "concept_drift")


class DriftReport(msgspec.Struct, kw_only=True):
    """What was seen of one run. None is "did not happen".

    Attributes:
        drift_before: Findings of drift before anything had changed.
        drift_found_s: From the change of the traffic to the first finding; `drift_says`: its words.
        retrain: What came of the training that the finding asked for; `by`: who asked.
        validation: Champion and challenger on the part of the data that no trial saw, with faults put in.
        promoted_by: Who made the challenger live.
        pages_before, pages_after: Pages for nothing between the change and the challenger, and after it; with hours.
        leak_detected_s: From the beginning of the leak to its incident.
        leak_learned: Findings of drift that name the leaking service, begun after the leak.
    """

    seed: int
    window_s: float = WINDOW_S
    drift_before: int | None = None
    drift_found_s: float | None = None
    drift_says: str = ""
    retrain: str = ""
    retrain_by: str = ""
    validation: dict[str, dict[str, float]] = {}
    challenger: str = ""
    rollout: str = ""
    promoted_by: str = ""
    live_s: float | None = None
    pages_before: int | None = None
    pages_after: int | None = None
    hours_before: float | None = None
    hours_after: float | None = None
    leak_service: str = ""
    leak_detected_s: float | None = None
    leak_learned: int | None = None
    ledger_verified: bool = False

    def untrue(self) -> list[str]:
        """What the check demands and this run does not show.

        >>> DriftReport(seed=1).untrue()[0]
        'no drift was found before the traffic changed'
        """
        wants = {
            "no drift was found before the traffic changed": self.drift_before == 0,
            "drift was found": self.drift_found_s is not None,
            "a retrain was begun by the platform": self.retrain_by == "mainstay",
            "its challenger went live without a hand": (self.rollout, self.promoted_by) == ("live", "mainstay"),
            "false pages were counted on both sides": None not in (self.pages_before, self.pages_after),
            "the leak is an incident": self.leak_detected_s is not None,
            "the leak was not learned as drift": self.leak_learned == 0,
            "ledger_verified": self.ledger_verified,
        }
        return [name for name, holds in wants.items() if not holds]


class Drift:
    """Tells one run through the API."""

    def __init__(self, admin: Client, approver: Client, lab: Lab, pager: Pager, say: Say) -> None:
        self._admin, self._approver, self._lab, self._pager, self._say = admin, approver, lab, pager, say

    def tell(self, report: DriftReport, normal_s: float) -> None:
        """Calm, another traffic, the retrain and its rollout, then the leak."""
        agree_on(POLICY.format(window_s=report.window_s), self._admin, self._approver)
        self._lab.set_traffic(CALMER)
        self._say(f"calm traffic for {normal_s:.0f} s: {CALMER:g} of the usual users")
        time.sleep(normal_s)
        report.drift_before = len(self._findings())
        changed_s = self._change(report)
        self._train(report)
        live_s = self._live(report, changed_s)
        report.pages_before, report.hours_before = self._pages(changed_s, live_s)
        self._say(f"{AFTER_S:.0f} s of the new traffic with {report.challenger}")
        time.sleep(AFTER_S)
        report.pages_after, report.hours_after = self._pages(live_s, time.time())
        self._leak(report)
        verified = self._admin.post("ledger/verify")
        report.ledger_verified = verified["first_bad"] is None and verified["count"] > 0

    def _change(self, report: DriftReport) -> float:
        began_s = time.time()
        self._lab.set_traffic(1.0, OTHERS_COME)
        self._say("the traffic changes: more users, and most of them buy")
        found = wait_for(FIND_S, "drift", lambda: next(iter(self._findings()), None))
        report.drift_found_s, report.drift_says = round(time.time() - began_s, 1), found["says"]
        self._say(f"after {report.drift_found_s:.0f} s: {found['says']}")
        return began_s

    def _train(self, report: DriftReport) -> None:
        """The scheduler begins what a finding asks for; what comes of it is waited for, whichever kind it is of."""

        def rolled_out() -> dict[str, Any] | None:
            every: list[dict[str, Any]] = self._admin.get("training")
            runs = [run for run in every if run["request"]["trigger"] == "drift"]
            begun = [run for run in runs if run["rollout"]]
            if runs and not begun and all(run["status"] != "running" for run in runs):
                self._say("; ".join(f"{run['id']}: {run['status']} {run['says']}" for run in runs))
                return runs[0]
            return next(iter(begun), None)

        run = wait_for(TRAIN_S, "the retrain", rolled_out)
        report.retrain, report.retrain_by = run["status"], run["request"]["by"]
        if run["rollout"]:
            report.challenger = f"{run['version']['model']}@{run['version']['version']}"
            report.validation = self._admin.get(f"rollouts/{run['rollout']}")["given"]["validation"]
        self._say(f"{run['id']} ({run['request']['why']}): {run['says']}")

    def _live(self, report: DriftReport, changed_s: float) -> float:
        """When the challenger went live; now, when it did not."""
        mine = rollout_of(self._admin, report.challenger) if report.challenger else None
        if mine is None:
            return time.time()
        name = mine["id"]

        def over() -> dict[str, Any] | None:
            now: dict[str, Any] = self._admin.get(f"rollouts/{name}")
            if now["stage"] != report.rollout:
                self._say(f"{name}: {now['stage']} {now['says']}")
                report.rollout = now["stage"]
            return now if now["stage"] not in ("shadow", "canary") else None

        try:
            wait_for(LIVE_S, "the end of the rollout", over)
        except TimeoutError as error:
            self._say(f"{error}; it says: {self._admin.get(f'rollouts/{name}')['says']}")
            return time.time()
        report.promoted_by = ended_by(self._admin, name)
        report.live_s = round(time.time() - changed_s, 1)
        return time.time()

    def _pages(self, since_s: float, until_s: float) -> tuple[int, float]:
        """Incidents that were paged in a stretch in which nothing was wrong, and its length in hours."""
        opened = [page for page in list(self._pager.pages.values()) if page["event"] == "incident.opened"]
        during = [page for page in opened if since_s <= page["incident"]["opened_ms"] / 1000 < until_s]
        return len(during), round((until_s - since_s) / 3600, 3)

    def _leak(self, report: DriftReport) -> None:
        fault = self._lab.inject(LEAK, None)
        report.leak_service = fault.service
        self._say(f"{fault.fault} at {fault.service}")
        until = time.monotonic() + LEAK_S
        while time.monotonic() < until and report.leak_detected_s is None:
            time.sleep(2.0)
            report.leak_detected_s = self._incident_of(fault)
        self._say("MISSED" if report.leak_detected_s is None else f"an incident after {report.leak_detected_s} s")
        time.sleep(LOOKS_S)
        began_ms = fault.started_s * 1000
        findings = [one for one in self._findings() if one["at_ms"] >= began_ms]
        named = [one for one in findings if any(_is(fault, entity) for entity in one["impact"]["entities"])]
        report.leak_learned = len(named)
        self._lab.lift(fault)

    def _incident_of(self, fault: Fault) -> float | None:
        """How long it took to its incident, by the lab's truth."""
        so_far = dataclasses.replace(fault, ended_at=utc_text(time.time()), ended_by="the scenario")
        causes = attribute(alerts_of(self._admin), [so_far], self._lab.shop)
        held = incidents_by_fault(incidents_of(self._admin), causes, [so_far])[fault.id]
        opened = [one["opened_ms"] / 1000 for one in held if one["opened_ms"] / 1000 >= fault.started_s]
        return round(min(opened) - fault.started_s, 1) if opened else None

    def _findings(self) -> list[dict[str, Any]]:
        found = self._admin.get("models-drift")["findings"]
        return [one for one in found if one["measure"] in KINDS]


def _is(fault: Fault, entity: str) -> bool:
    return entity.rpartition("/")[2].partition("#")[0] == fault.service
