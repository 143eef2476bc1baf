"""The rules that a person can read: which label set speaks of which thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

from mainstay.domain.entities import EntityKind, entity_id
from mainstay.files import Document

DEFAULT_MAPPING = Path(__file__).parent.parent / "mapping.yaml"
_PLACE = re.compile(r"\{(?P<label>[^{}|]+)(?:\|(?P<filter>[^{}|]*))?\}")
_HOST = re.compile(r"^(?:[a-z][a-z0-9+.-]*://)?(?P<host>\[[^\]]+\]|[^/:]+)(?::\d+)?(?:/.*)?$")


def host_of(value: str) -> str:
    """An address without scheme, port and path.

    >>> host_of("http://10.0.0.7:9100/metrics"), host_of("[::1]:80"), host_of("web-1")
    ('10.0.0.7', '::1', 'web-1')
    """
    found = _HOST.match(value)
    return found["host"].strip("[]") if found else value


FILTERS: dict[str, Callable[[str], str]] = {
    "host": host_of,
    "short": lambda value: value.split(".", 1)[0],
    "lower": str.lower,
}


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of thought: if these labels are there, it is this thing."""

    name: str
    kind: Literal["service", "host", "pod", "database", "queue", "model"]
    entity: str
    when: dict[str, str] = {}
    unless: dict[str, str] = {}


class MappingFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mapping as it stands in the file."""

    format_version: Literal[1]
    rules: tuple[Rule, ...]
    environment: tuple[str, ...]
    default_environment: str = "default"
    instance: tuple[str, ...] = ()
    attributes: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a label set belongs. `spent` are the labels whose whole value is in the id already."""

    kind: EntityKind
    environment: str
    name: str
    rule: str
    spent: frozenset[str]

    @property
    def id(self) -> str:
        """The entity's id."""
        return entity_id(self.kind, self.environment, self.name)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule with its expressions compiled."""

    rule: Rule
    parts: tuple[tuple[str, str], ...]
    when: tuple[tuple[str, re.Pattern[str]], ...]
    unless: tuple[tuple[str, re.Pattern[str]], ...]

    spent: frozenset[str]

    def try_(self, labels: Mapping[str, str]) -> tuple[str, Callable[[], str] | None]:
        """(name, None) when the rule fits, else ("", what says why not): nearly always nobody asks."""
        known = labels
        for label, pattern in self.when:
            value = labels.get(label, "")
            found = pattern.fullmatch(value) if value else None
            if not found:
                return "", partial(_unlike, label, value, pattern)
            if pattern.groupindex:
                known = {**known, **{k: v for k, v in found.groupdict().items() if v}}
        for label, pattern in self.unless:
            if pattern.fullmatch(labels.get(label, "")):
                return "", partial("{} is {!r}, which the rule leaves out".format, label, labels[label])
        for label, _ in self.parts:
            if not known.get(label):
                return "", partial("no {}".format, label)
        name = _PLACE.sub(lambda m: FILTERS.get(m["filter"] or "", str)(known[m["label"]]), self.rule.entity)
        return (name, None) if name else ("", lambda: "the name came out empty")


class EntityMapping:
    """Places label sets by the rules of one file. Pure: the same labels always give the same place.

    >>> EntityMapping.load().place({"service.name": "payments", "deployment.environment.name": "prod"}).id
    'service:prod/payments'
    """

    def __init__(self, file: MappingFile, rules: tuple[_Ready, ...]) -> None:
        self.file = file
        self.digest = blake2b(msgspec.json.encode(file, order="deterministic"), digest_size=16).hexdigest()
        self._rules = rules
        self.reads = frozenset(
            [
                *file.environment,
                *(key for keys in file.attributes.values() for key in keys),
                *(label for ready in rules for label, _ in (*ready.parts, *ready.when, *ready.unless)),
            ]
        )

    @classmethod
    def load(cls, path: Path | str = DEFAULT_MAPPING) -> EntityMapping:
        """Read a mapping file.

        Raises:
            BadFile: With line and what was expected there.
        """
        document = Document.open(path)
        file = document.read(MappingFile)
        if not file.rules:
            raise document.bad(("rules",), "expected at least one rule")
        return cls(file, tuple(_ready(document, at, rule) for at, rule in enumerate(file.rules)))

    def environment(self, labels: Mapping[str, str]) -> tuple[str, str]:
        """(environment, the label that said so or "")."""
        for label in self.file.environment:
            if labels.get(label):
                return labels[label], label
        return self.file.default_environment, ""

    def place(self, labels: Mapping[str, str]) -> Place | None:
        """The first rule that fits; None when none does."""
        return self._tried(labels, lambda _, __: None)

    def trace(self, labels: Mapping[str, str]) -> tuple[Place | None, list[str]]:
        """The place, and why each rule before it did not fit."""
        says: list[str] = []
        place = self._tried(labels, lambda rule, why_not: says.append(f"{rule}: {why_not()}"))
        return place, says

    def _tried(self, labels: Mapping[str, str], tell: Callable[[str, Callable[[], str]], None]) -> Place | None:
        for ready in self._rules:
            name, why_not = ready.try_(labels)
            if why_not is None:
                environment, said_by = self.environment(labels)
                spent = ready.spent | {said_by} if said_by else ready.spent
                return Place(ready.rule.kind, environment, name, ready.rule.name, spent)
            tell(ready.rule.name, why_not)
        return None


def _ready(document: Document, at: int, rule: Rule) -> _Ready:
    parts = tuple((m["label"], m["filter"] or "") for m in _PLACE.finditer(rule.entity))
    where = ("rules", at, "entity")
    if not parts or "{" in _PLACE.sub("", rule.entity):
        raise document.bad(where, f"expected a name built from labels such as '{{service}}', got {rule.entity!r}")
    for _, filter_ in parts:
        if filter_ and filter_ not in FILTERS:
            raise document.bad(where, f"expected one of the filters {', '.join(FILTERS)}, got {filter_!r}")
    when, unless = _compiled(document, at, "when", rule.when), _compiled(document, at, "unless", rule.unless)
    return _Ready(rule, parts, when, unless, frozenset(label for label, filter_ in parts if not filter_))


def _unlike(label: str, value: str, pattern: re.Pattern[str]) -> str:
    return f"{label} is {value!r}, which is not {pattern.pattern}" if value else f"no {label}"


def _compiled(
    document: Document, at: int, part: str, patterns: Mapping[str, str]
) -> tuple[tuple[str, re.Pattern[str]], ...]:
    ready = []
    for label, pattern in patterns.items():
        try:
            ready.append((label, re.compile(pattern)))
        except re.error as error:
            where = ("rules", at, part, label)
            raise document.bad(where, f"expected a regular expression, got {pattern!r}: {error}") from error
    return tuple(ready)
