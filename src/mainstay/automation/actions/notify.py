"""Tell people something, through the receivers that are configured for incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mainstay.automation.actions.output import fit
from mainstay.domain.protocols import ActionContext, ActionResult

LONGEST = 2000


class Send(Protocol):
    """Where a notification goes: kept durably under its key; a key that is there already is not sent again."""

    def __call__(self, key: str, plan: str, text: str) -> None:
        """Keep it for delivery."""
        ...


class Notify:
    """Says `text` to people. Delivery is the outbox's matter: done means that it is durably on its way.

    The key is derived from the plan and the step, and the outbox takes a key once: repeating it is safe, so an
    interrupted step simply runs again.
    """

    name = "notify"

    def __init__(self, send: Send) -> None:
        self._send = send

    def check(self, arguments: Mapping[str, Any]) -> Sequence[str]:
        """What is wrong with these arguments, in words."""
        text = arguments.get("text")
        wrong = [f"unknown argument {name!r}" for name in sorted(set(arguments) - {"text"})]
        if not isinstance(text, str) or not 0 < len(text) <= LONGEST:
            wrong.append(f"text: expected 1 to {LONGEST} characters")
        return wrong

    async def run(self, arguments: Mapping[str, Any], context: ActionContext) -> ActionResult:
        """Say it (or say what would be said)."""
        wrong = self.check(arguments)
        if wrong:
            return ActionResult(is_done=False, says="; ".join(wrong))
        text = fit(arguments["text"])
        if context.dry_run:
            return ActionResult(is_done=True, says=f"would notify: {text}")
        self._send(context.key, context.plan, text)
        return ActionResult(is_done=True, says=f"notified: {text}")

    async def probe(self, arguments: Mapping[str, Any], context: ActionContext) -> bool | None:
        """Not done as far as we know; running it again under the same key does no harm."""
        _ = arguments, context
        return False
