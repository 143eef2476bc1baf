"""A challenger that is worse on purpose goes through shadow and canary; the platform itself must send it back."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from mainstay.client import Client
from mainstay.demo.asking import agree_on, ended_by, rollout_of, wait_for
from mainstay.demo.attribution import attribute
from mainstay.demo.campaign import alerts_of, incidents_by_fault, incidents_of
from mainstay.demo.pager import Pager
from mainstay.domain.errors import Refused
from mainstay.lab.fault import Fault
from mainstay.lab.lab import Lab
from mainstay.lab.operate.changes import utc_text

MODEL: Final = "metrics"
WORSE: dict[str, dict[str, float]] = {
    "deaf": {"rel": 1e6},
    "trigger-happy": {"p_fire": 1e5, "z_least": 0.1, "rel": 1e-4, "persist_s": 1e-2, "tau_s": 0.1},
    "missing": {"rel": 2.0},
    "noisy": {"p_fire": 10.0, "rel": 0.2, "tau_s": 0.5, "persist_s": 1e-2},
}
"""By variant: what is set by hand; each run prints what it measured of it. Deafness is floors that nothing reaches;
to be trigger-happy is a band of less than three standard deviations. Noisy is lower floors and no patience: by
the findings of nine calm minutes of three recorded runs it would open 3, 4 and 5 incidents, the champion none."""
NOISIER, FALSE_LEAST = (1.0, 3.0, 10.0, 30.0, 100.0), 3
"""What noise alone does depends on how busy the machine is. A noisy version is one that tells so often for nothing in
the three calm minutes that its training held back: its knobs are turned on until one does. That is subtle: with
two in them it was no worse than the champion in the canary, with eight it is sent back for what it alone tells before
it has made twice the pages."""
LOUD = ("trigger-happy", "noisy")
"""Where these run, every trouble is critical, for champion and challenger: no page budget holds back what is critical,
so only the canary can."""
POLICY = """\
name: bad-model-scenario
window_s: {window_s}
canary_share: 1.0
shadow: {{windows: 1, cases: 0, missed_share: 1.0, extra_share: 1.0, page_ratio: 1000000.0, cost_ratio: 1000.0}}
"""
"""A shadow that lets everything pass: only so does a bad version get as far as the canary, which is judged by the
shipped limits: by what it does there, and by the faults that its training replayed."""
MOST_WINDOWS = 10
TRAIN_S = 300.0
KINDS = ("bad-deploy-errors", "bad-config", "dependency-outage", "bad-deploy-slow")
LASTS_S = 50.0
CALM_S = {"deaf": 40.0, "missing": 40.0, "trigger-happy": 130.0, "noisy": 260.0}
"""How long a fault lasts, and the time after it: who pages for nothing shows it when nothing is wrong. What is told
amid trouble falls into its incident and pages nobody, and trouble that falls into an incident of noise makes a page of
the champion's of it: so one that is to make twice the pages gets its fault first, and then calm enough for as many."""
TWICE = (1.5, 3.0)
"""What passes for about twice the pages: they are counted by the handful."""
PAGES_S = 90.0
"""Pages leave behind the decisions; after so long none of them is under way."""
Say = Callable[[str], None]


