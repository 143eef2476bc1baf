"""What the entity tier says, as every detector says it."""

from __future__ import annotations

from typing import Any

from mainstay.domain.alerts import Band
from mainstay.domain.protocols import Transition


def transition(entity: str, at_ns: int, inputs: dict[str, Any], output: dict[str, Any]) -> Transition:
    """An alert's beginning or end. Severity is always `info`: it explains an incident and opens none."""
    blame = output.get("blame", [])
    band = None
    if blame:
        worst = blame[0]
        band = Band(low=worst["expected"], high=worst["expected"], value=worst["value"])
    return Transition(
        subject=f"entity:{entity}",
        entity=entity,
        firing=output["firing"],
        since_ns=output["since_ns"],
        at_ns=at_ns,
        name="metrics out of step",
        signal="other",
        severity="info",
        summary=output["summary"],
        channel="relations",
        inputs=inputs,
        output=output,
        band=band,
        p_value=output.get("p_value"),
        labels={f"blame_{i}": f"{b['metric']} {b['share']:.0%}" for i, b in enumerate(blame[:3], start=1)},
    )
