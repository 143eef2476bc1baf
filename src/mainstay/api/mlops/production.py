"""Models that users run in production: what they drift in, and how often they are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from litestar import get
from litestar.params import FromPath, QueryParameter

from mainstay.api.parameters import Platform, found
from mainstay.api.platform import PlatformApi
from mainstay.domain.predictions import InProduction
from mainstay.mlops.watching.production import Gate, gate

Least = Annotated[int, QueryParameter(ge=0)]


@get("/production-models", role="viewer", sync_to_thread=True)
def list_production(platform: Platform) -> Sequence[InProduction]:
    """Every version that has predicted something, in the order in which they were first heard of."""
    return platform.in_production()


@get("/production-models/{version:str}", role="viewer", sync_to_thread=True)
def show_production(platform: Platform, version: FromPath[str]) -> InProduction:
    """One version, as NAME@VERSION; of several environments the one that predicted last."""
    return _one(platform, version)


@get("/production-models/{version:str}/gate", role="viewer", sync_to_thread=True)
def show_gate(platform: Platform, version: FromPath[str], predictions: Least = 600, labels: Least = 100) -> Gate:
    """Whether it may go on, on at least so many predictions and labels."""
    return gate(_one(platform, version), predictions=predictions, labels=labels)


def _one(platform: PlatformApi, version: str) -> InProduction:
    name, _, number = version.rpartition("@")
    same = [one for one in platform.in_production() if one.version == number and one.entity.rpartition("/")[2] == name]
    return found(max(same, key=lambda one: one.last_ms, default=None), "model in production", version)


ROUTES = [list_production, show_production, show_gate]
