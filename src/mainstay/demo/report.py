"""What a demo run came to, in figures; and whether all of it was true."""

from __future__ import annotations

from typing import Any

import msgspec

DETECT_WITHIN_S = 60.0


class Report(msgspec.Struct, kw_only=True):
    """One run. None is "did not happen"; nothing is assumed.

    Attributes:
        detection_delay_s: From the injected cause to the opened incident.
        incident_count: Incidents opened from the fault on; 1 is right, more is a storm, 0 is deaf.
        root_cause_rank: Place of the true service among the suspects; a tie counts as the worse place.
        recovery_s: From the injected cause to users being well again, as the load generator measured it.
        undecided_by: Alerts, groupings, suspects and plans without a model version.
        false_incidents: Incidents in the normal traffic before the fault.
    """

    fault: str
    service: str = ""
    seed: int
    runbook: str = ""
    normal_s: float = 0.0
    false_incidents: int | None = None
    detection_delay_s: float | None = None
    incident: str | None = None
    incident_count: int = 0
    root_cause_rank: int | None = None
    cause: str | None = None
    plan_proposed: str | None = None
    approved_by: str | None = None
    action_executed: bool = False
    verified: bool = False
    plan_status: str | None = None
    escalated: bool = False
    recovery_s: float | None = None
    label_written: bool = False
    ledger_verified: bool = False
    ledger_entries: int = 0
    undecided_by: int | None = None
    alerts: int = 0
    swapped_to: str | None = None
    decided_by_after_swap: list[str] = []
    notes: list[str] = []

    def untrue(self) -> list[str]:
        """What a check demands and this run does not show; empty when all of it was true."""
        wants: dict[str, Any] = {
            "false_incidents is 0": self.false_incidents == 0,
            "ledger_verified": self.ledger_verified,
            "undecided_by is 0": self.undecided_by == 0,
        }
        if self.fault != "none":
            delay = self.detection_delay_s
            wants |= {
                f"detection_delay_s ≤ {DETECT_WITHIN_S:.0f}": delay is not None and delay <= DETECT_WITHIN_S,
                "incident_count is 1": self.incident_count == 1,
                "root_cause_rank is 1": self.root_cause_rank == 1,
                "plan_proposed": self.plan_proposed is not None,
                "approved_by": self.approved_by is not None,
                "action_executed": self.action_executed,
                "label_written": self.label_written,
            }
            wants |= self._mending()
        if self.swapped_to is not None:
            wants["later decisions carry the new version"] = self.decided_by_after_swap == [self.swapped_to]
        return [name for name, holds in wants.items() if not holds]

    def _mending(self) -> dict[str, bool]:
        """A runbook that does nothing must be found out; any other one must have mended."""
        if self.runbook == "placebo":
            return {"verified is false": not self.verified, "escalated": self.escalated}
        return {"verified": self.verified, "recovery_s": self.recovery_s is not None}
