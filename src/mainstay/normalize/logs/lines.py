"""Log lines as the stages know them: masked, of an entity, of a template, counted per window."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.signals import LogBatch, RawLogs, TemplateWindow
from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.logs.headline import spoken
from mainstay.normalize.logs.miner import Miner
from mainstay.normalize.masking import mask_to
from mainstay.normalize.metrics.samples import NEWEST_NS, OLDEST_NS

MAX_BODY = 4_096
MAX_SEEN = 8_000
MAX_SPEAKERS = 2_000
MAX_WINDOW = 10_000
_LEVEL = re.compile(r"\b(FATAL|CRITICAL|PANIC|ERROR|WARN(?:ING)?|NOTICE|INFO|DEBUG|TRACE)\b")
_SEVERITY = {
    "FATAL": 21, "CRITICAL": 21, "PANIC": 21, "ERROR": 17, "WARN": 13, "WARNING": 13, "NOTICE": 9, "INFO": 9,
    "DEBUG": 5, "TRACE": 1,
}  # fmt: skip


class Said(msgspec.Struct, array_like=True):
    """What one entity said of one kind in the open window."""

    count: int
    severity: int
    example: str


class Logs:
    """Identifies, masks and templates log records; closes their windows at ticks."""

    def __init__(self, directory: Directory, counts: Counter[str]) -> None:
        self.directory, self.counts = directory, counts
        self.miner = Miner()
        self._seen: OrderedDict[int, dict[str, None]] = OrderedDict()
        self._window: dict[tuple[str, int], Said] = {}
        self.merged: tuple[tuple[int, int], ...] = ()

    def apply(self, raw: RawLogs, received_ns: int) -> tuple[LogBatch | None, list[str]]:
        """The batch, and the entities that spoke in it. A record without a time gets the time of its receipt."""
        owner = [self.directory.of_labels(labels) for labels in raw.resources]
        for entity, labels in zip(owner, raw.resources, strict=True):
            self.directory.heard(entity, labels)
        at_ns = np.where(raw.at_ns > 0, raw.at_ns, received_ns)
        kept = np.flatnonzero((at_ns >= received_ns - OLDEST_NS) & (at_ns <= received_ns + NEWEST_NS))
        self.counts["out_of_time"] += len(at_ns) - len(kept)
        if not len(kept):
            return None, owner
        rows = kept.tolist()
        bodies = [mask_to(_whole(raw, at), MAX_BODY) for at in rows]
        severities = [int(raw.severity[at]) or _severity(body) for at, body in zip(rows, bodies, strict=True)]
        entities = [owner[int(raw.resource[at])] for at in rows]
        templates, variables = self.miner.read_many([spoken(body) for body in bodies])
        for said in zip(entities, templates.tolist(), severities, bodies, strict=True):
            self._count(*said)
        batch = LogBatch(
            tuple(entities), at_ns[kept], np.array(severities, np.uint8), templates, tuple(bodies),
            tuple(raw.trace_id[at] for at in rows), variables,
        )  # fmt: skip
        return batch, sorted(set(entities))

    def close(self, since_ns: int, until_ns: int) -> tuple[TemplateWindow, ...]:
        """The windows since the last tick; templates that became one meanwhile (`merged`) have one."""
        self.merged = self.miner.take_merged()
        for number, now in self.merged:
            self._seen.setdefault(now, {}).update(self._seen.pop(number, {}))
        window: dict[tuple[str, int], Said] = {}
        for (entity, template), said in self._window.items():
            one = window.setdefault((entity, self.miner.current(template)), said)
            if one is not said:
                one.count, one.severity = one.count + said.count, max(one.severity, said.severity)
        self._window = {}
        return tuple(
            TemplateWindow(
                entity, template, self.miner.text(template), said.severity, since_ns, until_ns, said.count,
                self._is_new(entity, template), said.example,
            )
            for (entity, template), said in sorted(window.items(), key=lambda item: item[0])
        )  # fmt: skip

    def _count(self, entity: str, template: int, severity: int, body: str) -> None:
        said = self._window.get((entity, template))
        if said is not None:
            said.count += 1
            said.severity = max(said.severity, severity)
        elif len(self._window) >= MAX_WINDOW:
            self.counts["log_windows_refused"] += 1
        else:
            self._window[entity, template] = Said(1, severity, body[:512])

    def _is_new(self, entity: str, template: int) -> bool:
        """Whether the entity says it for the first time."""
        speakers = self._seen.setdefault(template, {})
        is_new = entity not in speakers
        if len(speakers) < MAX_SPEAKERS:
            speakers[entity] = None
        self._seen.move_to_end(template)
        if len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        return is_new

    def state(self) -> dict[str, Any]:
        return {
            "miner": self.miner.state(),
            "seen": [(number, list(who)) for number, who in self._seen.items()],
            "window": list(self._window.items()),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.miner.load(state["miner"])
        self._seen = OrderedDict((number, dict.fromkeys(who)) for number, who in state["seen"])
        self._window = {(e, t): msgspec.convert(said, Said) for (e, t), said in state["window"]}


def _whole(raw: RawLogs, at: int) -> str:
    """The body, with the exception that OTel puts beside it."""
    body = raw.body[at]
    for name, value in raw.attributes[at]:
        if name in ("exception.type", "exception.message") and value and value not in body:
            body = f"{body} {value}" if body else value
    return body


def _severity(body: str) -> int:
    found = _LEVEL.search(body, 0, 80)
    return _SEVERITY[found[1]] if found else 0