class BadModelReport(msgspec.Struct, kw_only=True):
    """What was seen of one run. None is "did not happen".

    Attributes:
        validation: Champion and challenger on the training's own data, with faults put in.
        windows_to_rollback: Whole windows of canary, until it was sent back.
        champion_found, challenger_found: Conditions in the canary; `found_by_both` of them by both within two minutes.
        pages, extra_pages: Incidents in the canary, and those of them that hold only what the challenger alone found.
        pages_champion, pages_challenger_would: Pages that each would have caused without the other, by one rule: an
            incident that holds nothing but what the other alone found would not be there (the gate's own count).
        pages_for_faults, pages_for_nothing: Incidents opened in the canary that hold a fault, and those that hold none,
            by the lab's truth. Of the gate's own count a page of noise is the champion's, too, as soon as anything that
            the champion found falls into it.
        pages_received: Pages that reached the team's receiver during the run; `pages_from_canary` of them name the
            challenger among the versions behind them.
        missed_incidents: Faults in the canary of which no incident holds an alert.
        plans_from_canary: Plans that rest on the challenger; `plans_that_ask` of them say so and ask a human.
        alerts_from_canary: Alerts whose last word before their end was the challenger's.
        recall_is_exact: `recall` lists the pages that were received from it and no other, and every alert of its own.
    """

    variant: str
    seed: int
    window_s: float
    challenger: str = ""
    validation: dict[str, dict[str, float]] = {}
    reached_canary: bool = False
    stage: str = ""
    says: str = ""
    rolled_back_by: str = ""
    windows_to_rollback: int | None = None
    champion_found: int = 0
    challenger_found: int = 0
    found_by_both: int = 0
    pages: int = 0
    extra_pages: int = 0
    pages_champion: int = 0
    pages_challenger_would: int = 0
    pages_for_faults: int = 0
    pages_for_nothing: int | None = None
    faults: int = 0
    missed_incidents: int | None = None
    alerts_from_canary: int | None = None
    pages_received: int | None = None
    pages_from_canary: int | None = None
    plans_from_canary: int | None = None
    plans_that_ask: int | None = None
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
            "it was rolled back by the platform": (self.stage, self.rolled_back_by) == ("rolled_back", "mainstay"),
            f"windows_to_rollback ≤ {MOST_WINDOWS}": windows is not None and windows <= MOST_WINDOWS,
            "runbooks_from_canary is 0": self.runbooks_from_canary == 0,
            "every plan from the canary asks a human": self.plans_that_ask == self.plans_from_canary,
            "missed_incidents is 0, of at least one fault": self.faults > 0 and self.missed_incidents == 0,
            "recall returns exactly what was seen": self.recall_is_exact,
            "ledger_verified": self.ledger_verified,
        }
        if self.variant == "noisy":
            low, high = (self.pages_for_faults * times for times in TWICE)
            pages = self.pages_for_faults + (self.pages_for_nothing or 0)
            wants["it makes about twice the pages that there is reason for"] = 0 < low <= pages <= high
        return [name for name, holds in wants.items() if not holds]


