"""Models that users run in production: what they drift in, and how often they are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from mainstay.api.mlops.watching import Answers, watches, written_down
from mainstay.api.parameters import Asking, Platform, found
from mainstay.api.platform import PlatformApi
from mainstay.domain.errors import NotFound
from mainstay.domain.predictions import Evenness, InProduction
from mainstay.mlops.governance.served import evenness, governed_as, name_of
from mainstay.mlops.watching.production import Gate, gate

Least = Annotated[int, QueryParameter(ge=0)]
Even = Annotated[bool, QueryParameter(description="It must serve every group alike, too.")]


@get("/production-models", role="viewer", sync_to_thread=True)
def list_production(platform: Platform) -> Sequence[InProduction]:
    """Every version that has predicted something, in the order in which they were first heard of."""
    return platform.in_production()


@get("/production-models/{version:str}", role="viewer", sync_to_thread=True)
def show_production(platform: Platform, version: FromPath[str]) -> InProduction:
    """One version, as NAME@VERSION; of several environments the one that predicted last."""
    return _one(platform, version)


@get("/production-models/{version:str}/gate", role="viewer", sync_to_thread=True)
def show_gate(
    platform: Platform, version: FromPath[str], predictions: Least = 600, labels: Least = 100, even: Even = False
) -> Gate:
    """Whether it may go on, on at least so many predictions and labels."""
    one = _one(platform, version)
    return gate(
        one,
        predictions=predictions,
        labels=labels,
        even=evenness(one) if even else None,
        is_overdue=watches(platform).served.is_overdue(name_of(one)),
    )


@get("/production-models/{version:str}/bias", role="viewer", sync_to_thread=True)
def show_bias(platform: Platform, version: FromPath[str]) -> Evenness:
    """How often it is wrong about each group, with intervals, and whom it serves worse."""
    return evenness(_one(platform, version))


@get("/production-models/{version:str}/card", role="viewer", sync_to_thread=True)
def show_card(platform: Platform, version: FromPath[str]) -> Response[str]:
    """The model card: YAML head and Markdown."""
    text = watches(platform).served.card(_one(platform, version))
    return Response(text, media_type="text/markdown")


@post("/production-models/{name:str}/inventory", role="approver", status_code=202)
async def govern_production(
    platform: Platform, request: Asking, name: FromPath[str], data: JSONBody[Answers]
) -> dict[str, int]:
    """Write down who answers for a model that users run, or that you validated it."""
    if not any(name_of(one) == name for one in platform.in_production()):
        raise NotFound(f"there is no model {name[:200]!r}, neither ours nor in production")
    return await written_down(platform, governed_as(name), data, request.user.name)


def _one(platform: PlatformApi, version: str) -> InProduction:
    same = [one for one in platform.in_production() if f"{name_of(one)}@{one.version}" == version]
    return found(max(same, key=lambda one: one.last_ms, default=None), "model in production", version)


ROUTES = [list_production, show_production, show_gate, show_bias, show_card, govern_production]
