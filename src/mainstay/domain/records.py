"""The inbox's record and the commands of people: all that moves the pipeline, in one order, so a replay is exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.signals import Decoded

Lane = Literal["signals", "alerts", "control"]
SET_ASIDE = "set-aside"
"""Source of a record that stands in the place of one on which a stage fails; its body says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One durable thing that happened, in its place in the one order.

    Args:
        seq: Rises by one per record over all lanes; never reused.
        source: Names the decoder: `otlp-metrics`, `otlp-metrics+json`, `remote-write`, `alertmanager-webhook`,
            `alertmanager-api`, `cloudevents`; or `tick` (body empty), or `command` (body is a `Command` as JSON).
        received_ns: The pipeline's clock: a replay takes the time from here.
        decoded: What the door already decoded; None after a restart, then the body is decoded again.
    """

    seq: int
    lane: Lane
    source: str
    received_ns: int
    body: bytes
    tenant: str = DEFAULT_TENANT
    decoded: Decoded | None = None


CommandKind = Literal[
    "acknowledge", "resolve", "merge", "split", "verdict", "deploy", "rollback", "plan-outcome", "suppress",
    "remember", "request-plan", "govern", "rollout", "runtime", "assess-change", "silence", "maintenance",
    "suppression",
]  # fmt: skip


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What a person (or the executor) told the pipeline.

    It goes through the inbox, so it is durable and replayed in order.

    Attributes:
        subject: Incident, alert, plan or model it is about.
        arguments: `merge`: into · `split`: alert · `deploy`: kind, live, shadow · `verdict`: the Verdict as a mapping
            · `plan-outcome`: status, says · `request-plan`: plan, whole, as JSON
            · `govern`: what is written down of a model, each value as JSON.
            · `remember`: tickets of the time before us, as JSON.
            · `assess-change`: change, whole, as JSON; the subject is the forecast's id.
            · `silence`, `maintenance`: put, whole, as JSON; or ends_ms (extended, or ended by now)
            · `suppression`: mode, why; the subject is the team
            · `rollout`: challenger, scope, why, change (standard, normal), evidence as JSON.
            · `runtime`: by kind of model the `Pace` of the last minute, as JSON.
    """

    kind: CommandKind
    by: str
    at_ms: int
    subject: str
    arguments: dict[str, str] = {}

    @classmethod
    def read(cls, body: bytes) -> Command:
        """A command as it stands in the inbox."""
        return msgspec.json.decode(body, type=cls)

    def body(self) -> bytes:
        """The command as it goes into the inbox."""
        return msgspec.json.encode(self)
