"""Serving: the only way to a model. Every answer carries the version that gave it; a shadow answers too, unheard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec

from mainstay.domain.effects import Effects
from mainstay.domain.errors import BadInput, MainstayError
from mainstay.domain.models import Decision, Deployment, ModelKind, VersionRef
from mainstay.domain.predictions import InProduction
from mainstay.domain.protocols import JudgeKind, Scored, Served, StreamKind, Transition
from mainstay.domain.records import Command
from mainstay.domain.signals import Normal
from mainstay.domain.state import pack, unpack
from mainstay.mlops.agreement import Agreement
from mainstay.mlops.registry import KINDS, Registry, deployed
from mainstay.mlops.seat import Seat, seat_of, swapped
from mainstay.models.checks import Pure, Streaming

FORMAT = 1
SHADOW_FAILS = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, MainstayError)
"""What a shadow may raise without harm to the live version (everything that a wrong version can do by itself)."""


class _Saved(msgspec.Struct):
    deployments: dict[ModelKind, Deployment]
    live: dict[ModelKind, bytes]
    shadow: dict[ModelKind, bytes]
    agreement: dict[ModelKind, Agreement]
    orphans: dict[ModelKind, list[tuple[str, str]]]


class Serving:
    """Holds one live version per kind and at most one shadow; implements `domain.protocols.Models`.

    Deploy and rollback come as commands through the pipeline, so that they have their place in the one order of
    things and a replay swaps at the same record. A version that goes live takes over the state of the one before when
    their state has one format; after a swap the old one stays as shadow, so a rollback finds it warm.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._loaded: dict[VersionRef, Streaming | Pure] = {}
        self._seats: dict[ModelKind, Seat] = {
            kind: seat_of(deployment, registry) for kind, deployment in sorted(registry.deployments().items())
        }

    def score(self, kind: StreamKind, normal: Normal) -> Served:
        """Score with the live version; the shadow scores too."""
        seat = self._seats[kind]
        scored = cast("Streaming", seat.live).score(normal)
        if seat.orphans:
            at_ns = max((t.at_ns for t in scored.transitions), default=normal.at_ns)
            ends = tuple(_orphaned(s, c, at_ns, seat.deployment) for s, c in seat.orphans)
            scored, seat.orphans = Scored((*ends, *scored.transitions), scored.scores, scored.bands), []
        shadow = None
        if seat.shadow is not None:
            try:
                shadow = cast("Streaming", seat.shadow).score(normal)
                seat.agreement.scored(scored, shadow)
            except SHADOW_FAILS as error:
                seat.drop_shadow(error)
        return Served(seat.deployment.live, scored, seat.deployment.shadow if shadow else None, shadow)

    def decide(self, kind: JudgeKind, inputs: Mapping[str, Any]) -> Decision:
        """Decide with the live version; the shadow decides too, and whether it agrees is counted."""
        seat = self._seats[kind]
        output = seat.live.decide(inputs)
        if seat.shadow is not None:
            try:
                seat.agreement.decided(same=_bytes(seat.shadow.decide(inputs)) == _bytes(output))
            except SHADOW_FAILS as error:
                seat.drop_shadow(error)
        return Decision(decided_by=seat.deployment.live, inputs=dict(inputs), output=output)

    def apply(self, command: Command, effects: Effects) -> None:
        """Deploy or roll back: `arguments` has kind, and for a deploy `live` or `shadow` as NAME@NUMBER (shadow may be
        `none`); a rollback goes to the version before.

        Raises:
            BadInput: Not a command for this stage, a kind that does not exist, or nothing to go back to.
            NotFound, Corrupt: The version cannot be served; what served before goes on.
        """  # noqa: D205
        kind = cast("ModelKind", command.arguments.get("kind", command.subject))
        if kind not in KINDS:
            raise BadInput(f"there is no kind of model {kind!r}; give one of {', '.join(KINDS)}")
        seat = self._seats[kind]
        wanted, why = _wanted(command, seat.deployment)
        for ref in (wanted.live, wanted.shadow):
            if ref and self._registry.version(ref).kind != kind:
                raise BadInput(f"{ref} is a model for {self._registry.version(ref).kind}, not for {kind}")
        self._seats[kind] = swapped(seat, wanted, self._registry)
        effects.deployments[kind] = wanted
        effects.entries.append(deployed(wanted, seat.deployment, command.by, why))

    def reperform(self, ref: VersionRef, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The decision of exactly this version on frozen inputs; same version, same inputs, same bytes."""
        if "swapped" in inputs:
            return _orphan_output(inputs["swapped"])
        if ref not in self._loaded:
            self._loaded[ref] = self._registry.load(ref)
        return self._loaded[ref].decide(inputs)

    def deployment(self, kind: ModelKind) -> Deployment:
        """What serves a kind now."""
        return self._seats[kind].deployment

    def describe(self) -> dict[str, Any]:
        """Per kind: live, shadow, previous version, since when, and how far the shadow agrees; JSON-able."""
        return {kind: seat.told() for kind, seat in self._seats.items()}

    def in_production(self) -> tuple[InProduction, ...]:
        """How the models stand that a user runs, by the version of ours that watches them."""
        standing: tuple[InProduction, ...] = getattr(self._seats["predictions"].live, "standing", ())
        return standing

    def snapshot(self) -> bytes:
        seats = self._seats
        return pack(
            "serving",
            FORMAT,
            _Saved(
                {k: s.deployment for k, s in seats.items()},
                {k: s.live.snapshot() for k, s in seats.items() if hasattr(s.live, "snapshot")},
                {k: s.shadow.snapshot() for k, s in seats.items() if s.shadow and hasattr(s.shadow, "snapshot")},
                {k: s.agreement for k, s in seats.items()},
                {k: s.orphans for k, s in seats.items()},
            ),
        )

    def restore(self, state: bytes) -> None:
        saved = unpack("serving", FORMAT, state, _Saved)
        for kind, deployment in saved.deployments.items():
            seat = seat_of(deployment, self._registry)
            if kind in saved.live:
                cast("Streaming", seat.live).restore(saved.live[kind])
            if kind in saved.shadow and seat.shadow is not None:
                cast("Streaming", seat.shadow).restore(saved.shadow[kind])
            seat.agreement, seat.orphans = saved.agreement[kind], saved.orphans[kind]
            if seat.agreement.errors:
                seat.shadow = None
            self._seats[kind] = seat


def _wanted(command: Command, now: Deployment) -> tuple[Deployment, str]:
    """The deployment that a command asks for, and its reason."""
    given = command.arguments
    why = given.get("why", "")
    if command.kind == "rollback":
        if now.previous is None:
            raise BadInput(f"{now.kind} has only ever served {now.live}: there is nothing to go back to")
        return Deployment(
            kind=now.kind, live=now.previous, shadow=now.live, previous=now.live, since_ms=command.at_ms
        ), why or f"rollback from {now.live}"
    if command.kind != "deploy" or not (given.get("live") or given.get("shadow")):
        raise BadInput(f"a deploy of {now.kind} names live or shadow as NAME@NUMBER; got {command.kind} {given}")
    live = _ref(given["live"]) if given.get("live") else now.live
    is_swap = live != now.live
    shadow = now.live if is_swap else now.shadow
    if given.get("shadow"):
        shadow = None if given["shadow"] == "none" else _ref(given["shadow"])
    return Deployment(
        kind=now.kind,
        live=live,
        shadow=None if shadow == live else shadow,
        previous=now.live if is_swap else now.previous,
        since_ms=command.at_ms,
    ), why or "deploy"


def _ref(text: str) -> VersionRef:
    try:
        return VersionRef.parse(text)
    except ValueError as error:
        raise BadInput(str(error)) from None


def _bytes(output: dict[str, Any]) -> bytes:
    return msgspec.json.encode(output, order="deterministic")


def _orphaned(subject: str, channel: str, at_ns: int, deployment: Deployment) -> Transition:
    inputs = {"subject": subject, "channel": channel, "at_ns": at_ns, "live": str(deployment.live)}
    output = _orphan_output(inputs)
    return Transition(
        subject=subject,
        entity="",
        firing=False,
        since_ns=at_ns,
        at_ns=at_ns,
        name="version swapped",
        signal="other",
        severity="info",
        summary=output["summary"],
        channel=channel,
        inputs={"swapped": inputs},
        output=output,
    )


def _orphan_output(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A version that took over without state knows of nothing anomalous; what still is will be found again."""
    return {"firing": False, "event": "swapped", "summary": f"{inputs['live']} took over without knowing of it"}
