"""A model that a shop serves goes wrong on purpose: drift is seen, labels confirm it, and it is the first suspect."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from mainstay.client import Client
from mainstay.demo.asking import wait_for
from mainstay.demo.campaign import alerts_of, incidents_of
from mainstay.demo.story import rank
from mainstay.lab.fault import Fault
from mainstay.lab.lab import Lab
from mainstay.lab.shop.model import Model

SHOP, KIND = "lending", "model-degrades"
NORMAL_S = 110.0
"""The watch learns from 600 predictions and 300 labels that come 20–40 s later, at eleven a second."""
LEARN_S, FIND_S, SETTLE_S, RECOVER_S = 240.0, 150.0, 20.0, 60.0
DRIFT = ("features", "score", "missing")
NOT_ENOUGH = 3
Say = Callable[[str], None]


class ServedModelReport(msgspec.Struct, kw_only=True):
    """What was seen of one run. None is "did not happen"; seconds count from the fault, as the lab has written it down.

    Attributes:
        gate_before, gate_during: Exit codes of `models gate NAME@V` (0 may go on, 1 drifts or is worse, 3 cannot tell).
        false_alerts: Alerts of the model before the fault.
        drift_detected_s: Until an alert says that its inputs or scores moved; `drift_says`: its words.
        labels_confirm_s: Until one says that by the labels it is wrong more often; `labels_say`: its words.
        incident_s: Until the incident that holds what the shop suffers; `incident_holds_model`: and the model's alerts.
        root_cause_rank: The model's place among its suspects, by the lab's truth; a tie counts as the worse place.
        was_felt: Users were hurt, as the load measured it; `recovery_s`: from the fault until none was.
    """

    seed: int
    model: str = ""
    variant: str = ""
    gate_before: int | None = None
    false_alerts: int | None = None
    drift_detected_s: float | None = None
    drift_says: str = ""
    labels_confirm_s: float | None = None
    labels_say: str = ""
    incident: str = ""
    incident_s: float | None = None
    incident_holds_model: bool = False
    root_cause_rank: int | None = None
    cause: str = ""
    gate_during: int | None = None
    was_felt: bool = False
    recovered: bool = False
    recovery_s: float | None = None
    ledger_verified: bool = False

    def untrue(self) -> list[str]:
        """What the check demands and this run does not show.

        >>> ServedModelReport(seed=1).untrue()[0]
        'the gate passed it before'
        """
        wants = {
            "the gate passed it before": self.gate_before == 0,
            "no alert of the model before the fault": self.false_alerts == 0,
            "drift was seen": self.drift_detected_s is not None,
            "delayed labels confirmed it": self.labels_confirm_s is not None,
            "users felt it": self.was_felt,
            "an incident was opened": self.incident_s is not None,
            "the incident holds the model's alerts": self.incident_holds_model,
            "root_cause_rank is 1": self.root_cause_rank == 1,
            "the cause names model and version": _named(self.model, self.cause),
            "the gate stops it during the fault": self.gate_during == 1,
            "recovered": self.recovered,
            "ledger_verified": self.ledger_verified,
        }
        return [name for name, holds in wants.items() if not holds]


class ServedModel:
    """Tells one run through the API and the command line."""

    def __init__(self, admin: Client, lab: Lab, data: Path, say: Say) -> None:
        self._admin, self._lab, self._data, self._say = admin, lab, data, say
        self._known: set[str] = set()

    def tell(self, report: ServedModelReport, normal_s: float) -> None:
        """Normal traffic, the fault, what is seen of it, its end."""
        model = next(service.serves for service in self._lab.shop.services if service.serves)
        report.model = f"{model.name}@{model.version}"
        self._say(f"normal traffic for {normal_s:.0f} s: the watch learns how {report.model} is")
        time.sleep(normal_s)
        self._before(report, model)
        before = {one["id"] for one in incidents_of(self._admin)}
        fault = self._lab.inject(KIND)
        report.variant = fault.cause.variant
        self._say(f"a retrain has overwritten {report.model}: {report.variant} (the platform is not told)")
        try:
            self._find(report, model, fault, before)
        finally:
            report.gate_during = self._gate(report.model)
            self._end(report, fault)

    def _before(self, report: ServedModelReport, model: Model) -> None:
        """Until there is evidence enough to say anything of the model."""

        def told() -> dict[str, Any] | None:
            report.gate_before = self._gate(report.model)
            return {} if report.gate_before != NOT_ENOUGH else None

        wait_for(LEARN_S, "evidence of the model", told)
        report.false_alerts = len(self._alerts(model))
        self._known = {alert["id"] for alert in self._alerts(model)}
        self._say(f"models gate {report.model}: exit {report.gate_before}")

    def _find(self, report: ServedModelReport, model: Model, fault: Fault, before: set[str]) -> None:
        """Follow it until drift, labels and incident are there, or the time is over; then judge the suspects once."""
        until = time.monotonic() + FIND_S
        while time.monotonic() < until and None in (
            report.drift_detected_s, report.labels_confirm_s, report.incident_s
        ):  # fmt: skip
            time.sleep(2.0)
            self._look(report, model, fault, before)
        time.sleep(SETTLE_S)  # the diagnosis follows the last alert
        if report.incident:
            self._judge(report, fault)

    def _look(self, report: ServedModelReport, model: Model, fault: Fault, before: set[str]) -> None:
        now_s = round(time.time() - fault.started_s, 1)
        for alert in self._alerts(model):
            if alert["id"] in self._known:
                continue
            if alert["channel"] in DRIFT and report.drift_detected_s is None:
                report.drift_detected_s, report.drift_says = now_s, alert["summary"]
                self._say(f"drift after {now_s:.0f} s: {alert['summary']}")
            if alert["channel"] == "accuracy" and report.labels_confirm_s is None:
                report.labels_confirm_s, report.labels_say = now_s, alert["summary"]
                self._say(f"labels confirm it after {now_s:.0f} s: {alert['summary']}")
        opened = [one for one in incidents_of(self._admin) if one["id"] not in before and self._is_suffered(one, fault)]
        if opened and not report.incident:
            report.incident, report.incident_s = opened[0]["id"], now_s
            self._say(f"{report.incident} after {now_s:.0f} s: {opened[0]['title']}")

    def _is_suffered(self, incident: dict[str, Any], fault: Fault) -> bool:
        """It holds an alert of whom the lab says that it suffers from the fault (not only one of the model)."""
        held = [alert for alert in alerts_of(self._admin) if alert["id"] in self._held(incident)]
        return any(name in alert["entity"] for alert in held for name in fault.cause.affected)

    @staticmethod
    def _held(incident: dict[str, Any]) -> set[str]:
        return {one["alert"] for one in incident["groupings"]}

    def _judge(self, report: ServedModelReport, fault: Fault) -> None:
        incident = self._incident(report.incident)
        report.incident = incident["id"]
        mine = {alert["id"] for alert in alerts_of(self._admin) if _is(alert["entity"], fault.cause.accepted[0])}
        report.incident_holds_model = bool(mine & self._held(incident))
        report.root_cause_rank = rank(incident["suspects"], set(fault.cause.accepted))
        if incident["suspects"]:
            top = incident["suspects"][0]
            report.cause = f"{top['entity']} {top['cause']} {top['probability']:.2f}: {top['says']}"
        self._say(f"first suspect: {report.cause or 'none'}; the truth ranks {report.root_cause_rank}")

    def _incident(self, name: str) -> dict[str, Any]:
        """The incident, or the one into which it was merged."""
        found: dict[str, Any] = self._admin.get(f"incidents/{name}")["incident"]
        return self._incident(found["merged_into"]) if found.get("merged_into") else found

    def _end(self, report: ServedModelReport, fault: Fault) -> None:
        """The released file is served again, as an operator would have it; users tell when they are well."""
        self._say(f"models gate {report.model}: exit {report.gate_during}; {self._lab.lift(fault)['did']}")
        try:
            felt = self._lab.wait_recovered(fault, RECOVER_S)
        except TimeoutError as error:
            self._say(str(error))
            felt = self._lab.experience(fault)
        report.was_felt, report.recovery_s = felt.was_hurt, felt.recovery_s
        report.recovered = felt.was_hurt and not felt.is_hurt
        verified = self._admin.post("ledger/verify")
        report.ledger_verified = verified["first_bad"] is None and verified["count"] > 0

    def _alerts(self, model: Model) -> list[dict[str, Any]]:
        """What was raised of the model, oldest first."""
        every = [alert for alert in alerts_of(self._admin) if _is(alert["entity"], model.name)]
        return sorted(every, key=lambda alert: int(alert["at_ms"]))

    def _gate(self, version: str) -> int:
        """As a step of anyone's pipeline would ask."""
        command = [sys.executable, "-m", "mainstay", "models", "gate", version]
        done = subprocess.run(  # noqa: S603  our own program with our own arguments
            command, env={**os.environ, "MAINSTAY_DATA": str(self._data)}, capture_output=True, text=True, check=False
        )
        return done.returncode


def _is(entity: str, model: str) -> bool:
    return entity.startswith("model:") and entity.rpartition("/")[2] == model


def _named(model: str, text: str) -> bool:
    """Whether it names the model and its version.

    >>> _named("credit@7", "score of credit 7 has drifted"), _named("credit@7", "score of credit 71 has drifted")
    (True, False)
    """
    name, _, version = model.partition("@")
    return bool(name) and re.search(rf"\b{re.escape(name)} {re.escape(version)}(?!\w)", text) is not None
