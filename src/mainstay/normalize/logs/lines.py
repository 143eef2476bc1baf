"""Log lines as the stages know them: masked, of an entity, of a template, counted per window."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.signals import LogBatch, RawLogs, TemplateWindow
from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.logs.miner import Miner
from mainstay.normalize.masking import mask_to
from mainstay.normalize.metrics.samples import NEWEST_NS, OLDEST_NS

MAX_BODY = 4_096
MAX_SEEN = 50_000
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
    is_new: bool
    example: str


class Logs:
    """Identifies, masks and templates log records; closes their windows at ticks."""

    def __init__(self, directory: Directory, counts: Counter[str]) -> None:
        self.directory, self.counts = directory, counts
        self.miner = Miner()
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._window: dict[tuple[str, int], Said] = {}

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
        entities, bodies, templates, severities = [], [], [], []
        for at in kept.tolist():
            body = mask_to(_whole(raw, at), MAX_BODY)
            severity = int(raw.severity[at]) or _severity(body)
            entity = owner[int(raw.resource[at])]
            template = self.miner.learn(body)
            self._count(entity, template, severity, body)
            entities.append(entity)
            bodies.append(body)
            templates.append(template)
            severities.append(severity)
        batch = LogBatch(
            tuple(entities), at_ns[kept], np.array(severities, np.uint8), np.array(templates, np.uint32), tuple(bodies),
            tuple(raw.trace_id[at] for at in kept.tolist()),
        )  # fmt: skip
        return batch, sorted(set(entities))

    def close(self, since_ns: int, until_ns: int) -> tuple[TemplateWindow, ...]:
        """The windows since the last tick."""
        window, self._window = self._window, {}
        return tuple(
            TemplateWindow(
                entity, template, self.miner.text(template), said.severity, since_ns, until_ns, said.count, said.is_new,
                said.example,
            )
            for (entity, template), said in sorted(window.items())
        )  # fmt: skip

    def _count(self, entity: str, template: int, severity: int, body: str) -> None:
        key = (entity, template)
        said = self._window.get(key)
        if said is not None:
            said.count += 1
            said.severity = max(said.severity, severity)
            return
        if len(self._window) >= MAX_WINDOW:
            self.counts["log_windows_refused"] += 1
            return
        is_new = key not in self._seen
        self._seen[key] = None
        self._seen.move_to_end(key)
        if len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        self._window[key] = Said(1, severity, is_new, body[:512])

    def state(self) -> dict[str, Any]:
        return {"miner": self.miner.state(), "seen": list(self._seen), "window": list(self._window.items())}

    def load(self, state: dict[str, Any]) -> None:
        self.miner.load(state["miner"])
        self._seen = OrderedDict(((entity, template), None) for entity, template in state["seen"])
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
