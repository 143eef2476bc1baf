"""One kind of decision and who makes it: live versions by scope, shadows and canaries, and what passes between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.entities import Topology
from mainstay.domain.models import Deployment, ModelKind, VersionRef
from mainstay.mlops.agreement import Agreement
from mainstay.mlops.registry import Registry
from mainstay.mlops.rollouts.canary import Voices
from mainstay.mlops.scopes import EVERYWHERE, Places, draws, scope_for
from mainstay.mlops.timing import Meter, Race
from mainstay.models.checks import Pure, Streaming

Model = Streaming | Pure


@dataclass(slots=True)
class Second:
    """A shadow or a canary of one scope. `model` is None when it failed; `agreement` then says how."""

    ref: VersionRef
    role: Literal["shadow", "canary"]
    share: float
    model: Model | None
    agreement: Agreement
    voices: Voices = field(default_factory=Voices)
    members: dict[str, bool] = field(default_factory=dict)
    slots: npt.NDArray[np.bool_] | None = None
    race: Race = field(default_factory=Race)

    def drop(self, error: Exception) -> None:
        """One that fails leaves; the live version has not noticed."""
        self.model = None
        self.agreement.errors += 1
        self.agreement.error = f"{type(error).__name__}: {error}"[:500]

    def is_of(self, deployment: Deployment) -> bool:
        """Whether it is what this deployment asks for."""
        return (self.ref, self.role, self.share) == second_of(deployment)


@dataclass(slots=True)
class Seat:
    """Who decides one kind.

    Attributes:
        deployments: By scope; `*` is always there.
        live: Serves `*`, and every other scope too when several versions fit into one call (`is_together`).
        others: Live versions of scopes that need a detector of their own.
        seconds: Shadows and canaries, by scope.
        orphans: Conditions that a cold live version does not know of.
        scope_memo: Which scope decides about an entity; it does not change while the deployments do not.
        meter: What its calls have taken since this version serves; no part of the state.
    """

    kind: ModelKind
    deployments: dict[str, Deployment]
    live: Model
    others: dict[VersionRef, Streaming] = field(default_factory=dict)
    seconds: dict[str, Second] = field(default_factory=dict)
    orphans: list[tuple[str, str]] = field(default_factory=list)
    scope_memo: dict[str, str] = field(default_factory=dict)
    topology: Callable[[], Topology] = Topology
    is_together: bool = False
    meter: Meter = field(default_factory=Meter)

    @property
    def models(self) -> dict[str, Streaming]:
        """Those that have a state, by role, kind, and what they are called in it: `second|metrics|team:shop`."""
        found: dict[str, Model | None] = {f"live|{self.kind}|": self.live}
        found |= {f"other|{self.kind}|{ref}": model for ref, model in self.others.items()}
        found |= {f"second|{self.kind}|{scope}": one.model for scope, one in self.seconds.items()}
        return {name: cast("Streaming", model) for name, model in found.items() if hasattr(model, "snapshot")}

    @property
    def deployment(self) -> Deployment:
        """What serves everywhere else."""
        return self.deployments[EVERYWHERE]

    @property
    def shadow(self) -> Model | None:
        """The second of `*`."""
        second = self.seconds.get(EVERYWHERE)
        return second.model if second else None

    def scope(self, entity: str) -> str:
        """The scope that decides about an entity."""
        if len(self.deployments) == 1:
            return EVERYWHERE
        known = self.scope_memo.get(entity)
        if known is None:
            known = self.scope_memo[entity] = scope_for(entity, self.topology().entities, self.deployments)
        return known

    def shared(self, entities: Iterable[str]) -> str:
        """The scope that decides about all of these together: the one that they have in common, or everywhere."""
        if len(self.deployments) == 1:
            return EVERYWHERE
        scopes = {self.scope(entity) for entity in entities}
        return scopes.pop() if len(scopes) == 1 else EVERYWHERE

    def ref(self, entity: str) -> VersionRef:
        """The version that decides about an entity."""
        return self.deployments[self.scope(entity)].live

    def sees(self, scope: str, entity: str) -> bool:
        """Whether the second of a scope looks at an entity."""
        second = self.seconds[scope]
        known = second.members.get(entity)
        if known is None:
            drawn = draws(str(second.ref), entity, second.share)
            known = second.members[entity] = drawn and self.scope(entity) == scope
        return known

    def slots(self, scope: str, places: Places) -> npt.NDArray[np.bool_]:
        """Slots of the series that the second of a scope looks at."""
        second = self.seconds[scope]
        if second.slots is None:
            second.slots = places.mask(lambda entity: self.sees(scope, entity))
        return second.slots

    def told(self) -> dict[str, Any]:
        """For people."""
        scopes = {scope: self._told(scope) for scope in self.deployments}
        return {**scopes.pop(EVERYWHERE), "scopes": scopes}

    def _told(self, scope: str) -> dict[str, Any]:
        deployment, second = self.deployments[scope], self.seconds.get(scope)
        said: dict[str, Any] = msgspec.to_builtins(deployment)
        for name in ("live", "shadow", "previous", "canary"):
            ref = getattr(deployment, name)
            said[name] = str(ref) if ref else None
        return {**said, "agreement": second.agreement.told() if second else None}


def second_of(deployment: Deployment) -> tuple[VersionRef, Literal["shadow", "canary"], float] | None:
    """Which version stands beside the live one, as what, for which share."""
    if deployment.canary:
        return deployment.canary, "canary", deployment.share
    return (deployment.shadow, "shadow", deployment.share) if deployment.shadow else None


def since(wanted: Deployment, before: Deployment | None) -> Deployment:
    """With the moment since when its live version decides: a shadow that comes or goes beside it changes nothing."""
    at_ms = wanted.since_ms
    if before is not None and before.live == wanted.live:
        at_ms = before.live_since_ms or before.since_ms
    return msgspec.structs.replace(wanted, live_since_ms=at_ms)


def seat_of(
    deployments: Mapping[str, Deployment], registry: Registry, topology: Callable[[], Topology] = Topology
) -> Seat:
    """A seat whose versions have seen nothing yet."""
    everywhere = deployments[EVERYWHERE]
    seat = Seat(everywhere.kind, dict(deployments), registry.load(everywhere.live), topology=topology)
    _join(seat, registry)
    for scope, deployment in deployments.items():
        wanted = second_of(deployment)
        if wanted:
            agreement = Agreement(since_ms=deployment.since_ms)
            seat.seconds[scope] = Second(*wanted, registry.load(wanted[0]), agreement)
    return seat


def swapped(old: Seat, wanted: Deployment, registry: Registry) -> Seat:
    """The seat after a change of one deployment; the old seat is left as it is when a version cannot be loaded.

    A rollback to the warm shadow goes on with the shadow's own state: the bad version's may be what is bad about it.
    """
    new = Seat(old.kind, {**old.deployments, wanted.scope: wanted}, old.live, topology=old.topology)
    new.seconds = {scope: second for scope, second in old.seconds.items() if scope != wanted.scope}
    second = old.seconds.get(wanted.scope)
    before = old.deployments.get(wanted.scope, old.deployment)
    is_new_scope = wanted.scope not in old.deployments
    if wanted.live == before.live and not is_new_scope:
        new.others, new.is_together, new.scope_memo = old.others, old.is_together, old.scope_memo
        new.meter = old.meter
    else:
        _relive(old, new, wanted, registry)
    asked = second_of(wanted)
    if second is not None and asked is not None and second.is_of(wanted):
        new.seconds[wanted.scope] = second
    elif asked is not None:
        new.seconds[wanted.scope] = _seconded(old, new, wanted, registry)
    if new.live is not old.live or new.scope_memo is not old.scope_memo:
        for one in new.seconds.values():
            one.members, one.slots = {}, None
    new.orphans = [*old.orphans, *_orphans(old, new, wanted.scope)]
    return new


def _relive(old: Seat, new: Seat, wanted: Deployment, registry: Registry) -> None:
    """Live versions after one of them changed, each as warm as can be."""
    second = old.seconds.get(wanted.scope)
    is_back = wanted.scope == EVERYWHERE and wanted.live == old.deployment.previous
    is_alone = len(new.deployments) == 1
    if is_back and is_alone and second and second.model and second.ref == wanted.live and second.share >= 1.0:
        new.live = second.model
        return
    new.live = registry.load(new.deployment.live)
    _join(new, registry)
    if not hasattr(new.live, "snapshot"):
        return
    source = cast("Streaming", old.live)
    _warm(cast("Streaming", new.live), source, second)
    for ref, model in new.others.items():
        _warm(model, old.others.get(ref, source), second if second and second.ref == ref else None)


def _warm(new: Streaming, before: Streaming, second: Second | None) -> None:
    """Take over the state when that has the same format; else what the version learned beside it; else cold."""
    if new.STATE == before.STATE:
        new.restore(before.snapshot())
    elif second is not None and second.model is not None and cast("Streaming", second.model).STATE == new.STATE:
        new.restore(cast("Streaming", second.model).snapshot())


def _seconded(old: Seat, new: Seat, wanted: Deployment, registry: Registry) -> Second:
    """The instance that knows most: the version that served until now, the second in its other role, or a warm copy."""
    ref, role, share = cast("tuple[VersionRef, Literal['shadow', 'canary'], float]", second_of(wanted))
    before, agreement = old.seconds.get(wanted.scope), Agreement(since_ms=wanted.since_ms)
    if ref == old.deployment.live and wanted.scope == EVERYWHERE and not old.is_together and old.live is not new.live:
        second = Second(ref, role, share, old.live, agreement)
    elif before is not None and before.ref == ref and before.model is not None and before.share >= share:
        second = Second(ref, role, share, before.model, agreement)
    else:
        model = registry.load(ref)
        second = Second(ref, role, share, model, agreement)
        if hasattr(model, "snapshot"):
            _warm(
                cast("Streaming", model), cast("Streaming", old.live), before if before and before.ref == ref else None
            )
    if role == "canary" and hasattr(second.model, "firing"):
        voices_live = cast("Streaming", new.live).firing()
        second.voices.begin(voices_live, cast("Streaming", second.model).firing())
    return second


def _join(seat: Seat, registry: Registry) -> None:
    """Several live versions: in one call when the algorithm can, else one detector each."""
    refs = list(dict.fromkeys(one.live for one in seat.deployments.values()))
    if len(refs) == 1:
        return
    at = {ref: i for i, ref in enumerate(refs)}
    mark = ",".join(f"{scope}={one.live}" for scope, one in sorted(seat.deployments.items()))
    joined = registry.load_together(refs, lambda entity: at[seat.ref(entity)], mark)
    if joined is not None:
        seat.live, seat.is_together = joined, True
    else:
        seat.others = {ref: cast("Streaming", registry.load(ref)) for ref in refs if ref != seat.deployment.live}


def _orphans(old: Seat, new: Seat, scope: str) -> list[tuple[str, str]]:
    """What was told as anomalous and nobody who serves now knows of."""
    left = old.seconds.get(scope)
    gone = (
        left.voices.only_the_canarys() if left and left.role == "canary" and new.seconds.get(scope) is not left else []
    )
    if new.live is old.live and new.others is old.others:
        return gone
    if not hasattr(old.live, "firing"):
        return []
    known = {pair for model in (new.live, *new.others.values()) for pair in cast("Streaming", model).firing()}
    before = [*cast("Streaming", old.live).firing(), *gone]
    return [pair for pair in dict.fromkeys(before) if pair not in known]
