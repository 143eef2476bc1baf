"""The past as one ordered recording: a folder of slices, read from a Prometheus once, replayed as often as needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mainstay.domain.errors import MainstayError, NotFound
from mainstay.domain.records import Record
from mainstay.history.plan import Plan, private_folder
from mainstay.history.prometheus.alerts import turns
from mainstay.history.prometheus.client import Prometheus
from mainstay.history.prometheus.fetching import Fetching, samples_of
from mainstay.history.slices import Slice

SAYS_EVERY_S = 5.0
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Read:
    """What a run brought, and what was there before it."""

    slices: int
    read_now: int
    samples_now: int
    turns_now: int
    refused_now: int
    bytes_on_disk: int
    took_s: float


def read_slices(folder: Path, plan: Plan, prometheus: Prometheus, told: Told) -> Read:
    """Read what is not there yet, in order of time. Each slice is durable before the next one is asked for.

    Raises:
        GaveUp: Their Prometheus gave no usable answer within the patience; what was read is kept.
        MainstayError: A slice cannot be written.
    """
    began = said = time.monotonic()
    fetching, todo = Fetching(prometheus), plan.slices()
    place = private_folder(folder / "slices")
    read_now = samples = turned = refused = 0
    for number, (since_s, until_s) in enumerate(todo):
        path = _path(place, since_s, until_s)
        if path.exists():
            continue
        found = _one(fetching, plan, since_s, until_s)
        _save(found, path)
        read_now, samples, turned = read_now + 1, samples + found.samples, turned + len(found.turns)
        refused += found.refused
        if time.monotonic() - said > SAYS_EVERY_S:
            said = time.monotonic()
            told(f"read {number + 1} of {len(todo)} slices, {samples:,} samples, {turned} turns of alerts")
    size = sum(path.stat().st_size for path in place.glob("*.slice"))
    return Read(len(todo), read_now, samples, turned, refused, size, time.monotonic() - began)


def slices(folder: Path) -> Iterator[Slice]:
    """The slices of a recording, in order of time.

    Raises:
        NotFound: This folder holds no recording, or not all of it was read yet.
    """
    plan = Plan.load(folder)
    if plan is None:
        raise NotFound(f"{folder}: no history was read into this folder")
    for since_s, until_s in plan.slices():
        path = _path(folder / "slices", since_s, until_s)
        if not path.exists():
            raise NotFound(f"{path.name} was not read yet: run `mainstay import prometheus` again, and it goes on")
        yield Slice.load(path)


def is_recording(folder: Path) -> bool:
    """Whether history was read into this folder."""
    return (folder / "slices").is_dir()


def records(folder: Path) -> Iterator[Record]:
    """The whole recording as the inbox would have held it, from 1."""
    seq = 0
    for one in slices(folder):
        for record in one.records(seq):
            seq = record.seq
            yield record


def _one(fetching: Fetching, plan: Plan, since_s: int, until_s: int) -> Slice:
    columns = samples_of(fetching, plan.readings, plan.external, since_s, until_s)
    turned = turns(fetching, plan.external, since_s, until_s, plan.tick_s, is_first=since_s == plan.since_s)
    return columns.finished(since_s, until_s, plan.tick_s, turned)


def _save(found: Slice, path: Path) -> None:
    try:
        found.save(path)
    except OSError as error:
        raise MainstayError(
            f"{path} cannot be written ({error.strerror}): make room and run the same command again"
        ) from None


def _path(place: Path, since_s: int, until_s: int) -> Path:
    return place / f"{since_s}-{until_s}.slice"
