"""Models: which version decides what, how its shadow agrees with it, how it fared, and the way back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from mainstay.api.incidents import Accepted
from mainstay.api.mlops.watching import watches
from mainstay.api.parameters import Asking, Limit, Platform, found, now_ms, readable
from mainstay.api.platform import PlatformApi
from mainstay.domain.errors import BadInput, NotFound, Refused
from mainstay.domain.ledger import EntryKind
from mainstay.domain.models import Deployment, ModelKind, ModelVersion, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.views import Audited
from mainstay.mlops.scopes import checked

Scope = Annotated[str, QueryParameter(max_length=200, description="`*`, service=NAME, tier=N, environment=NAME.")]

Why = Annotated[str, QueryParameter(max_length=500, description="Stands in the ledger.")]


Leaving = Annotated[
    str, QueryParameter(max_length=200, description="NAME@VERSION that is to leave; refused when it has left already.")
]


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """One model.

    Attributes:
        deployment: Of the scope `*`, when it is live there; `deployments` holds all in which it has a part.
        agreement: How live and shadow agreed, as serving tells it; null without a word from it.
        scorecard: What verdicts and outcomes say of each version.
        back: Per scope, the version that decides after a rollback; a scope that is missing has nothing to go back to.
    """

    name: str
    kind: str
    deployment: Deployment | None
    deployments: list[Deployment]
    versions: list[ModelVersion]
    agreement: Any = None
    scorecard: list[Any] = []
    back: dict[str, str] = {}


class Vary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version to begin from, and what is different."""

    version: int
    parameters: dict[str, Any]
    why: str = ""


