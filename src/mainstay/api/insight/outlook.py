"""What is ahead: resources that run out, and services at risk."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.params import FromPath, QueryParameter

from mainstay.api.parameters import Limit, Platform, found, readable

Entity = Annotated[str, QueryParameter(max_length=1024, description="Of this entity only.")]


@get("/outlook", role="viewer", sync_to_thread=True)
def show_outlook(platform: Platform, entity: Entity = "", limit: Limit = 200) -> dict[str, Any]:
    """Resources with a limit, the soonest to reach it first; what is told, and what is held back. As of the last look.

    `outlooks[].expected_s` is the time left, `earliest_s` to `latest_s` its 90 % interval (None: not within sight).
    """
    state = platform.outlook()
    outlooks = [one for one in state.outlooks if entity in ("", one.entity)]
    whole: dict[str, Any] = readable(state)
    return {**_without_risks(whole), "outlooks": readable(outlooks[:limit])}


@get("/outlook/risks", role="viewer", sync_to_thread=True)
def show_risks(platform: Platform, limit: Limit = 200) -> dict[str, Any]:
    """Services by the probability of an incident within the horizon, with reasons; how such flags came out so far.

    `usual` is what a service's past incidents alone would say. The predictor is in shadow: nobody is paged by it.
    """
    state = platform.outlook()
    return {
        "at_ms": state.risks_at_ms,
        "horizon_s": state.horizon_s,
        "predictor": None if state.predictor is None else str(state.predictor),
        "standing": state.standing,
        "tally": {**readable(state.tally), "false_per_day": state.tally.false_per_day},
        "risks": readable(state.risks[:limit]),
    }


@get("/outlook/{name:str}", role="viewer", sync_to_thread=True)
def show_one(platform: Platform, name: FromPath[str]) -> dict[str, Any]:
    """One resource, by its id or by the id of its alert."""
    state = platform.outlook()
    one = next((o for o in state.outlooks if name == o.id or (o.alert and name == o.alert)), None)
    shown: dict[str, Any] = readable(found(one, "outlook", name))
    return shown


def _without_risks(state: dict[str, Any]) -> dict[str, Any]:
    apart = {"risks", "risks_at_ms", "horizon_s", "predictor", "tally", "standing"}
    return {name: value for name, value in state.items() if name not in apart}


ROUTES = [show_outlook, show_risks, show_one]
