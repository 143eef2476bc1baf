"""What follows from a shop's calls: how often a service is asked, how deep it stands, who feels it fail."""

from __future__ import annotations

from collections.abc import Iterator

from mainstay.lab.shop.model import Route, Service, Shop

HOP_MS = 2.0  # what a call, a query or a write costs beside the work it asks for, measured on two cores


def _route_of(service: Service, method: str, path: str) -> Route:
    return next(route for route in service.routes if (route.method, route.path) == (method, path))


def walk(shop: Shop, service: Service, route: Route, felt: bool = True) -> Iterator[tuple[Service, Route, bool]]:
    """Every (service, route, does a failure reach the user) that one request touches, from the top down."""
    yield service, route, felt
    for step in route.steps:
        if step.is_call:
            called = shop.service(step.target)
            yield from walk(shop, called, _route_of(called, step.method, step.path), felt and step.kind != "try")
        elif step.kind == "publish":
            broker = shop.service(shop.broker_of(step.target))
            yield broker, Route("POST", f"/queues/{step.target}", 1.0, ()), felt


def _user_requests(shop: Shop) -> Iterator[tuple[float, Route]]:
    total = sum(journey.share for journey in shop.journeys)
    for journey in shop.journeys:
        for request in journey.requests:
            method, _, path = request.partition(" ")
            yield shop.traffic.journeys_per_s * journey.share / total, _route_of(shop.entry, method, path)


def rates_per_s(shop: Shop) -> dict[str, float]:
    """How many requests (messages, for a worker) a second each service answers at the usual load."""
    rates = dict.fromkeys(shop.names, 0.0)
    for per_s, route in _user_requests(shop):
        for service, touched, _ in walk(shop, shop.entry, route):
            rates[service.name] += per_s
            for step in touched.steps:
                if step.kind == "publish":
                    for worker in shop.services:
                        if worker.consumes == step.target:
                            rates[worker.name] += per_s
    return {name: round(rates[name], 3) for name in shop.names}


def felt_share(shop: Shop) -> dict[str, float]:
    """The share of all user requests that fail when a service fails (messages are nobody's request)."""
    failed = dict.fromkeys(shop.names, 0.0)
    total = 0.0
    for per_s, route in _user_requests(shop):
        total += per_s
        for name in {service.name for service, _, felt in walk(shop, shop.entry, route) if felt}:
            failed[name] += per_s
    return {name: round(failed[name] / total, 3) for name in shop.names}


def height(shop: Shop, name: str) -> int:
    """How many calls still follow below a service: 0 for one that calls nobody. Timeouts grow with it."""
    calls = {step.target for route in shop.service(name).work for step in route.steps if step.is_call}
    publishes = any(step.kind == "publish" for route in shop.service(name).work for step in route.steps)
    return max([height(shop, called) + 1 for called in calls] + [1 if publishes else 0])


def nominal_ms(shop: Shop, service: str, method: str, path: str) -> float:
    """How long a route usually takes: its own work and that of the calls below it, one after the other."""
    route = _route_of(shop.service(service), method, path)
    below = sum(nominal_ms(shop, step.target, step.method, step.path) for step in route.steps if step.is_call)
    return route.work_ms + HOP_MS * len(route.steps) + below


def depends_on(shop: Shop, name: str) -> set[str]:
    """What a service, directly, cannot do without: what it calls, its databases, the brokers and consumers of its
    queues (a queue that nobody empties refuses)."""  # noqa: D205, D209
    if name not in shop.names:
        return set()
    service = shop.service(name)
    steps = [step for route in service.work for step in route.steps]
    queues = {step.target for step in steps if step.kind == "publish"}
    held = queues | {queue.name for queue in shop.queues_held_by(name)}
    return (
        {step.target for step in steps if step.is_call}
        | set(service.databases)
        | {shop.broker_of(queue) for queue in queues | ({service.consumes} if service.consumes else set())}
        | {other.name for other in shop.services if other.consumes in held}
    ) - {name}


def reached_by(shop: Shop, names: set[str]) -> set[str]:
    """Whoever may feel that these fail, themselves among them, however far up."""
    reached = set(names)
    while more := {name for name in shop.names if depends_on(shop, name) & reached} - reached:
        reached |= more
    return reached
