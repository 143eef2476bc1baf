"""What a rollout is asked for with, what it has seen, and what the ledger says of it."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from mainstay.domain.effects import Effects
from mainstay.domain.errors import BadInput, MainstayError
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Deployment, ModelKind, ModelVersion, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.rollouts import CoursePoint, Evidence, GatePolicy, GatePolicyRecord, GateResult, Rollout
from mainstay.mlops.registry import KINDS
from mainstay.mlops.rollouts.corroboration import Corroboration
from mainstay.mlops.scopes import EVERYWHERE
from mainstay.mlops.seat import Seat, Second

HOUR_MS = 3_600_000
MOST_POINTS = 120
SHARED_KINDS = frozenset({"metrics", "entities"})
"""What costs by the series: their shadows see a share, others see everything."""


class Serves(Protocol):
    """What a rollout needs of serving."""

    def seat(self, kind: ModelKind) -> Seat: ...
    def known(self, ref: VersionRef) -> ModelVersion: ...
    def change(self, wanted: Deployment, by: str, why: str, effects: Effects) -> None: ...


def promoted(now: Deployment, live: VersionRef, policy: GatePolicy, at_ms: int) -> Deployment:
    """The deployment after a swap: the version just replaced shadows its successor for a while."""
    is_kept = policy.bench_hours > 0 and live != now.live
    return msgspec.structs.replace(
        now,
        live=live,
        shadow=now.live if is_kept else None,
        canary=None,
        previous=now.live,
        share=policy.shadow_share if now.kind in SHARED_KINDS else 1.0,
        since_ms=at_ms,
        shadow_until_ms=at_ms + int(policy.bench_hours * HOUR_MS) if is_kept else 0,
    )


def deployment_of(command: Command, now: Deployment, policy: GatePolicy) -> tuple[Deployment, str]:
    """The deployment that a deploy or a rollback asks for, and its reason."""
    given = command.arguments
    why = given.get("why", "")
    if command.kind == "rollback":
        if now.previous is None:
            raise BadInput(f"{now.kind} has only ever served {now.live}: there is nothing to go back to")
        says = f"rollback from {now.live}" + (f": {why}" if why else "")
        return promoted(now, now.previous, policy, command.at_ms), says
    if command.kind != "deploy" or not (given.get("live") or given.get("shadow")):
        raise BadInput(f"a deploy of {now.kind} names live or shadow as NAME@NUMBER; got {command.kind} {given}")
    live = _ref(given["live"]) if given.get("live") else now.live
    wanted = promoted(now, live, policy, command.at_ms) if live != now.live else now
    if given.get("shadow"):
        shadow = None if given["shadow"] == "none" else _ref(given["shadow"])
        share = float(given.get("share") or (policy.shadow_share if now.kind in SHARED_KINDS else 1.0))
        wanted = msgspec.structs.replace(
            wanted, shadow=None if shadow == live else shadow, canary=None, share=share, shadow_until_ms=0
        )
    return msgspec.structs.replace(wanted, since_ms=command.at_ms), why or "deploy"


def _ref(text: str) -> VersionRef:
    try:
        return VersionRef.parse(text)
    except ValueError as error:
        raise BadInput(str(error)) from None


def asked(command: Command, serving: Serves) -> Rollout:
    """The rollout that a command asks for.

    Raises:
        BadInput: It does not say which version and kind.
    """
    given = command.arguments
    kind: Any = command.subject
    if kind not in KINDS:
        raise BadInput(f"there is no kind of model {kind[:40]!r}; give one of {', '.join(KINDS)}")
    try:
        challenger = VersionRef.parse(given.get("challenger", ""))
        evidence = msgspec.json.decode(given.get("evidence") or "{}", type=dict[str, Any])
    except (ValueError, msgspec.DecodeError) as error:
        raise BadInput(f"a rollout names its challenger, and evidence as a JSON object: {error}") from None
    seat, scope = serving.seat(kind), given.get("scope", EVERYWHERE)
    champion = seat.deployments.get(scope, seat.deployment).live
    is_standard = given.get("change") == "standard" and _is_like(challenger, champion, serving)
    return Rollout(
        id=f"rollout-{challenger}-{scope}-{command.at_ms}",
        kind=kind,
        scope=scope,
        champion=champion,
        challenger=challenger,
        change="standard" if is_standard else "normal",
        by=command.by,
        why=given.get("why", ""),
        since_ms=command.at_ms,
        stage_since_ms=command.at_ms,
        given=evidence,
        run=given.get("run", ""),
        says=given.get("why", ""),
    )


def _is_like(challenger: VersionRef, champion: VersionRef, serving: Serves) -> bool:
    """A standard change is a retrain: made from a version of the same algorithm and features, with a record of how."""
    try:
        new, old = serving.known(challenger), serving.known(champion)
    except MainstayError:
        return False
    return bool(new.experiment) and (new.algorithm, new.kind) == (old.algorithm, old.kind)


def paged(seen: Evidence, corroboration: Corroboration) -> Evidence:
    """What was seen, with its pages counted for both versions by one rule: what the correlator opened is a page, and it
    would not be there without a version when it holds nothing but what that one alone found."""  # noqa: D205, D209
    extra, missed = (
        sum(corroboration.is_of(name, conditions) for name in seen.opened)
        for conditions in (frozenset(seen.alone), frozenset(seen.champion_alone))
    )
    return msgspec.structs.replace(
        seen, pages=len(seen.opened), extra_pages=extra, missed_pages=missed, opened=[], alone=[], champion_alone=[]
    )


def live_evidence(seen: Evidence, second: Second) -> Evidence:
    agreed = second.agreement
    return msgspec.structs.replace(
        seen,
        both=seen.both + agreed.both,
        delay_ms=agreed.delay_ms,
        same=agreed.same,
        decisions=agreed.decisions,
        errors=agreed.errors,
    )


def with_replay(evidence: Evidence, given: dict[str, Any]) -> Evidence:
    """Labelled faults that were replayed to both, as a training hands them in."""
    validation = given.get("validation") or {}
    old, new = validation.get("champion") or {}, validation.get("challenger") or {}
    if not (old.get("faults") and new.get("faults")):
        return evidence
    return msgspec.structs.replace(
        evidence,
        faults=int(new["faults"]),
        champion_faults=int(old.get("detected", 0)),
        challenger_faults=int(new.get("detected", 0)),
        champion_extra=int(old.get("false_alarms", 0)),
        challenger_extra=int(new.get("false_alarms", 0)),
    )


def coursed(rollout: Rollout, seen: Evidence, at_ms: int) -> tuple[CoursePoint, ...]:
    """The course with one window more; of a full one every second window goes, so that all of the way is kept."""
    if seen.decisions:  # a judge is compared decision by decision
        champion = challenger = seen.decisions
        both = seen.same
    else:
        champion, both = seen.both + seen.champion_only, seen.both
        challenger = seen.both + seen.challenger_only + seen.confirmed
    point = CoursePoint(at_ms=at_ms, stage=rollout.stage, champion=champion, challenger=challenger, both=both)
    course = rollout.course[::2] if len(rollout.course) >= MOST_POINTS else rollout.course
    return (*course, point)


def more(true: int, false: int, is_true: bool) -> tuple[int, int]:
    return true + is_true, false + (not is_true)


def is_same(one: str, other: str) -> bool:
    return one.removeprefix("user:").casefold() == other.removeprefix("user:").casefold()


def stage_entry(rollout: Rollout, by: str, at_ms: int, seq: int) -> Entry:
    experiment = str(rollout.given.get("experiment", ""))
    rests_on = (f"version-{rollout.challenger}", f"version-{rollout.champion}", *([experiment] if experiment else []))
    word = "validated" if rollout.validator and by == f"user:{rollout.validator}" else rollout.stage
    return Entry(
        id=f"{rollout.id}:{word}:{seq}",
        kind="rollout",
        at_ms=at_ms,
        actor=by,
        subject=rollout.id,
        output={
            "stage": rollout.stage,
            "scope": rollout.scope,
            "challenger": str(rollout.challenger),
            "champion": str(rollout.champion),
            "change": rollout.change,
            "validator": rollout.validator,
            "says": rollout.says,
            "why": rollout.why,
        },
        rests_on=rests_on,
    )


def gate_entry(rollout: Rollout, result: GateResult, at_ms: int, seq: int) -> Entry:
    return Entry(
        id=f"{rollout.id}:gate:{rollout.stage}:{rollout.windows}:{seq}",
        kind="gate",
        at_ms=at_ms,
        actor="mainstay",
        subject=rollout.id,
        output={
            "stage": rollout.stage,
            "verdict": result.verdict,
            "reasons": list(result.reasons),
            "figures": result.figures,
            "policy": rollout.policy,
            "windows": rollout.windows,
        },
        rests_on=(f"version-{rollout.challenger}", f"version-{rollout.champion}"),
    )


def policy_entry(record: GatePolicyRecord, command: Command) -> Entry:
    """An edit of the gate policy was proposed, or agreed to."""
    output = {"policy": msgspec.to_builtins(record.policy), "status": record.status, "by": record.by}
    return Entry(
        id=f"{record.id}:{record.status}",
        kind="policy",
        at_ms=command.at_ms,
        actor=f"user:{command.by}",
        subject="gate-policy",
        output={**output, "agreed_by": record.agreed_by},
        rests_on=(f"{record.id}:proposed",) if record.agreed_by else (),
    )
