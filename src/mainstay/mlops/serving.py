"""Serving: the only way to a model. Every answer carries the version that gave it; a shadow answers too, unheard."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.errors import BadInput, Corrupt, MainstayError, Refused
from mainstay.domain.models import Decision, Deployment, ModelKind, ModelVersion, VersionRef
from mainstay.domain.predictions import InProduction
from mainstay.domain.protocols import JudgeKind, Scored, Served, StreamKind, Transition
from mainstay.domain.records import Command
from mainstay.domain.rollouts import Rollout
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import Normal
from mainstay.domain.state import Part, joined, pack, parted, pieces_of, unpack
from mainstay.mlops.agreement import Agreement, heard
from mainstay.mlops.registry import KINDS, Registry, deployed
from mainstay.mlops.rollouts.canary import Voices
from mainstay.mlops.rollouts.rolling import deployment_of
from mainstay.mlops.rollouts.rollout import ONLY_EVERYWHERE, Rollouts, State
from mainstay.mlops.scopes import EVERYWHERE, NO_SLOTS, Places, about, checked, draws, items, part, unit_of
from mainstay.mlops.seat import Seat, Second, seat_of, since, swapped
from mainstay.mlops.timing import Meter, Stopwatch, Took
from mainstay.mlops.voicing import voiced
from mainstay.models.checks import Pure, Streaming

log = logging.getLogger(__name__)
FORMAT = 3
SECOND_FAILS = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, MainstayError)
"""What a shadow or a canary may raise without harm to the live version (all that a wrong version can do by itself)."""
KINDS_OF_SERIES = frozenset({"metrics", "entities"})


class _Second(msgspec.Struct):
    agreement: Agreement
    voices: Voices


class _Saved(msgspec.Struct):
    """All but the models' own states, which follow by their names in `Seat.models`."""

    deployments: dict[ModelKind, dict[str, Deployment]]
    seconds: dict[ModelKind, dict[str, _Second]]
    orphans: dict[ModelKind, list[tuple[str, str]]]
    scopes: dict[ModelKind, dict[str, str]]
    places: tuple[list[str], bytes]
    rollouts: State
    now_ms: int