class BadModel:
    """Tells one run through the API."""

    def __init__(self, admin: Client, approver: Client, lab: Lab, pager: Pager, say: Say) -> None:
        self._admin, self._approver, self._lab, self._pager, self._say = admin, approver, lab, pager, say

    def tell(self, report: BadModelReport, normal_s: float) -> None:
        """Normal traffic, a training, its rollout, faults until it is sent back, and what the ledger says of it."""
        if report.variant in LOUD:
            self._all_is_critical()
        self._say(f"normal traffic for {normal_s:.0f} s")
        time.sleep(normal_s)
        agree_on(POLICY.format(window_s=report.window_s), self._admin, self._approver)
        rollout = self._train(report)
        faults = self._watch(report, rollout)
        self._say(f"waiting {PAGES_S:.0f} s for the last pages")
        time.sleep(PAGES_S)
        self._count(report, faults, self._admin.get(f"rollouts/{rollout}"))
        self._recall(report)

    def _train(self, report: BadModelReport) -> str:
        """The version is made by a training like any other, but for what was set by hand."""
        knobs = self._noisy(report) if report.variant == "noisy" else WORSE[report.variant]
        run = self._trained(report, knobs)
        if not run["rollout"]:
            raise Refused(f"the training ended as {run['status']}: {run['says']}")
        report.challenger = f"{run['version']['model']}@{run['version']['version']}"
        found = rollout_of(self._admin, report.challenger)
        assert found is not None
        report.validation = found["given"]["validation"]
        self._approver.post(f"rollouts/{found['id']}/validate")
        self._say(f"{report.challenger} is trained and in shadow, validated by grace: {found['id']}")
        name: str = found["id"]
        return name

    def _trained(self, report: BadModelReport, knobs: dict[str, float], *, rollout: bool = True) -> dict[str, Any]:
        """A training that has come to its rollout, or to its end."""
        asked = {"knobs": knobs, "seed": report.seed, "why": f"scenario: {report.variant}", "rollout": rollout}
        run = self._admin.post(f"models/{MODEL}/train", asked)

        def in_shadow() -> dict[str, Any] | None:
            now: dict[str, Any] = self._admin.get(f"training/{run['id']}")
            return now if now["rollout"] or now["status"] != "running" else None

        return wait_for(TRAIN_S, "the training", in_shadow)

    def _noisy(self, report: BadModelReport) -> dict[str, float]:
        """Knobs by which a version tells for nothing what nobody told before, as its training measures it."""
        knobs = WORSE[report.variant]
        for times in NOISIER:
            knobs = turned_on(WORSE[report.variant], times)
            run = self._trained(report, knobs, rollout=False)
            tried = next(e for e in self._admin.get(f"models/{MODEL}/experiments") if e["id"] == run["experiment"])
            told = {name: one["false_alarms"] for name, one in tried["validation"].items()}
            false, before = told["challenger"], told["champion"]
            self._say(f"{times:g} times as noisy: {false:.0f} told for nothing in the calm, the champion {before:.0f}")
            if false - before >= FALSE_LEAST:
                break
        return knobs

    def _all_is_critical(self) -> None:
        """A team that wants to be called for every trouble: what serves, and all that is trained from it, does so."""
        page = self._admin.get(f"models/{MODEL}")
        live = page["deployments"][0]["live"]["version"]
        parameters = next(one["parameters"] for one in page["versions"] if one["ref"]["version"] == live)
        rules = [
            rule if rule["severity"] == "info" else {**rule, "severity": "critical", "strong": None}
            for rule in parameters["rules"]
        ]
        change = {"version": live, "parameters": {"rules": rules}, "why": "call us for every trouble"}
        number = self._admin.post(f"models/{MODEL}/versions", change)["ref"]["version"]
        self._admin.post(f"models/{MODEL}/deploy", {"version": number, "role": "live", "why": change["why"]})

        def serves() -> dict[str, Any] | None:
            now: dict[str, Any] = self._admin.get(f"models/{MODEL}")["deployments"][0]
            return now if now["live"]["version"] == number else None

        wait_for(60.0, f"{MODEL}@{number}", serves)
        self._say(f"{MODEL}@{number} serves: every trouble is critical")

    def _watch(self, report: BadModelReport, name: str) -> list[Fault]:
        """Faults one after the other while it is in canary; nobody but the platform ends it."""
        until = time.monotonic() + (MOST_WINDOWS + 3) * report.window_s
        faults: list[Fault] = []
        while time.monotonic() < until and self._look(report, name) in {"shadow", "canary"}:
            if report.stage == "shadow":
                time.sleep(1.0)
                continue
            faults.append(self._one_fault(report, name, len(faults)))
        self._look(report, name)
        report.rolled_back_by = ended_by(self._admin, name)
        return faults

    def _look(self, report: BadModelReport, name: str) -> str:
        rollout = self._admin.get(f"rollouts/{name}")
        if rollout["stage"] != report.stage:
            self._say(f"{name}: {rollout['stage']} {rollout['says']}")
        report.stage, report.says = rollout["stage"], rollout["says"]
        report.reached_canary |= report.stage == "canary"
        if report.reached_canary:
            seen = rollout["evidence"]
            report.found_by_both = seen["both"]
            report.champion_found = seen["both"] + seen["champion_only"]
            report.challenger_found = seen["both"] + seen["challenger_only"]
            report.pages, report.extra_pages = seen["pages"], seen["extra_pages"]
            report.pages_champion = seen["pages"] - seen["extra_pages"]
            report.pages_challenger_would = seen["pages"] - seen["missed_pages"]
        if report.stage == "rolled_back":
            report.windows_to_rollback = rollout["windows"]
        return report.stage

    def _one_fault(self, report: BadModelReport, name: str, number: int) -> Fault:
        """One fault, lifted by the operator after a while, whatever was found of it."""
        fault = self._lab.inject(KINDS[number % len(KINDS)], None, self._lab.seed + number)
        self._say(f"fault {number + 1}: {fault.fault} at {fault.service}")
        self._pass(report, name, LASTS_S)
        self._lab.lift(fault)
        fault = dataclasses.replace(fault, ended_at=utc_text(time.time()), ended_by="the scenario")
        self._pass(report, name, CALM_S[report.variant])
        return fault

    def _pass(self, report: BadModelReport, name: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._look(report, name)
            time.sleep(1.0)

    def _count(self, report: BadModelReport, faults: list[Fault], rollout: dict[str, Any]) -> None:
        """Which fault was found, by the lab's truth; what rests on the challenger, by the API."""
        alerts, incidents = alerts_of(self._admin), incidents_of(self._admin)
        holds = incidents_by_fault(incidents, attribute(alerts, faults, self._lab.shop), faults)
        report.faults = len(faults)
        report.missed_incidents = sum(not holds[fault.id] for fault in faults)
        for fault in faults:
            names = ", ".join(one["id"] for one in holds[fault.id])
            self._say(f"{fault.fault} at {fault.service}: {names or 'MISSED'}")
        began_ms, of_faults = _canary_since(rollout), {one["id"] for found in holds.values() for one in found}
        in_canary = [one for one in incidents if began_ms <= one["opened_ms"] <= rollout["stage_since_ms"]]
        report.pages_for_nothing = sum(one["id"] not in of_faults for one in in_canary)
        report.pages_for_faults = len(in_canary) - report.pages_for_nothing

    def _recall(self, report: BadModelReport) -> None:
        """What recall lists must be what reached the receiver, and what the API shows as decided by it."""
        name, _, number = report.challenger.partition("@")
        path = f"models/{name}/versions/{number}/recall"
        listed = {kind: self._admin.get(path, limit=1000, kind=kind) for kind in ("alert", "page", "plan")}
        decided = {e["subject"] for e in listed["alert"]["entries"] if e["how"] == "decided"}
        recalled = {e["entry"] for e in listed["page"]["entries"]}
        by = {"model": name, "version": int(number)}
        ours = {alert["id"] for alert in alerts_of(self._admin) if alert["decided_by"] == by}
        received = {f"page:{key}" for key in self._pager.from_version(report.challenger)}
        report.alerts_from_canary, report.pages_from_canary = len(ours), len(received)
        report.pages_received = len(self._pager.pages)
        report.recall_is_exact = ours <= decided and recalled == received
        report.runbooks_from_canary = listed["plan"]["counts"].get("step", 0)
        made = [e["subject"] for e in listed["plan"]["entries"] if e["entry"] == f"plan:{e['subject']}"]
        plans = [self._admin.get(f"plans/{plan}") for plan in made]
        report.plans_from_canary, report.plans_that_ask = len(plans), sum(bool(plan["asks"]) for plan in plans)
        verified = self._admin.post("ledger/verify")
        report.ledger_verified = verified["first_bad"] is None and verified["count"] > 0


def turned_on(knobs: dict[str, float], times: float) -> dict[str, float]:
    """What is rarer, what is smaller and what is nearer to the usual is told as well: one without the others is little.

    >>> {name: round(value, 2) for name, value in turned_on({"p_fire": 10.0, "rel": 0.2, "tau_s": 0.5}, 10.0).items()}
    {'p_fire': 100.0, 'rel': 0.05, 'tau_s': 0.5, 'z_least': 0.5}
    """
    return {**knobs, "p_fire": knobs["p_fire"] * times, "rel": knobs["rel"] / times**0.6, "z_least": times**-0.3}


def _canary_since(rollout: dict[str, Any]) -> int:
    """The begin of its canary: the last window of its shadow."""
    shadow = [point["at_ms"] for point in rollout["course"] if point["stage"] == "shadow"]
    return int(max(shadow, default=rollout["since_ms"]))
