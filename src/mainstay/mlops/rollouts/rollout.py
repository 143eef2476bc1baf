"""Rollouts: shadow → canary → live, or back; what each window leads to, and what people may say in between."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, get_args

import msgspec

from mainstay.domain.effects import Effects
from mainstay.domain.errors import BadInput, MainstayError, Refused
from mainstay.domain.models import Deployment, ModelKind, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.rollouts import UNDER_WAY, Evidence, GatePolicy, GatePolicyRecord, GateResult, Rollout
from mainstay.domain.watching import BiasStatus
from mainstay.mlops.rollouts.corroboration import Corroboration
from mainstay.mlops.rollouts.gates import judge, read_policy, shipped_policy
from mainstay.mlops.rollouts.rolling import (
    SHARED_KINDS,
    Serves,
    asked,
    coursed,
    gate_entry,
    is_same,
    live_evidence,
    more,
    paged,
    policy_entry,
    promoted,
    stage_entry,
    with_replay,
)  # fmt: skip
from mainstay.mlops.scopes import EVERYWHERE, checked
from mainstay.mlops.seat import Second

log = logging.getLogger(__name__)
MOST = 2_000
"""Pages, and findings that are one's alone, which a stage remembers."""
MEASURED = ("champion_cpu_s", "challenger_cpu_s", "champion_p95_ms", "challenger_p95_ms")
ONLY_EVERYWHERE = frozenset({"predictions", "forecaster", "entities", "impact", "predictor", "similarity"})
"""Kinds whose versions are deployed for everything at once: they compare entities with each other."""


class State(msgspec.Struct):
    """What is under way, and by which policy.

    Attributes:
        proposed: Edits of the policy that one person wrote and nobody else agreed to yet.
        confirmed: Per rollout: what only champion or only challenger found and somebody else confirms.
    """

    policy: GatePolicy = msgspec.field(default_factory=shipped_policy)
    in_force: GatePolicyRecord | None = None
    rollouts: dict[str, Rollout] = {}
    proposed: dict[str, GatePolicyRecord] = {}
    seen: dict[str, Evidence] = {}
    corroboration: Corroboration = msgspec.field(default_factory=Corroboration)
    window: int = 0


