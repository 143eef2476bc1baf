"""From an outlook to an alert: when it is told, when it is grave, when it is over. Steady, and never a flood."""

from __future__ import annotations

import msgspec

from mainstay.domain.alerts import Alert, Band, Severity
from mainstay.domain.effects import Effects
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.outlook import Outlook, OutlookPolicy
from mainstay.outlook.limits import Limit
from mainstay.outlook.resources import digest

SURE_LOOKS = 2
"""So many looks in succession must say it before it is told, and again before it is told as graver."""
STEADY = 0.1
"""… and of a latency for so long, of what its rise has lasted: the line through a crest goes on for a moment only."""
CALM_LOOKS = 3
"""So many must say that it is not so before it is over; and of a latency for as long as above."""
EASED = 1.5
"""What is told stays told until this many times the time of the warning is left."""
FREED = 0.1
"""When so large a share became free since it was told, it is over at once."""
PAGE_SHARE = 0.5
"""A resource of which less than half is used pages nobody, however fast it grows."""
KNOWN = 4.0
OLD_S = 6 * 3600.0
"""Before a rise a quarter of its length must be known, or it may be a habit (a heap); unless it has lasted so long."""
PAGES = 5
"""What pages may be told although so many times the alerts are open that a warning waits for."""
CHANNEL = "outlook"


class Condition(msgspec.Struct):
    """One resource that is told, or may soon be.

    Attributes:
        alert: What was told; None yet. share: How much was used when it was told; None of a latency, which jumps.
        sure, graver, calm: Looks in succession that said so.
        since_ms: When the first of those in succession was. lasted_s: How long its rise had lasted when last believed.
        held: Why it is not told although it is sure.
    """

    alert: Alert | None = None
    share: float | None = None
    sure: int = 0
    graver: int = 0
    calm: int = 0
    since_ms: int = 0
    lasted_s: float = 0.0
    held: str = ""


class Telling:
    """Conditions by resource or latency. One that is sure opens an alert, a page only when little time is left."""

    def __init__(self, policy: OutlookPolicy) -> None:
        self._policy = policy
        self.conditions: dict[str, Condition] = {}

    @property
    def open(self) -> list[Alert]:
        """Alerts that fire, by onset."""
        told = [one.alert for one in self.conditions.values() if one.alert is not None]
        return sorted(told, key=lambda alert: (alert.since_ms, alert.id))

    def is_unsettled(self, name: str, share: float) -> bool:
        """Whether a resource must be looked at again at once: it may be told, may be over, or was freed."""
        condition = self.conditions.get(name)
        if condition is None:
            return False
        is_freed = condition.share is not None and share <= condition.share - FREED
        is_new = condition.alert is None and condition.sure < SURE_LOOKS
        return is_new or condition.calm > 0 or is_freed

    def tell(self, outlook: Outlook, decision: Decision | None, limit: Limit, effects: Effects) -> Outlook:
        """Take in one look at a resource; the outlook with its alert."""
        condition = self.conditions.get(outlook.id) or Condition()
        wanted = _wanted(outlook, limit, is_told=condition.alert is not None)
        if not (condition.calm if wanted is None else condition.sure):
            condition.since_ms = outlook.at_ms
        if wanted is None:
            condition.sure = condition.graver = 0
            condition.calm += 1
            why = _over(outlook, condition)
            if condition.alert is not None and why:
                self._end(condition.alert, outlook, decision, why, effects)
                condition.alert = None
        else:
            condition.lasted_s = outlook.lasted_s if outlook.signal == "latency" else 0.0
            condition.calm, condition.sure = 0, condition.sure + 1
            condition.graver = condition.graver + 1 if wanted == "major" else 0
            self._rise(condition, outlook, decision, effects)
        if condition.alert is None and not condition.sure:
            self.conditions.pop(outlook.id, None)
        else:
            self.conditions[outlook.id] = condition
        alert = condition.alert
        return msgspec.structs.replace(
            outlook,
            severity=alert.severity if alert else None,
            alert=alert.id if alert else "",
            held=condition.held if alert is None else "",
        )

    def silent(self, name: str, at_ms: int, effects: Effects) -> None:
        """The series of a resource does not speak any more: what is told of it is over."""
        condition = self.conditions.pop(name, None)
        if condition is not None and condition.alert is not None:
            alert = _ended(condition.alert, at_ms, condition.alert.decided_by)
            effects.alerts[alert.id] = alert
            output = {"firing": False, "event": "silent", "summary": "its series is not reported any more"}
            effects.entries.append(_entry(alert, None, output, "mainstay", effects.decided_seq))

    def _rise(self, condition: Condition, outlook: Outlook, decision: Decision | None, effects: Effects) -> None:
        if condition.sure < SURE_LOOKS or decision is None:
            return
        if condition.alert is None and not _is_steady(condition, outlook.at_ms):
            return
        severity: Severity = "major" if condition.graver >= SURE_LOOKS else "minor"
        before = condition.alert
        most = self._policy.alerts * (1 if severity == "minor" else PAGES)
        if before is None and len(self.open) >= most:
            condition.held = f"{most} predictive alerts are open already: it is listed and not told"
            return
        if before is not None and before.severity in {severity, "major"}:
            return
        if before is None:
            condition.share, condition.held = outlook.share if outlook.signal == "saturation" else None, ""
        alert = condition.alert = _alert(outlook, decision.decided_by, severity, before)
        effects.alerts[alert.id] = alert
        actor = str(decision.decided_by)
        effects.entries.append(_entry(alert, decision.inputs, decision.output, actor, effects.decided_seq))

    def _end(self, alert: Alert, outlook: Outlook, decision: Decision | None, why: str, effects: Effects) -> None:
        by = decision.decided_by if decision is not None else alert.decided_by
        alert = msgspec.structs.replace(_ended(alert, outlook.at_ms, by), summary=why[:1000])
        effects.alerts[alert.id] = alert
        if decision is not None:
            entry = _entry(alert, decision.inputs, decision.output, str(by), effects.decided_seq)
        else:
            output = {"firing": False, "event": "cleared", "summary": why}
            entry = _entry(alert, None, output, "mainstay", effects.decided_seq)
        effects.entries.append(entry)


