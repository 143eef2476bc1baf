"""How a domain type lies in its table: the whole of it as canonical JSON, and the columns that are searched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, func, literal, select, tuple_

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.entities import Edge, Entity
from mainstay.domain.errors import Corrupt, NotFound
from mainstay.domain.incidents import Incident
from mainstay.domain.models import Deployment, ModelVersion
from mainstay.domain.pages import Page
from mainstay.domain.runbooks import Approval, Plan, StepResult
from mainstay.domain.signals import Template
from mainstay.domain.users import User
from mainstay.domain.verdicts import Label, Verdict
from mainstay.domain.views import IncidentLine
from mainstay.ledger import canonical
from mainstay.store import schema

T = TypeVar("T")
Columns = dict[str, Any]
MOST_WORDS = 8  # of a search: each is a scan of the documents that the others let pass


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One domain type, its table, and how its key columns are read off it.

    Args:
        order: By which columns lists are ordered; `-` before a name is descending.
        event: Under which name the live feed tells of it ("" is not told), and …
        subject: … about which id.
    """

    type: type[T]
    table: Table
    columns: Callable[[T], Columns]
    order: tuple[str, ...]
    event: str = ""
    subject: Callable[[T], str] = lambda _: ""

    def rows(self, documents: Iterable[T], tenant: str) -> list[Columns]:
        """The rows as they go into the table."""
        return [
            {
                "tenant": getattr(document, "tenant", tenant),
                **{name: storable(value) for name, value in self.columns(document).items()},
                "body": canonical(document).decode(),
            }
            for document in documents
        ]

    def read(self, body: str) -> T:
        """The document as it was written.

        Raises:
            Corrupt: The row does not hold one.
        """
        try:
            # not strict: NaN and infinity stand as strings, which JSON has no numbers for
            return msgspec.json.decode(body, type=self.type, strict=False)
        except msgspec.DecodeError as error:
            raise Corrupt(f"a row of {self.table.name} cannot be read: {error}; it begins {body[:80]!r}") from None

    def find(
        self,
        connection: Connection,
        tenant: str,
        conditions: Sequence[ColumnElement[bool]] = (),
        limit: int | None = None,
        **equal: object,
    ) -> list[T]:
        """Documents in the order of this kind; a column that should equal None is not asked for."""
        query = self._query(tenant, conditions, equal).limit(limit)
        return [self.read(body) for body in connection.execute(query).scalars()]

    def _query(
        self, tenant: str, conditions: Sequence[ColumnElement[bool]], equal: Mapping[str, object]
    ) -> Select[Any]:
        table = self.table.c
        query = select(table.body).where(table.tenant == tenant, *conditions)
        query = query.where(*(table[name] == storable(value) for name, value in equal.items() if value is not None))
        return query.order_by(*(table[n[1:]].desc() if n[0] == "-" else table[n] for n in self.order))

    def one(self, connection: Connection, tenant: str, **key: object) -> T | None:
        """The document with this key."""
        return next(iter(self.find(connection, tenant, (), 1, **key)), None)

    def by_id(self, connection: Connection, tenant: str, ids: Sequence[str]) -> list[T]:
        """Those of these documents that are there, in the order of this kind within each 500."""
        known = list(dict.fromkeys(storable(one) for one in ids))
        return [d for part in in_parts(known) for d in self.find(connection, tenant, [self.table.c.id.in_(part)])]

    def search(
        self,
        connection: Connection,
        tenant: str,
        words: str,
        conditions: Sequence[ColumnElement[bool]],
        limit: int,
        **equal: object,
    ) -> list[T]:
        """As `find`, those in which each of these words stands in some field, whatever its case; "" is all of them.

        A scan in the order of this kind until `limit` are found. The database sorts out most; a word that only names a
        field ("status") does not count.
        """
        said = storable(words).lower().split()[:MOST_WORDS]
        body = func.lower(self.table.c.body)
        may = [body.contains(_in_json(word), autoescape=True) for word in said if word.isascii()]
        query = self._query(tenant, [*conditions, *may], equal).execution_options(yield_per=50)
        kept = (body for body in connection.execute(query).scalars() if not said or _says(body, said))
        return [self.read(body) for body in islice(kept, limit)]

    def older_than(self, connection: Connection, tenant: str, before: str) -> ColumnElement[bool]:
        """What comes after the document `before`, or before a time in ms, in a list ordered by (-time, -id).

        Raises:
            NotFound: There is no such document.
        """
        table = self.table.c
        at = table[self.order[0].removeprefix("-")]
        if before.isascii() and before.isdigit() and len(before) < 19:
            return at < int(before)
        query = select(at).where(table.tenant == tenant, table.id == storable(before))
        at_ms = connection.execute(query).scalar()
        if at_ms is None:
            raise NotFound(f"there is no {self.event} {before!r} to go on from")
        return tuple_(at, table.id) < tuple_(literal(at_ms), literal(storable(before)))


