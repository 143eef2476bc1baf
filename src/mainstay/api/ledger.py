"""The ledger and feedback over HTTP: every decision, its proof, its repetition, and what people say to it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from mainstay.api.parameters import Asking, Limit, Platform, found, now_ms, readable
from mainstay.api.platform import PlatformApi
from mainstay.domain.errors import BadInput, NotFound
from mainstay.domain.ledger import EntryKind
from mainstay.domain.verdicts import Label, Verdict, VerdictKind
from mainstay.domain.views import Reperformed
from mainstay.ledger import Head, Verified
from mainstay.mlops.trust.heads import SignedHead
from mainstay.mlops.trust.signing import Envelope

Before = Annotated[int | None, QueryParameter(ge=0, le=1 << 53, description="Only entries with a lower seq.")]


class ExportedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A head that was exported earlier: with it, truncation is seen too. `envelope` is that of a signed one."""

    head: Head | None = None
    envelope: Envelope | None = None


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says of an alert, an incident or a plan; `missed` names an entity."""

    kind: VerdictKind
    subject: str
    target: str = ""
    comment: str = ""
    since_ms: int | None = None


@get("/ledger", role="viewer", sync_to_thread=True)
def list_entries(
    platform: Platform,
    before: Before = None,
    subject: FromQuery[str | None] = None,
    kind: FromQuery[EntryKind | None] = None,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """Newest first. `before` is the seq of the last one of the page before."""
    entries: list[dict[str, Any]] = readable(platform.control.ledger_page(before, limit, subject, kind))
    return entries


@get("/ledger/head", role="viewer", sync_to_thread=True)
def show_head(platform: Platform) -> SignedHead:
    """Place and hash of the last entry, and both signed in a DSSE `envelope`: keep it elsewhere."""
    return platform.signed_head()


@get("/ledger/{entry:path}", role="viewer", sync_to_thread=True)
def show_entry(platform: Platform, entry: FromPath[str]) -> dict[str, Any]:
    """One entry with the `inputs` that were frozen beside it (null when there were none)."""
    name = entry.removeprefix("/")
    one = found(platform.control.ledger_entry(name), "ledger entry", name)
    inputs = platform.control.frozen(one.inputs_digest) if one.inputs_digest else None
    page: dict[str, Any] = readable({**msgspec.to_builtins(one), "inputs": inputs})
    return page


@post("/ledger/verify", role="viewer", status_code=200, sync_to_thread=True)
def verify(platform: Platform, data: JSONBody[ExportedHead | None] = None) -> Verified:
    """Walk the whole chain and the frozen inputs; `first_bad` is null when everything holds."""
    data = data or ExportedHead()
    return platform.verify_ledger(data.head, data.envelope)


@post("/ledger/{entry:path}", role="viewer", status_code=200, sync_to_thread=True)
def reperform(platform: Platform, entry: FromPath[str]) -> dict[str, Any]:
    """`…/{id}/reperform`: take a decision again from its frozen inputs, and say whether it is the same."""
    name, _, verb = entry.removeprefix("/").rpartition("/")
    if verb != "reperform":
        raise NotFound(f"there is nothing to do at /api/v1/ledger{entry[:200]}")
    found(platform.control.ledger_entry(name), "ledger entry", name)
    outcome: Reperformed = platform.reperform(name)
    answer: dict[str, Any] = readable(outcome)
    return answer


@post("/verdicts", role="responder", status_code=201)
async def judge(platform: Platform, request: Asking, data: JSONBody[Judgement]) -> Verdict:
    """Record a judgement; the answer says about which versions it is."""
    _check(platform, data)
    at_ms, by = now_ms(platform), request.user.name
    key = msgspec.json.encode([data.kind, data.subject, data.target, by, at_ms])
    verdict = Verdict(
        id="V-" + hashlib.sha256(key).hexdigest()[:16],
        kind=data.kind,
        subject=data.subject,
        by=by,
        at_ms=at_ms,
        target=data.target,
        comment=data.comment[:2000],
        since_ms=data.since_ms,
    )
    return await platform.verdict(verdict)


def _check(platform: PlatformApi, data: Judgement) -> None:
    control = platform.control
    if data.kind == "missed":
        found(control.entity(data.subject), "entity", data.subject)
    elif data.kind.startswith("plan-"):
        found(control.plan(data.subject), "plan", data.subject)
    elif data.kind in {"anomaly", "not-anomaly"}:
        found(control.alert(data.subject) or control.incident(data.subject), "alert or incident", data.subject)
    else:
        found(control.incident(data.subject), "incident", data.subject)
    if data.kind in {"merge", "split"} and not data.target:
        raise BadInput(f"a verdict {data.kind} needs a target: the other incident, or the alert to take out")
    if data.kind == "merge":
        found(control.incident(data.target), "incident", data.target)


@get("/verdicts", role="viewer", sync_to_thread=True)
def list_verdicts(platform: Platform, subject: FromQuery[str | None] = None, limit: Limit = 100) -> list[Verdict]:
    """Newest first."""
    return platform.control.verdicts(subject, limit)


@get("/labels", role="viewer", sync_to_thread=True)
def list_labels(platform: Platform, model: FromQuery[str | None] = None) -> list[Label]:
    """What verdicts and outcomes became: training truth, oldest first."""
    return platform.control.labels(model)


@get("/feedback", role="viewer", sync_to_thread=True)
def scorecard(platform: Platform) -> list[Any]:
    """Per model version: right, wrong and missed, precision and recall with their counts."""
    scores: list[Any] = readable(list(platform.scorecard()))
    return scores


ROUTES = [
    list_entries, show_head, show_entry, verify, reperform, judge, list_verdicts, list_labels, scorecard,
]  # fmt: skip
