"""Recorded telemetry through the same pipeline, at full speed, with the time of the recording."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from mainstay.app.wiring import wire
from mainstay.domain.errors import BadInput
from mainstay.domain.records import Record
from mainstay.mlops.trust.signing import TRUSTED
from mainstay.settings import Settings
from mainstay.store.control import Control
from mainstay.store.inbox import read_records


class RecordedClock:
    """The time of the record that is replayed."""

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return self.at_ns


def replay(path: Path, settings: Settings, batch: int, recorded: Iterable[Record] | None = None) -> dict[str, Any]:
    """What would have been decided: alerts, incidents, a digest over every score, and how long it took.

    Args:
        path: A data folder that was kept with `keep_inbox`, or its `inbox` folder.
        settings: As for `mainstay up`: catalog, mapping, runbooks.
        batch: Records per batch. The outcome does not depend on it.
        recorded: Taken in place of the inbox's records, e.g. those of an imported history.

    Raises:
        BadInput: There is no recording in this folder.
    """
    inbox = path / "inbox" if (path / "inbox").is_dir() else path
    clock = RecordedClock()
    began = time.monotonic()
    count, first_ns = 0, 0
    with tempfile.TemporaryDirectory(prefix="mainstay-replay-") as folder:
        bring_keys(path, Path(folder))
        line = wire(Path(folder), settings, clock)
        try:
            bring_versions(path, Path(folder), line.control)
            for records in batches(recorded if recorded is not None else read_records(inbox), batch):
                first_ns = first_ns or records[0].received_ns
                clock.at_ns = records[-1].received_ns
                line.pipeline.run(records)
                count += len(records)
            if not count:
                raise BadInput(f"{path}: no recording here; `keep_inbox: true` or `mainstay demo --record` make one")
            alerts, incidents = line.control.alerts(limit=100_000), line.control.incidents(limit=100_000)
        finally:
            line.close()
    return {
        "records": count,
        "batch": batch,
        "span_s": round((clock.at_ns - first_ns) / 1e9, 1),
        "took_s": round(time.monotonic() - began, 2),
        "scores_sha256": line.pipeline.scores_digest,
        "alerts": msgspec.to_builtins(sorted(alerts, key=lambda a: (a.since_ms, a.id))),
        "incidents": msgspec.to_builtins(sorted(incidents, key=lambda i: (i.opened_ms, i.id))),
    }


def bring_keys(source: Path, folder: Path) -> None:
    """Trust what the recorded platform trusted: its versions are served here as they were there."""
    if (source / "keys" / TRUSTED).is_dir():
        shutil.copytree(source / "keys" / TRUSTED, folder / "keys" / TRUSTED)


def bring_versions(source: Path, folder: Path, control: Control) -> None:
    """Take the model versions of the recorded platform along, so that a recorded swap finds what it swaps to."""
    if not (source / "control.db").exists():
        return
    recorded = Control(source / "control.db", RecordedClock())
    try:
        shutil.copytree(source / "artefacts", folder / "artefacts", dirs_exist_ok=True)
        for version in recorded.versions():
            control.save_version(version)
    finally:
        recorded.close()


def batches(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Cut into lists of at most `size`.

    >>> [len(part) for part in batches(range(5), 2)]
    [2, 2, 1]
    """
    rest = iter(records)
    while part := list(islice(rest, size)):
        yield part
