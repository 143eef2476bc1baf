"""What is remembered of silences, windows, suppressions, and of the pages that they hold."""

from __future__ import annotations

import msgspec

from mainstay.domain.alerts import Severity
from mainstay.domain.silences import Silence, Suppression, Window, Withholding


class WithheldState(msgspec.Struct):
    """Survives a restart as a part of the stage's state.

    Attributes:
        silences, windows: Those that are not over. suppressions: By team; one that is not there is proposed.
        holds: By incident, the page that is held. shadows: The page that left, and would have been held.
        paged: By open incident, the severity that was told last.
        freed: Incidents that were told although they were symptoms: they are not asked about again.
        turned_ms: When a silence or a window began or ended last.
        looked_s: The second of record time in which suppressors were looked at last.
    """

    silences: dict[str, Silence] = {}
    windows: dict[str, Window] = {}
    suppressions: dict[str, Suppression] = {}
    holds: dict[str, Withholding] = {}
    shadows: dict[str, Withholding] = {}
    paged: dict[str, Severity] = {}
    freed: dict[str, str] = {}
    turned_ms: int = 0
    looked_s: int = 0

    def mode(self, team: str) -> str:
        """What a team does with symptoms: `proposed`, `on` or `off`."""
        known = self.suppressions.get(team)
        return known.mode if known is not None else "proposed"
