"""Rollouts over HTTP: begin, validate, withdraw, and the policy of the gates."""

from __future__ import annotations

from typing import Annotated, Protocol, cast

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from mainstay.api.incidents import Accepted
from mainstay.api.mlops.watching import watches
from mainstay.api.parameters import Asking, Limit, Platform, found
from mainstay.api.platform import PlatformApi
from mainstay.domain.models import VersionRef
from mainstay.domain.rollouts import GatePolicy, GatePolicyRecord, GateResult, Rollout, RolloutStage
from mainstay.mlops.rollouts.gates import may_go_on

Stage = Annotated[RolloutStage | None, QueryParameter(description="Only those in this stage.")]


class Rolls(Protocol):
    """What of the running platform is asked (`app.mlops.rollouts.RolloutDesk`)."""

    def rollouts(self, stage: str | None = None, limit: int = 100) -> list[Rollout]: ...
    def rollout(self, name: str) -> Rollout: ...
    def policy(self) -> tuple[GatePolicy, list[GatePolicyRecord]]: ...
    async def start(self, ref: VersionRef, scope: str, why: str, by: str) -> int: ...
    async def validate(self, name: str, by: str) -> int: ...
    async def withdraw(self, name: str, why: str, by: str) -> int: ...
    async def propose(self, text: str, file: str, by: str) -> int: ...
    async def agree(self, name: str, by: str) -> int: ...


class Begin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version, and where."""

    version: int
    scope: str = "*"
    why: str = ""


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Kept in the ledger."""

    why: str = ""


class PolicyText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML of a gate policy; `file` is how errors name it."""

    policy: str
    file: str = "policy.yaml"


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    """The policy in force, and its edits, newest first."""

    in_force: GatePolicy
    edits: list[GatePolicyRecord]


def rolls(platform: PlatformApi) -> Rolls:
    """The part of the platform that rolls out."""
    return cast("Rolls", platform.rolls)


@get("/rollouts", role="viewer", sync_to_thread=True)
def list_rollouts(platform: Platform, stage: Stage = None, limit: Limit = 100) -> list[Rollout]:
    """Versions on their way, and those that arrived or were sent back; newest first, each without its course."""
    return [msgspec.structs.replace(one, course=()) for one in rolls(platform).rollouts(stage, limit)]


@get("/rollouts/{rollout:str}", role="viewer", sync_to_thread=True)
def show_rollout(platform: Platform, rollout: FromPath[str]) -> Rollout:
    """One rollout: its stage, what it has shown, and what is missing."""
    return rolls(platform).rollout(rollout)


@get("/models/{name:str}/versions/{number:int}/gate", role="viewer", sync_to_thread=True)
def show_gate(platform: Platform, name: FromPath[str], number: FromPath[int]) -> GateResult:
    """Whether this version may go on: what the gates of its newest rollout say, and whether it stands."""
    ref = VersionRef(name, number)
    found(platform.control.version(ref), "version", str(ref))
    mine = (one for one in rolls(platform).rollouts(limit=1000) if one.challenger == ref and one.has_begun)
    return may_go_on(next(mine, None), watches(platform).standing(ref))


@post("/models/{name:str}/rollout", role="admin", status_code=202)
async def begin(platform: Platform, request: Asking, name: FromPath[str], data: JSONBody[Begin]) -> Accepted:
    """Begin a rollout: a normal change, in shadow first."""
    ref = VersionRef(name, data.version)
    return Accepted(seq=await rolls(platform).start(ref, data.scope, data.why, request.user.name))


@post("/rollouts/{rollout:str}/validate", role="approver", status_code=202)
async def validate(platform: Platform, request: Asking, rollout: FromPath[str]) -> Accepted:
    """Allow a normal change to go on when it passes its gates; not one's own."""
    return Accepted(seq=await rolls(platform).validate(rollout, request.user.name))


@post("/rollouts/{rollout:str}/withdraw", role="responder", status_code=202)
async def withdraw(platform: Platform, request: Asking, rollout: FromPath[str], data: JSONBody[Why]) -> Accepted:
    """End it; the champion has served all along."""
    return Accepted(seq=await rolls(platform).withdraw(rollout, data.why, request.user.name))


@get("/gate-policy", role="viewer", sync_to_thread=True)
def show_policy(platform: Platform) -> Policies:
    """What a version must show before it goes on."""
    in_force, edits = rolls(platform).policy()
    return Policies(in_force=in_force, edits=edits)


@post("/gate-policy", role="admin", status_code=202)
async def propose(platform: Platform, request: Asking, data: JSONBody[PolicyText]) -> Accepted:
    """Propose an edit of the policy; it holds when another person agrees."""
    return Accepted(seq=await rolls(platform).propose(data.policy, data.file, request.user.name))


@post("/gate-policy/{edit:str}/agree", role="approver", status_code=202)
async def agree(platform: Platform, request: Asking, edit: FromPath[str]) -> Accepted:
    """Put an edit of another person into force."""
    return Accepted(seq=await rolls(platform).agree(edit, request.user.name))


ROUTES = [list_rollouts, show_rollout, show_gate, begin, validate, withdraw, show_policy, propose, agree]