def _columns(*names: str) -> Callable[[Any], Columns]:
    return lambda document: {name: getattr(document, name) for name in names}


def _of(name: str) -> Callable[[Any], str]:
    return lambda document: str(getattr(document, name))


ENTITY = Kind(Entity, schema.entities, _columns("id", "kind"), ("id",))
EDGE = Kind(Edge, schema.edges, _columns("caller", "callee"), ("caller", "callee"))
TEMPLATE = Kind(Template, schema.templates, lambda t: {"id": str(t.id)}, ("id",))
CHANGE = Kind(Change, schema.changes, _columns("id", "at_ms", "entity"), ("-at_ms", "-id"), "change", _of("id"))
ALERT = Kind(
    Alert,
    schema.alerts,
    lambda a: {
        **_columns("id", "status", "entity", "fingerprint", "since_ms", "at_ms")(a),
        "suppressed": int(a.suppressed),
    },
    ("-since_ms", "-id"),
    "alert",
    _of("id"),
)
INCIDENT = Kind(
    Incident,
    schema.incidents,
    _columns("id", "status", "opened_ms", "updated_ms"),
    ("-opened_ms", "-id"),
    "incident",
    _of("id"),
)
INCIDENT_LINE = Kind(IncidentLine, schema.incidents, _columns("id"), INCIDENT.order, INCIDENT.event)
"""The same rows, read in part; it is never written."""
PLAN = Kind(
    Plan, schema.plans, _columns("id", "incident", "status", "created_ms"), ("-created_ms", "-id"), "plan", _of("id")
)
APPROVAL = Kind(
    Approval,
    schema.approvals,
    _columns("id", "plan", "decision", "at_ms", "expires_ms", "used_ms"),
    ("at_ms", "id"),
    "plan",
    _of("plan"),
)
STEP = Kind(
    StepResult,
    schema.steps,
    lambda s: {"plan": s.plan, "phase": s.phase, "position": s.index, "at_ms": s.at_ms},
    ("at_ms", "phase", "position"),
    "plan",
    _of("plan"),
)
VERDICT = Kind(
    Verdict, schema.verdicts, _columns("id", "subject", "at_ms"), ("-at_ms", "-id"), "verdict", _of("subject")
)
LABEL = Kind(Label, schema.labels, _columns("id", "model", "version", "at_ms"), ("at_ms", "id"))
PAGE = Kind(
    Page,
    schema.pages,
    lambda p: {"id": p.key, "incident": p.incident, "sent_ms": p.sent_ms, "next_try_ms": p.next_try_ms},
    ("next_try_ms", "id"),
)
VERSION = Kind(
    ModelVersion,
    schema.versions,
    lambda v: {"model": v.ref.model, "version": v.ref.version, "kind": v.kind},
    ("model", "version"),
    "model",
    lambda v: v.ref.model,
)
DEPLOYMENT = Kind(
    Deployment, schema.deployments, _columns("kind", "scope"), ("kind", "scope"), "model", lambda d: d.live.model
)
USER = Kind(User, schema.users, _columns("name"), ("name",))


def storable(value: Any) -> Any:
    """Text without halves of surrogate pairs, which are no characters and which no database takes.

    >>> storable("a" + chr(0xD800))
    'a?'
    """
    is_text = isinstance(value, str) and not value.isascii()
    return value.encode("utf-8", "replace").decode() if is_text else value


def _in_json(word: str) -> str:
    r"""How a word stands inside of a JSON text.

    >>> _in_json('say "hi"')
    'say \\"hi\\"'
    """
    return msgspec.json.encode(word).decode()[1:-1]


def _says(body: str, words: Sequence[str]) -> bool:
    """Whether each word stands in what a JSON document says: its texts, not the names of its fields."""
    texts: list[str] = []
    todo: list[Any] = [msgspec.json.decode(body)]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            texts.append(value.lower())
        elif isinstance(value, dict | list):
            todo += value.values() if isinstance(value, dict) else value
    return all(any(word in text for text in texts) for word in words)


def in_parts(items: Sequence[T], size: int = 500) -> Iterable[Sequence[T]]:
    """Pieces small enough for one `IN (…)`: SQLite takes 32,766 variables, older ones 999.

    >>> list(in_parts([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    return (items[start : start + size] for start in range(0, len(items), size))