class Serving:
    """Holds the live version of every kind and scope, and at most one shadow or canary of each; implements
    `domain.protocols.Models`.

    Deploy, rollback and rollout come as commands through the pipeline, so that they have their place in the one order
    of things and a replay swaps at the same record. A version that goes live takes over the state of the one before
    when their state has one format; after a swap the old one stays as shadow, so a rollback finds it warm.

    Attributes:
        unserved: Per kind and scope: which version should serve and cannot be, and what decides in its place.
    """  # noqa: D205

    def __init__(self, registry: Registry, topology: Callable[[], Topology] = Topology) -> None:
        self._registry, self._topology = registry, topology
        self._loaded: dict[VersionRef, Streaming | Pure] = {}
        self.unserved: dict[str, str] = {}
        self.places, self._now_ms = Places(), 0
        self.rollouts = Rollouts(self)
        self._seats = {kind: self._seated(kept) for kind, kept in sorted(registry.deployments().items())}

    # -- decisions

    def score(self, kind: StreamKind, normal: Normal) -> Served:
        """Score with the live version; the shadow scores too, and a canary is heard about its share."""
        seat = self._seats[kind]
        self._now_ms = max(self._now_ms, normal.at_ns // 1_000_000)
        if kind == "metrics" and len(normal.new_series):
            self._hear(SeriesColumns.of(normal.new_series))
        watch = Stopwatch()
        scored = voiced(seat, normal, self.places)
        took = watch.took()
        seat.meter.add(took, items(kind, normal))
        if seat.orphans:
            at_ns = max((t.at_ns for t in scored.transitions), default=normal.at_ns)
            ends = tuple(_orphaned(s, c, at_ns, seat.deployment) for s, c in seat.orphans)
            scored, seat.orphans = dataclasses.replace(scored, transitions=(*ends, *scored.transitions)), []
        shadow = None
        for scope in seat.seconds:
            scored, shadow = self._seconded(seat, scope, normal, (scored, took)) or (scored, shadow)
        return Served(seat.deployment.live, scored, seat.deployment.shadow if shadow else None, shadow)

    def decide(self, kind: JudgeKind, inputs: Mapping[str, Any]) -> Decision:
        """Decide with the version that is live where the question lies; a shadow there decides too, and whether it
        agrees is counted. A canary's word holds for its share of incidents."""  # noqa: D205, D209
        seat = self._seats[kind]
        scope = seat.shared(about(kind, inputs)) if len(seat.deployments) > 1 else EVERYWHERE
        by = seat.deployments[scope].live
        watch = Stopwatch()
        output = seat.others.get(by, seat.live).decide(inputs)
        took = watch.took()
        seat.meter.add(took, 1)
        second = seat.seconds.get(scope)
        if second is not None and second.model is not None:
            try:
                watch = Stopwatch()
                other = second.model.decide(inputs)
                second.race.ran(took, watch.took(), is_all=True)
                second.agreement.decided(same=_bytes(heard(kind, other)) == _bytes(heard(kind, output)))
            except SECOND_FAILS as error:
                second.drop(error)
            else:
                if second.role == "canary" and draws(str(second.ref), unit_of(inputs), second.share):
                    output, by = other, second.ref
        return Decision(decided_by=by, inputs=dict(inputs), output=output)

    def reperform(self, ref: VersionRef, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The decision of exactly this version on frozen inputs; same version, same inputs, same bytes."""
        if "swapped" in inputs:
            return _orphan_output(inputs["swapped"])
        if ref not in self._loaded:
            self._loaded[ref] = self._registry.load(ref)
        return self._loaded[ref].decide(inputs)

    # -- changes

    def apply(self, command: Command, effects: Effects) -> None:
        """Deploy, roll back, or anything about a rollout.

        For a deploy `arguments` has kind, scope and `live` or `shadow` as NAME@NUMBER (shadow may be `none`). A
        rollback sends a canary back, or, when there is none, goes to the version before; `from` names the version
        that is to leave, so that two people who press the button at once do not bring it back.

        Raises:
            BadInput, Refused: Not a command for this stage, a kind that does not exist, or nothing to go back to.
            NotFound, Corrupt: The version cannot be served; what served before goes on.
        """
        if command.kind == "rollout":
            self.rollouts.apply(command, effects)
            return
        kind = cast("ModelKind", command.arguments.get("kind", command.subject))
        if kind not in KINDS:
            raise BadInput(f"there is no kind of model {kind!r}; give one of {', '.join(KINDS)}")
        scope = checked(command.arguments.get("scope", EVERYWHERE))
        self._still_decides(kind, scope, command.arguments.get("from", ""))
        rollout = self.rollouts.in_canary(kind, scope) if command.kind == "rollback" else None
        if rollout is not None:
            why = command.arguments.get("why") or "rolled back by hand"
            self.rollouts.leave(rollout, f"{command.by}: {why}", effects, at_ms=command.at_ms, by=f"user:{command.by}")
            return
        if scope != EVERYWHERE and kind in ONLY_EVERYWHERE:
            raise BadInput(f"versions for {kind} are deployed everywhere at once: scope *")
        seat = self._seats[kind]
        now = seat.deployments.get(scope) or Deployment(kind=kind, scope=scope, live=seat.deployment.live)
        wanted, why = deployment_of(command, now, self.rollouts.state.policy)
        if scope not in seat.deployments and wanted.shadow == now.live:  # nothing was replaced: it serves elsewhere
            wanted = msgspec.structs.replace(wanted, shadow=None, shadow_until_ms=0)
        for ref in (wanted.live, wanted.shadow):
            if ref and self._registry.version(ref).kind != kind:
                raise BadInput(f"{ref} is a model for {self._registry.version(ref).kind}, not for {kind}")
        try:
            self.change(wanted, command.by, why, effects)
        except MainstayError:
            if command.kind != "rollback" or wanted.shadow is None:
                raise
            # what we leave may be what cannot be loaded any more: the way back must not need it
            alone = msgspec.structs.replace(wanted, shadow=None, shadow_until_ms=0, share=1.0)
            self.change(alone, command.by, why, effects)

    def change(self, wanted: Deployment, by: str, why: str, effects: Effects) -> None:
        """What serves from the next batch on; when a version cannot be loaded nothing has changed."""
        seat = self._seats[wanted.kind]
        before = seat.deployments.get(wanted.scope)
        wanted = since(wanted, before)
        self._seats[wanted.kind] = swapped(seat, wanted, self._registry)
        self.unserved.pop(wanted.name, None)
        effects.deployments[wanted.name] = wanted
        effects.entries.append(deployed(wanted, before, by, why))

    def saw(self, effects: Effects) -> None:
        """After a record: gates are asked when a window is over, and who has shadowed long enough leaves."""
        self.rollouts.saw(effects, self._now_ms)
        for seat in list(self._seats.values()):
            for deployment in list(seat.deployments.values()):
                if 0 < deployment.shadow_until_ms <= self._now_ms:
                    alone = msgspec.structs.replace(
                        deployment, shadow=None, shadow_until_ms=0, share=1.0, since_ms=self._now_ms
                    )
                    self.change(alone, "mainstay", f"{deployment.shadow} has shadowed long enough", effects)

    # -- what is asked

    def seat(self, kind: ModelKind) -> Seat:
        """Who decides a kind."""
        return self._seats[kind]

    def known(self, ref: VersionRef) -> ModelVersion:
        """The metadata of one version."""
        return self._registry.version(ref)

    def deployment(self, kind: ModelKind, scope: str = EVERYWHERE) -> Deployment:
        """What serves a kind now."""
        return self._seats[kind].deployments[scope]

    def describe(self) -> dict[str, Any]:
        """Per kind: live, shadow, previous version, since when, and how far the shadow agrees; JSON-able."""
        return {kind: seat.told() for kind, seat in self._seats.items()}

    def costs(self, rollout: Rollout) -> dict[str, float]:
        """What champion and challenger took for the same items, by the names that `Evidence` has; not part of the
        state: it enters the order of things by a command."""  # noqa: D205, D209
        second = self._seats[rollout.kind].seconds.get(rollout.scope)
        return second.race.figures() if second is not None else {}

    def meters(self) -> dict[VersionRef, tuple[ModelKind, Meter]]:
        """What each model that decides has taken since it serves."""
        return {seat.deployment.live: (kind, seat.meter) for kind, seat in list(self._seats.items())}

    def in_production(self) -> tuple[InProduction, ...]:
        """How the models stand that a user runs, by the version of ours that watches them."""
        standing: tuple[InProduction, ...] = getattr(self._seats["predictions"].live, "standing", ())
        return standing

    def snapshot(self) -> bytes:
        """As `parts`, in one piece."""
        return joined(self.parts())

    def restore(self, state: bytes) -> None:
        """Take up what `snapshot` gave."""
        self.restore_parts(parted(state))

    def parts(self) -> Iterator[Part]:
        """Who serves what, then the state of each model by itself."""
        seats = self._seats
        saved = _Saved(
            {k: s.deployments for k, s in seats.items()},
            {k: {at: _Second(one.agreement, one.voices) for at, one in s.seconds.items()} for k, s in seats.items()},
            {k: s.orphans for k, s in seats.items()},
            {k: s.scope_memo for k, s in seats.items()},
            self.places.snapshot(),
            self.rollouts.state,
            self._now_ms,
        )
        yield Part("head", [pack("serving", FORMAT, saved)])
        for seat in seats.values():
            for name, model in seat.models.items():
                yield Part(name, pieces_of(model))

    def restore_parts(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Take up what `parts` gave."""
        given = iter(parts)
        saved = unpack("serving", FORMAT, next(given, ("", b""))[1], _Saved)
        self.places, self._now_ms, self.rollouts.state = Places(), saved.now_ms, saved.rollouts
        self.places.restore(*saved.places)
        for kind, deployments in saved.deployments.items():
            seat = self._seats[kind] = self._seated(deployments, saved.scopes[kind])
            seat.orphans = saved.orphans[kind]
            for scope, second in saved.seconds[kind].items():
                if scope in seat.seconds:
                    _restored(seat.seconds[scope], second)
        for name, state in given:
            role, of, _ = name.split("|", 2)
            seat = self._seats[cast("ModelKind", of)]
            is_same = role == "second" or seat.deployments == saved.deployments[seat.kind]
            _take_up(seat.models.get(name), state, is_same=is_same)

    # -- within

    def _still_decides(self, kind: ModelKind, scope: str, leaving: str) -> None:
        """Whether the version that a rollback is about decides there still; "" is any."""
        now = self._seats[kind].deployments.get(scope)
        if leaving and now is not None and leaving != str(now.canary or now.live):
            raise Refused(
                f"{leaving} does not decide in {scope} any more, {now.canary or now.live} does: left as it is"
            )

    def _seated(self, kept: Mapping[str, Deployment], scopes: Mapping[str, str] | None = None) -> Seat:
        """A seat of versions that can be served today; where one cannot, another one decides and it is said."""
        wanted = {}
        for scope, deployment in kept.items():
            wanted[scope], says = self._registry.stand_in(deployment)
            if says:
                self.unserved[deployment.name] = says
                log.error("%s", says)
        seat = seat_of(wanted, self._registry, self._topology)
        seat.scope_memo.update(scopes or {})
        return seat

    def _hear(self, series: SeriesColumns) -> None:
        self.places.add(series)
        for seat in self._seats.values():
            for second in seat.seconds.values():
                second.slots = None

    def _seconded(
        self, seat: Seat, scope: str, normal: Normal, live: tuple[Scored, Took]
    ) -> tuple[Scored, Scored] | None:
        """What is told with the second of a scope beside, and what that one said; None when it said nothing."""
        second, (scored, took) = seat.seconds[scope], live
        if second.model is None:
            return None
        try:
            theirs, share = self._share_of(seat, scope, normal)
            watch = Stopwatch()
            other = cast("Streaming", second.model).score(theirs)
            second.race.ran(took.part(share), watch.took(), is_all=theirs is normal)
        except SECOND_FAILS as error:
            second.drop(error)
            return None
        mine = tuple(told for told in scored.transitions if seat.sees(scope, told.entity))
        # It may know others from when it saw them: that it hears nothing of those says nothing of them.
        other = dataclasses.replace(
            other, transitions=tuple(told for told in other.transitions if seat.sees(scope, told.entity))
        )
        second.agreement.scored(mine, other.transitions, normal.at_ns)
        if second.role == "shadow":
            return scored, other
        rest = tuple(told for told in scored.transitions if not seat.sees(scope, told.entity))
        heard = second.voices.heard(mine, other.transitions, second.ref)
        return dataclasses.replace(scored, transitions=(*rest, *heard)), other

    def _share_of(self, seat: Seat, scope: str, normal: Normal) -> tuple[Normal, float]:
        """What the second of a scope looks at, and how much of all that is."""
        if seat.seconds[scope].share >= 1.0 and len(seat.deployments) == 1:
            return normal, 1.0
        slots = seat.slots(scope, self.places) if seat.kind in KINDS_OF_SERIES else NO_SLOTS
        theirs = part(normal, lambda entity: seat.sees(scope, entity), slots)
        kind = cast("StreamKind", seat.kind)
        return theirs, items(kind, theirs) / max(items(kind, normal), 1)


def _restored(second: Second, saved: _Second) -> None:
    if saved.agreement.errors:
        second.model = None
    second.agreement, second.voices = saved.agreement, saved.voices


def _take_up(model: Streaming | None, state: bytes, *, is_same: bool) -> None:
    """A version that stands in for another one may not know its state: then it begins cold."""
    if model is None:
        return
    try:
        model.restore(state)
    except Corrupt:
        if is_same:
            raise


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
