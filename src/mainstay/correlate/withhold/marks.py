"""Which silence or window an alert lies under at a moment; what runs changes only at times that are known before."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.correlate.evidence.chart import Map
from mainstay.correlate.withhold.state import WithheldState
from mainstay.domain.alerts import Alert
from mainstay.domain.entities import Entity
from mainstay.domain.models import VersionRef
from mainstay.domain.silences import Silence, Window, Withheld, iso
from mainstay.matching import matches

NEVER_MS = 1 << 62


class Marks:
    """Silences and windows as they run at one moment."""

    def __init__(self, state: WithheldState) -> None:
        self._state = state
        self._silences: list[Silence] = []
        self._windows: list[tuple[Window, int]] = []
        self._next_ms = 0
        self.turn(state.turned_ms)  # as it was: a restart changes no mark

    @property
    def is_idle(self) -> bool:
        """Nothing runs."""
        return not self._silences and not self._windows

    def is_due(self, at_ms: int) -> bool:
        """Whether one begins or ends by now."""
        return at_ms >= self._next_ms

    def turn(self, at_ms: int) -> None:
        """Take what runs now, and forget what is over."""
        state = self._state
        state.turned_ms = at_ms
        state.silences = {name: one for name, one in state.silences.items() if one.ends_ms > at_ms}
        state.windows = {name: one for name, one in state.windows.items() if one.stretch(at_ms) is not None}
        self._silences = [one for one in state.silences.values() if one.starts_ms <= at_ms]
        times = [one.ends_ms if one.starts_ms <= at_ms else one.starts_ms for one in state.silences.values()]
        self._windows = []
        for window in state.windows.values():
            stretch = window.stretch(at_ms)
            if stretch is not None:
                since_ms, until_ms = stretch
                times.append(until_ms if since_ms <= at_ms else since_ms)
                self._windows += [(window, until_ms)] if since_ms <= at_ms else []
        self._next_ms = min(times, default=NEVER_MS)

    def of(self, alert: Alert, chart: Map) -> Withheld | None:
        """What holds it, of several that which ends last; None when nothing does."""
        found = [_by_window(window, until_ms) for window, until_ms in self._windows if _covers(window, alert, chart)]
        if self._silences:
            known = known_of(alert, chart.entities)
            found += [_by_silence(one) for one in self._silences if all(matches(m, known) for m in one.matchers)]
        return max(found, key=lambda one: (one.until_ms or 0, one.ref), default=None)


def known_of(alert: Alert, entities: Mapping[str, Entity]) -> dict[str, tuple[str, ...]]:
    """What matchers see of an alert: its own labels, and what we know of what it is about.

    A name that both have holds both values: a rule's label `service="cart-svc"` and our service `cart`.
    """
    entity = entities.get(alert.about)
    kind, _, rest = alert.about.partition(":")
    environment, _, name = rest.rpartition("/")
    ours = {
        "alertname": alert.name,
        "severity": alert.severity,
        "entity": alert.about,
        "kind": kind,
        "service": name if kind == "service" else entity.attributes.get("service", "") if entity else "",
        "environment": environment,
        "tier": "" if alert.tier is None else str(alert.tier),
        "owner": alert.owner or "",
        "signal": alert.signal,
        "source": alert.source,
    }
    known: dict[str, tuple[str, ...]] = {name: (value,) for name, value in alert.labels.items()}
    for word, value in ours.items():
        if value:
            known[word] = (*known[word], value) if word in known else (value,)
    return known


def person(name: str) -> VersionRef:
    """A person where a model version usually stands."""
    return VersionRef(f"user/{name}", 0)


def _covers(window: Window, alert: Alert, chart: Map) -> bool:
    about = alert.about
    if about in window.entities:
        return True
    if not window.with_dependents:
        return False
    host = chart.host(about)
    return any(
        chart.depends(about, entity) or (host and entity.startswith("host:") and entity.endswith(f"/{host}"))
        for entity in window.entities
    )


def _by_silence(silence: Silence) -> Withheld:
    why = f"silenced by {silence.by} until {iso(silence.ends_ms)}" + (f": {silence.comment}" if silence.comment else "")
    return Withheld(
        by="silence", ref=silence.id, why=why[:300], decided_by=person(silence.by), until_ms=silence.ends_ms
    )


def _by_window(window: Window, until_ms: int) -> Withheld:
    what = ", ".join(entity.rpartition("/")[2] for entity in window.entities[:3])
    why = f"maintenance of {what} until {iso(until_ms)}, by {window.by}"
    why += f": {window.comment}" if window.comment else ""
    return Withheld(by="maintenance", ref=window.id, why=why[:300], decided_by=person(window.by), until_ms=until_ms)
