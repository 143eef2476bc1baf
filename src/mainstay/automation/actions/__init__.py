"""The ways to touch the world. A new one is one file here (a class with `name`, `check`, `run`) and one line below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mainstay.automation.actions.command import Command, Rule
from mainstay.automation.actions.http import Http
from mainstay.automation.actions.notify import Notify, Send
from mainstay.domain.protocols import Action

NAMES = (Command.name, Http.name, Notify.name)
"""What a runbook may name as `action`."""


def actions_of(
    rules: Mapping[str, Rule],
    send: Send,
    http_targets: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> dict[str, Action]:
    """Every action by name, as the operator configured it.

    Args:
        rules: Allowed commands by the name that runbooks use.
        send: Takes what `notify` says.
        http_targets: Address beginnings that `http` may reach.
        environment: Variables that commands get beside `PATH` and `LANG`.
    """
    found: list[Action] = [Command(rules, environment), Http(http_targets), Notify(send)]
    return {action.name: action for action in found}


__all__ = ["NAMES", "Command", "Http", "Notify", "Rule", "Send", "actions_of"]
