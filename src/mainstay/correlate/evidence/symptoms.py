"""What an alert is a symptom of: which trouble it would be if it came again."""

from __future__ import annotations

from functools import lru_cache

from mainstay.domain.alerts import Alert
from mainstay.domain.resources import kind_of

OWN = ("memory", "disk", "queue")
"""Resources that a service has for itself."""


def resource_of(alert: Alert) -> str:
    """Which resource an alert is about; "" for none."""
    kind = _kind(alert.labels["metric"]) if "metric" in alert.labels else ""
    if not kind and alert.signal == "saturation":
        kind = _kind(alert.name.replace(" ", "."))
    return "" if kind in ("limit", "presence") else kind


def symptom_of(alert: Alert) -> str:
    """`entity|signal`, and what of it: a full disk is not the leak of before come back, nor one log line another."""
    what = {"saturation": resource_of(alert), "logs": alert.subject.partition("#")[2]}.get(alert.signal, "")
    return f"{alert.about}|{alert.signal}" + (f"|{what}" if what else "")


def is_load(alert: Alert) -> bool:
    """Whether it tells of what the services of one host share, like its processor: not of `OWN` of one of them."""
    return alert.signal == "saturation" and (alert.about.startswith("host:") or resource_of(alert) not in OWN)


def is_hint(alert: Alert) -> bool:
    """Whether it only informs: it may belong to an incident, but neither keeps it open nor reaches for more."""
    return alert.severity == "info"


def is_fewer(alert: Alert) -> bool:
    """Whether it tells of calls that are not made any more: that follows from a caller's trouble, nothing from it.

    What comes from outside is no such thing: if nobody calls any more, that is all there is to see.
    """
    if alert.signal != "traffic" or alert.source != "detector":
        return False
    if alert.subject.startswith("edge:"):
        return bool(alert.call[0])
    return alert.band is not None and alert.band.value < alert.band.low


@lru_cache(4_096)
def _kind(name: str) -> str:
    """Names come again with every alert of theirs."""
    return kind_of(name)