class Deploy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version should serve as what."""

    version: int
    role: Literal["live", "shadow"] = "shadow"
    scope: str = "*"
    why: Annotated[str, msgspec.Meta(max_length=500)] = ""


def _pages(platform: PlatformApi) -> list[ModelPage]:
    versions = platform.control.versions()
    deployments = platform.control.deployments()
    agreement, scores = readable(dict(platform.agreement())), readable(list(platform.scorecard()))
    pages = []
    for name in dict.fromkeys(version.ref.model for version in versions):
        mine = [version for version in versions if version.ref.model == name]
        kind = mine[0].kind
        serving = [one for one in deployments if one.kind == kind and _serves(one, name)]
        pages.append(
            ModelPage(
                name=name,
                kind=kind,
                deployment=next((one for one in serving if one.scope == "*" and one.live.model == name), None),
                deployments=serving,
                versions=mine,
                agreement=agreement.get(kind) or agreement.get(name),
                scorecard=[score for score in scores if _is_about(score, name)],
                back={one.scope: str(ref) for one in serving if _decides(one, name) and (ref := _back(platform, one))},
            )
        )
    return pages


def _decides(one: Deployment, name: str) -> bool:
    """Whether what this model says is heard there."""
    return name in (one.live.model, one.canary.model if one.canary else "")


def _serves(one: Deployment, name: str) -> bool:
    """Whether this model has a part there, be it only as a shadow."""
    return _decides(one, name) or (one.shadow is not None and one.shadow.model == name)


def _back(platform: PlatformApi, now: Deployment) -> VersionRef | None:
    """Who decides when the canary, or the live version, is sent back; never one that was rolled back itself."""
    if now.canary is not None:
        return now.live
    if now.previous is None or watches(platform).was_taken_back(now.previous, now.scope):
        return None
    return now.previous


def _is_about(score: Any, name: str) -> bool:
    ref = score.get("ref", score) if isinstance(score, dict) else {}
    model = ref.get("model", "") if isinstance(ref, dict) else str(ref).rpartition("@")[0]
    return bool(model == name)


@get("/models", role="viewer", sync_to_thread=True)
def list_models(platform: Platform) -> list[ModelPage]:
    """Every model with its deployment and versions."""
    return _pages(platform)


@get("/models/{name:str}", role="viewer", sync_to_thread=True)
def show_model(platform: Platform, name: FromPath[str]) -> ModelPage:
    """One model."""
    return found(next((page for page in _pages(platform) if page.name == name), None), "model", name)


@post("/models/{name:str}/versions", role="admin", status_code=201, sync_to_thread=True)
def vary(platform: Platform, request: Asking, name: FromPath[str], data: JSONBody[Vary]) -> ModelVersion:
    """Register a version like another one with other parameters; nothing serves it until it is deployed."""
    return platform.vary(VersionRef(name, data.version), data.parameters, request.user, data.why)


@post("/models/{name:str}/deploy", role="admin", status_code=202)
async def deploy(platform: Platform, request: Asking, name: FromPath[str], data: JSONBody[Deploy]) -> Accepted:
    """Serve a version from the next batch on, live or as a shadow, past no gate: live only with a reason, which stands
    in the ledger."""  # noqa: D205, D209
    ref, scope = VersionRef(name, data.version), checked(data.scope)
    version = found(platform.control.version(ref), "version", str(ref))
    if data.role == "live" and not data.why.strip():
        raise BadInput(f"{ref} would become live past all gates: say why; a rollout goes through them")
    standing = watches(platform).standing(ref, scope)
    if "unverified" in standing.reasons:
        raise Refused("; ".join(standing.says))
    arguments = {"kind": version.kind, data.role: str(ref), **_in(scope, data.why)}
    return await _tell(platform, request, "deploy", name, arguments)


@post("/models/{name:str}/rollback", role="responder", status_code=202)
async def roll_back(
    platform: Platform, request: Asking, name: FromPath[str], where: Scope = "*", why: Why = "", leaving: Leaving = ""
) -> Accepted:
    """Send a canary back; when there is none, serve the version before, from the next batch on.

    Once per version: who asks again, or asks at the same moment, is refused, and does not bring the bad one back.
    """
    versions = platform.control.versions(name)
    if not versions:
        raise NotFound(f"there is no model {name[:200]!r}")
    kind = versions[0].kind
    leaves = _leaving(platform, name, kind, where)
    if leaving not in ("", str(leaves)):
        raise Refused(f"{leaving[:80]} does not decide in {where} any more, {leaves} does: nothing was changed")
    return await _tell(platform, request, "rollback", name, {"kind": kind, "from": str(leaves), **_in(where, why)})


def _leaving(platform: PlatformApi, name: str, kind: ModelKind, where: str) -> VersionRef:
    """The version that a rollback would send back, when there is something to go back to."""
    now = next((one for one in platform.control.deployments(kind) if one.scope == where), None)
    if now is None or not _decides(now, name):
        raise Refused(f"{name} does not decide in {where[:80]}: there is nothing to roll back")
    if now.canary is None and now.previous is None:
        raise Refused(f"{name} has had no other live version: there is nothing to go back to")
    if _back(platform, now) is None:
        raise Refused(
            f"{now.previous} was rolled back itself and {now.live} decides again; an admin may bring another version in"
        )
    return now.canary or now.live


@get("/models-audit", role="viewer", sync_to_thread=True)
def audit(platform: Platform) -> list[Audited]:
    """Every version: signed by whom this platform trusts, and still what was signed; else why it is not served."""
    return platform.audit_models()


@post("/models-key", role="admin", status_code=201, sync_to_thread=True)
def rotate_key(platform: Platform, request: Asking) -> dict[str, str]:
    """Sign with a new key from now on; what the old one signed stays trusted."""
    return {"keyid": platform.rotate_key(request.user)}


@get("/models/{name:str}/versions/{number:int}/recall", role="viewer", sync_to_thread=True)
def recall(
    platform: Platform, name: FromPath[str], number: FromPath[int], limit: Limit = 1000,
    kind: FromQuery[EntryKind | None] = None,
) -> dict[str, Any]:  # fmt: skip
    """Every alert, grouping, incident, plan, step and page that this version caused; all are counted, `limit` of them
    (of this kind) listed."""  # noqa: D205, D209
    ref = VersionRef(name, number)
    found(platform.control.version(ref), "version", str(ref))
    answer: dict[str, Any] = readable(platform.recall(ref, limit, kind))
    return answer


def _in(scope: str, why: str) -> dict[str, str]:
    return ({} if scope == "*" else {"scope": scope}) | ({"why": why} if why else {})


async def _tell(
    platform: PlatformApi, asking: Asking, kind: Literal["deploy", "rollback"], name: str, arguments: dict[str, str]
) -> Accepted:
    at_ms = now_ms(platform)
    command = Command(kind=kind, by=asking.user.name, at_ms=at_ms, subject=name, arguments=arguments)
    return Accepted(seq=await platform.command(command))


ROUTES = [list_models, show_model, vary, deploy, roll_back, audit, rotate_key, recall]
