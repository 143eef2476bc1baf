"""The kinds of faults, and where in a shop each makes sense."""

from __future__ import annotations

from mainstay.lab.fault.cause import Kind
from mainstay.lab.fault.inside import (
    bad_configuration,
    failing_release,
    leaking_release,
    slow_release,
)
from mainstay.lab.fault.model import degraded_model
from mainstay.lab.fault.outside import (
    filled_disk,
    halted_consumer,
    hogged_processor,
    locked_database,
    lost_dependency,
)
from mainstay.lab.shop import Shop
from mainstay.lab.shop.topology import felt_share, rates_per_s

FELT = 0.1  # a fault goes where at least this share of user requests depends on it: it has to be felt


def needed(shop: Shop) -> list[str]:
    """Services without which users' requests fail, that answer requests of their own."""
    felt = felt_share(shop)
    return [service.name for service in shop.services if service.routes and felt[service.name] >= FELT]


def dependencies(shop: Shop) -> list[str]:
    return [name for name in needed(shop) if name != shop.entry.name]


def keepers(shop: Shop) -> list[str]:
    """Needed services that keep files in a directory with a quota."""
    keeps = {service.name for service in shop.services for route in service.routes
             for step in route.steps if step.kind == "keep"}  # fmt: skip
    return [name for name in needed(shop) if name in keeps]


def databases(shop: Shop) -> list[str]:
    return [database.name for database in shop.databases]


def consumers(shop: Shop) -> list[str]:
    rates = rates_per_s(shop)
    return [service.name for service in shop.services if service.consumes and rates[service.name] > 0]


def models(shop: Shop) -> list[str]:
    """Needed services that serve a model."""
    return [name for name in needed(shop) if shop.service(name).serves]


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("bad-deploy-slow", needed, slow_release, is_from_outside=False),
        Kind("bad-deploy-errors", needed, failing_release, is_from_outside=False),
        Kind("bad-config", needed, bad_configuration, is_from_outside=False),
        Kind("memory-leak", needed, leaking_release, is_from_outside=False),
        Kind("cpu-hog", needed, hogged_processor, is_from_outside=True),
        Kind("db-locked", databases, locked_database, is_from_outside=True),
        Kind("dependency-outage", dependencies, lost_dependency, is_from_outside=True),
        Kind("queue-backlog", consumers, halted_consumer, is_from_outside=True),
        Kind("disk-full", keepers, filled_disk, is_from_outside=True),
        Kind("model-degrades", models, degraded_model, is_from_outside=True),
    )
}
