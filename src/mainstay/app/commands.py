"""What people and the executor told the pipeline, taken to the stages that it concerns, at its place in the order."""

from __future__ import annotations

import logging

import msgspec

from mainstay.automation.proposals import Proposals
from mainstay.correlate import Correlate
from mainstay.detect import Detect
from mainstay.domain.effects import Effects
from mainstay.domain.errors import MainstayError, Refused
from mainstay.domain.records import Command
from mainstay.domain.verdicts import Verdict
from mainstay.feedback import Feedback, Known
from mainstay.mlops import Serving
from mainstay.normalize import Normalizer
from mainstay.outbox import escalation
from mainstay.settings import Receiver

log = logging.getLogger(__name__)


class Commands:
    """One command at a time. A command that makes no sense any more (its incident is over) changes nothing."""

    def __init__(
        self,
        serving: Serving,
        normalizer: Normalizer,
        detect: Detect,
        correlate: Correlate,
        proposals: Proposals,
        known: Known,
        receiver: Receiver,
    ) -> None:
        self._receiver = receiver
        self._serving, self._normalizer, self._detect = serving, normalizer, detect
        self._correlate, self._proposals = correlate, proposals
        self._known, self._feedback = known, Feedback(known)

    def apply(self, command: Command, effects: Effects) -> None:
        """Take it where it belongs."""
        try:
            self._apply(command, effects)
        except MainstayError as error:
            # The sender was told when it asked; between then and now the world moved on.
            log.warning("%s of %s by %s has no effect: %s", command.kind, command.subject, command.by, error)

    def _apply(self, command: Command, effects: Effects) -> None:
        if command.kind in {"deploy", "rollback", "rollout"}:
            self._serving.apply(command, effects)
            return
        if command.kind == "request-plan":
            self._request(command, effects)
        if command.kind == "plan-outcome":
            self._proposals.command(command)
        self._label(command, effects)
        self._judge(command, effects)
        self._correlate.command(command, self._normalizer.topology, effects)
        if command.kind == "plan-outcome" and command.arguments.get("escalate"):
            self._escalate(command, effects)

    def _request(self, command: Command, effects: Effects) -> None:
        incident = self._known.incident(command.subject)
        if incident is None or incident.status not in {"open", "acknowledged"}:
            raise Refused(f"{command.subject} is over: nothing is proposed for it")
        self._proposals.request(command, effects)

    def _judge(self, command: Command, effects: Effects) -> None:
        """What was said or what worked, to the stage that decides what pages."""
        if command.kind == "verdict":
            self._detect.learn(_verdict(command), effects)
        if command.kind == "suppress":
            self._detect.unlearn(command, effects)
        if command.kind == "plan-outcome" and command.arguments.get("status") == "succeeded":
            self._detect.worked(command.arguments.get("incident", ""))

    def _label(self, command: Command, effects: Effects) -> None:
        """What was said as labels. Where there is nothing to label, it holds all the same: after a restart the store
        may know already what this command is about to do."""  # noqa: D205, D209
        try:
            if command.kind == "plan-outcome":
                self._feedback.outcome(command, effects)
            if command.kind in {"merge", "split"}:
                self._feedback.regrouped(command, effects)
            if command.kind == "verdict":
                self._feedback.record(_verdict(command), effects)
        except MainstayError as error:
            log.warning("%s of %s by %s is no label: %s", command.kind, command.subject, command.by, error)

    def _escalate(self, command: Command, effects: Effects) -> None:
        name = command.arguments["incident"]
        incident = effects.incidents.get(name) or self._known.incident(name)
        if incident is None:
            return
        says = command.arguments["says"]
        for page in escalation(incident, command.subject, says, command.at_ms, self._receiver):
            effects.pages[page.key] = page


def _verdict(command: Command) -> Verdict:
    return msgspec.json.decode(command.arguments["verdict"], type=Verdict)
