"""Models that say what a test wants: a real fake of `domain.protocols.Models`, deterministic and inspectable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mainstay.domain.alerts import Alert, Band
from mainstay.domain.effects import Effects
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.protocols import BandBatch, Scored, Served, Transition
from mainstay.domain.signals import Normal

AT_MS = 1_767_225_600_000


class Spoken:
    """`say` puts transitions before the next score of a kind."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Transition]] = {}
        self.version = 1
        self.heard: list[Normal] = []

    def say(self, kind: str, *transitions: Transition) -> None:
        self.waiting.setdefault(kind, []).extend(transitions)

    def score(self, kind: str, normal: Normal) -> Served:
        self.heard.append(normal)
        bands, scores = None, np.empty(0)
        if kind == "metrics" and normal.metrics is not None:
            n = len(normal.metrics)
            bands = BandBatch(normal.metrics.series, normal.metrics.at_ns, np.zeros(n), np.ones(n))
            scores = np.full(n, 0.5)
        return Served(VersionRef(kind, self.version), Scored(tuple(self.waiting.pop(kind, ())), scores, bands))

    def decide(self, kind: str, inputs: Mapping[str, Any]) -> Decision:
        raise AssertionError(f"the stage detect does not ask for {kind}")


def turn(
    firing: bool,
    *,
    subject: str = "edge:a>b",
    at_ms: int = AT_MS,
    since_ms: int | None = None,
    effect: float = 4.0,
    **more: Any,
) -> Transition:
    """A transition in few words."""
    since = at_ms - 10_000 if since_ms is None else since_ms
    facts = {
        "name": "calls slow",
        "signal": "latency",
        "severity": "major",
        "summary": "p95 of b 2.4 s",
        "channel": "latency",
        "band": Band(low=1.0, high=2.0, value=3.0, unit="ms"),
        "p_value": 1e-9,
        "labels": {"caller": "a"},
    }
    facts |= more
    return Transition(
        subject=subject,
        entity="service:lab/b",
        firing=firing,
        since_ns=since * 10**6,
        at_ns=at_ms * 10**6,
        inputs={"frozen": subject, "at": at_ms},
        output={"firing": firing, "effect": effect, "event": "started" if firing else "calm"},
        **facts,
    )


def applied(stage, normal: Normal | None = None, at_ms: int = AT_MS) -> Effects:
    effects = Effects()
    stage.apply(normal or Normal(), at_ms, effects)
    return effects


def only(effects: Effects) -> Alert:
    (alert,) = effects.alerts.values()
    return alert
