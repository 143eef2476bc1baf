"""A CMDB's export, CSV or JSON: one configuration item a row, in the columns that ServiceNow and others use."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from mainstay.domain.errors import BadFile
from mainstay.files import Document
from mainstay.normalize.entities.catalog import CatalogItem, latency_ms

Kind = Literal["service", "host", "pod", "database", "queue", "model"]
COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("name", "ci_name", "ci", "hostname", "display_name"),
    "kind": ("kind", "type", "class", "ci_class", "sys_class_name", "ci_type"),
    "environment": ("environment", "env", "used_for"),
    "tier": ("tier", "criticality", "business_criticality", "busines_criticality"),
    "owner": ("owner", "team", "support_group", "assignment_group", "owned_by", "managed_by"),
    "latency_ms": ("latency_ms", "latency_objective_ms", "p95_ms", "slo_latency_ms"),
    "aliases": ("aliases", "alias", "also_known_as"),
    "depends_on": ("depends_on", "dependencies", "dependency", "depends", "upstream"),
}
KINDS: tuple[tuple[Kind, str], ...] = (
    ("database", r"database|_db|\bdb\b|sql|_inst"),
    ("queue", r"queue|topic|broker"),
    ("host", r"host|server|computer|\bvm\b|node"),
    ("service", r""),
)
MOST_ROWS = 20_000


def read_csv(text: str, name: str, at_ms: int) -> tuple[CatalogItem, ...]:
    """The rows of a CSV export; its first line names the columns.

    Raises:
        BadFile: No column for the name; a row without one, or with a tier or latency that is none; with line and field.
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [_column(cell) for cell in next(rows, [])]
        if "name" not in header:
            raise BadFile(name, 1, f"expected a column for the name ({', '.join(COLUMNS['name'])})")
        found = []
        for row in rows:
            if any(cell.strip() for cell in row):
                found.append(_item(dict(zip(header, row, strict=False)), name, rows.line_num, at_ms))
        return _bounded(found, name, rows.line_num)
    except csv.Error as error:
        raise BadFile(name, rows.line_num, f"not CSV: {error}") from None


def read_json(text: str, name: str, at_ms: int) -> tuple[CatalogItem, ...]:
    """The objects of a JSON export: a list, or an object with one list (`records`, `result`, `items`).

    Raises:
        BadFile: It is no such JSON, or an item is not as it should be; with line and field.
    """
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        at = re.search(r"byte (\d+)", str(error))
        raise BadFile(name, text[: int(at[1]) if at else 0].count("\n") + 1, f"not JSON: {error}") from None
    lists = [v for v in document.values() if isinstance(v, list)] if isinstance(document, dict) else [document]
    if len(lists) != 1 or not isinstance(lists[0], list):
        raise BadFile(name, 1, "expected a list of configuration items, or an object with one such list")
    lines = _Lines(text, name, lists[0] is document)
    found = []
    for number, item in enumerate(lists[0]):
        if not isinstance(item, dict):
            raise BadFile(name, lines.of(number), f"item {number}: expected an object, got {item!r:.40}")
        row = {_column(key): _text(value) for key, value in item.items()}
        try:
            found.append(_item(row, name, 0, at_ms))
        except BadFile as error:
            raise BadFile(name, lines.of(number, _key(item, error.says)), error.says) from None
    return _bounded(found, name, 1)


class _Lines:
    """Where an item stands: looked for only when something is wrong with it."""

    def __init__(self, text: str, name: str, is_list: bool) -> None:
        self._text, self._name, self._is_list = text, name, is_list

    def of(self, number: int, key: str = "") -> int:
        document = Document(self._text.replace("\t", " "), self._name)
        top: list[str | int] = []
        if not self._is_list:
            value = msgspec.json.decode(self._text)
            top = [next(k for k, v in value.items() if isinstance(v, list))]
        return document.bad([*top, number, *([key] if key else [])], "").line


def _item(row: Mapping[str, str], name: str, line: int, at_ms: int) -> CatalogItem:
    called = row.get("name", "").strip()
    if not called:
        raise BadFile(name, line, "name: expected the name of the item, it is empty")
    word = row.get("kind", "").lower()
    return CatalogItem(
        name=called,
        kind=next(kind for kind, words in KINDS if re.search(words, word)) if word else "service",
        environment=row.get("environment", "").strip().lower(),
        tier=_tier(row.get("tier", ""), name, line),
        owner=row.get("owner", "").strip() or None,
        latency_ms=_latency(row.get("latency_ms", ""), name, line),
        aliases=tuple(_words(row.get("aliases", ""))),
        depends_on=tuple(word for word in _words(row.get("depends_on", "")) if word != called),
        said_ms=at_ms,
    )


def _tier(text: str, name: str, line: int) -> int | None:
    """`1`, `tier-2` and `3 - less critical` are tiers; an empty one is not known."""
    if not text.strip():
        return None
    found = re.fullmatch(r"[a-z \-_]*([1-9])(\D.*)?", text.strip().lower())
    if found is None:
        raise BadFile(name, line, f"tier: expected a number from 1 to 9, got {text.strip()!r}")
    return int(found[1])


def _latency(text: str, name: str, line: int) -> float | None:
    try:
        return latency_ms(text)
    except ValueError as error:
        raise BadFile(name, line, f"latency_ms: {error}") from None


def _column(cell: str) -> str:
    word = re.sub(r"[\s\-]+", "_", cell.strip().lstrip("\ufeff").lower())
    return next((column for column, words in COLUMNS.items() if word in words), f"?{word}")


def _key(item: Mapping[str, Any], says: str) -> str:
    """The key of the item that an error's field was read from."""
    field = says.partition(":")[0]
    return next((key for key in item if _column(key) == field), "")


def _text(value: Any) -> str:
    if isinstance(value, dict):  # ServiceNow: {"display_value": …, "value": …}
        value = value.get("display_value") or value.get("value")
    if isinstance(value, list):
        return ";".join(_text(one) for one in value)
    return "" if value is None else str(value)


def _words(text: str) -> Iterator[str]:
    return (word.strip() for word in re.split(r"[;,|\n]", text) if word.strip())


def _bounded(items: Iterable[CatalogItem], name: str, line: int) -> tuple[CatalogItem, ...]:
    found = tuple(items)
    if len(found) > MOST_ROWS:
        raise BadFile(name, line, f"expected at most {MOST_ROWS} items, got {len(found)}: cut the export")
    return found
