"""What people ask about the models that they run in production: their card, and who answers for them."""

from __future__ import annotations

from mainstay.app.wiring import Line
from mainstay.domain.predictions import InProduction
from mainstay.domain.protocols import Clock
from mainstay.domain.watching import InventoryRow
from mainstay.mlops.governance import served
from mainstay.mlops.governance.served_card import ServedFacts, served_card

MOST_ALERTS = 50
MOST_ENTRIES = 100


class Served:
    """The models in production as they stand now; computed when it is asked.

    Args:
        line: The pipeline and its stores.
    """

    def __init__(self, line: Line, clock: Clock) -> None:
        self._line, self._clock = line, clock

    def rows(self) -> list[InventoryRow]:
        """One row of the inventory per model."""
        return served.rows(self._line.serving.in_production(), self._line.watch.health, self._now_ms())

    def is_overdue(self, name: str) -> bool:
        """Whether the validation of a model has run out."""
        return self._line.watch.health.is_overdue(served.governed_as(name), self._now_ms())

    def card(self, standing: InProduction) -> str:
        """The card of one version."""
        name, control = served.name_of(standing), self._line.control
        governance = self._line.watch.health.governance.get(served.governed_as(name))
        alerts = control.alerts(entity=standing.entity, limit=MOST_ALERTS)
        return served_card(
            ServedFacts(
                standing=standing,
                even=served.evenness(standing),
                risk=served.risk_parts(standing, governance, is_overdue=self.is_overdue(name)),
                governance=governance,
                alerts=[one for one in alerts if one.labels.get("model_version", standing.version) == standing.version],
                entries=control.ledger_page(subject=served.governed_as(name), limit=MOST_ENTRIES),
                services=sorted(one.caller for one in control.edges() if one.callee == standing.entity),
            )
        )

    def cards(self) -> dict[str, str]:
        """Every card, by environment, name and version."""
        standings = self._line.serving.in_production()
        return {f"{one.entity.removeprefix('model:')}@{one.version}": self.card(one) for one in standings}

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000
