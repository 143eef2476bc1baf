"""What was said and what calls were kept, as people ask for it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mainstay.domain.errors import NotFound
from mainstay.domain.signals import Template
from mainstay.domain.views import ParameterValues, TemplateCount, ValueCount
from mainstay.store.control import Control
from mainstay.store.telemetry import Telemetry

_PLACE = re.compile(r"<(\d+)>")


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
