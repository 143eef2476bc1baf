"""Models that are watched over HTTP: drift, standing, risk, evenness, card, inventory, recall marks, and evidence."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, cast

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from mainstay.api.parameters import Asking, Limit, Platform, found, now_ms, readable
from mainstay.api.platform import PlatformApi
from mainstay.domain.errors import BadInput, NotFound
from mainstay.domain.models import VersionRef
from mainstay.domain.predictions import InProduction
from mainstay.domain.records import Command
from mainstay.domain.watching import BiasReport, InventoryRow, Materiality, RecallMark, RiskScore, Standing
from mainstay.mlops.governance.inventory import as_csv
from mainstay.mlops.governance.served import governed_as
from mainstay.mlops.trust.heads import SignedHead

Holds = Annotated[Literal["open", "over"] | None, QueryParameter(description="Only those that hold, or are over.")]
Scope = Annotated[str, QueryParameter(max_length=200, description="`*`, service=NAME, tier=N, environment=NAME.")]
Replayed = Annotated[bool, QueryParameter(description="Count the faults that were replayed to it, as its gate does.")]
Days = Annotated[float, QueryParameter(gt=0, le=400, description="How far to look back.")]


class ServedModels(Protocol):
    """What is asked of models that users run (`app.mlops.served.Served`)."""

    def is_overdue(self, name: str) -> bool: ...
    def card(self, standing: InProduction) -> str: ...


class Watches(Protocol):
    """What of the running platform is asked (`app.mlops.watching.Watching`)."""

    @property
    def served(self) -> ServedModels: ...
    def drift(self, status: Literal["open", "over"] | None = None, limit: int = 200) -> dict[str, Any]: ...
    def standing(self, ref: VersionRef, scope: str = "*") -> Standing: ...
    def was_taken_back(self, ref: VersionRef, scope: str) -> bool: ...
    def risk(self, ref: VersionRef) -> RiskScore: ...
    def bias(self, ref: VersionRef, days: float = 28, *, with_replay: bool = False) -> BiasReport: ...
    def card(self, ref: VersionRef) -> str: ...
    def inventory(self) -> list[InventoryRow]: ...
    def mark(self, ref: VersionRef, by: str, why: str) -> dict[str, int]: ...
    def marks(self, ref: VersionRef, status: str | None = None) -> list[RecallMark]: ...
    def review(self, mark: str, status: Literal["upheld", "wrong"], by: str) -> RecallMark: ...
    def evidence(self, folder: Path, head: SignedHead) -> dict[str, int]: ...
    def decisions(self, sample: int, seed: int) -> list[str]: ...


class Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who answers for a model; what is left out stays as it was. `validated`: by who asks, now."""

    owner: str | None = None
    purpose: str | None = None
    materiality: Materiality | None = None
    review_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] | None = None
    findings: list[str] | None = None
    validated: bool = False


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a version is recalled."""

    why: str = ""


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person found when looking again."""

    mark: str
    status: Literal["upheld", "wrong"]