class Rollouts:
    """The rollouts that are under way; a deterministic function of the records."""

    def __init__(self, serving: Serves) -> None:
        self._serving, self.state = serving, State()

    # -- what people and trainings ask

    def apply(self, command: Command, effects: Effects) -> None:
        """`do` says what: start (if it is missing), validate, withdraw, measured, policy, agree.

        Raises:
            BadInput, Refused, NotFound: It has no effect, and why.
        """
        verbs: dict[str, Callable[[Command, Effects], None]] = {
            "start": self._start,
            "validate": self._validate,
            "withdraw": self._withdraw,
            "measured": self._measured,
            "policy": self._propose,
            "agree": self._agree,
        }
        verb = verbs.get(command.arguments.get("do", "start"))
        if verb is None:
            raise BadInput(f"a rollout knows {', '.join(verbs)}; got {command.arguments['do'][:40]!r}")
        verb(command, effects)

    def _start(self, command: Command, effects: Effects) -> None:
        rollout = asked(command, self._serving)
        try:
            self._check(rollout)
        except MainstayError as error:
            self._keep(msgspec.structs.replace(rollout, stage="refused", says=str(error)), effects, "mainstay")
            return
        seat = self._serving.seat(rollout.kind)
        now = seat.deployments.get(rollout.scope) or Deployment(
            kind=rollout.kind, scope=rollout.scope, live=rollout.champion
        )
        share = self.state.policy.shadow_share if rollout.kind in SHARED_KINDS else 1.0
        wanted = msgspec.structs.replace(
            now, shadow=rollout.challenger, canary=None, share=share, shadow_until_ms=0, since_ms=command.at_ms
        )
        try:
            self._serving.change(wanted, rollout.by, f"rollout {rollout.id}: shadow", effects)
        except MainstayError as error:
            self._keep(msgspec.structs.replace(rollout, stage="refused", says=str(error)), effects, "mainstay")
            return
        self.state.seen[rollout.id] = Evidence()
        self._keep(rollout, effects, f"user:{rollout.by}")

    def _check(self, rollout: Rollout) -> None:
        """Whether it may begin."""
        checked(rollout.scope)
        version = self._serving.known(rollout.challenger)
        if version.kind != rollout.kind:
            raise BadInput(f"{rollout.challenger} is a model for {version.kind}, not for {rollout.kind}")
        if rollout.scope != EVERYWHERE and rollout.kind in ONLY_EVERYWHERE:
            raise BadInput(f"versions for {rollout.kind} are deployed everywhere at once: scope *")
        if rollout.challenger == rollout.champion:
            raise Refused(f"{rollout.challenger} serves {rollout.scope} already")
        for other in self.state.rollouts.values():
            if (other.kind, other.scope) == (rollout.kind, rollout.scope):
                raise Refused(f"{other.id} is under way for {other.kind} in {other.scope}: wait for it or withdraw it")

    def _validate(self, command: Command, effects: Effects) -> None:
        rollout = self._under_way(command)
        author = self._serving.known(rollout.challenger).created_by
        if is_same(command.by, rollout.by) or is_same(command.by, author):
            raise Refused(f"{command.by} made {rollout.challenger} or asked for it: somebody else must validate it")
        self._keep(msgspec.structs.replace(rollout, validator=command.by), effects, f"user:{command.by}", command.at_ms)

    def _withdraw(self, command: Command, effects: Effects) -> None:
        rollout = self._under_way(command)
        why = command.arguments.get("why") or "withdrawn"
        self.leave(rollout, f"{command.by}: {why}", effects, at_ms=command.at_ms, by=f"user:{command.by}")

    def _measured(self, command: Command, _: Effects) -> None:
        """What was measured beside the pipeline: it has its place in the one order like all evidence."""
        rollout, given = self._under_way(command), command.arguments
        measured: dict[str, Any] = {name: float(given[name]) for name in MEASURED if name in given}
        if given.get("even") in get_args(BiasStatus):
            measured |= {"even": given["even"], "even_says": given.get("even_says", "")}
        self.state.seen[rollout.id] = msgspec.structs.replace(self.state.seen[rollout.id], **measured)

    def _propose(self, command: Command, effects: Effects) -> None:
        text = command.arguments.get("policy", "")
        policy = read_policy(text, command.arguments.get("file", "policy"))
        name = f"policy-{policy.name}-{command.at_ms}"
        record = GatePolicyRecord(id=name, policy=policy, by=command.by, at_ms=command.at_ms, text=text)
        self.state.proposed[name] = record
        self._policy(record, effects, command)

    def _agree(self, command: Command, effects: Effects) -> None:
        record = self.state.proposed.get(command.arguments.get("id", ""))
        if record is None:
            raise BadInput(f"no edit of the gate policy waits under {command.arguments.get('id', '')[:80]!r}")
        if is_same(record.by, command.by):
            raise Refused(f"{command.by} wrote this edit: a second person must agree")
        before, self.state.in_force = self.state.in_force, None
        if before is not None:
            replaced = msgspec.structs.replace(before, status="replaced")
            effects.records[f"gate-policy:{before.id}"] = replaced
        record = msgspec.structs.replace(record, agreed_by=command.by, status="in_force")
        self.state.policy, self.state.in_force = record.policy, record
        del self.state.proposed[record.id]
        self._policy(record, effects, command)

    # -- what records lead to

    def saw(self, effects: Effects, now_ms: int) -> None:
        """After a record: take up evidence; at the end of a window every gate is asked."""
        state = self.state
        if state.rollouts:
            state.corroboration.saw(effects)
        window = now_ms // int(state.policy.window_s * 1000)
        is_over = window != state.window
        state.window = window
        for rollout in list(state.rollouts.values()):
            second = self._second(rollout)
            if second is None:
                self.leave(rollout, "another version took its place by hand", effects, at_ms=now_ms)
                continue
            self._collect(rollout, second, effects)
            if is_over or second.model is None:
                self._step(rollout, second, (now_ms, effects), is_whole=is_over)

    def _collect(self, rollout: Rollout, second: Second, effects: Effects) -> None:
        """Evidence of one record: what was settled as one's alone, pages, verdicts."""
        seen = self.state.seen[rollout.id]
        for condition, is_challengers in second.agreement.take():
            is_confirmed = self.state.corroboration.is_confirmed(condition, rollout.challenger.model)
            if not is_challengers:
                seen.champion_only += 1
                seen.champion_alone = [*seen.champion_alone[-MOST:], condition]
                seen.corroborated += is_confirmed
            elif is_confirmed:
                seen.confirmed += 1
            else:
                seen.challenger_only += 1
                seen.alone = [*seen.alone[-MOST:], condition]
        _pages(rollout, seen, effects)
        for label in effects.labels.values():
            ref = VersionRef(label.model, label.version)
            if ref == rollout.champion:
                seen.champion_true, seen.champion_false = more(seen.champion_true, seen.champion_false, label.is_true)
            elif ref == rollout.challenger:
                seen.challenger_true, seen.challenger_false = more(
                    seen.challenger_true, seen.challenger_false, label.is_true
                )

    def _step(self, rollout: Rollout, second: Second, moment: tuple[int, Effects], *, is_whole: bool) -> None:
        at_ms, effects = moment
        policy, agreed = self.state.policy, second.agreement
        seen = paged(self.state.seen[rollout.id], self.state.corroboration)
        seen.lasted_s = (at_ms - rollout.stage_since_ms) / 1000
        evidence = with_replay(live_evidence(seen, second), rollout.given)
        course = coursed(rollout, evidence, at_ms) if is_whole else rollout.course
        rollout = msgspec.structs.replace(rollout, windows=rollout.windows + is_whole, evidence=evidence, course=course)
        result = judge(rollout, evidence, policy)
        if agreed.error:
            result = GateResult(verdict="failed", reasons=(f"it failed: {agreed.error}",), figures=result.figures)
        is_news = rollout.result is None or rollout.result.verdict != result.verdict
        says = f"{rollout.stage}: {result.verdict.replace('_', ' ')}: {'; '.join(result.reasons)}"
        rollout = msgspec.structs.replace(rollout, result=result, says=says, policy=policy.name)
        if is_news:
            effects.entries.append(gate_entry(rollout, result, at_ms, effects.decided_seq))
        gate = policy.shadow if rollout.stage == "shadow" else policy.canary
        if result.verdict == "failed":
            self.leave(rollout, f"in {says}", effects, at_ms=at_ms)
        elif result.verdict == "passed":
            self._pass(rollout, at_ms, effects)
        elif gate.most_windows and rollout.windows >= gate.most_windows:
            self.leave(rollout, f"in {says}; {gate.most_windows} windows are over", effects, at_ms=at_ms)
        else:
            self._note(rollout, effects)

    def _pass(self, rollout: Rollout, at_ms: int, effects: Effects) -> None:
        policy = self.state.policy
        may = rollout.validator or (rollout.change == "standard" and policy.standard_promotes_itself)
        if not may:
            waits = f"{rollout.says}; a normal change waits for a validator who is not {rollout.by}"
            self._note(msgspec.structs.replace(rollout, says=waits), effects)
            return
        now = self._serving.seat(rollout.kind).deployments[rollout.scope]
        if rollout.stage == "shadow":
            wanted = msgspec.structs.replace(
                now, shadow=None, canary=rollout.challenger, share=policy.canary_share, since_ms=at_ms
            )
            stage = "canary"
        else:
            wanted, stage = promoted(now, rollout.challenger, policy, at_ms), "live"
        try:
            self._serving.change(wanted, "mainstay", f"rollout {rollout.id}: {rollout.says}", effects)
        except MainstayError as error:
            self.leave(rollout, f"it could not become {stage}: {error}", effects, at_ms=at_ms)
            return
        self.state.seen[rollout.id] = Evidence()
        moved = msgspec.structs.replace(
            rollout, stage=stage, stage_since_ms=at_ms, windows=0, result=None, says=rollout.says
        )
        self._keep(moved, effects, "mainstay")

    def leave(self, rollout: Rollout, why: str, effects: Effects, *, at_ms: int, by: str = "mainstay") -> None:
        """A challenger goes; the champion has served all along and goes on."""
        now = self._serving.seat(rollout.kind).deployments.get(rollout.scope)
        if now is not None and rollout.challenger in (now.shadow, now.canary):
            wanted = msgspec.structs.replace(now, shadow=None, canary=None, share=1.0, since_ms=at_ms)
            self._serving.change(wanted, by.removeprefix("user:"), f"rollout {rollout.id}: {why}", effects)
        stage = "rolled_back" if rollout.stage == "canary" else "refused"
        self._keep(msgspec.structs.replace(rollout, stage=stage, stage_since_ms=at_ms, says=why), effects, by)

    # -- how it is kept

    def in_canary(self, kind: ModelKind, scope: str) -> Rollout | None:
        """The rollout whose challenger is in canary there."""
        mine = (one for one in self.state.rollouts.values() if (one.kind, one.scope) == (kind, scope))
        return next((one for one in mine if one.stage == "canary"), None)

    def _under_way(self, command: Command) -> Rollout:
        name = command.arguments.get("id", "")
        found = self.state.rollouts.get(name)
        if found is None:
            raise BadInput(f"no rollout {name[:80]!r} is under way; `mainstay models rollouts` lists them")
        return found

    def _second(self, rollout: Rollout) -> Second | None:
        found = self._serving.seat(rollout.kind).seconds.get(rollout.scope)
        return found if found and found.ref == rollout.challenger and found.role == rollout.stage else None

    def _note(self, rollout: Rollout, effects: Effects) -> None:
        self.state.rollouts[rollout.id] = rollout
        effects.records[f"rollout:{rollout.id}"] = rollout

    def _keep(self, rollout: Rollout, effects: Effects, by: str, at_ms: int = 0) -> None:
        """It reached a stage: kept, and written into the ledger."""
        self._note(rollout, effects)
        if rollout.stage not in UNDER_WAY:
            del self.state.rollouts[rollout.id]
            self.state.seen.pop(rollout.id, None)
        effects.entries.append(stage_entry(rollout, by, at_ms or rollout.stage_since_ms, effects.decided_seq))

    def _policy(self, record: GatePolicyRecord, effects: Effects, command: Command) -> None:
        effects.records[f"gate-policy:{record.id}"] = record
        effects.entries.append(policy_entry(record, command))


def _pages(rollout: Rollout, seen: Evidence, effects: Effects) -> None:
    """Alerts that are free to page, by version; incidents that opened since the stage began."""
    since_ms = rollout.stage_since_ms
    for alert in effects.alerts.values():
        if alert.status == "firing" and not alert.suppressed and alert.at_ms >= since_ms:
            seen.champion_pages += alert.decided_by == rollout.champion
            seen.challenger_pages += alert.decided_by == rollout.challenger
    for incident in effects.incidents.values():
        if incident.opened_ms >= since_ms and incident.id not in seen.opened:
            seen.opened = [*seen.opened[-MOST:], incident.id]
