"""What the scenarios of models ask of the platform, as its people would: through the API, by two persons."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mainstay.client import Client

POLL_S = 1.0


def wait_for(seconds: float, what: str, ask: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    """The first answer that is one.

    Raises:
        TimeoutError: There was none in time; it names what was waited for.
    """
    until = time.monotonic() + seconds
    while (found := ask()) is None:
        if time.monotonic() >= until:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(POLL_S)
    return found


def agree_on(policy: str, admin: Client, second: Client) -> None:
    """Put a gate policy into force as any edit is: one person writes it, another agrees."""
    admin.post("gate-policy", {"policy": policy})
    edit = wait_for(90.0, "the edit of the policy", lambda: next(iter(admin.get("gate-policy")["edits"]), None))
    second.post(f"gate-policy/{edit['id']}/agree")


def rollout_of(client: Client, version: str) -> dict[str, Any] | None:
    """The newest rollout of a version."""
    name, _, number = version.partition("@")
    wanted = {"model": name, "version": int(number)}
    return next((one for one in client.get("rollouts") if one["challenger"] == wanted), None)


def ended_by(client: Client, rollout: str) -> str:
    """Who ended it, as the ledger has it; "" when nobody did."""
    entries = client.get("ledger", subject=rollout, kind="rollout", limit=50)
    return next((e["actor"] for e in entries if e["output"]["stage"] in ("rolled_back", "live", "refused")), "")