class Into(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the validation file goes: an empty folder on the platform's machine."""

    folder: str


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many decisions to take again, and by which seed they are drawn."""

    sample: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    seed: int = 0


def watches(platform: PlatformApi) -> Watches:
    """The part of the platform that watches."""
    return cast("Watches", platform.watching)


@get("/models-drift", role="viewer", sync_to_thread=True)
def drift(platform: Platform, status: Holds = None, limit: Limit = 200) -> dict[str, Any]:
    """Findings, the newest first, with their impact; and per kind what is watched and how far it has moved."""
    answer: dict[str, Any] = readable(watches(platform).drift(status, limit))
    return answer


@get("/models-inventory", role="viewer", sync_to_thread=True)
def inventory(platform: Platform) -> list[InventoryRow]:
    """Every model: owner, purpose, materiality, validator, what is open, next review."""
    return watches(platform).inventory()


@get("/models-inventory.csv", role="viewer", media_type="text/csv", sync_to_thread=True)
def inventory_csv(platform: Platform) -> Response[str]:
    """The same for a spreadsheet."""
    return Response(as_csv(watches(platform).inventory()), media_type="text/csv")


@post("/models/{name:str}/inventory", role="approver", status_code=202)
async def govern(platform: Platform, request: Asking, name: FromPath[str], data: JSONBody[Answers]) -> dict[str, int]:
    """Write down who answers for a model, or that you validated it; in force when the pipeline reaches it."""
    if not platform.control.versions(name):
        raise NotFound(f"there is no model {name[:200]!r}")
    return await written_down(platform, name, data, request.user.name)


async def written_down(platform: PlatformApi, subject: str, data: Answers, by: str) -> dict[str, int]:
    """Who answers for a model goes through the inbox like all that people say."""
    at_ms = now_ms(platform)
    given = {n: v for n, v in msgspec.structs.asdict(data).items() if v is not None and n != "validated"}
    if data.validated:
        given |= {"validator": by, "validated_ms": at_ms}
        await asyncio.to_thread(_own_validation, platform, subject, data, by)
    arguments = {key: msgspec.json.encode(value).decode() for key, value in given.items()}
    command = Command(kind="govern", by=by, at_ms=at_ms, subject=subject, arguments=arguments)
    return {"seq": await platform.command(command)}


def _own_validation(platform: PlatformApi, subject: str, data: Answers, by: str) -> None:
    """Neither who owns it validates it, nor who hands it on in the same breath."""
    known = {
        governed_as(row.model) if row.kind == "production" else row.model: row.owner
        for row in watches(platform).inventory()
    }
    owners = {known.get(subject, "").casefold(), (data.owner or "").casefold()}
    if by.casefold() in owners:
        raise BadInput(f"{by} owns {subject} and cannot validate it: another person does")


@get("/models/{name:str}/versions/{number:int}/standing", role="viewer", sync_to_thread=True)
def standing(platform: Platform, name: FromPath[str], number: FromPath[int], where: Scope = "*") -> Standing:
    """Whether what it says may move anything without a person, and if not, why not."""
    return watches(platform).standing(_ref(platform, name, number), where)


@get("/models/{name:str}/versions/{number:int}/risk", role="viewer", sync_to_thread=True)
def risk(platform: Platform, name: FromPath[str], number: FromPath[int]) -> RiskScore:
    """How risky it is to rely on, as a sum with reasons."""
    return watches(platform).risk(_ref(platform, name, number))


@get("/models/{name:str}/versions/{number:int}/bias", role="viewer", sync_to_thread=True)
def bias(
    platform: Platform, name: FromPath[str], number: FromPath[int], days: Days = 28, *, replayed: Replayed = False
) -> dict[str, Any]:
    """Precision, recall, delay and pages per entity by tier, team, environment, region and traffic size."""
    answer: dict[str, Any] = readable(watches(platform).bias(_ref(platform, name, number), days, with_replay=replayed))
    return answer


@get("/models/{name:str}/versions/{number:int}/card", role="viewer", sync_to_thread=True)
def card(platform: Platform, name: FromPath[str], number: FromPath[int]) -> Response[str]:
    """The model card: YAML head and Markdown."""
    return Response(watches(platform).card(_ref(platform, name, number)), media_type="text/markdown")


@post("/models/{name:str}/versions/{number:int}/recall", role="approver", status_code=201, sync_to_thread=True)
def mark(
    platform: Platform, request: Asking, name: FromPath[str], number: FromPath[int], data: JSONBody[Why | None] = None
) -> dict[str, int]:
    """Mark all that it caused for review; how many of each kind are marked now."""
    return watches(platform).mark(_ref(platform, name, number), request.user.name, data.why if data else "")


@get("/models/{name:str}/versions/{number:int}/marks", role="viewer", sync_to_thread=True)
def marks(platform: Platform, name: FromPath[str], number: FromPath[int]) -> list[RecallMark]:
    """What was marked, and what people found."""
    return watches(platform).marks(_ref(platform, name, number))


@post("/models-marks", role="responder", status_code=200, sync_to_thread=True)
def review(platform: Platform, request: Asking, data: JSONBody[Review]) -> RecallMark:
    """Say what you found when you looked again."""
    return watches(platform).review(data.mark, data.status, request.user.name)


@post("/ledger/evidence", role="admin", status_code=201, sync_to_thread=True)
def evidence(platform: Platform, data: JSONBody[Into]) -> dict[str, int]:
    """Write the validation file into an empty folder of the platform's machine."""
    folder = Path(data.folder)
    if not folder.is_absolute():
        raise BadInput(f"{data.folder[:200]!r}: expected the full path of a folder")
    return watches(platform).evidence(folder, platform.signed_head())


@post("/ledger/reperform", role="viewer", status_code=200, sync_to_thread=True)
def reperform_some(platform: Platform, data: JSONBody[Sample]) -> dict[str, Any]:
    """Take decisions again that are drawn from the whole ledger; which of them differ."""
    equal, expired, different = 0, 0, list[str]()
    for name in watches(platform).decisions(data.sample, data.seed):
        try:
            is_same = platform.reperform(name).is_same
        except NotFound:
            expired += 1
            continue
        equal += is_same
        if not is_same:
            different.append(name)
    return {"sample": equal + len(different), "equal": equal, "different": different, "expired": expired}


def _ref(platform: PlatformApi, name: str, number: int) -> VersionRef:
    ref = VersionRef(name, number)
    found(platform.control.version(ref), "version", str(ref))
    return ref


ROUTES = [
    drift, inventory, inventory_csv, govern, standing, risk, bias, card, mark, marks, review, evidence, reperform_some,
]  # fmt: skip
