"""The shop file: YAML → a Shop, or a message that names file, line and what was expected."""

from __future__ import annotations

import re
from pathlib import Path

from mainstay.lab.shop.check import check
from mainstay.lab.shop.document import Entry, ShopFileError, open_document
from mainstay.lab.shop.model import Database, Journey, Model, Queue, Route, Service, Shop, Step, StepKind, Traffic

SHOPS = Path(__file__).parent.parent / "shops"
NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
REQUEST = re.compile(r"(GET|POST|PUT|DELETE) (/[\w/{}.-]*)")
CALL = re.compile(r"(call|try|score) ([a-z][a-z0-9-]*) (GET|POST|PUT|DELETE) (/[\w/{}.-]*)")
OTHER = re.compile(r"(read|write|publish|keep) ([a-z][a-z0-9_.-]*)")
STEPS = (
    "'call SERVICE METHOD /path', 'try SERVICE METHOD /path', 'score SERVICE METHOD /path', 'read DB.TABLE',"
    " 'write DB.TABLE', 'publish QUEUE' or 'keep FILE'"
)


def resolve(file: Path | str) -> Path:
    """The path of a shop file; a bare name means one of the shops that come with the lab."""
    return SHOPS / f"{file}.yaml" if NAME.fullmatch(str(file)) and not Path(file).is_file() else Path(file)


def read_shop(file: Path | str) -> Shop:
    """The shop that a file (or the name of one that comes with the lab) describes.

    >>> read_shop("default").entry.name
    'gateway'
    """
    root = open_document(resolve(file))
    root.fields("shop", "environment", "hosts", "users", "databases", "queues", "services")
    hosts = [entry.text() for entry in root.list("hosts")] or ["node-1"]
    services = tuple(
        _service(entry, hosts[place % len(hosts)]) for place, entry in enumerate(root.get("services").items())
    )
    users = root.get("users")
    users.fields("journeys_per_s", "wave_period_s", "wave_depth", "journeys")
    shop = Shop(
        name=_name(root.get("shop")),
        environment=_name(environment) if (environment := root.find("environment")) else "lab",
        services=services,
        databases=tuple(_database(entry) for entry in root.list("databases")),
        queues=tuple(_queue(entry) for entry in root.list("queues")),
        journeys=tuple(_journey(entry) for entry in users.get("journeys").items()),
        traffic=_traffic(users),
    )
    check(shop, root)
    return shop


def _name(entry: Entry) -> str:
    if not NAME.fullmatch(entry.text()):
        raise entry.wrong("a name of small letters, digits and dashes")
    return entry.text()


def _number(entry: Entry, name: str, default: float, lowest: float, highest: float) -> float:
    found = entry.find(name)
    return default if found is None else found.number(lowest, highest)


def _service(entry: Entry, host: str) -> Service:
    entry.fields(
        "name", "tier", "owner", "host", "entry", "routes", "consumes", "on_message",
        "quota_mb", "memory_limit_mb", "replicas", "serves",
    )  # fmt: skip
    is_entry, at_host = entry.find("entry"), entry.find("host")
    consumes, on_message = entry.find("consumes"), entry.find("on_message")
    if (consumes is None) != (on_message is None):
        raise entry.wrong("'consumes' and 'on_message' together")
    return Service(
        name=_name(entry.get("name")),
        tier=int(entry.get("tier").number(1, 4)),
        owner=entry.get("owner").text(),
        host=at_host.text() if at_host else host,
        routes=tuple(_route(route) for route in entry.list("routes")),
        is_entry=is_entry.truth() if is_entry else False,
        consumes=consumes.text() if consumes else "",
        on_message=_on_message(on_message, consumes.text()) if on_message and consumes else None,
        quota_mb=_number(entry, "quota_mb", 0, 4, 4096),
        memory_limit_mb=_number(entry, "memory_limit_mb", 220, 96, 4096),
        replicas=int(_number(entry, "replicas", 1, 1, 8)),
        serves=_model(served) if (served := entry.find("serves")) else None,
    )


def _model(entry: Entry) -> Model:
    entry.fields("name", "version", "decline_above", "reviews_per_s")
    return Model(
        name=_name(entry.get("name")),
        version=entry.get("version").text(),
        decline_above=entry.get("decline_above").number(0, 1),
        reviews_per_s=entry.get("reviews_per_s").number(0.1, 1000),
    )


def _route(entry: Entry) -> Route:
    entry.fields("request", "work_ms", "steps", "says")
    request = entry.get("request")
    match = REQUEST.fullmatch(request.text())
    if not match:
        raise request.wrong("'METHOD /path', such as 'GET /items/{id}'")
    return Route(match[1], match[2], _number(entry, "work_ms", 2, 0, 5000), _steps(entry), _says(entry))


def _on_message(entry: Entry, queue: str) -> Route:
    entry.fields("work_ms", "steps", "says")
    return Route("PROCESS", queue, _number(entry, "work_ms", 20, 0, 5000), _steps(entry), _says(entry))


def _says(entry: Entry) -> tuple[str, ...]:
    return tuple(line.text() for line in entry.list("says"))


def _steps(entry: Entry) -> tuple[Step, ...]:
    return tuple(_step(step) for step in entry.list("steps"))


def _step(entry: Entry) -> Step:
    text = entry.text()
    if match := CALL.fullmatch(text):
        asked: dict[str, StepKind] = {"call": "call", "try": "try", "score": "score"}
        return Step(asked[match[1]], match[2], match[3], match[4])
    match = OTHER.fullmatch(text)
    if not match:
        raise entry.wrong(STEPS)
    kinds: dict[str, Step] = {
        "read": Step("read", match[2]), "write": Step("write", match[2]),
        "publish": Step("publish", match[2]), "keep": Step("keep", match[2]),
    }  # fmt: skip
    return kinds[match[1]]


def _database(entry: Entry) -> Database:
    entry.fields("name", "tables")
    return Database(_name(entry.get("name")), tuple(_name(table) for table in entry.get("tables").items()))


def _queue(entry: Entry) -> Queue:
    entry.fields("name", "broker", "max_depth")
    return Queue(
        _name(entry.get("name")), entry.get("broker").text(), int(_number(entry, "max_depth", 500, 10, 1_000_000))
    )


def _journey(entry: Entry) -> Journey:
    entry.fields("name", "share", "requests")
    requests = tuple(entry.get("requests").items())
    for request in requests:
        if not REQUEST.fullmatch(request.text()):
            raise request.wrong("'METHOD /path' of the entry service")
    return Journey(
        _name(entry.get("name")), entry.get("share").number(0.01, 1000), tuple(found.text() for found in requests)
    )


def _traffic(users: Entry) -> Traffic:
    return Traffic(
        users.get("journeys_per_s").number(0.1, 500),
        _number(users, "wave_period_s", 240, 10, 86_400),
        _number(users, "wave_depth", 0.25, 0, 0.9),
    )


__all__ = ["ShopFileError", "read_shop"]
