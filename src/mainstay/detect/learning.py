"""What people and outcomes say of alerts and incidents, learned here and shown: bars go up, come down, and places
come back."""  # noqa: D205, D209

from __future__ import annotations

from mainstay.detect.bars import Bars
from mainstay.detect.budget import PageBudget
from mainstay.detect.entries import learned_entry, unlearned_entry
from mainstay.domain.budget import LearnedBar
from mainstay.domain.effects import Effects
from mainstay.domain.records import Command
from mainstay.domain.verdicts import Verdict


class Learning:
    """Takes verdicts and outcomes at their place in the order of records.

    Args:
        bars: How strong a condition must be to be told again.
        budget: What became of the pages.
    """

    def __init__(self, bars: Bars, budget: PageBudget) -> None:
        self._bars, self._budget = bars, budget

    def verdict(self, verdict: Verdict, effects: Effects) -> list[LearnedBar]:
        """Take a person's word: "not-anomaly" raises the bars of that alert, or of our alerts in that incident.

        What stays below its bar is still an alert, listed, marked suppressed with the verdict; critical ones pass.
        "anomaly" takes the bars back.
        """
        alerts = [*dict.fromkeys([verdict.subject, *self._budget.alerts_of(verdict.subject)])]
        self._budget.proved(verdict.subject, verdict.kind)
        if verdict.kind == "not-anomaly":
            return self._raise(alerts, verdict, effects)
        if verdict.kind == "anomaly":
            for alert in alerts:
                self._take_back(alert, verdict.by, f"judged an anomaly ({verdict.id})", (verdict.at_ms, effects))
        return []

    def undo(self, command: Command, effects: Effects) -> LearnedBar | None:
        """Forget what was learned of a condition, named by its fingerprint or by one of its alerts."""
        return self._take_back(command.subject, command.by, "undone", (command.at_ms, effects))

    def worked(self, incident: str) -> None:
        """A plan mended this incident: it was a real one."""
        self._budget.proved(incident, "plan-worked")

    def _raise(self, alerts: list[str], verdict: Verdict, effects: Effects) -> list[LearnedBar]:
        learned = [bar for alert in alerts if (bar := self._bars.raised(alert, verdict)) is not None]
        for bar in learned:
            effects.entries.append(learned_entry(bar, effects.decided_seq))
        return learned

    def _take_back(self, name: str, by: str, why: str, moment: tuple[int, Effects]) -> LearnedBar | None:
        at_ms, effects = moment
        bar = self._bars.taken_back(name)
        if bar is not None:
            effects.entries.append(unlearned_entry(bar, by, why, at_ms, effects.decided_seq))
        return bar
