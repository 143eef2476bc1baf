"""Services as teams answer for them: how each is and why; and past incidents that look like one at hand."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter

from mainstay.api.parameters import Limit, Platform, found
from mainstay.domain.alerts import Alert
from mainstay.domain.services import ServiceHealth
from mainstay.domain.similar import PastIncident, SimilarIncident
from mainstay.store.mlops import ModelStore

Owner = Annotated[str, QueryParameter(max_length=200, description="Of this team only; `-` for those without an owner.")]


class ServicePage(msgspec.Struct, frozen=True, kw_only=True):
    """One service: how it is, and what is open about it, what matters most first."""

    service: ServiceHealth
    alerts: list[Alert]


@get("/services", role="viewer", sync_to_thread=True)
def list_services(platform: Platform, owner: Owner = "", limit: Limit = 200) -> list[ServiceHealth]:
    """The worst first, then those of which nothing is known, then the well; as of the last look (every 10 s)."""
    kept = [one for one in platform.services() if not owner or (one.owner or "-") == owner]
    return kept[:limit]


@get("/services/{service:path}", role="viewer", sync_to_thread=True)
def show_service(platform: Platform, service: FromPath[str]) -> ServicePage:
    """One service by its entity id, or by its name when only one environment knows it."""
    word = service.removeprefix("/")
    named = [one for one in platform.services() if word in (one.entity, one.name)]
    one = found(named[0] if len(named) == 1 else None, "single service", word)
    firing = platform.control.alerts("firing", limit=1000)
    return ServicePage(service=one, alerts=by_priority([alert for alert in firing if alert.about == one.entity]))


@get("/incidents/{incident:str}/similar", role="viewer", sync_to_thread=True)
def list_similar(platform: Platform, incident: FromPath[str]) -> list[SimilarIncident]:
    """Past incidents like this one, the most alike first, each with how it ended as it is known now."""
    control = platform.control
    one = found(control.incident(incident), "incident", incident)
    store = ModelStore(control.database, control.tenant, control.feed)
    return [_ended(similar, store.one(PastIncident, similar.id)) for similar in one.similar]


def by_priority(alerts: list[Alert]) -> list[Alert]:
    """P1 first, then the newest; an alert from before there were priorities last.

    >>> by_priority([])
    []
    """
    return sorted(alerts, key=lambda alert: (alert.priority or "P9", -alert.since_ms, alert.id))


def _ended(similar: SimilarIncident, past: PastIncident | None) -> SimilarIncident:
    """What people said since it was compared counts too."""
    if past is None:
        return similar
    return msgspec.structs.replace(similar, ending=past.ending, says=past.ending.says)


ROUTES = [list_services, show_service, list_similar]
