"""Stage 2: what senders said, in the words of the trade. A deterministic function of the record sequence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import DEFAULT_TENANT, Edge, Labels, Topology
from mainstay.domain.errors import Corrupt
from mainstay.domain.predictions import Predictions, RawPredictions
from mainstay.domain.signals import I64, Decoded, EdgeWindow, MetricBatch, Normal, RawMetrics, Series, Template
from mainstay.domain.state import Part, joined, packed, parted, unpack
from mainstay.normalize.entities.catalog import Catalog
from mainstay.normalize.entities.directory import Directory, Explanation
from mainstay.normalize.entities.mapping import DEFAULT_MAPPING, EntityMapping
from mainstay.normalize.logs.lines import Logs
from mainstay.normalize.masking import mask
from mainstay.normalize.metrics.samples import Metrics
from mainstay.normalize.metrics.series import MAX_SERIES, SeriesTable
from mainstay.normalize.metrics.streams import Streams
from mainstay.normalize.predictions import placed, placed_truths
from mainstay.normalize.spans.identify import Spans
from mainstay.normalize.spans.red import Red

NAME, FORMAT = "normalizer", 7
IDENTIFIED = ("streams", "metrics")
"""Parts that hold only under the mapping by which they were made."""
TRACES = ("trace_slow", "trace_failing", "trace_usual")
_TRACE = re.compile(r"[0-9a-f]{32}")
EDGE_KEPT_MS = 24 * 3600 * 1000
MAX_PENDING = 256


class Normalizer:
    """Identifies, masks, templates and joins; closes windows at ticks.

    Args:
        mapping: An `EntityMapping`, the path of one, or None for the one that comes with Mainstay.
        catalog: Path of the catalog file, or None.
        keep_traces: Share of traces without anything interesting that are kept; 1 keeps every trace.
        max_series: Series beyond this are refused and counted (`counts["series_refused"]`).

    Raises:
        BadFile: Mapping or catalog cannot be read; says file, line and what was expected.

    >>> Normalizer().explain({"service.name": "payments", "deployment.environment.name": "prod"}).entity
    'service:prod/payments'
    """

    def __init__(
        self,
        mapping: EntityMapping | Path | str | None = None,
        catalog: Path | str | None = None,
        tenant: str = DEFAULT_TENANT,
        *,
        max_series: int = MAX_SERIES,
        keep_traces: float = 0.05,
    ) -> None:
        ready = mapping if isinstance(mapping, EntityMapping) else EntityMapping.load(mapping or DEFAULT_MAPPING)
        self._directory = Directory(ready, Catalog.load(catalog), tenant)
        self._counts: Counter[str] = Counter()
        self._series = SeriesTable(tenant, max_series)
        self._streams = Streams(self._directory, self._series)
        self._metrics = Metrics(self._streams, self._counts)
        self._logs = Logs(self._directory, self._counts)
        self._red = Red(self._series)
        self._spans = Spans(self._directory, self._red, self._counts, keep_traces)
        self._kept: dict[str, Any] = {
            "series": self._series, "streams": self._streams, "metrics": self._metrics, "logs": self._logs,
            "red": self._red, "spans": self._spans,
        }  # fmt: skip
        self._edges: dict[tuple[str, str], int] = {}
        self._pending: dict[str, Change] = {}
        self._ticked_ns = 0
        self._topology: tuple[int, Topology] = (-1, Topology())

    def apply(self, decoded: Decoded, received_ns: int) -> Normal:
        """One inbox record."""
        self._ticked_ns = self._ticked_ns or received_ns
        self._red.listen(received_ns)
        metrics, spoke_m = self._metrics.apply(decoded.metrics, received_ns) if decoded.metrics else (None, [])
        late = self._metrics.late if decoded.metrics else 0
        logs, spoke_l = self._logs.apply(decoded.logs, received_ns) if decoded.logs else (None, [])
        spans, spoke_s = self._spans.apply(decoded.spans, received_ns) if decoded.spans else (None, [])
        self._red.hear({*spoke_m, *spoke_l, *spoke_s}, received_ns)
        predictions = tuple(self._predicted(raw, received_ns // 1_000_000) for raw in decoded.predictions)
        return Normal(
            metrics=metrics,
            logs=logs,
            spans=spans,
            alerts=tuple(self._alert(alert) for alert in decoded.alerts),
            changes=tuple(self._change(change) for change in decoded.changes),
            new_series=self._series.take_new(),
            new_templates=self._logs.miner.take_changed(),
            late=late,
            at_ns=received_ns,
            predictions=predictions,
            truths=tuple(placed_truths(self._directory, raw) for raw in decoded.truths),
            unplaced=self._directory.take_unplaced(),
        )

    def tick(self, at_ns: int) -> Normal:
        """Time passed: close the windows that began at the tick before."""
        self._red.listen(at_ns)
        since_ns = self._ticked_ns if 0 < self._ticked_ns < at_ns else at_ns - 5_000_000_000
        self._ticked_ns = at_ns
        edges = self._spans.calls.close(since_ns, at_ns)
        operations = self._spans.calls.operations.close(since_ns, at_ns)
        spans, traces = self._spans.kept((*edges, *operations), at_ns)
        self._remember(edges, at_ns // 1_000_000)
        metrics: MetricBatch | None = self._red.close(since_ns, at_ns)
        return Normal(
            metrics=metrics,
            at_ns=at_ns,
            edges=edges,
            operations=operations,
            spans=spans,
            traces=traces,
            templates=self._logs.close(since_ns, at_ns),
            changes=self._found_at_last(),
            new_series=self._series.take_new(),
            new_templates=self._logs.miner.take_changed(),
            merged_templates=self._logs.merged,
            unplaced=self._directory.take_unplaced(),
        )

    def saw(self, effects: Effects) -> None:
        """After a record: the traces that its alerts name are kept."""
        for alert in effects.alerts.values():
            for name in TRACES:
                trace = alert.labels.get(name, "")
                if alert.status == "firing" and _TRACE.fullmatch(trace):
                    self._spans.keeping.pin(bytes.fromhex(trace))

    @property
    def topology(self) -> Topology:
        """Who is there and who calls whom: entities heard of, calls seen within a day, and what the catalog says."""
        if self._topology[0] != self._directory.version:
            said = list(self._directory.static_edges.items())
            edges = {pair: Edge(caller=pair[0], callee=pair[1], seen_ms=said_ms) for pair, said_ms in said}
            for pair, seen_ms in list(self._edges.items()):  # the API reads while the pipeline writes
                edges[pair] = Edge(caller=pair[0], callee=pair[1], seen_ms=seen_ms)
            topology = Topology(entities=dict(self._directory.entities), edges=tuple(edges[p] for p in sorted(edges)))
            self._topology = self._directory.version, topology
        return self._topology[1]

    @property
    def series(self) -> Sequence[Series]:
        """Every series, in slot order."""
        return self._series.all

    @property
    def templates(self) -> Sequence[Template]:
        """Every log template."""
        return self._logs.miner.templates

    @property
    def unplaced(self) -> Sequence[Labels]:
        """Label sets that no rule placed; the first thousand."""
        return tuple(self._directory.unplaced)

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened to the data, for `/metrics`: late, repeated, resets, out_of_time, no_room, series_refused."""
        return {
            **dict(self._counts),
            "series": len(self._series),
            "series_refused": self._series.refused,
            "entities": len(self._directory.entities),
            "unplaced": len(self._directory.unplaced),
            "templates": len(self._logs.miner),
        }

    def last_heard_ms(self, entity: str) -> int | None:
        """When telemetry of an entity was last received; None when it never was."""
        heard = self._red.last_heard_ns(entity)
        return None if heard is None else heard // 1_000_000

    def knows(self, raw: RawMetrics, which: I64) -> npt.NDArray[np.bool_]:
        """Which of these streams of a request are known already; other threads may ask."""
        return self._streams.knows(raw, which)

    def explain(self, labels: Mapping[str, str]) -> Explanation:
        """Which rule places a label set, and why (`mainstay entities explain`)."""
        return self._directory.explain(labels)

    def resolve(self, word: str, environment: str = "") -> str:
        """The entity id that a name, alias or id means; "" when it is not known or not unique."""
        return self._directory.resolve(word, environment)

    def snapshot(self) -> bytes:
        """As `parts`, in one piece."""
        return joined(self.parts())

    def restore(self, state: bytes) -> None:
        """Take up what `snapshot` gave.

        Raises:
            Corrupt: These bytes are not a snapshot of this format.
        """
        self.restore_parts(parted(state))

    def parts(self) -> Iterator[Part]:
        """The whole state between two records."""
        head = {
            "mapping": self._directory.mapping.digest,
            "ticked_ns": self._ticked_ns,
            "counts": dict(self._counts),
            "directory": self._directory.state(),
            "edges": [(caller, callee, ms) for (caller, callee), ms in self._edges.items()],
            "pending": list(self._pending.values()),
        }
        yield Part("head", packed(NAME, FORMAT, head))
        for name, kept in self._kept.items():
            yield Part(name, packed(NAME, FORMAT, kept.state()))

    def restore_parts(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Take up a snapshot. After an edit of the mapping streams are identified anew (rates miss one interval).

        Raises:
            Corrupt: These bytes are not a snapshot of this format.
        """
        try:
            given = iter(parts)
            head = unpack(NAME, FORMAT, next(given, ("", b""))[1], dict[str, Any])
            self._load(head)
            is_same = head["mapping"] == self._directory.mapping.digest
            for name, state in given:
                if is_same or name not in IDENTIFIED:
                    self._kept[name].load(unpack(NAME, FORMAT, state, dict[str, Any]))
        except (msgspec.ValidationError, KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"normalizer snapshot: {error!r}") from error

    def _load(self, head: dict[str, Any]) -> None:
        self._ticked_ns = head["ticked_ns"]
        self._counts.clear()
        self._counts.update(head["counts"])
        self._directory.load(head["directory"])
        self._edges = {(caller, callee): ms for caller, callee, ms in head["edges"]}
        self._pending = {change.id: change for change in msgspec.convert(head["pending"], list[Change])}

    def _remember(self, edges: tuple[EdgeWindow, ...], at_ms: int) -> None:
        for edge in edges:
            if edge.caller:
                self._edges[edge.caller, edge.callee] = at_ms
        for pair in self._spans.calls.brokers:
            self._edges[pair] = at_ms
        old = [pair for pair, ms in self._edges.items() if ms < at_ms - EDGE_KEPT_MS]
        for pair in old:
            del self._edges[pair]
        if edges or old:
            self._directory.version += 1

    def _predicted(self, raw: RawPredictions, at_ms: int) -> Predictions:
        batch, call = placed(self._directory, raw)
        if call and call not in self._edges:
            self._directory.version += 1
        if call:
            self._edges[call] = at_ms
        return batch

    def _alert(self, alert: Alert) -> Alert:
        labels = {name: mask(value) for name, value in alert.labels.items()}
        entity = alert.entity if alert.entity in self._directory.entities else self._directory.of_alert(labels)
        return msgspec.structs.replace(alert, entity=entity, labels=labels, summary=mask(alert.summary))

    def _change(self, change: Change) -> Change:
        """A change of a thing not heard of yet waits; it is told again when its subject appears."""
        entity = self._directory.resolve(change.entity or change.subject, change.environment)
        found = msgspec.structs.replace(change, entity=entity, summary=mask(change.summary), author=mask(change.author))
        if not entity:
            self._pending[change.id] = found
            if len(self._pending) > MAX_PENDING:
                del self._pending[next(iter(self._pending))]
        return found

    def _found_at_last(self) -> tuple[Change, ...]:
        found = [c for c in (self._change(change) for change in list(self._pending.values())) if c.entity]
        for change in found:
            del self._pending[change.id]
        return tuple(found)