def _wanted(outlook: Outlook, limit: Limit, *, is_told: bool) -> Severity | None:
    """How grave this look alone would make it; None: not worth telling."""
    if not outlook.is_believed or outlook.expected_s is None:
        return None
    if outlook.signal == "latency" and outlook.by == "full" and not is_told:
        return None  # it is past its objective without having been foretold: that is the detectors' to say
    if outlook.expected_s > (limit.warn_s or 0.0) * (EASED if is_told else 1.0):
        return None
    is_near = outlook.share is None or outlook.share >= PAGE_SHARE
    is_young = outlook.by == "rise" and KNOWN * outlook.known_s < outlook.lasted_s < OLD_S
    if not limit.page_s or outlook.latest_s is None:  # 0 is never, also when it is full
        return "minor"
    return "major" if is_near and not is_young and outlook.expected_s <= limit.page_s else "minor"


def _over(outlook: Outlook, condition: Condition) -> str:
    """Why what was told is over; "" when it is not yet."""
    if condition.alert is None:
        return ""
    if outlook.share is not None and condition.share is not None and outlook.share <= condition.share - FREED:
        return f"{100 * (condition.share - outlook.share):.0f} % became free: {outlook.says}"
    if condition.calm < CALM_LOOKS or not _is_steady(condition, outlook.at_ms):
        return ""
    to = "objective" if outlook.signal == "latency" else "limit"
    return f"it does not come nearer to its {to} any more: {outlook.says}"


def _is_steady(condition: Condition, at_ms: int) -> bool:
    """Whether looks say the same for long enough."""
    return at_ms - condition.since_ms >= STEADY * condition.lasted_s * 1000


def _alert(outlook: Outlook, by: VersionRef, severity: Severity, before: Alert | None) -> Alert:
    labels = {"metric": outlook.metric, "resource": outlook.resource, "predictive": "true"}
    if (
        severity == "major" and outlook.signal == "saturation"
    ):  # so little time is left that it opens an incident by itself
        labels["near_exhaustion"] = "true"
    ends = (outlook.value, outlook.limit if outlook.limit is not None else outlook.value)
    since_ms = before.since_ms if before else outlook.at_ms
    return Alert(
        id=before.id if before else digest("outlook", outlook.id, since_ms),
        fingerprint=digest("outlook", outlook.id),
        entity=outlook.entity,
        name=_name(outlook),
        severity=severity,
        status="firing",
        since_ms=since_ms,
        at_ms=outlook.at_ms,
        decided_by=by,
        subject=f"metric:{outlook.series}",
        signal=outlook.signal,
        summary=outlook.says[:1000],
        channel=CHANNEL,
        band=Band(low=min(0.0, *ends), high=max(ends), value=outlook.value, unit=outlook.unit),
        labels=labels,
    )


def _name(outlook: Outlook) -> str:
    if outlook.signal == "latency":
        return f"{outlook.resource} will pass its objective"
    return f"{outlook.resource} expires" if outlook.by == "deadline" else f"{outlook.resource} runs out"


def _ended(alert: Alert, at_ms: int, by: VersionRef) -> Alert:
    return msgspec.structs.replace(
        alert, status="resolved", ended_ms=max(at_ms, alert.since_ms), at_ms=at_ms, decided_by=by
    )


def _entry(alert: Alert, inputs: dict[str, object] | None, output: dict[str, object], actor: str, seq: int) -> Entry:
    return Entry(
        id=f"outlook-{alert.id}-{alert.status}-{alert.severity}-{seq}",
        kind="alert-resolved" if alert.status == "resolved" else "alert",
        at_ms=alert.at_ms,
        actor=actor,
        subject=alert.id,
        inputs=inputs,
        output=output,
        rests_on=(f"version-{alert.decided_by}",),
    )
