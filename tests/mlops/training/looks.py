"""Weeks of looks at three services, made from a seed: values that stay odd stand before most incidents, and some
before nothing; what is odd by itself says nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Incident
from mainstay.domain.models import VersionRef
from mainstay.domain.outlook import LEADING, RiskLook
from mainstay.domain.training import Span
from mainstay.store.control import Control
from mainstay.store.telemetry import Telemetry
from mainstay.store.telemetry.tables import looks as table_of

START_MS = 1_767_225_600_000
HOUR_MS = 3_600_000
SERVICES = ("service:prod/cart", "service:prod/pay", "service:prod/shop")
EVERY_MS = 1_200_000


def incidents(days: int, count: int, seed: int = 1) -> list[tuple[str, int]]:
    """(service, when) of incidents at least three hours apart."""
    draw = np.random.default_rng(seed)
    hours = np.sort(draw.choice(np.arange(3, 24 * days - 1, 3), count, replace=False))
    return [(SERVICES[int(draw.integers(3))], START_MS + int(hour) * HOUR_MS + 1_234) for hour in hours]


def looks(days: int, began: list[tuple[str, int]], *, announced: float = 0.7, seed: int = 2) -> list[RiskLook]:
    draw = np.random.default_rng(seed)
    told = {one: draw.random() < announced for one in began}
    found = []
    for number, at_ms in enumerate(range(START_MS, START_MS + days * 24 * HOUR_MS, EVERY_MS)):
        rows = np.zeros((3, len(LEADING.columns)))
        rows[:, :3] = draw.exponential((3.0, 0.3, 0.3), (3, 3))
        for service, at in began:
            if told[service, at] and at - HOUR_MS <= at_ms < at:
                rows[SERVICES.index(service), 1] += 2.5
        if number % 97 == 0:  # nothing follows
            rows[number % 3, 1] += 2.0
        in_trouble = tuple(any(s == name and at <= at_ms < at + HOUR_MS // 2 for s, at in began) for name in SERVICES)
        found.append(
            RiskLook(
                at_ms,
                3600.0,
                LEADING.version,
                SERVICES,
                rows.round(6).tolist(),
                [0.02, 0.03, 0.01],
                [0.0] * 3,
                in_trouble,
            )
        )
    return found


def rows_of(kept: list[RiskLook]) -> pa.Table:
    return pa.concat_tables([table_of(one) for one in kept]).sort_by([("at_ns", "ascending"), ("service", "ascending")])


def faults_of(began: list[tuple[str, int]]) -> tuple[Span, ...]:
    return tuple(
        Span(entity=s, since_ms=at, until_ms=at + HOUR_MS // 2, why=f"INC-{n}") for n, (s, at) in enumerate(began)
    )


def keep(telemetry: Telemetry, control: Control, kept: list[RiskLook], began: list[tuple[str, int]]) -> None:
    """Into the stores of a platform."""
    for seq, one in enumerate(kept, start=telemetry.applied_seq + 1):
        telemetry.write_look(one, seq)
    telemetry.commit(seq)
    effects = Effects(decided_seq=control.decided_seq + 1)
    for number, (service, at) in enumerate(began):
        effects.incidents[f"INC-{number}"] = Incident(
            id=f"INC-{number}", status="resolved", severity="major", title="", since_ms=at, opened_ms=at, updated_ms=at,
            decided_by=VersionRef("correlator", 1), resolved_ms=at + HOUR_MS // 2, entities=(service,),
        )  # fmt: skip
    control.commit(effects)


def folder_with(folder: Path, kept: list[RiskLook]) -> Telemetry:
    """A telemetry store of its own."""
    telemetry = Telemetry(folder, retention_s=1e9, hot_s=3600)
    for seq, one in enumerate(kept, start=1):
        telemetry.write_look(one, seq)
    telemetry.commit(seq)
    return telemetry
