"""What must hold between the parts of a shop: every name exists, every call is answered, nothing goes in circles."""

from __future__ import annotations

from mainstay.lab.shop.document import Entry, ShopFileError
from mainstay.lab.shop.model import Service, Shop, Step


def check(shop: Shop, root: Entry) -> None:
    """Raise a ShopFileError for the first part of the shop that does not fit the others."""
    entries = dict(zip(shop.names, root.get("services").items(), strict=True))
    if len(entries) != len(shop.services):
        raise root.get("services").wrong("service names that differ")
    if sum(service.is_entry for service in shop.services) != 1:
        raise root.get("services").wrong("exactly one service with 'entry: true'")
    for queue, entry in zip(shop.queues, root.list("queues"), strict=True):
        if queue.broker not in entries:
            raise entry.get("broker").wrong(f"a service of this shop ({', '.join(shop.names)})")
    for service in shop.services:
        _check_service(shop, service, entries[service.name])
    _check_journeys(shop, root)
    _check_circles(shop, root)


def _check_service(shop: Shop, service: Service, entry: Entry) -> None:
    queues = {queue.name for queue in shop.queues}
    if not (service.routes or service.consumes or shop.queues_held_by(service.name)):
        raise entry.wrong("routes, a queue to consume, or a queue that it holds")
    if service.consumes and service.consumes not in queues:
        raise entry.get("consumes").wrong(f"a queue of this shop ({', '.join(queues) or 'none'})")
    if service.serves and len(service.routes) != 1:
        raise entry.get("serves").wrong(f"exactly one route of {service.name}: the one that answers with a score")
    places = entry.list("routes")
    for route, place in zip(service.routes, places, strict=True):
        for step, step_entry in zip(route.steps, place.list("steps"), strict=True):
            _check_step(shop, service, step, step_entry)
    if service.on_message:
        for step, step_entry in zip(service.on_message.steps, entry.get("on_message").list("steps"), strict=True):
            _check_step(shop, service, step, step_entry)


def _check_step(shop: Shop, service: Service, step: Step, entry: Entry) -> None:
    if step.is_call:
        called = next((found for found in shop.services if found.name == step.target), None)
        if called is None:
            raise entry.wrong(f"a call to a service of this shop ({', '.join(shop.names)})")
        answers = [f"{route.method} {route.path}" for route in called.routes]
        if f"{step.method} {step.path}" not in answers:
            raise entry.wrong(f"a route of {step.target} ({', '.join(answers) or 'it has none'})")
        if step.kind == "score" and called.serves is None:
            raise entry.wrong(f"a service that serves a model; {step.target} has no 'serves'")
    elif step.database:
        tables = [f"{database.name}.{table}" for database in shop.databases for table in database.tables]
        if step.target not in tables:
            raise entry.wrong(f"a table of this shop ({', '.join(tables) or 'none'})")
    elif step.kind == "publish" and step.target not in {queue.name for queue in shop.queues}:
        raise entry.wrong(f"a queue of this shop ({', '.join(queue.name for queue in shop.queues) or 'none'})")
    elif step.kind == "keep" and not service.quota_mb:
        raise entry.wrong(f"a 'quota_mb' for {service.name}, which keeps files")


def _check_journeys(shop: Shop, root: Entry) -> None:
    answers = [f"{route.method} {route.path}" for route in shop.entry.routes]
    for journey in root.get("users").get("journeys").items():
        for request in journey.get("requests").items():
            if request.text() not in answers:
                raise request.wrong(f"a route of {shop.entry.name} ({', '.join(answers)})")


def _check_circles(shop: Shop, root: Entry) -> None:
    calls = {service.name: {step.target for route in service.work for step in route.steps if step.is_call}
             for service in shop.services}  # fmt: skip
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise ShopFileError(f"{root.file}: expected calls that end, found the circle {circle}")
        if name not in finished:
            for called in sorted(calls[name]):
                visit(called, (*path, name))
            finished.add(name)

    for name in sorted(calls):
        visit(name, ())
