"""Alerts: a model or a rule says that something is not as it should be."""

from __future__ import annotations

from typing import Literal

import msgspec

from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.models import VersionRef
from mainstay.domain.silences import Withheld

Severity = Literal["critical", "major", "minor", "info"]
AlertStatus = Literal["firing", "resolved"]
Priority = Literal["P1", "P2", "P3", "P4", "P5"]
SuppressedBy = Literal["", "budget", "flapping", "verdict", "floor"]
SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor", "info")


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """What was expected and what came, in the unit of the metric."""

    low: float
    high: float
    value: float
    unit: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person can look at and judge. `id` is what a summary cites, e.g. `E3`.

    Attributes:
        kind: `metric` (ref = series id), `edge` (ref = caller>callee), `log` (ref = template id), `change`
            (ref = change id), `alert` (ref = alert id), `silence` (ref = entity id: it stopped speaking).
    """

    id: str
    kind: Literal["metric", "edge", "log", "change", "alert", "silence"]
    ref: str
    says: str
    at_ms: int
    weight: float = 0.0


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something is not as it should be, since when, how rare that is, and who says so.

    Attributes:
        id: Derived from (deployment, subject, onset): the same after a replay.
        fingerprint: Identity of the condition (source, subject, name): a recurrence has it again.
        source: `detector`, or the user's own `alertmanager`, `prometheus`.
        subject: What exactly was judged: `metric:<series id>`, `edge:a>b`, `log:<entity>#<template>`.
        signal: What kind of symptom, for correlation and runbooks: latency, errors, traffic, saturation, logs,
            availability, other.
        channel: Which channel of the detector fired (level, range, new-template, error-rate, …).
        p_value: Chance of a value this strange in normal operation; None for a user's rule.
        suppressed: It exists, is listed and joins an incident, but opens none; `suppressed_by` says what holds it back:
            the team's page budget, flapping, an earlier verdict, or a floor of the settings.
        withheld: Why it pages nobody at this moment although it may: a silence, a maintenance window, or the
            suppression of symptoms; None when nothing holds it.
        tier, owner, environment: Of the entity that it is about, as the topology had them then.
        priority: P1 is looked at first; `priority_why` gives the points that it is made of.
    """

    id: str
    fingerprint: str
    entity: str
    name: str
    severity: Severity
    status: AlertStatus
    since_ms: int
    at_ms: int
    decided_by: VersionRef
    tenant: str = DEFAULT_TENANT
    ended_ms: int | None = None
    source: str = "detector"
    subject: str = ""
    signal: Literal["latency", "errors", "traffic", "saturation", "logs", "availability", "other"] = "other"
    summary: str = ""
    channel: str = ""
    band: Band | None = None
    p_value: float | None = None
    labels: dict[str, str] = {}
    suppressed: bool = False
    suppressed_why: str = ""
    suppressed_by: SuppressedBy = ""
    generator_url: str = ""
    tier: int | None = None
    owner: str | None = None
    environment: str = ""
    priority: Priority | None = None
    priority_why: tuple[str, ...] = ()
    withheld: Withheld | None = None

    @property
    def call(self) -> tuple[str, str]:
        """Caller and callee when the subject is a call (a caller "" is the outside world); ("", "") when it is none."""
        if not self.subject.startswith("edge:"):
            return "", ""
        caller, _, callee = self.subject.removeprefix("edge:").partition(">")
        return caller, callee

    @property
    def about(self) -> str:
        """The entity whose behaviour it describes: of a call the callee."""
        return self.call[1] or self.entity
