"""What was said and what calls were kept, as people ask for it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mainstay.domain.errors import NotFound
from mainstay.domain.incidents import Incident
from mainstay.domain.signals import Template, TraceLine
from mainstay.domain.views import KeptTrace, ParameterValues, TemplateCount, ValueCount
from mainstay.store.control import Control
from mainstay.store.telemetry import Telemetry

_PLACE = re.compile(r"<(\d+)>")
_TRACE = re.compile(r"[0-9a-f]{32}")
NAMES = ("trace_slow", "trace_failing", "trace_usual")
LATEST_MS = 1 << 43  # nanoseconds of it still fit 64 bits
BEFORE_MS = 120_000
"""So long before an incident the calls that it is compared with may have been made."""


class Recorded:
    """Reads stored lines with the words of their templates."""

    def __init__(self, telemetry: Telemetry, control: Control) -> None:
        self._telemetry, self._control = telemetry, control

    def templates(self, entity: str, extent: tuple[int, int], limit: int) -> Sequence[TemplateCount]:
        """What an entity ("": everybody) said from `extent[0]` to `extent[1]` (ms), the most said first."""
        counts = self._telemetry.template_lines(entity, *extent, limit)
        known = {one.id: one for one in self._control.templates([number for number, _ in counts])}
        nothing = Template(0, "")
        return [
            TemplateCount(id=number, text=one.text, numbered=one.numbered, lines=lines)
            for number, lines in counts
            for one in [known.get(number, nothing)]
        ]

    def traces(self, entity: str, why: str, extent: tuple[int, int], limit: int) -> Sequence[KeptTrace]:
        """Traces that were kept, newest first; of one entity, or for one reason, when that is given."""
        found = self._telemetry.traces([entity] if entity else [], extent, why, limit)
        return [_shown(line) for line in found]

    def traces_of(self, name: str, limit: int) -> Sequence[KeptTrace]:
        """Traces to look at in an incident: those that its alerts name, then those of its entities since it began.

        Raises:
            NotFound: There is no such incident.
        """
        incident = self._control.incident(name)
        if incident is None:
            raise NotFound(f"there is no incident {name[:200]!r}")
        extent = incident.since_ms - BEFORE_MS, incident.resolved_ms or LATEST_MS
        told = self._told(incident)
        named = self._telemetry.traces_among([bytes.fromhex(trace) for trace in told], extent)
        lines = {line.trace: line for line in (*named, *self._telemetry.traces(incident.entities, extent, "", limit))}
        return [_shown(line, told.get(line.trace.hex(), "")) for line in lines.values()][:limit]

    def _told(self, incident: Incident) -> dict[str, str]:
        """Trace (hex) → what an alert of the incident says of it."""
        found: dict[str, str] = {}
        for alert in self._control.alerts_by_id([one.alert for one in incident.groupings]):
            for label in NAMES:
                if _TRACE.fullmatch(alert.labels.get(label, "")):
                    found.setdefault(alert.labels[label], f"{label.partition('_')[2]}: {alert.name}")
        return found

    def values(
        self, template: int, number: int, extent: tuple[int, int], entity: str = "", limit: int = 50
    ) -> ParameterValues:
        """What stood at one place of a template, the most frequent first.

        Raises:
            NotFound: There is no such template, or it has no such place.
        """
        known = next(iter(self._control.templates([template])), None)
        if known is None:
            raise NotFound(f"there is no template {template}; `mainstay logs templates` lists them")
        places = len(_PLACE.findall(known.numbered))
        if not 1 <= number <= places:
            raise NotFound(f"{known.numbered or known.text!r} has no place {number}: it has {places or 'none'}")
        found = self._telemetry.values(template, number, extent, entity, places=places, limit=limit)
        (lines, distinct, others), most = found
        return ParameterValues(
            template=template,
            text=known.text,
            numbered=known.numbered,
            number=number,
            lines=lines,
            distinct=distinct,
            other_lines=others,
            values=tuple(ValueCount(value=value, lines=count, last_ms=at_ms) for value, count, at_ms in most),
        )


def _shown(line: TraceLine, told: str = "") -> KeptTrace:
    return KeptTrace(
        trace_id=line.trace.hex(),
        start_ms=line.start_ns / 1e6,
        duration_ms=line.duration_ms,
        entity=line.entity,
        name=line.name,
        spans=line.spans,
        errors=line.errors,
        why=line.why,
        told=told,
    )
