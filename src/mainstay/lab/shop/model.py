"""What a shop is made of: services and their routes, databases, queues and the journeys of its users."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

StepKind = Literal["call", "try", "score", "read", "write", "publish", "keep"]


@dataclass(frozen=True)
class Step:
    """One thing a route does: call a service, read or write a table, publish a message, keep a file.

    `target` is a service, a `database.table`, a queue or a file, by kind; a `try` is a call that may fail
    without failing the request, a `score` one that asks a served model and decides by its answer.
    """

    kind: StepKind
    target: str
    method: str = ""
    path: str = ""

    @property
    def database(self) -> str:
        return self.target.partition(".")[0] if self.kind in ("read", "write") else ""

    @property
    def is_call(self) -> bool:
        return self.kind in ("call", "try", "score")


@dataclass(frozen=True)
class Route:
    """A request that a service answers (or, for a worker, a message): its own work and the steps it takes."""

    method: str
    path: str
    work_ms: float
    steps: tuple[Step, ...]
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """A model that a service serves, and what those who ask it do with its score.

    Args:
        decline_above: A score beyond it is declined, and people look at the case again …
        reviews_per_s: … so many a second at most; more cannot be answered at all.
    """

    name: str
    version: str
    decline_above: float
    reviews_per_s: float


@dataclass(frozen=True)
class Service:
    """A service of the shop: who owns it, what it answers, what it keeps."""

    name: str
    tier: int
    owner: str
    host: str
    routes: tuple[Route, ...]
    is_entry: bool = False
    consumes: str = ""
    on_message: Route | None = None
    quota_mb: float = 0.0
    memory_limit_mb: float = 220.0
    replicas: int = 1
    serves: Model | None = None

    @property
    def work(self) -> tuple[Route, ...]:
        """Everything that it does: its routes, and what it does with a message."""
        return self.routes + ((self.on_message,) if self.on_message else ())

    @property
    def databases(self) -> tuple[str, ...]:
        return tuple(sorted({step.database for route in self.work for step in route.steps if step.database}))


@dataclass(frozen=True)
class Database:
    """A database file that services share."""

    name: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Queue:
    """A durable queue, the service that holds it, and how many messages it takes before it refuses more."""

    name: str
    broker: str
    max_depth: int


@dataclass(frozen=True)
class Journey:
    """What a user does in one visit, and its share of all visits."""

    name: str
    share: float
    requests: tuple[str, ...]


@dataclass(frozen=True)
class Traffic:
    """How many visits arrive, and the slow wave they follow."""

    journeys_per_s: float
    wave_period_s: float
    wave_depth: float


@dataclass(frozen=True)
class Shop:
    """A whole shop, as the shop file describes it."""

    name: str
    environment: str
    services: tuple[Service, ...]
    databases: tuple[Database, ...]
    queues: tuple[Queue, ...]
    journeys: tuple[Journey, ...]
    traffic: Traffic
    document: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def service(self, name: str) -> Service:
        """The service of that name; KeyError lists the names there are."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(f"no service {name!r} in shop {self.name!r}; there are: {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(service.name for service in self.services)

    @property
    def entry(self) -> Service:
        """The service that users reach."""
        return next(service for service in self.services if service.is_entry)

    def broker_of(self, queue: str) -> str:
        return next(found.broker for found in self.queues if found.name == queue)

    def queues_held_by(self, service: str) -> tuple[Queue, ...]:
        return tuple(queue for queue in self.queues if queue.broker == service)

    def askers_of(self, service: str) -> tuple[str, ...]:
        """The services that ask the model which a service serves."""
        return tuple(
            asker.name
            for asker in self.services
            if any(step.kind == "score" and step.target == service for route in asker.work for step in route.steps)
        )

    def slots_of(self, name: str) -> tuple[str, ...]:
        """The places where a stranger can disturb a service: its own and those of its databases."""
        if any(database.name == name for database in self.databases):
            return (name,)
        return (name, *self.service(name).databases)
